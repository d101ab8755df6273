"""Broadcasts that wait for the acknowledgements of clients."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Callable

from .local import LocalSockets
from .messages import Reply

Answered = Callable[[Reply, "tuple[Any, ...]"], None]


class AcknowledgedEmit:
    """One broadcast: knows who has not answered, and hands each answer on once. Thread-safe."""

    def __init__(self, reply: Reply, deadline: float, local: LocalSockets, answered: Answered) -> None:
        """`deadline` in seconds of the caller's clock. `answered` is called in the thread of the client."""
        self.deadline = deadline
        self._reply = reply
        self._local = local
        self._answered = answered
        self._waiting: dict[str, Callable[..., None]] = {}
        self._closed = False
        self._lock = threading.Lock()

    @property
    def is_closed(self) -> bool:
        return self._closed

    def callback_for(self, sid: str) -> Callable[..., None] | None:
        """What the manager calls with the client's arguments; None when it is too late to ask."""
        with self._lock:
            if self._closed:
                return None
            callback = self._waiting[sid] = partial(self._answer, sid)
            return callback

    def close(self) -> None:
        """No answer counts from here on, and the manager holds no callback of ours."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, {}
        for sid, callback in waiting.items():
            self._local.forget_callback(sid, callback)

    def drop(self, sid: str, callback: Callable[..., None]) -> None:
        """For a callback that was handed to the manager after all had been closed."""
        self._local.forget_callback(sid, callback)

    def _answer(self, sid: str, *args: Any) -> None:
        with self._lock:
            if self._waiting.pop(sid, None) is None:
                return
        self._answered(self._reply, args)


class PendingAcknowledgements:
    """All that wait, until their deadlines. Thread-safe."""

    def __init__(self) -> None:
        self._emits: set[AcknowledgedEmit] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._emits)

    def add(self, emit: AcknowledgedEmit) -> None:
        with self._lock:
            self._emits.add(emit)

    def close_expired(self, now: float) -> float | None:
        """Closes those whose deadline has come; the next deadline, if any."""
        with self._lock:
            expired = {emit for emit in self._emits if emit.deadline <= now}
            self._emits -= expired
            next_deadline = min((emit.deadline for emit in self._emits), default=None)
        for emit in expired:
            emit.close()
        return next_deadline

    def close_all(self) -> None:
        self.close_expired(float("inf"))
