"""Requests of all kinds, clients that leave, reloads and a broker that restarts, all at once: nothing grows, and it stops at once."""

import http.client
import json
import os
import random
import signal
import socket
import threading
import time

import pytest

from harness import Gateway, PrivateRabbitMQ
from harness.patience import PATIENCE

KEY = "k" * 32
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
EXCHANGE = "test.soak"


def resources(pid):
    """Resident memory in KiB, descriptors and threads."""
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    return int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])


class Callers:
    def __init__(self, address, count, seed):
        self.answers = {}
        self._address = address
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(random.Random(seed + n),)) for n in range(count)]

    def _run(self, dice):
        connection = None
        while not self._stopped.is_set():
            try:
                kind = dice.randrange(12)
                if kind == 0:
                    self._leave(dice)
                    continue
                connection = connection or http.client.HTTPConnection(*self._address, timeout=PATIENCE)
                status = self._call(connection, kind, dice)
                self.answers[status] = self.answers.get(status, 0) + 1
                if dice.randrange(20) == 0:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException):
                connection = None
            time.sleep(dice.random() * 0.02)

    def _call(self, connection, kind, dice):
        emit = {"event": "e", "data": "x" * dice.randrange(2_000), "rooms": ["room"]}
        match kind:
            case 1:
                connection.request("GET", "/metrics")
            case 2:
                connection.request("POST", "/v1/batch", json.dumps({"items": [emit] * dice.randrange(1, 50)}), HEADERS)
            case 3:
                connection.request("POST", "/v1/emit", b" " * 200_000, {"Content-Type": "application/json"})
            case 4:
                connection.request("POST", "/v1/emit", (b"x" for _ in range(3)), HEADERS, encode_chunked=True)
            case 5:
                connection.request("GET", "/v1/rooms?timeoutMs=200", headers=HEADERS)
            case 6:
                connection.request("GET", "/nothing")
            case 7:
                connection.request("POST", "/v1/emit", json.dumps(emit), {**HEADERS, "Idempotency-Key": str(dice.random())})
            case _:
                connection.request("POST", "/v1/emit", json.dumps(emit), HEADERS)
        response = connection.getresponse()
        response.read()
        return response.status

    def _leave(self, dice):
        with socket.create_connection(self._address, timeout=PATIENCE) as connection:
            whole = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
            connection.sendall(whole[: dice.randrange(len(whole))])

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def soak(tmp_path, seconds, seed=1):
    path = tmp_path / "gateway.yaml"
    with PrivateRabbitMQ() as broker:
        settings = {"wire_format": "amqp0", "amqp0_exchange": EXCHANGE, "api_key": KEY, "config": path, "max_body_bytes": 100_000}
        path.write_text("log: {level: info}\n")
        gateway = Gateway(broker.url, loops=2, **settings).start(ready=True)
        try:
            with Callers(gateway.address, 16, seed) as callers:
                start = time.monotonic()
                time.sleep(seconds * 0.3)
                early = resources(gateway.pid)
                for round in range(3):
                    path.write_text(f"log: {{level: {'error' if round % 2 else 'info'}}}\n")
                    gateway.signal(signal.SIGHUP)
                    time.sleep(seconds * 0.1)
                broker.restart()
                while time.monotonic() - start < seconds:
                    time.sleep(0.2)
            time.sleep(2)
            late = resources(gateway.pid)
            assert callers.answers[200] > 100 and callers.answers[401] > 5 and callers.answers[404] > 5, callers.answers
            assert gateway.get("/livez").status == 200
            gateway.wait_until_unused()
            # Kept connections are closed by then: fewer descriptors, not more.
            assert late[1] <= early[1] and late[2] <= early[2] + 1, (early, late)
            assert late[0] < early[0] * 1.2 + 8_192, (early, late)
            stopping = time.monotonic()
            gateway.stop()
            assert time.monotonic() - stopping < 1
        finally:
            gateway.kill()


@pytest.mark.slow
def test_four_minutes_leave_nothing_behind(tmp_path):
    soak(tmp_path, 240)
