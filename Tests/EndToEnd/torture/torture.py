#!/usr/bin/env python3
"""Emits in all forms while everything breaks: what the gateways say of each must be true.

    .venv/bin/python Tests/EndToEnd/torture/torture.py --seconds 450

Two gateways, one for each wire format that has `routed`, each with a proxy to the one broker and many clients. At the end all answers
are compared with all messages: see verdict.py. Figures go to standard output; the exit code is 1 if something was untrue.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pika  # noqa: E402
import verdict  # noqa: E402
import witness  # noqa: E402

from emits import AMQP0, AMQP0_EXCHANGE, CLUSTER, CLUSTER_EXCHANGE, HOOK, ROUTED  # noqa: E402
from faults import GATEWAY_USER, Faults  # noqa: E402
from harness import ClusterServer, DisturbingProxy, Gateway, PrivateRabbitMQ, die_with_parent, hook_entry  # noqa: E402

THREADS = 12  # clients of each gateway
CALM = 3  # seconds without faults at the end


class TorturedGateway:
    """A gateway behind its own proxy, and the process of its clients; it may end and start again."""

    def __init__(self, stage, wire_format, seed):
        self.proxy = DisturbingProxy(stage.broker.url.replace("guest:guest", f"{GATEWAY_USER}:secret"), seed)
        self.process = None
        self._address_file = stage.folder / f"{wire_format}.address"
        self._output = stage.folder / f"{wire_format}.jsonl"
        self._wire_format, self._seed = wire_format, seed
        self._settings = {
            "amqp0_exchange": AMQP0_EXCHANGE, "cluster_exchange": CLUSTER_EXCHANGE, "config": stage.configuration, "loops": 2,
            "confirm_timeout": "1s", "requests_timeout": "1s", "wire_format": wire_format,
        }
        self._clients = None

    def start(self):
        self.process = Gateway(self.proxy.url, **self._settings).start(ready=False)
        beside = self._address_file.with_suffix(".new")
        beside.write_text("{}:{}".format(*self.process.address))
        beside.rename(self._address_file)

    def stop(self):
        self._address_file.unlink()
        self.process.stop()

    def kill(self):
        self.process.kill()
        self._address_file.unlink()

    def start_clients(self):
        words = [self._address_file, self._wire_format, THREADS, (self._seed + 1) * 1_000_000_000, self._seed, self._output]
        command = [sys.executable, HERE / "clients.py", *map(str, words)]
        self._clients = subprocess.Popen(command, preexec_fn=die_with_parent)

    def stop_clients(self):
        self._clients.terminate()
        assert self._clients.wait(60) == 0, "a client has met what must not be; see above"

    def said(self):
        with open(self._output) as lines:
            return [verdict.Said(*json.loads(line)) for line in lines]

    def close(self):
        if self._clients is not None and self._clients.poll() is None:
            self._clients.kill()
            self._clients.wait()
        self.proxy.close()
        if self.process is not None:
            self.process.kill()


class Stage:
    """The broker, the servers' side of it, and the gateways."""

    queue = witness.QUEUE

    def __init__(self, stack, seed):
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-")))
        self.configuration = self.folder / "gateway.yaml"
        hook = hook_entry(HOOK, args=["{/data}"], deliveryId="{/id}")
        events = {"args": ["{/data}"]}
        self.configuration.write_text(json.dumps({"hooks": [hook], "cloudEvents": events, "log": {"level": "info"}}))
        self.broker = stack.enter_context(PrivateRabbitMQ())
        self.broker.ctl("add_user", GATEWAY_USER, "secret")
        self.broker.ctl("set_permissions", GATEWAY_USER, ".*", ".*", ".*")
        with self.channel() as channel:
            self.declare(channel)
        # While the witness takes everything. Without it nobody else may, or what is routed need not have come to it.
        self.is_steady = threading.Event()
        self.is_steady.set()
        self._is_over = False
        threading.Thread(target=self._serve, daemon=True).start()
        self.gateways = []
        for number, wire_format in enumerate((AMQP0, CLUSTER)):
            self.gateways.append(TorturedGateway(self, wire_format, 2 * seed + number))
            stack.callback(self.gateways[-1].close)
        stack.callback(self._end)
        for gateway in self.gateways:
            gateway.start()

    declare = staticmethod(witness.declare)

    @contextmanager
    def channel(self):
        connection = witness.open_connection(self.broker.url)
        try:
            yield connection.channel()
        finally:
            connection.close()

    def broker_restarts(self, end):
        """`end` is the way in which it ends."""
        self.is_steady.clear()
        end()
        self.broker.start(timeout=120)
        deadline = time.monotonic() + 30
        while True:
            try:
                with self.channel() as channel:
                    self.declare(channel)
                return self.is_steady.set()
            except pika.exceptions.AMQPError:
                # It speaks AMQP a little before its virtual host is there.
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def arrived(self):
        connection = witness.open_connection(self.broker.url)
        try:
            return witness.messages(connection)
        finally:
            connection.close()

    def _end(self):
        self._is_over = True

    def _serve(self):
        """A server whose clients acknowledge; there is a new one as soon as its connection is lost."""
        while self.is_steady.wait() and not self._is_over:
            try:
                server = ClusterServer(self.broker.url, {"socket": {"a", "b", "c"}}, exchange=CLUSTER_EXCHANGE)
                server.wait()
            except (pika.exceptions.AMQPError, OSError):
                pass
            time.sleep(0.2)


