#!/usr/bin/env python3
"""What it costs a python-socketio server to tell who comes and which rooms live: user and system time of 20,000 connects.

    bench/events.py

Each round starts a server for each candidate: `before`, with the responder of an earlier commit, which knows nothing of events; `unwanted`;
`wanted`; and `members`, where a gateway also wants to hear who joins and leaves. Progress goes to standard error, the report to standard
output. See README.md here.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
try:
    import pika
except ImportError:
    # scripts/setup.sh run fills it.
    if Path(sys.prefix) == VENV or not (VENV / "bin/python").exists():
        sys.exit("bench: pika is missing: run scripts/setup.sh run")
    python = str(VENV / "bin/python")
    os.execv(python, [python, __file__, *sys.argv[1:]])

import candidates  # noqa: E402, F401 # it knows where rabbitmq is
import procfs  # noqa: E402
from rabbitmq import PrivateRabbitMQ  # noqa: E402
from run import say  # noqa: E402

BEFORE = "677809c"
WISHES = {"before": None, "unwanted": None, "wanted": {"members": False}, "members": {"members": True}}
TARGETS = {"unwanted": 1.02, "wanted": 1.10}


class Wish(threading.Thread):
    """A gateway that wants, and reads what it is told; it counts."""

    def __init__(self, url: str, exchange: str, wish: dict):
        super().__init__(daemon=True)
        self._url, self._exchange, self._wish = url, exchange, wish
        self._over = threading.Event()
        self.began = threading.Event()
        self.told = {"rooms": 0, "sockets": 0, "members": 0}

    def run(self):
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        channel.exchange_declare(self._exchange, exchange_type="direct", durable=False, auto_delete=False)
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, self._exchange, "#events")
        channel.basic_consume(queue, self._on_message, auto_ack=True)
        wish = {"uid": "emitter", "type": 21, "data": {"intervalMs": 5000, **self._wish}}
        said = 0.0
        while not self._over.is_set():
            if time.monotonic() - said > 5:
                said = time.monotonic()
                channel.basic_publish(self._exchange, "#events-wanted", json.dumps(wish).encode())
            connection.process_data_events(0.1)
        connection.close()

    def end(self):
        self._over.set()
        self.join()

    def _on_message(self, _channel, _method, _properties, body):
        data = json.loads(body)["data"]
        for name in self.told:
            self.told[name] += len(data.get(name, ()))
        self.began.set()


def package_of(commit: str, folder: Path) -> Path:
    """The responder as it was."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit, "adapters/python"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=archive)
    return folder / "adapters/python"


def measure(candidate: str, package: Path, url: str, connects: int) -> float:
    """CPU seconds."""
    exchange = f"bench.{candidate}.{time.monotonic_ns()}"
    settings = {"package": str(package), "url": url, "exchange": exchange, "connects": connects}
    program = [sys.executable, str(ROOT / "bench/events_server.py"), json.dumps(settings)]
    with contextlib.ExitStack() as stack:
        server = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(server.wait)
        stack.callback(server.kill)
        json.loads(server.stdout.readline())
        wish = None
        if WISHES[candidate] is not None:
            wish = Wish(url, exchange, WISHES[candidate])
            wish.start()
            stack.callback(wish.end)
            if not wish.began.wait(30):
                sys.exit("bench: nothing is told")
        server.stdin.write("\n")
        server.stdin.flush()
        cpu = json.loads(server.stdout.readline())["cpu"]
        if wish is not None:
            check(wish, connects, WISHES[candidate]["members"])
        return cpu


def check(wish: Wish, connects: int, members: bool):
    """All of it has come."""
    rooms = connects + min(connects, 500) + 1
    expected = {"rooms": rooms, "sockets": connects, "members": 3 * connects if members else 0}
    deadline = time.monotonic() + 30
    while wish.told != expected:
        if time.monotonic() > deadline:
            sys.exit(f"bench: {wish.told} was told, not {expected}")
        time.sleep(0.05)


def print_report(found: dict[str, list[float]], connects: int, load: float):
    print("| candidate | CPU µs for a connect | times `before`, pairs | wanted | |\n|---|--:|--:|--:|---|")
    for candidate, seconds in found.items():
        each = median(seconds) / connects * 1e6
        ratios = [mine / before for mine, before in zip(seconds, found["before"])]
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
        target = TARGETS.get(candidate)
        verdict = "" if target is None else "pass" if median(ratios) <= target else "**miss**"
        bound = "" if target is None else f"≤ {target:.2f}"
        print(f"| `{candidate}` | {each:.0f} | {median(ratios):.3f} ({low:.3f}–{high:.3f}) | {bound} | {verdict} |")
    print(f"\n- {connects} connects with three rooms each, {len(found['before'])} rounds; {procfs.cpu_model()}; load average before: {load:.2f}")


def main():
    parser = argparse.ArgumentParser(description="Measure what events cost a python-socketio server.")
    parser.add_argument("--connects", type=int, default=20_000, help="in each run (default 20000)")
    parser.add_argument("--rounds", type=int, default=10, help="of all candidates, in random order (default 10)")
    parser.add_argument("--before", default=BEFORE, help=f"the commit whose responder is `before` (default {BEFORE})")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found: dict[str, list[float]] = {candidate: [] for candidate in WISHES}
    with tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-") as folder, PrivateRabbitMQ(starts_fast=False) as broker:
        before = package_of(options.before, Path(folder))
        for number in range(options.rounds):
            for candidate in random.sample(list(WISHES), len(WISHES)):
                package = before if candidate == "before" else ROOT / "adapters/python"
                seconds = measure(candidate, package, broker.url, options.connects)
                found[candidate].append(seconds)
                say(f"round {number + 1}: {candidate} {seconds / options.connects * 1e6:.0f} µs")
    print_report(found, options.connects, load)


if __name__ == "__main__":
    main()
