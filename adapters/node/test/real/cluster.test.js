/** Servers with the adapter among themselves: real Socket.IO, real clients, a real broker. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { startBroker } from "./broker.js";
import { packages, skip } from "./packages.js";
import { Stage } from "./stage.js";

const MODES = {
  static: ["static", "static", "static"],
  dynamic: ["dynamic", "dynamic", "dynamic"],
  mixed: ["static", "dynamic", "dynamic"],
};

describe("servers with the adapter", { skip }, () => {
  let broker;
  let stage;
  before(async () => (broker = await startBroker()));
  after(() => broker?.stop());
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  const events = (client) => client.received.map(([event]) => event);

  for (const [name, modes] of Object.entries(MODES)) {
    describe(`in mode ${name}`, () => {
      const cluster = () => stage.cluster(3, modes.map((subscriptionMode) => ({ options: { subscriptionMode } })));

      test("find each other, and lose one that closes", async () => {
        const servers = await cluster();
        await servers[2].io.close();
        await stage.acquainted(servers.slice(0, 2));
      });

      test("deliver to everyone, to rooms once, and not to the excepted", async () => {
        const [a, b, c] = await cluster();
        const clients = [
          await stage.client(a, { join: ["r1"] }),
          await stage.client(b, { join: ["r1", "r2"] }),
          await stage.client(c, { join: ["r2", "r3"] }),
        ];
        a.io.emit("all", 1);
        a.io.to("r1").to("r2").emit("union");
        b.io.to("r1").except("r2").emit("except");
        c.io.to(clients[0].id).emit("private");
        a.io.local.emit("local");
        a.io.emit("end");
        b.io.emit("end");
        c.io.emit("end");
        const ended = (client) => events(client).filter((event) => event === "end").length === 3;
        await eventually(() => clients.every(ended));
        const seen = clients.map((client) => events(client).filter((event) => event !== "end").sort());
        assert.deepEqual(seen, [["all", "except", "local", "private", "union"], ["all", "union"], ["all", "union"]]);
      });

      test("an emit right after await socket.join() arrives, 200 of 200", async () => {
        const [a, b] = await cluster();
        const client = await stage.client(b);
        for (let i = 0; i < 200; i++) {
          await client.socket.join(`room-${i}`);
          a.io.to(`room-${i}`).emit("hit", i);
        }
        await eventually(() => client.received.length >= 200).catch(() => {});
        assert.equal(client.received.length, 200);
      });

      test("rooms that cannot be bound get their emits all the same", async () => {
        const [a, b] = await cluster();
        const rooms = ["x".repeat(400), "ä".repeat(130), "abcdefghijklmnopqrst", "a#b", "#static", 42];
        const client = await stage.client(b, { join: rooms });
        for (const room of rooms) a.io.to(room).emit("hit", room);
        await eventually(() => client.received.length >= rooms.length).catch(() => {});
        assert.deepEqual(client.received, rooms.map((room) => ["hit", room]));
        const many = Array.from({ length: 3000 }, (_, i) => `some-room-${i}`);
        a.io.to([...many, 42]).emit("many");
        await eventually(() => events(client).includes("many"));
        assert.deepEqual(stage.errors, []);
      });

      test("rooms that everyone has left are unbound, and work again when somebody joins", async () => {
        const [a, b] = await cluster();
        const client = await stage.client(b);
        for (let i = 0; i < 20; i++) {
          client.socket.join("door");
          client.socket.leave("door");
        }
        await client.socket.join("door");
        a.io.to("door").emit("in");
        await eventually(() => events(client).includes("in"));
        client.socket.leave("door");
        a.io.to("door").emit("out");
        a.io.emit("end");
        await eventually(() => events(client).includes("end"));
        assert.deepEqual(events(client), ["in", "end"]);
      });

      test("acknowledgements of all clients come back", async () => {
        const servers = await cluster();
        const clients = [];
        for (const server of servers) clients.push(await stage.client(server, { join: ["asked"] }));
        const everyone = await servers[0].io.timeout(2_000).emitWithAck("question");
        assert.deepEqual(everyone.sort(), clients.map(({ id }) => id).sort());
        const room = await servers[1].io.to("asked").timeout(2_000).emitWithAck("question");
        assert.equal(room.length, 3);
        assert.deepEqual(await servers[1].io.to("nobody").timeout(2_000).emitWithAck("question"), []);
      });
    });
  }

  test("fetchSockets, joins, leaves and disconnects reach every server", async () => {
    const [a, b] = await stage.cluster(2);
    const here = await stage.client(a, { join: ["r"], auth: { token: "t" } });
    const there = await stage.client(b, { join: ["r"], auth: { token: "t" } });
    there.socket.data = { user: "u" };
    const sockets = await a.io.in("r").fetchSockets();
    assert.deepEqual(sockets.map(({ id }) => id).sort(), [here.id, there.id].sort());
    const remote = sockets.find(({ id }) => id === there.id);
    assert.deepEqual([...remote.rooms], [there.id, "r"]);
    assert.deepEqual(remote.data, { user: "u" });
    assert.deepEqual(remote.handshake.auth, { token: "t" });
    a.io.socketsJoin("new");
    await eventually(() => b.io.of("/").adapter.rooms.get("new")?.has(there.id));
    remote.leave("new");
    await eventually(() => !b.io.of("/").adapter.rooms.has("new"));
    remote.emit("direct");
    await eventually(() => there.received.length === 1);
    a.io.in("r").disconnectSockets(true);
    await eventually(() => !here.connected && !there.connected);
  });

  test("serverSideEmit brings the others' answers, and times out with what came", async () => {
    const [a, b, c] = await stage.cluster(3);
    const heard = [];
    b.io.on("note", (...args) => heard.push(args));
    a.io.serverSideEmit("note", 1, "two", Buffer.from([3]));
    await eventually(() => heard.length === 1);
    assert.deepEqual(heard[0], [1, "two", Buffer.from([3])]);
    b.io.on("ask", (value, answer) => answer({ b: value }));
    c.io.on("ask", (value, answer) => answer(value));
    const answers = await a.io.serverSideEmitWithAck("ask", Buffer.from("x"));
    assert.deepEqual(answers.length, 2);
    assert.ok(answers.some((answer) => Buffer.isBuffer(answer) && answer.toString() === "x"));
    b.io.on("half", (answer) => answer("half"));
    await assert.rejects(a.io.serverSideEmitWithAck("half"), (error) => {
      assert.match(error.message, /timeout reached: missing 1 responses/);
      assert.deepEqual(error.responses, ["half"]);
      return true;
    });
  });

  test("nobody waits for a server that goes", async () => {
    const [a, , c] = await stage.cluster(3);
    const asked = a.io.serverSideEmitWithAck("nobody listens").then(
      () => assert.fail("one is still missing"),
      (error) => error.message,
    );
    await c.io.close();
    assert.equal(await asked, "timeout reached: missing 1 responses");
  });

  test("bytes pass in all directions", async () => {
    const [a, b] = await stage.cluster(2);
    const client = await stage.client(b);
    const bytes = Buffer.from([0, 1, 254, 255]);
    a.io.emit("bytes", bytes, { deep: [new Uint8Array(bytes)] }, "text");
    await eventually(() => client.received.length === 1);
    assert.deepEqual(client.received[0], ["bytes", bytes, { deep: [bytes] }, "text"]);
    client.answer = [{ deep: bytes }];
    assert.deepEqual(await a.io.timeout(2_000).emitWithAck("ask", bytes), [{ deep: bytes }]);
    a.io.emit("no bytes", { _placeholder: true, num: 0 });
    await eventually(() => client.received.length === 3);
    assert.deepEqual(client.received[2][1], { _placeholder: true, num: 0 });
  });

  test("data that looks like a placeholder beside bytes is refused, and reported", async () => {
    const [a, b] = await stage.cluster(2);
    const client = await stage.client(b);
    a.io.serverSideEmit("forged", Buffer.from("x"), { _placeholder: true, num: 0 });
    await eventually(() => stage.errors.length === 1);
    assert.equal(stage.errors[0].context.stage, "publish");
    a.io.emit("next");
    await eventually(() => client.received.length === 1);
  });

  test("a socket with data that cannot be serialised hides nobody", async () => {
    const [a, b] = await stage.cluster(2);
    const good = await stage.client(b);
    const bad = await stage.client(b);
    bad.socket.data = { self: null, big: 1n };
    bad.socket.data.self = bad.socket.data;
    bad.socket.handshake.session = bad.socket;
    const sockets = await a.io.fetchSockets();
    assert.deepEqual(sockets.map(({ id }) => id).sort(), [good.id, bad.id].sort());
    const described = sockets.find(({ id }) => id === bad.id);
    assert.equal(described.data, null);
    assert.equal(typeof described.handshake.url, "string");
  });

  test("connection state recovery adds nothing to packets", async () => {
    const [a, b] = await stage.cluster(2, { connectionStateRecovery: {} });
    const clients = [await stage.client(a), await stage.client(b)];
    a.io.emit("plain", 1);
    clients[1].socket.emit("own", 2);
    await eventually(() => clients[1].received.length === 2 && clients[0].received.length === 1);
    assert.deepEqual(clients[0].received, [["plain", 1]]);
    assert.deepEqual(new Set(clients[1].received.map((event) => event.length)), new Set([2]));
  });

  test("namespaces come with their first client, find each other, and go with their last", async () => {
    const servers = await stage.cluster(2, { cleanupEmptyChildNamespaces: true });
    for (const { io } of servers) io.of(/^\/dynamic-\d+$/);
    const first = await dynamicClient(servers[0]);
    const second = await dynamicClient(servers[1]);
    await stage.acquainted(servers, "/dynamic-7");
    servers[0].io.of("/dynamic-7").emit("hello");
    await eventually(() => first.received.length === 1 && second.received.length === 1);
    second.close();
    await eventually(async () => (await servers[0].io.of("/dynamic-7").adapter.serverCount()) === 1);
    const again = await dynamicClient(servers[1]);
    await stage.acquainted(servers, "/dynamic-7");
    servers[0].io.of("/dynamic-7").emit("again");
    await eventually(() => again.received.length === 1);
    assert.deepEqual(stage.errors, []);
  });

  async function dynamicClient(server) {
    const client = packages.connect(`${server.url}/dynamic-7`, { transports: ["websocket"], forceNew: true });
    stage.atClose(() => client.close()); // it would connect again for ever
    client.received = [];
    client.onAny((...event) => client.received.push(event));
    await eventually(() => client.connected);
    return client;
  }

  test("names that no key can hold stay on their server, and say so", async () => {
    const [a] = await stage.cluster(2);
    for (const name of [`/${"n".repeat(300)}`, "/a#static"]) {
      a.io.of(name).emit("nothing is thrown");
      assert.equal(await a.io.of(name).adapter.serverCount(), 1);
      assert.deepEqual(await a.io.of(name).fetchSockets(), []);
    }
    assert.deepEqual(stage.errors.map(({ context }) => context.stage), ["namespace", "namespace"]);
  });

  test("garbage is reported and disturbs nobody", async () => {
    const [a, b] = await stage.cluster(2);
    const client = await stage.client(b);
    const gateway = await stage.gateway();
    const opts = { rooms: [], except: [], flags: {} };
    const lost = { _placeholder: true, num: 3 };
    const garbage = [
      Buffer.from([0xff, 0xfe]),
      Buffer.from("no json"),
      null,
      [],
      {},
      { uid: 7, nsp: "/", type: 3 },
      { uid: "x", nsp: "/", type: 99, data: {} },
      { uid: "x", nsp: "/", type: 3 },
      { uid: "x", nsp: "/", type: 3, data: { opts } },
      { uid: "x", nsp: "/", type: 3, data: { opts: { rooms: 5 }, packet: { data: ["e"] } } },
      { uid: "x", nsp: "/", type: 8, data: { requestId: "r", sockets: [null] } },
      { uid: "x", nsp: "/", type: 8, data: { requestId: "r" } },
      { uid: "x", nsp: "/", type: 11, data: { requestId: "r", clientCount: "many" } },
      { uid: "emitter", nsp: "/", type: 7, data: { requestId: "r", opts: null } },
      { uid: "emitter", nsp: "/", type: 9, data: { packet: ["connection", {}] } },
      { uid: "emitter", nsp: "/", type: 9, data: { packet: ["error", "x"] } },
      { uid: "emitter", nsp: "/", type: 3, data: { opts, packet: { data: ["e"] }, attachments: [7] } },
      { uid: "emitter", nsp: "/", type: 3, data: { opts, packet: { data: [lost] }, attachments: [""] } },
    ];
    for (const message of garbage) gateway.send("/", message);
    a.io.emit("still here");
    await eventually(() => client.received.length === 1);
    await eventually(() => stage.errors.length === garbage.length * 2).catch(() => {});
    assert.equal(stage.errors.length, garbage.length * 2);
    assert.ok(stage.errors.every(({ context }) => context.stage === "message"));
    assert.equal(await a.io.of("/").adapter.serverCount(), 2 + 1, "x has said three times that it is there");
    gateway.send("/", { uid: "x", nsp: "/", type: 13 });
    await stage.acquainted([a, b]);
  });

  test("a listener that throws is reported, and the server goes on", async () => {
    const [a, b] = await stage.cluster(2);
    b.io.on("bad", () => {
      throw new Error("of the application");
    });
    const client = await stage.client(b);
    a.io.serverSideEmit("bad");
    a.io.emit("next");
    await eventually(() => client.received.length === 1 && stage.errors.length === 1);
    assert.equal(stage.errors[0].error.message, "of the application");
  });

  test("emits keep their order, here and there", async () => {
    const [a, b] = await stage.cluster(2);
    const clients = [await stage.client(a), await stage.client(b)];
    for (let i = 0; i < 100; i++) {
      a.io.emit("n", i);
      clients[0].socket.emit("own", i);
    }
    await eventually(() => clients[1].received.length === 100 && clients[0].received.length === 200);
    assert.deepEqual(clients[1].received.map(([, i]) => i), Array.from({ length: 100 }, (_, i) => i));
    assert.deepEqual(clients[0].received.slice(0, 4), [["n", 0], ["own", 0], ["n", 1], ["own", 1]]);
  });

  test("a given connection is shared, and not closed", async () => {
    const connection = await stage.connect();
    const a = await stage.server({ options: { connection } });
    const b = await stage.server({ options: { connection } });
    await stage.acquainted([a, b]);
    await a.io.close();
    await b.io.close();
    const channel = await connection.createChannel();
    await channel.close();
    await connection.close();
    assert.deepEqual(stage.errors, []);
  });

  test("closing ends everything within moments", async () => {
    const servers = await stage.cluster(2);
    const start = Date.now();
    await Promise.all(servers.map(({ io }) => io.close()));
    assert.ok(Date.now() - start < 1_500);
    servers[0].io.emit("after the end");
    await sleep(20);
    assert.deepEqual(stage.errors, []);
  });
});
