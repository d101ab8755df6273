"""What a server says in return, as JSON in UTF-8."""

from __future__ import annotations

from typing import Any, NoReturn

from .messages import Reply, Type
from .repairing import repaired, to_json

HANDLED_BY_NOBODY = {"handled": False}
TOO_LARGE = {"error": "too_large"}


def answer(uid: str, reply: Reply, kind: Type, data: dict[str, Any]) -> bytes:
    """An answer, to which `requestId` is added."""
    return answer_around(uid, reply, kind, to_json(data)[1:-1])


def answer_around(uid: str, reply: Reply, kind: Type, members: bytes) -> bytes:
    """An answer around the `members` of its `data`, which are JSON already, at least one."""
    head = to_json({"uid": uid, "nsp": reply.namespace, "type": int(kind)})
    request_id = to_json(reply.request_id)
    return b'%b,"data":{"requestId":%b,%b}}' % (head[:-1], request_id, members)


def acknowledgement(args: tuple[Any, ...]) -> dict[str, Any]:
    """The answer of one client: all arguments as `args`, and the first, if there is one, as `packet`."""
    attachments: list[str] = []
    # Argument by argument, so that the depth of each counts from its own root.
    data: dict[str, Any] = {"args": [repaired(arg, lambda _: None, attachments) for arg in args]}
    if args:
        data["packet"] = data["args"][0]
    return _with_attachments(data, attachments)


def value_of_handler(value: Any) -> dict[str, Any]:
    """The answer of a handler for a server-side emit. Raises TypeError if a part of it is nothing that JSON can hold."""
    attachments: list[str] = []
    return _with_attachments({"packet": repaired(value, _refuse, attachments)}, attachments)


def _refuse(value: Any) -> NoReturn:
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")  # its text may be a secret


def _with_attachments(data: dict[str, Any], attachments: list[str]) -> dict[str, Any]:
    return {**data, "attachments": attachments} if attachments else data
