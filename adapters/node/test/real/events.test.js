/** Who comes, who goes, which rooms live: told by servers with the adapter and by `attachGateway` beside other adapters. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { View } from "../support/view.js";
import { startBroker } from "./broker.js";
import { skip } from "./packages.js";
import { SERVERS, withSilentAdapter } from "./servers.js";
import { Stage } from "./stage.js";

const LIST = { count: true, list: {}, numbers: true };

describe("events", { skip }, () => {
  let broker;
  let stage;
  before(async () => (broker = await startBroker()));
  after(() => broker?.stop());
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  /** A server, and a gateway that hears all that happens on it from now on. */
  async function meet(start) {
    const gateway = await stage.gateway();
    const server = await start(stage);
    await eventually(() => gateway.presence.some(({ namespaces }) => namespaces?.includes("/")));
    const view = (name = "/") => new View(name).take(gateway.events);
    return { gateway, server, view, told: (condition) => eventually(() => condition(view())) };
  }

  for (const [name, start] of Object.entries({ ...SERVERS, "attachGateway beside a silent adapter": withSilentAdapter })) {
    describe(name, () => {
      test("a client comes into rooms and goes", async () => {
        const { gateway, server, view, told } = await meet(start);
        const early = await stage.client(server, { join: ["early"] });
        await gateway.want();
        await told(({ seq }) => seq === 1);
        const client = await stage.client(server, { join: ["a", "b"] });
        const { id } = client;
        await told(({ rooms }) => rooms.has("a") && rooms.has("b"));
        assert.deepEqual(view().sockets, [["+", id]]);
        await client.socket.leave("b");
        await early.socket.join("a");
        await told(({ rooms }) => !rooms.has("b"));
        client.disconnect();
        await told(({ sockets, members }) => sockets.length === 2 && members.length === 5);
        assert.deepEqual(view().sockets[1], ["-", id, "client namespace disconnect"]);
        const members = view().members.map(([sign, room, member]) => `${sign}${room} ${member === id}`);
        assert.deepEqual(members.slice(0, 3), ["+a true", "+b true", "-b true"]);
        assert.deepEqual(members.slice(3).sort(), ["+a false", "-a true"]);
        assert.deepEqual([...view().rooms], ["a"]);
        early.io.engine.close();
        await told(({ sockets, rooms }) => sockets.length === 3 && rooms.size === 0);
        assert.deepEqual(view().sockets[2], ["-", early.id ?? view().sockets[2][1], "transport close"]);
        assert.equal(view().holes, 0);
        assert.deepEqual(stage.errors, []);
      });

      test("its list of rooms says up to which message it is", async () => {
        const { gateway, server, view, told } = await meet(start);
        await stage.client(server, { join: ["a"] });
        assert.equal((await gateway.ask(7, LIST))[0].data.seq, undefined);
        await gateway.want();
        await told(({ seq }) => seq === 1);
        const client = await stage.client(server, { join: ["b"] });
        const [{ data, uid }] = await gateway.ask(7, LIST);
        assert.deepEqual(data.rooms, [["a", 1], ["b", 1]]);
        await told(({ seq }) => seq === data.seq);
        assert.ok(view().rooms.has("b"));
        const [onOwnKey] = await gateway.ask(7, LIST, { key: `#server#${uid}` });
        assert.deepEqual(onOwnKey.data.rooms, data.rooms);
        client.disconnect();
        await told(({ rooms }) => !rooms.has("b"));
      });

      test("namespaces, also those that come later, and a client that is refused", async () => {
        const { gateway, server, view } = await meet(start);
        await gateway.want();
        await eventually(() => view().seq === 1);
        if (name.includes("amqp0")) return; // it would need names of its own for each namespace
        const late = server.io.of("/late").use(async (socket, next) => {
          await socket.join("early");
          next(socket.handshake.auth.refused ? new Error("refused") : undefined);
        });
        const refused = stage.client(server, { namespace: "/late", auth: { refused: true } }).catch(() => {});
        const client = await stage.client(server, { namespace: "/late", join: ["a"] });
        await eventually(() => view("/late").members.length === 2);
        assert.deepEqual(view("/late").sockets, [["+", client.id]]);
        assert.deepEqual(view("/late").members.map(([sign, room]) => sign + room).sort(), ["+a", "+early"]);
        await eventually(() => view("/late").rooms.size === late.adapter.rooms.size - late.sockets.size);
        assert.deepEqual(view().sockets, []);
        await refused;
      });

      test("the goodbye comes after the last message", async () => {
        const { gateway, server, told } = await meet(start);
        await gateway.want();
        await told(({ seq }) => seq === 1);
        await stage.client(server, { join: ["a"] });
        await (server.gateway ?? server.io).close();
        await eventually(() => gateway.presence.at(-1).type === 13);
        await told(({ sockets }) => sockets.length > 0);
        await sleep(200);
        assert.equal(gateway.presence.at(-1).type, 13);
      });
    });
  }

  test("a broker that was away leaves a hole", async (t) => {
    if (!broker.canRestart) return t.skip("needs a broker of its own");
    const { gateway, server, told } = await meet(SERVERS["attachGateway beside the in-memory adapter"]);
    await gateway.want();
    await told(({ seq }) => seq === 1);
    const client = await stage.client(server, { join: ["a"] });
    await told(({ rooms }) => rooms.has("a"));
    const seq = gateway.events.at(-1).data.seq;
    await broker.run("kill");
    await client.socket.join("b");
    await broker.run("start");
    const second = await stage.gateway();
    const listed = async () => (await second.ask(7, LIST, { withinMs: 500 }).catch(() => []))[0]?.data;
    await eventually(async () => (await listed())?.seq === seq + 2, { withinMs: 20_000 });
    assert.deepEqual((await listed()).rooms, [["a", 1], ["b", 1]]);
  });
});
