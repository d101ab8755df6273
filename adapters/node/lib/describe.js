/** Sockets as messages have them: JSON. What cannot be serialised is left out, never the socket. */

import { jsonOf, repairedJSONOf } from "./json-text.js";
import { roomForGateway } from "./rooms.js";

const SECRET_HEADERS = new Set(["cookie", "authorization", "proxy-authorization"]);

/** Socket.IO's own, without `auth`. */
const HANDSHAKE_FIELDS = ["headers", "time", "address", "xdomain", "secure", "issued", "url", "query"];

/** Everything a gateway may ask for beside the id. */
const FIELDS = ["rooms", "data", "handshake"];

/** What goes first from a socket that is too large. */
const REDUCTIONS = [{ data: "null" }, { handshake: undefined }, { rooms: undefined }];

/**
 * For another server, as ClusterAdapter describes it: whole.
 *
 * @param {any} socket
 * @returns {string} JSON
 */
export function describeForServer(socket) {
  return objectText({
    id: jsonOf(socket.id),
    handshake: handshakeForServer(partOf(socket, "handshake") ?? {}),
    rooms: jsonOf([...socket.rooms]),
    data: jsonOf(partOf(socket, "data")),
  });
}

/**
 * For a gateway: what it asked for, repaired, and no credentials.
 *
 * @param {any} socket
 * @param {object} asked
 * @param {string[]} [asked.fields] of `rooms`, `data`, `handshake`; all of them if missing
 * @param {boolean} [asked.numbers] rooms that are numbers are numbers
 * @param {number} [asked.maxBytes] a socket that has more loses its data; then its handshake, then its rooms
 * @returns {string} JSON
 */
export function describeForGateway(socket, { fields = FIELDS, numbers = false, maxBytes = Infinity } = {}) {
  const parts = { id: repairedJSONOf(socket.id) };
  if (fields.includes("rooms")) parts.rooms = roomsForGateway(socket, numbers);
  if (fields.includes("data")) parts.data = repairedJSONOf(partOf(socket, "data"));
  if (fields.includes("handshake")) parts.handshake = handshakeForGateway(partOf(socket, "handshake") ?? {});
  for (const reduction of REDUCTIONS) {
    if (Buffer.byteLength(objectText(parts)) <= maxBytes) break;
    const [[name, value]] = Object.entries(reduction);
    if (name in parts) parts[name] = value;
  }
  return objectText(parts);
}

function handshakeForServer(handshake) {
  const whole = jsonOf({
    toJSON() {
      // The session store may contain circular references.
      const { sessionStore, ...others } = handshake;
      return others;
    },
  });
  return whole === "null" ? objectText(fieldsOf(handshake, [...HANDSHAKE_FIELDS, "auth"], jsonOf)) : whole;
}

function roomsForGateway(socket, numbers) {
  const told = [...socket.rooms].map((room) => roomForGateway(room, numbers));
  return JSON.stringify([...new Set(told.filter((room) => room !== undefined))]);
}

function handshakeForGateway(handshake) {
  const fields = fieldsOf(handshake, HANDSHAKE_FIELDS, repairedJSONOf);
  const headers = Object.entries(JSON.parse(fields.headers ?? "null") ?? {});
  const harmless = headers.filter(([name]) => !SECRET_HEADERS.has(name.toLowerCase()));
  return objectText({ ...fields, headers: JSON.stringify(Object.fromEntries(harmless)) });
}

function fieldsOf(handshake, names, textOf) {
  const present = names.map((name) => [name, partOf(handshake, name)]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present.map(([name, value]) => [name, textOf(value)]));
}

/** A getter that throws costs its own value only. */
function partOf(object, name) {
  try {
    return object[name];
  } catch {
    return null;
  }
}

/** @param {Record<string, string | undefined>} parts the members' names, which need no escapes, and their JSON */
function objectText(parts) {
  const members = Object.entries(parts).filter(([, text]) => text !== undefined);
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(",")}}`;
}
