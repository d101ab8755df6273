"""The responder for `socketio.AsyncServer`."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Coroutine

import socketio

from .async_driver import AsyncDriver
from .async_link import AsyncLink, require, was_refused
from .backoff import Backoff
from .questions import Question
from .responder import NAMESPACE_CHECK, Responder

CLOSE_TIMEOUT = 2.0  # seconds
OPEN_TIMEOUT = 30.0  # seconds


class GatewayResponder(Responder):
    """Answers the gateway beside a `socketio.AsyncServer`, in its event loop. For the options see `Responder`.

        responder = GatewayResponder(sio, "amqp://…")
        await responder.start()

    Raises RuntimeError if aio-pika is missing, TypeError if `sio` is no AsyncServer.
    """

    def __init__(self, sio: socketio.AsyncServer, url: str, **options: Any) -> None:
        require()
        if not sio.is_asyncio_based():
            raise TypeError("for a socketio.Server take ThreadedGatewayResponder")
        self._make_events()
        self._link: AsyncLink | None = None
        self._running: list[asyncio.Task[None]] = []
        super().__init__(sio, url, **options)
        self._driver = AsyncDriver(self._logger)

    @property
    def connected(self) -> bool:
        """Whether questions arrive now."""
        return self._up.is_set()

    async def start(self, timeout: float | None = None) -> bool:
        """Connects in the background, and again whenever the connection is lost, until `close`.

        Returns at once; with `timeout` (seconds) when it is connected, or the time is over. The result says whether it
        is connected. That the broker is away is no failure. Starting twice is harmless.
        """
        if not self._running:
            self._make_events()
            self._begin()
            works = (self._stay_connected(), self._work(), self._tell())
            self._running = [asyncio.create_task(work) for work in works]
        if timeout is not None:
            try:
                await asyncio.wait_for(self._up.wait(), timeout)
            except asyncio.TimeoutError:
                pass
        return self.connected

    async def close(self) -> None:
        """Says goodbye to the gateway, and ends everything. Closing twice is harmless; `start` works again."""
        running, self._running = self._running, []
        background = self._driver.background - {asyncio.current_task()}
        if background:
            await asyncio.wait(background, timeout=CLOSE_TIMEOUT)
        if self._link is not None and self.connected:
            error = await _outcome(asyncio.wait_for(self._say_goodbye(self._link), CLOSE_TIMEOUT))
            if error is not None:
                self._connection_failures.report("the goodbye could not be said", error)
        for task in (*running, *background):
            task.cancel()
        await asyncio.gather(*running, *background, return_exceptions=True)
        self._acknowledged.close_all()
        await self._drop_link()

    async def __aenter__(self) -> GatewayResponder:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _make_events(self) -> None:
        # New with each start: an event belongs to the event loop in which it was first waited for.
        self._has_inbox = asyncio.Event()
        self._has_outbox = asyncio.Event()
        self._has_events = asyncio.Event()
        self._sends = asyncio.Lock()
        self._announces = asyncio.Event()
        self._up = asyncio.Event()

    def _wake_worker(self) -> None:
        self._has_inbox.set()

    def _wake_publisher(self) -> None:
        self._has_outbox.set()

    def _wake_teller(self) -> None:
        self._has_events.set()

    def _announce(self) -> None:
        self._announces.set()

    def _forget_after(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._forget_silent_clients)

    def _forget_silent_clients(self) -> None:
        self._acknowledged.close_expired(time.monotonic())

    # The connection

    async def _stay_connected(self) -> None:
        backoff = Backoff()
        while True:
            self._link = AsyncLink(self._exchange, self._receive, self._answers_refused)
            error = await _outcome(self._live_with(self._link, backoff))
            self._connection_failures.report("no connection to the broker", error)
            await self._drop_link()
            await asyncio.sleep(backoff.next(was_refused(error)))

    async def _drop_link(self) -> None:
        self._up.clear()
        self._events.set_connected(False)
        link, self._link = self._link, None
        if link is not None:
            await _outcome(asyncio.wait_for(link.close(), CLOSE_TIMEOUT))

    async def _live_with(self, link: AsyncLink, backoff: Backoff) -> None:
        """Never returns; raises when the connection is lost, or does not come about."""
        self._look_at_namespaces()
        await asyncio.wait_for(link.open(self._url, self._connection_options, self._keys()), OPEN_TIMEOUT)
        await link.publish(self._heartbeat())
        backoff.reset()
        if self._connection_failures.clear():
            self._logger.info("connected to the broker again")
        self._up.set()
        self._events.set_connected(True)
        tasks = [asyncio.create_task(self._publish(link)), asyncio.create_task(self._keep_present(link))]
        try:
            await asyncio.wait({link.lost, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            reasons = await asyncio.gather(*tasks, return_exceptions=True)
        raise next(
            (reason for reason in (link.reason, *reasons) if isinstance(reason, Exception)),
            ConnectionError("the connection was closed"),
        )

    async def _publish(self, link: AsyncLink) -> None:
        while True:
            self._has_outbox.clear()
            await self._send(link)
            await self._has_outbox.wait()

    async def _send(self, link: AsyncLink) -> None:
        """All that waits."""
        async with self._sends:
            while (publication := self._outbox.take()) is not None:
                if await link.answer(publication):
                    continue
                if (instead := self._outgoing.instead_of(publication)) is not None:
                    await link.answer(instead)

    async def _say_goodbye(self, link: AsyncLink) -> None:
        self._tell_events()
        await self._send(link)
        await link.settle()
        await link.publish(self._goodbye())

    async def _tell(self) -> None:
        """Events, when they are due."""
        while True:
            seconds = self._events.seconds_to_flush()
            if seconds == 0:
                self._tell_events()
                continue
            self._has_events.clear()
            try:
                await asyncio.wait_for(self._has_events.wait(), seconds)
            except asyncio.TimeoutError:
                pass

    async def _keep_present(self, link: AsyncLink) -> None:
        """Heartbeats, and new namespaces."""
        last = time.monotonic()
        while True:
            try:
                await asyncio.wait_for(self._announces.wait(), min(NAMESPACE_CHECK, self._interval))
            except asyncio.TimeoutError:
                pass
            bound, unbound = self._look_at_namespaces()
            for key in bound:
                await link.bind(key)
            for key in unbound:
                await link.unbind(key)
            is_due = time.monotonic() - last >= self._interval
            if is_due:
                await link.probe()
            if is_due or bound or unbound or self._announces.is_set():
                self._announces.clear()
                last = time.monotonic()
                await link.publish(self._heartbeat())

    # The questions

    async def _work(self) -> None:
        """One question after the other, in the order in which they came."""
        while True:
            self._has_inbox.clear()
            while (delivery := self._inbox.take()) is not None:
                question = self._understand(delivery)
                if question is not None:
                    await self._carry_out(question)
                await asyncio.sleep(0)
            await self._has_inbox.wait()

    async def _carry_out(self, question: Question) -> None:
        try:
            await self._driver.run(question.carry_out(self._server))
        except Exception:
            self._logger.exception("a question could not be answered: %s", type(question).__name__)


async def _outcome(work: Coroutine[Any, Any, Any]) -> Exception | None:
    """What `work` raised. In a task of its own, for AMQP libraries cancel those who wait for a connection that ends,
    which is not to be taken for a cancellation of ours."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
    error = ConnectionError("the connection ended") if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return error
