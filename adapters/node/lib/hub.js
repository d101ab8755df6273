/** What the namespaces of one server share: the link to the broker, the uid, and presence. */

import { randomBytes } from "node:crypto";
import { Events } from "./events.js";
import { Link } from "./link.js";
import { NotConnectedError } from "./not-connected.js";
import { Presence } from "./presence.js";
import { CONTENT_TYPE, decode, encode, encodeForGateway, GATEWAY_UID, MessageType } from "./protocol.js";
import { DISCOVER_KEY, EVENTS_KEY, EVENTS_WANTED_KEY, isRoutable, PRESENCE_KEY, probeKey } from "./routing.js";
import { Subscription } from "./subscription.js";
import { AGENT } from "./version.js";

/**
 * @typedef {object} Membership one namespace's part in the cluster
 * @property {string} namespace
 * @property {Subscription} subscription
 * @property {(message: import("./protocol.js").Message, properties: object) => void | Promise<void>} onMessage
 * @property {() => any} lookup
 */

export class Hub {
  uid = randomBytes(8).toString("hex");
  /** @type {Events} */
  events;
  #settings;
  #link;
  #presence;
  #discovery;
  #memberships = new Set();

  /**
   * @param {object} settings see options.js
   * @param {"static" | "dynamic"} settings.subscriptionMode
   * @param {() => { features: string[], adapter?: string }} settings.about what gateways are told of this server; asked
   *   each time
   */
  constructor(settings) {
    const { connection, exchange, report, heartbeatInterval, subscriptionMode, about } = settings;
    this.#settings = settings;
    this.#link = new Link({ connection, exchange, report, onRefused: () => this.events.missed() });
    this.events = new Events({
      uid: this.uid,
      publish: (content) => this.#publishEvents(content),
      mostBytes: () => this.#link.mostBytes,
    });
    this.#presence = new Presence({
      uid: this.uid,
      intervalMs: heartbeatInterval,
      mode: subscriptionMode,
      agent: AGENT,
      facts: () => ({ namespaces: this.#namespaces(), ...about(), probe: this.#probe }),
      publish: (message) => this.#publishPresence(message),
    });
    this.#discovery = this.#discoverySubscription();
    this.#link.add(this.#discovery);
    this.#link.add(this.events);
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
   * @param {() => any} member.lookup gives Socket.IO's namespace as it is at this moment
   * @param {(message: import("./protocol.js").Message, properties: object) => void | Promise<void>} member.onMessage
   *   what it throws is reported
   * @param {() => void} [member.onStarted] everything is bound: the first time, and whenever the connection was lost
   * @returns {Membership | null} null if the namespace's name rules it out
   */
  join({ namespace, keys, lookup, onMessage, onStarted }) {
    if (!isRoutable(namespace, this.uid)) {
      const reason = "the name is too long, contains # or is no text: the namespace stays on this server";
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
    const membership = { namespace, subscription, onMessage, lookup };
    this.#memberships.add(membership);
    this.events.add(namespace, lookup);
    this.#link.add(subscription);
    return membership;
  }

  /** Gateways hear of it before the queue goes. */
  async leave(membership) {
    if (!this.#memberships.delete(membership)) return;
    this.events.remove(membership.namespace, membership.lookup);
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

  /** The largest answer that a gateway gets, in bytes. */
  get mostAnswerBytes() {
    return Math.min(this.#settings.maxAnswerBytes, this.#link.mostBytes);
  }

  /**
   * To the gateway that asked, on the default exchange; `too_large` where the answer is. Nothing is thrown.
   *
   * @param {import("./protocol.js").Message} message
   * @param {{ replyTo?: string, correlationId?: string }} properties of the question; without `replyTo` nobody waits
   */
  answer(message, { replyTo, correlationId }) {
    if (!replyTo) return;
    const { requestId } = message.data;
    const publication = (answer) => ({
      exchange: "",
      key: replyTo,
      content: encodeForGateway(answer),
      options: { contentType: CONTENT_TYPE, correlationId },
    });
    const tooLarge = () => publication({ ...message, data: { requestId, error: "too_large" } });
    this.guarded("publish", message.nsp, () => {
      const whole = publication(message);
      const isTooLarge = whole.content.length > this.mostAnswerBytes;
      this.#link.answer(isTooLarge ? tooLarge() : { ...whole, instead: tooLarge });
    });
  }

  async close() {
    this.events.flush();
    this.#presence.stop();
    await this.#link.close();
  }

  /** Named once it is bound: until then a gateway would take its probe for lost. */
  get #probe() {
    return this.#discovery.isStarted ? probeKey(this.uid) : undefined;
  }

  #namespaces() {
    const started = [...this.#memberships].filter(({ subscription }) => subscription.isStarted);
    return started.map(({ namespace }) => namespace);
  }

  #publishPresence(message) {
    this.guarded("publish", undefined, () => this.publish(message, { key: PRESENCE_KEY }));
  }

  #publishEvents(content) {
    const publication = { exchange: this.#settings.exchange, key: EVENTS_KEY, content, options: { contentType: CONTENT_TYPE } };
    try {
      this.#link.publish(publication);
      return true;
    } catch (error) {
      if (!(error instanceof NotConnectedError)) this.#settings.report(error, { stage: "publish" });
      return false;
    }
  }

  #discoverySubscription() {
    return this.#subscription({
      keys: [DISCOVER_KEY, EVENTS_WANTED_KEY, probeKey(this.uid)],
      onStarted: () => this.#presence.announceSoon(),
      onMessage: (message, properties, key) => this.#receive(message, properties, key),
    });
  }

  /** What is for the whole server. Of what comes on its own key nothing is to be done but to say what it has. */
  #receive(message, properties, key) {
    if (message.uid !== GATEWAY_UID) return undefined;
    if (key === probeKey(this.uid)) {
      if (message.type !== MessageType.FETCH_SOCKETS) return undefined;
      const asked = [...this.#memberships].find(({ namespace }) => namespace === message.nsp);
      return asked?.onMessage(message, properties);
    }
    if (message.type === MessageType.INITIAL_HEARTBEAT) this.#presence.announce();
    if (message.type === MessageType.EVENTS_WANTED) this.events.want(message.data);
    return undefined;
  }

  #subscription({ keys, namespace, onMessage, onStarted }) {
    return new Subscription({
      exchange: this.#settings.exchange,
      keys,
      waitMs: this.#settings.requestsTimeout,
      onStarted,
      onMessage: ({ content, properties, fields }) =>
        this.guarded("message", namespace, () => onMessage(decode(content), properties, fields.routingKey)),
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
