"""The answer to "which sockets are there?"."""

from __future__ import annotations

from typing import Any

from .answers import answer_around, to_json
from .describing import Describer
from .local import CHUNK, LocalSockets, Steps, copied
from .messages import Fetch, RoomList, Type


class AnswerTooLarge(Exception):
    """The answer would be larger than the limit."""


def fetch(uid: str, question: Fetch, local: LocalSockets, describer: Describer, limit: int) -> Steps[bytes]:
    """The whole message, of at most `limit` bytes. Raises `AnswerTooLarge`."""
    chosen = local.select(question.target)
    yield
    if question.count:
        data = yield from _counts(question, local, len(chosen))
    else:
        sockets = yield from _sockets(question, page(chosen, question.after, question.limit), local, describer, limit)
        data = f'{{"requestId":{to_json(question.reply.request_id)},"sockets":[{",".join(sockets)}]}}'
    message = answer_around(uid, question.reply, Type.FETCH_SOCKETS_RESPONSE, data)
    if len(message) > limit:
        raise AnswerTooLarge
    return message


def page(names: set[str], after: str | None, limit: int | None) -> list[str]:
    """In ascending order of code points (that of Python's strings), only those behind `after`, at most `limit`."""
    return sorted(name for name in names if after is None or name > after)[:limit]


def _sockets(
    question: Fetch, sids: list[str], local: LocalSockets, describer: Describer, limit: int
) -> Steps[list[str]]:
    namespace, fields = question.target.namespace, question.fields
    rooms: dict[str, list[str]] = {}
    if "rooms" in fields:
        rooms = yield from rooms_of(sids, local.rooms(namespace))
    sockets: list[str] = []
    size = 0
    for number, sid in enumerate(sids, 1):
        socket = describer.describe(sid, namespace, fields, rooms.get(sid, []))
        if socket is not None:
            sockets.append(socket)
            size += len(socket) + 1
        if size > limit:
            raise AnswerTooLarge
        if number % CHUNK == 0:
            yield
    return sockets


def rooms_of(sids: list[str], rooms: dict[str | None, Any]) -> Steps[dict[str, list[str]]]:
    """The rooms of each socket. Goes through the rooms once: asking for each socket's would do so once for each.
    Rooms whose name is no string have no name in Socket.IO's protocol, and are left out."""
    found: dict[str, list[str]] = {sid: [] for sid in sids}
    for number, (name, members) in enumerate(rooms.items(), 1):
        if isinstance(name, str):
            for sid in copied(members) if len(members) < len(sids) else [sid for sid in sids if sid in members]:
                if sid in found:
                    found[sid].append(name)
        if number % CHUNK == 0:
            yield
    return found


def _counts(question: Fetch, local: LocalSockets, count: int) -> Steps[str]:
    data: dict[str, Any] = {"requestId": question.reply.request_id, "sockets": [], "count": count}
    rooms, pending = local.rooms(question.target.namespace), local.pending(question.target.namespace)
    if question.list is not None:
        data["rooms"] = yield from _listed(question.list, rooms, pending)
    elif question.rooms is not None:
        data["rooms"] = {name: _size(rooms.get(name, ()), pending) for name in question.rooms}
    return to_json(data)


def _listed(wanted: RoomList, rooms: dict[str | None, Any], pending: set[str]) -> Steps[dict[str, int]]:
    everyone = rooms.get(None, ())
    names = sorted(
        name for name in rooms if isinstance(name, str) and name.startswith(wanted.prefix) and name > wanted.after
    )
    listed: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if len(listed) >= wanted.limit:
            break
        size = _size(rooms[name], pending) if wanted.private or name not in everyone else 0
        if size:
            listed[name] = size
        if number % CHUNK == 0:
            yield
    return listed


def _size(members: Any, pending: set[str]) -> int:
    """Connected members."""
    return len(members) - sum(sid in members for sid in pending)
