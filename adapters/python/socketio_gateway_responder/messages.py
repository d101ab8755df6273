"""The questions of a gateway, as values, and what is published in return."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Union

GATEWAY_UID = "emitter"
"""The `uid` of every gateway; messages of anyone else are not for us."""


RoomName = Union[str, int]
"""What a gateway calls a room; python-socketio has other ones, which it is not told of."""


class Type(IntEnum):
    """The message types of Socket.IO's cluster protocol (socket.io-adapter 2.5.8)."""

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


@dataclass(frozen=True)
class Discover:
    """Who is there?"""


@dataclass(frozen=True)
class Broadcast:
    """Emit to sockets; with `reply`, their acknowledgements are wanted, for `timeout` seconds."""

    target: Target
    event: str
    args: tuple[Any, ...]
    reply: Reply | None
    timeout: float


@dataclass(frozen=True)
class Move:
    """Sockets join `rooms`, or leave them."""

    target: Target
    rooms: tuple[RoomName, ...]
    joins: bool
    reply: Reply | None


@dataclass(frozen=True)
class Disconnect:
    """Sockets leave the namespace; with `close`, their connections end too."""

    target: Target
    close: bool
    reply: Reply | None


@dataclass(frozen=True)
class RoomList:
    """A page of room names: the first `limit` behind `after` whose text begins with `prefix`."""

    prefix: str
    after: RoomName
    limit: int
    private: bool


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


@dataclass(frozen=True)
class ServerSideEmit:
    """An event for the server itself."""

    namespace: str
    event: str
    args: tuple[Any, ...]
    reply: Reply | None


Question = Union[Discover, Broadcast, Move, Disconnect, Fetch, ServerSideEmit]
