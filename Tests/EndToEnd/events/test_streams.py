"""Answers that go on: clients that leave or read slowly, old protocols, the end of the gateway."""

import http.client
import signal
import socket
import time
from pathlib import Path

import pytest

from harness import EventStream, Gateway, Heartbeats
from harness.patience import PATIENCE, until

HEAD = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
OPENING = b"id: "


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with gateway_at(broker, exchange) as gateway:
        yield gateway


@pytest.fixture
def servers(broker, exchange):
    with Heartbeats(broker.url, exchange) as servers:
        yield servers


def gateway_at(broker, exchange, **settings):
    return Gateway(broker.url, cluster_exchange=exchange, wire_format="cluster", **{"loops": 1, **settings})


def opened(gateway, head=HEAD):
    """A raw connection whose stream has begun, and what has come."""
    connection = socket.create_connection(gateway.address, timeout=PATIENCE)
    connection.sendall(head)
    return connection, received_until(connection, OPENING)


def received_until(connection, end):
    received = b""
    while end not in received:
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    return received


def all_received(connection):
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


def becomes(gateway, metric, value):
    until(lambda: gateway.metric(metric) == value, f"{metric} is {value}")


@pytest.mark.parametrize("behind", [b"", HEAD], ids=["", "another request behind it"])
@pytest.mark.parametrize("how", ["closes", "half-closes", "resets"])
def test_one_whose_client_leaves_ends_at_once(gateway, how, behind):
    connections = [opened(gateway, HEAD + behind)[0] for _ in range(10)]
    becomes(gateway, "gateway_event_streams", 10)
    for connection in connections:
        if how == "half-closes":
            connection.shutdown(socket.SHUT_WR)
            continue
        if how == "resets":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    becomes(gateway, "gateway_event_streams", 0)
    becomes(gateway, "gateway_http_connections", 1)
    for connection in connections:
        if how == "half-closes":
            all_received(connection)
        connection.close()


def test_clients_that_leave_before_their_stream_has_begun_leave_nothing(gateway):
    for _ in range(50):
        with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
            connection.sendall(HEAD)
    becomes(gateway, "gateway_event_streams", 0)
    becomes(gateway, "gateway_http_connections", 1)


