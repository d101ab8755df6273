#!/usr/bin/env python3
"""The round trip of a question: the gateway's `GET /v1/counts` beside a bare AMQP request and reply, one server.

    bench/question.py --gateway .build/release/socketio-gateway

Progress goes to standard error, the report to standard output. See README.md here.
"""

import argparse
import contextlib
import datetime
import http.client
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median

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
from asking import AskedGateway, Bare, Server, await_gateway, overheard  # noqa: E402
from candidates import CandidateError  # noqa: E402
from rabbitmq import BrokerError, PrivateRabbitMQ  # noqa: E402
from run import interrupt, say  # noqa: E402

TARGET = 1.5


def measure(asker, seconds: float) -> dict[str, float]:
    """One question after the other. The times are in microseconds; `client` is this process's own share of the CPU."""
    times, errors = [], 0
    cpu, end = 0.0, time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        before = time.process_time()
        answer = asker.ask()
        times.append((time.perf_counter() - start) * 1e6)
        cpu += time.process_time() - before
        errors += not asker.is_right(answer)
    return {"p50": median(times), "mean": fmean(times), "client": cpu * 1e6 / len(times), "errors": errors}


def print_report(options: argparse.Namespace, samples: dict[str, list[dict]], load: float):
    """The medians of the rounds, the ratios, and the machine."""
    rows = {name: {key: median(s[key] for s in some) for key in some[0]} for name, some in samples.items()}
    print("| candidate | p50 µs | mean µs | client CPU µs | errors |\n|---|--:|--:|--:|--:|")
    for name, row in rows.items():
        errors = sum(sample["errors"] for sample in samples[name])
        print(f"| {name} | {row['p50']:.0f} | {row['mean']:.0f} | {row['client']:.0f} | {errors} |")
    print(f"\nMedians of {options.rounds} interleaved rounds of {options.seconds} s.\n")
    print("| target | measured | wanted | |\n|---|--:|--:|---|")
    for key in ("p50", "mean"):
        ratio = rows["gateway"][key] / rows["bare"][key]
        verdict = "pass" if ratio <= TARGET else "**miss**"
        print(f"| {key} of a round trip, gateway / bare | {ratio:.2f} | ≤ {TARGET} | {verdict} |")
    gateway, bare = (rows[name]["mean"] - rows[name]["client"] for name in ("gateway", "bare"))
    print(f"| mean without the clients' own CPU time, gateway / bare | {gateway / bare:.2f} | – | for comparison |")
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    cores = len(os.sched_getaffinity(0))
    print(f"\n- {date}, {cores} cores of {procfs.cpu_model()}, Linux {platform.release()}")
    print(f"- load average before: {load:.2f}\n- Python {platform.python_version()}, pika {pika.__version__}")


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-")))
    load = os.getloadavg()[0]
    say("RabbitMQ starts (a private one) …")
    broker = stack.enter_context(PrivateRabbitMQ())
    gateway = AskedGateway("gateway", options.gateway.resolve(), broker, logs)
    for candidate in (Server(broker, logs), gateway):
        stack.callback(candidate.stop)
        candidate.start()
    over_http = await_gateway(gateway)
    properties, question = overheard(broker.url, over_http)
    say(f"the question: {question.decode()}")
    bare = Bare(broker.url, properties, question)
    samples: dict[str, list[dict]] = {bare.name: [], over_http.name: []}
    for number in range(options.rounds):
        for asker in (bare, over_http):
            if not asker.is_right(answer := asker.ask()):
                raise CandidateError(f"{asker.name} is answered {answer!r:.500}")
            measure(asker, min(1, options.seconds))  # warm-up
            sample = measure(asker, options.seconds)
            samples[asker.name].append(sample)
            say(f"round {number + 1}: {asker.name}: p50 {sample['p50']:.0f} µs, mean {sample['mean']:.0f} µs")
    print_report(options, samples, load)
    return 1 if any(sample["errors"] for some in samples.values() for sample in some) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a question through the gateway beside a bare one.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are reported (default 3)")
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
        with contextlib.ExitStack() as stack:
            sys.exit(run(options, stack))
    except KeyboardInterrupt:
        sys.exit(130)
    except (BrokerError, CandidateError, OSError, http.client.HTTPException, pika.exceptions.AMQPError) as error:
        sys.exit(f"bench: {str(error) or repr(error)}")


if __name__ == "__main__":
    main()
