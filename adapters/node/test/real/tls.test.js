/** The recipe for TLS of the README: its options with Node's own TLS, and all of it with amqplib, where that is. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { eventually } from "../support/eventually.js";
import { packages, skip } from "./packages.js";
import { Stage } from "./stage.js";
import { startTlsBroker } from "./tls-broker.js";

let broker;
before(async () => (broker = await startTlsBroker()));
after(() => broker?.stop());

/** As the README has it. */
const files = (more = {}) => ({
  ca: readFileSync(broker.ca),
  cert: readFileSync(broker.cert),
  key: readFileSync(broker.key),
  ...more,
});

/** The first byte of what RabbitMQ says: 1, a method, which is `connection.start`. */
function firstByte(options) {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "localhost", servername: "localhost", port: broker.port, ...options });
    socket.once("secureConnect", () => socket.write("AMQP\x00\x00\x09\x01"));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
    socket.once("data", (data) => {
      resolve(data[0]);
      socket.destroy();
    });
  });
}

describe("the recipe's options", () => {
  test("RabbitMQ and Node believe each other", async () => {
    assert.equal(await firstByte(files()), 1);
  });

  test("what another authority has signed is not believed, nor what the system's have not", async () => {
    const code = "SELF_SIGNED_CERT_IN_CHAIN";
    await assert.rejects(firstByte(files({ ca: readFileSync(broker.stranger) })), { code });
    await assert.rejects(firstByte(files({ ca: undefined })), { code });
  });

  test("another host's certificate is not believed", async () => {
    await assert.rejects(firstByte(files({ servername: "elsewhere" })), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  test("without a client certificate nobody gets in where one is demanded", async () => {
    await assert.rejects(firstByte(files({ cert: undefined, key: undefined })));
  });
});

describe("the recipe with amqplib", { skip }, () => {
  for (const [user, more] of [["guest", () => ({})], ["robot", () => ({ credentials: packages.amqplib.credentials.external() })]]) {
    test(`a server is found by gateways, as ${user}`, async () => {
      const stage = new Stage(broker.url);
      try {
        const connection = () => packages.amqplib.connect(`amqps://localhost:${broker.port}?heartbeat=10`, { ...files(), ...more() });
        await stage.companion({ options: { connection } });
        const gateway = await stage.gateway();
        gateway.discover();
        await eventually(() => gateway.presence.length > 0);
        assert.deepEqual(stage.errors, []);
      } finally {
        await stage.close();
      }
    });
  }
});
