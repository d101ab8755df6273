"""The names of rooms, as a gateway is told them."""

from __future__ import annotations

from typing import TypeGuard

from .messages import RoomName
from .repairing import repaired_name

LARGEST_NUMBER = 2**53
"""Either way; larger ones are no integers for every reader of JSON."""

LONGEST_NAME = 255  # bytes of UTF-8


def name_of(room: object, numbers: bool) -> RoomName | None:
    """The name of a room in python-socketio, which may be any object, or None if a gateway is told nothing of it.
    Whole numbers are names only for one that can tell them from strings: `numbers`."""
    if isinstance(room, str):
        name = repaired_name(room)
        return name if 1 <= len(name.encode()) <= LONGEST_NAME else None
    return room if numbers and is_number(room) else None


def is_number(value: object) -> TypeGuard[int]:
    """Whether it is a whole number that names a room. True and 1.0 are none, though they are equal to 1."""
    return type(value) is int and -LARGEST_NUMBER <= value <= LARGEST_NUMBER


def order(name: RoomName) -> tuple[str, bool]:
    """The key to sort by: the text, by code point; of a number and a string with the same text the string is first."""
    return str(name), not isinstance(name, str)
