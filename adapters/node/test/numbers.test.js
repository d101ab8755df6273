/** Rooms that are numbers, for gateways that tell them from strings. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareRooms } from "../lib/rooms.js";
import { Companions } from "./support/companions.js";

const companions = new Companions();
const { ask, tell, opts } = companions;
const connect = (id, rooms) => companions.io.of("/").connect(id, rooms);
const numbers = true;

test("the order is by text, a string before the number that reads alike", () => {
  const rooms = [10, "9", "10", 9, "a", -1, "", "-1", 100];
  assert.deepEqual(rooms.sort(compareRooms), ["", "-1", -1, "10", 10, 100, "9", 9, "a"]);
});

test("whole numbers are JSON integers among a socket's rooms, for whom says so", async () => {
  connect("s1", [42, "42", -7, 2 ** 53, 2 ** 53 + 2, 1.5, NaN, Infinity, {}, [], true, null, ""]);
  const rooms = async (more) => (await ask(7, { fields: ["rooms"], ...more }))[0].data.sockets[0].rooms;
  assert.deepEqual(await rooms({ numbers }), ["s1", 42, "42", -7, 9007199254740992]);
  assert.deepEqual(await rooms({}), ["s1", "42", "-7", "9007199254740992"], "each text once");
});

test("counts are pairs in order", async () => {
  connect("s1", [42, "42", "a"]);
  connect("s2", [42]);
  const count = async (rooms) => (await ask(7, { count: true, numbers, rooms }))[0].data;
  const { rooms, count: total } = await count(["a", 42, "42", 7, "__proto__"]);
  assert.equal(total, 2);
  assert.deepEqual(rooms, [["42", 1], [42, 2], [7, 0], ["__proto__", 0], ["a", 1]]);
});

test("lists are pairs in order, behind a string or a number", async () => {
  connect("s1", [42, "42", 5, 1.5, "a", "4", 421]);
  const list = async (more) => (await ask(7, { count: true, numbers, list: more }))[0].data.rooms;
  assert.deepEqual(await list({}), [["4", 1], ["42", 1], [42, 1], [421, 1], [5, 1], ["a", 1]]);
  assert.deepEqual(await list({ after: "42", limit: 1 }), [[42, 1]]);
  assert.deepEqual(await list({ after: 42, limit: 1 }), [[421, 1]]);
  assert.deepEqual(await list({ prefix: "42" }), [["42", 1], [42, 1], [421, 1]]);
});

test("a number that is behind no room is refused where rooms are strings", async () => {
  assert.deepEqual(await ask(7, { count: true, list: { after: 42 } }), []);
  assert.deepEqual(await ask(7, { count: true, numbers, list: { after: 1.5 } }), []);
  assert.equal(companions.reported.length, 2);
});

test("joins, leaves, selections and exceptions mean the number or the string, never both", async () => {
  const number = connect("number", [42]);
  const string = connect("string", ["42"]);
  const ids = async (options) => (await ask(7, { fields: [], opts: options }))[0].data.sockets.map(({ id }) => id);
  assert.deepEqual(await ids(opts(42).opts), ["number"]);
  assert.deepEqual(await ids(opts("42").opts), ["string"]);
  assert.deepEqual(await ids({ rooms: [], except: [42], flags: {} }), ["string"]);
  await ask(4, { ...opts(42), rooms: [7] });
  assert.ok(number.rooms.has(7) && !number.rooms.has("7") && !string.rooms.has(7));
  await ask(5, { rooms: ["7", "42"] });
  assert.ok(number.rooms.has(7) && !string.rooms.has("42"));
  await ask(5, { rooms: [7] });
  assert.ok(!number.rooms.has(7));
  tell(3, { ...opts(42), packet: { data: ["e"] } });
  assert.deepEqual(number.received[0].opts.rooms, new Set([42]));
});
