"""Work in steps: written once, for servers with an event loop and for those with threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generator, Iterator, TypeVar

Result = TypeVar("Result")
Steps = Generator[Any, Any, Result]
"""Work that returns its result, and meanwhile yields one of these:

- None, so that an event loop can do something else;
- what a function of the server or of the application has returned. Where that has to be awaited it is, and the `yield`
  gives its result, or raises what it raises;
- a `Pause`, an `Aside`, a `Brief`.
"""

CHUNK = 500
"""How many sockets, or rooms, are looked at between two stops."""


@dataclass(frozen=True)
class Pause:
    """Goes on after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Aside:
    """Work that nothing else waits for. In an event loop each is a task, and all have begun when the work goes on; with
    threads one is done after the other, in the background."""

    works: list[Steps[None]]


@dataclass(frozen=True)
class Brief:
    """Work to wait for, but in an event loop not for long: then it goes on in the background."""

    work: Steps[None]


def run(steps: Steps[Result]) -> Result:
    """Does the work in one go. It must yield nothing but None."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def chunks(sids: list[str]) -> Iterator[list[str]]:
    return (sids[start : start + CHUNK] for start in range(0, len(sids), CHUNK))
