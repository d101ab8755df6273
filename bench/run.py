#!/usr/bin/env python3
"""Confirmed emits per second: the gateway, what its C libraries allow, and the usual alternatives.

    bench/run.py --gateway .build/release/socketio-gateway

Progress goes to standard error, the report to standard output. See README.md here.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import quiet
import report
from batch import LIBRABBITMQ, Batch, Librabbitmq
from broker import Management
from candidates import (
    ROOM,
    Candidate,
    CandidateError,
    Ceiling,
    FastAPI,
    Gateway,
    Guarded,
    Keyed,
    ManagementAPI,
)
from rabbitmq import BrokerError, PrivateRabbitMQ
from sample import Sample
from wrk import measure, measure_batches

HERE = Path(__file__).parent
SUSPENDING = "ceiling-suspending"
NAMES = ("gateway", "keyed", "guarded", "ceiling", SUSPENDING, "fastapi", "management", "batch", LIBRABBITMQ)


def say(text: str):
    print(text, file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway against what its C libraries allow.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement (default 2)")
    parser.add_argument("--rounds", type=int, default=10, help="of which medians and quartiles are reported (default 10)")
    parser.add_argument("--only", default=",".join(NAMES), help=f"some of {','.join(NAMES)}")
    parser.add_argument("--connections", default="64,256,1024", help="default 64,256,1024")
    parser.add_argument("--batches", default="1000", help="numbers of items, as 1000,10000 (default 1000)")
    parser.add_argument("--patience", type=int, default=30, help="seconds to wait for a quiet machine (default 30)")
    parser.add_argument("--before", type=Path, help="path of an earlier build, for single emits beside the gateway's")
    options = parser.parse_args()
    options.only = options.only.split(",")
    options.connections = sorted({int(count) for count in options.connections.split(",")})
    options.batches = sorted({int(items) for items in options.batches.split(",")})
    if not set(options.only) <= set(NAMES):
        parser.error(f"--only knows {', '.join(NAMES)}")
    if min(options.seconds, options.rounds, *options.connections, *options.batches) < 1:
        parser.error("--seconds, --rounds, --connections and --batches are positive")
    for binary in filter(None, (options.gateway, options.before)):
        if not os.access(binary, os.X_OK):
            parser.error(f"{binary} is not a program")
    return options


def measure_once(candidate: Candidate, management: Management, connections: int, seconds: int) -> Sample:
    """In a process of its own each time, so that no measurement inherits memory from another."""
    try:
        candidate.start()
        candidate.prove(management)
        match candidate:
            case Librabbitmq():
                return candidate.measure(connections, seconds)
            case Batch():
                return measure_batches(candidate, connections, seconds)
            case _:
                return measure(candidate, connections, seconds)
    finally:
        candidate.stop()


def measure_all(options: argparse.Namespace, candidates: list[Candidate], management: Management):
    """The samples, one of each round, why some candidates have failed, and how busy the machine was before each measurement."""
    cells = [(candidate, count) for candidate in candidates for count in candidate.counts(options.connections)]
    # In the table's order.
    samples: report.Samples = {(candidate.name, count): [] for candidate, count in cells}
    failures: dict[str, str] = {}
    busy: list[float] = []
    for number in range(options.rounds):
        # Those to compare one after the other, in an order that favours none.
        random.shuffle(cells)
        for candidate, count in sorted(cells, key=lambda cell: cell[1]):
            if candidate.name in failures:
                continue
            busy.append(quiet.wait(options.patience))
            try:
                sample = measure_once(candidate, management, count, options.seconds)
            except CandidateError as error:
                failures[candidate.name] = str(error)
                say(f"round {number + 1}: {error}")
                continue
            samples[candidate.name, count].append(sample)
            errors = f", {sample.errors} ERRORS" if sample.errors else ""
            say(
                f"round {number + 1}: {candidate.name}, {count} connections: "
                f"{sample.emits_per_second:,.0f} emits/s, {sample.cpu_microseconds:.1f} µs/emit{errors}"
                + (f" (machine {busy[-1]:.0%} busy before)" if busy[-1] > quiet.QUIET else "")
            )
    complete = {key: rounds for key, rounds in samples.items() if rounds and key[0] not in failures}
    return complete, failures, busy


def candidates_of(options: argparse.Namespace, broker: PrivateRabbitMQ, logs: Path):
    """Those for single emits, and those for many at once."""
    gateway, before = options.gateway.resolve(), options.before and options.before.resolve()
    singles = {
        "gateway": [Gateway("gateway", gateway, broker, logs)]
        + ([Gateway("before", before, broker, logs)] if before else []),
        "keyed": [Keyed("keyed", gateway, broker, logs)],
        "guarded": [Guarded("guarded", gateway, broker, logs)],
        "ceiling": [Ceiling("ceiling", broker, logs)],
        SUSPENDING: [Ceiling(SUSPENDING, broker, logs)],
        "fastapi": [FastAPI(broker, logs)],
        "management": [ManagementAPI(broker, logs)],
    }
    batches = {
        "batch": [Batch(items, gateway, broker, logs) for items in options.batches],
        LIBRABBITMQ: [Librabbitmq(broker, logs, min(options.batches))],
    }
    return [
        [candidate for name, group in groups.items() if name in options.only for candidate in group]
        for groups in (singles, batches)
    ]


def print_report(options: argparse.Namespace, samples: report.Samples, batches: list[Candidate]):
    """The tables, as far as something was measured for them, and the targets."""
    rows = report.rows_of(samples)
    names = {candidate.name for candidate in batches}
    of_batches = {key: row for key, row in rows.items() if key[0] in names}
    of_singles = {key: row for key, row in rows.items() if key[0] not in names}
    for some, unit in ((of_singles, "req"), (of_batches, "emit")):
        if some:
            print(f"{report.table(some, unit)}\n")
    print(f"Medians of {options.rounds} interleaved rounds of {options.seconds} s, in random order.\n")
    print(f"{report.targets(samples, options.connections, options.batches)}\n")


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-")))
    broker = PrivateRabbitMQ(plugins=["rabbitmq_management"], starts_fast=False)
    stack.callback(broker.stop)
    load = os.getloadavg()[0]
    say("RabbitMQ starts (a private one) …")
    broker.start()
    management = Management(broker.management_port)
    overview = management.wait()
    # As on a broker without the plugin: its statistics cost all candidates up to a fifth of their speed.
    broker.ctl("eval", "application:set_env(rabbit, collect_statistics, none).")
    management.declare(ROOM)
    singles, batches = candidates_of(options, broker, logs)
    samples, failures, busy = measure_all(options, singles + batches, management)
    print_report(options, samples, batches)
    print(report.machine(overview, load, busy))
    for name, reason in failures.items():
        print(f"\n**{name} FAILED**: {reason}")
    return 1 if failures or any(sample.errors for rounds in samples.values() for sample in rounds) else 0


def interrupt(*_):
    # One is enough, and the end takes a moment.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    options = parse_arguments()
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        subprocess.run([HERE / "setup.sh"], check=True, stdin=subprocess.DEVNULL)
        with contextlib.ExitStack() as stack:
            sys.exit(run(options, stack))
    except KeyboardInterrupt:
        sys.exit(130)
    except (BrokerError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
