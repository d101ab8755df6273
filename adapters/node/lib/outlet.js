/**
 * A channel that nothing but publishing depends on. RabbitMQ closes a channel for one message that is too large: then it
 * is opened again, and what was sent behind that message, and what is published meanwhile, goes out on the next one.
 */

import { InDoubt } from "./in-doubt.js";
import { refusalIn } from "./message-size.js";
import { NotConnectedError } from "./not-connected.js";

/** More than this in this process's memory, unsent, and publishing is refused. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

/**
 * @typedef {object} Publication
 * @property {string} exchange
 * @property {string} key
 * @property {Buffer} content
 * @property {object} [options] as amqplib's
 * @property {() => Publication} [instead] what to send if the broker finds this one too large
 */

export class Outlet {
  #open;
  #size;
  #isExpendable;
  #report;
  #onLost;
  #channel = null;
  #inDoubt = new InDoubt();
  /** To be sent when there is a channel. */
  #held = [];
  #unsentBytes = 0;

  /**
   * @param {object} settings
   * @param {(listeners: object) => Promise<any>} settings.open makes a channel; see Session
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
    const channel = await this.#open({
      onClose: (error) => this.#closed(error),
      onClosed: (error) => this.#comeBack(error),
    });
    channel.on("drain", () => (this.#unsentBytes = 0));
    this.#channel = channel;
    this.#unsentBytes = 0;
    for (const publication of this.#held.splice(0)) this.#sendLater(publication);
  }

  /**
   * @param {Publication} publication
   * @throws {import("./message-size.js").MessageTooLargeError} once the broker has refused another for its size
   * @throws {NotConnectedError} when too much is unsent
   */
  publish(publication) {
    this.#size.check(publication);
    if (this.#unsentBytes > MAX_UNSENT_BYTES) throw new NotConnectedError("RabbitMQ takes messages too slowly");
    if (this.#channel !== null) return this.#send(publication);
    this.#held.push(publication);
    this.#unsentBytes += publication.content.length;
  }

  #send(publication) {
    const { exchange, key, content, options = {} } = publication;
    let hasRoom;
    try {
      hasRoom = this.#channel.publish(exchange, key, content, options);
    } catch (error) {
      if (error?.name !== "IllegalOperationError") throw error;
      throw new NotConnectedError("the channel to RabbitMQ is closed");
    }
    if (hasRoom === false || this.#unsentBytes > 0) this.#unsentBytes += content.length;
    if (this.#inDoubt.note(publication)) this.#waitForSign(publication);
  }

  /** Nobody is there to throw at any more. */
  #sendLater(publication) {
    try {
      this.#size.check(publication);
      this.#send(publication);
    } catch (error) {
      if (!(error instanceof NotConnectedError)) this.#report(error);
    }
  }

  /** The broker does in order what a channel tells it. `prefetch` changes nothing where nothing is consumed. */
  async #waitForSign(publication) {
    try {
      await this.#channel.prefetch(0);
      this.#inDoubt.taken(publication);
    } catch {
      // The channel closes, and says why.
    }
  }

  #closed(error) {
    this.#channel = null;
    const refusal = refusalIn(error);
    if (refusal !== null) this.#size.learn(refusal.mostBytes);
    const { refused, behind } = this.#inDoubt.giveUp(refusal?.bytes);
    const instead = refused?.instead === undefined ? [] : [refused.instead()];
    this.#held = [...instead, ...behind, ...this.#held];
  }

  async #comeBack(error) {
    if (refusalIn(error) === null && !this.#isExpendable) return this.#onLost(error);
    this.#report(error);
    try {
      await this.start();
    } catch (failure) {
      this.#onLost(failure);
    }
  }
}
