/**
 * JSON of values that applications and clients have chosen, as every parser takes it.
 *
 * JavaScript's strings, and so its JSON, may hold half an emoji (a lone surrogate), and its arrays and objects may be
 * nested as deep as memory goes. Parsers of other languages refuse both, and some of them NUL in a key.
 */

/** Arrays and objects deeper than this become null. (docs/cluster-protocol.md) */
export const MAX_DEPTH = 200;

const REPLACEMENT = "\uFFFD";
/** With the flag `u`, `Cs` is a surrogate that has no partner. (`toWellFormed` is Node 20's.) */
const LONE_SURROGATE = /\p{Cs}/gu;
const UNTELLABLE = /[\0\p{Cs}]/gu;
/** How JSON.stringify writes what may have to be repaired. */
const SUSPICIOUS = /\\u(?:d[89a-f]|0000)/;

/** A part of a message that is JSON already. */
export class JSONText {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** @returns {string} the name of a room or a key as others can be told it: without lone surrogates and NUL */
export function tellable(name) {
  return name.replace(UNTELLABLE, REPLACEMENT);
}

/**
 * @param {unknown} value
 * @returns {string} JSON: `null` for what JSON cannot hold, for what is cyclic, and for what throws
 */
export function jsonOf(value) {
  return attempt(() => JSON.stringify(value)) ?? "null";
}

/**
 * {@link jsonOf}, for a gateway: lone surrogates, and NUL in keys, are U+FFFD, what is deeper than {@link MAX_DEPTH} is
 * null.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function repairedJSONOf(value) {
  const text = attempt(() => JSON.stringify(value));
  if (text !== undefined && !SUSPICIOUS.test(text) && !isTooDeep(text)) return text;
  // Too deep for JSON.stringify, too: only what lies deep goes.
  return attempt(() => JSON.stringify(value, repairing())) ?? "null";
}

/**
 * @returns {(this: any, key: string, value: any) => any} a replacer for one call of JSON.stringify, which repairs what
 *   it writes
 */
export function repairing() {
  const depths = new WeakMap();
  /** One for each object, so that JSON.stringify recognises cycles. */
  const copies = new WeakMap();
  return function replacer(_key, value) {
    if (typeof value === "string" || value instanceof String) return `${value}`.replace(LONE_SURROGATE, REPLACEMENT);
    if (typeof value !== "object" || value === null) return value;
    const depth = (depths.get(this) ?? 0) + 1;
    if (depth > MAX_DEPTH) return null;
    if (!copies.has(value)) copies.set(value, withTellableKeys(value));
    const copy = copies.get(value);
    depths.set(copy, depth);
    return copy;
  };
}

function withTellableKeys(value) {
  if (Array.isArray(value) || Object.keys(value).every((key) => tellable(key) === key)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [tellable(key), member]));
}

function attempt(stringify) {
  try {
    return stringify();
  } catch {
    return undefined;
  }
}

/** @param {string} text JSON */
function isTooDeep(text) {
  if (text.length <= 2 * MAX_DEPTH) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = endOfString(text, i);
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function endOfString(text, start) {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}
