/**
 * Servers come back within 2 seconds of the broker's accepting connections again: this leaves half a second for
 * connecting.
 */
const MOST_MS = 1_500;

/** How long to wait before the next attempt: doubling, with jitter, so that servers do not come back all at once. */
export class Backoff {
  #attempts = 0;

  /**
   * @param {{ firstMs?: number, mostMs?: number, random?: () => number }} [settings]
   */
  constructor({ firstMs = 100, mostMs = MOST_MS, random = Math.random } = {}) {
    this.firstMs = firstMs;
    this.mostMs = mostMs;
    this.random = random;
  }

  /** @returns {number} milliseconds: half to all of the step */
  next() {
    const step = Math.min(this.mostMs, this.firstMs * 2 ** this.#attempts);
    if (step < this.mostMs) this.#attempts++;
    return step * (0.5 + this.random() / 2);
  }

  reset() {
    this.#attempts = 0;
  }
}
