/**
 * The messages of Socket.IO's cluster protocol in JSON, as docs/cluster-protocol.md has them.
 *
 * @typedef {object} Message
 * @property {string} uid the sender: a server, or `emitter` for a gateway
 * @property {string} nsp
 * @property {number} type one of {@link MessageType}
 * @property {Record<string, any>} [data]
 */

import { decodeBytes, encodeBytes, encodeRepaired } from "./binary.js";

/** The numbers of socket.io-adapter 2.5.8; from 20 on ours. */
export const MessageType = Object.freeze({
  INITIAL_HEARTBEAT: 1,
  HEARTBEAT: 2,
  BROADCAST: 3,
  SOCKETS_JOIN: 4,
  SOCKETS_LEAVE: 5,
  DISCONNECT_SOCKETS: 6,
  FETCH_SOCKETS: 7,
  FETCH_SOCKETS_RESPONSE: 8,
  SERVER_SIDE_EMIT: 9,
  SERVER_SIDE_EMIT_RESPONSE: 10,
  BROADCAST_CLIENT_COUNT: 11,
  BROADCAST_ACK: 12,
  ADAPTER_CLOSE: 13,
  EVENTS: 20,
  EVENTS_WANTED: 21,
});

const TYPES = new Set(Object.values(MessageType));
const WITHOUT_DATA = new Set([
  MessageType.INITIAL_HEARTBEAT,
  MessageType.HEARTBEAT,
  MessageType.ADAPTER_CLOSE,
]);

/** The sender of everything a gateway sends. It is no server: nobody counts it or waits for it. */
export const GATEWAY_UID = "emitter";

/** AMQP properties of every message. */
export const CONTENT_TYPE = "application/json";

/** Something came in that is no message of the protocol. */
export class ProtocolError extends Error {
  name = "ProtocolError";
}

/**
 * @param {Message} message
 * @returns {Buffer}
 * @throws when JSON cannot hold the data, or the caller's data looks like a placeholder beside bytes
 */
export function encode(message) {
  return Buffer.from(encodeBytes(message));
}

/**
 * For a gateway: what others have put into the data costs itself at most.
 *
 * @param {Message} message
 * @returns {Buffer}
 */
export function encodeForGateway(message) {
  return Buffer.from(encodeRepaired(message));
}

/**
 * @param {Buffer} content
 * @returns {Message} with bytes as Buffers
 * @throws {ProtocolError}
 */
export function decode(content) {
  const message = parse(content);
  check(isObject(message), "no object");
  check(typeof message.uid === "string" && message.uid !== "", "no uid");
  check(TYPES.has(message.type), "unknown type");
  if (!WITHOUT_DATA.has(message.type) && message.type !== MessageType.EVENTS_WANTED) {
    check(typeof message.nsp === "string", "no nsp");
    check(isObject(message.data), "no data");
    decodeBytes(message.data, (reason) => check(false, reason));
  }
  return message;
}

/**
 * @param {any} opts `data.opts` of a message
 * @returns {{ rooms: Set<string>, except: Set<string>, flags: Record<string, any> }} as adapters take them
 * @throws {ProtocolError}
 */
export function decodeOptions(opts) {
  check(isObject(opts), "no opts");
  return {
    rooms: new Set(listOf(opts.rooms, "opts.rooms")),
    except: new Set(listOf(opts.except, "opts.except")),
    flags: isObject(opts.flags) ? opts.flags : {},
  };
}

/** @returns {{ rooms: any[], except: any[], flags: Record<string, any> }} */
export function encodeOptions({ rooms, except, flags }) {
  return { rooms: [...(rooms ?? [])], except: [...(except ?? [])], flags: flags ?? {} };
}

/**
 * @param {unknown} value
 * @param {string} name for the error
 * @returns {any[]} of strings and numbers; empty if there is no value
 * @throws {ProtocolError}
 */
export function listOf(value, name) {
  if (value === undefined || value === null) return [];
  const isList = Array.isArray(value) && value.every((item) => ["string", "number"].includes(typeof item));
  check(isList, `${name} is no list of names`);
  return value;
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws {ProtocolError} with `reason` unless the condition holds */
export function check(condition, reason) {
  if (!condition) throw new ProtocolError(`not a message of the cluster protocol: ${reason}`);
}

function parse(content) {
  try {
    return JSON.parse(content.toString());
  } catch {
    throw new ProtocolError("not a message of the cluster protocol: no JSON");
  }
}
