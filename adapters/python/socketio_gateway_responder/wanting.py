"""For how long gateways want events."""

from __future__ import annotations

SHORTEST, LONGEST = 0.1, 60.0
"""Seconds between two messages of a gateway that wants events; what it says is taken for no less and no more."""

SILENT_INTERVALS = 3
"""After so many without a message nothing is wanted any more."""


class Wanted:
    """Times in seconds of any clock. Several gateways want at once: what one of them says never costs another."""

    def __init__(self) -> None:
        self._until = self._members_until = float("-inf")

    def hear(self, interval: float, members: bool, now: float) -> None:
        """A gateway wants events, and says so again after `interval` seconds."""
        end = now + SILENT_INTERVALS * min(max(interval, SHORTEST), LONGEST)
        self._until = max(self._until, end)
        if members:
            self._members_until = max(self._members_until, end)

    def events(self, now: float) -> bool:
        return now < self._until

    def members(self, now: float) -> bool:
        """Whether somebody wants to hear who joins and leaves which room."""
        return now < self._members_until
