/** The broker goes away and comes back: real Socket.IO, real clients, a real broker that is ended and started. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { startBroker } from "./broker.js";
import { skip } from "./packages.js";
import { Stage } from "./stage.js";

describe("a broker that goes away", { skip }, () => {
  let broker;
  let stage;
  const unhandled = [];
  const note = (error) => unhandled.push(error);
  before(async () => {
    broker = await startBroker();
    process.on("unhandledRejection", note);
  });
  after(() => {
    process.off("unhandledRejection", note);
    return broker?.stop();
  });
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(async () => {
    await stage.close();
    assert.deepEqual(unhandled.splice(0), []);
  });

  test("servers live through a restart: rooms, bindings, presence, and no error for the application", async (t) => {
    if (!broker.canRestart) return t.skip("the broker in AMQP_URL is not ours to restart");
    const modes = ["static", "dynamic"].map((subscriptionMode) => ({ options: { subscriptionMode } }));
    const [a, b] = await stage.cluster(2, modes);
    const companion = await stage.companion();
    for (const { io } of [a, b]) io.of("/chat");
    const [here, there] = [await stage.client(a, { join: ["r"] }), await stage.client(b, { join: ["r"] })];
    const chatting = await stage.client(b, { namespace: "/chat", join: ["r"] });
    const gateway = await stage.gateway();
    await broker.run("shutdown");
    await eventually(() => stage.errors.length >= 3);

    a.io.emit("while away", 1);
    await eventually(() => here.received.length === 1);
    a.io.socketsJoin("joined while away");
    assert.ok(here.socket.rooms.has("joined while away"));
    const started = Date.now();
    await there.socket.join("also while away");
    assert.ok(Date.now() - started < 3_000);
    const asking = a.io.timeout(200).emitWithAck("ask").catch((error) => error.responses);
    assert.deepEqual(await asking, [here.id]);
    await assert.rejects(a.io.of("/").adapter.doPublish({ uid: "x", nsp: "/", type: 2 }), {
      code: "ERR_NOT_CONNECTED",
    });

    await broker.run("start");
    await stage.acquainted([a, b]);
    await stage.acquainted([a, b], "/chat");
    a.io.to("also while away").emit("back");
    a.io.of("/chat").to("r").emit("back");
    b.io.to("r").emit("back too");
    await eventually(() => there.received.some(([event]) => event === "back"));
    await eventually(() => chatting.received.length === 1);
    await eventually(() => here.received.some(([event]) => event === "back too"));
    await gateway.close().catch(() => {});
    const next = await stage.gateway();
    next.discover();
    const uids = () => new Set(next.presence.map(({ uid }) => uid));
    await eventually(() => uids().size === 3, { withinMs: 15_000 });
    assert.equal((await next.ask(7, {}, { count: 3 })).length, 3);
    assert.equal(await a.io.of("/").adapter.serverCount(), 2);
    assert.ok(stage.errors.every(({ context }) => context.stage === "connection"));
    await companion.gateway.close();
  });

  test("companions are back within 2 s of the broker's accepting connections again", async (t) => {
    if (!broker.canRestart) return t.skip("the broker in AMQP_URL is not ours to restart");
    const companions = await Promise.all(Array.from({ length: 5 }, () => stage.companion()));
    const [adapter] = await stage.cluster(1);
    const client = await stage.client(companions[0]);
    await broker.run("shutdown");
    await sleep(6_000); // the waits between attempts have become as long as they get
    await broker.run("start");
    const accepted = Date.now();
    const gateway = await stage.gateway();
    const uids = () => new Set(gateway.presence.map(({ uid }) => uid));
    await eventually(() => uids().size === companions.length + 1);
    const took = Date.now() - accepted;
    assert.ok(took < 2_000, `${took} ms`);
    assert.equal((await gateway.ask(7, {}, { count: 6 })).length, 6);
    gateway.tell(3, { packet: { type: 2, data: ["back"] } });
    await eventually(() => client.received.length === 1);
    assert.equal(await adapter.io.of("/").adapter.serverCount(), 1);
  });

  test("a server that starts before its broker works once it is there", async (t) => {
    if (!broker.canRestart) return t.skip("the broker in AMQP_URL is not ours to restart");
    await broker.run("shutdown");
    const a = await stage.server();
    const client = await stage.client(a, { join: ["r"] });
    a.io.to("r").emit("alone");
    await eventually(() => client.received.length === 1);
    await broker.run("start");
    const b = await stage.server();
    await stage.acquainted([a, b]);
    b.io.to("r").emit("together");
    await eventually(() => client.received.length === 2);
  });

  test("a server closes in order while its broker is away", async (t) => {
    if (!broker.canRestart) return t.skip("the broker in AMQP_URL is not ours to restart");
    const [a] = await stage.cluster(2);
    await broker.run("shutdown");
    await eventually(() => stage.errors.length >= 2);
    const started = Date.now();
    await a.io.close();
    assert.ok(Date.now() - started < 3_000);
    await broker.run("start");
  });

  test("a broker that says nothing delays closing by two seconds at most", async (t) => {
    if (!broker.canRestart) return t.skip("the broker in AMQP_URL is not ours to stop");
    const [a] = await stage.cluster(2);
    await broker.run("pause");
    const started = Date.now();
    await a.io.close();
    assert.ok(Date.now() - started < 3_500);
    await broker.run("resume");
  });

  test("a channel that the broker closes comes back, on the given connection too", async () => {
    const connections = [];
    const connect = async () => {
      const connection = await stage.connect();
      connections.push(connection);
      return connection;
    };
    const given = await connect();
    const a = await stage.server({ options: { connection: given, subscriptionMode: "dynamic" } });
    const b = await stage.server({ options: { connection: connect } });
    await stage.acquainted([a, b]);
    const client = await stage.client(a, { join: ["r"] });
    for (const connection of connections) closeChannels(connection);
    await eventually(() => stage.errors.length >= 2);
    await eventually(() => {
      b.io.to("r").emit("back");
      return client.received.length > 0;
    });
    assert.equal(connections.length, 3, "a given connection is kept, an own one made again");
    await a.io.close();
    await given.close();
  });

  test("a given connection that is lost is not made again, and nothing is thrown", async () => {
    const connection = await stage.connect();
    const a = await stage.server({ options: { connection } });
    const b = await stage.server();
    await stage.acquainted([a, b]);
    const client = await stage.client(a);
    connection.connection.stream.destroy(new Error("reset"));
    await eventually(() => stage.errors.some(({ error }) => /the given connection is closed/.test(error.message)));
    a.io.emit("local");
    await eventually(() => client.received.length === 1);
    await eventually(async () => (await a.io.of("/").adapter.serverCount()) === 1, { withinMs: 8_000 });
    assert.deepEqual((await a.io.fetchSockets()).map(({ id }) => id), [client.id]);
  });

  test("an exchange of another kind is reported and tried again", async () => {
    const connection = await stage.connect();
    const channel = await connection.createChannel();
    await channel.assertExchange(stage.exchange, "fanout", { durable: false });
    const a = await stage.server();
    await eventually(() => stage.errors.some(({ error }) => error.code === 406));
    await channel.deleteExchange(stage.exchange);
    const b = await stage.server();
    await stage.acquainted([a, b]);
    await connection.close();
  });

  test("a queue that is deleted comes back", async () => {
    const declared = [];
    const connection = async () => noteQueues(await stage.connect(), declared);
    const a = await stage.server({ options: { connection } });
    const b = await stage.server();
    await stage.acquainted([a, b]);
    const client = await stage.client(a);
    const [{ channel, queue }] = declared;
    await channel.deleteQueue(queue);
    await eventually(() => stage.errors.some(({ error }) => /deleted the queue/.test(error.message)));
    await eventually(() => {
      b.io.emit("back");
      return client.received.length > 0;
    });
  });

  /** Makes the broker close every channel, as for a mistake. */
  function closeChannels(connection) {
    for (const entry of connection.connection.channels.slice(1)) {
      entry?.channel.checkQueue?.("amq.gen-that-does-not-exist").catch(() => {});
    }
  }

  /** Exclusive queues can be deleted by their own connection only. */
  function noteQueues(connection, declared) {
    const createChannel = connection.createChannel.bind(connection);
    connection.createChannel = async () => {
      const channel = await createChannel();
      const assertQueue = channel.assertQueue.bind(channel);
      channel.assertQueue = async (...args) => {
        const answer = await assertQueue(...args);
        declared.push({ channel, queue: answer.queue });
        return answer;
      };
      return channel;
    };
    return connection;
  }
});
