"""What all questions of a gateway have, as values, and what is published in return."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Union

GATEWAY_UID = "emitter"
"""The `uid` of every gateway; messages of anyone else are not for us."""


RoomName = Union[str, int]
"""What a gateway calls a room; python-socketio has other ones, which it is not told of."""


class Type(IntEnum):
    """The message types of Socket.IO's cluster protocol (socket.io-adapter 2.5.8), and from 20 on ours."""

    INITIAL_HEARTBEAT = 1
    HEARTBEAT = 2
    BROADCAST = 3
    SOCKETS_JOIN = 4
    SOCKETS_LEAVE = 5
    DISCONNECT_SOCKETS = 6
    FETCH_SOCKETS = 7
    FETCH_SOCKETS_RESPONSE = 8
    SERVER_SIDE_EMIT = 9
    SERVER_SIDE_EMIT_RESPONSE = 10
    BROADCAST_CLIENT_COUNT = 11
    BROADCAST_ACK = 12
    ADAPTER_CLOSE = 13
    EVENTS = 20
    EVENTS_WANTED = 21


class BadMessage(Exception):
    """A message that cannot be understood; its text says what is wrong, and quotes nothing of the message."""


@dataclass(frozen=True)
class Delivery:
    """What the broker brought: the bytes, the two properties that answers need, and the key that brought it here."""

    body: bytes
    reply_to: str | None
    correlation_id: str | None
    routing_key: str = ""


@dataclass(frozen=True)
class Publication:
    """What goes to the broker. The default exchange is named "". `instead` is what to say if the broker finds it too
    large."""

    exchange: str
    routing_key: str
    body: bytes
    correlation_id: str | None = None
    instead: bytes | None = None


@dataclass(frozen=True)
class Reply:
    """Where an answer goes: to the queue `to`, through the default exchange."""

    to: str
    correlation_id: str
    request_id: str
    namespace: str


@dataclass(frozen=True)
class Target:
    """Sockets of a namespace: those in any of `rooms` (none: all), without those in one of `excepted`, which are rooms
    or ids. With `id`, at most the socket that has it."""

    namespace: str
    rooms: tuple[RoomName, ...] = ()
    excepted: tuple[RoomName, ...] = ()
    id: str | None = None
