"""Many emits at once: the gateway's `POST /v1/batch`, and librabbitmq publishing the same messages."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from broker import Management
from candidates import ARGUMENT, EVENT, HERE, ROOM, Candidate, CandidateError, Gateway, compact, compare, die_with_parent
from rabbitmq import PrivateRabbitMQ
from sample import Sample

CONNECTIONS = 4
LIBRABBITMQ = "librabbitmq"
WINDOW = 1000


def arguments(count: int) -> list[dict]:
    """Different, so that their order shows, and all of one length."""
    return [{**ARGUMENT, "id": 10_000 + index} for index in range(count)]


def messages(count: int) -> list[dict]:
    return [{"packet": {"type": 2, "data": [EVENT, argument]}, "except": []} for argument in arguments(count)]


class Batch(Gateway):
    """The gateway, receiving batches."""

    path = "/v1/batch"

    def __init__(self, items: int, binary: Path, broker: PrivateRabbitMQ, log_folder: Path):
        super().__init__(f"batch-{items}", binary, broker, log_folder)
        self.items = items
        self.messages = messages(items)
        self.body = compact(
            {"items": [{"event": EVENT, "args": [argument], "rooms": [ROOM]} for argument in arguments(items)]}
        )
        # Too large for an environment variable.
        self.body_file = log_folder / f"{self.name}.json"
        self.body_file.write_text(self.body)

    def counts(self, asked):
        return [CONNECTIONS]

    def is_routed(self, answer):
        """Every item, and every answer has an id of its own."""
        results = answer.get("results", [])
        routed = [result.get("status") == 200 and result.get("routed") is True for result in results]
        identifiers = {result.get("id") for result in results}
        counted = answer.get("confirmed") == self.items and answer.get("failed") == 0
        return counted and all(routed) and len(routed) == len(identifiers) == self.items


class Librabbitmq(Candidate):
    """`publisher.c`. It serves nothing: each run is a process that ends by itself."""

    def __init__(self, broker: PrivateRabbitMQ, log_folder: Path, items: int):
        super().__init__(LIBRABBITMQ, log_folder)
        self._broker = broker
        self._payloads = [compact(message) for message in messages(items)]
        self._bodies = log_folder / "bodies"
        self._bodies.write_text("\n".join(self._payloads))

    def counts(self, asked):
        return [len(os.sched_getaffinity(0))]

    def start(self):
        pass

    def prove(self, management: Management, patience: float = 20):
        count = len(self._payloads)
        with management.recording(ROOM):
            result = self.run("-c", "1", "-n", str(count))
            published = management.recorded(count + 1)
        if result["messages"] != count or result["refused"] or result["returned"]:
            raise CandidateError(f"{self.name} says {result}")
        compare(self.name, published, self._payloads)

    def measure(self, connections: int, seconds: int) -> Sample:
        """Warms up for a second, then measures."""
        result = self.run("-c", str(connections), "-t", str(seconds), "-u", "1")
        return Sample(
            emits_per_second=result["messages_per_second"],
            cpu_microseconds=result["cpu_microseconds_per_message"],
            p50_milliseconds=None,
            p99_milliseconds=None,
            resident_bytes=result["resident_bytes"],
            errors=result["refused"] + result["returned"],
        )

    def run(self, *options: str, under: Sequence[str] = ()) -> dict:
        """A run, perhaps under another program; its figures."""
        finished = subprocess.run(
            [*under, HERE / ".build/publisher", "-w", str(WINDOW), *options, self._broker.url, ROOM, self._bodies],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        if finished.returncode != 0:
            raise CandidateError(f"{self.name}: {finished.stderr.strip()}")
        return json.loads(finished.stdout)
