/** Which sockets are there, or how many, and in which rooms? */

import { compareCodePoints, firstInOrder } from "../code-points.js";
import { describeForGateway, describeForServer } from "../describe.js";
import { JSONText } from "../json-text.js";
import { ENVELOPE_BYTES, fitting, limitOf } from "../pages.js";
import { check, decodeOptions, GATEWAY_UID, MessageType } from "../protocol.js";
import { countOf } from "./count.js";

/** @param {import("../answers.js").Asked} asked */
export function fetchSockets(asked) {
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
