"""Everything that a gateway asks: a file for each, with its value, how it is read, and how it is carried out."""

from __future__ import annotations

from typing import Any, Callable, Protocol

from ..messages import Reply, Type
from ..server import Server
from ..steps import Steps
from . import broadcast, disconnect, fetch, move, server_side_emit


class Question(Protocol):
    """A value."""

    def carry_out(self, server: Server) -> Steps[None]:
        """Does it, and answers whoever asked. The next question waits until these steps are done."""
        ...


QUESTIONS: dict[int, Callable[[str, dict[str, Any], Reply | None], Question]] = {
    Type.BROADCAST: broadcast.read,
    Type.SOCKETS_JOIN: move.read_join,
    Type.SOCKETS_LEAVE: move.read_leave,
    Type.DISCONNECT_SOCKETS: disconnect.read,
    Type.FETCH_SOCKETS: fetch.read,
    Type.SERVER_SIDE_EMIT: server_side_emit.read,
}
"""From the type of a message to what reads it: its namespace, its `data`, and where the answer goes. They raise
`BadMessage`."""
