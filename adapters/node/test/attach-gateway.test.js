/** The responder, and with it all that answers gateways, with doubles of Socket.IO and of the broker. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attachGateway } from "../lib/attach-gateway.js";
import { ADAPTER_MARK } from "../lib/mark.js";
import { BrokerDouble } from "./support/broker-double.js";
import { eventually } from "./support/eventually.js";
import { ServerDouble } from "./support/socket-io-double.js";

let broker;
let io;
let gateway;
let reported;

const presence = () => broker.sent("#presence");
const opts = (...rooms) => ({ rooms, except: [], flags: {} });

beforeEach(async () => {
  broker = new BrokerDouble();
  io = new ServerDouble();
  reported = [];
  attach();
  await eventually(() => presence().at(-1)?.namespaces.includes("/"));
});
afterEach(() => gateway.close());

function attach(options = {}) {
  const onError = (error, context) => reported.push({ error, context });
  gateway = attachGateway(io, { connection: broker.connect, heartbeatInterval: 100, onError, ...options });
}

/** Asks, and waits a moment for all answers. */
async function ask(type, data, { nsp = "/" } = {}) {
  const requestId = `r${broker.published.length}`;
  const message = { uid: "emitter", nsp, type, data: { opts: opts(), ...data, requestId } };
  broker.send(nsp, message, { replyTo: `reply ${requestId}`, correlationId: requestId });
  await sleep(5);
  const answers = broker.published.filter(({ key }) => key === `reply ${requestId}`);
  for (const { exchange, options } of answers) {
    assert.equal(exchange, "");
    assert.deepEqual(options, { contentType: "application/json", correlationId: requestId });
  }
  return answers.map(({ content }) => JSON.parse(content));
}

const tell = (type, data) => broker.send("/", { uid: "emitter", nsp: "/", type, data: { opts: opts(), ...data } });

test("it says what it is, again and again, and goodbye", async () => {
  const { uid, agent, ...rest } = presence().at(-1);
  assert.deepEqual(rest, {
    type: 2,
    pid: process.pid,
    intervalMs: 100,
    mode: "static",
    namespaces: ["/"],
    features: ["acks", "numbers"],
    probe: `#server#${uid}`,
    adapter: "OtherAdapter",
  });
  const before = presence().length;
  broker.send("#discover", { uid: "somebody else", type: 1 });
  assert.equal(presence().length, before);
  broker.send("#discover", { uid: "emitter", type: 1 });
  assert.equal(presence().length, before + 1);
  await eventually(() => presence().length >= before + 3);
  await gateway.close();
  assert.deepEqual(presence().at(-1), { uid, type: 13 });
  await gateway.close();
  assert.equal(presence().filter(({ type }) => type === 13).length, 1);
});

test("namespaces are announced once they are bound, and when they are gone", async () => {
  io.of("/later");
  await eventually(() => presence().at(-1).namespaces.includes("/later"));
  assert.ok(broker.keys.includes("/later#static"));
  io._nsps.delete("/later");
  assert.equal((await ask(7, {}, { nsp: "/later" }))[0].data.sockets.length, 0);
  await eventually(() => !presence().at(-1).namespaces.includes("/later"));
  await eventually(() => !broker.keys.includes("/later"));
});

test("presence comes back with the connection", async () => {
  broker.connection.fail();
  const before = presence().length;
  await eventually(() => presence().length > before && presence().at(-1).namespaces.includes("/"));
  assert.equal((await ask(7, {})).length, 1);
});

test("emits go through the base class, with the flags that are there", async () => {
  const socket = io.of("/").connect("s1");
  tell(3, { packet: { type: 2, data: ["e", 1] }, opts: { rooms: ["r"], flags: { volatile: true } } });
  const [{ packet, opts: given }] = socket.received;
  assert.deepEqual(packet, { type: 2, data: ["e", 1] });
  assert.deepEqual(given, { rooms: new Set(["r"]), except: new Set(), flags: { volatile: true } });
});

test("clients' answers pass whole, and are forgotten at the time-out", async () => {
  const socket = io.of("/").connect("s1");
  const flags = { timeout: 40 };
  const asked = ask(3, { packet: { data: ["q"] }, opts: { ...opts(), flags } });
  socket.answer("a", { b: Buffer.from("x") });
  const [count, ack] = await asked;
  assert.deepEqual([count.type, count.data.clientCount], [11, 1]);
  assert.equal(ack.type, 12);
  assert.deepEqual(ack.data.args, ["a", { b: { _placeholder: true, num: 0 } }]);
  const before = broker.published.length;
  const silent = ask(3, { packet: { data: ["q"] }, opts: { ...opts(), flags } });
  const [late] = socket.acks.values();
  assert.equal((await silent).length, 1);
  await eventually(() => socket.acks.size === 0, { withinMs: 200 });
  late("too late");
  await sleep(5);
  const replies = broker.published.slice(before).filter(({ key }) => key.startsWith("reply"));
  assert.equal(replies.length, 1);
});

