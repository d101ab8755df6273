/** Messages beyond the broker's `max_message_size`: what else goes through the connection must not notice. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { startBroker } from "./broker.js";
import { packages, skip } from "./packages.js";
import { SERVERS } from "./servers.js";
import { Stage } from "./stage.js";

const MIB = 1024 * 1024;
const Type = { BROADCAST: 3, FETCH: 7, EMIT: 9 };
const reason = process.env.AMQP_URL ? "the broker in AMQP_URL is not ours to configure" : false;

describe("a broker that takes 1 MiB", { skip: skip || reason }, () => {
  let broker;
  let stage;
  before(async () => {
    broker = await startBroker();
    await broker.run(`ctl eval application:set_env(rabbit,max_message_size,${MIB}).`);
  });
  after(() => broker?.stop());
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  async function meet(start) {
    const gateway = await stage.gateway();
    const server = await start(stage);
    await eventually(() => gateway.presence.some(({ namespaces }) => namespaces?.includes("/")));
    return { gateway, server };
  }

  /** @returns counts events until it is told to stop, and says how many were sent */
  function events(gateway) {
    let sent = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < 5; i++) gateway.tell(Type.BROADCAST, { packet: { type: 2, data: ["n", sent++] } });
    }, 2);
    return () => (clearInterval(timer), sent);
  }

  for (const [name, start] of Object.entries(SERVERS)) {
    test(`${name}: an answer that is too large costs its clients no event`, async () => {
      const { gateway, server } = await meet(start);
      const client = await stage.client(server);
      for (let i = 0; i < 3; i++) (await stage.client(server)).socket.data = "x".repeat(MIB / 2);
      const end = events(gateway);
      const [first] = await gateway.ask(Type.FETCH, {});
      assert.equal(first.data.error, "too_large", "nobody can know before");
      await sleep(100);
      const found = [];
      let answer;
      do {
        [answer] = await gateway.ask(Type.FETCH, { after: found.at(-1), limit: 100 });
        found.push(...answer.data.sockets.map(({ id }) => id));
      } while (answer.data.more);
      const sent = end();
      await eventually(() => client.received.length >= sent, { withinMs: 10_000 });
      assert.equal(found.length, 4);
      assert.deepEqual(client.received.map(([, n]) => n), Array.from({ length: sent }, (_, n) => n));
      assert.deepEqual(stage.errors.map(({ error, context }) => [error.code, context.stage]), [[406, "publish"]]);
    });
  }

  test("values that are too large say so, also the first one", async () => {
    const { gateway, server } = await meet(SERVERS["attachGateway beside the in-memory adapter"]);
    server.io.on("ask", (answer) => answer("x".repeat(2 * MIB)));
    for (let i = 0; i < 3; i++) {
      assert.equal((await gateway.ask(Type.EMIT, { packet: ["ask"] }))[0].data.error, "too_large");
    }
    const client = await stage.client(server);
    client.answer = [Buffer.alloc(900_000)]; // base64 has a third more
    const asked = { packet: { type: 2, data: ["ask"] } };
    const [, ack] = await gateway.ask(Type.BROADCAST, asked, { count: 2 });
    assert.equal(ack.data.error, "too_large");
    assert.equal(stage.errors.length, 1);
  });

  test("an emit of the application that is too large costs no subscription, and is not sent again", async () => {
    const [a, b] = await stage.cluster(2);
    const [here, there] = [await stage.client(a), await stage.client(b)];
    const gateway = await stage.gateway();
    const end = events(gateway);
    a.io.emit("large", "x".repeat(2 * MIB));
    await eventually(() => stage.errors.length === 1);
    assert.deepEqual([stage.errors[0].error.code, stage.errors[0].context.stage], [406, "publish"]);
    a.io.emit("large", "x".repeat(2 * MIB));
    assert.equal(stage.errors[1].error.code, "ERR_MESSAGE_TOO_LARGE");
    a.io.emit("small");
    await eventually(() => there.received.some(([event]) => event === "small"));
    await sleep(100);
    const sent = end();
    const arrived = (client) => client.received.filter(([event]) => event === "n").length;
    await eventually(() => arrived(here) === sent && arrived(there) === sent, { withinMs: 10_000 });
    assert.equal(here.received.filter(([event]) => event === "large").length, 2, "local clients have it");
    assert.equal(await a.io.of("/").adapter.serverCount(), 2);
    assert.equal(stage.errors.length, 2);
  });

  test("what an application publishes behind such an emit arrives", async () => {
    const [a, b] = await stage.cluster(2);
    const [here, there] = [await stage.client(a), await stage.client(b)];
    const gateway = await stage.gateway();
    const end = events(gateway);
    a.io.emit("before");
    a.io.emit("large", "x".repeat(2 * MIB));
    for (let i = 0; i < 2_000; i++) a.io.emit("behind", i, "y".repeat(1_000));
    const of = (client, event) => client.received.filter(([name]) => name === event);
    await eventually(() => of(there, "behind").length >= 2_000, { withinMs: 20_000 });
    const sent = end();
    await eventually(() => [here, there].every((client) => of(client, "n").length === sent), { withinMs: 10_000 });
    assert.deepEqual(of(there, "behind").map(([, i]) => i), Array.from({ length: 2_000 }, (_, i) => i));
    assert.deepEqual([of(there, "before").length, of(there, "large").length], [1, 0]);
    assert.equal(stage.errors.length, 1);
  });

  test("a server's answer to another that is too large costs that answer only", async () => {
    const [a, b] = await stage.cluster(2);
    const [here, there] = [await stage.client(a), await stage.client(b)];
    there.socket.data = "x".repeat(2 * MIB);
    await assert.rejects(a.io.fetchSockets(), /timeout/);
    a.io.emit("event");
    b.io.emit("event");
    await eventually(() => here.received.length === 2 && there.received.length === 2);
    await assert.rejects(a.io.fetchSockets(), /timeout/);
    assert.deepEqual(stage.errors.map(({ error }) => error.code), [406, "ERR_MESSAGE_TOO_LARGE"]);
  });
});
