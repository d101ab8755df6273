"""One socket as JSON, whatever its data is."""

from __future__ import annotations

from typing import Any, Callable, Literal, Union

from .failures import FailureLog
from .handshake import handshake
from .local import LocalSockets
from .messages import RoomName
from .repairing import repaired, to_json

SocketData = Callable[[str, str, dict[str, Any], dict[str, Any]], Any]
"""(sid, namespace, session, environ) -> what the gateway's callers may see of the socket, serialisable as JSON."""

DataOption = Union[None, Literal["session"], SocketData]


class Describer:
    """Says what is known of a socket. What JSON cannot hold is null there; what cannot be had at all, data or handshake,
    is null as a whole."""

    def __init__(self, local: LocalSockets, data: DataOption, failures: FailureLog) -> None:
        self._local = local
        self._data = data
        self._failures = failures

    def describe(
        self, sid: str, namespace: str, fields: frozenset[str], rooms: list[RoomName], space: int
    ) -> bytes | None:
        """JSON, or None if the socket has gone. Larger than `space` bytes only if its id is."""
        transport_id = self._local.transport_id(sid, namespace)
        if transport_id is None:
            return None
        parts = {"id": to_json(repaired(sid, str))}
        if "rooms" in fields:
            parts["rooms"] = to_json(rooms)
        if "data" in fields:
            parts["data"] = self._json(lambda: self._data_of(sid, namespace, transport_id), "data")
        if "handshake" in fields:
            environ = self._local.environ(transport_id)
            parts["handshake"] = self._json(lambda: handshake(environ), "handshake")
        return self._within(space, parts)

    def _within(self, space: int, parts: dict[str, bytes]) -> bytes:
        """Leaves out what is too large, the least needed first."""
        for name, instead in (("data", b"null"), ("handshake", None), ("rooms", b"[]")):
            if _length(parts) <= space:
                break
            if name in parts:
                self._failures.report(f"the {name} of a socket is left out: the socket is larger than an answer may be")
                del parts[name]
                if instead is not None:
                    parts[name] = instead
        return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), part) for name, part in parts.items())

    def _data_of(self, sid: str, namespace: str, transport_id: str) -> Any:
        if self._data is None:
            return None
        session = self._local.session(transport_id, namespace)
        if self._data == "session":
            return session
        return self._data(sid, namespace, session, self._local.environ(transport_id))

    def _json(self, make: Callable[[], Any], what: str) -> bytes:
        def unknown(value: Any) -> None:
            # Only the type is named: what it holds may be a secret.
            self._failures.report(f"a value in the {what} of a socket is null: {type(value).__name__} is no JSON")

        try:
            return to_json(repaired(make(), unknown))
        except Exception as error:  # the application's callable, and its objects, may raise anything
            self._failures.report(f"the {what} of a socket is null, since it cannot be had: {type(error).__name__}")
            return b"null"


def _length(parts: dict[str, bytes]) -> int:
    return len("{}") + sum(len(name) + len('"":,') + len(part) for name, part in parts.items()) - len(",")
