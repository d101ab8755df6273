import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, decodeOptions, encode, ProtocolError } from "../lib/protocol.js";

const message = (data, type = 3) => ({ uid: "u", nsp: "/", type, data });
const roundTrip = (data) => decode(encode(message(data))).data;
const json = (data) => JSON.parse(encode(message(data)));

test("messages without bytes are JSON as it is", () => {
  const data = { packet: { type: 2, data: ["e", 0.1, "ä", null, { _placeholder: true, num: 0 }] }, opts: {} };
  assert.deepEqual(json(data), message(data));
  assert.deepEqual(roundTrip(data), data);
});

test("bytes of every kind become placeholders, and Buffers again", () => {
  const bytes = Buffer.from([1, 2, 3, 4]);
  const shared = new Uint8Array([9, 1, 2, 3, 4, 9]).subarray(1, 5);
  const given = ["e", bytes, { deep: [shared] }, shared.slice().buffer, new DataView(shared.slice().buffer)];
  const encoded = json({ packet: { type: 2, data: given } });
  assert.deepEqual(encoded.data.packet.data[1], { _placeholder: true, num: 0 });
  assert.deepEqual(encoded.data.attachments, ["AQIDBA==", "AQIDBA==", "AQIDBA==", "AQIDBA=="]);
  const { packet, ...rest } = roundTrip({ packet: { type: 2, data: given } });
  assert.deepEqual(packet.data, ["e", bytes, { deep: [bytes] }, bytes, bytes]);
  assert.deepEqual(rest, {});
});

test("a value that is bytes itself, and the same bytes twice", () => {
  const bytes = Buffer.from("x");
  const encoded = json({ requestId: "r", packet: bytes, args: [bytes, 1] });
  assert.deepEqual(encoded.data.attachments, ["eA=="]);
  assert.deepEqual(roundTrip({ packet: bytes, args: [bytes, 1] }), { packet: bytes, args: [bytes, 1] });
});

test("objects with toJSON keep it, beside bytes too", () => {
  const date = new Date(0);
  const model = { secret: 1, toJSON: () => ({ bytes: Buffer.from("x") }) };
  assert.deepEqual(roundTrip({ packet: [date, model, Buffer.from("y")] }).packet, [
    "1970-01-01T00:00:00.000Z",
    { bytes: Buffer.from("x") },
    Buffer.from("y"),
  ]);
});

test("a placeholder of the caller's beside bytes is refused", () => {
  for (const forged of [{ _placeholder: true, num: 0 }, { deep: [{ _placeholder: 0 }] }]) {
    assert.throws(() => encode(message({ packet: ["e", Buffer.from("x"), forged] })), TypeError);
  }
});

test("the caller's data is not changed", () => {
  const packet = { type: 2, data: ["e", Buffer.from("x")] };
  encode(message({ packet }));
  assert.deepEqual(packet, { type: 2, data: ["e", Buffer.from("x")] });
});

test("__proto__ is a key like any other", () => {
  const packet = `["e",{"__proto__":{"_placeholder":true,"num":0}}]`;
  const content = `{"uid":"u","nsp":"/","type":3,"data":{"packet":${packet},"attachments":["eA=="]}}`;
  const [, value] = decode(Buffer.from(content)).data.packet;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.entries(value), [["__proto__", Buffer.from("x")]]);
});

test("what JSON cannot hold is an error of whoever sends", () => {
  const cyclic = {};
  cyclic.self = cyclic;
  for (const value of [cyclic, 1n]) assert.throws(() => encode(message({ packet: [value] })));
});

test("what is no message is refused", () => {
  const bad = [
    "",
    "no json",
    "null",
    "7",
    "[]",
    "{}",
    `{"uid":"","type":1}`,
    `{"uid":"u","type":0}`,
    `{"uid":"u","type":14}`,
    `{"uid":"u","type":"3"}`,
    `{"uid":"u","type":3}`,
    `{"uid":"u","type":3,"nsp":"/"}`,
    `{"uid":"u","type":3,"nsp":"/","data":[]}`,
    `{"uid":"u","type":3,"nsp":"/","data":{"packet":[],"attachments":{}}}`,
    `{"uid":"u","type":3,"nsp":"/","data":{"packet":[],"attachments":[1]}}`,
    `{"uid":"u","type":3,"nsp":"/","data":{"packet":[{"_placeholder":true,"num":1}],"attachments":["eA=="]}}`,
    `{"uid":"u","type":3,"nsp":"/","data":{"packet":[{"_placeholder":true,"num":-1}],"attachments":["eA=="]}}`,
    `{"uid":"u","type":3,"nsp":"/","data":{"packet":[{"_placeholder":true,"num":"0"}],"attachments":["eA=="]}}`,
  ];
  for (const content of bad) assert.throws(() => decode(Buffer.from(content)), ProtocolError, content);
});

test("heartbeats need neither namespace nor data", () => {
  assert.equal(decode(Buffer.from(`{"uid":"emitter","type":1}`)).type, 1);
});

test("options come as adapters take them, whatever is missing", () => {
  assert.deepEqual(decodeOptions({}), { rooms: new Set(), except: new Set(), flags: {} });
  assert.deepEqual(decodeOptions({ rooms: ["a", 1], except: ["b"], flags: { volatile: true } }), {
    rooms: new Set(["a", 1]),
    except: new Set(["b"]),
    flags: { volatile: true },
  });
  for (const opts of [undefined, null, [], { rooms: "a" }, { rooms: [{}] }, { except: [null] }]) {
    assert.throws(() => decodeOptions(opts), ProtocolError);
  }
});
