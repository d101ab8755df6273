/** The responder, and with it all that answers gateways, with doubles of Socket.IO and of the broker. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attachGateway } from "../lib/attach-gateway.js";
import { ADAPTER_MARK } from "../lib/mark.js";
import { Companions } from "./support/companions.js";
import { eventually } from "./support/eventually.js";
import { BaseAdapter, ServerDouble } from "./support/socket-io-double.js";

const companions = new Companions();
const { ask, tell } = companions;
const opts = (...rooms) => companions.opts(...rooms).opts;
const presence = () => companions.presence;

test("it says what it is, again and again, and goodbye", async () => {
  const { uid, agent, ...rest } = presence().at(-1);
  assert.deepEqual(rest, {
    type: 2,
    pid: process.pid,
    intervalMs: 100,
    mode: "static",
    namespaces: ["/"],
    features: ["acks", "numbers", "events"],
    probe: `#server#${uid}`,
    adapter: "OtherAdapter",
  });
  const before = presence().length;
  companions.broker.send("#discover", { uid: "somebody else", type: 1 });
  for (const type of [2, 13]) companions.broker.send("#discover", { uid: "emitter", type });
  assert.equal(presence().length, before);
  companions.broker.send("#discover", { uid: "emitter", type: 1 });
  assert.equal(presence().length, before + 1);
  await eventually(() => presence().length >= before + 3);
  await companions.gateway.close();
  assert.deepEqual(presence().at(-1), { uid, type: 13 });
  await companions.gateway.close();
  assert.equal(presence().filter(({ type }) => type === 13).length, 1);
});

test("a probe is bound before it is named, and nothing comes of what is sent there", async () => {
  await companions.gateway.close();
  let open_;
  companions.broker.bindGate = new Promise((resolve) => (open_ = resolve));
  const before = presence().length;
  companions.attach();
  await eventually(() => presence().length >= before + 2);
  for (const heartbeat of presence().slice(before)) assert.equal("probe" in heartbeat, false);
  open_();
  await eventually(() => presence().at(-1).probe !== undefined);
  const { uid, probe } = presence().at(-1);
  assert.equal(probe, `#server#${uid}`);
  assert.ok(companions.broker.keys.includes(probe));
  const published = companions.broker.published.length;
  companions.broker.send(probe, { uid: "emitter", type: 2 });
  assert.equal(companions.broker.published.length, published + 1);
  companions.broker.connection.fail();
  await eventually(() => companions.broker.connections.length === 3 && presence().at(-1).probe === probe);
  assert.deepEqual(companions.reported.map(({ error }) => error.message), ["CONNECTION_FORCED"]);
});

test("Socket.IO before 4.5: one warning, no acks among the features, and an emit that asks harms nobody", async (t) => {
  const { broadcastWithAck } = BaseAdapter.prototype;
  delete BaseAdapter.prototype.broadcastWithAck;
  t.after(() => (BaseAdapter.prototype.broadcastWithAck = broadcastWithAck));
  await companions.gateway.close();
  companions.reported.length = 0;
  companions.attach();
  assert.deepEqual(companions.reported.map(({ context }) => context), [{ stage: "version" }]);
  await companions.presenceOf("/");
  await eventually(() => presence().at(-1).type === 2 && presence().at(-1).probe !== undefined);
  assert.deepEqual(presence().at(-1).features, ["numbers", "events"]);
  const socket = companions.io.of("/").connect("s1");
  assert.deepEqual(await ask(3, { packet: { data: ["q"] } }), []);
  tell(3, { packet: { data: ["e"] } });
  assert.equal(socket.received.length, 1);
  assert.equal((await ask(7, {})).length, 1);
  const said = companions.reported.map(({ error }) => error.message);
  assert.equal(said.length, 2);
  assert.match(said[1], /4\.5 or later/);
});

test("Socket.IO 4.0 has no server-side emits: nobody listens", async () => {
  const namespace = companions.io.of("/");
  namespace._onServerSideEmit = undefined;
  namespace.on("ask", () => {});
  assert.equal((await ask(9, { packet: ["ask"] }))[0].data.handled, false);
  assert.deepEqual(companions.reported, []);
});

test("namespaces are announced once they are bound, and when they are gone", async () => {
  companions.io.of("/later");
  await eventually(() => presence().at(-1).namespaces.includes("/later"));
  assert.ok(companions.broker.keys.includes("/later#static"));
  companions.io._nsps.delete("/later");
  assert.equal((await ask(7, {}, { nsp: "/later" }))[0].data.sockets.length, 0);
  await eventually(() => !presence().at(-1).namespaces.includes("/later"));
  await eventually(() => !companions.broker.keys.includes("/later"));
});

test("presence comes back with the connection", async () => {
  companions.broker.connection.fail();
  const before = presence().length;
  await eventually(() => presence().length > before && presence().at(-1).namespaces.includes("/"));
  assert.equal((await ask(7, {})).length, 1);
});

test("emits go through the base class, with the flags that are there", async () => {
  const socket = companions.io.of("/").connect("s1");
  tell(3, { packet: { type: 2, data: ["e", 1] }, opts: { rooms: ["r"], flags: { volatile: true } } });
  const [{ packet, opts: given }] = socket.received;
  assert.deepEqual(packet, { type: 2, data: ["e", 1] });
  assert.deepEqual(given, { rooms: new Set(["r"]), except: new Set(), flags: { volatile: true } });
});

test("clients' answers pass whole, and are forgotten at the time-out", async () => {
  const socket = companions.io.of("/").connect("s1");
  const flags = { timeout: 40 };
  const asked = ask(3, { packet: { data: ["q"] }, opts: { ...opts(), flags } });
  socket.answer("a", { b: Buffer.from("x") });
  const [count, ack] = await asked;
  assert.deepEqual([count.type, count.data.clientCount], [11, 1]);
  assert.equal(ack.type, 12);
  assert.deepEqual(ack.data.args, ["a", { b: { _placeholder: true, num: 0 } }]);
  const before = companions.broker.published.length;
  const silent = ask(3, { packet: { data: ["q"] }, opts: { ...opts(), flags } });
  const [late] = socket.acks.values();
  assert.equal((await silent).length, 1);
  await eventually(() => socket.acks.size === 0, { withinMs: 200 });
  late("too late");
  await sleep(5);
  const replies = companions.broker.published.slice(before).filter(({ key }) => key.startsWith("reply"));
  assert.equal(replies.length, 1);
});

test("an answer waits for every join, and one that fails is reported and stops nobody", async () => {
  const namespace = companions.io.of("/");
  const [slow, broken, good] = ["s1", "s2", "s3"].map((id) => namespace.connect(id, ["all"]));
  let done = false;
  slow.join = async () => {
    await sleep(2);
    done = true;
  };
  broken.join = async () => Promise.reject(new Error("cannot join"));
  const [{ data }] = await ask(4, { opts: opts("all"), rooms: ["x"] });
  assert.deepEqual([done, data.matched, good.rooms.has("x")], [true, 3, true]);
  assert.equal(companions.reported[0].error.message, "cannot join");
});

test("what has no requestId is done and not answered", async () => {
  const socket = companions.io.of("/").connect("s1", ["a"]);
  const before = companions.broker.published.length;
  tell(4, { rooms: ["b"] });
  tell(5, { rooms: ["a"] });
  assert.deepEqual([...socket.rooms], ["s1", "b"]);
  tell(6, { close: true });
  assert.equal(socket.closed, true);
  await sleep(5);
  assert.deepEqual(companions.broker.published.slice(before).filter(({ key }) => key.startsWith("reply")), []);
});

test("sockets are described without credentials, and whatever their data", async () => {
  const socket = companions.io.of("/").connect("s1", ["a"]);
  socket.data.self = socket.data;
  const [{ data }] = await ask(7, {});
  const handshake = { headers: { host: "x" }, url: "/" };
  assert.deepEqual(data.sockets, [{ id: "s1", rooms: ["s1", "a"], data: null, handshake }]);
  const [{ data: some }] = await ask(7, { fields: ["rooms"] });
  assert.deepEqual(some.sockets, [{ id: "s1", rooms: ["s1", "a"] }]);
});

test("rooms are counted and listed in order, private ones on request", async () => {
  companions.io.of("/").connect("s1", ["b", "a", "\u{1F600}"]);
  companions.io.of("/").connect("s2", ["b", "\uFF5E"]);
  const [{ data }] = await ask(7, { opts: opts("a"), count: true, rooms: ["b", "z", "__proto__"] });
  assert.equal(data.count, 1);
  assert.deepEqual(Object.entries(data.rooms), [["b", 2], ["z", 0], ["__proto__", 0]]);
  const list = async (more) => Object.entries((await ask(7, { count: true, list: more }))[0].data.rooms);
  assert.deepEqual(await list({ limit: 2 }), [["a", 1], ["b", 2]]);
  assert.deepEqual(await list({ after: "b" }), [["\uFF5E", 1], ["\u{1F600}", 1]]);
  assert.deepEqual(await list({ prefix: "s", private: true, after: "s1" }), [["s2", 1]]);
});

test("server-side emits: answered once, said when nobody listens, reserved ones refused, errors reported", async () => {
  const namespace = companions.io.of("/");
  namespace.on("ask", (value, answer) => {
    answer(value);
    answer("twice");
  });
  namespace.on("nothing", (answer) => answer());
  namespace.on("bad", () => {
    throw new Error("of the application");
  });
  namespace.on("connection", () => assert.fail("fired for real"));
  assert.deepEqual((await ask(9, { packet: ["ask", 1] })).map(({ data }) => data.packet), [1]);
  assert.equal((await ask(9, { packet: ["nothing"] }))[0].data.packet, null);
  assert.equal((await ask(9, { packet: ["unheard"] }))[0].data.handled, false);
  assert.deepEqual(companions.reported, []);
  assert.equal((await ask(9, { packet: ["connection"] }))[0].data.handled, false);
  await ask(9, { packet: ["bad"] });
  tell(9, { packet: ["error", "x"] });
  await sleep(5);
  const messages = companions.reported.map(({ error }) => error.message);
  assert.equal(messages.length, 3);
  assert.equal(messages[1], "of the application");
});

test("others than gateways, other namespaces and garbage are no questions", async () => {
  const socket = companions.io.of("/").connect("s1");
  const data = { opts: opts(), packet: { data: ["e"] } };
  companions.broker.send("/", { uid: "a server", nsp: "/", type: 3, data });
  companions.broker.send("/", { uid: "emitter", nsp: "/other", type: 3, data });
  assert.deepEqual(companions.reported, []);
  companions.broker.send("/", Buffer.from("no json"));
  companions.broker.send("/", { uid: "emitter", nsp: "/", type: 3, data: { opts: opts(), packet: {} } });
  companions.broker.send("/", { uid: "emitter", nsp: "/", type: 7, data: { requestId: "r", opts: opts(), limit: -1 } });
  await sleep(5);
  assert.equal(companions.reported.length, 3);
  assert.deepEqual(socket.received, []);
});

test("it refuses beside the adapter, on a server it has, and on what is no server", async () => {
  assert.throws(() => companions.attach(), /attached already/);
  assert.throws(() => attachGateway({}, { connection: companions.broker.connect }), TypeError);
  const other = new ServerDouble();
  other.of("/").adapter[ADAPTER_MARK] = true;
  assert.throws(() => attachGateway(other, { connection: companions.broker.connect }), /by themselves/);
  companions.io.of("/").adapter[ADAPTER_MARK] = true;
  assert.deepEqual(await ask(7, {}), []);
});

test("a name that no key can hold is companions.reported, and the others work", async () => {
  companions.io.of("/a#static");
  assert.deepEqual(companions.reported.map(({ context }) => context), [{ stage: "namespace", namespace: "/a#static" }]);
  assert.equal((await ask(7, {})).length, 1);
});
