"""Does work in steps in an event loop."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, Coroutine

from .steps import CHUNK, Aside, Brief, Pause, Result, Steps

PATIENCE = 1.0  # seconds


class AsyncDriver:
    """`background`: the tasks that nothing waits for."""

    def __init__(self, logger: logging.Logger) -> None:
        self.background: set[asyncio.Task[Any]] = set()
        self._logger = logger

    async def run(self, steps: Steps[Result]) -> Result:
        value: Any = None
        error: Exception | None = None
        while True:
            try:
                step = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            value = error = None
            try:
                value = await self._do(step)
            except Exception as raised:
                error = raised

    async def _do(self, step: Any) -> Any:
        if step is None:
            await asyncio.sleep(0)
        elif isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Aside):
            for start in range(0, len(step.works), CHUNK):
                for work in step.works[start : start + CHUNK]:
                    self._in_background(self._run_safely(work))
                await asyncio.sleep(0)
        elif isinstance(step, Brief):
            # A send may find a client dead, and then runs its disconnect handler.
            await asyncio.wait({self._in_background(self._run_safely(step.work))}, timeout=PATIENCE)
        elif inspect.isawaitable(step):
            return await step
        else:
            return step
        return None

    async def _run_safely(self, work: Steps[None]) -> None:
        try:
            await self.run(work)
        except Exception:
            self._logger.exception("what a question has asked for failed")

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.background.add(task)  # the event loop keeps only a weak reference
        task.add_done_callback(self.background.discard)
        return task
