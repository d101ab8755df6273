/** One connection's life, with its channels. */

import { NotConnectedError } from "./not-connected.js";

export class Session {
  /** @type {import("./outlet.js").Outlet | null} */
  publisher = null;
  /** Whatever becomes of it concerns nobody but who is answered. @type {import("./outlet.js").Outlet | null} */
  answers = null;
  consumer = null;
  /** Publishing is possible. */
  isReady = false;
  isBlocked = false;
  lastError = null;
  /** When it became ready, in milliseconds of the clock. */
  since = null;
  #isConnectionClosed = false;
  #isEnding = false;
  #connection = null;
  #isOwn = false;
  #channels = [];
  #listeners = [];

  takeConnection(connection, { isOwn, onError, onClose }) {
    this.#connection = connection;
    this.#isOwn = isOwn;
    const close = (error) => {
      this.#isConnectionClosed = true;
      onClose(error);
    };
    this.#listen(connection, "error", onError);
    this.#listen(connection, "close", close);
    this.#listen(connection, "blocked", (reason) => {
      this.isBlocked = true;
      onError(new NotConnectedError(`RabbitMQ accepts no messages at the moment: ${reason}`));
    });
    this.#listen(connection, "unblocked", () => (this.isBlocked = false));
  }

  /**
   * @param {object} listeners
   * @param {(error?: Error) => void} [listeners.onClose] the channel is closed
   * @param {(error?: Error) => void} listeners.onClosed it is, nobody has asked for it, and the connection lives on
   */
  async openChannel({ onClose = () => {}, onClosed }) {
    const channel = await this.#connection.createChannel();
    let cause;
    this.#channels.push(channel);
    channel.on("error", (error) => (cause = error));
    channel.on("close", () => {
      this.#channels = this.#channels.filter((other) => other !== channel);
      onClose(cause);
      // A connection that closes takes its channels first, and knows better why.
      setImmediate(() => {
        if (this.#isConnectionClosed || this.#isEnding) return;
        onClosed(cause ?? new Error("a channel was closed"));
      });
    });
    return channel;
  }

  /** Channels first: what was published before is then sent. Never rejects. */
  async end() {
    this.isReady = false;
    this.#isEnding = true;
    await Promise.allSettled(this.#channels.map(async (channel) => channel.close()));
    if (this.#isOwn && !this.#isConnectionClosed) await quietly(() => this.#connection.close());
    this.#forgetConnection();
  }

  #listen(emitter, event, listener) {
    emitter.on?.(event, listener);
    this.#listeners.push([event, listener]);
  }

  /** Listeners for errors of an own connection stay, for it could still fail. */
  #forgetConnection() {
    if (this.#isOwn) return;
    for (const [event, listener] of this.#listeners) this.#connection?.removeListener?.(event, listener);
  }
}

async function quietly(action) {
  try {
    await action();
  } catch {
    // It is gone already.
  }
}
