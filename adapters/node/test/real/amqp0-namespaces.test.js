/** The README's recipe for socket.io-amqp0 with several namespaces, with the real one. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { startBroker } from "./broker.js";
import { packages, skip } from "./packages.js";
import { amqp0Adapter, keepExchange } from "./servers.js";
import { Stage } from "./stage.js";

const EMITS = 20;
const reason = skip || (packages.amqp0 ? false : "needs socket.io-amqp0");

describe("socket.io-amqp0 with several namespaces", { skip: reason }, () => {
  let broker;
  let stage;
  before(async () => (broker = await startBroker()));
  after(() => broker?.stop());
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  /** As in the README. */
  function adapterOf(namespace) {
    const name = `${stage.exchange}${namespace.name}`;
    const Adapter = amqp0Adapter(stage, { exchangeName: name, queuePrefix: name });
    return new Adapter(namespace);
  }

  test("every emit arrives in its namespace, and in no other", async () => {
    for (const namespace of ["/", "/chat"]) await keepExchange(stage, stage.exchange + namespace);
    const server = await stage.companion({ adapter: adapterOf });
    server.io.of("/chat");
    const clients = {};
    for (const namespace of ["/", "/chat"]) {
      clients[namespace] = await stage.client(server, { namespace, join: ["room"] });
    }
    const connection = await stage.connect();
    stage.atClose(() => connection.close());
    const channel = await connection.createConfirmChannel();
    await sleep(100);
    for (let i = 0; i < EMITS; i++) {
      for (const namespace of ["/", "/chat"]) {
        for (const key of ["broadcast", "room"]) {
          const envelope = { packet: { type: 2, data: ["e", namespace, key, i] }, except: [] };
          channel.publish(stage.exchange + namespace, key, Buffer.from(JSON.stringify(envelope)));
        }
      }
    }
    await channel.waitForConfirms();
    await eventually(() => Object.values(clients).every(({ received }) => received.length >= 2 * EMITS)).catch(() => {});
    await sleep(100);
    for (const [namespace, { received }] of Object.entries(clients)) {
      for (const key of ["broadcast", "room"]) {
        const numbers = received.filter((event) => event[2] === key).map((event) => event[3]);
        assert.deepEqual(numbers, Array.from({ length: EMITS }, (_, i) => i), `${namespace} ${key}`);
      }
      assert.ok(received.every((event) => event[1] === namespace), namespace);
    }
  });
});
