import assert from "node:assert/strict";

/** The gateway's parser takes no more. */
const MAX_DEPTH = 256;

/** @param {string} text JSON that is refused for nothing: no lone surrogate, no NUL in a key, no key twice, not too deep */
export function assertTellable(text) {
  assert.doesNotMatch(text, /\\ud[89a-f]/);
  assert.doesNotMatch(text, /\\u0000[^"]*":/);
  assert.equal(JSON.stringify(JSON.parse(text)).length, text.length, "a key comes twice");
  assert.ok(depthOf(JSON.parse(text)) < MAX_DEPTH);
}

/** @returns {number} how many arrays and objects are open at most */
export function depthOf(value) {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Object.values(value).reduce((most, member) => Math.max(most, depthOf(member)), 0);
}

export const nested = (levels) => JSON.parse(`${"[".repeat(levels)}1${"]".repeat(levels)}`);
