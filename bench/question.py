#!/usr/bin/env python3
"""The round trip of a question: the gateway's `GET /v1/counts` beside a bare AMQP request and reply in C, one server.

    bench/question.py --gateway .build/release/socketio-gateway

Progress goes to standard error, the report to standard output. See README.md here.
"""

import argparse
import contextlib
import datetime
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
VENV = HERE.parent / ".venv"
try:
    import pika
except ImportError:
    # scripts/setup.sh run fills it.
    if Path(sys.prefix) == VENV or not (VENV / "bin/python").exists():
        sys.exit("bench: pika is missing: run scripts/setup.sh run")
    python = str(VENV / "bin/python")
    os.execv(python, [python, __file__, *sys.argv[1:]])

import procfs  # noqa: E402
import quiet  # noqa: E402
from asking import AskedGateway, Bare, Server, await_gateway, overheard  # noqa: E402
from candidates import CandidateError  # noqa: E402
from rabbitmq import BrokerError, PrivateRabbitMQ  # noqa: E402
from report import Ratio  # noqa: E402
from run import interrupt, say  # noqa: E402

TARGET = 1.2


@dataclass
class Sample:
    """Microseconds of a round trip in one round; `client` is the requester's own share of the CPU, per question."""

    p50: float
    p99: float
    mean: float
    client: float


def print_report(options: argparse.Namespace, samples: dict[str, list[Sample]], load: float, busy: list[float]):
    """The medians of the rounds, the ratios within each round, and the machine."""
    print("| candidate | p50 µs | p99 µs | mean µs | client CPU µs |\n|---|--:|--:|--:|--:|")
    for name, some in samples.items():
        figures = (median(getattr(sample, figure) for sample in some) for figure in ("p50", "p99", "mean", "client"))
        print(f"| {name} | {' | '.join(f'{figure:.0f}' for figure in figures)} |")
    print(f"\nMedians of {options.rounds} interleaved rounds of {options.seconds} s, in random order.\n")
    print("| target | measured | wanted | |\n|---|--:|--:|---|")
    for figure in ("p50", "mean"):
        ratio = Ratio(figure, samples["gateway"], samples["bare"])
        verdict = "pass" if ratio.median <= TARGET else "**miss**"
        print(f"| {figure} of a round trip, gateway / bare | {ratio} | ≤ {TARGET} | {verdict} |")
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    cores = len(os.sched_getaffinity(0))
    print(f"\n- {date}, {cores} cores of {procfs.cpu_model()}, Linux {platform.release()}")
    print(f"- load average before: {load:.2f}")
    print(f"- busy before a measurement: {median(busy):.0%} of all cores, at worst {max(busy):.0%}")


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-")))
    load = os.getloadavg()[0]
    say("RabbitMQ starts (a private one) …")
    broker = stack.enter_context(PrivateRabbitMQ(starts_fast=False))
    gateway = AskedGateway("gateway", options.gateway.resolve(), broker, logs)
    for candidate in (Server(broker, logs), gateway):
        stack.callback(candidate.stop)
        candidate.start()
    over_http = await_gateway(gateway)
    properties, question = overheard(broker.url, over_http)
    say(f"the question: {question.decode()}")
    askers = [Bare(broker.url, properties, question, logs), over_http]
    samples: dict[str, list[Sample]] = {asker.name: [] for asker in askers}
    busy: list[float] = []
    for number in range(options.rounds):
        for asker in random.sample(askers, len(askers)):
            busy.append(quiet.wait(options.patience))
            answer, figures = asker.measure(options.seconds)
            if not asker.is_right(answer):
                raise CandidateError(f"{asker.name} is answered {answer!r:.500}")
            samples[asker.name].append(Sample(**{name: figures[name] for name in ("p50", "p99", "mean", "client")}))
            say(f"round {number + 1}: {asker.name}: p50 {figures['p50']:.0f} µs, mean {figures['mean']:.0f} µs")
    print_report(options, samples, load, busy)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a question through the gateway beside a bare one.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement (default 2)")
    parser.add_argument("--rounds", type=int, default=10, help="of which medians and quartiles are reported (default 10)")
    parser.add_argument("--patience", type=int, default=30, help="seconds to wait for a quiet machine (default 30)")
    options = parser.parse_args()
    if min(options.seconds, options.rounds) < 1:
        parser.error("--seconds and --rounds are positive")
    if not os.access(options.gateway, os.X_OK):
        parser.error(f"{options.gateway} is not a program")
    return options


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
    except (BrokerError, CandidateError, OSError, subprocess.CalledProcessError, pika.exceptions.AMQPError) as error:
        sys.exit(f"bench: {str(error) or repr(error)}")


if __name__ == "__main__":
    main()
