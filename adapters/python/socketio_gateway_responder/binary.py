"""Bytes in JSON that comes in: `{"_placeholder": true, "num": n}` in their place, and base64 in a list beside it."""

from __future__ import annotations

import base64
from typing import Any

from .messages import BadMessage


def restore(value: Any, attachments: list[bytes]) -> Any:
    """`value` with its placeholders replaced. Raises `BadMessage` if one points nowhere."""
    if isinstance(value, list):
        return [restore(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {key: restore(item, attachments) for key, item in value.items()}
    number = value.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise BadMessage("a placeholder without its attachment")
    return attachments[number]


def decode_attachments(encoded: Any) -> list[bytes]:
    """The bytes of a list of base64 strings. Raises `BadMessage`."""
    if not isinstance(encoded, list) or not all(isinstance(item, str) for item in encoded):
        raise BadMessage("attachments is not a list of strings")
    try:
        return [base64.b64decode(item, validate=True) for item in encoded]
    except ValueError:
        raise BadMessage("an attachment is not base64") from None
