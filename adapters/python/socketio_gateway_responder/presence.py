"""What a server says about itself, and for which namespaces."""

from __future__ import annotations

import os
import re
from typing import Iterable, Iterator

from .messages import Type
from .repairing import to_json
from .version import VERSION

PRESENCE_KEY = "#presence"
DISCOVER_KEY = "#discover"
EVENTS_KEY = "#events"
EVENTS_WANTED_KEY = "#events-wanted"
AGENT = f"socketio-gateway-responder/{VERSION}"

NAMESPACE_LINGERS = 60.0  # seconds
LONGEST_KEY = 255  # bytes, of an AMQP routing key
_NAMESPACE = re.compile(r"/[^#]*")
_STATIC = "#static"


def heartbeat(uid: str, interval: float, namespaces: Iterable[str], features: Iterable[str]) -> bytes:
    """`interval` in seconds."""
    return to_json(
        {
            "uid": uid,
            "type": int(Type.HEARTBEAT),
            "pid": os.getpid(),
            "intervalMs": round(interval * 1000),
            "mode": "static",
            "namespaces": sorted(namespaces),
            "agent": AGENT,
            "features": list(features),
            "probe": probe_key(uid),
        }
    )


def goodbye(uid: str) -> bytes:
    return to_json({"uid": uid, "type": int(Type.ADAPTER_CLOSE)})


def probe_key(uid: str) -> str:
    """The routing key that is bound for as long as the server is on the broker. A gateway that waits for its answer
    sends something there, and learns from the broker whether it arrives. Nothing is to be done with what arrives, unless
    it asks which sockets or rooms there are (type 7)."""
    return f"#server#{uid}"


def keys_of(namespace: str) -> tuple[str, str]:
    """The routing keys that a companion binds for a namespace."""
    return namespace, namespace + _STATIC


def can_be_announced(namespace: object) -> bool:
    """Whether the name can be a routing key that is taken for no other; "*" (all namespaces) is no namespace."""
    if not isinstance(namespace, str) or _NAMESPACE.fullmatch(namespace) is None:
        return False
    try:
        return len((namespace + _STATIC).encode()) <= LONGEST_KEY
    except UnicodeEncodeError:  # a lone surrogate
        return False


class Namespaces:
    """The namespaces that are announced and bound.

    One that has nothing left (only clients made it a namespace, and they are gone) stays for a minute, for the next
    client may come before it could be bound again.
    """

    def __init__(self) -> None:
        self._last_seen: dict[str, float] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._last_seen))

    def update(self, present: Iterable[object], now: float) -> tuple[list[str], list[str]]:
        """Takes what is there at `now` (seconds of any clock); what has been added and removed since last time."""
        seen = {name for name in present if isinstance(name, str) and can_be_announced(name)}
        added = sorted(seen - self._last_seen.keys())
        self._last_seen.update(dict.fromkeys(seen, now))
        removed = sorted(name for name, when in self._last_seen.items() if now - when > NAMESPACE_LINGERS)
        for name in removed:
            del self._last_seen[name]
        return added, removed
