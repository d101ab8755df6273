/** How many sockets are there, and in which rooms? */

import { firstInOrder } from "../code-points.js";
import { JSONText } from "../json-text.js";
import { ENVELOPE_BYTES, fitting, limitOf } from "../pages.js";
import { check, isObject, listOf } from "../protocol.js";
import { compareRooms, roomForGateway } from "../rooms.js";

const DEFAULT_LIST_LIMIT = 100;

/**
 * @param {any[]} matching the sockets that are selected
 * @param {import("../answers.js").Asked} asked
 * @returns {object} members of the answer's `data`
 */
export function countOf(matching, asked) {
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

function listedRooms({ message: { data, nsp }, local, events, maxBytes = Infinity }, numbers) {
  const { list } = data;
  check(isObject(list), "list is no object");
  const { prefix = "", after = "" } = list;
  check(typeof prefix === "string", "prefix is no name");
  check(typeof after === "string" || (numbers && Number.isInteger(after)), "after is no name");
  const seq = numbers && list.private !== true ? events?.seqOf(nsp) : undefined;
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
  if (seq !== undefined && limit > 0) {
    const names = page.slice(0, texts.length).map(([room]) => room);
    const isLast = !more && names.length < limit;
    events.compare(nsp, new Set(names), (name) => {
      if (!String(name).startsWith(prefix) || compareRooms(name, after) <= 0) return false;
      return isLast || compareRooms(name, names.at(-1)) <= 0;
    });
  }
  return { ...(seq !== undefined && { seq }), rooms: roomSizes(texts, numbers), ...(more && { more }) };
}

/** Of pairs for whom tells numbers from strings, else of an object's members. */
function sizeText([room, size], numbers) {
  return numbers ? JSON.stringify([room, size]) : `${JSON.stringify(String(room))}:${size}`;
}

function roomSizes(texts, numbers) {
  return new JSONText(numbers ? `[${texts.join(",")}]` : `{${texts.join(",")}}`);
}
