"""What both responders have in common: options, state, and everything between a message and its answer."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import replace
from typing import Any, Callable, Mapping, TypeVar, overload

from . import features, presence
from .acknowledgements import AcknowledgedEmit, PendingAcknowledgements
from .answers import HANDLED_BY_NOBODY, TOO_LARGE, acknowledgement, answer, value_of_handler
from .backlog import Backlog
from .decoding import decode
from .describing import DataOption, Describer
from .failures import FailureLog
from .handlers import Handler, Handlers
from .handshake import note_time_of_connections
from .limiting import SMALL, AnswerLimit
from .local import LocalSockets
from .messages import BadMessage, Broadcast, Delivery, Disconnect, Publication, Question, Reply, ServerSideEmit, Type
from .moving import Moved

AnyHandler = TypeVar("AnyHandler", bound=Handler)

BACKLOG_LIMIT = 64 * 1024 * 1024  # bytes of questions that wait, and as many of answers
NAMESPACE_CHECK = 1.0  # seconds between two looks at the server's namespaces
CONNECT_TIMEOUT = 10.0  # seconds
AMQP_HEARTBEAT = 20  # seconds


class Responder:
    """Options, for both responders:

    - `sio`: the server.
    - `url`: of the broker, `amqp://` or `amqps://`.
    - `exchange`: the gateway's `cluster` exchange.
    - `interval`: seconds between heartbeats; after three without one the gateway takes the server for gone.
    - `data`: what the gateway's callers see as a socket's `data`. None: nothing. `"session"`: the whole session of the
      socket, as `save_session` stored it. Or a function of `(sid, namespace, session, environ)`. Sessions often hold
      secrets.
    - `connection_options`: further arguments for `aio_pika.connect` or `kombu.Connection`.
    - `max_answer_bytes`: pages of sockets and rooms end before they are larger, and go on with the next; in place of
      any other answer that is larger the gateway hears that it is. If the broker takes less, that counts.
    - `logger`: instead of the logger `socketio_gateway_responder`.

    Raises ValueError for options that can never work.
    """

    def __init__(
        self,
        sio: Any,
        url: str,
        *,
        exchange: str = "socket.io.cluster",
        interval: float = 5.0,
        data: DataOption = None,
        connection_options: Mapping[str, Any] | None = None,
        max_answer_bytes: int = 8 * 1024 * 1024,
        logger: logging.Logger | None = None,
    ) -> None:
        if not url.startswith(("amqp://", "amqps://")):
            raise ValueError("url must begin with amqp:// or amqps://")
        if not exchange:
            raise ValueError("exchange must have a name")
        if interval <= 0:
            raise ValueError("interval must be greater than 0")
        if not (data is None or data == "session" or callable(data)):
            raise ValueError('data must be None, "session" or a function')
        self._sio = sio
        self._url = url
        self._exchange = exchange
        self._interval = interval
        self._connection_options = dict(connection_options or {})
        self._limit = AnswerLimit(max_answer_bytes)
        self._logger = logger or logging.getLogger("socketio_gateway_responder")
        self._connection_failures = FailureLog(self._logger, url)
        self._overflows = FailureLog(self._logger, again_after=60)
        self._socket_failures = FailureLog(self._logger, again_after=60)
        self._local = LocalSockets(sio)
        self._describer = Describer(self._local, data, self._socket_failures)
        self._handlers = Handlers()
        self._acknowledged = PendingAcknowledgements()
        self._namespaces = presence.Namespaces()
        self._inbox: Backlog[Delivery] = Backlog(BACKLOG_LIMIT, self._wake_worker)
        self._outbox: Backlog[Publication] = Backlog(BACKLOG_LIMIT, self._wake_publisher)
        self._uid = ""
        self._features: list[str] = []
        note_time_of_connections(sio)

    @property
    def uid(self) -> str:
        """The name of this server in the cluster, new with each `start`; empty before the first."""
        return self._uid

    @overload
    def on(self, event: str, *, namespace: str = "/") -> Callable[[AnyHandler], AnyHandler]: ...
    @overload
    def on(self, event: str, handler: AnyHandler, *, namespace: str = "/") -> AnyHandler: ...
    def on(self, event: str, handler: Any = None, *, namespace: str = "/") -> Any:
        """Registers a handler for a server-side emit: a decorator, or with the handler as an argument.

        It is called with the arguments of the event, and what it returns is this server's answer: anything that is
        serialisable as JSON, and bytes. If it raises, that is logged, and the gateway hears that nobody handled it.
        """
        if handler is None:
            return lambda function: self.on(event, function, namespace=namespace)
        self._handlers.register(event, namespace, handler)
        return handler

    def _wake_worker(self) -> None:
        raise NotImplementedError

    def _wake_publisher(self) -> None:
        raise NotImplementedError

    def _begin(self) -> None:
        # Not in __init__: processes that are forked after it must not share the name.
        self._uid = secrets.token_hex(8)
        self._namespaces = presence.Namespaces()
        self._inbox.clear()
        self._outbox.clear()
        self._features = [features.NUMBERS]
        if features.has_acks(version := features.installed_version()):
            self._features.insert(0, features.ACKS)
        else:
            self._logger.warning(
                "python-socketio %s cannot do emits with acknowledgements for the gateway: 5.15.1 and later can", version
            )

    def _receive(self, delivery: Delivery) -> None:
        if delivery.routing_key == presence.probe_key(self._uid):
            return
        if not self._inbox.put(delivery):
            self._overflows.report("messages of the gateway are dropped: the server does not keep up")

    def _understand(self, delivery: Delivery) -> Question | None:
        """The question, or None if there is nothing to do."""
        try:
            return decode(delivery)
        except BadMessage as error:
            self._logger.warning("a bad message was ignored: %s", error)
        except Exception:
            self._logger.exception("a bad message was ignored")
        return None

    def _heartbeat(self) -> Publication:
        body = presence.heartbeat(self._uid, self._interval, self._namespaces, self._features)
        return Publication(self._exchange, presence.PRESENCE_KEY, body)

    def _goodbye(self) -> Publication:
        return Publication(self._exchange, presence.PRESENCE_KEY, presence.goodbye(self._uid))

    def _keys(self) -> list[str]:
        """What is to be bound on a new connection."""
        own = [presence.DISCOVER_KEY, presence.probe_key(self._uid)]
        return own + [key for name in self._namespaces for key in presence.keys_of(name)]

    def _look_at_namespaces(self) -> tuple[list[str], list[str]]:
        """The routing keys to bind, and those to unbind, since last time."""
        added, removed = self._namespaces.update(self._local.namespaces(), time.monotonic())
        return [key for name in added for key in presence.keys_of(name)], [
            key for name in removed for key in presence.keys_of(name)
        ]

    def _answer(self, reply: Reply | None, kind: Type, data: dict[str, Any]) -> None:
        if reply is not None:
            self._send(reply, kind, answer(self._uid, reply, kind, data))

    def _send(self, reply: Reply, kind: Type, body: bytes) -> None:
        instead = answer(self._uid, reply, kind, TOO_LARGE) if len(body) > min(SMALL, self._limit.bytes) else None
        if instead is not None and len(body) > self._limit.bytes:
            self._overflows.report(f"an answer to the gateway was too large to be sent: over {self._limit.bytes} bytes")
            body, instead = instead, None
        if not self._outbox.put(Publication("", reply.to, body, reply.correlation_id, instead)):
            self._overflows.report("answers to the gateway are dropped: the broker does not take them")

    def _instead_of(self, publication: Publication) -> Publication | None:
        """What to send after the broker has not taken this answer, if it was for its size."""
        if publication.instead is None or len(publication.body) <= self._limit.bytes:
            return None
        return replace(publication, body=publication.instead, instead=None)

    def _answers_refused(self, text: str) -> None:
        """The broker has closed the channel of the answers."""
        limit = self._limit.learn(text)
        if limit is None:
            self._overflows.report(f"the broker does not take an answer to the gateway: {text}")
        else:
            self._overflows.report(
                f"the broker takes no message of over {limit} bytes (its max_message_size); "
                "from now on no answer to the gateway is larger"
            )

    def _leaving(self, sid: str, question: Disconnect) -> tuple[Any, list[tuple[str, str]]]:
        """The connection to close with a socket, if any, and the sockets that leave, as (sid, namespace). With the
        connection all its sockets do: one that is not told takes it for a broken line, and comes back."""
        namespace = question.target.namespace
        transport_id = self._local.transport_id(sid, namespace)
        if not question.close or transport_id is None:
            return None, [(sid, namespace)]
        others = [socket for socket in self._local.sockets_of(transport_id) if socket != (sid, namespace)]
        return self._sio.eio.sockets.get(transport_id), [(sid, namespace), *others]

    def _report_applied(self, reply: Reply | None, matched: int) -> None:
        self._answer(reply, Type.FETCH_SOCKETS_RESPONSE, {"sockets": [], "matched": matched})

    def _report_moved(self, reply: Reply | None, moved: Moved) -> None:
        refusal = {"error": "room_is_socket"} if moved.room_is_socket else {}
        self._answer(reply, Type.FETCH_SOCKETS_RESPONSE, {"sockets": [], "matched": moved.matched, **refusal})

    def _answer_of_handler(self, question: ServerSideEmit, value: Any) -> None:
        try:
            self._answer(question.reply, Type.SERVER_SIDE_EMIT_RESPONSE, value_of_handler(value))
        except Exception:
            self._logger.exception("the answer of the handler for a server-side emit cannot be passed on")
            self._handled_by_nobody(question)

    def _handled_by_nobody(self, question: ServerSideEmit) -> None:
        self._answer(question.reply, Type.SERVER_SIDE_EMIT_RESPONSE, HANDLED_BY_NOBODY)

    def _ask_clients(self, question: Broadcast, reply: Reply, count: int) -> AcknowledgedEmit:
        """Says how many clients there are, and prepares for their answers."""
        emit = AcknowledgedEmit(reply, time.monotonic() + question.timeout, self._local, self._client_answered)
        self._acknowledged.add(emit)
        self._answer(reply, Type.BROADCAST_CLIENT_COUNT, {"clientCount": count})
        return emit

    def _client_answered(self, reply: Reply, args: tuple[Any, ...]) -> None:
        try:
            self._answer(reply, Type.BROADCAST_ACK, acknowledgement(args))
        except Exception:  # this is called by the server, for which it is no failure of its own
            self._logger.exception("the acknowledgement of a client cannot be passed on")

    def _encoded(self, question: Broadcast) -> list[str | bytes]:
        """The packets of an emit without acknowledgement, the same for every client."""
        packet = self._sio.packet_class(2, data=[question.event, *question.args], namespace=question.target.namespace)
        encoded: Any = packet.encode()
        return encoded if isinstance(encoded, list) else [encoded]
