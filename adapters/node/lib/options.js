/** Options of `createAdapter` and `attachGateway`, checked and with their defaults. Mistakes are thrown at start-up. */

import { MAX_NAME_BYTES } from "./routing.js";
import { reporter } from "./report.js";

const DEFAULTS = {
  exchange: "socket.io.cluster",
  subscriptionMode: "static",
  heartbeatInterval: 5_000,
  heartbeatTimeout: 10_000,
  requestsTimeout: 5_000,
  /** Half of what RabbitMQ 4 takes by default: room for whoever passes answers on. */
  maxAnswerBytes: 8 * 1024 * 1024,
};
const MODES = ["static", "dynamic"];
const DURATIONS = ["heartbeatInterval", "heartbeatTimeout", "requestsTimeout"];

/** The longest that timers take, in milliseconds; a longer one would fire at once. */
export const MAX_DURATION_MS = 2 ** 31 - 1;

/**
 * @param {object} options as the application gave them
 * @returns {object} all of them, and `report` for `onError`
 * @throws {TypeError}
 */
export function settle(options) {
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  const settled = { ...DEFAULTS, ...Object.fromEntries(given) };
  const { connection, exchange, subscriptionMode, maxAnswerBytes, onError } = settled;
  const isConnection = typeof connection === "function" || typeof connection?.createChannel === "function";
  check(isConnection, "connection must be an amqplib connection, or a function that makes one");
  const isName = typeof exchange === "string" && exchange !== "" && Buffer.byteLength(exchange) <= MAX_NAME_BYTES;
  check(isName, `exchange must be a name of 1 to ${MAX_NAME_BYTES} bytes`);
  check(MODES.includes(subscriptionMode), `subscriptionMode must be one of ${MODES.join(", ")}`);
  for (const name of DURATIONS) {
    const isDuration = settled[name] > 0 && settled[name] <= MAX_DURATION_MS;
    check(isDuration, `${name} must be a number of milliseconds above 0`);
  }
  const isSize = Number.isSafeInteger(maxAnswerBytes) && maxAnswerBytes > 0;
  check(isSize, "maxAnswerBytes must be a whole number of bytes above 0");
  check(onError === undefined || typeof onError === "function", "onError must be a function");
  return { ...settled, report: reporter(onError) };
}

function check(condition, reason) {
  if (!condition) throw new TypeError(`socketio-gateway: ${reason}`);
}
