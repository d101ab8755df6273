/** What has changed in a namespace since gateways were told last, as a value without I/O. */

import { tellable } from "./json-text.js";
import { roomForGateway } from "./rooms.js";

/**
 * @typedef {object} Told the entries of a message; without any it says only its number
 * @property {any[][]} rooms
 * @property {any[][]} sockets
 * @property {any[][]} members
 */

/** @type {Told} */
export const NOTHING = Object.freeze({ rooms: [], sockets: [], members: [] });

export const sizeOf = ({ rooms, sockets, members }) => rooms.length + sockets.length + members.length;

/**
 * For what is too large: the order within each list stays.
 *
 * @param {Told} told of two entries at least
 * @returns {[Told, Told]}
 */
export function halvesOf(told) {
  const [first, second] = [{}, {}];
  let middle = sizeOf(told) >> 1;
  for (const [name, entries] of Object.entries(told)) {
    first[name] = entries.slice(0, middle);
    second[name] = entries.slice(middle);
    middle = Math.max(middle - entries.length, 0);
  }
  return [first, second];
}

/**
 * Rooms are not told as they come and go: those that something has happened to are looked at when the message is made. So
 * what is created and deleted in between cancels, and what is told last is true.
 */
export class Changes {
  #known = new Set();
  #touched = new Set();
  #doubted = new Set();
  /** Of the names that several rooms may have once they are repaired: those rooms. */
  #repaired = new Map();
  #sockets = [];
  #members = [];
  /** How much has happened since the last message. */
  count = 0;

  /** @param {Iterable<unknown>} [rooms] those that are there, which gateways know or are about to ask for */
  constructor(rooms = []) {
    for (const room of rooms) {
      const name = this.#nameOf(room);
      if (name !== undefined) this.#known.add(name);
    }
  }

  touch(room) {
    this.#touched.add(room);
    this.count += 1;
  }

  /** @param {"+" | "-"} sign */
  socket(sign, id, reason) {
    this.#sockets.push([sign, tellable(id), ...(typeof reason === "string" ? [tellable(reason)] : [])]);
    this.count += 1;
  }

  /** @param {"+" | "-"} sign */
  member(sign, room, id) {
    const name = roomForGateway(room, true);
    if (name === undefined) return;
    this.#members.push([sign, name, tellable(id)]);
    this.count += 1;
  }

  /**
   * Takes a list that a gateway gets. Where it says something else than what has been told, the next message says how it
   * is, be it news or not.
   *
   * @param {Set<string | number>} listed
   * @param {(name: string | number) => boolean} covers whether a room that is there would be listed
   */
  compare(listed, covers) {
    const before = this.#doubted.size;
    for (const name of listed) if (!this.#known.has(name)) this.#doubted.add(name);
    for (const name of this.#known) if (!listed.has(name) && covers(name)) this.#doubted.add(name);
    this.count += this.#doubted.size - before;
  }

  /**
   * @param {(room: unknown) => boolean} exists whether a socket is in the room now
   * @returns {Told}
   */
  take(exists) {
    const names = new Set([...this.#touched].map((room) => this.#nameOf(room)));
    for (const name of this.#doubted) names.add(name);
    names.delete(undefined);
    const rooms = [];
    for (const name of names) {
      const isThere = this.#exists(name, exists);
      if (this.#doubted.has(name) || isThere !== this.#known.has(name)) rooms.push([isThere ? "+" : "-", name]);
      if (isThere) this.#known.add(name);
      else this.#known.delete(name);
    }
    const told = { rooms, sockets: this.#sockets, members: this.#members };
    [this.#touched, this.#doubted, this.#sockets, this.#members, this.count] = [new Set(), new Set(), [], [], 0];
    return told;
  }

  #exists(name, exists) {
    if (exists(name)) return true;
    const rooms = [...(this.#repaired.get(name) ?? [])].filter(exists);
    if (rooms.length > 0) this.#repaired.set(name, new Set(rooms));
    else this.#repaired.delete(name);
    return rooms.length > 0;
  }

  #nameOf(room) {
    const name = roomForGateway(room, true);
    if (name !== undefined && name !== room) {
      if (!this.#repaired.has(name)) this.#repaired.set(name, new Set());
      this.#repaired.get(name).add(room);
    }
    return name;
  }
}
