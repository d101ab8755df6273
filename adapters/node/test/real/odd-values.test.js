/** What real clients can send and real applications keep, in every answer to a gateway. */

import assert from "node:assert/strict";
import { request } from "node:http";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { eventually } from "../support/eventually.js";
import { assertTellable, depthOf, nested } from "../support/tellable.js";
import { startBroker } from "./broker.js";
import { packages, skip } from "./packages.js";
import { SERVERS } from "./servers.js";
import { Stage } from "./stage.js";

const HALF = "\ud83d";
const Type = { BROADCAST: 3, FETCH: 7, EMIT: 9 };

describe("odd values", { skip }, () => {
  let broker;
  let stage;
  before(async () => (broker = await startBroker()));
  after(() => broker?.stop());
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  /** A server that keeps what its clients send as their data, known to a gateway. */
  async function meet(start) {
    const gateway = await stage.gateway();
    const server = await start(stage);
    server.io.on("connection", (socket) => {
      socket.on("keep", (value) => (socket.data.kept = value));
      socket.on("join", (room, done) => Promise.resolve(socket.join(room)).then(done));
    });
    await eventually(() => gateway.presence.some(({ namespaces }) => namespaces?.includes("/")));
    const ask = async (...args) => {
      const answers = await gateway.ask(...args);
      for (const { text } of answers) assertTellable(text);
      return answers;
    };
    return { ask, server };
  }

  for (const [name, start] of Object.entries(SERVERS)) {
    describe(name, () => {
      test("what a client has sent as its data hides nobody", async () => {
        const { ask, server } = await meet(start);
        const good = await stage.client(server);
        const bad = await stage.client(server);
        bad.emit("keep", { name: `a${HALF}`, "k\0": { [HALF]: nested(260) }, fine: true });
        await eventually(() => bad.socket.data.kept);
        const [{ data }] = await ask(Type.FETCH, {});
        const dataOf = (client) => data.sockets.find(({ id }) => id === client.id).data;
        assert.deepEqual(dataOf(good), {});
        const { kept } = dataOf(bad);
        assert.deepEqual([kept.name, kept.fine], ["a\uFFFD", true]);
        assert.equal(depthOf(kept["k\uFFFD"]["\uFFFD"]), 197);
      });

      test("data of the application that cannot be serialised costs its own socket only", async () => {
        const { ask, server } = await meet(start);
        const good = await stage.client(server);
        const odd = [
          { n: 1n },
          { toJSON: () => assert.fail() },
          nested(100_000),
          Object.defineProperty({}, "x", { enumerable: true, get: () => assert.fail() }),
        ];
        for (const data of odd) (await stage.client(server)).socket.data = data;
        const [{ data }] = await ask(Type.FETCH, { fields: ["data"] });
        assert.equal(data.sockets.length, odd.length + 1);
        assert.deepEqual(data.sockets.find(({ id }) => id === good.id).data, {});
        assert.deepEqual(stage.errors, []);
      });

      test("a URL with NUL in its query passes as part of a handshake", async () => {
        const { ask, server } = await meet(start);
        const client = packages.connect(server.url, { transports: ["websocket"], forceNew: true, query: { "a\0": "\0" } });
        stage.atClose(() => client.close());
        await eventually(() => server.io.of("/").adapter.sids.has(client.id));
        const [{ data }] = await ask(Type.FETCH, { fields: ["handshake"] });
        assert.equal(data.sockets[0].handshake.query["a\uFFFD"], "\0");
        assert.ok(data.sockets[0].handshake.url.includes("a%00=%00"));
      });

      test("half an emoji, NUL and depth in acknowledgements and in answers of servers", async () => {
        const { ask, server } = await meet(start);
        const [odd, even] = [await stage.client(server), await stage.client(server)];
        odd.answer = [{ "a\0": HALF }, nested(260)];
        even.answer = ["fine"];
        const packet = { type: 2, data: ["ask"] };
        const [, ...acks] = await ask(Type.BROADCAST, { packet }, { count: 3 });
        const { args } = acks.map(({ data }) => data).find(({ args: { length } }) => length === 2);
        assert.deepEqual(args[0], { "a\uFFFD": "\uFFFD" });
        assert.equal(depthOf(args[1]), 200);
        server.io.on("ask", (answer) => answer({ [HALF]: nested(260) }));
        const [{ data }] = await ask(Type.EMIT, { packet: ["ask"] });
        assert.equal(depthOf(data.packet["\uFFFD"]), 199);
      });

      test("rooms that clients have named are listed, or left out", async () => {
        const { ask, server } = await meet(start);
        const client = await stage.client(server);
        // A routing key has 255 bytes at most: socket.io-amqp0 can have no longer room.
        const longest = name.includes("amqp0") ? "x".repeat(200) : "x".repeat(255);
        for (const room of ["a\0", `b${HALF}`, longest]) await client.emitWithAck("join", room);
        if (!name.includes("amqp0")) for (const room of ["y".repeat(256), "", 1.5]) await client.emitWithAck("join", room);
        const [{ data }] = await ask(Type.FETCH, { fields: ["rooms"] });
        assert.deepEqual(data.sockets[0].rooms, [client.id, "a\uFFFD", "b\uFFFD", longest]);
        const [{ data: listed }] = await ask(Type.FETCH, { count: true, list: {} });
        assert.deepEqual(Object.keys(listed.rooms), ["a\uFFFD", "b\uFFFD", longest]);
      });
    });
  }

  test("a namespace that a client has named with NUL is not announced, and spoils no heartbeat", async () => {
    const { server } = await meet(SERVERS["attachGateway beside the in-memory adapter"]);
    server.io.of(/^\/any/);
    const client = packages.connect(`${server.url}/any\0`, { transports: ["websocket"], forceNew: true });
    stage.atClose(() => client.close());
    await eventually(() => client.connected);
    await eventually(() => stage.errors.length === 1);
    assert.equal(stage.errors[0].context.stage, "namespace");
    const next = await stage.gateway();
    next.discover();
    await eventually(() => next.presence.length > 0);
    assert.deepEqual(next.presence[0].namespaces, ["/"]);
  });

  test("bytes that are no UTF-8 in a request line harm nobody", async () => {
    const { ask, server } = await meet(SERVERS["attachGateway beside the in-memory adapter"]);
    await new Promise((resolve) => {
      const path = "/socket.io/?EIO=4&transport=polling&x=%ff%00%ed%a0%bd";
      request(server.url + path, (response) => response.resume().on("end", resolve)).end();
    });
    const client = packages.connect(server.url, { forceNew: true, transports: ["polling"], query: { "x%ED%A0%BD": "1" } });
    stage.atClose(() => client.close());
    await eventually(() => server.io.of("/").adapter.sids.has(client.id));
    const [{ data }] = await ask(Type.FETCH, { fields: ["handshake"] });
    assert.equal(data.sockets.length, 1);
  });
});
