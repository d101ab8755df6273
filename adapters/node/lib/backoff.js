/** How long to wait before the next attempt: doubling, with jitter, so that servers do not come back all at once. */
export class Backoff {
  #attempts = 0;

  /**
   * @param {{ firstMs?: number, mostMs?: number, random?: () => number }} [settings]
   */
  constructor({ firstMs = 100, mostMs = 10_000, random = Math.random } = {}) {
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
