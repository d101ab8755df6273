"""The end of connections whose sockets have been disconnected."""

from __future__ import annotations

from typing import Any

from engineio import packet

PATIENCE = 2.0  # seconds that a client has to take what is meant for it
LOOK = 0.02  # seconds between two looks at those that have not


class Farewell:
    """Says of connections of python-engineio when they may be closed.

    A client that polls takes what is queued for it with its next request. If the session is closed by then it gets an
    error instead, takes that for a broken line, and comes back. So nothing is closed before the client has taken its
    DISCONNECT, at which most close by themselves, and then, in a response of its own, the CLOSE of Engine.IO. The ones
    that take nothing are closed all the same, when their time is over.
    """

    def __init__(self) -> None:
        self._deadlines: dict[Any, float] = {}
        self._told: set[Any] = set()

    def __bool__(self) -> bool:
        """Whether there is anybody to wait for."""
        return bool(self._deadlines)

    def add(self, connection: Any, now: float) -> None:
        """`connection` has its DISCONNECT in its queue. `now` in seconds of any clock."""
        self._deadlines.setdefault(connection, now + PATIENCE)

    def due(self, now: float) -> list[Any]:
        """The connections to close now, each once. To be called every `LOOK` seconds."""
        due = [connection for connection, deadline in self._deadlines.items() if self._is_due(connection, now, deadline)]
        for connection in due:
            del self._deadlines[connection]
            self._told.discard(connection)
        return due

    def _is_due(self, connection: Any, now: float, deadline: float) -> bool:
        if connection.closing or connection.closed or now >= deadline:
            return True
        if not connection.queue.empty():
            return False
        if connection in self._told:
            return True
        self._told.add(connection)
        connection.queue.put_nowait(packet.Packet(packet.CLOSE))
        return False
