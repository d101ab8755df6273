import assert from "node:assert/strict";
import { test } from "node:test";
import { isBindable, isRoutable, route } from "../lib/routing.js";

const broadcast = (rooms, more = {}) => ({ type: 3, nsp: "/", uid: "u", data: { opts: { rooms }, packet: {}, ...more } });

test("what is for everyone, and everything that is answered or changes something, goes to the namespace", () => {
  assert.deepEqual(route(broadcast([])), { key: "/" });
  assert.deepEqual(route(broadcast(["a"], { requestId: "r" })), { key: "/" });
  for (const type of [1, 2, 13]) assert.deepEqual(route({ type, nsp: "/chat" }), { key: "/chat" });
  for (const type of [4, 5, 6, 7, 9]) assert.deepEqual(route({ ...broadcast(["a"]), type }), { key: "/" });
});

test("an emit to rooms goes to all of them and to those who do not subscribe room by room", () => {
  assert.deepEqual(route(broadcast(["a"])), { key: "/#room#a", cc: ["/#static"] });
  assert.deepEqual(route(broadcast(["a", 42, "b#c"])), {
    key: "/#room#a",
    cc: ["/#room#42", "/#room#b#c", "/#static"],
  });
});

test("a room that looks like a socket id makes it go to the namespace", () => {
  assert.deepEqual(route(broadcast(["a", "abcdefghij_-ABCDEF09"])), { key: "/" });
  assert.equal(isBindable("/", "abcdefghij_-ABCDEF09"), false);
  assert.equal(isBindable("/", "abcdefghij_-ABCDEF0"), true);
  assert.equal(isBindable("/", "abcdefghij_-ABCDEF0:"), true);
});

test("rooms that are neither strings nor numbers have no key, and harm nobody", () => {
  for (const room of [Symbol("s"), {}, null, undefined, true]) assert.equal(isBindable("/", room), false);
  assert.equal(isBindable("/", 42), true);
  assert.deepEqual(route(broadcast(["a", Symbol("s")])), { key: "/" });
});

test("a key has at most 255 bytes", () => {
  const longest = "ä".repeat((255 - "/#room#".length) / 2);
  assert.equal(isBindable("/", longest), true);
  assert.equal(isBindable("/", `${longest}a`), false);
  assert.deepEqual(route(broadcast(["a", "x".repeat(249)])), { key: "/" });
});

test("a list of rooms over 32 KiB goes to the namespace", () => {
  const rooms = (count) => Array.from({ length: count }, (_, i) => `room-${String(i).padStart(88, "0")}`);
  assert.equal(route(broadcast(rooms(300))).cc.length, 300);
  assert.deepEqual(route(broadcast(rooms(400))), { key: "/" });
});

test("namespaces that could be taken for another key, or are too long, are not routed", () => {
  const uid = "0123456789abcdef";
  for (const name of ["/", "/chat", "/ä b"]) assert.equal(isRoutable(name, uid), true);
  for (const name of ["", "chat", "/a#static", "/a#room#b", "/a\0", "/\ud83d"]) assert.equal(isRoutable(name, uid), false);
  assert.equal(isRoutable(`/${"n".repeat(237)}`, uid), true);
  assert.equal(isRoutable(`/${"n".repeat(238)}`, uid), false);
});
