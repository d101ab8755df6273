"""What goes wrong is logged once, and again only after something has gone right in between."""

from __future__ import annotations

import logging
import math
import threading
import time
from urllib.parse import unquote, urlsplit


class FailureLog:
    """Warns of each distinct failure once, until `clear`, or until `again_after` seconds have passed. Takes the
    password of `url` out of texts. Thread-safe."""

    MOST_REMEMBERED = 100

    def __init__(self, logger: logging.Logger, url: str = "", again_after: float = math.inf) -> None:
        self._logger = logger
        self._secrets = _passwords(url)
        self._again_after = again_after
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def report(self, text: str, error: BaseException | None = None) -> None:
        text = self._redacted(f"{text}: {type(error).__name__}: {error}" if error is not None else text)
        now = time.monotonic()
        with self._lock:
            self._seen = {known: when for known, when in self._seen.items() if now - when < self._again_after}
            if text in self._seen or len(self._seen) >= self.MOST_REMEMBERED:
                return
            self._seen[text] = now
        self._logger.warning("%s", text)

    def clear(self) -> bool:
        """Whether there was anything to forget."""
        with self._lock:
            had_any = bool(self._seen)
            self._seen.clear()
        return had_any

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _passwords(url: str) -> set[str]:
    password = urlsplit(url).password
    return {password, unquote(password)} if password else set()
