"""The sockets of this process, read from the server's manager and changed through it.

Only the base manager's methods and state are used, never those that a manager with a message queue overrides, so
nothing here reaches other servers. Other threads change the same state: what is iterated over is copied first, and what
was there a moment ago may be gone.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable

import socketio

from .messages import RoomName, Target


def copied(values: Iterable[Any]) -> list[Any]:
    """A list of `values`, though another thread may be changing them."""
    while True:
        try:
            return list(values)
        except RuntimeError:  # changed size during iteration
            continue


class LocalSockets:
    """`sio` is a `socketio.Server` or `socketio.AsyncServer`.

    A socket counts while it is connected: not before its connect handler has accepted it, and not any more when its
    disconnect handler runs.
    """

    def __init__(self, sio: Any) -> None:
        self._sio = sio

    def namespaces(self) -> set[object]:
        """What has handlers, what the server accepts by name, and what has sockets."""
        accepted = self._sio.namespaces
        return {
            *copied(self._sio.handlers),
            *copied(self._sio.namespace_handlers),
            *copied(self._sio.manager.rooms),
            *(() if isinstance(accepted, str) else accepted),
        } - {"*"}

    def rooms(self, namespace: str) -> dict[Any, Any]:
        """Every room, whatever object names it, with its members, which are live; None is the room of everyone."""
        return dict(self._sio.manager.rooms.get(namespace) or {})

    def connected(self, namespace: str) -> set[str]:
        return set(copied(self.rooms(namespace).get(None, ()))) - self.pending(namespace)

    def pending(self, namespace: str) -> set[str]:
        """Sockets that are about to connect or to disconnect."""
        manager = self._sio.manager
        return {
            *copied(manager.pending_connect.get(namespace, ())),
            *copied(manager.pending_disconnect.get(namespace, ())),
        }

    def rooms_with_sockets(self, namespace: str) -> Callable[[object], bool]:
        """Whether a socket is connected and in the room, as far as one can say at this moment."""
        rooms, pending = self._sio.manager.rooms.get(namespace) or {}, self.pending(namespace)

        def has_sockets(room: object) -> bool:
            members = rooms.get(room)
            if not members:
                return False
            return len(members) > len(pending) or any(sid not in pending for sid in copied(members))

        return has_sockets

    def coming(self, namespace: str) -> dict[str, list[object]]:
        """The sockets whose connect handler has not accepted them yet, each with its rooms."""
        coming: dict[str, list[object]] = {
            sid: [] for sid in copied(self._sio.manager.pending_connect.get(namespace, ()))
        }
        for room, members in self.rooms(namespace).items() if coming else ():
            for sid in coming.keys() & set(copied(members)) if room is not None else ():
                if room != sid:
                    coming[sid].append(room)
        return coming

    def rooms_of(self, sid: str, namespace: str) -> list[object]:
        """Looks at all rooms."""
        return [room for room, members in self.rooms(namespace).items() if room not in (None, sid) and sid in members]

    def select(self, target: Target) -> set[str]:
        """The ids of the sockets that are meant."""
        rooms = self.rooms(target.namespace)
        chosen = self.connected(target.namespace)
        if target.rooms:
            chosen &= _members(rooms, target.rooms)
        if target.id is not None:
            chosen &= {target.id}
        return chosen - _members(rooms, target.excepted)

    def transport_id(self, sid: str, namespace: str) -> str | None:
        """The id of the Engine.IO connection of a socket, or None if it is gone."""
        try:
            transport_id: str | None = self._sio.manager.eio_sid_from_sid(sid, namespace)
        except KeyError:
            return None
        return transport_id

    def environ(self, transport_id: str) -> dict[str, Any]:
        return self._sio.environ.get(transport_id) or {}

    def sockets_of(self, transport_id: str) -> list[tuple[str, str]]:
        """The sockets of an Engine.IO connection, as (sid, namespace)."""
        manager = self._sio.manager
        sids = [(manager.sid_from_eio_sid(transport_id, name), name) for name in copied(manager.get_namespaces())]
        return [(sid, name) for sid, name in sids if sid is not None]

    def session(self, transport_id: str, namespace: str) -> dict[str, Any]:
        """What `save_session` stored; empty if nothing."""
        connection = self._sio.eio.sockets.get(transport_id)
        session = connection.session.get(namespace) if connection is not None else None
        return session if session is not None else {}

    def is_of_another(self, sid: str, namespace: str, room: RoomName) -> bool:
        """Whether the room is the id of another socket, which python-socketio lets nobody enter."""
        return room != sid and room in self.rooms(namespace).get(None, ())

    def join(self, sid: str, namespace: str, room: RoomName) -> bool:
        """False if the socket has gone. Raises ValueError if the room is another socket's id."""
        if sid not in self.rooms(namespace).get(None, ()):
            return False
        manager = self._sio.manager
        try:
            manager.basic_enter_room(sid, namespace, room)
        except KeyError:
            return False
        if sid not in self.rooms(namespace).get(None, ()):
            # It went while it was entering: its rooms had been looked up before, so nobody else would remove it.
            manager.basic_leave_room(sid, namespace, room)
            return False
        return True

    def leave(self, sid: str, namespace: str, room: RoomName) -> bool:
        """False if the socket has gone. Its own room, its id, it keeps."""
        if room != sid:
            self._sio.manager.basic_leave_room(sid, namespace, room)
        return sid in self.rooms(namespace).get(None, ())

    def emit(self, sid: str, namespace: str, event: str, args: tuple[Any, ...], callback: Callable[..., None]) -> Any:
        """What the server's `emit` returns: with an event loop a coroutine. `callback` gets what the client answers."""
        base = socketio.AsyncManager if self._sio.is_asyncio_based() else socketio.Manager
        # Unbound, for the manager's own `emit` would send it to every server.
        return base.emit(self._sio.manager, event, args, namespace, room=sid, callback=callback)

    def forget(self, sid: str, namespace: str) -> None:
        """Removes what is left of a socket whose disconnect handler raised."""
        self._sio.manager.basic_disconnect(sid, namespace)

    def forget_callback(self, sid: str, callback: object) -> None:
        """Removes a callback for an acknowledgement, so that it is not kept for as long as the socket is connected."""
        callbacks = self._sio.manager.callbacks.get(sid)
        for number, known in copied(callbacks.items()) if callbacks else ():
            if known is callback:
                callbacks.pop(number, None)


def _members(rooms: dict[Any, Any], names: Iterable[RoomName]) -> set[str]:
    members: set[str] = set()
    for name in names:
        members.update(copied(rooms.get(name, ())))
    return members
