/** How large a message the broker takes. No client can learn it before one was refused. */

/** RabbitMQ's text when it closes a channel with 406; above its hard limit it says `larger than max size`. */
const REFUSAL = /message size (\d+) (?:is )?larger than (?:configured )?max size (\d+)/;

/**
 * @param {any} error of a channel that was closed
 * @returns {{ bytes: number, mostBytes: number } | null} what the refused message has and what a message may have, if it
 *   was closed for that
 */
export function refusalIn(error) {
  const found = REFUSAL.exec(error?.message ?? "");
  return found === null ? null : { bytes: Number(found[1]), mostBytes: Number(found[2]) };
}

/** What was learned, for as long as this process lives. */
export class MessageSize {
  mostBytes = Infinity;

  learn(mostBytes) {
    this.mostBytes = Math.min(this.mostBytes, mostBytes);
  }

  /** @throws {MessageTooLargeError} */
  check({ content }) {
    if (content.length > this.mostBytes) throw new MessageTooLargeError(content.length, this.mostBytes);
  }
}

export class MessageTooLargeError extends Error {
  name = "MessageTooLargeError";
  code = "ERR_MESSAGE_TOO_LARGE";

  constructor(bytes, mostBytes) {
    super(`a message of ${bytes} bytes was not sent: RabbitMQ takes ${mostBytes} at most (max_message_size)`);
  }
}
