/** Answers gateways on a server that has any other adapter. */

import { carryOut } from "./answers.js";
import { Hub } from "./hub.js";
import { tellable } from "./json-text.js";
import { canAsk, LocalNamespace } from "./local-namespace.js";
import { ADAPTER_MARK } from "./mark.js";
import { settle } from "./options.js";
import { GATEWAY_UID, MessageType } from "./protocol.js";
import { staticKey } from "./routing.js";

const attached = new WeakSet();

/** What every Socket.IO can do. */
const FEATURES = ["numbers", "events"];

/**
 * @param {any} io a Server of Socket.IO 4
 * @param {object} options see index.d.ts
 * @returns {{ close(): Promise<void> }}
 * @throws {TypeError} for options that are wrong; {Error} beside our own adapter, which answers by itself, and when
 *   this server is attached already
 */
export function attachGateway(io, options) {
  const settings = settle({ ...options, subscriptionMode: "static" });
  if (typeof io?.of !== "function") throw new TypeError("socketio-gateway: io must be a Server of Socket.IO");
  if (isOurs(io.of("/"))) throw new Error("socketio-gateway: servers with createAdapter answer gateways by themselves");
  if (attached.has(io)) throw new Error("socketio-gateway: this server is attached already");
  attached.add(io);
  return new Companion(io, settings);
}

class Companion {
  #io;
  #settings;
  #hub;
  #memberships = new Map();
  #closing = null;
  #timer;
  #follow = () => this.#followNamespaces();

  constructor(io, settings) {
    this.#io = io;
    this.#settings = settings;
    this.#hub = new Hub({ ...settings, about: () => this.#about() });
    if (!canAsk(this.#adapter)) {
      const reason = "Socket.IO 4.5 or later is needed for emits that clients acknowledge: gateways do not ask this server";
      settings.report(new Error(reason), { stage: "version" });
    }
    this.#followNamespaces();
    io.of("/").on("new_namespace", this.#follow);
    // Nothing is said of namespaces that go.
    this.#timer = setInterval(this.#follow, settings.heartbeatInterval);
    this.#timer.unref();
  }

  /** Says goodbye to the gateways. Resolves within seconds, whatever the broker does. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    clearInterval(this.#timer);
    this.#io.of("/").removeListener("new_namespace", this.#follow);
    attached.delete(this.#io);
    await this.#hub.close();
  }

  get #adapter() {
    return this.#io.of("/").adapter;
  }

  /** The adapter may be another one by now. */
  #about() {
    const features = canAsk(this.#adapter) ? ["acks", ...FEATURES] : FEATURES;
    const name = this.#adapter.constructor?.name;
    return { features, adapter: typeof name === "string" && name !== "" ? tellable(name) : undefined };
  }

  #followNamespaces() {
    const present = new Map([...this.#io._nsps].filter(([, namespace]) => !isOurs(namespace)));
    for (const name of present.keys()) {
      if (!this.#memberships.has(name)) this.#memberships.set(name, this.#join(name));
    }
    for (const [name, membership] of this.#memberships) {
      if (present.has(name)) continue;
      this.#memberships.delete(name);
      if (membership) this.#hub.leave(membership);
    }
  }

  #join(name) {
    return this.#hub.join({
      namespace: name,
      keys: [name, staticKey(name)],
      lookup: () => (isOurs(this.#io._nsps.get(name)) ? undefined : this.#io._nsps.get(name)),
      onMessage: (message, properties) => this.#receive(name, message, properties),
    });
  }

  #receive(name, message, { replyTo, correlationId }) {
    const isQuestion = message.uid === GATEWAY_UID && message.type !== MessageType.INITIAL_HEARTBEAT;
    if (!isQuestion || message.nsp !== name) return undefined;
    const namespace = this.#io._nsps.get(name); // looked up each time: namespaces come and go
    if (isOurs(namespace)) return undefined;
    const reply = (type, data) => {
      this.#hub.answer({ uid: this.#hub.uid, nsp: name, type, data }, { replyTo, correlationId });
    };
    return carryOut({
      message,
      local: new LocalNamespace(namespace),
      reply,
      timeoutMs: this.#settings.requestsTimeout,
      maxBytes: this.#hub.mostAnswerBytes,
      events: this.#hub.events,
    });
  }
}

function isOurs(namespace) {
  return namespace?.adapter?.[ADAPTER_MARK] === true;
}
