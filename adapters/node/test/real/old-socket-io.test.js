/**
 * `attachGateway` on a Socket.IO before 4.5, whose adapters cannot wait for acknowledgements. Runs only where such a one
 * is in SOCKETIO_GATEWAY_NODE_MODULES.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { startBroker } from "./broker.js";
import { packages, skip } from "./packages.js";
import { Stage } from "./stage.js";

const Type = { BROADCAST: 3, JOIN: 4, LEAVE: 5, DISCONNECT: 6, FETCH: 7, EMIT: 9 };
const isOld = () => packages.adapterPackage.Adapter.prototype.broadcastWithAck === undefined;
const reason = skip || (isOld() ? false : "Socket.IO is 4.5 or later");

describe("Socket.IO before 4.5", { skip: reason }, () => {
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

  test("it says so once, names no acks, and does everything else", async () => {
    const gateway = await stage.gateway();
    const server = await stage.companion();
    assert.deepEqual(stage.errors.splice(0).map(({ context }) => context.stage), ["version"]);
    await eventually(() => gateway.presence.at(-1)?.probe && gateway.presence.at(-1).namespaces.includes("/"));
    assert.deepEqual(gateway.presence.at(-1).features, ["numbers", "events"]);
    const client = await stage.client(server, { join: ["r"] });
    const packet = { type: 2, data: ["e"] };
    await assert.rejects(gateway.ask(Type.BROADCAST, { packet }, { withinMs: 200 }), "nobody asks such a server");
    assert.equal(stage.errors.splice(0).length, 1);
    gateway.tell(Type.BROADCAST, { packet });
    await eventually(() => client.received.length === 1);
    assert.equal((await gateway.ask(Type.JOIN, { rooms: ["x", 42] }))[0].data.matched, 1);
    const [{ data }] = await gateway.ask(Type.FETCH, { numbers: true });
    assert.deepEqual(data.sockets[0].rooms, [client.id, "r", "x", 42]);
    assert.ok(data.sockets[0].handshake.url);
    await gateway.ask(Type.LEAVE, { rooms: ["x"] });
    server.io.on("ask", (answer) => answer("yes"));
    assert.equal((await gateway.ask(Type.EMIT, { packet: ["ask"] }))[0].data.packet, "yes");
    await gateway.ask(Type.DISCONNECT, { close: true });
    await eventually(() => !client.connected);
    await sleep(50);
    assert.deepEqual(stage.errors, []);
  });
});
