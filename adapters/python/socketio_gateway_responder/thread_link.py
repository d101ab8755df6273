"""One AMQP connection with kombu: its queue, and what is bound to it, and a channel of their own for answers. For one
thread."""

from __future__ import annotations

import importlib
import selectors
import socket
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, Mapping

from .limiting import SMALL
from .messages import Delivery, Publication
from .responder import AMQP_HEARTBEAT, CONNECT_TIMEOUT

kombu: Any
try:
    kombu = importlib.import_module("kombu")
except ImportError:  # the other responder does without
    kombu = None

IO_TIMEOUT = 15.0  # seconds; a broker that neither answers nor takes anything for so long is lost
READ_PATIENCE = 0.05  # seconds for the rest of a message, once its beginning has come


def require() -> None:
    """Raises RuntimeError if kombu is missing."""
    if kombu is None:
        raise RuntimeError("kombu is missing: pip install 'socketio-gateway-responder[threads]'")


class Waker:
    """Lets any thread end the wait of the one that watches this."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def wake(self) -> None:
        try:
            self._writer.send(b"\0")
        except OSError:  # full, so it is awake already; or closed
            pass

    def drain(self) -> None:
        try:
            while self._reader.recv(4096):
                pass
        except OSError:  # empty
            pass

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def was_refused(error: BaseException) -> bool:
    """Whether the broker was there, and did not want us: the password, the virtual host, a permission."""
    return type(error).__name__ in ("AccessRefused", "NotAllowed")


class ThreadLink:
    """Never reopened: whatever raises has ended it, and there will be another. Only the channel of the answers is: the
    broker closes it if one is too large, and that is to cost no question."""

    def __init__(
        self, exchange: str, receive: Callable[[Delivery], None], refused: Callable[[str], None], waker: Waker
    ) -> None:
        """`refused` is called with the broker's reason when it has closed the channel of the answers."""
        self._exchange_name = exchange
        self._receive = receive
        self._refused = refused
        self._waker = waker
        self._selector = selectors.DefaultSelector()
        self._connection: Any = None
        self._channel: Any = None
        self._answers: Any = None
        self._answers_reopened = False
        self._queue = ""

    def open(self, url: str, options: Mapping[str, Any], keys: Iterable[str]) -> None:
        """Returns when all is bound and consumed. Raises whatever kombu does; `close` is due in any case."""
        defaults = {"heartbeat": AMQP_HEARTBEAT, "connect_timeout": CONNECT_TIMEOUT}
        self._connection = kombu.Connection(url, **{**defaults, **options})
        # `connect` would wait 2 s before its second try, and neither a stop nor our own pauses could shorten that.
        self._connection.ensure_connection(
            max_retries=1, interval_start=0, interval_step=0, interval_max=0, reraise_as_library_errors=False
        )
        self._socket.settimeout(IO_TIMEOUT)
        self._channel = self._connection.channel()
        self._answers = self._connection.channel()
        # py-amqp opens a channel that the broker closed again by itself, and then raises, without naming the channel.
        self._answers.on_open = self._on_reopen_of_answers
        self._channel.exchange_declare(self._exchange_name, "direct", durable=False, auto_delete=False)
        self._queue = self._channel.queue_declare("", durable=False, exclusive=True, auto_delete=False).queue
        for key in keys:
            self.bind(key)
        self._channel.basic_consume(self._queue, no_ack=True, callback=self._on_message)
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._selector.register(self._waker, selectors.EVENT_READ)

    def bind(self, key: str) -> None:
        self._channel.queue_bind(self._queue, self._exchange_name, key)

    def unbind(self, key: str) -> None:
        self._channel.queue_unbind(self._queue, self._exchange_name, key)

    def publish(self, publication: Publication) -> None:
        """To the exchange of the cluster."""
        self._publish(self._channel, publication)

    def answer(self, publication: Publication) -> bool:
        """To its exchange, on the channel of the answers. False if the broker did not take it, and closed the channel instead."""
        with self._closing_of_answers():
            self._publish(self._answers, publication)
            if len(publication.body) > SMALL:
                # Any request would do: when it is answered, the broker has taken what was before it in the channel.
                self._answers.basic_qos(0, 0, False)
            return True
        return False

    def settle(self) -> None:
        """Returns when the broker has taken all answers. What is published then comes behind them."""
        with self._closing_of_answers():
            self._answers.basic_qos(0, 0, False)

    def serve(self, timeout: float) -> None:
        """Waits until the broker has something, the waker is used, or the time (seconds) is over."""
        if not self._has_decrypted():
            ready = {key.fileobj for key, _ in self._selector.select(max(timeout, 0))}
            if self._waker in ready:
                self._waker.drain()
            if self._socket not in ready:
                return
        try:
            with self._closing_of_answers():
                self._connection.drain_events(timeout=READ_PATIENCE)
        except socket.timeout:  # a heartbeat, or a part of a message
            pass

    def keep_alive(self) -> None:
        """Sends AMQP's own heartbeats, and raises if the broker's have been missing. Due every second or so."""
        self._connection.heartbeat_check()

    def close(self) -> None:
        self._selector.close()
        if self._connection is not None:
            self._connection.release()

    @staticmethod
    def _publish(channel: Any, publication: Publication) -> None:
        properties: dict[str, Any] = {"delivery_mode": 1}
        if publication.correlation_id is not None:
            properties["correlation_id"] = publication.correlation_id
        message = channel.prepare_message(
            publication.body, content_type="application/json", content_encoding="utf-8", properties=properties
        )
        channel.basic_publish(message, exchange=publication.exchange, routing_key=publication.routing_key)

    @contextmanager
    def _closing_of_answers(self) -> Iterator[None]:
        """Around whatever may read that the broker has closed the channel of the answers: passes it on, and that is
        all. What closes the other channel is raised."""
        try:
            yield
        except self._connection.channel_errors as error:
            if not self._answers_reopened:
                raise
            self._answers_reopened = False
            self._refused(str(error))

    def _on_reopen_of_answers(self, *_: Any) -> None:
        self._answers_reopened = True

    @property
    def _socket(self) -> Any:
        return self._connection.connection.sock

    def _has_decrypted(self) -> bool:
        pending = getattr(self._socket, "pending", None)  # of TLS; what has been decrypted is not seen by a selector
        return bool(pending is not None and pending())

    def _on_message(self, message: Any) -> None:
        body = message.body
        properties = message.properties
        self._receive(
            Delivery(
                body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body),
                properties.get("reply_to"),
                properties.get("correlation_id"),
                message.delivery_info.get("routing_key") or "",
            )
        )
