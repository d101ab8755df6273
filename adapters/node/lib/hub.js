/** What the namespaces of one server share: the link to the broker, the uid, and presence. */

import { randomBytes } from "node:crypto";
import { Link, NotConnectedError } from "./link.js";
import { Presence } from "./presence.js";
import { CONTENT_TYPE, decode, encode, GATEWAY_UID } from "./protocol.js";
import { DISCOVER_KEY, isRoutable, PRESENCE_KEY } from "./routing.js";
import { Subscription } from "./subscription.js";
import { AGENT } from "./version.js";

/**
 * @typedef {object} Membership one namespace's part in the cluster
 * @property {string} namespace
 * @property {Subscription} subscription
 */

export class Hub {
  uid = randomBytes(8).toString("hex");
  #settings;
  #link;
  #presence;
  #memberships = new Set();

  /**
   * @param {object} settings see options.js
   * @param {"static" | "dynamic"} settings.subscriptionMode
   */
  constructor(settings) {
    const { connection, exchange, report, heartbeatInterval, subscriptionMode } = settings;
    this.#settings = settings;
    this.#link = new Link({ connection, exchange, report });
    this.#presence = new Presence({
      uid: this.uid,
      intervalMs: heartbeatInterval,
      mode: subscriptionMode,
      agent: AGENT,
      namespaces: () => this.#namespaces(),
      publish: (message) => this.#publishPresence(message),
    });
    this.#link.add(this.#discovery());
    this.#presence.start();
    this.#link.open();
  }

  get size() {
    return this.#memberships.size;
  }

  get isConnected() {
    return this.#link.isConnected;
  }

  /**
   * @param {object} member
   * @param {string} member.namespace
   * @param {string[]} member.keys bound as long as the membership lasts
   * @param {(message: import("./protocol.js").Message, properties: object) => void | Promise<void>} member.onMessage
   *   what it throws is reported
   * @param {() => void} [member.onStarted] everything is bound: the first time, and whenever the connection was lost
   * @returns {Membership | null} null if the namespace's name rules it out
   */
  join({ namespace, keys, onMessage, onStarted }) {
    if (!isRoutable(namespace, this.uid)) {
      const reason = "the name is too long or contains #: the namespace stays on this server";
      this.#settings.report(new Error(reason), { stage: "namespace", namespace });
      return null;
    }
    const subscription = this.#subscription({
      keys,
      namespace,
      onMessage,
      onStarted: () => {
        onStarted?.();
        this.#presence.announceSoon();
      },
    });
    const membership = { namespace, subscription };
    this.#memberships.add(membership);
    this.#link.add(subscription);
    return membership;
  }

  /** Gateways hear of it before the queue goes. */
  async leave(membership) {
    if (!this.#memberships.delete(membership)) return;
    if (this.size > 0) await this.#presence.announceSoon();
    await this.#link.remove(membership.subscription);
  }

  /**
   * @param {import("./protocol.js").Message} message
   * @param {{ key: string, cc?: string[] }} route
   * @throws when it cannot be encoded, or there is no connection
   */
  publish(message, { key, cc }) {
    const options = { contentType: CONTENT_TYPE, ...(cc && { CC: cc }) };
    this.#link.publish({ exchange: this.#settings.exchange, key, content: encode(message), options });
  }

  /**
   * To whoever asked, on the default exchange.
   *
   * @throws as {@link publish}
   */
  answer(message, { replyTo, correlationId }) {
    const options = { contentType: CONTENT_TYPE, correlationId };
    this.#link.publish({ exchange: "", key: replyTo, content: encode(message), options });
  }

  async close() {
    this.#presence.stop();
    await this.#link.close();
  }

  #namespaces() {
    const started = [...this.#memberships].filter(({ subscription }) => subscription.isStarted);
    return started.map(({ namespace }) => namespace);
  }

  #publishPresence(message) {
    this.guarded("publish", undefined, () => this.publish(message, { key: PRESENCE_KEY }));
  }

  #discovery() {
    return this.#subscription({
      keys: [DISCOVER_KEY],
      onMessage: ({ uid }) => uid === GATEWAY_UID && this.#presence.announce(),
    });
  }

  #subscription({ keys, namespace, onMessage, onStarted }) {
    return new Subscription({
      exchange: this.#settings.exchange,
      keys,
      waitMs: this.#settings.requestsTimeout,
      onStarted,
      onMessage: ({ content, properties }) =>
        this.guarded("message", namespace, () => onMessage(decode(content), properties)),
    });
  }

  /**
   * Runs what has no caller to throw at. That there is no connection was reported when it was lost.
   *
   * @param {import("./report.js").ErrorContext["stage"]} stage
   * @param {string | undefined} namespace
   * @param {() => any} action
   */
  async guarded(stage, namespace, action) {
    try {
      await action();
    } catch (error) {
      if (error instanceof NotConnectedError) return;
      this.#settings.report(error, namespace === undefined ? { stage } : { stage, namespace });
    }
  }
}
