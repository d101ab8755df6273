"""What happens to the sockets of a server, as it happens.

python-socketio has no events for this, so the methods through which it happens are replaced by ones that also tell.
Remote joins and leaves go through them as well as those of the application and of this package.
"""

from __future__ import annotations

import inspect
import threading
from functools import wraps
from typing import Any, Protocol

_OBSERVER = "_socketio_gateway_observer"


class Listener(Protocol):
    """Called in the thread in which it happens; must be quick, and must not raise."""

    wants_members: bool
    """Whether `entered` and `left` have to be told whether anything has changed."""

    def coming(self, namespace: str, sid: str) -> None:
        """A client asks to be connected; its connect handler has not accepted it yet."""

    def connected(self, namespace: str, sid: str) -> None: ...

    def entered(self, namespace: str, sid: str, room: object, is_new: bool) -> None:
        """Some room, not its own and not that of everyone. `is_new` is true if nobody `wants_members`."""

    def left(self, namespace: str, sid: str, room: object, was_there: bool) -> None: ...

    def disconnecting(self, namespace: str, sid: str, reason: object) -> None:
        """Its disconnect handler is about to run. It is still in its rooms."""

    def abandoned(self, namespace: str, sid: str) -> None:
        """Its disconnect handler has raised, and python-socketio leaves it where it is."""

    def removed(self, namespace: str, sid: str) -> None:
        """It is about to leave all its rooms, whether it was connected or only coming."""

    def forgotten(self, namespace: str, sid: str) -> None:
        """It has left all its rooms."""


class Observer:
    """Tells the `listeners`. While there are none, it costs a call and a branch for each join."""

    def __init__(self, sio: Any) -> None:
        self._sio = sio
        self._manager = sio.manager
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()
        self._replace_entering()
        self._replace_leaving()
        self._replace_connecting()
        self._replace_removing()
        self._replace_events()

    def add(self, listener: Listener) -> None:
        with self._lock:
            if listener not in self._listeners:
                self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known is not listener)

    def _is_member(self, sid: str, namespace: str, room: object) -> bool:
        members = self._manager.rooms.get(namespace, {}).get(room)
        return members is not None and sid in members

    def _replace_entering(self) -> None:
        enter = self._manager.basic_enter_room

        @wraps(enter)
        def entering(sid: str, namespace: str, room: object, eio_sid: str | None = None) -> Any:
            listeners = self._listeners
            if not listeners or room == sid:
                return enter(sid, namespace, room, eio_sid=eio_sid)
            if room is None:
                result = enter(sid, namespace, room, eio_sid=eio_sid)  # raises for who is there already
                for listener in listeners:
                    listener.coming(namespace, sid)
                return result
            is_new = not any(each.wants_members for each in listeners) or not self._is_member(sid, namespace, room)
            result = enter(sid, namespace, room, eio_sid=eio_sid)
            for listener in listeners:
                listener.entered(namespace, sid, room, is_new)
            return result

        self._manager.basic_enter_room = entering

    def _replace_leaving(self) -> None:
        leave = self._manager.basic_leave_room

        @wraps(leave)
        def leaving(sid: str, namespace: str, room: object) -> Any:
            listeners = self._listeners
            if not listeners or room is None or room == sid:
                return leave(sid, namespace, room)
            was_there = not any(each.wants_members for each in listeners) or self._is_member(sid, namespace, room)
            result = leave(sid, namespace, room)
            for listener in listeners:
                listener.left(namespace, sid, room, was_there)
            return result

        self._manager.basic_leave_room = leaving

    def _replace_connecting(self) -> None:
        connect = self._manager.connect

        def tell(sid: str | None, namespace: str) -> None:
            if sid is None:  # it was there already
                return
            for listener in self._listeners:
                listener.connected(namespace, sid)

        @wraps(connect)
        def connecting(sid: str, namespace: str) -> Any:
            connected = connect(sid, namespace)
            tell(connected, namespace)
            return connected

        @wraps(connect)
        async def connecting_async(sid: str, namespace: str) -> Any:
            connected = await connect(sid, namespace)
            tell(connected, namespace)
            return connected

        self._manager.connect = connecting_async if inspect.iscoroutinefunction(connect) else connecting

    def _replace_removing(self) -> None:
        disconnect = self._manager.basic_disconnect

        @wraps(disconnect)
        def disconnecting(sid: str, namespace: str, **options: Any) -> Any:
            listeners = self._listeners
            if not listeners or not self._is_member(sid, namespace, None):
                return disconnect(sid, namespace, **options)
            for listener in listeners:
                listener.removed(namespace, sid)
            result = disconnect(sid, namespace, **options)
            for listener in listeners:
                listener.forgotten(namespace, sid)
            return result

        self._manager.basic_disconnect = disconnecting

    def _replace_events(self) -> None:
        """The reason of a disconnect is nowhere else. A client may emit an event of that name."""
        trigger = self._sio._trigger_event

        def is_disconnect(event: object, namespace: str, args: tuple[Any, ...]) -> bool:
            if not self._listeners or event != "disconnect" or not args:
                return False
            return args[0] in self._manager.pending_disconnect.get(namespace, ())

        def tell(namespace: str, args: tuple[Any, ...]) -> None:
            for listener in self._listeners:
                listener.disconnecting(namespace, args[0], args[1] if len(args) > 1 else None)

        def tell_of_failure(namespace: str, args: tuple[Any, ...]) -> None:
            for listener in self._listeners:
                listener.abandoned(namespace, args[0])

        @wraps(trigger)
        def triggering(event: str, namespace: str, *args: Any) -> Any:
            if not is_disconnect(event, namespace, args):
                return trigger(event, namespace, *args)
            tell(namespace, args)
            try:
                return trigger(event, namespace, *args)
            except BaseException:
                tell_of_failure(namespace, args)
                raise

        async def disconnecting(event: str, namespace: str, *args: Any) -> Any:
            tell(namespace, args)
            try:
                return await trigger(event, namespace, *args)
            except BaseException:
                tell_of_failure(namespace, args)
                raise

        @wraps(trigger)
        def triggering_async(event: str, namespace: str, *args: Any) -> Any:
            # No coroutine of its own: this is called for every event of every client.
            is_one = is_disconnect(event, namespace, args)
            return (disconnecting if is_one else trigger)(event, namespace, *args)

        self._sio._trigger_event = triggering_async if self._sio.is_asyncio_based() else triggering


def observer_of(sio: Any) -> Observer:
    """The one of this server: its methods are replaced once, however many responders it has had."""
    observer: Observer | None = getattr(sio, _OBSERVER, None)
    if observer is None:
        observer = Observer(sio)
        setattr(sio, _OBSERVER, observer)
    return observer