test("an answer waits for every join, and one that fails is reported and stops nobody", async () => {
  const namespace = io.of("/");
  const [slow, broken, good] = ["s1", "s2", "s3"].map((id) => namespace.connect(id, ["all"]));
  let done = false;
  slow.join = async () => {
    await sleep(2);
    done = true;
  };
  broken.join = async () => Promise.reject(new Error("cannot join"));
  const [{ data }] = await ask(4, { opts: opts("all"), rooms: ["x"] });
  assert.deepEqual([done, data.matched, good.rooms.has("x")], [true, 3, true]);
  assert.equal(reported[0].error.message, "cannot join");
});

test("what has no requestId is done and not answered", async () => {
  const socket = io.of("/").connect("s1", ["a"]);
  const before = broker.published.length;
  tell(4, { rooms: ["b"] });
  tell(5, { rooms: ["a"] });
  assert.deepEqual([...socket.rooms], ["s1", "b"]);
  tell(6, { close: true });
  assert.equal(socket.closed, true);
  await sleep(5);
  assert.deepEqual(broker.published.slice(before).filter(({ key }) => key.startsWith("reply")), []);
});

test("sockets are described without credentials, and whatever their data", async () => {
  const socket = io.of("/").connect("s1", ["a"]);
  socket.data.self = socket.data;
  const [{ data }] = await ask(7, {});
  const handshake = { headers: { host: "x" }, url: "/" };
  assert.deepEqual(data.sockets, [{ id: "s1", rooms: ["s1", "a"], data: null, handshake }]);
  const [{ data: some }] = await ask(7, { fields: ["rooms"] });
  assert.deepEqual(some.sockets, [{ id: "s1", rooms: ["s1", "a"] }]);
});

test("rooms are counted and listed in order, private ones on request", async () => {
  io.of("/").connect("s1", ["b", "a", "\u{1F600}"]);
  io.of("/").connect("s2", ["b", "\uFF5E"]);
  const [{ data }] = await ask(7, { opts: opts("a"), count: true, rooms: ["b", "z", "__proto__"] });
  assert.equal(data.count, 1);
  assert.deepEqual(Object.entries(data.rooms), [["b", 2], ["z", 0], ["__proto__", 0]]);
  const list = async (more) => Object.entries((await ask(7, { count: true, list: more }))[0].data.rooms);
  assert.deepEqual(await list({ limit: 2 }), [["a", 1], ["b", 2]]);
  assert.deepEqual(await list({ after: "b" }), [["\uFF5E", 1], ["\u{1F600}", 1]]);
  assert.deepEqual(await list({ prefix: "s", private: true, after: "s1" }), [["s2", 1]]);
});

test("server-side emits: answered once, said when nobody listens, reserved ones refused, errors reported", async () => {
  const namespace = io.of("/");
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
  assert.deepEqual(reported, []);
  assert.equal((await ask(9, { packet: ["connection"] }))[0].data.handled, false);
  await ask(9, { packet: ["bad"] });
  tell(9, { packet: ["error", "x"] });
  await sleep(5);
  const messages = reported.map(({ error }) => error.message);
  assert.equal(messages.length, 3);
  assert.equal(messages[1], "of the application");
});

test("others than gateways, other namespaces and garbage are no questions", async () => {
  const socket = io.of("/").connect("s1");
  const data = { opts: opts(), packet: { data: ["e"] } };
  broker.send("/", { uid: "a server", nsp: "/", type: 3, data });
  broker.send("/", { uid: "emitter", nsp: "/other", type: 3, data });
  assert.deepEqual(reported, []);
  broker.send("/", Buffer.from("no json"));
  broker.send("/", { uid: "emitter", nsp: "/", type: 3, data: { opts: opts(), packet: {} } });
  broker.send("/", { uid: "emitter", nsp: "/", type: 7, data: { requestId: "r", opts: opts(), limit: -1 } });
  await sleep(5);
  assert.equal(reported.length, 3);
  assert.deepEqual(socket.received, []);
});

test("it refuses beside the adapter, on a server it has, and on what is no server", async () => {
  assert.throws(() => attach(), /attached already/);
  assert.throws(() => attachGateway({}, { connection: broker.connect }), TypeError);
  const other = new ServerDouble();
  other.of("/").adapter[ADAPTER_MARK] = true;
  assert.throws(() => attachGateway(other, { connection: broker.connect }), /by themselves/);
  io.of("/").adapter[ADAPTER_MARK] = true;
  assert.deepEqual(await ask(7, {}), []);
});

test("a name that no key can hold is reported, and the others work", async () => {
  io.of("/a#static");
  assert.deepEqual(reported.map(({ context }) => context), [{ stage: "namespace", namespace: "/a#static" }]);
  assert.equal((await ask(7, {})).length, 1);
});
