/**
 * Who joins and leaves which room, on any adapter. Some emit no events for it (socket.io-amqp0 overrides `addAll`, `del`
 * and `delAll` and calls no `super`), so these methods of the adapter are replaced by ones that also compare.
 */

const observers = new WeakMap();

/**
 * @typedef {object} Listener must be quick, and must not throw
 * @property {(room: unknown) => void} touched something may have happened to it: there may be sockets in it that were not,
 *   or the other way round
 * @property {(id: string, room: unknown) => void} joined
 * @property {(id: string, room: unknown) => void} left
 */

/**
 * @param {any} adapter whose methods are replaced once and for all: without listeners they cost a call and a branch
 * @param {Listener} listener
 * @returns {() => void} ends it
 */
export function observe(adapter, listener) {
  if (!observers.has(adapter)) observers.set(adapter, new Observer(adapter));
  const { listeners } = observers.get(adapter);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

class Observer {
  listeners = new Set();
  #adapter;
  /** Of sockets whose rooms are being changed: what has been noted, and how many changes are under way. */
  #noted = new Map();

  constructor(adapter) {
    this.#adapter = adapter;
    this.#replace("addAll", (rooms) => rooms);
    this.#replace("del", (room) => [room]);
    this.#replace("delAll", () => []);
  }

  #replace(name, roomsOf) {
    const method = this.#adapter[name];
    if (typeof method !== "function") return;
    this.#adapter[name] = (id, ...others) => {
      const change = () => method.call(this.#adapter, id, ...others);
      return this.listeners.size === 0 ? change() : this.#during(id, [...roomsOf(...others)], change);
    };
  }

  /** Adapters may change rooms at once, or later: then they return a promise. */
  #during(id, named, change) {
    const noted = this.#noted.get(id) ?? { rooms: new Set(this.#adapter.sids.get(id)), changes: 0 };
    this.#noted.set(id, noted);
    noted.changes += 1;
    const done = () => {
      this.#compare(id, noted, named);
      noted.changes -= 1;
      if (noted.changes === 0) this.#noted.delete(id);
    };
    let result;
    try {
      result = change();
    } catch (error) {
      done();
      throw error;
    }
    if (typeof result?.then !== "function") {
      done();
      return result;
    }
    this.#compare(id, noted, named);
    result.then(done, done);
    return result;
  }

  /** The two maps of an adapter need not change at the same moment: so the rooms that were named are touched in any case. */
  #compare(id, noted, named) {
    const before = noted.rooms;
    const after = new Set(this.#adapter.sids.get(id));
    noted.rooms = after;
    const joined = [...after].filter((room) => !before.has(room));
    const left = [...before].filter((room) => !after.has(room));
    for (const listener of this.listeners) {
      for (const room of new Set([...named, ...joined, ...left])) listener.touched(room);
      for (const room of joined) listener.joined(id, room);
      for (const room of left) listener.left(id, room);
    }
  }
}
