/** The small values: order of names, backoff, options, errors, version. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Backoff } from "../lib/backoff.js";
import { compareCodePoints, firstInOrder } from "../lib/code-points.js";
import { settle } from "../lib/options.js";
import { reporter } from "../lib/report.js";
import { ServerSideEmits } from "../lib/server-emits.js";
import { VERSION } from "../lib/version.js";

const identity = (name) => name;

test("names are in the order of their UTF-8 bytes", () => {
  const names = ["", "a", "aa", "b", "\uD7FF", "\uE000", "\uFFFD", "\uFFFF", "\u{10000}", "\u{1F600}", "B", "é", "__"];
  const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual([...names].sort(compareCodePoints), byBytes);
  assert.notDeepEqual([...names].sort(), byBytes, "JavaScript's own order is another");
});

test("a page holds the first names behind a name", () => {
  const names = Array.from({ length: 500 }, (_, i) => String((i * 7919) % 500).padStart(3, "0"));
  const sorted = [...names].sort();
  assert.deepEqual(firstInOrder(names, { name: identity }), sorted);
  assert.deepEqual(firstInOrder(names, { name: identity, limit: 7 }), sorted.slice(0, 7));
  assert.deepEqual(firstInOrder(names, { name: identity, after: "100", limit: 3 }), ["101", "102", "103"]);
  assert.deepEqual(firstInOrder(names, { name: identity, after: "497" }), ["498", "499"]);
  assert.deepEqual(firstInOrder(names, { name: identity, limit: 0 }), []);
  assert.deepEqual(firstInOrder([], { name: identity, limit: 5 }), []);
});

test("waiting doubles up to its limit, with jitter, and begins anew", () => {
  const least = new Backoff({ random: () => 0 });
  assert.deepEqual([1, 2, 3].map(() => least.next()), [50, 100, 200]);
  const most = new Backoff({ random: () => 1 });
  for (let i = 0; i < 50; i++) most.next();
  assert.equal(most.next(), 1_500);
  most.reset();
  assert.equal(most.next(), 100);
});

test("options have defaults, and mistakes are thrown at start-up", () => {
  const connection = async () => {};
  const { report, ...settled } = settle({ connection, exchange: undefined });
  assert.equal(typeof report, "function");
  assert.deepEqual(settled, {
    connection,
    exchange: "socket.io.cluster",
    subscriptionMode: "static",
    heartbeatInterval: 5_000,
    heartbeatTimeout: 10_000,
    requestsTimeout: 5_000,
    maxAnswerBytes: 8_388_608,
  });
  const wrong = [
    undefined,
    {},
    { connection: Promise.resolve() },
    { connection, exchange: "" },
    { connection, exchange: "x".repeat(256) },
    { connection, subscriptionMode: "both" },
    { connection, heartbeatInterval: 0 },
    { connection, heartbeatTimeout: Infinity },
    { connection, requestsTimeout: "soon" },
    { connection, maxAnswerBytes: 0 },
    { connection, maxAnswerBytes: 1.5 },
    { connection, maxAnswerBytes: "8 MiB" },
    { connection, onError: true },
  ];
  for (const options of wrong) assert.throws(() => settle(options), TypeError);
});

test("reporting never throws, and makes an error of whatever there is", (t) => {
  const lines = t.mock.method(console, "error", () => {});
  const told = [];
  reporter((error) => told.push(error))("text", { stage: "message" });
  assert.equal(told[0].message, "text");
  reporter(() => {
    throw new Error("in onError");
  })(new Error("x"), { stage: "message" });
  reporter()(new Error("two\nlines"), { stage: "publish", namespace: "/chat" });
  assert.deepEqual(lines.mock.calls.map(({ arguments: [line] }) => line), [
    "socketio-gateway (message): in onError",
    "socketio-gateway (publish, /chat): two lines",
  ]);
});

test("a server-side emit ends with all answers, each server's first", () => {
  const emits = new ServerSideEmits();
  const ends = [];
  emits.start({ requestId: "r", uids: ["a", "b"], timeoutMs: 1_000, done: (...end) => ends.push(end) });
  emits.answer("other", { uid: "a", value: 0 });
  emits.answer("r", { uid: "a", value: 1 });
  emits.answer("r", { uid: "a", value: 2 });
  emits.answer("r", { uid: "stranger", value: 3 });
  assert.deepEqual(ends, []);
  emits.answer("r", { uid: "b", value: undefined });
  emits.answer("r", { uid: "b", value: 4 });
  assert.deepEqual(ends, [[null, [1, undefined]]]);
});

test("a server-side emit ends without servers that go, at its time-out, and on closing", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const emits = new ServerSideEmits();
  const ends = [];
  const done = (error, answers) => ends.push([error?.message, answers]);
  emits.start({ requestId: "1", uids: ["a", "b"], timeoutMs: 100, done });
  emits.answer("1", { uid: "a", value: 1 });
  emits.gone("b");
  emits.start({ requestId: "2", uids: ["a", "b"], timeoutMs: 100, done });
  emits.answer("2", { uid: "b", value: 2 });
  t.mock.timers.tick(100);
  emits.start({ requestId: "3", uids: ["a"], timeoutMs: 100, done });
  emits.close();
  t.mock.timers.tick(1_000);
  assert.deepEqual(ends, [
    [undefined, [1]],
    ["timeout reached: missing 1 responses", [2]],
    ["the server is closing", []],
  ]);
});

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url)));
  assert.equal(VERSION, manifest.version);
});
