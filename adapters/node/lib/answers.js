/** Carries out what servers and gateways ask for, on the sockets of this server, and answers. */

import { compareCodePoints, firstInOrder } from "./code-points.js";
import { describeForGateway, describeForServer } from "./describe.js";
import { JSONText } from "./json-text.js";
import { MAX_DURATION_MS } from "./options.js";
import { fitting } from "./pages.js";
import { check, decodeOptions, GATEWAY_UID, isObject, listOf, MessageType } from "./protocol.js";
import { compareRooms, roomForGateway } from "./rooms.js";

/** Socket.IO's own events and those of Node's emitters: a server-side emit of these would fire them for real. */
const RESERVED_EVENTS = new Set([
  "connect",
  "connection",
  "new_namespace",
  "newListener",
  "removeListener",
  "error",
]);

const PACKET_TYPE_EVENT = 2;
const DEFAULT_LIST_LIMIT = 100;
/** What an answer has beside sockets or rooms: ids, and a namespace's name. */
const ENVELOPE_BYTES = 1024;

/**
 * @typedef {object} Asked
 * @property {import("./protocol.js").Message} message
 * @property {import("./local-namespace.js").LocalNamespace} local
 * @property {(type: number, data: object) => void} reply must not throw
 * @property {number} timeoutMs for clients' answers, unless the message says
 * @property {number} [maxBytes] of an answer to a gateway; sockets and rooms are left out of one that would be larger
 */

/**
 * Types 3 to 7 and 9. What happens at once happens before this returns; it resolves when all is done.
 *
 * @param {Asked} asked
 * @throws (rejects) {import("./protocol.js").ProtocolError} or what the application's listeners threw
 */
export async function carryOut(asked) {
  const { data, type } = asked.message;
  switch (type) {
    case MessageType.BROADCAST:
      return data.requestId === undefined ? broadcast(asked) : broadcastWithAck(asked);
    case MessageType.SOCKETS_JOIN:
      return applyToSockets(asked, joiner(data));
    case MessageType.SOCKETS_LEAVE:
      return applyToSockets(asked, leaver(data));
    case MessageType.DISCONNECT_SOCKETS:
      return applyToSockets(asked, (socket) => socket.disconnect(data.close === true));
    case MessageType.FETCH_SOCKETS:
      return fetchSockets(asked);
    case MessageType.SERVER_SIDE_EMIT:
      return serverSideEmit(asked);
    default:
      check(false, `type ${type} is no request`);
  }
}

function broadcast({ message: { data }, local }) {
  local.broadcast(eventPacket(data.packet), decodeOptions(data.opts));
}

function broadcastWithAck({ message: { data }, local, reply, timeoutMs }) {
  const { requestId } = data;
  if (!local.canAsk) throw new Error("clients cannot acknowledge here: Socket.IO 4.5 or later is needed");
  const packet = eventPacket(data.packet);
  const opts = decodeOptions(data.opts);
  let isOver = false;
  const forget = () => {
    isOver = true;
    local.forgetAnswers(packet.id); // the base class has put it there
  };
  const timer = setTimeout(forget, duration(opts.flags.timeout) ?? timeoutMs);
  timer.unref();
  let waiting;
  const onCount = (clientCount) => {
    waiting = clientCount;
    if (clientCount === 0) clearTimeout(timer);
    reply(MessageType.BROADCAST_CLIENT_COUNT, { requestId, clientCount });
  };
  const onAnswer = (...args) => {
    if (isOver) return;
    waiting -= 1;
    if (waiting === 0) clearTimeout(timer);
    // A missing value is none: JSON drops `packet`.
    reply(MessageType.BROADCAST_ACK, { requestId, packet: args[0], args });
  };
  local.broadcastWithAck(packet, opts, onCount, onAnswer);
}

/** Copied: the base class adds to it. */
function eventPacket(packet) {
  check(isObject(packet) && Array.isArray(packet.data) && packet.data.length > 0, "no packet");
  return { type: PACKET_TYPE_EVENT, data: packet.data };
}

function duration(value) {
  return Number.isFinite(value) && value > 0 ? Math.min(value, MAX_DURATION_MS) : undefined;
}

function joiner(data) {
  const rooms = listOf(data.rooms, "rooms");
  return (socket) => socket.join(rooms);
}

function leaver(data) {
  const rooms = listOf(data.rooms, "rooms");
  return (socket) => Promise.all(rooms.map((room) => socket.leave(room)));
}

/** One socket that fails keeps no other from it. */
async function applyToSockets({ message: { data }, local, reply }, action) {
  const sockets = local.select(decodeOptions(data.opts), data.id);
  const results = sockets.map((socket) => attempt(() => action(socket)));
  const failures = (await Promise.all(results)).filter((failure) => failure !== null);
  if (data.requestId !== undefined) {
    const { requestId } = data;
    reply(MessageType.FETCH_SOCKETS_RESPONSE, { requestId, sockets: [], matched: sockets.length });
  }
  if (failures.length > 0) throw failures[0];
}

