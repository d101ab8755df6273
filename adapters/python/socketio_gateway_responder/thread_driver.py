"""Does work in steps in the thread that calls it."""

from __future__ import annotations

import logging
from typing import Any

from .steps import Aside, Brief, Pause, Result, Steps


class ThreadDriver:
    """`sio` has the background tasks, of whatever kind its threads are."""

    def __init__(self, sio: Any, logger: logging.Logger) -> None:
        self._sio = sio
        self._logger = logger

    def run(self, steps: Steps[Result]) -> Result:
        value: Any = None
        while True:
            try:
                step = steps.send(value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            value = self._do(step)

    def _do(self, step: Any) -> Any:
        if isinstance(step, Pause):
            self._sio.sleep(step.seconds)
        elif isinstance(step, Aside):
            self._sio.start_background_task(self._run_each, step.works)
        elif isinstance(step, Brief):
            self.run(step.work)
        else:
            return step
        return None

    def _run_each(self, works: list[Steps[None]]) -> None:
        for work in works:
            try:
                self.run(work)
            except Exception:
                self._logger.exception("what a question has asked for failed")
