"""Who is there?"""

from __future__ import annotations

from dataclasses import dataclass

from ..server import Server
from ..steps import Steps


@dataclass(frozen=True)
class Discover:
    """A gateway has come. It has neither a namespace nor data."""

    def carry_out(self, server: Server) -> Steps[None]:
        server.announce()
        yield
