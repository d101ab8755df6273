/** A Socket.IO adapter over AMQP: servers with it are one cluster, and gateways can ask them. */

import { randomBytes } from "node:crypto";
import socketIoAdapter from "socket.io-adapter";
import { carryOut } from "./answers.js";
import { Hub } from "./hub.js";
import { NotConnectedError } from "./not-connected.js";
import { baseOf, LocalNamespace } from "./local-namespace.js";
import { ADAPTER_MARK } from "./mark.js";
import { settle } from "./options.js";
import { check, encodeOptions, GATEWAY_UID, isObject, MessageType } from "./protocol.js";
import { isBindable, roomKey, route, serverKey, staticKey } from "./routing.js";
import { ServerSideEmits } from "./server-emits.js";

const { ClusterAdapterWithHeartbeat } = socketIoAdapter;

/**
 * @param {object} options see index.d.ts
 * @returns {(namespace: any) => import("socket.io-adapter").Adapter} for the option `adapter` of Socket.IO's Server
 * @throws {TypeError} for options that are wrong
 */
export function createAdapter(options) {
  if (!ClusterAdapterWithHeartbeat) throw new Error("socketio-gateway: socket.io-adapter 2.5.7 or later is needed");
  const settings = settle(options);
  /** One for each server that uses these options, since a uid stands for one server. */
  const hubs = new WeakMap();
  // Socket.IO calls it with `new`.
  return function adapterOf(namespace) {
    const { server } = namespace;
    if (!hubs.has(server)) hubs.set(server, new SharedHub(settings));
    return new AMQPAdapter(namespace, { ...settings, shared: hubs.get(server) });
  };
}

/** What gateways may ask of servers with this adapter. (docs/cluster-protocol.md) */
const FEATURES = ["acks", "numbers", "events"];

/** Made with the first namespace, closed with the last. */
class SharedHub {
  #settings;
  #hub = null;
  #adapters = new Map();

  constructor(settings) {
    this.#settings = settings;
  }

  /** Of two adapters for one namespace, the later counts: Socket.IO does not close one that it replaces. */
  open(name, adapter) {
    this.#adapters.get(name)?.close();
    this.#adapters.set(name, adapter);
    this.#hub ??= new Hub({ ...this.#settings, about: () => ({ features: FEATURES }) });
    return this.#hub;
  }

  async leave(name, { adapter, membership }) {
    const hub = this.#hub;
    if (this.#adapters.get(name) === adapter) this.#adapters.delete(name);
    if (this.#adapters.size > 0) {
      if (membership) await hub.leave(membership);
      return;
    }
    this.#hub = null;
    await hub?.close();
  }
}

const Base = ClusterAdapterWithHeartbeat ?? Object;

class AMQPAdapter extends Base {
  #shared;
  #hub;
  #membership = null;
  #report;
  #isDynamic;
  #timeoutMs;
  #emits = new ServerSideEmits();
  #closing = null;

  constructor(namespace, { heartbeatInterval, heartbeatTimeout, requestsTimeout, subscriptionMode, report, shared }) {
    super(namespace, { heartbeatInterval, heartbeatTimeout });
    this.#shared = shared;
    this.#hub = shared.open(namespace.name, this);
    this.#report = report;
    this.#isDynamic = subscriptionMode === "dynamic";
    this.#timeoutMs = requestsTimeout;
    this.uid = this.#hub.uid;
  }

  get [ADAPTER_MARK]() {
    return true;
  }

  /** Saying hello, which the base class does here, has to wait until answers can come. */
  init() {
    const { name } = this.nsp;
    this.#membership = this.#hub.join({
      namespace: name,
      keys: [name, serverKey(name, this.uid), ...(this.#isDynamic ? [] : [staticKey(name)])],
      lookup: () => this.nsp,
      onMessage: (message, properties) => this.#receive(message, properties),
      onStarted: () => super.init(),
    });
    if (this.#isDynamic && this.#membership) this.#followRooms(this.#membership.subscription);
  }

  /** @returns {Promise<void>} resolves within seconds, whatever the broker does */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    super.close();
    try {
      this.#emits.close(); // the application's callbacks may throw
    } finally {
      await this.#shared.leave(this.nsp.name, { adapter: this, membership: this.#membership });
    }
  }

