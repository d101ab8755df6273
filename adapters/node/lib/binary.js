/**
 * Bytes in JSON: `{"_placeholder": true, "num": n}` where they were in `data.packet` or `data.args`, and base64 in
 * `data.attachments`.
 */

import { JSONText, repairing } from "./json-text.js";

const PLACEHOLDER = "_placeholder";

/** What of `data` may hold bytes. */
const FIELDS = ["packet", "args"];

/**
 * @param {import("./protocol.js").Message} message is not changed
 * @returns {string} JSON
 * @throws {TypeError} when JSON cannot hold the data, or when there are bytes and an object of the caller's has the
 *   key `_placeholder`: the reader could not tell it from bytes
 */
export function encodeBytes(message) {
  const { data } = message;
  if (!data || !FIELDS.some((field) => hasBytes(data[field]))) return messageText(message);
  const attachments = new Attachments();
  const encoded = { ...data };
  for (const field of FIELDS) {
    if (data[field] !== undefined) encoded[field] = attachments.replaceIn(data[field]);
  }
  return messageText({ ...message, data: { ...encoded, attachments: attachments.list } });
}

/**
 * {@link encodeBytes}, for a gateway: never throws. Values are repaired; one that JSON cannot hold, or that looks like a
 * placeholder beside bytes, is null, and costs no other.
 *
 * @param {import("./protocol.js").Message} message is not changed; `data.packet` is the value itself, or that of `args`
 * @returns {string} JSON
 */
export function encodeRepaired(message) {
  const { args, packet, ...data } = message.data;
  if (args === undefined && packet === undefined) return messageText(message);
  const attachments = new Attachments();
  const texts = attachments.repairedTexts(args ?? [packet]);
  // A missing value is none.
  if (packet !== undefined) data.packet = new JSONText(texts[0]);
  if (args !== undefined) data.args = new JSONText(`[${texts.join(",")}]`);
  if (attachments.list.length > 0) data.attachments = attachments.list;
  return messageText({ ...message, data });
}

/** @returns {string} JSON; what of the data is JSON already stays as it is */
function messageText({ data, ...envelope }) {
  if (!Object.values(data ?? {}).some((value) => value instanceof JSONText)) {
    return JSON.stringify({ ...envelope, data });
  }
  const members = Object.entries(data).flatMap(([name, value]) => {
    const text = value instanceof JSONText ? value.text : JSON.stringify(value);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `${JSON.stringify(envelope).slice(0, -1)},"data":{${members.join(",")}}}`;
}

/**
 * Puts Buffers where the placeholders are. Without attachments nothing is a placeholder.
 *
 * @param {Record<string, any>} data of a message; changed
 * @param {(reason: string) => void} fail throws
 */
export function decodeBytes(data, fail) {
  const { attachments } = data;
  if (attachments === undefined) return;
  if (!Array.isArray(attachments) || !attachments.every((item) => typeof item === "string")) {
    fail("attachments are no list of base64");
  }
  const bytes = attachments.map((item) => Buffer.from(item, "base64"));
  for (const field of FIELDS) {
    if (data[field] !== undefined) data[field] = restore(data[field], bytes, fail);
  }
  delete data.attachments;
}

/** @returns {boolean} whether JSON would have to hold bytes somewhere in the value */
export function hasBytes(value) {
  if (typeof value !== "object" || value === null) return false;
  if (isBytes(value)) return true;
  if (typeof value.toJSON === "function") return hasBytes(value.toJSON());
  return Object.values(value).some(hasBytes);
}

function isBytes(value) {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

class Attachments {
  /** base64 */
  list = [];
  #numbers = new Map();
  #placeholders = new WeakSet();

  /**
   * @returns a copy as JSON has it, with placeholders
   * @throws {TypeError} when JSON cannot hold the value, or it looks like a placeholder
   */
  replaceIn(value) {
    const fail = () => {
      throw new TypeError(`arguments with bytes must not have a key ${PLACEHOLDER}`);
    };
    const json = JSON.stringify(value, this.#replacer({ onForged: fail }));
    return json === undefined ? undefined : JSON.parse(json);
  }

  /** @returns {string[]} JSON of each value, with placeholders, repaired */
  repairedTexts(values) {
    const forged = new Set();
    const texts = values.map((value, index) => {
      const replacer = this.#replacer({ onForged: () => forged.add(index), repair: repairing() });
      try {
        return JSON.stringify(value, replacer) ?? "null";
      } catch {
        return "null";
      }
    });
    // Without bytes nothing is taken for a placeholder.
    return this.list.length === 0 ? texts : texts.map((text, index) => (forged.has(index) ? "null" : text));
  }

  #replacer({ onForged, repair }) {
    const self = this;
    return function replacer(key, converted) {
      const original = this[key]; // before toJSON, which Buffers have
      const bytes = [original, converted].find(isBytes);
      if (bytes !== undefined) return self.#placeholder(bytes);
      if (key === PLACEHOLDER && !self.#placeholders.has(this)) onForged();
      return repair === undefined ? converted : repair.call(this, key, converted);
    };
  }

  #placeholder(bytes) {
    if (!this.#numbers.has(bytes)) {
      this.#numbers.set(bytes, this.list.length);
      this.list.push(base64(bytes));
    }
    const placeholder = { [PLACEHOLDER]: true, num: this.#numbers.get(bytes) };
    this.#placeholders.add(placeholder);
    return placeholder;
  }
}

function base64(bytes) {
  const buffer = ArrayBuffer.isView(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
  return buffer.toString("base64");
}

function restore(value, bytes, fail) {
  if (typeof value !== "object" || value === null) return value;
  if (value[PLACEHOLDER] === true) {
    const isKnown = Number.isInteger(value.num) && value.num >= 0 && value.num < bytes.length;
    if (!isKnown) fail("a placeholder without its bytes");
    return bytes[value.num];
  }
  for (const key of Object.keys(value)) {
    const restored = restore(value[key], bytes, fail);
    if (restored !== value[key]) define(value, key, restored);
  }
  return value;
}

/** Assignment, but for the key `__proto__` too. */
function define(object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
