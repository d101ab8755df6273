"""Sockets that are disconnected."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ..farewell import LOOK, Farewell
from ..messages import Reply, Target, Type
from ..reading import flag, target
from ..server import Server
from ..steps import Aside, Pause, Steps


@dataclass(frozen=True)
class Disconnect:
    """Sockets leave the namespace; with `close`, their connections end too."""

    target: Target
    close: bool
    reply: Reply | None

    def carry_out(self, server: Server) -> Steps[None]:
        sids = sorted(server.local.select(self.target))
        farewell = Farewell()
        # All are marked as going before the next question is looked at; their disconnect handlers may take longer.
        going = set(sids)
        partings = [self._part_with(sid, farewell, going, server) for sid in sids]
        yield Aside([*partings, self._report(len(sids), farewell, going, server)])

    def _part_with(self, sid: str, farewell: Farewell, going: set[str], server: Server) -> Steps[None]:
        try:
            connection, leaving = self._leaving(sid, server)
            for leaving_sid, namespace in leaving:
                try:
                    yield server.sio.disconnect(leaving_sid, namespace=namespace, ignore_queue=True)
                except Exception as error:
                    server.failures.report("the disconnect handler of a socket failed", error)
                    server.local.forget(leaving_sid, namespace)
            if connection is not None:
                farewell.add(connection, time.monotonic())
        finally:
            going.discard(sid)

    def _leaving(self, sid: str, server: Server) -> tuple[Any, list[tuple[str, str]]]:
        """The connection to close with a socket, if any, and the sockets that leave, as (sid, namespace). With the
        connection all its sockets do: one that is not told takes it for a broken line, and comes back."""
        namespace = self.target.namespace
        transport_id = server.local.transport_id(sid, namespace)
        if not self.close or transport_id is None:
            return None, [(sid, namespace)]
        others = [socket for socket in server.local.sockets_of(transport_id) if socket != (sid, namespace)]
        return server.sio.eio.sockets.get(transport_id), [(sid, namespace), *others]

    def _report(self, matched: int, farewell: Farewell, going: set[str], server: Server) -> Steps[None]:
        while farewell or going:
            for connection in farewell.due(time.monotonic()):
                try:
                    # Not `eio.disconnect`, which waits until the client has taken everything: some never do.
                    yield connection.close(wait=False, reason=server.sio.reason.SERVER_DISCONNECT)
                except Exception as error:
                    server.failures.report("a connection could not be closed", error)
            yield Pause(LOOK)
        server.outgoing.answer(self.reply, Type.FETCH_SOCKETS_RESPONSE, {"sockets": [], "matched": matched})


def read(namespace: str, data: dict[str, Any], reply: Reply | None) -> Disconnect:
    return Disconnect(target(namespace, data), flag(data, "close"), reply)
