#!/usr/bin/env python3
"""What a storm costs: sockets of three servers that all leave and come back within seconds, while events are read.

    bench/storm.py --gateway .build/release/socketio-gateway

The servers are simulated, and say what docs/cluster-protocol.md has them say. Emits go on one connection, one after the other, in turn
with publications by AMQP alone: what those wait longer in the storm, the broker and the machine make everybody wait. Progress goes to
standard error, the report to standard output. See README.md here.
"""

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

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
from asking import EXCHANGE, connect  # noqa: E402
from candidates import Gateway, compact  # noqa: E402
from rabbitmq import PrivateRabbitMQ, die_with_parent  # noqa: E402
from run import say  # noqa: E402

SERVERS = 3
TEAMS = 500
BATCH = 0.1  # seconds
AWAY = 0.5  # seconds that a socket is away
PREPARATION = 4  # seconds that servers have to make what they tell in a storm
TARGET = 2.0


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def with_quartiles(ratios: list[float]) -> str:
    """The median, with the quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


class SimulatedServer:
    """Has sockets, each in three rooms: one of its own, one of a team, and one of all."""

    def __init__(self, url: str, uid: str, sockets: int):
        self._uid, self._sockets = uid, sockets
        self._connection, self._channel = connect(url)
        self._seq = 0
        self._is_wanted = False
        self._here = [True] * sockets
        self._generation = 0

    def run(self):
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        for key in ("/", "#discover", "#events-wanted", f"#server#{self._uid}"):
            self._channel.queue_bind(queue, EXCHANGE, key)
        self._channel.basic_consume(queue, self._take, auto_ack=True)
        threading.Thread(target=self._obey, daemon=True).start()
        self._beat()
        self._channel.start_consuming()

    def _obey(self):
        """Each line of standard input is a storm of so many seconds."""
        for line in sys.stdin:
            seconds = float(line)
            self._connection.add_callback_threadsafe(lambda seconds=seconds: self._storm(seconds))

    def _say(self, key: str, message: dict):
        self._channel.basic_publish(EXCHANGE, key, compact({"uid": self._uid, **message}).encode())

    def _beat(self):
        probe = {"features": ["acks", "numbers", "events"], "probe": f"#server#{self._uid}", "namespaces": ["/"]}
        self._say("#presence", {"type": 2, "intervalMs": 5000, "mode": "static", **probe})
        self._connection.call_later(5, self._beat)

    def _take(self, _channel, method, properties, body):
        if method.routing_key == "#discover":
            return self._say("#presence", {"type": 1})
        message = json.loads(body)
        if message["type"] == 21 and not self._is_wanted:
            self._is_wanted = True
            self._tell(self._news({}))
        if message["type"] == 7 and "list" in message["data"]:
            self._list(message["data"], properties)
        return None

    def _list(self, question: dict, properties):
        rooms = sorted({room for number in range(self._sockets) for room in self._rooms(number) if self._here[number]})
        after, limit = question["list"].get("after", ""), question["list"]["limit"]
        page = [[room, 1] for room in rooms if room > after][:limit]
        data = {"requestId": question["requestId"], "sockets": [], "count": 1, "rooms": page, "seq": self._seq}
        correlation = pika.BasicProperties(correlation_id=properties.correlation_id)
        answer = compact({"uid": self._uid, "nsp": "/", "type": 8, "data": data}).encode()
        self._channel.basic_publish("", properties.reply_to, answer, correlation)

    def _rooms(self, number: int) -> list[str]:
        return [f"user:{self._uid}:{number}", f"team:{number % TEAMS}", "all"]

    def _news(self, data: dict) -> bytes:
        self._seq += 1
        return compact({"uid": self._uid, "nsp": "/", "type": 20, "data": {"seq": self._seq, **data}}).encode()

    def _tell(self, *news: bytes):
        for one in news:
            self._channel.basic_publish(EXCHANGE, "#events", one)

    def _storm(self, seconds: float):
        """All sockets leave, evenly, and are back after a moment. Servers count their tenths of a second each by itself. All that is
        told is made before: real servers run on other machines, and the work of these is not what is measured."""
        self._generation += 1
        phase = int(self._uid.removeprefix("s")) * BATCH / SERVERS
        steps = int(seconds / BATCH)
        shares = [range(step * self._sockets // steps, (step + 1) * self._sockets // steps) for step in range(steps)]
        away = round(AWAY / BATCH)
        turns = []
        for turn in range(steps + away):
            left = self._change(shares[turn], False) if turn < steps else []
            turns.append([*left, *(self._change(shares[turn - away], True) if turn >= away else [])])
        for turn, news in enumerate(turns):
            self._connection.call_later(PREPARATION + phase + turn * BATCH, lambda news=news: self._tell(*news))

    def _change(self, numbers: range, is_here: bool) -> list[bytes]:
        sign = "+" if is_here else "-"
        news = []
        for start in range(numbers.start, numbers.stop, 250):
            rooms, sockets = [], []
            for number in range(start, min(start + 250, numbers.stop)):
                self._here[number] = is_here
                rooms.append([sign, self._rooms(number)[0]])
                generation = self._generation - (not is_here)
                sockets.append([sign, f"{self._uid}-{generation}-{number}", *(() if is_here else ("ping timeout",))])
            news.append(self._news({"rooms": rooms, "sockets": sockets}))
        return news


class StormGateway(Gateway):
    """With the events of the servers."""

    def environment(self):
        return {**super().environment(), "GATEWAY_WIRE_FORMAT": "cluster"}


class Reader:
    """Reads the stream of events in a process of its own."""

    def __init__(self, port: int, folder: Path):
        self._file = folder / "events"
        with open(self._file, "wb") as file:
            command = ["curl", "--silent", "--no-buffer", f"http://127.0.0.1:{port}/v1/events"]
            self._process = subprocess.Popen(command, stdout=file, preexec_fn=die_with_parent)

    def counts(self) -> dict[str, int]:
        """How many events of each type have come."""
        assert self._process.poll() is None, f"the stream has ended: {self._process.returncode} {self._file.read_bytes()[-600:]!r}"
        counts: dict[str, int] = {}
        for line in self._file.read_bytes().splitlines():
            if line.startswith(b"event: "):
                name = line[7:].decode()
                counts[name] = counts.get(name, 0) + 1
        return counts

    def stop(self):
        self._process.kill()
        self._process.wait()


class Emits:
    """Emits through the gateway, and publications that the broker confirms, in turn."""

    def __init__(self, gateway: Gateway, url: str, pause: float):
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        self._headers = {"Authorization": gateway.authorization, "Content-Type": "application/json"}
        self._body = json.dumps({"event": "tick", "args": [1], "rooms": ["team:1"]})
        self._broker, self._channel = connect(url)
        self._channel.confirm_delivery()
        self._pause = pause

    def run(self, seconds: float) -> tuple[list[float], list[float]]:
        """Milliseconds of each: the gateway's, and those of AMQP alone."""
        found = ([], [])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for once, latencies in zip((self._emit, self._publish), found, strict=True):
                began = time.monotonic()
                once()
                latencies.append((time.monotonic() - began) * 1000)
                time.sleep(self._pause)
        return found

    def _emit(self):
        self._connection.request("POST", "/v1/emit", self._body, self._headers)
        response = self._connection.getresponse()
        response.read()
        assert response.status == 200, response.status

    def _publish(self):
        self._channel.basic_publish(EXCHANGE, "team:1", self._body.encode())

    def close(self):
        self._connection.close()
        self._broker.close()


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-bench-")))
    load = os.getloadavg()[0]
    broker = stack.enter_context(PrivateRabbitMQ(starts_fast=False))
    gateway = StormGateway("gateway", options.gateway.resolve(), broker, logs)
    stack.callback(gateway.stop)
    gateway.start()
    servers = []
    for number in range(SERVERS):
        command = [sys.executable, __file__, "--serve", broker.url, f"s{number}", str(options.sockets // SERVERS)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        stack.callback(server.kill)
        servers.append(server)
    while gateway._post() is None:
        gateway.check()
        time.sleep(0.1)
    pids = procfs.family(gateway.pid)
    empty = procfs.resident_bytes(pids)
    reader = Reader(gateway.port, logs)
    stack.callback(reader.stop)
    end = time.monotonic() + 60
    while not reader.counts().get("sync"):
        assert time.monotonic() < end, "the servers' rooms are not known after a minute"
        time.sleep(0.1)
    say(f"{options.sockets:,} sockets are known; emits begin …")
    emits = Emits(gateway, broker.url, options.pause)
    stack.callback(emits.close)
    emits.run(2)
    rows, bare = [], []
    # The first storm is not counted: in it tables grow to the size that they keep.
    for number in range(options.rounds + 1):
        memory = procfs.resident_bytes(pids)
        before, bare_before = emits.run(options.seconds)
        counts = reader.counts()
        for server in servers:
            server.stdin.write(f"{options.seconds}\n")
            server.stdin.flush()
        time.sleep(PREPARATION)
        storm, bare_storm = emits.run(options.seconds + 1)
        time.sleep(5)
        told = {name: count - counts.get(name, 0) for name, count in reader.counts().items()}
        after = procfs.resident_bytes(pids)
        row = (percentile(before, 0.99), percentile(storm, 0.99), memory, after, told)
        alone = (percentile(bare_before, 0.99), percentile(bare_storm, 0.99))
        figures = f"p99 before {row[0]:.2f} ms, in the storm {row[1]:.2f} ms; by AMQP alone {alone[0]:.2f} and {alone[1]:.2f} ms"
        say(f"{figures}; told {told}" if number else f"to warm up: {figures}")
        if number:
            rows.append(row)
            bare.append(alone)
    print("| p99 before, ms | p99 in the storm, ms | ratio | memory before, MiB | after | told |")
    print("|--:|--:|--:|--:|--:|---|")
    for before, storm, memory, after, told in rows:
        names = ", ".join(f"{count:,} {name}" for name, count in sorted(told.items()) if count)
        print(f"| {before:.2f} | {storm:.2f} | {storm / before:.2f} | {memory / 2**20:.1f} | {after / 2**20:.1f} | {names} |")
    ratios = [storm / before for before, storm, *_ in rows]
    verdict = "pass" if statistics.median(ratios) <= TARGET else "**miss**"
    print(f"\np99 in the storm / before: {with_quartiles(ratios)} (at most {TARGET}): {verdict}")
    figures = ", ".join(f"{before:.2f} and {storm:.2f} ms" for before, storm in bare)
    print(f"The same by AMQP alone: {with_quartiles([storm / before for before, storm in bare])} ({figures}).")
    print(f"Memory without sockets: {empty / 2**20:.1f} MiB. Load average before: {load:.2f}.")
    return 0


def main():
    if sys.argv[1:2] == ["--serve"]:
        return SimulatedServer(sys.argv[2], sys.argv[3], int(sys.argv[4])).run()
    parser = argparse.ArgumentParser(description="Measure emits while all sockets of three servers come again.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--sockets", type=int, default=50_000, help="of all servers (default 50,000)")
    parser.add_argument("--seconds", type=int, default=10, help="of the storm (default 10)")
    parser.add_argument("--rounds", type=int, default=10, help="storms that count (default 10)")
    parser.add_argument("--pause", type=float, default=0.002, help="seconds between two emits (default 0.002)")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        return sys.exit(run(options, stack))


if __name__ == "__main__":
    main()
