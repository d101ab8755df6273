"""Sockets that join and leave rooms."""

from __future__ import annotations

from .failures import FailureLog
from .local import CHUNK, LocalSockets, Steps
from .messages import Move


def move(question: Move, local: LocalSockets, failures: FailureLog) -> Steps[int]:
    """Carries it out; the number of sockets to which it was applied."""
    applied = 0
    for number, sid in enumerate(sorted(local.select(question.target)), 1):
        applied += _move_one(sid, question, local, failures)
        if number % CHUNK == 0:
            yield
    return applied


def _move_one(sid: str, question: Move, local: LocalSockets, failures: FailureLog) -> bool:
    change = local.join if question.joins else local.leave
    done = True
    for room in question.rooms:
        try:
            done = change(sid, question.target.namespace, room) and done
        except Exception as error:  # ValueError for a room that is a socket's id; a manager may override and raise more
            failures.report("a socket could not join or leave a room", error)
            done = False
    return done
