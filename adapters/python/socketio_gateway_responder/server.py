"""What questions are carried out on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Callable

from .acknowledgements import PendingAcknowledgements
from .describing import Describer
from .events import Events
from .failures import FailureLog
from .handlers import Handlers
from .local import LocalSockets
from .outgoing import Outgoing


@dataclass(frozen=True)
class Server:
    """The server that is asked, and the way back to who asks. `failures` are of single sockets: one may not cost the
    others."""

    sio: Any
    local: LocalSockets
    describer: Describer
    handlers: Handlers
    acknowledged: PendingAcknowledgements
    outgoing: Outgoing
    events: Events
    failures: FailureLog
    logger: logging.Logger
    announce: Callable[[], None]
    """Says to gateways, soon, that the server is there."""
    forget_after: Callable[[float], None]
    """Forgets, after so many seconds, the clients that have not acknowledged in time."""
