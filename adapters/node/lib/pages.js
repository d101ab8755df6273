/** Items as JSON, as many as fit into an answer. */

import { check } from "./protocol.js";

/** What an answer has beside sockets or rooms: ids, and a namespace's name. */
export const ENVELOPE_BYTES = 1024;

/**
 * @template T
 * @param {Iterable<T>} items in the order of the page
 * @param {(item: T) => string} textOf
 * @param {number} maxBytes of all texts, with a comma each. The first item is on the page in any case.
 * @returns {{ texts: string[], more: boolean }} `more`: there are items behind the last one
 */
export function fitting(items, textOf, maxBytes) {
  const texts = [];
  let bytes = 0;
  for (const item of items) {
    const text = textOf(item);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > maxBytes && texts.length > 0) return { texts, more: true };
    texts.push(text);
  }
  return { texts, more: false };
}

/**
 * @param {{ limit?: unknown }} asked
 * @returns {number | undefined} how many items a page has at most
 * @throws {import("./protocol.js").ProtocolError}
 */
export function limitOf({ limit }) {
  check(limit === undefined || (Number.isInteger(limit) && limit >= 0), "limit is no number");
  return limit;
}
