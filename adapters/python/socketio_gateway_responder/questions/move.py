"""Sockets that join and leave rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..failures import FailureLog
from ..local import LocalSockets
from ..messages import Reply, RoomName, Target, Type
from ..reading import room_names, target
from ..server import Server
from ..steps import CHUNK, Steps


@dataclass(frozen=True)
class Move:
    """Sockets join `rooms`, or leave them."""

    target: Target
    rooms: tuple[RoomName, ...]
    joins: bool
    reply: Reply | None

    def carry_out(self, server: Server) -> Steps[None]:
        moved = yield from move(self, server.local, server.failures)
        refusal = {"error": "room_is_socket"} if moved.room_is_socket else {}
        answer = {"sockets": [], "matched": moved.matched, **refusal}
        server.outgoing.answer(self.reply, Type.FETCH_SOCKETS_RESPONSE, answer)


def read_join(namespace: str, data: dict[str, Any], reply: Reply | None) -> Move:
    return Move(target(namespace, data), room_names(data, "rooms"), True, reply)


def read_leave(namespace: str, data: dict[str, Any], reply: Reply | None) -> Move:
    return Move(target(namespace, data), room_names(data, "rooms"), False, reply)


@dataclass(frozen=True)
class Moved:
    """To how many sockets it was applied, and whether there were some that may not join: a room is another socket's id,
    which python-socketio refuses."""

    matched: int
    room_is_socket: bool


def move(question: Move, local: LocalSockets, failures: FailureLog) -> Steps[Moved]:
    """Carries it out. A socket that may not join one of the rooms joins none."""
    matched = 0
    room_is_socket = False
    for number, sid in enumerate(sorted(local.select(question.target)), 1):
        if question.joins and any(local.is_of_another(sid, question.target.namespace, room) for room in question.rooms):
            room_is_socket = True
        else:
            matched += _move_one(sid, question, local, failures)
        if number % CHUNK == 0:
            yield
    return Moved(matched, room_is_socket)


def _move_one(sid: str, question: Move, local: LocalSockets, failures: FailureLog) -> bool:
    change = local.join if question.joins else local.leave
    done = True
    for room in question.rooms:
        try:
            done = change(sid, question.target.namespace, room) and done
        except Exception as error:  # a manager may override what is called, and raise anything
            failures.report("a socket could not join or leave a room", error)
            done = False
    return done
