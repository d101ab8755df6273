"""What a server says in return, as JSON. ASCII only, so that characters are bytes and lone surrogates survive."""

from __future__ import annotations

import json
from typing import Any

from .binary import extract
from .messages import Reply, Type

HANDLED_BY_NOBODY = {"handled": False}


def to_json(value: Any) -> str:
    """Raises what `json.dumps` raises; NaN and Infinity are a ValueError, since they are no JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def answer(uid: str, reply: Reply, kind: Type, data: dict[str, Any]) -> bytes:
    """An answer, to which `requestId` is added."""
    return answer_around(uid, reply, kind, to_json({"requestId": reply.request_id, **data}))


def answer_around(uid: str, reply: Reply, kind: Type, data: str) -> bytes:
    """An answer around `data`, which is JSON already."""
    head = to_json({"uid": uid, "nsp": reply.namespace, "type": int(kind)})
    return f'{head[:-1]},"data":{data}}}'.encode("ascii")


def acknowledgement(args: tuple[Any, ...]) -> dict[str, Any]:
    """The answer of one client: all arguments as `args`, and the first, if there is one, as `packet`."""
    attachments: list[str] = []
    data: dict[str, Any] = {"args": extract(args, attachments)}
    if args:
        data["packet"] = data["args"][0]
    return _with_attachments(data, attachments)


def value_of_handler(value: Any) -> dict[str, Any]:
    """The answer of a handler for a server-side emit."""
    attachments: list[str] = []
    return _with_attachments({"packet": extract(value, attachments)}, attachments)


def _with_attachments(data: dict[str, Any], attachments: list[str]) -> dict[str, Any]:
    return {**data, "attachments": attachments} if attachments else data
