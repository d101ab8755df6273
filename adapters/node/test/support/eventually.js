import { setTimeout as sleep } from "node:timers/promises";

/**
 * @param {() => any} condition may be asynchronous; failed when it throws or is false
 * @param {{ withinMs?: number, what?: string }} [limits]
 */
export async function eventually(condition, { withinMs = 5_000, what = "the condition" } = {}) {
  const deadline = performance.now() + withinMs; // tests may stop the clock
  for (;;) {
    let failure;
    try {
      if (await condition()) return;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure ?? new Error(`${what} did not come about within ${withinMs} ms`);
    await sleep(5);
  }
}
