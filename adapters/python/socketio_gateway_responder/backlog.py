"""A queue between two parts that must never wait for each other."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Generic, Protocol, TypeVar


class HasBody(Protocol):
    @property
    def body(self) -> bytes: ...


Item = TypeVar("Item", bound=HasBody)


class Backlog(Generic[Item]):
    """First in, first out, of at most `limit` bytes of bodies. Thread-safe; neither `put` nor `take` waits."""

    OVERHEAD = 500  # bytes counted for each item beside its body

    def __init__(self, limit: int, wake: Callable[[], object]) -> None:
        """`wake` is called, from the thread that puts, whenever something was put."""
        self._limit = limit
        self._wake = wake
        self._size = 0
        self._items: deque[Item] = deque()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """What waits, in bytes."""
        return self._size

    def put(self, item: Item) -> bool:
        """False if there is no room, and the item has been dropped."""
        cost = self._cost(item)
        with self._lock:
            if self._items and self._size + cost > self._limit:
                return False
            self._size += cost
            self._items.append(item)
        self._wake()
        return True

    def take(self) -> Item | None:
        with self._lock:
            if not self._items:
                return None
            item = self._items.popleft()
            self._size -= self._cost(item)
            return item

    def clear(self) -> None:
        while self.take() is not None:
            pass

    def _cost(self, item: Item) -> int:
        return len(item.body) + self.OVERHEAD
