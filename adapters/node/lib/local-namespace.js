/**
 * What this server alone has of a namespace. Whatever adapter is in use, only the base class's methods are called:
 * adapters override them to reach all servers.
 */

export class LocalNamespace {
  #namespace;

  /** @param {any} [namespace] of Socket.IO; none if it is gone, which is like one without sockets */
  constructor(namespace) {
    this.#namespace = namespace;
  }

  /** Room to ids of local sockets. */
  get rooms() {
    return this.#adapter?.rooms ?? new Map();
  }

  /** @returns {boolean} whether the name is the id of a local socket */
  isSocket(name) {
    return this.#adapter?.sids.has(name) ?? false;
  }

  /**
   * As the base class's `apply`, which is private: the union of the rooms, or everyone, minus the excepted. At once, so
   * that a message finds what the one before it has changed.
   *
   * @param {{ rooms: Set<any>, except: Set<any> }} opts
   * @param {string} [id] only the socket with this id
   * @returns {any[]} sockets of Socket.IO
   */
  select({ rooms, except }, id) {
    if (!this.#adapter) return [];
    const membersOf = (names) => [...names].flatMap((name) => [...(this.rooms.get(name) ?? [])]);
    const excepted = new Set(membersOf(except));
    const candidates = rooms.size > 0 ? new Set(membersOf(rooms)) : this.#adapter.sids.keys();
    const sockets = [];
    for (const candidate of candidates) {
      if (excepted.has(candidate) || (id !== undefined && candidate !== id)) continue;
      const socket = this.#namespace.sockets.get(candidate);
      if (socket) sockets.push(socket);
    }
    return sockets;
  }

  /** Whether clients can acknowledge: socket.io-adapter 2.4 and later, of Socket.IO 4.5 and later. */
  get canAsk() {
    return this.#adapter === undefined || canAsk(this.#adapter);
  }

  broadcast(packet, opts) {
    if (this.#adapter) baseOf(this.#adapter).broadcast.call(this.#adapter, packet, opts);
  }

  /**
   * @param {(count: number) => void} onCount
   * @param {(...args: any[]) => void} onAnswer all arguments of a client's answer
   */
  broadcastWithAck(packet, opts, onCount, onAnswer) {
    if (!this.#adapter) return onCount(0);
    const base = baseOf(this.#adapter);
    return base.broadcastWithAck.call(this.#adapter, packet, opts, onCount, onAnswer);
  }

  /** Forgets that clients may still answer. */
  forgetAnswers(packetId) {
    for (const socket of this.#namespace?.sockets.values() ?? []) socket.acks.delete(packetId);
  }

  hasListener(event) {
    return typeof this.#namespace?._onServerSideEmit === "function" && this.#namespace.listenerCount(event) > 0;
  }

  /** @param {any[]} packet event, arguments, and perhaps a function for the answer. Nothing in Socket.IO 4.0. */
  serverSideEmit(packet) {
    this.#namespace?._onServerSideEmit?.(packet);
  }

  get #adapter() {
    return this.#namespace?.adapter;
  }
}

/**
 * @param {any} adapter
 * @returns {any} the prototype of socket.io-adapter's `Adapter`: the last in the chain that can broadcast
 */
export function baseOf(adapter) {
  let base = null;
  for (let next = adapter; next !== null; next = Object.getPrototypeOf(next)) {
    if (Object.hasOwn(next, "broadcast")) base = next;
  }
  return base;
}

/** @returns {boolean} see {@link LocalNamespace#canAsk} */
export function canAsk(adapter) {
  return typeof baseOf(adapter)?.broadcastWithAck === "function";
}
