/** For how long gateways want events. */

/** Milliseconds between two messages of a gateway that wants events; what it says is taken for no less and no more. */
const SHORTEST_MS = 100;
const LONGEST_MS = 60_000;
/** After so many without a message nothing is wanted any more. */
const SILENT_INTERVALS = 3;

/** Several gateways want at once: what one of them says never costs another. Times in milliseconds of any clock. */
export class Wanted {
  #until = -Infinity;
  #membersUntil = -Infinity;

  /**
   * @param {object} wish of a gateway, which says so again after the interval
   * @param {number} wish.intervalMs
   * @param {boolean} wish.members it wants to hear who joins and leaves which room
   * @param {number} now
   */
  hear({ intervalMs, members }, now) {
    const end = now + SILENT_INTERVALS * Math.min(Math.max(intervalMs, SHORTEST_MS), LONGEST_MS);
    this.#until = Math.max(this.#until, end);
    if (members) this.#membersUntil = Math.max(this.#membersUntil, end);
  }

  events(now) {
    return now < this.#until;
  }

  members(now) {
    return now < this.#membersUntil;
  }
}
