/** Emits to sockets, and what their clients answer. */

import { MAX_DURATION_MS } from "../options.js";
import { check, decodeOptions, isObject, MessageType } from "../protocol.js";

const PACKET_TYPE_EVENT = 2;

/** @param {import("../answers.js").Asked} asked */
export function broadcast(asked) {
  return asked.message.data.requestId === undefined ? tell(asked) : ask(asked);
}

function tell({ message: { data }, local }) {
  local.broadcast(eventPacket(data.packet), decodeOptions(data.opts));
}

function ask({ message: { data }, local, reply, timeoutMs }) {
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
