"""What has changed in a namespace since gateways were told last, as a value without I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Iterable

from .messages import RoomName
from .rooms import name_of

Entry = tuple[Any, ...]
"""A JSON array."""


@dataclass(frozen=True)
class Told:
    """The entries of a message; none of them stands for a message that says only its number."""

    rooms: tuple[Entry, ...] = ()
    sockets: tuple[Entry, ...] = ()
    members: tuple[Entry, ...] = ()

    def __len__(self) -> int:
        return len(self.rooms) + len(self.sockets) + len(self.members)

    def to_json(self, seq: int) -> bytes:
        """The `data` of the message."""
        parts = {"rooms": self.rooms, "sockets": self.sockets, "members": self.members}
        data = {"seq": seq, **{name: entries for name, entries in parts.items() if entries}}
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()

    def halves(self) -> tuple[Told, Told]:
        """For what is too large; the order within each list stays. There must be two entries."""
        lists = (self.rooms, self.sockets, self.members)
        middle = len(self) // 2
        first: list[tuple[Entry, ...]] = []
        second: list[tuple[Entry, ...]] = []
        for entries in lists:
            first.append(entries[:middle])
            second.append(entries[middle:])
            middle = max(middle - len(entries), 0)
        return Told(*first), Told(*second)


class Changes:
    """Of one namespace. Not thread-safe.

    Rooms are not told as they come and go: those that something has happened to are looked at when the message is
    made. So what is created and deleted in between cancels, and whatever the order in which threads report, what is
    told last is true.
    """

    def __init__(self, rooms: Iterable[object] = ()) -> None:
        """`rooms`: those that are there, which gateways know or are about to ask for."""
        self._known: set[RoomName] = set()
        self._touched: dict[object, None] = {}
        self._doubted: dict[RoomName, None] = {}
        self._repaired: dict[RoomName, set[object]] = {}
        self._sockets: list[Entry] = []
        self._members: list[tuple[str, object, str]] = []
        self.count = 0
        """How much has happened since the last message."""
        for room in rooms:
            if (name := self._name_of(room)) is not None:
                self._known.add(name)

    def touch(self, room: object) -> None:
        self._touched[room] = None
        self.count += 1

    def socket(self, sign: str, sid: str, *reason: str) -> None:
        self._sockets.append((sign, sid, *reason))
        self.count += 1

    def member(self, sign: str, room: object, sid: str) -> None:
        self._members.append((sign, room, sid))
        self.count += 1

    def known(self) -> list[RoomName]:
        """The rooms that gateways have been told of."""
        return list(self._known)

    def doubt(self, rooms: Iterable[RoomName]) -> bool:
        """The next message says whether these rooms are there, be it news or not. False if there are none."""
        before = len(self._doubted)
        self._doubted.update(dict.fromkeys(rooms))
        self.count += len(self._doubted) - before
        return len(self._doubted) > 0

    def take(self, exists: Callable[[object], bool]) -> Told:
        """What is to be told. `exists`: whether a socket is in the room now."""
        doubted, self._doubted = self._doubted, {}
        touched, self._touched = self._touched, {}
        sockets, self._sockets = self._sockets, []
        members, self._members = self._members, []
        self.count = 0
        rooms = []
        touched_names = (name for room in touched if (name := self._name_of(room)) is not None)
        names = dict.fromkeys((*touched_names, *doubted))
        for name in names:
            is_there = self._exists(name, exists)
            if name in doubted or is_there != (name in self._known):
                rooms.append(("+" if is_there else "-", name))
            if is_there:
                self._known.add(name)
            else:
                self._known.discard(name)
        named = ((sign, name_of(room, True), sid) for sign, room, sid in members)
        return Told(tuple(rooms), tuple(sockets), tuple(entry for entry in named if entry[1] is not None))

    def _exists(self, name: RoomName, exists: Callable[[object], bool]) -> bool:
        if exists(name):
            return True
        rooms = self._repaired.get(name)
        if rooms is None:
            return False
        rooms = {room for room in rooms if exists(room)}
        if rooms:
            self._repaired[name] = rooms
        else:
            del self._repaired[name]
        return bool(rooms)

    def _name_of(self, room: object) -> RoomName | None:
        name = name_of(room, True)
        if name is not None and name != room:
            # Several rooms may have this name once they are repaired.
            self._repaired.setdefault(name, set()).add(room)
        return name