  /** Publishing would start the base class's timer again. */
  publish(message) {
    if (this.#closing === null) super.publish(message);
  }

  /** In mode `dynamic` it resolves when emits to the rooms arrive, for the base class has bound nothing. */
  addAll(id, rooms) {
    super.addAll(id, rooms);
    if (!this.#isDynamic) return undefined;
    return this.#membership?.subscription.whenBound(this.#keysOf(rooms));
  }

  /** To the others first, then here, at once: no local emit overtakes another, whatever becomes of the broker. */
  broadcast(packet, opts) {
    this.#tellOthers(opts, () => ({ type: MessageType.BROADCAST, data: { packet, opts: encodeOptions(opts) } }));
    baseOf(this).broadcast.call(this, packet, opts);
  }

  addSockets(opts, rooms) {
    this.#tellOthers(opts, () => ({ type: MessageType.SOCKETS_JOIN, data: { opts: encodeOptions(opts), rooms } }));
    baseOf(this).addSockets.call(this, opts, rooms);
  }

  delSockets(opts, rooms) {
    this.#tellOthers(opts, () => ({ type: MessageType.SOCKETS_LEAVE, data: { opts: encodeOptions(opts), rooms } }));
    baseOf(this).delSockets.call(this, opts, rooms);
  }

  disconnectSockets(opts, close) {
    const data = () => ({ opts: encodeOptions(opts), close });
    this.#tellOthers(opts, () => ({ type: MessageType.DISCONNECT_SOCKETS, data: data() }));
    baseOf(this).disconnectSockets.call(this, opts, close);
  }

  /** Nothing: what others have sent could not be found again, and clients would see a further argument. */
  addOffsetIfNecessary() {}

  fetchSockets(opts) {
    const timeout = opts.flags?.timeout ?? this.#timeoutMs;
    return super.fetchSockets({ ...opts, flags: { ...opts.flags, timeout } });
  }

  /** The base class's time-out is fixed. */
  async serverSideEmit(packet) {
    const done = typeof packet.at(-1) === "function" ? packet.at(-1) : null;
    if (done === null) return this.publish({ type: MessageType.SERVER_SIDE_EMIT, data: { packet } });
    const uids = [...this.nodesMap.keys()];
    if (uids.length === 0 || this.#closing !== null) return done(null, []);
    const requestId = randomBytes(16).toString("hex");
    this.#emits.start({ requestId, uids, timeoutMs: this.#timeoutMs, done });
    this.publish({ type: MessageType.SERVER_SIDE_EMIT, data: { requestId, packet: packet.slice(0, -1) } });
  }

  /** Called by the base class for servers that said goodbye or fell silent. */
  removeNode(uid) {
    super.removeNode(uid);
    this.#emits.gone(uid);
  }

  async doPublish(message) {
    this.#send(message, route(message));
  }

  async doPublishResponse(uid, response) {
    this.#send(response, { key: serverKey(this.nsp.name, uid) });
  }

  /** @throws {NotConnectedError} at once; everything else is reported, too, for the base class tells nobody */
  #send(message, to) {
    if (!this.#membership) return;
    try {
      this.#hub.publish(message, to);
    } catch (error) {
      if (!(error instanceof NotConnectedError)) this.#report(error, { stage: "publish", namespace: this.nsp.name });
      throw error;
    }
  }

  #tellOthers(opts, message) {
    if (opts.flags?.local) return;
    this.publishAndReturnOffset(message()).catch(() => {}); // reported
  }

  /** @throws {import("./protocol.js").ProtocolError}, and what listeners of the application throw; both are reported */
  #receive(message, properties) {
    if (message.uid === this.uid || message.nsp !== this.nsp.name) return undefined;
    if (message.uid === GATEWAY_UID) return this.#answerGateway(message, properties);
    checkAnswer(message);
    this.#count(message.uid);
    switch (message.type) {
      case MessageType.HEARTBEAT:
        return undefined;
      case MessageType.SERVER_SIDE_EMIT_RESPONSE:
        return this.#emits.answer(message.data.requestId, { uid: message.uid, value: message.data.packet });
      case MessageType.INITIAL_HEARTBEAT:
      case MessageType.ADAPTER_CLOSE:
      case MessageType.FETCH_SOCKETS_RESPONSE:
      case MessageType.BROADCAST_CLIENT_COUNT:
      case MessageType.BROADCAST_ACK:
        return super.onMessage(message);
      default:
        return this.#carryOut(message, (type, data) => this.publishResponse(message.uid, { type, data }));
    }
  }

  /** The base class counts every server that it hears of. */
  #count(uid) {
    super.onMessage({ uid, nsp: this.nsp.name, type: MessageType.HEARTBEAT });
  }

  #answerGateway(message, { replyTo, correlationId }) {
    if (message.type === MessageType.INITIAL_HEARTBEAT) return undefined;
    return this.#carryOut(message, (type, data) => {
      this.#hub.answer({ uid: this.uid, nsp: this.nsp.name, type, data }, { replyTo, correlationId });
    });
  }

  #carryOut(message, reply) {
    const local = new LocalNamespace(this.nsp);
    const { mostAnswerBytes: maxBytes, events } = this.#hub;
    return carryOut({ message, local, reply, timeoutMs: this.#timeoutMs, maxBytes, events });
  }

  #followRooms(subscription) {
    const withKey = (action) => (room) => this.#keysOf([room]).forEach(action);
    this.on("create-room", withKey((key) => subscription.add(key)));
    this.on("delete-room", withKey((key) => subscription.remove(key)));
  }

  #keysOf(rooms) {
    const { name } = this.nsp;
    return [...rooms].filter((room) => isBindable(name, room)).map((room) => roomKey(name, room));
  }
}

/** The base class takes answers as they are. */
function checkAnswer({ type, data }) {
  if (type === MessageType.FETCH_SOCKETS_RESPONSE) {
    const isSocket = (socket) => isObject(socket) && typeof socket.id === "string" && Array.isArray(socket.rooms);
    check(Array.isArray(data.sockets) && data.sockets.every(isSocket), "sockets are no list of sockets");
  }
  if (type === MessageType.BROADCAST_CLIENT_COUNT) {
    check(Number.isInteger(data.clientCount) && data.clientCount >= 0, "clientCount is no number");
  }
}
