"""What both responders have in common: options, state, and everything between a message and its answer."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any, Callable, Mapping, TypeVar, overload

from . import features, presence
from .acknowledgements import PendingAcknowledgements
from .backlog import Backlog
from .decoding import decode, decode_probe
from .describing import DataOption, Describer
from .events import GATHERING, Events
from .failures import FailureLog
from .handlers import Handler, Handlers
from .handshake import note_time_of_connections
from .limiting import AnswerLimit
from .local import LocalSockets
from .messages import BadMessage, Delivery, Publication
from .outgoing import Outgoing
from .questions import Question
from .server import Server

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
        self._logger = logger or logging.getLogger("socketio_gateway_responder")
        self._connection_failures = FailureLog(self._logger, url)
        self._overflows = FailureLog(self._logger, again_after=60)
        self._local = LocalSockets(sio)
        self._handlers = Handlers()
        self._acknowledged = PendingAcknowledgements()
        self._namespaces = presence.Namespaces()
        self._inbox: Backlog[Delivery] = Backlog(BACKLOG_LIMIT, self._wake_worker)
        self._outbox: Backlog[Publication] = Backlog(BACKLOG_LIMIT, self._wake_publisher)
        self._outgoing = Outgoing(AnswerLimit(max_answer_bytes), self._outbox, self._overflows)
        self._events = Events(sio, self._local, self._outgoing, exchange, self._wake_teller)
        failures = FailureLog(self._logger, again_after=60)
        self._server = Server(
            sio=sio,
            local=self._local,
            describer=Describer(self._local, data, failures),
            handlers=self._handlers,
            acknowledged=self._acknowledged,
            outgoing=self._outgoing,
            events=self._events,
            failures=failures,
            logger=self._logger,
            announce=self._announce,
            forget_after=self._forget_after,
        )
        self._features: list[str] = []
        note_time_of_connections(sio)

    @property
    def uid(self) -> str:
        """The name of this server in the cluster, new with each `start`; empty before the first."""
        return self._outgoing.uid

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

    def _wake_teller(self) -> None:
        """There are events to tell, or they are to be told sooner."""
        raise NotImplementedError

    def _announce(self) -> None:
        """A heartbeat is due."""
        raise NotImplementedError

    def _forget_after(self, seconds: float) -> None:
        """Clients may be waited for until then."""
        raise NotImplementedError

    def _begin(self) -> None:
        # Not in __init__: processes that are forked after it must not share the name.
        self._outgoing.uid = secrets.token_hex(8)
        self._namespaces = presence.Namespaces()
        self._inbox.clear()
        self._outbox.clear()
        self._events.reset()
        self._features = [features.NUMBERS, features.EVENTS]
        if features.has_acks(version := features.installed_version()):
            self._features.insert(0, features.ACKS)
        else:
            self._logger.warning(
                "python-socketio %s cannot do emits with acknowledgements for the gateway: 5.15.1 and later can", version
            )

    def _receive(self, delivery: Delivery) -> None:
        if not self._inbox.put(delivery):
            self._overflows.report("messages of the gateway are dropped: the server does not keep up")

    def _understand(self, delivery: Delivery) -> Question | None:
        """The question, or None if there is nothing to do."""
        is_probe = delivery.routing_key == presence.probe_key(self.uid)
        try:
            return (decode_probe if is_probe else decode)(delivery)
        except BadMessage as error:
            self._logger.warning("a bad message was ignored: %s", error)
        except Exception:
            self._logger.exception("a bad message was ignored")
        return None

    def _heartbeat(self) -> Publication:
        body = presence.heartbeat(self.uid, self._interval, self._namespaces, self._features)
        return Publication(self._exchange, presence.PRESENCE_KEY, body)

    def _goodbye(self) -> Publication:
        return Publication(self._exchange, presence.PRESENCE_KEY, presence.goodbye(self.uid))

    def _keys(self) -> list[str]:
        """What is to be bound on a new connection."""
        own = [presence.DISCOVER_KEY, presence.EVENTS_WANTED_KEY, presence.probe_key(self.uid)]
        return own + [key for name in self._namespaces for key in presence.keys_of(name)]

    def _tell_events(self) -> None:
        """Those that have been collected."""
        try:
            self._events.flush()
        except Exception:
            self._logger.exception("events were not told")
            self._events.miss(GATHERING)  # not at once: it may fail again

    def _answers_refused(self, reason: str) -> None:
        """The broker has closed the channel of the answers, on which events go, too."""
        self._outgoing.refused(reason)
        self._events.miss()

    def _look_at_namespaces(self) -> tuple[list[str], list[str]]:
        """The routing keys to bind, and those to unbind, since last time."""
        added, removed = self._namespaces.update(self._local.namespaces(), time.monotonic())
        self._events.have_namespaces(added, removed)
        self._events.follow()
        return [key for name in added for key in presence.keys_of(name)], [
            key for name in removed for key in presence.keys_of(name)
        ]
