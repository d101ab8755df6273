/**
 * A channel that nothing but publishing depends on. RabbitMQ closes a channel for one message that is too large: then it
 * is opened again, and what is published meanwhile goes out on the next one.
 */

import { NotConnectedError } from "./not-connected.js";

/** More than this in this process's memory, unsent, and publishing is refused. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

/**
 * @typedef {object} Publication
 * @property {string} exchange
 * @property {string} key
 * @property {Buffer} content
 * @property {object} [options] as amqplib's
 */

export class Outlet {
  #open;
  #size;
  #isExpendable;
  #report;
  #onLost;
  #channel = null;
  /** Published while there is no channel. */
  #held = [];
  #unsentBytes = 0;

  /**
   * @param {object} settings
   * @param {(listeners: { onClose: () => void, onClosed: (error?: Error) => void }) => Promise<any>} settings.open makes
   *   a channel. `onClose` comes at once, with the error; `onClosed` when it is certain that the connection lives on.
   * @param {import("./message-size.js").MessageSize} settings.size learns from refusals
   * @param {boolean} settings.isExpendable it is opened again whatever it was closed for
   * @param {(error: Error) => void} settings.report gets what it was closed for, if it is opened again
   * @param {(error: Error) => void} settings.onLost it cannot be used any more
   */
  constructor({ open, size, isExpendable, report, onLost }) {
    this.#open = open;
    this.#size = size;
    this.#isExpendable = isExpendable;
    this.#report = report;
    this.#onLost = onLost;
  }

  async start() {
    let isTooLarge = false;
    const channel = await this.#open({
      onClose: (error) => {
        this.#channel = null;
        isTooLarge = this.#size.learnFrom(error);
      },
      onClosed: (error) => this.#comeBack(error, isTooLarge),
    });
    channel.on("drain", () => (this.#unsentBytes = 0));
    this.#channel = channel;
    this.#unsentBytes = 0;
    for (const publication of this.#held.splice(0)) this.#send(publication);
  }

  /**
   * @param {Publication} publication
   * @throws {NotConnectedError} when too much is unsent
   */
  publish(publication) {
    if (this.#unsentBytes > MAX_UNSENT_BYTES) throw new NotConnectedError("RabbitMQ takes messages too slowly");
    this.#send(publication);
  }

  #send(publication) {
    const { exchange, key, content, options = {} } = publication;
    if (this.#channel === null) {
      this.#held.push(publication);
      this.#unsentBytes += content.length;
      return;
    }
    let hasRoom;
    try {
      hasRoom = this.#channel.publish(exchange, key, content, options);
    } catch (error) {
      if (error?.name !== "IllegalOperationError") throw error;
      throw new NotConnectedError("the channel to RabbitMQ is closed");
    }
    if (hasRoom === false || this.#unsentBytes > 0) this.#unsentBytes += content.length;
  }

  async #comeBack(error, isTooLarge) {
    if (!isTooLarge && !this.#isExpendable) return this.#onLost(error);
    this.#report(error);
    try {
      await this.start();
    } catch (failure) {
      this.#onLost(failure);
    }
  }
}
