"""The answer to "how many sockets are there, and in which rooms?"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..events import Events
from ..local import LocalSockets
from ..messages import RoomName
from ..repairing import repaired_name, to_json
from ..rooms import name_of, order
from ..steps import CHUNK, Steps

if TYPE_CHECKING:
    from .fetch import Fetch

MORE = b',"more":true'


@dataclass(frozen=True)
class RoomList:
    """A page of room names: the first `limit` behind `after` whose text begins with `prefix`."""

    prefix: str
    after: RoomName
    limit: int
    private: bool


def counts(question: Fetch, local: LocalSockets, matched: int, space: int, events: Events) -> Steps[bytes]:
    """The members of the answer's `data`. A list of rooms, not those that were named, ends before it takes more than
    `space` bytes."""
    # Before the rooms are looked at: what happens meanwhile is told after this number.
    tells_seq = question.list is not None and question.numbers and not question.list.private
    seq = events.seq(question.target.namespace) if tells_seq else None
    head = b'"sockets":[],"count":%d' % matched
    if seq is not None:
        head += b',"seq":%d' % seq
    rooms, pending = local.rooms(question.target.namespace), local.pending(question.target.namespace)
    if question.list is not None:
        space -= len(head) + len(b',"rooms":{}') + len(MORE)
        listed, more = yield from _listed(question.list, question.numbers, rooms, pending, space)
        if seq is not None:
            yield from _compare(question.list, listed, more, events, question.target.namespace)
    elif question.rooms is not None:
        named = [(name, _size(rooms.get(name, ()), pending)) for name in question.rooms]
        listed, more = {repaired_name(name) if isinstance(name, str) else name: size for name, size in named}, False
    else:
        return head
    pairs = sorted(listed.items(), key=lambda pair: order(pair[0]))
    return b'%b,"rooms":%b%b' % (head, to_json(pairs if question.numbers else dict(pairs)), MORE if more else b"")


def _listed(
    wanted: RoomList, numbers: bool, rooms: dict[Any, Any], pending: set[str], space: int
) -> Steps[tuple[dict[RoomName, int], bool]]:
    """The page, and whether it ended early."""
    names = yield from _names(wanted, numbers, rooms)
    everyone = rooms.get(None, ())
    listed: dict[RoomName, int] = {}
    for number, name in enumerate(sorted(names, key=order), 1):
        if len(listed) >= wanted.limit:
            break
        size = sum(_size(rooms[room], pending) for room in names[name] if wanted.private or room not in everyone)
        if size:
            space -= len(to_json([name, size])) + 1
            if space < 0:
                return listed, True
            listed[name] = size
        if number % CHUNK == 0:
            yield
    return listed, False


def _compare(
    wanted: RoomList, listed: dict[RoomName, int], more: bool, events: Events, namespace: str
) -> Steps[None]:
    """What the page says and gateways have been told otherwise is told (again): without that, what has come and gone
    while the page was made would stay on it."""
    if not listed and (more or wanted.limit == 0):
        return
    is_last = not more and len(listed) < wanted.limit
    start, end = order(wanted.after), None if is_last else order(max(listed, key=order))
    known = events.known(namespace)
    differing = list(listed.keys() - set(known))
    for number, name in enumerate(known, 1):
        if name not in listed and str(name).startswith(wanted.prefix):
            key = order(name)
            if key > start and (end is None or key < end):
                differing.append(name)
        if number % CHUNK == 0:
            yield
    events.doubt(namespace, differing)


def _names(wanted: RoomList, numbers: bool, rooms: dict[Any, Any]) -> Steps[dict[RoomName, list[Any]]]:
    """The names that may be on the page, each with its rooms: repaired, two may have the same."""
    names: dict[RoomName, list[Any]] = {}
    start = order(wanted.after)
    for number, room in enumerate(rooms, 1):
        name = name_of(room, numbers)
        if name is not None and str(name).startswith(wanted.prefix) and order(name) > start:
            names.setdefault(name, []).append(room)
        if number % CHUNK == 0:
            yield
    return names


def _size(members: Any, pending: set[str]) -> int:
    """Connected members."""
    return len(members) - sum(sid in members for sid in pending)
