/** Notes what happens in a namespace, as long as it lasts. */

import { Changes } from "./changes.js";
import { observe } from "./membership-observer.js";

export class Watch {
  changes;
  #namespace;
  #adapter;
  #noted;
  #wantsMembers;
  #unobserve;
  #connected;
  /** Rooms that sockets have joined before they were connected, in a middleware. */
  #early = new Map();

  /**
   * @param {any} namespace of Socket.IO
   * @param {object} settings
   * @param {() => void} settings.noted there is something to tell
   * @param {() => boolean} settings.wantsMembers
   * @param {boolean} settings.isNew nothing has happened in it that was not noted
   */
  constructor(namespace, { noted, wantsMembers, isNew }) {
    this.#namespace = namespace;
    this.#adapter = namespace.adapter;
    this.#noted = noted;
    this.#wantsMembers = wantsMembers;
    this.changes = new Changes(isNew ? [] : [...this.#adapter.rooms.keys()].filter(this.exists));
    this.#unobserve = observe(this.#adapter, { touched: this.#touched, joined: this.#joined, left: this.#left });
    this.#connected = new Set(isNew ? [] : namespace.sockets.keys());
    namespace.prependListener("connection", this.#onConnection);
    for (const socket of namespace.sockets.values()) socket.on("disconnect", this.#onDisconnect);
    if (isNew) for (const socket of namespace.sockets.values()) this.#came(socket.id);
  }

  /** @returns {boolean} whether it is this namespace with this adapter that is watched */
  isOf(namespace) {
    return namespace === this.#namespace && namespace.adapter === this.#adapter;
  }

  /** Whether a socket is in the room; that of a socket itself is none. */
  exists = (room) => (this.#adapter.rooms.get(room)?.size ?? 0) > 0 && !this.#adapter.sids.has(room);

  stop() {
    this.#unobserve();
    this.#namespace.removeListener("connection", this.#onConnection);
    for (const socket of this.#namespace.sockets.values()) socket.removeListener("disconnect", this.#onDisconnect);
  }

  #onConnection = (socket) => {
    socket.on("disconnect", this.#onDisconnect);
    this.#came(socket.id);
  };

  #came(id) {
    this.#connected.add(id);
    this.changes.socket("+", id);
    const rooms = this.#early.get(id) ?? [];
    this.#early.delete(id);
    for (const room of rooms) this.#member("+", room, id);
    this.#noted();
  }

  #onDisconnect = (() => {
    const watch = this;
    return function onDisconnect(reason) {
      watch.#gone(this.id, reason); // one function for all sockets
    };
  })();

  /** Once for each. */
  #gone(id, reason) {
    if (!this.#connected.delete(id)) return;
    this.changes.socket("-", id, reason);
    this.#noted();
  }

  #touched = (room) => {
    this.changes.touch(room);
    this.#noted();
  };

  #joined = (id, room) => {
    if (this.#namespace.sockets.has(id)) this.#member("+", room, id);
    else if (this.#early.has(id)) this.#early.get(id).add(room);
    else this.#early.set(id, new Set([room]));
  };

  #left = (id, room) => {
    if (!this.#early.get(id)?.delete(room)) this.#member("-", room, id);
    if (this.#early.get(id)?.size === 0) this.#early.delete(id);
    // An application may have removed all listeners of the socket.
    if (room === id) queueMicrotask(() => this.#namespace.sockets.has(id) || this.#gone(id));
  };

  #member(sign, room, id) {
    if (room !== id && this.#wantsMembers()) this.changes.member(sign, room, id);
  }
}
