"""Who comes, who goes, which rooms live?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..messages import BadMessage
from ..reading import flag
from ..server import Server
from ..steps import Steps


@dataclass(frozen=True)
class WantEvents:
    """A gateway wants to be told, and says so again after `interval` seconds; with `members` also who joins and leaves
    which room. It has no namespace, and nobody answers it."""

    interval: float
    members: bool

    def carry_out(self, server: Server) -> Steps[None]:
        server.events.want(self.interval, self.members)
        yield


def read(data: dict[str, Any]) -> WantEvents:
    milliseconds = data.get("intervalMs")
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
        raise BadMessage("intervalMs is not a number")
    return WantEvents(min(milliseconds, 10**9) / 1000, flag(data, "members"))
