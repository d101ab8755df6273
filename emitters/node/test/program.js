// Runs one scenario against the gateway of the environment and prints what came of it as JSON: Tests/EndToEnd/emitters judges.

import { Gateway, GatewayError } from "../index.js";

const { URL: url, KEY: key, TIMEOUT, RETRY_FOR } = process.env;
const gateway = new Gateway(url, { key, timeout: TIMEOUT * 1000, retryFor: RETRY_FOR * 1000 });

async function attempt(promise) {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { status = null, code, outcome = null, retryable, errors: places } = error;
    return { error: { status, code, outcome, retryable, places } };
  }
}

const once = () => attempt(gateway.to("room").emit("once", { id: 42 }));

async function complains(call) {
  try {
    await call();
  } catch (error) {
    return error instanceof TypeError;
  }
  return false;
}

const scenarios = {
  once,

  async twice() {
    return [await once(), await once()];
  },

  batch() {
    const batch = gateway.batch();
    batch.to("a").emit("first", 1);
    batch.to("b").emit("second", Buffer.from([0, 255]));
    batch.emit("");
    return attempt(batch.send());
  },

  valid_batch() {
    const batch = gateway.batch();
    batch.emit("first", 1);
    batch.emit("second", 2);
    return attempt(batch.send());
  },

  keys: () =>
    JSON.parse(key).map((key) => {
      try {
        new Gateway(url, { key });
        return null;
      } catch (error) {
        return error instanceof TypeError ? error.message : null;
      }
    }),

  fetched: () => attempt(gateway.fetchSockets()),

  async emits() {
    const room = gateway.to("a"); // may be used again
    await room.to(["b"]).emit("union", 0.1, { z: null, a: "ä" });
    await room.emit("room");
    await gateway.except("b").emit("except");
    await gateway.exceptSockets("sid").emit("sockets");
    await gateway.volatile.compress(false).emit("flags");
    await gateway.of("/chat").in(7).emit("number");
    await gateway.emit("bytes", { deep: [new Uint8Array([1, 0, 255]).subarray(1)] }, new ArrayBuffer(0));
    return [await gateway.unconfirmed.emit("unconfirmed"), await gateway.dryRun("dry"), await attempt(gateway.to([]).emit("nobody"))];
  },

  async questions() {
    return {
      acks: (await gateway.to("a").timeout(20_000).emitWithAck("q", 1)).acks,
      first: (await gateway.first.timeout(20_000).emitWithAck("q")).acks.complete,
      joined: (await gateway.in("a").except("b").socketsJoin(["c", 7])).matched,
      counts: await gateway.in("c", 7, "a").counts(),
      left: (await gateway.in("c").socketsLeave("a")).matched,
      fetched: await gateway.in("c").fetchSockets(),
      told: (await gateway.serverSideEmit("tell", 1)).status,
      asked: (await gateway.timeout(20_000).serverSideEmitWithAck("sum", 2, 3)).responses.map((answer) => answer.value),
      disconnected: (await gateway.in("b").disconnectSockets(true)).matched,
      all: (await gateway.counts()).sockets,
      refused: await attempt(gateway.volatile.socketsJoin("x")),
    };
  },

  many() {
    return Promise.all(Array.from({ length: 100 }, async (_, number) => (await attempt(gateway.emit("n", number))).status));
  },

  mistakes() {
    return Promise.all([
      complains(() => gateway.emit("once", 10n)),
      complains(() => gateway.emit("once", NaN)),
      complains(() => gateway.emit("once", [Buffer.alloc(0), { $binary: "" }])),
      complains(() => gateway.idempotencyKey("k\n").emit("once")),
      complains(() => gateway.idempotencyKey("").emit("once")),
      complains(() => gateway.batch().send({ idempotencyKey: "" })),
      complains(() => gateway.batch().emitWithAck("q")),
    ]);
  },
};

console.log(JSON.stringify(await scenarios[process.argv[2]]()));
