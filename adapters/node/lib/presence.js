/** Tells gateways that this process is there, which namespaces it has, and that it goes. */

import { MessageType } from "./protocol.js";

/** Changes in this time, in milliseconds, are announced together. */
const GATHERING_MS = 20;

export class Presence {
  #constant;
  #facts;
  #publish;
  #timer = null;
  #pending = null;

  /**
   * @param {object} settings
   * @param {string} settings.uid
   * @param {number} settings.intervalMs gateways take it for gone after three
   * @param {"static" | "dynamic"} settings.mode
   * @param {string} settings.agent name and version of the software
   * @param {() => { namespaces: string[], features: string[], probe?: string, adapter?: string }} settings.facts what
   *   may change, as it is at this moment
   * @param {(message: object) => void} settings.publish must not throw
   */
  constructor({ uid, intervalMs, mode, agent, facts, publish }) {
    this.#constant = { uid, type: MessageType.HEARTBEAT, pid: process.pid, intervalMs, mode, agent };
    this.#facts = facts;
    this.#publish = publish;
  }

  /** Speaks after each interval from now on. */
  start() {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.announce(), this.#constant.intervalMs);
    this.#timer.unref();
  }

  announce() {
    this.#publish({ ...this.#constant, ...this.#facts() });
  }

  /**
   * For what may happen many times in a row: one announcement for all of them.
   *
   * @returns {Promise<void>} resolves when it was made
   */
  announceSoon() {
    this.#pending ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#pending = null;
        if (this.#timer !== null) this.announce();
        resolve();
      }, GATHERING_MS);
    });
    return this.#pending;
  }

  /** The last word. */
  stop() {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#publish({ uid: this.#constant.uid, type: MessageType.ADAPTER_CLOSE });
  }
}
