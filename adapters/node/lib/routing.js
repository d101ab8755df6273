/** Which routing key a message has, and which keys a server binds. */

import { tellable } from "./json-text.js";
import { MessageType } from "./protocol.js";

/** A gateway asks who is there. */
export const DISCOVER_KEY = "#discover";
/** Servers say that they are there. */
export const PRESENCE_KEY = "#presence";

/** Servers tell who comes, who goes, and which rooms live. */
export const EVENTS_KEY = "#events";
/** A gateway wants to hear it. */
export const EVENTS_WANTED_KEY = "#events-wanted";

/** AMQP's limit for routing keys and for names of exchanges, in bytes. */
export const MAX_NAME_BYTES = 255;

/** Over this, in bytes, a `CC` list might not fit into one frame. */
export const MAX_CC_BYTES = 32 * 1024;
const CC_ENTRY_OVERHEAD = 5;

const NAMESPACE = /^\/[^#]*$/;
const SOCKET_ID = /^[A-Za-z0-9_-]{20}$/;

export const staticKey = (namespace) => `${namespace}#static`;
export const roomKey = (namespace, room) => `${namespace}#room#${room}`;
export const serverKey = (namespace, uid) => `${namespace}#${uid}`;
/** Where a gateway finds out whether a server is still on the broker, and asks it alone which sockets or rooms it has. */
export const probeKey = (uid) => `#server#${uid}`;

const fits = (key) => Buffer.byteLength(key) <= MAX_NAME_BYTES;

/** @returns {boolean} whether the namespace can have keys of its own; others stay on their server */
export function isRoutable(namespace, uid) {
  const isText = NAMESPACE.test(namespace) && tellable(namespace) === namespace;
  return isText && fits(staticKey(namespace)) && fits(serverKey(namespace, uid));
}

/**
 * Whether servers bind the room and senders may use its key. Ids of sockets are never bound, for that would be one
 * binding for each connection.
 *
 * @param {unknown} room anything: applications join what they like
 */
export function isBindable(namespace, room) {
  return ["string", "number"].includes(typeof room) && !SOCKET_ID.test(room) && fits(roomKey(namespace, room));
}

/**
 * @param {import("./protocol.js").Message} message to the other servers
 * @returns {{ key: string, cc?: string[] }}
 */
export function route({ type, nsp, data }) {
  const rooms = data?.opts?.rooms ?? [];
  // Whoever asks waits for every server, so only what nobody answers may go to a part of them.
  const isPlainBroadcast = type === MessageType.BROADCAST && data.requestId === undefined;
  if (!isPlainBroadcast || rooms.length === 0) return { key: nsp };
  if (!rooms.every((room) => isBindable(nsp, room))) return { key: nsp };
  const [key, ...others] = rooms.map((room) => roomKey(nsp, room));
  const cc = [...others, staticKey(nsp)];
  const bytes = cc.reduce((sum, entry) => sum + Buffer.byteLength(entry) + CC_ENTRY_OVERHEAD, 0);
  return bytes > MAX_CC_BYTES ? { key: nsp } : { key, cc };
}
