/** How large a message the broker takes. No client can learn it before one was refused. */

/** RabbitMQ's text when it closes a channel with 406; before 3.12 it says `larger than max size`, too. */
const REFUSAL = /message size (\d+) (?:is )?larger than (?:configured )?max size (\d+)/;

/**
 * @param {any} error of a channel that was closed
 * @returns {number | null} the most bytes that the broker takes, if it was closed for a message that has more
 */
export function maxBytesIn(error) {
  const found = REFUSAL.exec(error?.message ?? "");
  return found === null ? null : Number(found[2]);
}

/** What was learned, for as long as this process lives. */
export class MessageSize {
  mostBytes = Infinity;

  /** @returns {boolean} whether the error said something of it */
  learnFrom(error) {
    const bytes = maxBytesIn(error);
    if (bytes !== null) this.mostBytes = Math.min(this.mostBytes, bytes);
    return bytes !== null;
  }

  /** @throws {MessageTooLargeError} */
  check(bytes) {
    if (bytes > this.mostBytes) throw new MessageTooLargeError(bytes, this.mostBytes);
  }
}

export class MessageTooLargeError extends Error {
  name = "MessageTooLargeError";
  code = "ERR_MESSAGE_TOO_LARGE";

  constructor(bytes, mostBytes) {
    super(`a message of ${bytes} bytes was not sent: RabbitMQ takes ${mostBytes} at most (max_message_size)`);
  }
}
