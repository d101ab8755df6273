/** Carries out what servers and gateways ask for, on the sockets of this server, and answers. */

import { check } from "./protocol.js";
import { QUESTIONS } from "./questions/index.js";

/**
 * @typedef {object} Asked
 * @property {import("./protocol.js").Message} message
 * @property {import("./local-namespace.js").LocalNamespace} local
 * @property {(type: number, data: object) => void} reply must not throw
 * @property {number} timeoutMs for clients' answers, unless the message says
 * @property {import("./events.js").Events} [events] what gateways are told beside answers
 * @property {number} [maxBytes] of an answer to a gateway; sockets and rooms are left out of one that would be larger
 */

/**
 * Types 3 to 7 and 9. What happens at once happens before this returns; it resolves when all is done.
 *
 * @param {Asked} asked
 * @throws (rejects) {import("./protocol.js").ProtocolError} or what the application's listeners threw
 */
export async function carryOut(asked) {
  const { type } = asked.message;
  const question = QUESTIONS.get(type);
  check(question !== undefined, `type ${type} is no request`);
  return question(asked);
}
