/** What clients and applications choose, as JSON that every parser takes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, encodeForGateway } from "../lib/protocol.js";
import { JSONText, jsonOf, MAX_DEPTH, repairedJSONOf, tellable } from "../lib/json-text.js";
import { depthOf, nested } from "./support/tellable.js";

const HALF = "\ud83d";
const repaired = (value) => JSON.parse(repairedJSONOf(value));

test("what needs no repair stays as it is", () => {
  const values = [null, 7, "text \u{1F600} \\ud83d \0", [], {}, { a: [1, { b: "\\" }], "c\u{1F600}": '"' }];
  for (const value of values) assert.equal(repairedJSONOf(value), JSON.stringify(value));
});

test("half an emoji becomes U+FFFD, in values and keys", () => {
  assert.deepEqual(repaired(HALF), "\uFFFD");
  assert.deepEqual(repaired([`a${HALF}b`, "\ude00", `\ude00${HALF}`]), ["a\uFFFDb", "\uFFFD", "\uFFFD\uFFFD"]);
  assert.deepEqual(repaired({ [`k${HALF}`]: { [HALF]: 1 } }), { "k\uFFFD": { "\uFFFD": 1 } });
  assert.deepEqual(repaired({ whole: new String(HALF) }), { whole: "\uFFFD" });
});

test("NUL in keys becomes U+FFFD, and stays in values", () => {
  assert.deepEqual(repaired({ "a\0": { "\0": "v\0" }, b: 1 }), { "a\uFFFD": { "\uFFFD": "v\0" }, b: 1 });
  assert.equal(tellable(`\0${HALF}x`), "\uFFFD\uFFFDx");
});

test("no key comes twice, for parsers may refuse that", () => {
  assert.equal(repairedJSONOf({ "a\0": 1, "a\uFFFD": 2 }), '{"a\uFFFD":2}');
});

test("__proto__ is a key like any other", () => {
  const value = JSON.parse('{"__proto__":{"x\\u0000":1}}');
  assert.equal(repairedJSONOf(value), '{"__proto__":{"x\uFFFD":1}}');
});

test("what is deeper than 200 levels is null, and nothing beside it", () => {
  assert.equal(depthOf(repaired(nested(MAX_DEPTH))), MAX_DEPTH);
  assert.deepEqual(repaired(nested(MAX_DEPTH)), nested(MAX_DEPTH));
  for (const levels of [MAX_DEPTH + 1, 260, 200_000]) {
    const { deep, beside } = repaired({ deep: nested(levels), beside: "[[[" });
    assert.equal(depthOf(deep), MAX_DEPTH - 1, `${levels} levels`);
    assert.equal(beside, "[[[");
  }
});

test("brackets in strings are no levels", () => {
  const value = ["[".repeat(500), '\\"'.repeat(300), { '"[{': "\\" }];
  assert.equal(repairedJSONOf(value), JSON.stringify(value));
});

test("what JSON cannot hold is null", () => {
  const cyclic = { "odd\0": 1 };
  cyclic["self\0"] = cyclic;
  cyclic["again\0"] = cyclic;
  const throwing = {
    get value() {
      throw new Error("of the application");
    },
  };
  const stubborn = { toJSON: () => assert.fail("of the application") };
  for (const value of [cyclic, throwing, stubborn, 1n, undefined, () => {}, Symbol("s")]) {
    assert.equal(repairedJSONOf(value), "null");
    assert.equal(jsonOf(value), "null");
  }
});

test("what is asked twice may answer differently, and the text is one of the answers", () => {
  let asked = 0;
  const fickle = { toJSON: () => (asked++ === 0 ? "fine" : 1n) };
  const text = new JSONText(`[${jsonOf(fickle)}]`);
  assert.deepEqual(JSON.parse(encode({ uid: "u", nsp: "/", type: 8, data: { sockets: text } })).data.sockets, ["fine"]);
});

const answer = (data) => JSON.parse(encodeForGateway({ uid: "u", nsp: "/", type: 12, data: { requestId: "r", ...data } })).data;

test("an odd argument of an acknowledgement costs no other", () => {
  const bytes = Buffer.from("x");
  const args = [nested(10_000), bytes, HALF, 1n, { _placeholder: true, num: 0 }, undefined, { "k\0": bytes }];
  const { packet, attachments, ...rest } = answer({ packet: args[0], args });
  const [deep, ...others] = rest.args;
  assert.equal(depthOf(deep), MAX_DEPTH);
  assert.deepEqual(packet, deep);
  const placeholder = { _placeholder: true, num: 0 };
  assert.deepEqual(others, [placeholder, "\uFFFD", null, null, null, { "k\uFFFD": placeholder }]);
  assert.deepEqual(attachments, ["eA=="]);
});

test("without bytes nothing is a placeholder, and a missing value is none", () => {
  const args = [{ _placeholder: true, num: 0 }];
  assert.deepEqual(answer({ packet: args[0], args }), { requestId: "r", packet: args[0], args });
  assert.deepEqual(answer({ packet: undefined, args: [] }), { requestId: "r", args: [] });
  assert.deepEqual(answer({ packet: null }), { requestId: "r", packet: null });
  assert.deepEqual(answer({ packet: { "a\0": HALF } }), { requestId: "r", packet: { "a\uFFFD": "\uFFFD" } });
});
