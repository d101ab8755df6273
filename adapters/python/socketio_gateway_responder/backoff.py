"""How long to wait before connecting again."""

from __future__ import annotations

import random
from typing import Callable


class Backoff:
    """Doubles from half a second to five, less a random part of up to a half, so that servers do not come at once."""

    FIRST = 0.5  # seconds
    LONGEST = 5.0

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = self.FIRST

    def next(self) -> float:
        """Seconds."""
        delay = self._next * (1 - self._chance() / 2)
        self._next = min(self._next * 2, self.LONGEST)
        return delay

    def reset(self) -> None:
        self._next = self.FIRST
