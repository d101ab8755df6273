"""One socket as JSON, whatever its data is."""

from __future__ import annotations

from typing import Any, Callable, Literal, Union

from .answers import to_json
from .failures import FailureLog
from .handshake import handshake
from .local import LocalSockets

SocketData = Callable[[str, str, dict[str, Any], dict[str, Any]], Any]
"""(sid, namespace, session, environ) -> what the gateway's callers may see of the socket, serialisable as JSON."""

DataOption = Union[None, Literal["session"], SocketData]


class Describer:
    """Says what is known of a socket; one whose data or handshake cannot be serialised has null there."""

    def __init__(self, local: LocalSockets, data: DataOption, failures: FailureLog) -> None:
        self._local = local
        self._data = data
        self._failures = failures

    def describe(self, sid: str, namespace: str, fields: frozenset[str], rooms: list[str]) -> str | None:
        """JSON, or None if the socket has gone."""
        transport_id = self._local.transport_id(sid, namespace)
        if transport_id is None:
            return None
        parts = [f'"id":{to_json(sid)}']
        if "rooms" in fields:
            parts.append(f'"rooms":{to_json(rooms)}')
        if "data" in fields:
            parts.append(f'"data":{self._json(lambda: self._data_of(sid, namespace, transport_id), "data")}')
        if "handshake" in fields:
            environ = self._local.environ(transport_id)
            parts.append(f'"handshake":{self._json(lambda: handshake(environ), "handshake")}')
        return "{" + ",".join(parts) + "}"

    def _data_of(self, sid: str, namespace: str, transport_id: str) -> Any:
        if self._data is None:
            return None
        session = self._local.session(transport_id, namespace)
        if self._data == "session":
            return session
        return self._data(sid, namespace, session, self._local.environ(transport_id))

    def _json(self, make: Callable[[], Any], what: str) -> str:
        try:
            return to_json(make())
        except Exception as error:  # the application's callable, and its objects, may raise anything
            # Its text may quote the data.
            reason = type(error).__name__
            self._failures.report(f"the {what} of a socket is null, since it cannot be had as JSON: {reason}")
            return "null"
