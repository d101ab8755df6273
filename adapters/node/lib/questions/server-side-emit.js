/** Events for the server itself. */

import { check, GATEWAY_UID, MessageType } from "../protocol.js";

/** Socket.IO's own events and those of Node's emitters: a server-side emit of these would fire them for real. */
const RESERVED_EVENTS = new Set([
  "connect",
  "connection",
  "new_namespace",
  "newListener",
  "removeListener",
  "error",
]);

/** @param {import("../answers.js").Asked} asked */
export function serverSideEmit({ message: { uid, data }, local, reply }) {
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
