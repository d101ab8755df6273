/** What is done to sockets: they join and leave rooms, and are disconnected. */

import { decodeOptions, listOf, MessageType } from "../protocol.js";

/** @param {import("../answers.js").Asked} asked */
export function join(asked) {
  const rooms = listOf(asked.message.data.rooms, "rooms");
  return applyToSockets(asked, (socket) => socket.join(rooms));
}

/** @param {import("../answers.js").Asked} asked */
export function leave(asked) {
  const rooms = listOf(asked.message.data.rooms, "rooms");
  return applyToSockets(asked, (socket) => Promise.all(rooms.map((room) => socket.leave(room))));
}

/** @param {import("../answers.js").Asked} asked */
export function disconnect(asked) {
  return applyToSockets(asked, (socket) => socket.disconnect(asked.message.data.close === true));
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
