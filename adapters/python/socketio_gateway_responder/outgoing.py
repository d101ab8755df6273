"""The way back to gateways: answers that are not too large, in a queue for whoever publishes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .answers import TOO_LARGE, answer
from .backlog import Backlog
from .failures import FailureLog
from .limiting import SMALL, AnswerLimit
from .messages import Publication, Reply, Type


class Outgoing:
    """`uid`: of the server, as it is called since the last start."""

    def __init__(self, limit: AnswerLimit, outbox: Backlog[Publication], failures: FailureLog) -> None:
        self.uid = ""
        self._limit = limit
        self._outbox = outbox
        self._failures = failures

    @property
    def limit(self) -> int:
        """How large an answer may be, in bytes."""
        return self._limit.bytes

    def answer(self, reply: Reply | None, kind: Type, data: dict[str, Any]) -> None:
        if reply is not None:
            self.send(reply, kind, answer(self.uid, reply, kind, data))

    def send(self, reply: Reply, kind: Type, body: bytes) -> None:
        """The whole message."""
        instead = answer(self.uid, reply, kind, TOO_LARGE) if len(body) > min(SMALL, self.limit) else None
        if instead is not None and len(body) > self.limit:
            self._failures.report(f"an answer to the gateway was too large to be sent: over {self.limit} bytes")
            body, instead = instead, None
        if not self._outbox.put(Publication("", reply.to, body, reply.correlation_id, instead)):
            self._failures.report("answers to the gateway are dropped: the broker does not take them")

    def instead_of(self, publication: Publication) -> Publication | None:
        """What to send after the broker has not taken this answer, if it was for its size."""
        if publication.instead is None or len(publication.body) <= self.limit:
            return None
        return replace(publication, body=publication.instead, instead=None)

    def tell(self, publication: Publication, limit: int) -> bool:
        """What no gateway has asked for. False if more than `limit` bytes are waiting, and it has been dropped."""
        return self._outbox.size <= limit and self._outbox.put(publication)

    def refused(self, text: str) -> None:
        """The broker has closed the channel of the answers."""
        limit = self._limit.learn(text)
        if limit is None:
            self._failures.report(f"the broker does not take an answer to the gateway: {text}")
        else:
            self._failures.report(
                f"the broker takes no message of over {limit} bytes (its max_message_size); "
                "from now on no answer to the gateway is larger"
            )
