/**
 * The way to the broker: a connection with channels to publish, to answer gateways, and to consume on. What goes is made
 * again, and with it everything that was added. Nothing is thrown but by `publish` and `answer`.
 */

import { Backoff } from "./backoff.js";
import { withDeadline } from "./deadline.js";
import { MessageSize } from "./message-size.js";
import { NotConnectedError } from "./not-connected.js";
import { Outlet } from "./outlet.js";
import { Session } from "./session.js";

/** Connecting and restoring must be done in this time, in milliseconds, or it is tried anew. */
const ATTEMPT_TIMEOUT_MS = 15_000;
/** A session that lasted this long was a good one: the next attempt comes soon. */
const STABLE_MS = 10_000;
/** How long a broker may take for an orderly goodbye. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * @typedef {object} Resource what is set up on the consuming channel
 * @property {(channel: any, lost: (error: Error) => void) => Promise<void>} start
 * @property {() => void} lost the channel is gone; `start` comes again
 * @property {() => void} started everything up to and with this resource is in place
 * @property {() => Promise<void>} stop never rejects
 */

export class Link {
  #connection;
  #exchange;
  #report;
  #onRefused;
  #backoff;
  #size = new MessageSize();
  #resources = new Set();
  #session = null;
  #retry = null;
  #closed = false;
  /** The given connection has ended, and nobody makes another. */
  #isOver = false;

  /**
   * @param {object} settings
   * @param {any} settings.connection an amqplib connection, which is used as long as it lives and never closed, or a
   *   function that makes one, which is called whenever there is none
   * @param {string} settings.exchange declared before anything else
   * @param {import("./report.js").Report} settings.report
   * @param {() => void} [settings.onRefused] RabbitMQ has not taken something, which was reported
   * @param {Backoff} [settings.backoff]
   */
  constructor({ connection, exchange, report, onRefused = () => {}, backoff = new Backoff() }) {
    this.#connection = connection;
    this.#exchange = exchange;
    this.#report = report;
    this.#onRefused = onRefused;
    this.#backoff = backoff;
  }

  open() {
    if (this.#session || this.#closed) return;
    if (!this.#makesConnections) this.#connection.on?.("close", this.#onGivenClosed);
    this.#attempt();
  }

  /** @param {Resource} resource started now or as soon as there is a connection, and again after each loss */
  add(resource) {
    this.#resources.add(resource);
    if (this.#session?.isReady) this.#start(this.#session, resource);
  }

  /** @param {Resource} resource; resolves within seconds, whatever the broker does */
  async remove(resource) {
    if (!this.#resources.delete(resource)) return;
    await withDeadline(resource.stop(), CLOSE_TIMEOUT_MS, (resolve) => resolve());
  }

  get isConnected() {
    return Boolean(this.#session?.isReady && !this.#session.isBlocked);
  }

  /** What the broker takes at most, as far as it has said, in bytes; else infinity. */
  get mostBytes() {
    return this.#size.mostBytes;
  }

  /**
   * @param {import("./outlet.js").Publication} publication
   * @throws {NotConnectedError} at once, without keeping the message
   * @throws {import("./message-size.js").MessageTooLargeError} once the broker has refused another for its size
   */
  publish(publication) {
    this.#readySession().publisher.publish(publication);
  }

  /**
   * On a channel of its own: a refusal costs nothing that is published or consumed.
   *
   * @param {import("./outlet.js").Publication} publication
   * @throws as {@link publish}
   */
  answer(publication) {
    this.#readySession().answers.publish(publication);
  }

  #readySession() {
    const session = this.#session;
    if (!session?.isReady) throw new NotConnectedError("not connected to RabbitMQ");
    if (session.isBlocked) throw new NotConnectedError("RabbitMQ accepts no messages at the moment");
    return session;
  }

  get #makesConnections() {
    return typeof this.#connection === "function";
  }

  #onGivenClosed = () => {
    this.#isOver = true;
  };

  /** Ends what was opened here, in order. Resolves within seconds, whatever the broker does. */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#connection.removeListener?.("close", this.#onGivenClosed);
    const session = this.#session;
    this.#session = null;
    for (const resource of this.#resources) resource.stop(); // their queues go with the channel
    this.#resources.clear();
    if (session) await this.#end(session);
  }

  #attempt() {
    const session = new Session();
    this.#session = session;
    const established = this.#establish(session);
    const onTimeout = (_, reject) => reject(new Error("RabbitMQ did not answer in time"));
    withDeadline(established, ATTEMPT_TIMEOUT_MS, onTimeout).catch((error) => this.#lose(session, error));
  }

  async #establish(session) {
    await this.#connect(session);
    session.publisher = await this.#openOutlet(session, { isExpendable: false });
    session.consumer = await this.#openChannel(session, { onClosed: (error) => this.#lose(session, error) });
    session.answers = await this.#openOutlet(session, { isExpendable: true });
    await session.consumer.assertExchange(this.#exchange, "direct", { durable: false, autoDelete: false });
    this.#checkCurrent(session);
    session.isReady = true;
    session.since = Date.now();
    await Promise.all([...this.#resources].map((resource) => this.#start(session, resource)));
  }

  async #connect(session) {
    const isOwn = this.#makesConnections;
    const connection = isOwn ? await this.#connection() : this.#connection;
    if (typeof connection?.createChannel !== "function") throw new TypeError("connection() made no connection");
    session.takeConnection(connection, {
      isOwn,
      onError: (error) => this.#tell(session, error),
      onClose: (error) => this.#lose(session, error ?? new Error("the connection was closed")),
    });
    this.#checkCurrent(session);
  }

  async #openOutlet(session, { isExpendable }) {
    const outlet = new Outlet({
      open: (listeners) => this.#openChannel(session, listeners),
      size: this.#size,
      isExpendable,
      report: (error) => {
        this.#report(error, { stage: "publish" });
        this.#onRefused();
      },
      onLost: (error) => this.#lose(session, error),
    });
    await outlet.start();
    return outlet;
  }

  async #openChannel(session, listeners) {
    const channel = await session.openChannel(listeners);
    this.#checkCurrent(session);
    return channel;
  }

  /** For what resolves when nobody waits any more. */
  #checkCurrent(session) {
    if (this.#session === session) return;
    session.end();
    throw new NotConnectedError("given up meanwhile");
  }

  async #start(session, resource) {
    try {
      await resource.start(session.consumer, (error) => this.#lose(session, error));
      if (this.#session === session && this.#resources.has(resource)) resource.started();
    } catch (error) {
      this.#lose(session, error);
    }
  }

  #lose(session, error) {
    if (this.#session !== session) return;
    const wasStable = session.since !== null && Date.now() - session.since > STABLE_MS;
    this.#session = null;
    for (const resource of this.#resources) resource.lost();
    this.#tell(session, error);
    this.#end(session);
    if (this.#isOver) {
      const reason = "the given connection is closed; give a function that connects for one that comes back";
      this.#tell(session, new NotConnectedError(reason));
      return;
    }
    if (wasStable) this.#backoff.reset();
    this.#retry = setTimeout(() => this.#attempt(), this.#backoff.next());
  }

  /** A connection that fails says so twice: in `error` and in `close`. */
  #tell(session, error) {
    if (session.lastError === error) return;
    session.lastError = error;
    this.#report(error, { stage: "connection" });
  }

  async #end(session) {
    await withDeadline(session.end(), CLOSE_TIMEOUT_MS, (resolve) => resolve());
  }
}
