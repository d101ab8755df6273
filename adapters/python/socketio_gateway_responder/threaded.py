"""The responder for `socketio.Server`."""

from __future__ import annotations

import threading
import time
from typing import Any

import socketio

from .backoff import Backoff
from .questions import Question
from .responder import NAMESPACE_CHECK, Responder
from .thread_driver import ThreadDriver
from .thread_link import ThreadLink, Waker, require, was_refused

CLOSE_TIMEOUT = 5.0  # seconds


class ThreadedGatewayResponder(Responder):
    """Answers the gateway beside a `socketio.Server`. For the options see `Responder`.

        responder = ThreadedGatewayResponder(sio, "amqp://…")
        responder.start()

    Two daemon threads: one has the connection, and nothing of the application can hold it up; the other reads and
    changes sockets. Handlers run in background tasks of the server. Raises RuntimeError if kombu is missing, TypeError
    if `sio` is an AsyncServer.
    """

    def __init__(self, sio: socketio.Server, url: str, **options: Any) -> None:
        require()
        if sio.is_asyncio_based():
            raise TypeError("for a socketio.AsyncServer take GatewayResponder")
        self._has_inbox = threading.Event()
        self._stopping = threading.Event()
        self._announces = threading.Event()
        self._up = threading.Event()
        self._waker: Waker | None = None
        self._threads: list[threading.Thread] = []
        super().__init__(sio, url, **options)
        self._driver = ThreadDriver(sio, self._logger)

    @property
    def connected(self) -> bool:
        """Whether questions arrive now."""
        return self._up.is_set()

    def start(self, timeout: float | None = None) -> bool:
        """Connects in the background, and again whenever the connection is lost, until `close`.

        Returns at once; with `timeout` (seconds) when it is connected, or the time is over. The result says whether it
        is connected. That the broker is away is no failure. Starting twice is harmless. In a server that forks, start
        in the children.
        """
        if not self._threads:
            self._begin()
            # New with each start: a thread of the last one may still be waiting for the application, or for the broker.
            self._stopping = threading.Event()
            self._waker = Waker()
            shared = (self._waker, self._stopping)
            self._threads = [
                threading.Thread(target=self._stay_connected, args=shared, name="gateway-connection", daemon=True),
                threading.Thread(target=self._work, args=shared, name="gateway-answers", daemon=True),
            ]
            for thread in self._threads:
                thread.start()
        if timeout is not None:
            self._up.wait(timeout)
        return self.connected

    def close(self) -> None:
        """Says goodbye to the gateway, and ends everything. Closing twice is harmless; `start` works again."""
        threads, self._threads = self._threads, []
        self._stopping.set()
        self._has_inbox.set()
        self._wake_publisher()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(CLOSE_TIMEOUT)
        self._acknowledged.close_all()

    def __enter__(self) -> ThreadedGatewayResponder:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake_worker(self) -> None:
        self._has_inbox.set()

    def _wake_publisher(self) -> None:
        if self._waker is not None:
            self._waker.wake()

    def _wake_teller(self) -> None:
        self._wake_publisher()

    def _announce(self) -> None:
        self._announces.set()
        self._wake_publisher()

    def _forget_after(self, seconds: float) -> None:
        """The thread that has the connection looks for them again and again."""

    # The connection

    def _stay_connected(self, waker: Waker, stopping: threading.Event) -> None:
        backoff = Backoff()
        while not stopping.is_set():
            link = ThreadLink(self._exchange, self._receive, self._answers_refused, waker)
            try:
                self._look_at_namespaces()
                link.open(self._url, self._connection_options, self._keys())
                link.publish(self._heartbeat())
                backoff.reset()
                if self._connection_failures.clear():
                    self._logger.info("connected to the broker again")
                self._up.set()
                self._events.set_connected(True)
                self._serve(link, stopping)
            except Exception as error:  # whatever the broker, the network and kombu come up with
                self._connection_failures.report("no connection to the broker", error)
                refused = was_refused(error)
            else:
                refused = False
            finally:
                self._up.clear()
                self._events.set_connected(False)
                _close_quietly(link)
            self._pause(backoff.next(refused), stopping)
        waker.close()

    def _serve(self, link: ThreadLink, stopping: threading.Event) -> None:
        """Returns when it is time to stop; raises when the connection is lost."""
        last_heartbeat = last_check = time.monotonic()
        while not stopping.is_set():
            if self._events.seconds_to_flush() == 0:
                self._tell_events()
            self._publish(link)
            next_deadline = self._acknowledged.close_expired(time.monotonic())
            next_check = last_check + min(NAMESPACE_CHECK, self._interval)
            if not self._announces.is_set():
                waiting = min(next_check, next_deadline or next_check) - time.monotonic()
                due = self._events.seconds_to_flush()
                link.serve(waiting if due is None else min(waiting, due))
            now = time.monotonic()
            if now >= next_check or self._announces.is_set():
                last_check = now
                link.keep_alive()
                if self._follow_namespaces(link) or self._announces.is_set() or now - last_heartbeat >= self._interval:
                    self._announces.clear()
                    last_heartbeat = now
                    link.publish(self._heartbeat())
        self._tell_events()
        self._publish(link)
        link.settle()
        link.publish(self._goodbye())

    def _publish(self, link: ThreadLink) -> None:
        while (publication := self._outbox.take()) is not None:
            if not link.answer(publication) and (instead := self._outgoing.instead_of(publication)) is not None:
                link.answer(instead)

    def _follow_namespaces(self, link: ThreadLink) -> bool:
        """Whether there are others than before."""
        bound, unbound = self._look_at_namespaces()
        for key in bound:
            link.bind(key)
        for key in unbound:
            link.unbind(key)
        return bool(bound or unbound)

    def _pause(self, seconds: float, stopping: threading.Event) -> None:
        """Meanwhile, clients that do not answer are forgotten in time."""
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0 and not stopping.wait(min(remaining, 0.2)):
            self._acknowledged.close_expired(time.monotonic())

    # The questions

    def _work(self, _: Waker, stopping: threading.Event) -> None:
        """One question after the other, in the order in which they came."""
        while not stopping.is_set():
            self._has_inbox.wait()
            self._has_inbox.clear()
            while not stopping.is_set() and (delivery := self._inbox.take()) is not None:
                question = self._understand(delivery)
                if question is not None:
                    self._carry_out(question)

    def _carry_out(self, question: Question) -> None:
        try:
            self._driver.run(question.carry_out(self._server))
        except Exception:
            self._logger.exception("a question could not be answered: %s", type(question).__name__)


def _close_quietly(link: ThreadLink) -> None:
    try:
        link.close()
    except Exception:  # it was broken before
        pass
