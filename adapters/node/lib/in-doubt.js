/**
 * What was published since a message that the broker may find too large. If it does, it closes the channel and drops what
 * has come behind that message; what came before it, it has taken.
 *
 * @typedef {import("./outlet.js").Publication} Publication
 */
export class InDoubt {
  #publications = [];
  #asked = 0;
  /** The largest message that was sent on this channel or taken on any, in bytes. */
  #largestBytes = 0;
  #takenBytes = 0;

  /**
   * @param {Publication} publication as it is sent
   * @returns {boolean} whether it is the largest so far: the broker is to be asked for a sign that it was taken
   */
  note(publication) {
    const bytes = publication.content.length;
    const isDoubtful = bytes > this.#largestBytes;
    if (isDoubtful) [this.#asked, this.#largestBytes] = [this.#asked + 1, bytes];
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
    [this.#publications, this.#asked, this.#largestBytes] = [[], 0, this.#takenBytes];
    const index = publications.findIndex(({ content }) => content.length === bytes);
    return index < 0 ? { behind: [] } : { refused: publications[index], behind: publications.slice(index + 1) };
  }
}
