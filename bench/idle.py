#!/usr/bin/env python3
"""What the gateway takes while nobody wants anything: memory, memory of a kept connection, and the time until it is ready.

    bench/idle.py --gateway .build/release/socketio-gateway

Progress goes to standard error, the report to standard output. See README.md here.
"""

import argparse
import contextlib
import datetime
import http.client
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import procfs
import quiet
from broker import Management
from candidates import ROOM, CandidateError, Gateway
from rabbitmq import BrokerError, PrivateRabbitMQ
from run import interrupt, say

CONNECTIONS = 1_000
SETTLED = 2  # seconds after which a process is idle
HEADS = {"default": None, "8 KiB": "8KiB"}  # http.headBytes
TARGETS = {
    "RSS, idle": (20, "MiB"),
    "an idle kept connection, default": (13, "KiB"),
    "an idle kept connection, http.headBytes 8 KiB": (9, "KiB"),
    "from exec until ready": (30, "ms"),
}


class Idle(Gateway):
    """The gateway with this `http.headBytes`."""

    def __init__(self, head_bytes: str | None, *arguments):
        super().__init__("idle", *arguments)
        self._head_bytes = head_bytes

    def environment(self):
        return {**super().environment(), **({"GATEWAY_HEAD_BYTES": self._head_bytes} if self._head_bytes else {})}

    def seconds_until_ready(self) -> float:
        """Starts it. `start` returns when the program has been executed."""
        self.start()
        start = time.perf_counter()
        while not self._is_ready():
            self.check()
            if time.perf_counter() > start + 20:
                raise CandidateError("the gateway does not become ready")
            time.sleep(0.0005)
        return time.perf_counter() - start

    def resident(self) -> int:
        return procfs.resident_bytes(procfs.family(self.pid))

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    def keep_connections(self, count: int, stack: contextlib.ExitStack):
        """Each of them has had an emit, and stays until the stack ends."""
        for _ in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            stack.callback(connection.close)
            connection.request("POST", self.path, self.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise CandidateError(f"the gateway answers {response.status}")


def memory_of(gateway: Idle) -> tuple[float, float]:
    """MiB without connections, and KiB for each kept one, in a process of its own."""
    try:
        gateway.seconds_until_ready()
        time.sleep(SETTLED)
        idle = gateway.resident()
        with contextlib.ExitStack() as stack:
            # What the first ones cost is not theirs.
            gateway.keep_connections(20, stack)
        time.sleep(SETTLED)
        before = gateway.resident()
        with contextlib.ExitStack() as stack:
            gateway.keep_connections(CONNECTIONS, stack)
            time.sleep(SETTLED)
            grown = gateway.resident() - before
        return idle / 2**20, grown / 2**10 / CONNECTIONS
    finally:
        gateway.stop()


def milliseconds_until_ready(gateway: Idle) -> float:
    try:
        return gateway.seconds_until_ready() * 1e3
    finally:
        gateway.stop()


def print_report(found: dict[str, list[float]], load: float, busy: list[float]):
    print("| target | median | least | most | wanted | |\n|---|--:|--:|--:|--:|---|")
    for name, (bound, unit) in TARGETS.items():
        value, least, most = (f(found[name]) for f in (median, min, max))
        verdict = "pass" if value <= bound else "**miss**"
        print(f"| {name} | {value:.1f} {unit} | {least:.1f} | {most:.1f} | ≤ {bound} {unit} | {verdict} |")
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    cores = len(os.sched_getaffinity(0))
    print(f"\n- {date}, {cores} cores of {procfs.cpu_model()}, Linux {platform.release()}")
    print(f"- load average before: {load:.2f}")
    print(f"- busy before a start: {median(busy):.0%} of all cores, at worst {max(busy):.0%}")


def run(options: argparse.Namespace, stack: contextlib.ExitStack):
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-")))
    load = os.getloadavg()[0]
    broker = PrivateRabbitMQ(plugins=["rabbitmq_management"], starts_fast=False)
    stack.callback(broker.stop)
    say("RabbitMQ starts (a private one) …")
    broker.start()
    management = Management(broker.management_port)
    management.wait()
    management.declare(ROOM)
    gateways = {head: Idle(size, options.gateway.resolve(), broker, logs) for head, size in HEADS.items()}
    found: dict[str, list[float]] = {name: [] for name in TARGETS}
    rss, default, small, ready = found.values()
    busy: list[float] = []
    for number in range(options.rounds):
        for head, connections in (("default", default), ("8 KiB", small)):
            idle, each = memory_of(gateways[head])
            rss.append(idle)
            connections.append(each)
            say(f"round {number + 1}: {idle:.1f} MiB, {each:.1f} KiB for a connection with heads of {head}")
    for _ in range(options.starts):
        busy.append(quiet.wait(options.patience))
        ready.append(milliseconds_until_ready(gateways["default"]))
        say(f"ready after {ready[-1]:.1f} ms")
    print_report(found, load, busy)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what an idle gateway takes.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--rounds", type=int, default=3, help="of memory, with both sizes of heads (default 3)")
    parser.add_argument("--starts", type=int, default=10, help="of which the median is reported (default 10)")
    parser.add_argument("--patience", type=int, default=30, help="seconds to wait for a quiet machine before a start (default 30)")
    options = parser.parse_args()
    if min(options.rounds, options.starts) < 1:
        parser.error("--rounds and --starts are positive")
    if not os.access(options.gateway, os.X_OK):
        parser.error(f"{options.gateway} is not a program")
    return options


def main():
    options = parse_arguments()
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, most), most))
    try:
        with contextlib.ExitStack() as stack:
            run(options, stack)
    except KeyboardInterrupt:
        sys.exit(130)
    except (BrokerError, CandidateError, OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {str(error) or repr(error)}")


if __name__ == "__main__":
    main()
