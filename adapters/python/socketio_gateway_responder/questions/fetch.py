"""Which sockets are there, or how many, and in which rooms?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..answers import answer_around
from ..describing import Describer
from ..events import Events
from ..local import LocalSockets, copied
from ..messages import BadMessage, Reply, RoomName, Target, Type
from ..reading import an_object, flag, optional_number, optional_text, room_names, target, texts
from ..rooms import is_number, name_of
from ..server import Server
from ..steps import CHUNK, Steps
from .counting import MORE, RoomList, counts

ALL_FIELDS = frozenset({"rooms", "data", "handshake"})
DEFAULT_ROOM_PAGE = 100
CHUNK_BYTES = 256 * 1024
"""How many bytes of sockets are described between two stops."""


@dataclass(frozen=True)
class Fetch:
    """Describe sockets, a page of them behind `after`; or only count them, and members of rooms. With `numbers` the
    asker tells rooms that are numbers from strings."""

    target: Target
    reply: Reply
    fields: frozenset[str]
    after: str | None = None
    limit: int | None = None
    count: bool = False
    rooms: tuple[RoomName, ...] | None = None
    list: RoomList | None = None
    numbers: bool = False

    def carry_out(self, server: Server) -> Steps[None]:
        outgoing = server.outgoing
        body = yield from fetch(outgoing.uid, self, server.local, server.describer, outgoing.limit, server.events)
        outgoing.send(self.reply, Type.FETCH_SOCKETS_RESPONSE, body)


def read(namespace: str, data: dict[str, Any], reply: Reply | None) -> Fetch:
    if reply is None:
        raise BadMessage("a question without requestId or reply_to")
    numbers = flag(data, "numbers")
    # Without `numbers` the names of rooms are keys of an object, which a number cannot be.
    names = room_names if numbers else texts
    return Fetch(
        target=target(namespace, data),
        reply=reply,
        fields=frozenset(texts(data, "fields")) if data.get("fields") is not None else ALL_FIELDS,
        after=optional_text(data, "after"),
        limit=optional_number(data, "limit"),
        count=flag(data, "count"),
        rooms=names(data, "rooms") if data.get("rooms") is not None else None,
        list=_room_list(data["list"]) if data.get("list") is not None else None,
        numbers=numbers,
    )


def _room_list(value: Any) -> RoomList:
    options = an_object(value, "list")
    limit, after = optional_number(options, "limit"), options.get("after")
    return RoomList(
        prefix=optional_text(options, "prefix") or "",
        after=after if is_number(after) else optional_text(options, "after") or "",
        limit=DEFAULT_ROOM_PAGE if limit is None else limit,
        private=flag(options, "private"),
    )


def fetch(
    uid: str, question: Fetch, local: LocalSockets, describer: Describer, limit: int, events: Events
) -> Steps[bytes]:
    """The whole message. Sockets, and listed rooms, end before it has more than `limit` bytes, and it says so; counts
    of rooms that the asker named may be larger."""
    chosen = local.select(question.target)
    yield
    space = limit - len(answer_around(uid, question.reply, Type.FETCH_SOCKETS_RESPONSE, b""))
    if question.count:
        members = yield from counts(question, local, len(chosen), space, events)
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
