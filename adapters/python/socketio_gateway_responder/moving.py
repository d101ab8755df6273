"""Sockets that join and leave rooms."""

from __future__ import annotations

from dataclasses import dataclass

from .failures import FailureLog
from .local import CHUNK, LocalSockets, Steps
from .messages import Move


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