def test_http_1_0_has_no_chunks_and_ends_by_the_connections_end(broker, exchange, servers):
    with gateway_at(broker, exchange) as gateway:
        connection, received = opened(gateway, HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"))
        with connection:
            servers.up("one.zero")
            received += received_until(connection, b'"one.zero"')
            servers.lost("one.zero")
            gateway.signal(signal.SIGTERM)
            received += all_received(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"chunked" not in head and b"Content-Length" not in head
        assert body.startswith(b"retry: 3000\nid: ") and body.endswith(b"retry: 1000\n\n") and b"\r" not in body
        assert gateway.wait_for_exit() == 0


def test_the_connection_goes_on_behind_a_stream(broker, exchange, tmp_path):
    """A stream is ended, in order, by a reload that takes its key away."""
    key = tmp_path / "key"
    key.write_text("first")
    with gateway_at(broker, exchange, allow_anonymous=None, api_key_file=key) as gateway:
        with EventStream(gateway, {"X-API-Key": "first"}) as stream:
            key.write_text("second")
            gateway.signal(signal.SIGHUP)
            assert stream.rest() == []
            for _ in range(3):
                stream.connection.request("GET", "/livez")
                assert stream.connection.getresponse().read()
                assert stream.connection.sock is stream.socket
            stream.connection.request("GET", "/v1/events", headers={"X-API-Key": "second"})
            response = stream.connection.getresponse()
            assert response.status == 200 and response.readline() == b"retry: 3000\n"
            assert stream.connection.sock is stream.socket


def test_one_that_reads_too_slowly_is_told_so_and_ends_and_takes_no_memory(broker, exchange, servers):
    with gateway_at(broker, exchange) as gateway:
        slow = [slow_reader(gateway) for _ in range(20)]
        with EventStream(gateway) as quick:
            flood(servers, quick, 100)
            before = resident_bytes(gateway)
            flood(servers, quick, 3_000)
            assert resident_bytes(gateway) - before < 40 << 20
        becomes(gateway, "gateway_event_streams", 20)
        for connection in slow:
            with connection, http.client.HTTPResponse(connection) as response:
                response.begin()
                last = response.read()[-700:].split(b"\n\n")[-2]
                assert b"\nevent: reset\n" in last and b'"too_slow"' in last
        becomes(gateway, "gateway_event_streams", 0)
        told = until(lambda: len(lines := too_slow(gateway)) == 20 and lines, "a line for each")
        assert all(line["level"] == "info" and int(line["bytes"]) > 0 for line in told)


def too_slow(gateway):
    return [line for line in gateway.log() if line.get("ended") == "too slow"]


def slow_reader(gateway):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(PATIENCE)
    connection.connect(gateway.address)
    connection.sendall(HEAD.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n"))
    return connection


def flood(servers, reader, count):
    """Twice as many events of 3 KB, which the reader has read in the end. A socket keeps some MB, the gateway 8."""
    for number in range(count):
        uid = f"{'x' * 3_000}-{number}"
        servers.up(uid)
        servers.lost(uid)
        if number % 200 == 199 or number == count - 1:
            wait_for(reader, number)


def wait_for(reader, number):
    while not ((event := reader.event())["type"] == "server.lost" and event["server"].endswith(f"-{number}")):
        assert event["type"] != "reset"


def resident_bytes(gateway):
    return int(Path(f"/proc/{gateway.pid}/statm").read_text().split()[1]) * 4_096


@pytest.mark.timed
def test_streams_that_rest_take_no_time(broker, exchange):
    with gateway_at(broker, exchange) as gateway:
        streams = [EventStream(gateway) for _ in range(100)]
        before = gateway.metric("process_cpu_seconds_total")
        time.sleep(3)
        assert gateway.metric("process_cpu_seconds_total") - before < 0.15
        for stream in streams:
            stream.close()


# The end of the gateway


def test_streams_end_in_order_when_the_gateway_does(broker, exchange):
    gateway = gateway_at(broker, exchange, loops=2, shutdown_delay="1s").start()
    streams = [EventStream(gateway) for _ in range(50)]
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    gateway.wait_for_line("stopping")
    # Another gateway has to be known first: while connections are taken, streams go on.
    assert not streams[0].has_something(0.3)
    late = EventStream(gateway)
    for stream in [*streams, late]:
        assert stream.rest() == [] and stream.retry == 1000
        stream.close()
    assert gateway.wait_for_exit() == 0
    assert time.monotonic() - began < 5
    assert gateway.log()[-1]["message"] == "stopped"


@pytest.mark.parametrize("how", ["in time", "second signal"])
def test_streams_that_nobody_reads_do_not_keep_the_gateway(broker, exchange, servers, how):
    timeout = "2s" if how == "in time" else "60s"
    gateway = gateway_at(broker, exchange, shutdown_timeout=timeout).start()
    slow = [slow_reader(gateway) for _ in range(5)]
    with EventStream(gateway) as quick, EventStream(gateway) as resting:
        flood(servers, quick, 1_500)
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_line("stopping")
        if how == "second signal":
            gateway.signal(signal.SIGTERM)
        assert gateway.wait_for_exit() == 0
        assert gateway.log()[-1]["message"] == "stopped"
        assert resting.socket
    for connection in slow:
        connection.close()


def test_a_stream_is_no_connection_to_be_closed_for_others(broker, exchange, servers):
    with gateway_at(broker, exchange, max_connections=8) as gateway:
        with EventStream(gateway) as stream:
            time.sleep(1.5)
            idle = [http.client.HTTPConnection(*gateway.address, timeout=PATIENCE) for _ in range(30)]
            for connection in idle:
                connection.request("GET", "/livez")
                assert connection.getresponse().read()
            assert gateway.metric("gateway_http_connections_evicted_total") > 10
            servers.up("still there")
            assert stream.event()["server"] == "still there"
            servers.lost("still there")
            for connection in idle:
                connection.close()
