"""Emits to sockets, and what their clients answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ..acknowledgements import AcknowledgedEmit
from ..answers import acknowledgement
from ..messages import BadMessage, Reply, Target, Type
from ..reading import an_object, event, target
from ..server import Server
from ..steps import Brief, Steps, chunks

EVENT_PACKET = 2
DEFAULT_TIMEOUT = 5.0  # seconds; what Socket.IO's own cluster adapters wait
LONGEST_TIMEOUT = 600.0  # seconds; callbacks are kept in memory for so long


@dataclass(frozen=True)
class Broadcast:
    """Emit to sockets; with `reply`, their acknowledgements are wanted, for `timeout` seconds."""

    target: Target
    event: str
    args: tuple[Any, ...]
    reply: Reply | None
    timeout: float

    def carry_out(self, server: Server) -> Steps[None]:
        sids = sorted(server.local.select(self.target))
        if self.reply is not None:
            emit = self._expect(len(sids), self.reply, server)
            for chunk in chunks(sids):
                yield Brief(self._ask(chunk, emit, server))
        elif sids:
            packets = self._packets(server.sio)
            for chunk in chunks(sids):
                yield Brief(self._send(chunk, packets, server))

    def _packets(self, sio: Any) -> list[str | bytes]:
        """Without acknowledgement they are the same for every client."""
        packet = sio.packet_class(EVENT_PACKET, data=[self.event, *self.args], namespace=self.target.namespace)
        encoded: Any = packet.encode()
        return encoded if isinstance(encoded, list) else [encoded]

    def _send(self, sids: list[str], packets: list[str | bytes], server: Server) -> Steps[None]:
        for sid in sids:
            transport_id = server.local.transport_id(sid, self.target.namespace)
            try:
                for packet in packets if transport_id is not None else ():
                    yield server.sio.eio.send(transport_id, packet)
            except Exception as error:
                server.failures.report("an event could not be sent to a socket", error)

    def _expect(self, count: int, reply: Reply, server: Server) -> AcknowledgedEmit:
        """Says how many clients there are, and prepares for their answers."""

        def answered(reply: Reply, args: tuple[Any, ...]) -> None:
            try:
                server.outgoing.answer(reply, Type.BROADCAST_ACK, acknowledgement(args))
            except Exception:  # this is called by the server, for which it is no failure of its own
                server.logger.exception("the acknowledgement of a client cannot be passed on")

        emit = AcknowledgedEmit(reply, time.monotonic() + self.timeout, server.local, answered)
        server.acknowledged.add(emit)
        server.outgoing.answer(reply, Type.BROADCAST_CLIENT_COUNT, {"clientCount": count})
        server.forget_after(self.timeout)
        return emit

    def _ask(self, sids: list[str], emit: AcknowledgedEmit, server: Server) -> Steps[None]:
        for sid in sids:
            callback = emit.callback_for(sid)
            if callback is None:
                return
            try:
                yield server.local.emit(sid, self.target.namespace, self.event, self.args, callback)
            except Exception as error:
                server.failures.report("an event could not be sent to a socket", error)
            if emit.is_closed:
                emit.drop(sid, callback)


def read(namespace: str, data: dict[str, Any], reply: Reply | None) -> Broadcast:
    packet = an_object(data.get("packet"), "packet")
    if packet.get("type") != EVENT_PACKET:
        raise BadMessage("packet is not an event")
    name, args = event(packet.get("data"), data)
    return Broadcast(target(namespace, data), name, args, reply, _timeout(data))


def _timeout(data: dict[str, Any]) -> float:
    """Seconds."""
    flags = data["opts"].get("flags")
    timeout = an_object(flags, "flags").get("timeout") if flags is not None else None
    if timeout is None:
        return DEFAULT_TIMEOUT
    if type(timeout) not in (int, float) or timeout < 0:
        raise BadMessage("timeout is not a number of milliseconds")
    return min(timeout / 1000, LONGEST_TIMEOUT) if timeout < 1e9 else LONGEST_TIMEOUT
