"""The application's handlers for server-side emits."""

from __future__ import annotations

from typing import Any, Callable

Handler = Callable[..., Any]


class Handlers:
    """One for each event of a namespace; the last one registered counts."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {}

    def register(self, event: str, namespace: str, handler: Handler) -> None:
        self._handlers[namespace, event] = handler

    def find(self, event: str, namespace: str) -> Handler | None:
        return self._handlers.get((namespace, event))
