"""From the bytes of a message to a question. Whatever is wrong with them becomes one `BadMessage`."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from .messages import GATEWAY_UID, BadMessage, Delivery, Reply, Type
from .questions import QUESTIONS, Question
from .questions.discover import Discover
from .questions.want_events import read as read_want_events
from .reading import an_object, optional_text, text


def decode(delivery: Delivery) -> Question | None:
    """The question in a message, or None if it is not a gateway's. Raises `BadMessage`."""
    message = an_object(_parse(delivery.body), "the message")
    if message.get("uid") != GATEWAY_UID:
        return None
    kind = message.get("type")
    if type(kind) is int and kind == Type.INITIAL_HEARTBEAT:
        return Discover()
    if type(kind) is int and kind == Type.EVENTS_WANTED:
        return read_want_events(an_object(message.get("data"), "data"))
    read = QUESTIONS.get(kind) if type(kind) is int else None
    if read is None:
        raise BadMessage("unknown type")
    namespace = text(message, "nsp")
    data = an_object(message.get("data"), "data")
    return read(namespace, data, _reply(delivery, namespace, data))


def decode_probe(delivery: Delivery) -> Question | None:
    """What has come on the key of this server alone: which sockets or rooms are there. Anything else means nothing."""
    try:
        message = _parse(delivery.body)
    except BadMessage:
        return None
    is_fetch = isinstance(message, dict) and message.get("type") == Type.FETCH_SOCKETS
    return decode(delivery) if is_fetch else None


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # not UTF-8 and not JSON are ValueErrors
        raise BadMessage("not JSON, or nested too deeply") from None


def _refuse_constant(_: str) -> NoReturn:
    # Python would accept NaN and Infinity, and pass them on to clients, which do not.
    raise ValueError


def _reply(delivery: Delivery, namespace: str, data: dict[str, Any]) -> Reply | None:
    request_id = optional_text(data, "requestId")
    if request_id is None or not delivery.reply_to:
        return None
    return Reply(delivery.reply_to, delivery.correlation_id or request_id, request_id, namespace)
