/** What has to be sent again when the broker has found a message too large. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InDoubt } from "../lib/in-doubt.js";

const message = (bytes) => ({ content: Buffer.alloc(bytes) });

test("only a message that is larger than all that were taken is in doubt", () => {
  const inDoubt = new InDoubt();
  const [first, larger] = [message(10), message(20)];
  assert.equal(inDoubt.note(first), true);
  inDoubt.taken(first);
  for (const bytes of [1, 10]) assert.equal(inDoubt.note(message(bytes)), false);
  assert.equal(inDoubt.note(larger), true);
  assert.equal(inDoubt.note(message(15)), false, "what is said of the larger one is said of it");
  inDoubt.taken(larger);
  assert.equal(inDoubt.note(message(20)), false);
});

test("what is behind the refused message comes back in order, and nothing that was before it", () => {
  const inDoubt = new InDoubt();
  const [before, first, between, large, behind, larger, last] = [1, 5, 2, 30, 3, 40, 4].map(message);
  for (const each of [before, first, between, large, behind, larger, last]) inDoubt.note(each);
  inDoubt.taken(before);
  inDoubt.taken(first);
  assert.deepEqual(inDoubt.giveUp(30), { refused: large, behind: [behind, larger, last] });
  assert.deepEqual(inDoubt.giveUp(30), { behind: [] }, "once");
});

test("nothing is kept when nothing is in doubt", () => {
  const inDoubt = new InDoubt();
  const [large, behind] = [message(30), message(2)];
  inDoubt.note(large);
  inDoubt.note(behind);
  inDoubt.taken(large);
  inDoubt.note(message(3));
  assert.deepEqual(inDoubt.giveUp(2), { behind: [] });
});

test("what was taken on one channel is in no doubt on the next", () => {
  const inDoubt = new InDoubt();
  const [taken, refused] = [message(30), message(40)];
  inDoubt.note(taken);
  inDoubt.taken(taken);
  inDoubt.note(refused);
  inDoubt.giveUp(40);
  assert.deepEqual([30, 31].map((bytes) => inDoubt.note(message(bytes))), [false, true]);
});

test("what was closed for another reason brings nothing back, and late signs mean nothing", () => {
  const inDoubt = new InDoubt();
  const large = message(30);
  inDoubt.note(large);
  inDoubt.note(message(2));
  assert.deepEqual(inDoubt.giveUp(), { behind: [] });
  inDoubt.taken(large);
  assert.equal(inDoubt.note(message(30)), true);
});
