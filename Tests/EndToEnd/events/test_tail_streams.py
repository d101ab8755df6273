"""GET /v1/tail over real connections: what goes through, slow readers, keys that lose their rights, the end."""

import json
import signal
import socket
from pathlib import Path

import pytest

from harness import Gateway, TailStream, create_key
from harness.patience import PATIENCE, until

STREAMS = "gateway_event_streams"


@pytest.fixture
def gateway(broker, exchange):
    with gateway_at(broker, exchange) as gateway:
        yield gateway


def gateway_at(broker, exchange, **settings):
    return Gateway(broker.url, cluster_exchange=exchange, wire_format="cluster", **{"loops": 2, **settings})


def emit(gateway, headers=None, **members):
    return gateway.post({"event": "e", **members}, headers)


def test_an_emit_is_told_with_its_answer_and_without_its_payload(gateway):
    with TailStream(gateway) as tail:
        answer = emit(gateway, rooms=["room"], data="secret")
        entry = tail.next()
        assert (entry["id"], entry["routed"]) == (answer.json["id"], answer.json["routed"])
        assert entry["requestId"] == answer.headers["X-Request-Id"]
        assert (entry["route"], entry["event"], entry["rooms"]) == ("POST /v1/emit", "e", ["room"])
        assert entry["ms"] > 0 and "payload" not in entry


def test_emits_of_all_loops_come_and_only_those_that_were_asked_for(gateway):
    with TailStream(gateway, room="a:*") as tail, TailStream(gateway, status="4xx", payload="true") as refused:
        for number in range(40):
            emit(gateway, rooms=[f"a:{number}" if number % 2 else "b"])
        assert {tail.next()["rooms"][0] for _ in range(20)} == {f"a:{number}" for number in range(1, 40, 2)}
        assert not tail.has_something(0.2) and not refused.has_something()
        emit(gateway, rooms=["a:1"], unknown=1)
        assert refused.next()["code"] == "invalid_request"


def test_a_reader_that_is_too_slow_is_told_how_much_it_has_missed(broker, exchange):
    with gateway_at(broker, exchange, loops=1) as gateway:
        connection = slow_reader(gateway)
        until(lambda: gateway.metric(STREAMS) == 1, "the stream is open")
        items = [{"event": "e", "rooms": ["r" * 200]} for _ in range(10_000)]
        for _ in range(3):
            assert gateway.batch(items).status == 200
        assert int(Path(f"/proc/{gateway.pid}/statm").read_text().split()[1]) * 4_096 < 150 << 20
        events = read_until(connection, b'"items":10000')
        dropped = sum(data["dropped"] for name, data in events if name == "dropped")
        told = sum(name == "entry" for name, _ in events)
        # What a socket's buffers hold was read in time, beside the 4,096 that the gateway keeps.
        assert dropped > 10_000 and dropped + told == 30_003
        connection.close()
        until(lambda: gateway.metric(STREAMS) == 0, "the stream is over")


def slow_reader(gateway, headers=None):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(PATIENCE)
    connection.connect(gateway.address)
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    connection.sendall(f"GET /v1/tail HTTP/1.0\r\nHost: localhost\r\n{lines}\r\n".encode())
    return connection


def read_until(connection, end):
    """The events up to the one with `end`, or the last that was kept."""
    received = b""
    while not received.endswith(b"\n\n") or end not in received[-600:]:
        piece = connection.recv(1 << 20)
        assert piece, received[-600:]
        received += piece
    blocks = received.partition(b"\r\n\r\n")[2].split(b"\n\n")
    fields = [dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line) for block in blocks]
    return [(block[b"event"].decode(), json.loads(block[b"data"])) for block in fields if b"data" in block]


def test_a_key_that_loses_the_scope_for_payloads_loses_its_stream(broker, exchange, tmp_path):
    file, key = tmp_path / "gateway.yaml", create_key("watcher", "emit", "tail", "tail:payload")
    file.write_text("keys:\n" + key.entry)
    with gateway_at(broker, exchange, config=file, allow_anonymous=None) as gateway:
        with TailStream(gateway, key.header, payload="true") as tail:
            emit(gateway, key.header, data="shown")
            assert tail.next()["payload"] == '["shown"]'
            file.write_text("keys:\n" + key.entry.replace("tail:payload", "rooms:read"))
            gateway.signal(signal.SIGHUP)
            assert tail.next() is None
        with TailStream(gateway, key.header, payload="true") as tail:
            assert tail.status == 403


def test_a_key_that_is_taken_away_frees_its_places_although_nobody_reads(broker, exchange, tmp_path):
    file, key, other = tmp_path / "gateway.yaml", create_key("watcher", "emit", "tail"), create_key("other", "emit")
    file.write_text("keys:\n" + key.entry + other.entry)
    with gateway_at(broker, exchange, config=file, allow_anonymous=None, loops=1) as gateway:
        connections = [slow_reader(gateway, key.header) for _ in range(3)]
        until(lambda: gateway.metric(STREAMS) == 3, "the streams are open")
        for _ in range(2):
            assert gateway.batch([{"event": "e", "rooms": ["r" * 200]}] * 10_000, key.header).status == 200
        file.write_text("keys:\n" + other.entry)
        gateway.signal(signal.SIGHUP)
        until(lambda: gateway.metric(STREAMS) == 0, "the places are free")
        for connection in connections:
            connection.close()


def test_streams_end_when_the_gateway_does(gateway):
    with TailStream(gateway) as tail:
        gateway.signal(signal.SIGTERM)
        assert tail.next() is None and tail.retry == 1000
        assert gateway.wait_for_exit() == 0


def test_clients_that_leave_give_their_places_back(gateway):
    tails = [TailStream(gateway) for _ in range(20)]
    assert gateway.metric(STREAMS) == 20
    for tail in tails:
        tail.close()
    emit(gateway)
    until(lambda: gateway.metric(STREAMS) == 0, "all places are free")
