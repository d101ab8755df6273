/** Carries out what servers and gateways ask for, on the sockets of this server, and answers. */

import { firstInOrder } from "./code-points.js";
import { describeForGateway, describeForServer } from "./describe.js";
import { MAX_DURATION_MS } from "./options.js";
import { check, decodeOptions, GATEWAY_UID, isObject, listOf, MessageType } from "./protocol.js";

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

/**
 * @typedef {object} Asked
 * @property {import("./protocol.js").Message} message
 * @property {import("./local-namespace.js").LocalNamespace} local
 * @property {(type: number, data: object) => void} reply must not throw
 * @property {number} timeoutMs for clients' answers, unless the message says
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

function fetchSockets({ message: { uid, data }, local, reply }) {
  const { requestId, fields, after, limit } = data;
  check(fields === undefined || Array.isArray(fields), "fields is no list");
  const matching = local.select(decodeOptions(data.opts), data.id);
  const answer = (found) => reply(MessageType.FETCH_SOCKETS_RESPONSE, { requestId, ...found });
  if (data.count === true) return answer(countOf(matching, { data, local }));
  const isPaged = after !== undefined || limit !== undefined;
  const sockets = isPaged ? firstInOrder(matching, { name: ({ id }) => id, ...page(after, limit) }) : matching;
  const describe = uid === GATEWAY_UID ? (socket) => describeForGateway(socket, fields) : describeForServer;
  return answer({ sockets: sockets.map(describe) });
}

function page(after, limit) {
  check(after === undefined || typeof after === "string", "after is no name");
  check(limit === undefined || (Number.isInteger(limit) && limit >= 0), "limit is no number");
  return { after, limit };
}

function countOf(matching, { data, local }) {
  const counted = { sockets: [], count: matching.length };
  if (data.list !== undefined) return { ...counted, rooms: listedRooms(data.list, local) };
  if (data.rooms === undefined) return counted;
  const size = (room) => local.rooms.get(room)?.size ?? 0;
  return { ...counted, rooms: sizes(listOf(data.rooms, "rooms").map((room) => [room, size(room)])) };
}

function listedRooms(list, local) {
  check(isObject(list), "list is no object");
  const { prefix = "", after = "", limit = DEFAULT_LIST_LIMIT } = list;
  check(typeof prefix === "string", "prefix is no name");
  const isListed = ([room]) =>
    String(room).startsWith(prefix) && (list.private === true || !local.isSocket(room));
  const rooms = [...local.rooms].filter(isListed);
  const listed = firstInOrder(rooms, { name: ([room]) => String(room), ...page(after, limit) });
  return sizes(listed.map(([room, members]) => [room, members.size]));
}

/** `__proto__` is a name like any other. */
function sizes(entries) {
  const object = Object.create(null);
  for (const [room, size] of entries) object[room] = size;
  return object;
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
