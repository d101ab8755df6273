/** The recipe for TLS of the README: its options with Node's own TLS, and all of it with amqplib, where that is. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { eventually } from "../support/eventually.js";
import { packages, skip } from "./packages.js";
import { SERVERS } from "./servers.js";
import { Stage } from "./stage.js";
import { startTlsBroker } from "./tls-broker.js";

const [BROADCAST, FETCH] = [3, 7];

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

/** The connections that there are: `{ user, ssl }`. */
const connections = async () => JSON.parse(await broker.ctl("list_connections", "user", "ssl", "--formatter", "json"));

/** Returns when these are the users of all connections over TLS. */
async function waitForUsers(...users) {
  let last;
  const isSo = async () => {
    last = await connections();
    return isDeepStrictEqual(last.flatMap(({ user, ssl }) => (ssl ? [user] : [])), users);
  };
  await eventually(isSo, { withinMs: 10_000 }).catch(() => assert.fail(`not ${users}: ${JSON.stringify(last)}`));
}

/** Asserts that there are connections, and none without TLS. */
async function assertAllOverTLS() {
  const all = await connections();
  assert.ok(all.length > 0 && all.every(({ ssl }) => ssl), JSON.stringify(all));
}

describe("the recipe with amqplib", { skip }, () => {
  let stage;
  beforeEach(() => (stage = new Stage(broker.url)));
  afterEach(() => stage.close());

  const external = () => ({ credentials: packages.amqplib.credentials.external() });
  const connect = (more = {}) => packages.amqplib.connect(`amqps://localhost:${broker.port}?heartbeat=10`, { ...files(), ...more });

  for (const [user, more] of [["guest", () => ({})], ["robot", external]]) {
    test(`a server is found by gateways, as ${user}`, async () => {
      const server = await stage.companion({ options: { connection: () => connect(more()) } });
      const gateway = await stage.gateway();
      gateway.discover();
      await eventually(() => gateway.presence.length > 0);
      await waitForUsers(user);
      await server.gateway.close();
      assert.deepEqual(stage.errors, []);
    });
  }

  for (const [name, start] of Object.entries(SERVERS)) {
    test(`${name}: a gateway's emit arrives, and a question is answered`, async () => {
      // All that the server does is over TLS, and so is what the gateway does.
      stage.connect = () => connect();
      const server = await start(stage);
      const gateway = await stage.gateway();
      const client = await stage.client(server, { join: ["r"] });
      await eventually(() => gateway.probe("/")); // the server listens
      gateway.tell(BROADCAST, { packet: { type: 2, data: ["e", 1] } });
      await eventually(() => client.received.length === 1);
      const [{ data }] = await gateway.ask(FETCH, {});
      assert.deepEqual(data.sockets.map(({ id }) => id), [client.id]);
      assert.deepEqual(client.received, [["e", 1]]);
      await assertAllOverTLS();
      assert.deepEqual(stage.errors, []);
    });
  }

  test("servers with the adapter are one cluster", async () => {
    stage.connect = () => connect();
    const [a, b] = await stage.cluster(2);
    const client = await stage.client(b);
    a.io.emit("e", "x".repeat(1_000_000));
    await eventually(() => client.received.length === 1);
    assert.equal(client.received[0][1].length, 1_000_000);
    await assertAllOverTLS();
    assert.deepEqual(stage.errors, []);
  });

  test("a new certificate holds from the next connection on", async () => {
    const own = { cert: broker.cert, key: broker.key };
    const connection = () => connect({ ...external(), cert: readFileSync(own.cert), key: readFileSync(own.key) });
    await stage.companion({ options: { connection } });
    await waitForUsers("robot");
    Object.assign(own, { cert: broker.nextCert, key: broker.nextKey });
    await broker.ctl("close_all_connections", "rotated");
    await waitForUsers("next");
    assert.deepEqual(stage.errors.map(({ context }) => context.stage), ["connection"]);
  });
});
