/** Values that clients and applications have chosen, in every place of every answer: each costs itself at most. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Companions } from "./support/companions.js";
import { assertTellable, depthOf, nested } from "./support/tellable.js";

const HALF = "\ud83d";
const companions = new Companions();
const { ask, opts } = companions;

const DATA = {
  "half an emoji": [{ a: HALF, [HALF]: 1, ok: true }, { a: "\uFFFD", "\uFFFD": 1, ok: true }],
  "NUL in a key": [{ "a\0": "v\0" }, { "a\uFFFD": "v\0" }],
  "a cycle": [Object.assign([], { 0: null }), null, (data) => (data[0] = data)],
  "a number without end": [{ n: 1n }, null],
  "toJSON that throws": [{ toJSON: () => assert.fail() }, null],
  "a getter that throws": [Object.defineProperty({}, "x", { enumerable: true, get: () => assert.fail() }), null],
  "nothing": [undefined, null],
};

for (const [name, [data, told, prepare]] of Object.entries(DATA)) {
  test(`a socket's data with ${name} hides nobody`, async () => {
    const good = companions.io.of("/").connect("good");
    good.data = { fine: true };
    const bad = companions.io.of("/").connect("bad", ["r"]);
    prepare?.(data);
    bad.data = data;
    const [{ data: answer, text }] = await ask(7, {});
    assertTellable(text);
    assert.deepEqual(answer.sockets.map(({ id }) => id), ["bad", "good"]);
    assert.deepEqual(answer.sockets[0].data, told);
    assert.deepEqual(answer.sockets[0].rooms, ["bad", "r"]);
    assert.deepEqual(answer.sockets[1].data, { fine: true });
  });
}

test("data that is nested deep loses what is deep, however deep", async () => {
  const [deep, bottomless] = ["deep", "bottomless"].map((id) => companions.io.of("/").connect(id));
  deep.data = { user: 1, deep: nested(260) };
  bottomless.data = { user: 2, deep: nested(100_000) };
  const [{ data, text }] = await ask(7, { fields: ["data"] });
  assertTellable(text);
  assert.deepEqual(data.sockets.map(({ id, data: { user } }) => [id, user]), [["bottomless", 2], ["deep", 1]]);
  for (const socket of data.sockets) assert.equal(depthOf(socket.data.deep), 199);
});

test("properties of a socket that throw cost themselves", async () => {
  const socket = companions.io.of("/").connect("s1");
  const fail = { get: () => assert.fail() };
  Object.defineProperty(socket, "data", fail);
  Object.defineProperty(socket.handshake, "query", fail);
  const [{ data }] = await ask(7, {});
  const handshake = { headers: { host: "x" }, url: "/", query: null };
  assert.deepEqual(data.sockets, [{ id: "s1", rooms: ["s1"], data: null, handshake }]);
});

test("a handshake passes with every URL, query and header", async () => {
  const socket = companions.io.of("/").connect("s1");
  socket.handshake = {
    url: `/?a%00=${HALF}`,
    query: { "a\0": "1", [HALF]: "2" },
    headers: { host: `x${HALF}`, COOKIE: "secret", "x\0": "y" },
    time: 1n,
  };
  const [{ data, text }] = await ask(7, { fields: ["handshake"] });
  assertTellable(text);
  assert.deepEqual(data.sockets[0].handshake, {
    headers: { host: "x\uFFFD", "x\uFFFD": "y" },
    time: null,
    url: "/?a%00=\uFFFD",
    query: { "a\uFFFD": "1", "\uFFFD": "2" },
  });
  socket.handshake = undefined;
  assert.deepEqual((await ask(7, { fields: ["handshake"] }))[0].data.sockets[0].handshake, { headers: {} });
});

test("rooms of every name are told as text, or not at all", async () => {
  const longest = "ä".repeat(127);
  const rooms = ["", "a\0b", HALF, longest, `${longest}ä`, 7, 1.5, NaN, Infinity, 2 ** 60, {}, null, Symbol("s"), "a"];
  companions.io.of("/").connect("s1", rooms);
  const [{ data, text }] = await ask(7, { fields: ["rooms"] });
  assertTellable(text);
  assert.deepEqual(data.sockets[0].rooms, ["s1", "a\uFFFDb", "\uFFFD", longest, "7", "a"]);
  const [{ data: listed, text: list }] = await ask(7, { count: true, list: {} });
  assertTellable(list);
  assert.deepEqual(new Set(Object.keys(listed.rooms)), new Set(["7", "a", "a\uFFFDb", longest, "\uFFFD"]));
});

test("rooms whose names become one are counted together, once in the list", async () => {
  companions.io.of("/").connect("s1", ["a\0", "a\uFFFD", "42", 42]);
  const [{ text }] = await ask(7, { count: true, list: {} });
  assert.match(text, /"rooms":\{"42":2,"a\uFFFD":2\}/);
});

test("acknowledgements and server-side answers pass, whatever is in them", async () => {
  const socket = companions.io.of("/").connect("s1");
  const asked = ask(3, { packet: { data: ["q"] } });
  socket.answer({ "a\0": HALF }, 1n, nested(50_000), "fine");
  const [, ack] = await asked;
  assertTellable(ack.text);
  assert.deepEqual(ack.data.packet, { "a\uFFFD": "\uFFFD" });
  assert.deepEqual([ack.data.args[0], ack.data.args[1], ack.data.args[3]], [{ "a\uFFFD": "\uFFFD" }, null, "fine"]);
  companions.io.of("/").on("ask", (value, answer) => answer({ value, "b\0": 1n === value ? 0 : HALF }));
  companions.io.of("/").on("odd", (answer) => answer(1n));
  const [{ data, text }] = await ask(9, { packet: ["ask", 1] });
  assertTellable(text);
  assert.deepEqual(data.packet, { value: 1, "b\uFFFD": "\uFFFD" });
  assert.equal((await ask(9, { packet: ["odd"] }))[0].data.packet, null);
  assert.deepEqual(companions.reported, []);
});

test("a namespace whose name is no text is reported, and the heartbeats stay readable", async () => {
  companions.io.of(`/${HALF}`);
  companions.io.of("/a\0");
  await companions.presenceOf("/");
  assert.equal(companions.reported.filter(({ context }) => context.stage === "namespace").length, 2);
  assert.deepEqual(companions.presence.at(-1).namespaces, ["/"]);
  companions.reported.length = 0;
  assert.equal((await ask(7, { ...opts() })).length, 1);
});
