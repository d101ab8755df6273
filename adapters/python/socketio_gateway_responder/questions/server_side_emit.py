"""Events for the server itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import reading
from ..answers import HANDLED_BY_NOBODY, value_of_handler
from ..handlers import Handler
from ..messages import Reply, Type
from ..server import Server
from ..steps import Aside, Steps


@dataclass(frozen=True)
class ServerSideEmit:
    """An event for the server itself."""

    namespace: str
    event: str
    args: tuple[Any, ...]
    reply: Reply | None

    def carry_out(self, server: Server) -> Steps[None]:
        handler = server.handlers.find(self.event, self.namespace)
        if handler is None:
            self._answer(HANDLED_BY_NOBODY, server)
        else:
            yield Aside([self._call(handler, server)])

    def _call(self, handler: Handler, server: Server) -> Steps[None]:
        try:
            value = yield handler(*self.args)
        except Exception:
            server.logger.exception("the handler for a server-side emit failed")
            self._answer(HANDLED_BY_NOBODY, server)
            return
        try:
            self._answer(value_of_handler(value), server)
        except Exception:
            server.logger.exception("the answer of the handler for a server-side emit cannot be passed on")
            self._answer(HANDLED_BY_NOBODY, server)

    def _answer(self, data: dict[str, Any], server: Server) -> None:
        server.outgoing.answer(self.reply, Type.SERVER_SIDE_EMIT_RESPONSE, data)


def read(namespace: str, data: dict[str, Any], reply: Reply | None) -> ServerSideEmit:
    event, args = reading.event(data.get("packet"), data)
    return ServerSideEmit(namespace, event, args, reply)
