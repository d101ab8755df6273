"""From the bytes of a message to a question. Whatever is wrong with them becomes one `BadMessage`."""

from __future__ import annotations

import json
from typing import Any, Callable, NoReturn

from .binary import decode_attachments, restore
from .messages import (
    GATEWAY_UID,
    BadMessage,
    Broadcast,
    Delivery,
    Disconnect,
    Discover,
    Fetch,
    Move,
    Question,
    Reply,
    RoomList,
    RoomName,
    ServerSideEmit,
    Target,
    Type,
)
from .rooms import is_number

ALL_FIELDS = frozenset({"rooms", "data", "handshake"})
EVENT_PACKET = 2
DEFAULT_ACKNOWLEDGEMENT_TIMEOUT = 5.0  # seconds; what Socket.IO's own cluster adapters wait
LONGEST_ACKNOWLEDGEMENT_TIMEOUT = 600.0  # seconds; callbacks are kept in memory for so long
DEFAULT_ROOM_PAGE = 100


def decode(delivery: Delivery) -> Question | None:
    """The question in a message, or None if it is not a gateway's. Raises `BadMessage`."""
    message = _object(_parse(delivery.body), "the message")
    if message.get("uid") != GATEWAY_UID:
        return None
    kind = message.get("type")
    if type(kind) is int and kind == Type.INITIAL_HEARTBEAT:
        return Discover()
    decoder = _DECODERS.get(kind) if type(kind) is int else None
    if decoder is None:
        raise BadMessage("unknown type")
    namespace = _text(message, "nsp")
    data = _object(message.get("data"), "data")
    return decoder(namespace, data, _reply(delivery, namespace, data))


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # not UTF-8 and not JSON are ValueErrors
        raise BadMessage("not JSON, or nested too deeply") from None


def _refuse_constant(_: str) -> NoReturn:
    # Python would accept NaN and Infinity, and pass them on to clients, which do not.
    raise ValueError


def _reply(delivery: Delivery, namespace: str, data: dict[str, Any]) -> Reply | None:
    request_id = _optional_text(data, "requestId")
    if request_id is None or not delivery.reply_to:
        return None
    return Reply(delivery.reply_to, delivery.correlation_id or request_id, request_id, namespace)


def _broadcast(namespace: str, data: dict[str, Any], reply: Reply | None) -> Broadcast:
    packet = _object(data.get("packet"), "packet")
    if packet.get("type") != EVENT_PACKET:
        raise BadMessage("packet is not an event")
    event, args = _event(packet.get("data"), data)
    return Broadcast(_target(namespace, data), event, args, reply, _acknowledgement_timeout(data))


def _join(namespace: str, data: dict[str, Any], reply: Reply | None) -> Move:
    return Move(_target(namespace, data), _rooms(data, "rooms"), True, reply)


def _leave(namespace: str, data: dict[str, Any], reply: Reply | None) -> Move:
    return Move(_target(namespace, data), _rooms(data, "rooms"), False, reply)


def _disconnect(namespace: str, data: dict[str, Any], reply: Reply | None) -> Disconnect:
    return Disconnect(_target(namespace, data), _flag(data, "close"), reply)


def _fetch(namespace: str, data: dict[str, Any], reply: Reply | None) -> Fetch:
    if reply is None:
        raise BadMessage("a question without requestId or reply_to")
    numbers = _flag(data, "numbers")
    # Without `numbers` the names of rooms are keys of an object, which a number cannot be.
    names = _rooms if numbers else _texts
    return Fetch(
        target=_target(namespace, data),
        reply=reply,
        fields=frozenset(_texts(data, "fields")) if data.get("fields") is not None else ALL_FIELDS,
        after=_optional_text(data, "after"),
        limit=_optional_number(data, "limit"),
        count=_flag(data, "count"),
        rooms=names(data, "rooms") if data.get("rooms") is not None else None,
        list=_room_list(data["list"]) if data.get("list") is not None else None,
        numbers=numbers,
    )


def _server_side_emit(namespace: str, data: dict[str, Any], reply: Reply | None) -> ServerSideEmit:
    event, args = _event(data.get("packet"), data)
    return ServerSideEmit(namespace, event, args, reply)


_DECODERS: dict[int, Callable[[str, dict[str, Any], Reply | None], Question]] = {
    Type.BROADCAST: _broadcast,
    Type.SOCKETS_JOIN: _join,
    Type.SOCKETS_LEAVE: _leave,
    Type.DISCONNECT_SOCKETS: _disconnect,
    Type.FETCH_SOCKETS: _fetch,
    Type.SERVER_SIDE_EMIT: _server_side_emit,
}


def _event(values: Any, data: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The name of an event and its arguments, bytes restored."""
    if not isinstance(values, list) or not values or not isinstance(values[0], str):
        raise BadMessage("the packet has no event")
    if data.get("attachments") is not None:
        try:
            values = restore(values, decode_attachments(data["attachments"]))
        except RecursionError:
            raise BadMessage("nested too deeply") from None
    return values[0], tuple(values[1:])


def _target(namespace: str, data: dict[str, Any]) -> Target:
    # `opts.rooms` must be there: a message with something left out must never mean everyone.
    options = _object(data.get("opts"), "opts")
    excepted = _rooms(options, "except") if options.get("except") is not None else ()
    return Target(namespace, _rooms(options, "rooms"), excepted, _optional_text(data, "id"))


def _acknowledgement_timeout(data: dict[str, Any]) -> float:
    """Seconds."""
    flags = data["opts"].get("flags")
    timeout = _object(flags, "flags").get("timeout") if flags is not None else None
    if timeout is None:
        return DEFAULT_ACKNOWLEDGEMENT_TIMEOUT
    if type(timeout) not in (int, float) or timeout < 0:
        raise BadMessage("timeout is not a number of milliseconds")
    return min(timeout / 1000, LONGEST_ACKNOWLEDGEMENT_TIMEOUT) if timeout < 1e9 else LONGEST_ACKNOWLEDGEMENT_TIMEOUT


def _room_list(value: Any) -> RoomList:
    options = _object(value, "list")
    limit, after = _optional_number(options, "limit"), options.get("after")
    return RoomList(
        prefix=_optional_text(options, "prefix") or "",
        after=after if is_number(after) else _optional_text(options, "after") or "",
        limit=DEFAULT_ROOM_PAGE if limit is None else limit,
        private=_flag(options, "private"),
    )


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadMessage(f"{name} is not an object")
    return value


def _text(source: dict[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise BadMessage(f"{name} is not a string")
    return value


def _optional_text(source: dict[str, Any], name: str) -> str | None:
    return None if source.get(name) is None else _text(source, name)


def _texts(source: dict[str, Any], name: str) -> tuple[str, ...]:
    values = source.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadMessage(f"{name} is not a list of strings")
    return tuple(values)


def _rooms(source: dict[str, Any], name: str) -> tuple[RoomName, ...]:
    values = source.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) or is_number(value) for value in values):
        raise BadMessage(f"{name} is not a list of strings and whole numbers")
    return tuple(values)


def _optional_number(source: dict[str, Any], name: str) -> int | None:
    value = source.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise BadMessage(f"{name} is not a number from 0")
    return value


def _flag(source: dict[str, Any], name: str) -> bool:
    value = source.get(name, False)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadMessage(f"{name} is not a boolean")
    return value
