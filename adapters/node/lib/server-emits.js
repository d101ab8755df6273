/** Server-side emits of this server that wait for the other servers' answers. */
export class ServerSideEmits {
  #pending = new Map();

  /**
   * @param {object} emit
   * @param {string} emit.requestId
   * @param {Iterable<string>} emit.uids of the servers that are to answer
   * @param {number} emit.timeoutMs
   * @param {(error: Error | null, answers: any[]) => void} emit.done called once
   */
  start({ requestId, uids, timeoutMs, done }) {
    const fail = (reason) => this.#finish(requestId, reason);
    const timer = setTimeout(() => {
      const { missing } = this.#pending.get(requestId);
      fail(`timeout reached: missing ${missing.size} responses`);
    }, timeoutMs);
    this.#pending.set(requestId, { missing: new Set(uids), answers: [], timer, done });
  }

  /** The first answer of a server counts. */
  answer(requestId, { uid, value }) {
    const emit = this.#pending.get(requestId);
    if (!emit?.missing.delete(uid)) return;
    emit.answers.push(value);
    this.#finishIfComplete(requestId);
  }

  /** A server is gone: nobody waits for it. */
  gone(uid) {
    for (const [requestId, { missing }] of this.#pending) {
      if (missing.delete(uid)) this.#finishIfComplete(requestId);
    }
  }

  close() {
    for (const requestId of [...this.#pending.keys()]) this.#finish(requestId, "the server is closing");
  }

  #finishIfComplete(requestId) {
    if (this.#pending.get(requestId).missing.size === 0) this.#finish(requestId);
  }

  #finish(requestId, reason) {
    const { answers, timer, done } = this.#pending.get(requestId);
    clearTimeout(timer);
    this.#pending.delete(requestId);
    done(reason === undefined ? null : new Error(reason), answers);
  }
}
