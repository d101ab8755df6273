/** Rooms as gateways are told of them. */

import { compareCodePoints } from "./code-points.js";
import { tellable } from "./json-text.js";
import { MAX_NAME_BYTES } from "./routing.js";

/** Rooms that are numbers have at most this, either way: JSON's integers are exact to here in every language. */
const MAX_NUMBER = 2 ** 53;

/**
 * @param {unknown} room anything: applications join what they like
 * @param {boolean} numbers whether the asker tells rooms that are numbers from those that are strings
 * @returns {string | number | undefined} none for a room that no gateway can name
 */
export function roomForGateway(room, numbers) {
  if (Number.isInteger(room) && Math.abs(room) <= MAX_NUMBER) return numbers ? room : String(room);
  if (typeof room !== "string") return undefined;
  const name = tellable(room);
  return name !== "" && Buffer.byteLength(name) <= MAX_NAME_BYTES ? name : undefined;
}

/** By text, as UTF-8; of an integer and a string with the same text the string comes first. */
export function compareRooms(a, b) {
  const byText = compareCodePoints(String(a), String(b));
  return byText !== 0 ? byText : Number(typeof a === "number") - Number(typeof b === "number");
}
