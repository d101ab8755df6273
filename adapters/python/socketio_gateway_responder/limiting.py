"""How large an answer may be, which the broker may know better."""

from __future__ import annotations

import re

LEAST = 1024  # bytes; less holds no answer at all
SMALL = 16 * 1024
"""Bytes of an answer that no broker is expected to find too large, so that nobody waits for what it says."""

# "PRECONDITION_FAILED - message size 70000 is larger than configured max size 65536" (RabbitMQ 3.10.8)
_TOO_LARGE = re.compile(r"message size \d+ is larger than (?:configured )?max size (\d+)")


class AnswerLimit:
    """In bytes. For all threads: it is only ever replaced by a smaller one."""

    def __init__(self, limit: int) -> None:
        """Raises ValueError if nothing could be answered."""
        if limit < LEAST:
            raise ValueError(f"max_answer_bytes must be at least {LEAST}")
        self.bytes = limit

    def learn(self, text: str) -> int | None:
        """Takes the text with which the broker closed a channel. The limit that it names, if it names one."""
        found = _TOO_LARGE.search(text)
        if found is None:
            return None
        self.bytes = min(self.bytes, int(found[1]))
        return int(found[1])