@dataclass
class Report:
    said: list
    arrived: int
    untruths: list
    faults: Counter
    flipped: int
    seconds: float

    def count(self, outcome):
        return sum(each.outcome == outcome for each in self.said)

    def __str__(self):
        by_form = defaultdict(Counter)
        for each in self.said:
            by_form[each.form][each.outcome] += 1
            by_form["all"][each.outcome] += 1
        outcomes = sorted(by_form["all"], key=by_form["all"].get, reverse=True)
        lines = [" ".join(["form".ljust(28), *(outcome.rjust(10) for outcome in outcomes)])]
        for form, counts in sorted(by_form.items(), key=lambda item: -item[1].total()):
            lines.append(" ".join([form.ljust(28), *(f"{counts[outcome]:10,}" for outcome in outcomes)]))
        codes = Counter(each.code for each in self.said if each.code)
        lines.append("\nproblems: " + ", ".join(f"{code} {count:,}" for code, count in codes.most_common()))
        lines.append("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items())))
        lines[-1] += f"; {self.flipped} bits were turned over"
        lines.append(f"{self.arrived:,} messages have arrived in {self.seconds:.0f} s; {len(self.untruths)} untruths")
        return "\n".join(lines + [f"  {untruth}" for untruth in self.untruths[:20]])


def torture(seconds, seed=1):
    """Emits and faults for so many seconds; what came of it."""
    began = time.monotonic()
    with ExitStack() as stack:
        stage = Stage(stack, seed)
        for gateway in stage.gateways:
            gateway.process.wait_until_ready(30)
            gateway.start_clients()
        faults = Faults(stage, seed)
        faults.go_on(seconds)
        for gateway in stage.gateways:
            gateway.process.wait_until_ready(30)
        time.sleep(CALM)
        for gateway in stage.gateways:
            gateway.stop_clients()
        # What was under way on a connection that is gone may still be on its way from the broker's socket to its queues.
        time.sleep(1)
        said = [each for gateway in stage.gateways for each in gateway.said()]
        arrived = stage.arrived()
        for gateway in stage.gateways:
            gateway.process.wait_until_unused()
            gateway.stop()
        flipped = sum(gateway.proxy.flipped for gateway in stage.gateways)
    untruths = verdict.untruths(said, arrived, faults.unsteady)
    return Report(said, len(arrived), untruths, Counter(faults.counts), flipped, time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser(description="Emit in all forms while everything breaks.")
    parser.add_argument("--seconds", type=int, default=450, help="of faults (default 450); their comparison takes a minute more")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of the faults and the emits")
    options = parser.parse_args()
    print(f"{options.seconds} seconds, seed {options.seed}", flush=True)
    report = torture(options.seconds, options.seed)
    print(report)
    sys.exit(1 if report.untruths or not report.count(ROUTED) else 0)


if __name__ == "__main__":
    main()
