/** Who comes, who goes, which rooms live: what a responder tells by itself, with doubles of Socket.IO and of the broker. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ADAPTER_MARK } from "../lib/mark.js";
import { Companions } from "./support/companions.js";
import { eventually } from "./support/eventually.js";
import { assertTellable } from "./support/tellable.js";
import { View } from "./support/view.js";

const companions = new Companions();
const { ask } = companions;
const namespace = () => companions.io.of("/");
const told = () => companions.broker.sent("#events");
const view = (name = "/") => new View(name).take(told());
const want = (intervalMs = 60_000, members = true) =>
  companions.broker.send("#events-wanted", { uid: "emitter", type: 21, data: { intervalMs, members } });

async function begin() {
  want();
  await eventually(() => view().seq === 1);
}

test("nothing is told before somebody wants it; then a first word for each namespace", async () => {
  companions.io.of("/chat");
  await companions.presenceOf("/chat");
  namespace().connect("s1", ["a"]);
  await sleep(150);
  assert.deepEqual(told(), []);
  assert.equal((await ask(7, { count: true, list: {}, numbers: true }))[0].data.seq, undefined);
  await begin();
  const { uid } = companions.presence.at(-1);
  await eventually(() => told().length === 2);
  assert.deepEqual(told(), ["/", "/chat"].map((nsp) => ({ uid, nsp, type: 20, data: { seq: 1 } })));
  want();
  await sleep(150);
  assert.equal(told().length, 2);
  assert.equal((await ask(7, { count: true, list: {}, numbers: true }))[0].data.seq, 1);
  assert.equal((await ask(7, { count: true, list: { private: true }, numbers: true }))[0].data.seq, undefined);
  assert.deepEqual(companions.reported, []);
});

test("a client comes into rooms and goes, in one message each", async () => {
  await begin();
  const socket = namespace().connect("s1", ["a", "b"]);
  await eventually(() => told().length === 2);
  assert.deepEqual(told()[1].data, {
    seq: 2,
    rooms: [["+", "a"], ["+", "b"]],
    sockets: [["+", "s1"]],
    members: [["+", "a", "s1"], ["+", "b", "s1"]],
  });
  socket.join(["a", "c"]);
  socket.leave("b");
  socket.leave("nowhere");
  socket.end("ping timeout");
  await eventually(() => told().length === 3);
  const { data } = told()[2];
  data.rooms.sort(); // their order means nothing
  assert.deepEqual(data, {
    seq: 3,
    rooms: [["-", "a"], ["-", "b"]],
    sockets: [["-", "s1", "ping timeout"]],
    members: [["+", "c", "s1"], ["-", "b", "s1"], ["-", "a", "s1"], ["-", "c", "s1"]],
  });
});

test("a room lives as long as somebody is in it, and what comes and goes in one batch cancels", async () => {
  await begin();
  const [first, second] = [namespace().connect("s1", ["a"]), namespace().connect("s2", ["a"])];
  first.leave("a");
  first.join("brief");
  first.leave("brief");
  await eventually(() => told().length === 2);
  assert.deepEqual(told()[1].data.rooms, [["+", "a"]]);
  second.leave("a");
  second.join("a");
  first.join("b");
  await eventually(() => told().length === 3);
  assert.deepEqual(told()[2].data.rooms, [["+", "b"]]);
});

test("a client that is refused in a middleware is never told; one that joins there is", async () => {
  await begin();
  const refused = namespace().admit("refused");
  refused.join("a");
  refused.end();
  const accepted = namespace().admit("accepted");
  accepted.join("b");
  namespace().connect("accepted", ["c"]);
  await eventually(() => told().length === 2);
  const { rooms, sockets, members } = told()[1].data;
  assert.deepEqual(rooms, [["+", "b"], ["+", "c"]]);
  assert.deepEqual(sockets, [["+", "accepted"]]);
  assert.deepEqual(members.map(([sign, room]) => sign + room).sort(), ["+b", "+c"]);
});

test("an adapter that emits nothing, calls no super, and takes its time", async () => {
  const { adapter } = namespace();
  for (const name of ["addAll", "del", "delAll"]) {
    const { [name]: method } = Object.getPrototypeOf(Object.getPrototypeOf(adapter));
    Object.getPrototypeOf(adapter)[name] = async function slow(...args) {
      await sleep(120); // longer than changes are gathered
      return method.apply(this, args);
    };
  }
  try {
    await begin();
    const socket = namespace().connect("s1", ["a"]);
    socket.join("b");
    await eventually(() => view().rooms.size === 2);
    assert.deepEqual(view().members, [["+", "a", "s1"], ["+", "b", "s1"]]);
    socket.end("transport close");
    await eventually(() => view().rooms.size === 0);
    assert.deepEqual(view().sockets, [["+", "s1"], ["-", "s1", "transport close"]]);
    assert.equal(view().members.length, 4);
  } finally {
    for (const name of ["addAll", "del", "delAll"]) delete Object.getPrototypeOf(adapter)[name];
  }
});

test("a socket without listeners is missed all the same, once", async () => {
  const early = namespace().connect("s0");
  await begin();
  const socket = namespace().connect("s1");
  socket.removeAllListeners();
  socket.end("ping timeout");
  early.end("transport close");
  await eventually(() => view().sockets.length === 3);
  assert.deepEqual(view().sockets, [["+", "s1"], ["-", "s0", "transport close"], ["-", "s1"]]);
  await sleep(150);
  assert.equal(view().sockets.length, 3);
});

test("each namespace has numbers of its own, also one that comes later", async () => {
  await begin();
  companions.io.of("/late").connect("s1", ["a"]);
  await eventually(() => view("/late").rooms.has("a"));
  assert.deepEqual(told().map(({ nsp, data }) => [nsp, data.seq]), [["/", 1], ["/late", 1], ["/late", 2]]);
  assert.deepEqual(view("/late").sockets, [["+", "s1"]]);
});

test("a namespace that goes and comes back goes on behind its numbers", async () => {
  await begin();
  companions.io.of("/brief").connect("s1", ["a"]);
  await eventually(() => view("/brief").seq === 2);
  await companions.presenceOf("/brief");
  companions.io._nsps.delete("/brief");
  await eventually(() => !companions.presence.at(-1).namespaces.includes("/brief"));
  companions.io.of("/brief");
  await eventually(() => view("/brief").seq > 2);
  assert.equal(view("/brief").seq, 4);
});

test("five hundred changes are told at once", async () => {
  await begin();
  const socket = namespace().connect("s1");
  for (let index = 0; index < 500; index++) socket.join(`r${index}`);
  const next = () => new Promise((resolve) => setImmediate(resolve));
  await next(); // no timer has had its turn: it would take 100 ms
  assert.ok(told().at(-1).data.rooms?.length >= 490);
});

test("what is over a megabyte comes in several messages", async () => {
  await begin();
  const rooms = Array.from({ length: 8_000 }, (_, index) => `${index}`.padStart(250, "r"));
  namespace().connect("s1", rooms);
  await eventually(() => view().rooms.size === 8_000 && view().members.length === 8_000);
  assert.equal(view().holes, 0);
  const sizes = companions.broker.published.filter(({ key }) => key === "#events").map(({ content }) => content.length);
  assert.ok(sizes.length >= 4 && Math.max(...sizes) <= 1024 * 1024);
});

test("names that are numbers or hostile", async () => {
  await begin();
  const hostile = ["", "x".repeat(256), "ä".repeat(128), 1.5, true, null, undefined, {}, Symbol("s"), NaN, 2 ** 53 + 2];
  const socket = namespace().connect("s1", [...hostile, "half \ud800", "half \udfff", "nul \0", 42, "42", "ä".repeat(127)]);
  const expected = ["half \ufffd", "nul \ufffd", 42, "42", "ä".repeat(127)];
  await eventually(() => view().rooms.size === expected.length);
  assert.deepEqual(view().rooms, new Set(expected));
  socket.leave("half \ud800");
  socket.join("x");
  await eventually(() => view().rooms.has("x"));
  assert.ok(view().rooms.has("half \ufffd"), "the other room of this name is still there");
  socket.leave("half \udfff");
  await eventually(() => !view().rooms.has("half \ufffd"));
  for (const { key, content } of companions.broker.published) if (key === "#events") assertTellable(content.toString());
});

test("several gateways want, and what one of them says costs no other", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  want(60_000, true);
  want(1, false); // taken for 100 ms
  await eventually(() => view().seq === 1);
  t.mock.timers.tick(179_000);
  const socket = namespace().connect("s1", ["a"]);
  await eventually(() => view().members.length === 1);
  want(10 ** 9, false); // taken for a minute
  t.mock.timers.tick(2_000);
  socket.join("b");
  await eventually(() => view().rooms.has("b"));
  assert.equal(view().members.length, 1, "nobody wants members any more");
  t.mock.timers.tick(179_000);
  const { seq } = view();
  assert.equal((await ask(7, { count: true, list: {}, numbers: true }))[0].data.seq, undefined);
  socket.join("c");
  await sleep(150);
  assert.equal(view().seq, seq);
  want();
  await eventually(() => view().seq === seq + 2);
  assert.equal(view().holes, 1);
  assert.deepEqual((await ask(7, { count: true, list: {}, numbers: true }))[0].data.rooms, [["a", 1], ["b", 1], ["c", 1]]);
});

test("wishes that are none", async () => {
  const wishes = [{}, { intervalMs: "5" }, { intervalMs: null }, { intervalMs: 5, members: 1 }, [], null];
  for (const data of wishes) companions.broker.send("#events-wanted", { uid: "emitter", type: 21, data });
  companions.broker.send("#events-wanted", { uid: "somebody", type: 21, data: { intervalMs: 5_000 } });
  await sleep(50);
  assert.deepEqual(told(), []);
  assert.equal(companions.reported.length, wishes.length);
});

test("a connection that was lost, and a channel that was closed, leave a hole that is said at once", async () => {
  await begin();
  const socket = namespace().connect("s1", ["a"]);
  await eventually(() => view().rooms.has("a"));
  companions.broker.connection.fail();
  socket.join("b");
  await eventually(() => view().holes === 1);
  assert.equal(view().seq, 4);
  companions.broker.maxMessageSize = 30_000;
  socket.join(Array.from({ length: 400 }, (_, index) => `${index}`.padStart(100, "r")));
  await eventually(() => view().holes === 2);
  socket.join(Array.from({ length: 400 }, (_, index) => `${index}`.padStart(100, "s")));
  await eventually(() => [...view().rooms].filter((room) => room.startsWith("s")).length === 400);
  assert.equal(view().holes, 2, "what RabbitMQ takes has been learned");
});

test("another adapter leaves a hole", async () => {
  await begin();
  namespace().connect("s1", ["a"]);
  await eventually(() => view().rooms.has("a"));
  const { constructor: Adapter } = namespace().adapter;
  namespace().adapter = new Adapter(namespace());
  await eventually(() => view().holes === 1);
  namespace().connect("s2", ["b"]);
  await eventually(() => view().rooms.has("b"));
});

test("a server that gets the adapter of this package leaves it to that", async () => {
  await begin();
  namespace().adapter[ADAPTER_MARK] = true;
  const { seq } = view();
  await sleep(1_100); // it looks every second
  namespace().connect("s1", ["a"]);
  await sleep(150);
  assert.equal(view().seq, seq);
});

test("what has been collected is told before the goodbye, and nothing after it", async () => {
  await begin();
  const socket = namespace().connect("s1", ["a"]);
  await companions.gateway.close();
  socket.join("b");
  await sleep(150);
  const keys = companions.broker.published.map(({ key }) => key).slice(-2);
  assert.deepEqual(keys, ["#events", "#presence"]);
  assert.deepEqual([...view().rooms], ["a"]);
  assert.equal(companions.presence.at(-1).type, 13);
});

test("on its own key it says which rooms it has, and does nothing else", async () => {
  const socket = namespace().connect("s1", ["a"]);
  const { probe } = companions.presence.at(-1);
  const question = (type, data) => ({ uid: "emitter", nsp: "/", type, data: { ...companions.opts(), ...data, requestId: "r" } });
  companions.broker.send(probe, question(7, { count: true, list: {}, numbers: true }), { replyTo: "asker", correlationId: "r" });
  await eventually(() => companions.broker.sent("asker").length === 1);
  assert.deepEqual(companions.broker.sent("asker")[0].data.rooms, [["a", 1]]);
  companions.broker.send(probe, { ...question(7, {}), nsp: "/nowhere" }, { replyTo: "asker" });
  companions.broker.send(probe, question(6, { close: true }), { replyTo: "asker" });
  companions.broker.send("#discover", question(7, {}), { replyTo: "asker" });
  await sleep(30);
  assert.equal(companions.broker.sent("asker").length, 1);
  assert.ok(socket.isConnected);
  assert.deepEqual(companions.reported, []);
});

test("before it says which rooms it has, it tells what it has collected", async () => {
  await begin();
  namespace().connect("s1", ["a"]);
  const [{ data }] = await ask(7, { count: true, list: {}, numbers: true });
  const position = (key) => companions.broker.published.findLastIndex((each) => each.key.startsWith(key));
  assert.ok(position("#events") < position("reply "));
  assert.equal(data.seq, 2);
  assert.ok(view().rooms.has("a") && view().seq === 2);
});

test("where a list says something else than what was told, it is told again", async () => {
  await begin();
  const list = () => ask(7, { count: true, list: { prefix: "b", limit: 2 }, numbers: true });
  const { rooms } = namespace().adapter; // an adapter may change it when nobody looks
  for (const room of ["a", "b1", "b2", "b3"]) rooms.set(room, new Set(["s1"]));
  await list();
  await eventually(() => view().seq === 2);
  assert.deepEqual(view().rooms, new Set(["b1", "b2"]), "what the page does not cover is not compared");
  rooms.delete("b1");
  rooms.delete("b2");
  await list();
  await eventually(() => view().seq === 3);
  assert.deepEqual(view().rooms, new Set(["b3"]));
  rooms.set("b0", new Set(["s1"]));
  await list();
  rooms.delete("b0");
  await eventually(() => view().seq === 4);
  assert.deepEqual(told().at(-1).data.rooms, [["-", "b0"]], "no news, but the page has it");
});

test("pages and what is told after them are the truth", async () => {
  await begin();
  const sockets = ["s1", "s2", "s3"].map((id) => namespace().connect(id));
  let state = 20;
  const random = (below) => (state = (state * 1103515245 + 12345) % 2 ** 31) % below;
  const passes = [];
  for (let pass = 0; pass < 20; pass++) {
    const parts = [];
    for (let after = "", last = ""; last !== null; after = last) {
      for (let step = 0; step < 5; step++) {
        const [socket, room] = [sockets[random(3)], `r${random(20)}`];
        if (random(2)) socket.join(room);
        else socket.leave(room);
      }
      const [{ data }] = await ask(7, { count: true, list: { prefix: "r", after, limit: 4 }, numbers: true });
      const names = data.rooms.map(([name]) => name);
      last = names.length === 4 ? names.at(-1) : null;
      parts.push({ names: new Set(names), seq: data.seq, after, last });
    }
    passes.push(parts);
  }
  sockets[0].join("the end");
  await eventually(() => view().rooms.has("the end"));
  const truth = [...namespace().adapter.rooms.keys()].filter((room) => room.startsWith("r")).sort();
  assert.deepEqual([...view().rooms].filter((room) => room.startsWith("r")).sort(), truth);
  for (const parts of passes) {
    const rooms = parts.flatMap(({ names, seq, after, last }) => {
      for (const { data } of told()) {
        for (const [sign, room] of data.seq > seq ? data.rooms ?? [] : []) {
          if (!room.startsWith("r") || room <= after || (last !== null && room > last)) continue;
          if (sign === "+") names.add(room);
          else names.delete(room);
        }
      }
      return [...names];
    });
    assert.deepEqual(rooms.sort(), truth);
  }
});
