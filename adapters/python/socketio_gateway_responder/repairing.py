"""What cannot travel as JSON, made so that it can.

Clients choose strings, and some of them no parser takes. The gateway's takes no lone surrogate, no NUL in an object's
key, no key twice, no number beyond a double, and no 256 levels (docs/cluster-protocol.md, "Strings and depth").
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any, Callable

from .local import copied

DEEPEST = 200
"""Levels of arrays and objects; what lies deeper is null."""

Unknown = Callable[[Any], Any]
"""What takes the place of a value that JSON has no form for; it may raise instead."""

_REPLACEMENT = "\ufffd"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DOUBLE_BITS = 1023  # integers of so many bits are doubles


def to_json(value: Any) -> bytes:
    """In UTF-8. For what is known to be JSON; of anything else `repaired` comes first."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def repaired_text(text: str) -> str:
    """With U+FFFD for lone surrogates."""
    return text if text.isascii() else _LONE_SURROGATE.sub(_REPLACEMENT, text)


def repaired_name(name: str) -> str:
    """For the key of an object, or a room: with U+FFFD for lone surrogates and for NUL."""
    return repaired_text(name).replace("\0", _REPLACEMENT)


def repaired(value: Any, unknown: Unknown, attachments: list[str] | None = None) -> Any:
    """A copy of `value` that JSON can hold; tuples become lists. What contains itself is null there.

    With `attachments` bytes are placeholders, and appended to it as base64; without, they are unknown like every other
    object. Raises what `unknown` raises, and what odd classes of the application do when they are read.
    """
    return _Repair(unknown, attachments).copy(value)


class _Repair:
    def __init__(self, unknown: Unknown, attachments: list[str] | None) -> None:
        self._unknown = unknown
        self._attachments = attachments
        self._open: set[int] = set()  # the containers around the value

    def copy(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return repaired_text(value)
        if isinstance(value, int):
            return value if _is_double(value) else None
        if isinstance(value, float):
            return value if math.isfinite(value) else self._unknown(value)
        if isinstance(value, (dict, list, tuple)):
            return self._container(value)
        if self._attachments is not None and isinstance(value, (bytes, bytearray, memoryview)):
            self._attachments.append(base64.b64encode(value).decode("ascii"))
            return {"_placeholder": True, "num": len(self._attachments) - 1}
        return self._unknown(value)

    def _container(self, value: Any) -> Any:
        if len(self._open) >= DEEPEST or id(value) in self._open:
            return None
        self._open.add(id(value))
        try:
            if isinstance(value, dict):
                return self._object(value)
            return [self.copy(item) for item in copied(value)]
        finally:
            self._open.discard(id(value))

    def _object(self, value: dict[Any, Any]) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, item in copied(value.items()):
            if isinstance(key, str):
                copy[repaired_name(key)] = self.copy(item)
            elif isinstance(key, (bool, float, type(None))) or _is_double(key):
                copy[json.dumps(key)] = self.copy(item)  # the text that json.dumps makes of such keys
            else:
                self._unknown(key)
        return copy


def _is_double(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() <= _DOUBLE_BITS
