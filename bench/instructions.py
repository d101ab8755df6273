#!/usr/bin/env python3
"""Instructions of the candidate's own threads for one confirmed emit, counted by valgrind's callgrind: exact where time is noise.

    bench/instructions.py --gateway .build/release/socketio-gateway [--before PATH] [--only gateway,keyed,guarded,batch,ceiling,librabbitmq]

One event loop, one keep-alive connection, one request at a time: what every request costs by itself, and a turn of the loop with it.
A batch has a thousand emits, and librabbitmq publishes as many.
"""

import argparse
import contextlib
import http.client
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from batch import Batch, Librabbitmq
from broker import Management
from candidates import ROOM, CandidateError, Ceiling, Gateway, Guarded, Keyed
from rabbitmq import BrokerError, PrivateRabbitMQ

HERE = Path(__file__).parent
PARTS = 50
WARM_UP = 500  # emits, until every pool and table has its size
BATCH_ITEMS = 1000
NAMES = ("gateway", "keyed", "guarded", "batch", "ceiling", "librabbitmq")


class CountedBatch(Batch):
    """A batch is a request, and counted by its emits."""

    def __init__(self, name: str, binary: Path, broker: PrivateRabbitMQ, folder: Path):
        super().__init__(BATCH_ITEMS, binary, broker, folder)
        self.name = name



def counted(kind: Any, folder: Path) -> Any:
    """The candidate under valgrind, with counting off until it is asked for. Nobody reads its metrics: by the clock of a program that
    valgrind slows down, that would be most of the difference."""

    class Counted(kind):
        SCRAPES_EVERY = 3600

        def command(self):
            valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self.output}"]
            return [*valgrind, *super().command()]

        @property
        def output(self) -> Path:
            return folder / f"{self.name}.callgrind"

        def environment(self):
            return {**super().environment(), "GATEWAY_LOOPS": "1"}

    return Counted


def instructions(candidate, management: Management, emits: int) -> float:
    """Of one emit: the tenth percentile of fifty parts, for timers and further turns of the loop fall into most of them."""
    of_request = len(candidate.messages)
    requests = max(1, emits // PARTS // of_request)  # in a part
    try:
        candidate.start()
        candidate.prove(management, patience=120)
        connection = http.client.HTTPConnection("127.0.0.1", candidate.port, timeout=30)
        send(candidate, connection, max(2, WARM_UP // of_request))
        control(candidate, "--instr=on")
        for _ in range(PARTS):
            send(candidate, connection, requests)
            control(candidate, "--dump")
        connection.close()
        return statistics.quantiles(totals(candidate.output), n=10)[0] / requests / of_request
    finally:
        candidate.stop()


def instructions_of_librabbitmq(broker: PrivateRabbitMQ, folder: Path) -> float:
    """Of one message: what more of them add to a run, for it logs in, and out again."""
    counts = (5 * BATCH_ITEMS, 25 * BATCH_ITEMS)
    publisher = Librabbitmq(broker, folder, BATCH_ITEMS)
    output = folder / "librabbitmq.callgrind"
    found = []
    for count in counts:
        publisher.run("-c", "1", "-n", str(count), under=["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}"])
        found.append(int(re.search(r"^(?:totals|summary): (\d+)$", output.read_text(), re.M)[1]))
    return (found[1] - found[0]) / (counts[1] - counts[0])


def without_debug_information(binary: Path, folder: Path, name: str) -> Path:
    """A copy with its symbols alone: Debian's valgrind cannot read what Swift's compiler writes (DWARF 5)."""
    copy = folder / f"{name}.bin"
    subprocess.run(["strip", "--strip-debug", "-o", copy, binary], check=True)
    return copy


def send(candidate, connection: http.client.HTTPConnection, count: int):
    headers = {"Content-Type": "application/json"}
    if candidate.authorization:
        headers["Authorization"] = candidate.authorization
    for _ in range(count):
        connection.request("POST", candidate.path, candidate.body, headers)
        with connection.getresponse() as response:
            if response.status != 200:
                raise CandidateError(f"{candidate.name} answers {response.status}: {response.read(500)!r}")
            response.read()


def control(candidate, order: str):
    subprocess.run(["callgrind_control", order, str(candidate.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def totals(output: Path) -> list[int]:
    """Of each dump; every one is a file of its own."""
    found = []
    for dump in output.parent.glob(f"{output.name}.*"):
        found += [int(number) for number in re.findall(r"^(?:totals|summary): (\d+)$", dump.read_text(), re.M)[:1]]
    if len(found) < PARTS:
        raise CandidateError(f"callgrind wrote {len(found)} of {PARTS} parts to {output}")
    return found


def main():
    parser = argparse.ArgumentParser(description="Count the instructions of one confirmed emit.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--before", type=Path, help="path of an earlier build, counted beside it")
    parser.add_argument("--requests", type=int, default=5000, help="that are counted, one emit each (default 5000)")
    parser.add_argument("--only", default=",".join(NAMES), help=f"some of {','.join(NAMES)}")
    options = parser.parse_args()
    wanted = options.only.split(",")
    try:
        subprocess.run([HERE / "setup.sh", "valgrind"], check=True, stdin=subprocess.DEVNULL)
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-count-")))
            broker = PrivateRabbitMQ(plugins=["rabbitmq_management"], starts_fast=False)
            stack.callback(broker.stop)
            broker.start()
            management = Management(broker.management_port)
            management.wait()
            management.declare(ROOM)
            candidates = []
            for prefix, binary in (("", options.gateway), ("before-", options.before)):
                for name, kind in (("gateway", Gateway), ("keyed", Keyed), ("guarded", Guarded), ("batch", CountedBatch)):
                    if binary and name in wanted:
                        copy = without_debug_information(binary, folder, prefix + name)
                        candidates.append(counted(kind, folder)(prefix + name, copy, broker, folder))
            if "ceiling" in wanted:
                candidates.append(counted(Ceiling, folder)("ceiling", broker, folder))
            for candidate in candidates:
                count = instructions(candidate, management, options.requests)
                print(f"{candidate.name}: {count:,.0f} instructions an emit", flush=True)
            if "librabbitmq" in wanted:
                print(f"librabbitmq: {instructions_of_librabbitmq(broker, folder):,.0f} instructions a message", flush=True)
    except (BrokerError, CandidateError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