async function attempt(action) {
  try {
    await action();
    return null;
  } catch (error) {
    return error;
  }
}

function fetchSockets(asked) {
  const { message, local, reply } = asked;
  const { requestId, fields } = message.data;
  check(fields === undefined || Array.isArray(fields), "fields is no list");
  const matching = local.select(decodeOptions(message.data.opts), message.data.id);
  const answer = (found) => reply(MessageType.FETCH_SOCKETS_RESPONSE, { requestId, ...found });
  if (message.data.count === true) return answer(countOf(matching, asked));
  return answer(message.uid === GATEWAY_UID ? pageForGateway(matching, asked) : allForServer(matching));
}

function allForServer(matching) {
  return { sockets: new JSONText(`[${matching.map(describeForServer).join(",")}]`) };
}

/** In order, with or without a limit: who asks goes on behind the last one. */
function pageForGateway(matching, { message: { data }, maxBytes = Infinity }) {
  check(data.after === undefined || typeof data.after === "string", "after is no name");
  const page = { name: ({ id }) => id, compare: compareCodePoints, after: data.after, limit: limitOf(data) };
  const described = { fields: data.fields, numbers: data.numbers === true, maxBytes: maxBytes - ENVELOPE_BYTES };
  const describe = (socket) => describeForGateway(socket, described);
  const { texts, more } = fitting(firstInOrder(matching, page), describe, described.maxBytes);
  return { sockets: new JSONText(`[${texts.join(",")}]`), ...(more && { more }) };
}

function limitOf({ limit }) {
  check(limit === undefined || (Number.isInteger(limit) && limit >= 0), "limit is no number");
  return limit;
}

function countOf(matching, asked) {
  const counted = { sockets: [], count: matching.length };
  const { data } = asked.message;
  const numbers = data.numbers === true;
  if (data.list !== undefined) return { ...counted, ...listedRooms(asked, numbers) };
  if (data.rooms === undefined) return counted;
  const rooms = new Set(listOf(data.rooms, "rooms"));
  const sizes = [...rooms].map((room) => [room, asked.local.rooms.get(room)?.size ?? 0]);
  if (numbers) sizes.sort(([a], [b]) => compareRooms(a, b));
  return { ...counted, rooms: roomSizes(sizes.map((entry) => sizeText(entry, numbers)), numbers) };
}

function listedRooms({ message: { data }, local, maxBytes = Infinity }, numbers) {
  const { list } = data;
  check(isObject(list), "list is no object");
  const { prefix = "", after = "" } = list;
  check(typeof prefix === "string", "prefix is no name");
  check(typeof after === "string" || (numbers && Number.isInteger(after)), "after is no name");
  const listed = new Map();
  for (const [room, members] of local.rooms) {
    const name = roomForGateway(room, numbers);
    if (name === undefined || !String(name).startsWith(prefix)) continue;
    if (list.private !== true && local.isSocket(room)) continue;
    listed.set(name, (listed.get(name) ?? 0) + members.size); // names that were repaired may have become one
  }
  const limit = limitOf(list) ?? DEFAULT_LIST_LIMIT;
  const page = firstInOrder(listed, { name: ([room]) => room, compare: compareRooms, after, limit });
  const { texts, more } = fitting(page, (entry) => sizeText(entry, numbers), maxBytes - ENVELOPE_BYTES);
  return { rooms: roomSizes(texts, numbers), ...(more && { more }) };
}

/** Of pairs for whom tells numbers from strings, else of an object's members. */
function sizeText([room, size], numbers) {
  return numbers ? JSON.stringify([room, size]) : `${JSON.stringify(String(room))}:${size}`;
}

function roomSizes(texts, numbers) {
  return new JSONText(numbers ? `[${texts.join(",")}]` : `{${texts.join(",")}}`);
}

function serverSideEmit({ message: { uid, data }, local, reply }) {
  const { packet, requestId } = data;
  check(Array.isArray(packet) && typeof packet[0] === "string", "no event");
  const answer = (found) => reply(MessageType.SERVER_SIDE_EMIT_RESPONSE, { requestId, ...found });
  const isRefused = RESERVED_EVENTS.has(packet[0]);
  const saysSo = requestId !== undefined && uid === GATEWAY_UID;
  if (saysSo && (isRefused || !local.hasListener(packet[0]))) answer({ handled: false });
  check(!isRefused, `the event ${packet[0]} is reserved`);
  if (requestId === undefined) return local.serverSideEmit(packet);
  let isAnswered = false;
  const callback = (value) => {
    if (isAnswered) return;
    isAnswered = true;
    answer({ packet: value === undefined ? null : value });
  };
  return local.serverSideEmit([...packet, callback]);
}
