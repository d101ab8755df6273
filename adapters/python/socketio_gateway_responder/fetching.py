"""The answer to "which sockets are there?"."""

from __future__ import annotations

from typing import Any

from .answers import answer_around
from .counting import MORE, counts
from .describing import Describer
from .local import CHUNK, LocalSockets, Steps, copied
from .messages import Fetch, RoomName, Type
from .rooms import name_of

CHUNK_BYTES = 256 * 1024
"""How many bytes of sockets are described between two stops."""


def fetch(uid: str, question: Fetch, local: LocalSockets, describer: Describer, limit: int) -> Steps[bytes]:
    """The whole message. Sockets, and listed rooms, end before it has more than `limit` bytes, and it says so; counts
    of rooms that the asker named may be larger."""
    chosen = local.select(question.target)
    yield
    space = limit - len(answer_around(uid, question.reply, Type.FETCH_SOCKETS_RESPONSE, b""))
    if question.count:
        members = yield from counts(question, local, len(chosen), space)
    else:
        members = yield from _sockets(question, chosen, local, describer, space)
    return answer_around(uid, question.reply, Type.FETCH_SOCKETS_RESPONSE, members)


def page(names: set[str], after: str | None, limit: int | None) -> list[str]:
    """In ascending order of code points (that of Python's strings), only those behind `after`, at most `limit`."""
    return sorted(name for name in names if after is None or name > after)[:limit]


def _sockets(question: Fetch, chosen: set[str], local: LocalSockets, describer: Describer, space: int) -> Steps[bytes]:
    """The members of the answer's `data`, in at most `space` bytes."""
    namespace, fields = question.target.namespace, question.fields
    sids = page(chosen, question.after, question.limit)
    rooms: dict[str, list[RoomName]] = {}
    if "rooms" in fields:
        rooms = yield from rooms_of(sids, local.rooms(namespace), question.numbers)
    space -= len(b'"sockets":[]') + len(MORE)
    sockets: list[bytes] = []
    taken = last_stop = 0  # bytes
    more = b""
    for number, sid in enumerate(sids, 1):
        socket = describer.describe(sid, namespace, fields, rooms.get(sid, []), space)
        if socket is not None:
            taken += len(socket) + len(b",")
            if taken - len(b",") > space:
                more = MORE
                break
            sockets.append(socket)
        if number % CHUNK == 0 or taken - last_stop > CHUNK_BYTES:
            last_stop = taken
            yield
    return b'"sockets":[%b]%b' % (b",".join(sockets), more)


def rooms_of(sids: list[str], rooms: dict[Any, Any], numbers: bool) -> Steps[dict[str, list[RoomName]]]:
    """The names of the rooms of each socket. Goes through the rooms once: asking for each socket's would do so once
    for each."""
    found: dict[str, list[RoomName]] = {sid: [] for sid in sids}
    for number, (room, members) in enumerate(rooms.items(), 1):
        name = name_of(room, numbers)
        if name is not None:
            for sid in copied(members) if len(members) < len(sids) else [sid for sid in sids if sid in members]:
                if sid in found:
                    found[sid].append(name)
        if number % CHUNK == 0:
            yield
    return found
