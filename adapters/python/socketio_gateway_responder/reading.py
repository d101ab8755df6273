"""Reads the members of messages. Whatever is wrong with them is a `BadMessage`."""

from __future__ import annotations

from typing import Any

from .binary import decode_attachments, restore
from .messages import BadMessage, RoomName, Target
from .rooms import is_number


def event(values: Any, data: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The name of an event and its arguments, bytes restored."""
    if not isinstance(values, list) or not values or not isinstance(values[0], str):
        raise BadMessage("the packet has no event")
    if data.get("attachments") is not None:
        try:
            values = restore(values, decode_attachments(data["attachments"]))
        except RecursionError:
            raise BadMessage("nested too deeply") from None
    return values[0], tuple(values[1:])


def target(namespace: str, data: dict[str, Any]) -> Target:
    # `opts.rooms` must be there: a message with something left out must never mean everyone.
    options = an_object(data.get("opts"), "opts")
    excepted = room_names(options, "except") if options.get("except") is not None else ()
    return Target(namespace, room_names(options, "rooms"), excepted, optional_text(data, "id"))


def an_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadMessage(f"{name} is not an object")
    return value


def text(source: dict[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise BadMessage(f"{name} is not a string")
    return value


def optional_text(source: dict[str, Any], name: str) -> str | None:
    return None if source.get(name) is None else text(source, name)


def texts(source: dict[str, Any], name: str) -> tuple[str, ...]:
    values = source.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadMessage(f"{name} is not a list of strings")
    return tuple(values)


def room_names(source: dict[str, Any], name: str) -> tuple[RoomName, ...]:
    values = source.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) or is_number(value) for value in values):
        raise BadMessage(f"{name} is not a list of strings and whole numbers")
    return tuple(values)


def optional_number(source: dict[str, Any], name: str) -> int | None:
    value = source.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise BadMessage(f"{name} is not a number from 0")
    return value


def flag(source: dict[str, Any], name: str) -> bool:
    value = source.get(name, False)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadMessage(f"{name} is not a boolean")
    return value
