/**
 * A queue of this server with its bindings. It is exclusive and named by the broker, and comes back, with all bindings,
 * whenever there is a new channel.
 */

import { withDeadline } from "./deadline.js";

/** @implements {import("./link.js").Resource} */
export class Subscription {
  #exchange;
  #onMessage;
  #onStarted;
  #waitMs;
  /** Key to how many want it. */
  #wanted = new Map();
  /** Key to the attempt at binding it in this session. */
  #attempts = new Map();
  #bound = new Set();
  #waiting = new Map();
  #channel = null;
  #queue = null;
  #consumerTag = null;

  /**
   * @param {object} settings
   * @param {string} settings.exchange
   * @param {string[]} settings.keys bound as long as the subscription lasts
   * @param {(message: any) => void} settings.onMessage gets amqplib's message; must not throw
   * @param {() => void} [settings.onStarted] the queue is there, with all its bindings
   * @param {number} settings.waitMs how long `whenBound` waits at most
   */
  constructor({ exchange, keys, onMessage, onStarted = () => {}, waitMs }) {
    this.#exchange = exchange;
    this.#onMessage = onMessage;
    this.#onStarted = onStarted;
    this.#waitMs = waitMs;
    for (const key of keys) this.#wanted.set(key, 1);
  }

  /** Whether messages come. */
  isStarted = false;

  async start(channel, lost) {
    this.lost();
    this.#channel = channel;
    // The queue goes with its consumer. So consuming comes before binding: no queue fills that nobody reads.
    const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true, durable: false });
    // Stopped meanwhile: without a consumer the queue would stay as long as the connection.
    if (this.#channel !== channel) return void (await channel.deleteQueue(queue));
    const deliver = (message) => {
      if (this.#channel !== channel) return;
      if (message === null) lost(new Error("RabbitMQ has deleted the queue"));
      else this.#onMessage(message);
    };
    const { consumerTag } = await channel.consume(queue, deliver, { noAck: true, exclusive: true });
    if (this.#channel !== channel) return void (await channel.cancel(consumerTag));
    [this.#queue, this.#consumerTag] = [queue, consumerTag];
    await Promise.all([...this.#wanted.keys()].map((key) => this.#bind(key)));
  }

  started() {
    this.isStarted = true;
    this.#onStarted();
  }

  lost() {
    this.isStarted = false;
    [this.#channel, this.#queue, this.#consumerTag] = [null, null, null];
    this.#attempts.clear();
    this.#bound.clear();
  }

  async stop() {
    const [channel, consumerTag] = [this.#channel, this.#consumerTag];
    this.lost();
    this.#wanted.clear();
    for (const key of [...this.#waiting.keys()]) this.#settle(key);
    if (consumerTag !== null) await channel.cancel(consumerTag).catch(() => {});
  }

  /** Wants a key once more. */
  add(key) {
    const count = (this.#wanted.get(key) ?? 0) + 1;
    this.#wanted.set(key, count);
    if (count === 1 && this.#queue !== null) this.#bind(key).catch(() => {}); // the channel closes, and says why
  }

  /** Wants a key once less. */
  remove(key) {
    const count = (this.#wanted.get(key) ?? 0) - 1;
    if (count > 0) {
      this.#wanted.set(key, count);
      return;
    }
    this.#wanted.delete(key);
    this.#attempts.delete(key);
    this.#bound.delete(key);
    this.#settle(key);
    if (this.#queue !== null) this.#unbind(key);
  }

  /**
   * @param {string[]} keys
   * @returns {Promise<void> | undefined} nothing if all that are wanted are bound; else it resolves when they are, at
   *   the latest after `waitMs`
   */
  whenBound(keys) {
    const pending = keys.filter((key) => this.#wanted.has(key) && !this.#bound.has(key));
    if (pending.length === 0) return undefined;
    const bound = Promise.all(pending.map((key) => this.#whenSettled(key)));
    return withDeadline(bound, this.#waitMs, (resolve) => resolve()).then(() => {});
  }

  /** A channel carries out what it is told in order, so the last binding or unbinding of a key counts. */
  async #bind(key) {
    const attempt = {};
    this.#attempts.set(key, attempt);
    await this.#channel.bindQueue(this.#queue, this.#exchange, key);
    if (this.#attempts.get(key) !== attempt) return;
    this.#bound.add(key);
    this.#settle(key);
  }

  #unbind(key) {
    const failed = () => {}; // the channel closes, and says why
    try {
      this.#channel.unbindQueue(this.#queue, this.#exchange, key).catch(failed);
    } catch {
      failed();
    }
  }

  #whenSettled(key) {
    if (!this.#waiting.has(key)) {
      let settle;
      const promise = new Promise((resolve) => (settle = resolve));
      this.#waiting.set(key, { promise, settle });
    }
    return this.#waiting.get(key).promise;
  }

  #settle(key) {
    this.#waiting.get(key)?.settle();
    this.#waiting.delete(key);
  }
}
