"""A broker that breaks the rules of AMQP, at any moment, in any way: the gateway lives, says why, and believes nothing untrue."""

import http.client
import json
import struct
import threading
import time
from zlib import crc32

import pytest

from harness import Gateway
from harness.command import run_command
from harness.hostile_broker import HEARTBEAT, STAGES, WAYS, HostileBroker, frame, method, short
from harness.patience import PATIENCE, end_of_patience

SECONDS = 0.6  # for each way at each stage
QUICK = {"close", "channel closed"}


@pytest.fixture(scope="module")
def broker():
    with HostileBroker() as broker:
        yield broker


@pytest.fixture(scope="module")
def gateway(broker):
    settings = {"confirm_timeout": "300ms", "amqp_heartbeat": "1s", "requests_timeout": "300ms"}
    with Gateway(broker.url, wire_format="amqp0", loops=2, **settings) as gateway:
        yield gateway


class Emits:
    """Posts numbered emits on a few connections; every other one asks for a `basic.return`."""

    def __init__(self, gateway, prefix, clients=3):
        self.confirmed = []  # (text, routed)
        self.codes = set()
        self.answered = 0
        self._gateway, self._prefix = gateway, prefix
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, client):
        number = 0
        while not self._stop.is_set():
            number += 1
            text = f"{self._prefix} {client} {number} {'returned' if number % 2 else 'routed'}"
            response = self._gateway.post({"event": "e", "data": text, "rooms": ["r"]})
            with self._lock:
                self.answered += 1
                if response.status == 200:
                    self.confirmed.append((text, response.json["routed"]))
                else:
                    assert response.status in (503, 504), (response.status, response.body)
                    self.codes.add(response.json["code"])
            time.sleep(0.005)


def livez_within(gateway, samples=5):
    """The second slowest of some: the machine has other things to do."""
    times = []
    for _ in range(samples):
        start = time.monotonic()
        connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
        times.append(time.monotonic() - start)
    return sorted(times)[-2]


CASES = [
    pytest.param(stage, way, id=f"{stage}: {way}", marks=[] if way in QUICK else [pytest.mark.slow])
    for stage in STAGES
    for way in WAYS
]


@pytest.mark.parametrize("stage, way", CASES)
def test_it_is_survived_and_nothing_untrue_is_said(broker, gateway, stage, way):
    gateway.wait_until_ready()
    logged = len(gateway.log())
    broker.misbehave(stage, way, seed=crc32(f"{stage} {way}".encode()))
    with Emits(gateway, f"{stage} {way}") as emits:
        deadline = end_of_patience()
        while not broker.misbehaved and time.monotonic() < deadline:
            time.sleep(0.02)
        assert broker.misbehaved, "nobody has come this far"
        time.sleep(SECONDS)
        assert livez_within(gateway) < 1
        acknowledged = set(broker.acknowledged)
    texts = {json.loads(body)["packet"]["data"][1] for body in acknowledged | broker.acknowledged if body.startswith(b'{"packet"')}
    if (stage, way) != ("basic.ack", "mutation"):  # which may well be an ack of something else
        assert {text for text, _ in emits.confirmed} <= texts, "confirmed without an ack"
        if stage != "basic.return":
            assert all(routed == text.endswith("routed") for text, routed in emits.confirmed)
    assert emits.codes <= {"broker_unavailable", "confirm_timeout", "broker_nack", "broker_blocked", "broker_refused"}
    assert emits.answered

    broker.behave()
    gateway.wait_until_ready()
    deadline = end_of_patience()
    while gateway.post({"event": "e", "data": "well again routed", "rooms": ["r"]}).status != 200:
        assert time.monotonic() < deadline, "no service again"
        time.sleep(0.05)
    said = [line for line in gateway.log()[logged:] if line["level"] == "warning"]
    assert any(line["message"] in ("broker unavailable", "broker closed a channel") and line["reason"] for line in said)


def test_nothing_has_leaked(broker, gateway):
    """After all of it."""
    gateway.wait_until_ready()
    before = gateway.metric("process_resident_memory_bytes")
    for round in range(20):
        broker.misbehave(STAGES[round % len(STAGES)], "half", seed=round)
        with Emits(gateway, f"leak {round}"):
            time.sleep(0.2)
    broker.behave()
    gateway.wait_until_ready()
    assert gateway.metric("process_resident_memory_bytes") - before < 20 << 20


def check_connect(broker):
    return run_command("config", "check", "--connect", amqp_url=broker.url, wire_format="amqp0")


def test_a_check_ends_although_the_broker_goes_on_saying_something_else():
    class Babbling(HostileBroker):
        def answer(self, client, stage, data):
            if stage != "tx.rollback-ok":
                return super().answer(client, stage, data)
            while True:
                client.sendall(frame(HEARTBEAT, 0, b""))
                time.sleep(0.2)

    with Babbling() as broker:
        status, output, errors = check_connect(broker)
    assert status == 1 and "connected to RabbitMQ" in output
    assert "timed out: the broker does not answer" in errors


def test_a_check_shows_the_brokers_words_without_what_a_terminal_obeys():
    class Painting(HostileBroker):
        def answer(self, client, stage, data):
            if stage != "tx.rollback-ok":
                return super().answer(client, stage, data)
            words = "NO \x1b[31mRED\x07\r\nsocketio-gateway: emits work\u202e"
            channel = struct.unpack(">H", data[1:3])[0]
            client.sendall(method(channel, 20, 40, struct.pack(">H", 405) + short(words) + bytes(4)))

    with Painting() as broker:
        status, output, errors = check_connect(broker)
    assert status == 1 and "RED" in errors
    assert not set(output + errors) & set("\x1b\x07\r\u202e")
    assert "\nsocketio-gateway: emits work" not in errors
