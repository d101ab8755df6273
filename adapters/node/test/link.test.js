/** Connecting, publishing, subscribing and coming back, with a broker double. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Backoff } from "../lib/backoff.js";
import { Link } from "../lib/link.js";
import { refusalIn } from "../lib/message-size.js";
import { NotConnectedError } from "../lib/not-connected.js";
import { Subscription } from "../lib/subscription.js";
import { BrokerDouble } from "./support/broker-double.js";
import { eventually } from "./support/eventually.js";

const EXCHANGE = "socket.io.cluster";
let broker;
let link;
let reported;

beforeEach(() => {
  broker = new BrokerDouble();
  reported = [];
});
afterEach(() => link.close());

function open(connection = broker.connect) {
  const report = (error, context) => reported.push({ error, context });
  const backoff = new Backoff({ firstMs: 2, mostMs: 5 });
  link = new Link({ connection, exchange: EXCHANGE, report, backoff });
  link.open();
}

function subscribe(keys, { waitMs = 1_000, received = [] } = {}) {
  const onMessage = ({ content }) => received.push(content.toString());
  const subscription = new Subscription({ exchange: EXCHANGE, keys, onMessage, waitMs });
  link.add(subscription);
  return Object.assign(subscription, { received });
}

const started = (subscription) => eventually(() => subscription.isStarted);
const publish = (key = "/", more = {}) =>
  link.publish({ exchange: EXCHANGE, key, content: Buffer.from("x"), ...more });

test("the exchange is declared as servers and gateways have agreed, queues are the connection's own", async () => {
  open();
  await started(subscribe(["/", "/#static"]));
  const [, consumer] = broker.connection.channels;
  assert.deepEqual(consumer.exchange, { name: EXCHANGE, type: "direct", durable: false, autoDelete: false });
  assert.deepEqual(consumer.queueOptions, { exclusive: true, autoDelete: true, durable: false });
  assert.deepEqual(consumer.consumeOptions, { noAck: true, exclusive: true });
  assert.deepEqual(broker.keys, ["/", "/#static"]);
});

test("publishing while there is no connection throws at once, and nothing is sent later", async () => {
  open();
  assert.throws(() => publish(), NotConnectedError);
  await started(subscribe(["/"]));
  publish();
  assert.equal(broker.published.length, 1);
  broker.isDown = true;
  broker.connection.fail();
  assert.throws(() => publish(), { code: "ERR_NOT_CONNECTED" });
  broker.isDown = false;
  await eventually(() => link.isConnected);
  assert.equal(broker.published.length, 1);
});

test("a closed channel, a blocked connection and a full buffer refuse messages too", async () => {
  open();
  await started(subscribe(["/"]));
  broker.connection.emit("blocked", "low on memory");
  assert.throws(() => publish(), NotConnectedError);
  assert.equal(link.isConnected, false);
  broker.connection.emit("unblocked");
  publish();
  const [publisher] = broker.connection.channels;
  publisher.hasRoom = false;
  publish("/", { content: Buffer.alloc(17 * 1024 * 1024) });
  assert.throws(() => publish(), NotConnectedError);
  publisher.emit("drain");
  publish();
  publisher.isClosed = true;
  assert.throws(() => publish(), NotConnectedError);
});

test("everything comes back on a new connection: what was there, and what came meanwhile", async () => {
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  subscription.add("/#room#a");
  subscription.add("/#room#b");
  await subscription.whenBound(["/#room#a", "/#room#b"]);
  broker.isDown = true;
  broker.connection.fail();
  assert.equal(subscription.isStarted, false);
  subscription.remove("/#room#b");
  subscription.add("/#room#c");
  await eventually(() => reported.length >= 3);
  broker.isDown = false;
  await started(subscription);
  assert.deepEqual(broker.keys, ["/", "/#room#a", "/#room#c"]);
  broker.send("/#room#c", "hello");
  assert.deepEqual(subscription.received, ['"hello"']);
  assert.ok(reported.every(({ context }) => context.stage === "connection"));
});

test("one failure is reported once, with its cause", async () => {
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  broker.connection.fail(new Error("CONNECTION_FORCED"));
  await started(subscription);
  assert.deepEqual(reported.map(({ error }) => error.message), ["CONNECTION_FORCED"]);
  broker.connection.channels[1].fail(new Error("404"));
  await eventually(() => reported.length === 2);
  assert.equal(reported[1].error.message, "404");
});

for (const place of [0, 1]) {
  test(`a channel that is closed (${place}) means a new connection, and the old one is closed`, async () => {
    open();
    const subscription = subscribe(["/"]);
    await started(subscription);
    const [first] = broker.connections;
    first.channels[place].fail(new Error("404"));
    await eventually(() => broker.connections.length === 2 && subscription.isStarted);
    await eventually(() => first.isClosed);
    assert.equal(broker.queueCount, 1);
  });
}

test("a message that the broker finds too large costs its channel, not the subscription, and never twice", async () => {
  broker.maxMessageSize = 1_000;
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  publish("/", { content: Buffer.alloc(1_001) });
  await eventually(() => reported.length === 1);
  assert.deepEqual([reported[0].error.code, reported[0].context], [406, { stage: "publish" }]);
  const error = { code: "ERR_MESSAGE_TOO_LARGE", message: /1001 bytes was not sent: RabbitMQ takes 1000 at most/ };
  assert.throws(() => publish("/", { content: Buffer.alloc(1_001) }), error);
  assert.throws(() => link.answer({ exchange: "", key: "q", content: Buffer.alloc(1_001) }), error);
  publish("/", { content: Buffer.alloc(1_000) });
  await eventually(() => subscription.received.length === 1);
  assert.deepEqual([link.isConnected, broker.connections.length, reported.length], [true, 1, 1]);
});

test("what was sent behind such a message arrives all the same, once, and in order", async () => {
  broker.maxMessageSize = 1_000;
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  const texts = Array.from({ length: 20 }, (_, i) => String(i));
  for (const text of texts) {
    publish("/", { content: Buffer.from(text) });
    if (text === "9") publish("/", { content: Buffer.alloc(2_000) });
    if (text === "12") publish("/", { content: Buffer.alloc(3_000) });
    if (text === "15") await sleep(0);
  }
  await eventually(() => subscription.received.length >= texts.length);
  await sleep(20);
  assert.deepEqual(subscription.received, texts);
  assert.deepEqual(reported.map(({ error }) => error.code), [406, "ERR_MESSAGE_TOO_LARGE"]);
});

test("what is published while the channel is opened again goes out in order, up to a limit", async () => {
  broker.maxMessageSize = 16 * 1024 * 1024 + 1;
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  const [publisher] = broker.connection.channels;
  publish("/", { content: Buffer.alloc(broker.maxMessageSize + 1) });
  await new Promise((resolve) => publisher.once("close", resolve));
  for (const text of ["a", "b"]) publish("/", { content: Buffer.from(text) });
  publish("/elsewhere", { content: Buffer.alloc(broker.maxMessageSize) });
  assert.throws(() => publish(), NotConnectedError);
  await eventually(() => subscription.received.length === 2);
  assert.deepEqual(subscription.received, ["a", "b"]);
  publish();
  await eventually(() => subscription.received.length === 3);
});

test("the sizes in RabbitMQ's refusals are understood, old and new", () => {
  const refusal = "Channel closed by server: 406 (PRECONDITION-FAILED) with message \"PRECONDITION_FAILED - ";
  for (const text of ["is larger than configured max size", "larger than max size"]) {
    assert.deepEqual(refusalIn(new Error(`${refusal}message size 9 ${text} 8"`)), { bytes: 9, mostBytes: 8 });
  }
  for (const error of [new Error(`${refusal}inequivalent arg 'durable'"`), {}, undefined]) {
    assert.equal(refusalIn(error), null);
  }
});

test("a given connection is kept when a channel goes, and never closed", async () => {
  const connection = await broker.connect();
  open(connection);
  const subscription = subscribe(["/"]);
  await started(subscription);
  connection.channels[1].fail(new Error("404"));
  await eventually(() => connection.channels.length === 6 && subscription.isStarted);
  await link.close();
  assert.equal(connection.isClosed, false);
  assert.equal(broker.queueCount, 0);
  assert.deepEqual(connection.eventNames(), []);
});

test("a given connection that closes is reported, and that is the end", async () => {
  const connection = await broker.connect();
  open(connection);
  await started(subscribe(["/"]));
  connection.fail(new Error("gone"));
  await eventually(() => reported.length === 2);
  assert.match(reported[1].error.message, /the given connection is closed/);
  await sleep(30);
  assert.equal(reported.length, 2);
  assert.throws(() => publish(), NotConnectedError);
});

test("a function that throws, or makes nothing, is called again", async () => {
  const results = [() => assert.fail("no"), () => undefined, () => ({}), broker.connect];
  open(() => results.shift()());
  await started(subscribe(["/"]));
  assert.equal(reported.length, 3);
});

test("a queue that is deleted comes back", async () => {
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  broker.deleteAllQueues();
  await eventually(() => reported.length === 1);
  await started(subscription);
  broker.send("/", 1);
  assert.deepEqual(subscription.received, ["1"]);
});

test("a connection that is lost during set-up is made again", async () => {
  let open_;
  broker.bindGate = new Promise((resolve) => (open_ = resolve));
  open();
  const subscription = subscribe(["/"]);
  await eventually(() => broker.queueCount === 1);
  broker.connection.fail();
  open_();
  await started(subscription);
  assert.deepEqual(broker.keys, ["/"]);
});

test("a room is bound when whenBound resolves, and nobody waits for what is bound", async () => {
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  let release;
  broker.bindGate = new Promise((resolve) => (release = resolve));
  subscription.add("/#room#a");
  let isBound = false;
  const bound = subscription.whenBound(["/#room#a"]).then(() => (isBound = true));
  await sleep(20);
  assert.equal(isBound, false);
  release();
  await bound;
  assert.deepEqual(broker.keys, ["/", "/#room#a"]);
  assert.equal(subscription.whenBound(["/#room#a", "/#room#nobody wants"]), undefined);
});

test("waiting for a binding ends when the connection comes back, when the room goes, and at its limit", async () => {
  open();
  const subscription = subscribe(["/"], { waitMs: 50 });
  await started(subscription);
  broker.isDown = true;
  broker.connection.fail();
  subscription.add("/#room#a");
  subscription.add("/#room#b");
  const before = Date.now();
  const left = subscription.whenBound(["/#room#b"]);
  subscription.remove("/#room#b");
  await left;
  assert.ok(Date.now() - before < 40);
  await subscription.whenBound(["/#room#a"]);
  assert.ok(Date.now() - before >= 45);
  broker.isDown = false;
  subscription.add("/#room#c");
  await subscription.whenBound(["/#room#c"]);
});

test("the last word about a room counts, however quickly it changes", async () => {
  open();
  const subscription = subscribe(["/"]);
  await started(subscription);
  for (let i = 0; i < 3; i++) {
    subscription.add("/#room#a");
    subscription.remove("/#room#a");
    subscription.remove("/#room#b");
    subscription.add("/#room#b");
  }
  subscription.add("/#room#b");
  subscription.remove("/#room#b");
  await subscription.whenBound(["/#room#b"]);
  await sleep(20);
  assert.deepEqual(broker.keys, ["/", "/#room#b"]);
});

test("closing ends the connection, what is under way, and all waiting", async () => {
  open();
  const subscription = subscribe(["/"], { waitMs: 60_000 });
  await started(subscription);
  broker.bindGate = new Promise(() => {});
  subscription.add("/#room#a");
  const waiting = subscription.whenBound(["/#room#a"]);
  await link.close();
  await waiting;
  assert.equal(broker.connection.isClosed, true);
  assert.throws(() => publish(), NotConnectedError);
  await sleep(20);
  assert.equal(broker.connections.length, 1);
  assert.deepEqual(reported, []);
});

test("closing while connecting leaves no connection behind", async () => {
  open();
  await link.close();
  await eventually(() => broker.connections.length === 0 || broker.connection.isClosed);
  await sleep(20);
  assert.ok(broker.connections.every(({ isClosed }) => isClosed));
});
