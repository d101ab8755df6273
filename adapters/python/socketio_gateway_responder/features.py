"""What this server can do of what not every server can (docs/cluster-protocol.md, "Presence")."""

from __future__ import annotations

import re
from importlib import metadata

ACKS, NUMBERS, EVENTS = "acks", "numbers", "events"
FIRST_WITH_ACKS = (5, 15, 1)
"""Versions 5.14.0 to 5.15.0 of python-socketio hand the list of arguments to clients as one argument; those before
speak pickle."""


def installed_version() -> str | None:
    """Of python-socketio, if it is known."""
    try:
        return metadata.version("python-socketio")
    except metadata.PackageNotFoundError:  # copied into the application
        return None


def has_acks(version: str | None) -> bool:
    """Whether emits with acknowledgements work. A version that is not known is taken for a current one."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version or "")[:3])
    return not numbers or numbers >= FIRST_WITH_ACKS
