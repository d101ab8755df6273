"""How long to wait before connecting again."""

from __future__ import annotations

import random
from typing import Callable


class Backoff:
    """Doubles from a quarter of a second, less a random part of up to a half, so that servers do not come at once.

    Up to a second while the broker is away, for a server is to be back within two of the broker's. Up to half a minute
    when the broker is there and refuses (a wrong password, a missing permission), for it logs that every time.
    """

    FIRST = 0.25  # seconds
    LONGEST = 1.0
    LONGEST_REFUSED = 30.0

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = self.FIRST

    def next(self, refused: bool = False) -> float:
        """Seconds."""
        longest = self.LONGEST_REFUSED if refused else self.LONGEST
        delay = min(self._next, longest)
        self._next = min(delay * 2, longest)
        return delay * (1 - self._chance() / 2)

    def reset(self) -> None:
        self._next = self.FIRST
