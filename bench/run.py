#!/usr/bin/env python3
"""Confirmed emits per second: the gateway, what its C libraries allow, and the usual alternatives.

    bench/run.py --gateway .build/release/socketio-gateway

Progress goes to standard error, the report to standard output. See README.md here.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import report
from broker import Management
from candidates import ROOM, Candidate, CandidateError, Ceiling, FastAPI, Gateway, ManagementAPI
from rabbitmq import BrokerError, PrivateRabbitMQ
from wrk import measure

HERE = Path(__file__).parent
NAMES = ("gateway", "ceiling", "fastapi", "management")


def say(text: str):
    print(text, file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway against what its C libraries allow.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are reported (default 3)")
    parser.add_argument("--only", default=",".join(NAMES), help=f"some of {','.join(NAMES)}")
    parser.add_argument("--connections", default="64,256,1024", help="default 64,256,1024")
    options = parser.parse_args()
    options.only = options.only.split(",")
    options.connections = sorted({int(count) for count in options.connections.split(",")})
    if not set(options.only) <= set(NAMES):
        parser.error(f"--only knows {', '.join(NAMES)}")
    if min(options.seconds, options.rounds, *options.connections) < 1:
        parser.error("--seconds, --rounds and --connections are positive")
    if not os.access(options.gateway, os.X_OK):
        parser.error(f"{options.gateway} is not a program")
    return options


def measure_once(candidate: Candidate, management: Management, connections: int, seconds: int):
    """In a process of its own each time, so that no measurement inherits memory from another."""
    try:
        candidate.start()
        candidate.prove(management)
        return measure(candidate, connections, seconds)
    finally:
        candidate.stop()


def measure_all(options: argparse.Namespace, candidates: list[Candidate], management: Management):
    """The samples, and why some candidates have failed."""
    # In the table's order.
    samples: report.Samples = {
        (candidate.name, count): []
        for candidate in candidates
        for count in options.connections
        if count == options.connections[0] or not candidate.few_connections_only
    }
    failures: dict[str, str] = {}
    for number in range(options.rounds):
        for count in options.connections:
            for candidate in candidates:
                if candidate.name in failures or (candidate.name, count) not in samples:
                    continue
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
                    f"{sample.requests_per_second:,.0f} req/s, {sample.cpu_microseconds:.1f} µs/req{errors}"
                )
    complete = {key: rounds for key, rounds in samples.items() if rounds and key[0] not in failures}
    return complete, failures


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-")))
    broker = PrivateRabbitMQ(plugins=["rabbitmq_management"])
    stack.callback(broker.stop)
    load = os.getloadavg()[0]
    say("RabbitMQ starts (a private one) …")
    broker.start()
    management = Management(broker.management_port)
    overview = management.wait()
    # As on a broker without the plugin: its statistics cost all candidates up to a fifth of their speed.
    broker.ctl("eval", "application:set_env(rabbit, collect_statistics, none).")
    management.declare(ROOM)
    candidates = [
        Gateway(options.gateway.resolve(), broker, logs),
        Ceiling(broker, logs),
        FastAPI(broker, logs),
        ManagementAPI(broker, logs),
    ]
    chosen = [candidate for candidate in candidates if candidate.name in options.only]
    samples, failures = measure_all(options, chosen, management)
    rows = report.rows_of(samples)
    print(f"{report.table(rows)}\n\nMedians of {options.rounds} interleaved rounds of {options.seconds} s.\n")
    print(f"{report.targets(rows, options.connections)}\n\n{report.machine(overview, load)}")
    for name, reason in failures.items():
        print(f"\n**{name} FAILED**: {reason}")
    return 1 if failures or any(row.errors for row in rows.values()) else 0


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
