/** Answers end before they are too large, for themselves or for the broker. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Companions } from "./support/companions.js";
import { eventually } from "./support/eventually.js";

const MOST = 20_000;
const companions = new Companions({ maxAnswerBytes: MOST });
const { ask, opts } = companions;
const connect = (id, bytes, rooms = []) => {
  const socket = companions.io.of("/").connect(id, rooms);
  socket.data = "x".repeat(bytes);
  return socket;
};
const idsOf = ({ data }) => data.sockets.map(({ id }) => id);
const size = ({ text }) => Buffer.byteLength(text);

test("pages of sockets end before the limit, and go on behind their last one", async () => {
  for (const number of [3, 1, 2, 5, 4]) connect(`s${number}`, 7_000);
  const found = [];
  for (let pages = 0; pages < 3; pages++) {
    const [answer] = await ask(7, { after: found.at(-1), limit: 100 });
    assert.ok(size(answer) <= MOST);
    assert.equal(answer.data.more, pages < 2 ? true : undefined);
    found.push(...idsOf(answer));
  }
  assert.deepEqual(found, ["s1", "s2", "s3", "s4", "s5"]);
});

test("without a limit, too, and in order: who asks goes on behind the last one", async () => {
  for (const number of [3, 1, 2]) connect(`s${number}`, 7_000);
  const [answer] = await ask(7, {});
  assert.deepEqual([idsOf(answer), answer.data.more], [["s1", "s2"], true]);
});

test("a page that its limit ends has no more to say", async () => {
  for (const number of [1, 2, 3]) connect(`s${number}`, 10);
  const [answer] = await ask(7, { limit: 2 });
  assert.deepEqual([idsOf(answer), answer.data.more], [["s1", "s2"], undefined]);
});

test("a socket that is too large comes without its data, and hides nobody", async () => {
  for (const [id, bytes] of [["a", 10], ["b", 50_000], ["c", 10]]) connect(id, bytes, ["r"]);
  const [answer] = await ask(7, {});
  assert.deepEqual(idsOf(answer), ["a", "b", "c"]);
  const [, large] = answer.data.sockets;
  assert.deepEqual(large, { id: "b", rooms: ["b", "r"], data: null, handshake: { headers: { host: "x" }, url: "/" } });
});

test("if that is not enough, without its handshake, and without its rooms in the end", async () => {
  const socket = connect("a", 50_000);
  socket.handshake.url = "/".repeat(50_000);
  const only = async () => (await ask(7, {}))[0].data.sockets;
  assert.deepEqual(await only(), [{ id: "a", rooms: ["a"], data: null }]);
  socket.join(Array.from({ length: 5_000 }, (_, i) => `room-${i}`));
  assert.deepEqual(await only(), [{ id: "a", data: null }]);
});

test("sizes are those of bytes", async () => {
  for (const id of ["a", "b"]) companions.io.of("/").connect(id).data = "\u{1F600}".repeat(2_300);
  const [answer] = await ask(7, {});
  assert.deepEqual([idsOf(answer), answer.data.more], [["a", "b"], undefined], "9,200 bytes each");
  companions.io.of("/").connect("c").data = "x".repeat(600);
  assert.equal((await ask(7, {}))[0].data.more, true);
});

test("lists of rooms end before the limit", async () => {
  const names = Array.from({ length: 300 }, (_, i) => `${"ä".repeat(50)}-${String(i).padStart(3, "0")}`);
  companions.io.of("/").connect("s1", names);
  for (const numbers of [false, true]) {
    const found = [];
    let answer;
    do {
      [answer] = await ask(7, { count: true, numbers, list: { after: found.at(-1) ?? "", limit: 1_000 } });
      assert.ok(size(answer) <= MOST);
      const { rooms } = answer.data;
      found.push(...(numbers ? rooms : Object.entries(rooms)).map(([room]) => room));
    } while (answer.data.more);
    assert.deepEqual(found, names);
  }
});

test("every other answer that is too large says so", async () => {
  const socket = companions.io.of("/").connect("s1");
  const asked = ask(3, { packet: { data: ["q"] } });
  socket.answer("x".repeat(MOST));
  const [count, ack] = await asked;
  assert.equal(count.data.clientCount, 1);
  assert.deepEqual([ack.type, Object.keys(ack.data), ack.data.error], [12, ["requestId", "error"], "too_large"]);
  companions.io.of("/").on("ask", (answer) => answer(Buffer.alloc(MOST)));
  const [value] = await ask(9, { packet: ["ask"] });
  assert.deepEqual([value.type, value.data.error, "packet" in value.data], [10, "too_large", false]);
  const rooms = Array.from({ length: 3_000 }, (_, i) => `room-${i}`);
  assert.equal((await ask(7, { count: true, rooms }))[0].data.error, "too_large");
  assert.deepEqual(companions.reported, []);
});

test("an answer that the broker refuses costs no event, is reported once, and is never so large again", async () => {
  companions.broker.maxMessageSize = 9_000;
  const socket = connect("a", 12_000);
  connect("b", 10);
  const [first] = await ask(7, {});
  assert.equal(first.data.error, "too_large", "nobody can know before");
  await eventually(() => companions.reported.length === 1);
  const [{ error, context }] = companions.reported;
  assert.deepEqual([error.code, context], [406, { stage: "publish" }]);
  companions.tell(3, { packet: { data: ["event"] } });
  assert.equal(socket.received.length, 1);
  const [answer] = await ask(7, {});
  assert.deepEqual(answer.data.sockets.map(({ id, data }) => [id, data?.length]), [["a", undefined], ["b", 10]]);
  assert.equal(companions.broker.connections.length, 1);
  assert.equal(companions.reported.length, 1);
});

test("answers that come while the channel is opened again go out on it", async () => {
  companions.broker.maxMessageSize = 9_000;
  connect("a", 12_000);
  const refused = ask(7, {});
  await eventually(() => companions.broker.connection.channels[2].isClosed);
  const [answer] = await ask(7, { count: true });
  assert.equal(answer.data.count, 1);
  assert.equal((await refused)[0].data.error, "too_large");
});

test("the answers' channel is opened again whatever it was closed for", async () => {
  const [, , answers] = companions.broker.connection.channels;
  answers.fail(Object.assign(new Error("ACCESS_REFUSED"), { code: 403 }));
  await eventually(() => companions.broker.connection.channels.length === 4);
  assert.equal((await ask(7, { ...opts() })).length, 1);
  assert.deepEqual(companions.reported.map(({ error }) => error.message), ["ACCESS_REFUSED"]);
  assert.equal(companions.broker.connections.length, 1);
});

test("a connection that is lost while the channel is opened again is made again", async () => {
  companions.broker.maxMessageSize = 9_000;
  connect("a", 12_000);
  ask(7, {});
  await eventually(() => companions.broker.connection.channels[2].isClosed);
  companions.broker.connection.fail();
  await eventually(() => companions.broker.connections.length === 2);
  await eventually(async () => (await ask(7, { count: true })).length === 1);
  await sleep(50);
  assert.equal(companions.broker.connections.length, 2);
});
