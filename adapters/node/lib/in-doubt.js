/**
 * What was published since a message that the broker may find too large. If it does, it closes the channel and drops what
 * has come behind that message; what came before it, it has taken.
 *
 * @typedef {import("./outlet.js").Publication} Publication
 */
export class InDoubt {
  #publications = [];
  #asked = 0;
  /** The largest message that was taken, in bytes. */
  #takenBytes = 0;

  /**
   * @param {Publication} publication as it is sent
   * @returns {boolean} whether no message of this size was taken yet: the broker is to be asked for a sign that it was
   */
  note(publication) {
    const isDoubtful = publication.content.length > this.#takenBytes;
    if (isDoubtful) this.#asked += 1;
    if (this.#asked > 0) this.#publications.push(publication);
    return isDoubtful;
  }

  /** @param {Publication} publication for which {@link note} was true */
  taken(publication) {
    const index = this.#publications.indexOf(publication);
    if (index < 0) return; // given up
    this.#takenBytes = Math.max(this.#takenBytes, publication.content.length);
    this.#asked -= 1;
    this.#publications.splice(0, this.#asked > 0 ? index + 1 : Infinity);
  }

  /**
   * Forgets everything: the channel is gone.
   *
   * @param {number} [bytes] of the message that was refused, if one was
   * @returns {{ refused?: Publication, behind: Publication[] }}
   */
  giveUp(bytes) {
    const publications = this.#publications;
    [this.#publications, this.#asked] = [[], 0];
    const index = publications.findIndex(({ content }) => content.length === bytes);
    return index < 0 ? { behind: [] } : { refused: publications[index], behind: publications.slice(index + 1) };
  }
}
