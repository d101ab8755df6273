"""One AMQP connection with aio-pika: its channel, its queue, and what is bound to it."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, Callable, Iterable, Mapping

from .messages import Delivery, Publication
from .responder import AMQP_HEARTBEAT, CONNECT_TIMEOUT

aio_pika: Any
try:
    aio_pika = importlib.import_module("aio_pika")
except ImportError:  # the other responder does without
    aio_pika = None

PROBE_TIMEOUT = 30.0  # seconds


def require() -> None:
    """Raises RuntimeError if aio-pika is missing."""
    if aio_pika is None:
        raise RuntimeError("aio-pika is missing: pip install 'socketio-gateway-responder[async]'")


class AsyncLink:
    """Never reopened: when it is `lost`, there will be another."""

    def __init__(self, exchange: str, receive: Callable[[Delivery], None]) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reason: BaseException | None = None
        self._exchange_name = exchange
        self._receive = receive
        self._connection: Any = None
        self._channel: Any = None
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
        message = aio_pika.Message(
            publication.body,
            content_type="application/json",
            correlation_id=publication.correlation_id,
            delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
        )
        exchange = self._exchange if publication.exchange else self._channel.default_exchange
        await exchange.publish(message, publication.routing_key, mandatory=False)

    async def probe(self) -> None:
        """Raises if the queue is gone (an operator may delete it, which closes nothing), or the broker says nothing."""
        await asyncio.wait_for(self._channel.declare_queue(self._queue.name, passive=True), PROBE_TIMEOUT)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _on_message(self, message: Any) -> None:
        self._receive(Delivery(message.body, message.reply_to, message.correlation_id))

    def _on_close(self, _: Any, error: BaseException | None = None) -> None:
        if not self.lost.done():
            self.reason = error
            self.lost.set_result(None)
