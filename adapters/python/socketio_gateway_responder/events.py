"""Tells gateways who comes, who goes, and which rooms live, as long as one of them wants to hear it.

(docs/cluster-protocol.md, "Events".)
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Iterable

from .changes import Changes, Told
from .local import LocalSockets
from .messages import Publication, RoomName, Type
from .observing import observer_of
from .outgoing import Outgoing
from .presence import EVENTS_KEY, can_be_announced
from .repairing import repaired_text, to_json
from .wanting import Wanted

GATHERING = 0.1
"""Seconds after the first change in which others join it in one message."""

MOST_CHANGES = 500
"""With so many nobody waits any longer."""

MOST_BYTES = 1024 * 1024
"""Of a message."""

MOST_WAITING = 8 * 1024 * 1024
"""Bytes of messages that the broker has not taken; what comes then is not told."""


class _Namespace:
    def __init__(self, seq: int, rooms: Iterable[object]) -> None:
        self.changes = Changes(rooms)
        self.seq = seq
        """Of the last message."""
        self.has_missed = True
        """Something may not have been told, which has to be said."""


class Events:
    """What is told goes through `outgoing`, in order with the answers. Thread-safe; `wake` is called, from any thread,
    when `seconds_to_flush` has become less."""

    def __init__(
        self, sio: Any, local: LocalSockets, outgoing: Outgoing, exchange: str, wake: Callable[[], None]
    ) -> None:
        self.wants_members = False
        self._observer = observer_of(sio)
        self._local = local
        self._outgoing = outgoing
        self._exchange = exchange
        self._wake = wake
        self._lock = threading.RLock()
        self._is_connected = False
        self._is_collecting = False
        self._due: float | None = None
        self._coming: dict[tuple[str, str], list[object]] = {}
        self._leaving: set[tuple[str, str]] = set()
        self._namespaces: dict[str, _Namespace] = {}
        self._seqs: dict[str, int] = {}  # of namespaces about which nothing is collected
        self._first_seq = 0
        self._wanted = Wanted()

    # What the responder says

    def reset(self) -> None:
        """The server has a new name, under which it has told nothing."""
        with self._lock:
            self._stop()
            self._seqs.clear()
            self._first_seq = 0
            self._wanted = Wanted()

    def want(self, interval: float, members: bool) -> None:
        """A gateway wants events, and says so again after `interval` seconds."""
        with self._lock:
            self._wanted.hear(interval, members, time.monotonic())
            self.follow()

    def set_connected(self, is_connected: bool) -> None:
        """There is a connection to the broker, or it has been lost and with it, perhaps, what was told."""
        with self._lock:
            self._is_connected = is_connected
            self.follow()

    def follow(self) -> None:
        """Starts or stops, if it is time. Due every second or so."""
        with self._lock:
            now = time.monotonic()
            if self._is_connected and self._wanted.events(now):
                if not self._is_collecting:
                    self._start()
            elif self._is_collecting:
                self._stop()
            self.wants_members = self._is_collecting and self._wanted.members(now)

    def have_namespaces(self, added: Iterable[str], removed: Iterable[str]) -> None:
        with self._lock:
            for name in added if self._is_collecting else ():
                self._namespace(name)
            for name in removed:
                namespace = self._namespaces.pop(name, None)
                seq = self._seqs.pop(name, 0) if namespace is None else namespace.seq
                # If it comes back it goes on behind that; clients can make namespaces without end.
                self._first_seq = max(self._first_seq, seq)

    def miss(self, after: float = 0.0) -> None:
        """What was sent may not have arrived, which is told after so many seconds."""
        with self._lock:
            for namespace in self._namespaces.values():
                namespace.has_missed = True
            if self._namespaces:
                self._flush_at(time.monotonic() + after)

    def seconds_to_flush(self) -> float | None:
        """None: there is nothing to tell."""
        due = self._due
        return None if due is None else max(due - time.monotonic(), 0.0)

    def flush(self) -> None:
        """Tells what has been collected."""
        with self._lock:
            self.follow()
            self._due = None
            for name, namespace in self._namespaces.items():
                self._flush(name, namespace)

    def seq(self, name: str) -> int | None:
        """Tells what has been collected of a namespace; the number of the last message. None if nobody collects."""
        with self._lock:
            self.follow()
            is_there = name in self._namespaces or name in self._local.namespaces()
            if not is_there or (namespace := self._namespace(name)) is None:
                return None
            self._flush(name, namespace)
            return None if namespace.has_missed else namespace.seq

    def known(self, name: str) -> list[RoomName]:
        """The rooms that gateways have been told of."""
        with self._lock:
            namespace = self._namespaces.get(name)
            return [] if namespace is None else namespace.changes.known()

    def doubt(self, name: str, rooms: Iterable[RoomName]) -> None:
        """Whether these rooms are there is told, be it news or not."""
        with self._lock:
            if (namespace := self._namespaces.get(name)) is not None and namespace.changes.doubt(rooms):
                self._note(namespace)

    # What happens: `observing.Listener`

    def coming(self, namespace: str, sid: str) -> None:
        with self._lock:
            if self._is_collecting:
                self._coming[namespace, sid] = []

    def connected(self, namespace: str, sid: str) -> None:
        with self._lock:
            joined = self._coming.pop((namespace, sid), None)
            if joined is None or (known := self._namespace(namespace)) is None:
                return
            known.changes.socket("+", sid)
            for room in joined:
                self._entered(known, sid, room, True)
            self._note(known)

    def entered(self, namespace: str, sid: str, room: object, is_new: bool) -> None:
        with self._lock:
            joined = self._coming.get((namespace, sid))
            if joined is not None:
                if is_new:
                    joined.append(room)
            elif (known := self._namespace(namespace)) is not None:
                self._entered(known, sid, room, is_new)
                self._note(known)

    def left(self, namespace: str, sid: str, room: object, was_there: bool) -> None:
        with self._lock:
            joined = self._coming.get((namespace, sid))
            if joined is not None:
                joined[:] = [other for other in joined if other != room]
            elif (known := self._namespace(namespace)) is not None:
                known.changes.touch(room)
                if was_there and self.wants_members:
                    known.changes.member("-", room, sid)
                self._note(known)

    def disconnecting(self, namespace: str, sid: str, reason: object) -> None:
        with self._lock:
            if (namespace, sid) not in self._coming:
                self._gone(namespace, sid, *((repaired_text(reason),) if isinstance(reason, str) else ()))

    def abandoned(self, namespace: str, sid: str) -> None:
        with self._lock:
            known = self._namespace(namespace)
            for room in self._local.rooms_of(sid, namespace) if known is not None else ():
                known.changes.touch(room)  # type: ignore[union-attr]

    def removed(self, namespace: str, sid: str) -> None:
        with self._lock:
            if (namespace, sid) not in self._coming:
                self._gone(namespace, sid)

    def forgotten(self, namespace: str, sid: str) -> None:
        with self._lock:
            self._coming.pop((namespace, sid), None)
            self._leaving.discard((namespace, sid))

    def _entered(self, known: _Namespace, sid: str, room: object, is_new: bool) -> None:
        known.changes.touch(room)
        if is_new and self.wants_members:
            known.changes.member("+", room, sid)

    def _gone(self, namespace: str, sid: str, *reason: str) -> None:
        """Once for each."""
        known = self._namespace(namespace)
        if known is None or (namespace, sid) in self._leaving:
            return
        self._leaving.add((namespace, sid))
        known.changes.socket("-", sid, *reason)
        self._note(known)

    def _note(self, known: _Namespace) -> None:
        if self._due is None:
            self._flush_at(time.monotonic() + GATHERING)
        elif known.changes.count >= MOST_CHANGES and self._due > 0:
            self._flush_at(0)

    def _flush_at(self, due: float) -> None:
        self._due = due
        self._wake()

    # Collecting

    def _namespace(self, name: str) -> _Namespace | None:
        """None if nothing is collected, or the namespace can be told to nobody."""
        known = self._namespaces.get(name)
        if known is None and self._is_collecting and can_be_announced(name):
            # It is new: all that has happened in it has been noted.
            known = self._begin(name, ())
        return known

    def _begin(self, name: str, rooms: Iterable[object]) -> _Namespace:
        known = self._namespaces[name] = _Namespace(self._seqs.pop(name, self._first_seq), rooms)
        self._flush_at(time.monotonic())
        return known

    def _start(self) -> None:
        self._is_collecting = True
        self._observer.add(self)
        for name in self._local.namespaces():
            if not isinstance(name, str) or not can_be_announced(name):
                continue
            rooms = self._local.rooms(name)
            everyone = rooms.get(None, ())
            self._begin(name, (room for room in rooms if room is not None and room not in everyone))
            for sid, joined in self._local.coming(name).items():
                self._coming.setdefault((name, sid), joined)

    def _stop(self) -> None:
        self._observer.remove(self)
        self._is_collecting = self.wants_members = False
        self._due = None
        for name, namespace in self._namespaces.items():
            self._seqs[name] = namespace.seq
        self._namespaces = {}
        self._coming.clear()
        self._leaving.clear()

    # Telling

    def _flush(self, name: str, namespace: _Namespace) -> None:
        if namespace.has_missed and not self._say_that_something_was_missed(name, namespace):
            self._flush_at(time.monotonic() + GATHERING)
            return
        if namespace.changes.count > 0:
            self._tell(name, namespace, namespace.changes.take(self._local.rooms_with_sockets(name)))
        if namespace.has_missed:
            self._flush_at(time.monotonic() + GATHERING)

    def _say_that_something_was_missed(self, name: str, namespace: _Namespace) -> bool:
        """Whether it could be said."""
        if namespace.seq > 0:
            namespace.seq += 1
        namespace.has_missed = False
        self._send(name, namespace, self._body(name, namespace.seq + 1, Told()))
        return not namespace.has_missed

    def _tell(self, name: str, namespace: _Namespace, told: Told) -> None:
        if namespace.has_missed or not told:
            return
        body = self._body(name, namespace.seq + 1, told)
        if len(body) <= min(MOST_BYTES, self._outgoing.limit):
            self._send(name, namespace, body)
        elif len(told) > 1:
            for half in told.halves():
                self._tell(name, namespace, half)
        else:
            self._say_that_something_was_missed(name, namespace)

    def _send(self, name: str, namespace: _Namespace, body: bytes) -> None:
        namespace.seq += 1
        if not self._outgoing.tell(Publication(self._exchange, EVENTS_KEY, body), MOST_WAITING):
            namespace.has_missed = True

    def _body(self, name: str, seq: int, told: Told) -> bytes:
        head = to_json({"uid": self._outgoing.uid, "nsp": name, "type": int(Type.EVENTS)})
        return b'%b,"data":%b}' % (head[:-1], told.to_json(seq))
