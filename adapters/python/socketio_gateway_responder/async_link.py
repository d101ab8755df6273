"""One AMQP connection with aio-pika: its queue, and what is bound to it, and a channel of their own for answers."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, Callable, Iterable, Mapping

from .limiting import SMALL
from .messages import Delivery, Publication
from .responder import AMQP_HEARTBEAT, CONNECT_TIMEOUT

aio_pika: Any
try:
    aio_pika = importlib.import_module("aio_pika")
except ImportError:  # the other responder does without
    aio_pika = None

PROBE_TIMEOUT = 30.0  # seconds
# What aiormq raises for a wrong password, for a virtual host (it takes the refusal for a wrong frame), for a permission.
REFUSALS = ("ProbableAuthenticationError", "ConnectionNotAllowed", "InvalidFrameError", "ChannelAccessRefused")


def require() -> None:
    """Raises RuntimeError if aio-pika is missing."""
    if aio_pika is None:
        raise RuntimeError("aio-pika is missing: pip install 'socketio-gateway-responder[async]'")


def was_refused(error: BaseException | None) -> bool:
    """Whether the broker was there, and did not want us: the password, the virtual host, a permission."""
    return type(error).__name__ in REFUSALS


class AsyncLink:
    """Never reopened: when it is `lost`, there will be another. Only the channel of the answers is: the broker closes it
    if one is too large, and that is to cost no question."""

    def __init__(
        self, exchange: str, receive: Callable[[Delivery], None], refused: Callable[[str], None]
    ) -> None:
        """`refused` is called with the broker's reason when it has closed the channel of the answers."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reason: BaseException | None = None
        self._exchange_name = exchange
        self._receive = receive
        self._refused = refused
        self._connection: Any = None
        self._channel: Any = None
        self._answers: Any = None
        self._answers_closed: asyncio.Future[None] = self.lost
        self._exchange: Any = None
        self._queue: Any = None

    async def open(self, url: str, options: Mapping[str, Any], keys: Iterable[str]) -> None:
        """Returns when all is bound and consumed. Raises whatever aio-pika does; `close` is due in any case."""
        defaults = {"timeout": CONNECT_TIMEOUT}
        if "heartbeat=" not in url:
            defaults["heartbeat"] = AMQP_HEARTBEAT
        self._connection = await aio_pika.connect(url, **{**defaults, **options})
        self._connection.close_callbacks.add(self._on_close)
        self._channel = await self._connection.channel(publisher_confirms=False)
        self._channel.close_callbacks.add(self._on_close)
        self._exchange = await self._channel.declare_exchange(
            self._exchange_name, aio_pika.ExchangeType.DIRECT, durable=False, auto_delete=False
        )
        self._queue = await self._channel.declare_queue(None, durable=False, exclusive=True, auto_delete=False)
        for key in keys:
            await self.bind(key)
        await self._queue.consume(self._on_message, no_ack=True)

    async def bind(self, key: str) -> None:
        await self._queue.bind(self._exchange, key)

    async def unbind(self, key: str) -> None:
        await self._queue.unbind(self._exchange, key)

    async def publish(self, publication: Publication) -> None:
        """To the exchange of the cluster."""
        await self._exchange.publish(_message(publication), publication.routing_key, mandatory=False)

    async def answer(self, publication: Publication) -> bool:
        """To its exchange, on the channel of the answers. False if the broker did not take it, and closed the channel instead."""
        if self._answers is None:
            self._answers = await self._connection.channel(publisher_confirms=False)
            self._answers_closed = asyncio.get_running_loop().create_future()
            self._answers.close_callbacks.add(self._on_close_of_answers)
        answers, closed = self._answers, self._answers_closed
        try:
            exchange = answers.default_exchange
            if publication.exchange:
                exchange = await answers.get_exchange(publication.exchange, ensure=False)
            await exchange.publish(_message(publication), publication.routing_key, mandatory=False)
            if len(publication.body) > SMALL:
                # Any request would do: when it is answered, the broker has taken what was before it in the channel.
                await answers.set_qos(prefetch_count=0, timeout=PROBE_TIMEOUT)
        except (aio_pika.exceptions.ChannelClosed, aio_pika.exceptions.ChannelInvalidStateError):
            await asyncio.wait({closed, self.lost}, timeout=PROBE_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
            if not closed.done() or self.lost.done():
                raise
            return False
        return True

    async def settle(self) -> None:
        """Returns when the broker has taken all answers. What is published then comes behind them."""
        if self._answers is not None:
            await self._answers.set_qos(prefetch_count=0, timeout=PROBE_TIMEOUT)

    async def probe(self) -> None:
        """Raises if the queue is gone (an operator may delete it, which closes nothing), or the broker says nothing."""
        await asyncio.wait_for(self._channel.declare_queue(self._queue.name, passive=True), PROBE_TIMEOUT)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _on_message(self, message: Any) -> None:
        self._receive(Delivery(message.body, message.reply_to, message.correlation_id, message.routing_key or ""))

    def _on_close_of_answers(self, _: Any, error: BaseException | None = None) -> None:
        self._answers = None
        if not self._answers_closed.done():
            self._answers_closed.set_result(None)
        if isinstance(error, aio_pika.exceptions.ChannelClosed):  # by the broker, not with the connection
            self._refused(str(error))

    def _on_close(self, _: Any, error: BaseException | None = None) -> None:
        if not self.lost.done():
            self.reason = error
            self.lost.set_result(None)


def _message(publication: Publication) -> Any:
    return aio_pika.Message(
        publication.body,
        content_type="application/json",
        correlation_id=publication.correlation_id,
        delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
    )
