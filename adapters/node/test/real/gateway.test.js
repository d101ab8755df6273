/** What a gateway asks, answered by servers with the adapter and by `attachGateway` beside other adapters. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { startBroker } from "./broker.js";
import { packages, skip } from "./packages.js";
import { SERVERS } from "./servers.js";
import { Stage } from "./stage.js";

const Type = { BROADCAST: 3, JOIN: 4, LEAVE: 5, DISCONNECT: 6, FETCH: 7, EMIT: 9, CLIENT_COUNT: 11, ACK: 12 };
const in_ = (...rooms) => ({ opts: { rooms, except: [], flags: {} } });
const ids = (answer) => answer.data.sockets.map(({ id }) => id);

/** The classes beside which `attachGateway` stands. */
const ADAPTERS = {
  "attachGateway beside the in-memory adapter": "Adapter",
  "attachGateway beside an adapter of its own kind": "StubbornAdapter",
  "attachGateway beside socket.io-amqp0": "AmqpAdapterWrapper",
};

describe("gateways and servers", { skip }, () => {
  let broker;
  let stage;
  before(async () => (broker = await startBroker()));
  after(() => broker?.stop());
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  /** A server that the gateway knows. */
  async function meet(start) {
    const gateway = await stage.gateway();
    const server = await start(stage);
    await eventually(() => gateway.presence.some(({ namespaces }) => namespaces?.includes("/")));
    return { gateway, server };
  }

  for (const [name, start] of Object.entries(SERVERS)) {
    describe(name, () => {
      test("says that it is there, when asked, at intervals, and when it goes", async () => {
        const { gateway, server } = await meet(start);
        gateway.discover();
        await eventually(() => gateway.presence.length > 0, { withinMs: 250 });
        const { uid, agent, mode, probe, adapter, ...facts } = gateway.presence[0];
        assert.equal(probe, `#server#${uid}`);
        assert.equal(adapter, ADAPTERS[name]);
        assert.match(uid, /^[0-9a-f]{16}$/);
        assert.match(agent, /^socketio-gateway-node\/\d/);
        assert.equal(mode, name.includes("dynamic") ? "dynamic" : "static");
        const features = ["acks", "numbers", "events"];
        assert.deepEqual(facts, { type: 2, pid: process.pid, intervalMs: 300, namespaces: ["/"], features });
        await eventually(() => gateway.presence.length >= 3, { withinMs: 1_000 });
        server.io.of("/later");
        await eventually(() => gateway.presence.at(-1).namespaces?.includes("/later"), { withinMs: 250 });
        await (server.gateway ?? server.io).close();
        await eventually(() => gateway.presence.at(-1).type === 13);
        assert.deepEqual(gateway.presence.at(-1), { uid, type: 13 });
        await sleep(400);
        assert.equal(gateway.presence.at(-1).type, 13);
      });

      test("a probe comes back from a server that is gone, and from no other", async () => {
        const { gateway, server } = await meet(start);
        gateway.discover();
        await eventually(() => gateway.presence.length > 0);
        const [{ probe }] = gateway.presence;
        assert.equal(await gateway.probe(probe), true);
        await sleep(30);
        const before = gateway.presence.length;
        await gateway.probe(probe);
        await sleep(30);
        assert.ok(gateway.presence.length <= before + 1, "nothing is to be done");
        await (server.gateway ?? server.io).close();
        assert.equal(await gateway.probe(probe), false);
        assert.deepEqual(stage.errors, []);
      });

      test("rooms that are numbers are other rooms than strings", async () => {
        if (name.includes("amqp0")) return; // it binds strings only
        const { gateway, server } = await meet(start);
        const number = await stage.client(server, { join: [42, 1.5] });
        const string = await stage.client(server, { join: ["42"] });
        const fetch = async (data) => (await gateway.ask(Type.FETCH, { numbers: true, ...data }))[0].data;
        const rooms = (await fetch({ fields: ["rooms"], ...in_(42) })).sockets;
        assert.deepEqual(rooms, [{ id: number.id, rooms: [number.id, 42] }]);
        assert.deepEqual((await fetch({ count: true, list: {} })).rooms, [["42", 1], [42, 1]]);
        assert.deepEqual((await fetch({ count: true, rooms: ["42", 42, 7] })).rooms, [["42", 1], [42, 1], [7, 0]]);
        await gateway.ask(Type.JOIN, { ...in_(42), rooms: [7] });
        gateway.send("/#room#7", { ...roomEmit(7) }, { CC: ["/#static"] });
        gateway.send("/", { ...roomEmit(7), data: { ...roomEmit("x").data, opts: { rooms: [], except: [42], flags: {} } } });
        await eventually(() => number.received.length === 1 && string.received.length === 1);
        assert.deepEqual([number.received, string.received], [[["to", 7]], [["to", "x"]]]);
        await gateway.ask(Type.LEAVE, { rooms: [42] });
        assert.ok(!number.socket.rooms.has(42) && string.socket.rooms.has("42"));
      });

      test("delivers what is for its clients, with bytes, and without further arguments", async () => {
        const { gateway, server } = await meet(start);
        const [a, b] = [await stage.client(server, { join: ["r"] }), await stage.client(server)];
        const packet = { type: 2, data: ["e", 1, { _placeholder: true, num: 0 }] };
        gateway.tell(Type.BROADCAST, { packet, attachments: [Buffer.from("xyz").toString("base64")] });
        gateway.send("/#room#r", roomEmit("r"), { CC: ["/#static"] });
        gateway.send("/#static", roomEmit("elsewhere"));
        await eventually(() => a.received.length === 2 && b.received.length === 1);
        assert.deepEqual(b.received, [["e", 1, Buffer.from("xyz")]]);
        assert.deepEqual(a.received[1], ["to", "r"]);
        await sleep(30);
        assert.equal(a.received.length, 2);
      });

      test("asks clients and passes all that they answer", async () => {
        const { gateway, server } = await meet(start);
        const clients = [await stage.client(server), await stage.client(server)];
        clients[0].answer = ["first", Buffer.from("second")];
        clients[1].answer = [];
        const packet = { type: 2, data: ["ask"] };
        const opts = { rooms: [], except: [], flags: { timeout: 1_000 } };
        const [count, ...acks] = await gateway.ask(Type.BROADCAST, { packet, opts }, { count: 3 });
        assert.deepEqual([count.type, count.data.clientCount], [Type.CLIENT_COUNT, 2]);
        assert.deepEqual(acks.map(({ type }) => type), [Type.ACK, Type.ACK]);
        const full = acks.find(({ data }) => data.args.length === 2);
        assert.equal(full.data.packet, "first");
        assert.deepEqual(full.data.args, ["first", { _placeholder: true, num: 0 }]);
        assert.deepEqual(full.data.attachments, [Buffer.from("second").toString("base64")]);
        const empty = acks.find(({ data }) => data.args.length === 0);
        assert.equal("packet" in empty.data, false);
        const nobody = await gateway.ask(Type.BROADCAST, { packet, ...in_("nobody") });
        assert.equal(nobody[0].data.clientCount, 0);
      });

      test("forgets clients that do not answer in time", async () => {
        const { gateway, server } = await meet(start);
        const client = await stage.client(server, { acks: false });
        let late;
        client.on("ask", (answer) => (late = answer));
        const opts = { rooms: [], except: [], flags: { timeout: 60 } };
        const answers = await gateway.ask(Type.BROADCAST, { packet: { type: 2, data: ["ask"] }, opts });
        assert.equal(client.socket.acks.size, 1);
        await eventually(() => client.socket.acks.size === 0, { withinMs: 500 });
        late("too late");
        await sleep(50);
        assert.equal(answers.length, 1);
      });

      test("joins, leaves and disconnects, and says how many when it is done", async () => {
        const { gateway, server } = await meet(start);
        const [a, b, c] = await Promise.all([1, 2, 3].map(() => stage.client(server, { join: ["all"] })));
        const [joined] = await gateway.ask(Type.JOIN, { ...in_("all"), rooms: ["x", "y"] });
        assert.deepEqual([joined.type, joined.data.matched, joined.data.sockets], [8, 3, []]);
        assert.ok(a.socket.rooms.has("x") && c.socket.rooms.has("y"));
        const [left] = await gateway.ask(Type.LEAVE, { ...in_(a.id), id: a.id, rooms: ["x", "y"] });
        assert.equal(left.data.matched, 1);
        assert.ok(!a.socket.rooms.has("x") && b.socket.rooms.has("x"));
        gateway.tell(Type.LEAVE, { ...in_("all"), rooms: ["y"] });
        const except = { opts: { rooms: ["all"], except: [c.id], flags: {} } };
        const [gone] = await gateway.ask(Type.DISCONNECT, { ...except, close: false });
        assert.equal(gone.data.matched, 2);
        await eventually(() => !a.connected && !b.connected);
        assert.ok(c.connected && c.io._readyState === "open");
        assert.ok(!c.socket.rooms.has("y"));
        await gateway.ask(Type.DISCONNECT, { ...in_(), close: true });
        await eventually(() => c.io._readyState === "closed");
      });

      test("an id means one socket, whoever else has joined the room of its name", async () => {
        const { gateway, server } = await meet(start);
        const a = await stage.client(server);
        const b = await stage.client(server, { join: [a.id] });
        const [all] = await gateway.ask(Type.FETCH, in_(a.id));
        assert.deepEqual(ids(all).sort(), [a.id, b.id].sort());
        const [one] = await gateway.ask(Type.FETCH, { ...in_(a.id), id: a.id });
        assert.deepEqual(ids(one), [a.id]);
      });

      test("describes sockets without credentials, and only what was asked for", async () => {
        const { gateway, server } = await meet(start);
        const client = await stage.client(server, { join: ["r"], auth: { token: "secret" } });
        client.socket.handshake.headers.cookie = "secret";
        client.socket.handshake.headers.authorization = "secret";
        client.socket.data = { user: 1 };
        const [{ data }] = await gateway.ask(Type.FETCH, {});
        const [{ id, rooms, handshake, ...rest }] = data.sockets;
        assert.deepEqual([id, rooms, rest], [client.id, [client.id, "r"], { data: { user: 1 } }]);
        const parts = ["address", "headers", "issued", "query", "secure", "time", "url", "xdomain"];
        assert.deepEqual(Object.keys(handshake).sort(), parts);
        assert.ok(!JSON.stringify(handshake).includes("secret"));
        assert.equal(handshake.headers.upgrade, "websocket");
        const [bare] = await gateway.ask(Type.FETCH, { fields: [] });
        assert.deepEqual(bare.data.sockets, [{ id }]);
        const [some] = await gateway.ask(Type.FETCH, { fields: ["data", "rooms", "unheard of"] });
        assert.deepEqual(Object.keys(some.data.sockets[0]).sort(), ["data", "id", "rooms"]);
      });

      test("a socket with data that cannot be serialised hides nobody", async () => {
        const { gateway, server } = await meet(start);
        const [good, bad] = [await stage.client(server), await stage.client(server)];
        bad.socket.data.self = bad.socket.data;
        good.socket.data = { fine: true };
        const [answer] = await gateway.ask(Type.FETCH, {});
        const data = Object.fromEntries(answer.data.sockets.map((socket) => [socket.id, socket.data]));
        assert.deepEqual(data, { [good.id]: { fine: true }, [bad.id]: null });
      });

      test("pages through sockets in order of their ids", async () => {
        const { gateway, server } = await meet(start);
        const clients = await Promise.all(Array.from({ length: 7 }, () => stage.client(server)));
        const sorted = clients.map(({ id }) => id).sort();
        const found = [];
        for (let page = 0; page < 3; page++) {
          const [answer] = await gateway.ask(Type.FETCH, { fields: [], limit: 3, after: found.at(-1) });
          assert.ok(ids(answer).length <= 3);
          found.push(...ids(answer));
        }
        assert.deepEqual(found, sorted);
        const [end] = await gateway.ask(Type.FETCH, { limit: 3, after: sorted[6] });
        assert.deepEqual(ids(end), []);
      });

      test("counts sockets and rooms, and lists rooms", async () => {
        const { gateway, server } = await meet(start);
        const [a] = [await stage.client(server, { join: ["a", "b", "__proto__"] })];
        await stage.client(server, { join: ["b", "c", "\u{1F600}", "\uFF5E"] });
        const [counted] = await gateway.ask(Type.FETCH, { ...in_("a"), count: true, rooms: ["b", "none"] });
        assert.deepEqual(counted.data.sockets, []);
        assert.equal(counted.data.count, 1);
        assert.deepEqual(counted.data.rooms, { b: 2, none: 0 });
        const list = async (list_) => {
          const [answer] = await gateway.ask(Type.FETCH, { count: true, list: list_ });
          assert.equal(answer.data.count, 2);
          return Object.entries(answer.data.rooms);
        };
        const all = [["__proto__", 1], ["a", 1], ["b", 2], ["c", 1], ["\uFF5E", 1], ["\u{1F600}", 1]];
        assert.deepEqual(await list({}), all);
        assert.deepEqual(await list({ after: "a", limit: 2 }), [["b", 2], ["c", 1]]);
        assert.deepEqual(await list({ after: "c", limit: 1 }), [["\uFF5E", 1]]);
        assert.deepEqual(await list({ prefix: "b" }), [["b", 2]]);
        const own = await list({ prefix: a.id, private: true });
        assert.deepEqual(own, [[a.id, 1]]);
        assert.deepEqual(await list({ prefix: a.id }), []);
      });

      test("runs server-side emits, answers once, and says when nobody listens", async () => {
        const { gateway, server } = await meet(start);
        const heard = [];
        server.io.on("note", (...args) => heard.push(args));
        server.io.on("ask", (value, answer) => {
          answer({ got: value, bytes: Buffer.from("b") });
          answer("twice");
        });
        gateway.tell(Type.EMIT, { packet: ["note", 1] });
        const answers = await gateway.ask(Type.EMIT, { packet: ["ask", "q"] });
        const { requestId, ...data } = answers[0].data;
        const placeholder = { _placeholder: true, num: 0 };
        assert.deepEqual(data, { packet: { got: "q", bytes: placeholder }, attachments: ["Yg=="] });
        assert.deepEqual(heard, [[1]]);
        const [unheard] = await gateway.ask(Type.EMIT, { packet: ["unheard"] });
        assert.equal(unheard.data.handled, false);
        assert.deepEqual(stage.errors, []);
        const [reserved] = await gateway.ask(Type.EMIT, { packet: ["connection", {}] });
        assert.equal(reserved.data.handled, false);
        await sleep(30);
        assert.equal(answers.length, 1);
        assert.equal(stage.errors.length, 1);
      });

      test("a join is in force for the emit behind it", async () => {
        const { gateway, server } = await meet(start);
        const client = await stage.client(server);
        if (name.includes("kind")) return; // its own joins take time
        for (let i = 0; i < 50; i++) {
          gateway.tell(Type.JOIN, { rooms: [`room-${i}`] });
          gateway.send("/", roomEmit(`room-${i}`));
        }
        await eventually(() => client.received.length >= 50).catch(() => {});
        assert.equal(client.received.length, 50);
      });

      test("namespaces are told apart, also those made later", async () => {
        const { gateway, server } = await meet(start);
        server.io.of("/chat");
        await eventually(() => gateway.presence.at(-1).namespaces.includes("/chat"));
        const [root, chat] = [await stage.client(server), await stage.client(server, { namespace: "/chat" })];
        gateway.tell(Type.BROADCAST, { packet: { type: 2, data: ["chat"] } }, "/chat");
        const [answer] = await gateway.ask(Type.FETCH, {}, { nsp: "/chat" });
        assert.deepEqual(ids(answer), [chat.id]);
        await eventually(() => chat.received.length === 1);
        assert.equal(root.received.length, 0);
        gateway.send("/chat", roomEmit("astray"));
        await sleep(50);
        assert.equal(root.received.length, 0);
      });

      test("namespaces that go are announced", async () => {
        const gateway = await stage.gateway();
        const server = await start({
          server: (options) => stage.server({ ...options, cleanupEmptyChildNamespaces: true }),
          exchange: stage.exchange,
          connect: stage.connect,
          atEnd: (end) => stage.atEnd(end),
          companion: (options) => stage.companion({ ...options, cleanupEmptyChildNamespaces: true }),
        });
        server.io.of(/^\/d\d$/);
        const client = packages.connect(`${server.url}/d1`, { transports: ["websocket"], forceNew: true });
        stage.atClose(() => client.close());
        await eventually(() => gateway.presence.at(-1)?.namespaces?.includes("/d1"));
        client.close();
        await eventually(() => !gateway.presence.at(-1).namespaces.includes("/d1"));
      });
    });
  }

  function roomEmit(room) {
    const data = { ...in_(room), packet: { type: 2, data: ["to", room] } };
    return { uid: "emitter", nsp: "/", type: Type.BROADCAST, data };
  }

  test("servers are undisturbed by gateways that come, ask and go", async () => {
    const servers = await stage.cluster(3);
    const companion = await stage.companion();
    for (const server of [...servers, companion]) await stage.client(server);
    for (let i = 0; i < 5; i++) {
      const gateway = await stage.gateway();
      gateway.discover();
      gateway.tell(1, {});
      const asked = [
        gateway.ask(Type.FETCH, {}, { count: 4 }),
        gateway.ask(Type.JOIN, { rooms: ["r"] }, { count: 4 }),
        gateway.ask(Type.EMIT, { packet: ["nothing"] }, { count: 4 }),
        gateway.ask(Type.BROADCAST, { packet: { type: 2, data: ["ask"] } }, { count: 8 }),
      ];
      await Promise.all(asked);
      await gateway.close();
    }
    for (const { io } of servers) {
      assert.equal(await io.of("/").adapter.serverCount(), 3);
      const started = Date.now();
      assert.equal((await io.fetchSockets()).length, 3);
      io.removeAllListeners("who");
      io.on("who", (answer) => answer("me"));
      assert.ok(Date.now() - started < 1_000);
    }
    assert.deepEqual(await servers[0].io.serverSideEmitWithAck("who"), ["me", "me"]);
    assert.deepEqual(stage.errors, []);
  });

  test("companions ignore everyone but gateways", async () => {
    const { gateway, server } = await meet(SERVERS["attachGateway beside the in-memory adapter"]);
    const client = await stage.client(server);
    const [adapter] = await stage.cluster(1);
    adapter.io.emit("for servers with the adapter");
    gateway.tell(Type.BROADCAST, { packet: { type: 2, data: ["for all"] } });
    await eventually(() => client.received.length > 0);
    assert.deepEqual(client.received, [["for all"]]);
    await assert.rejects(gateway.ask(2, {}, { withinMs: 100 }));
  });

  test("attachGateway refuses beside the adapter, and twice", async () => {
    const server = await stage.server();
    assert.throws(() => packages.attachGateway(server.io, stage.options()), /answer gateways by themselves/);
    const companion = await stage.companion();
    assert.throws(() => packages.attachGateway(companion.io, stage.options()), /attached already/);
    await companion.gateway.close();
    await packages.attachGateway(companion.io, stage.options()).close();
  });

  test("attachGateway on a server that gets the adapter later leaves the answers to it", async () => {
    const { gateway, server } = await meet(SERVERS["attachGateway beside the in-memory adapter"]);
    server.io.adapter(packages.createAdapter(stage.options()));
    await eventually(() => {
      gateway.discover();
      return sleep(150).then(() => gateway.presence.filter(({ namespaces }) => namespaces.includes("/")).length === 1);
    });
    const answers = await gateway.ask(Type.FETCH, {});
    await sleep(100);
    assert.equal(answers.length, 1);
  });

  test("200 sockets in one answer, and a message over AMQP's frame size", async () => {
    const { gateway, server } = await meet(SERVERS["the adapter, static"]);
    const clients = await Promise.all(Array.from({ length: 200 }, () => stage.client(server)));
    for (const { socket } of clients) socket.data = { text: "x".repeat(2_000) };
    const [answer] = await gateway.ask(Type.FETCH, {});
    assert.equal(answer.data.sockets.length, 200);
    gateway.tell(Type.BROADCAST, { packet: { type: 2, data: ["big", "y".repeat(300_000)] }, ...in_(clients[0].id) });
    await eventually(() => clients[0].received.length === 1);
    assert.equal(clients[0].received[0][1].length, 300_000);
  });
});
