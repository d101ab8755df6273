"""Clients that leave: in the middle of a head or a body, while they wait, and just before the gateway stops."""

import signal
import socket
import time

import pytest

from harness import Gateway, Witness
from harness.patience import PATIENCE, until

HEAD = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
PLACES = {
    "a connection that says nothing": b"",
    "a request line": b"GET /livez HT",
    "a head": b"GET /livez HTTP/1.1\r\nHost: local",
    "before a body": HEAD,
    "a body": HEAD + b'{"event":',
    "a refused body": HEAD.replace(b"/v1/emit", b"/v1/nothing") + b"{",
    "a chunk": HEAD.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked") + b'5\r\n{"e',
    "the second head": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP",
}

# Seconds; those who wait for a head wait for twice as long.
SOON = 5


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, loops=1) as gateway:
        yield gateway


def becomes(gateway, metric, value, within=SOON):
    deadline = time.monotonic() + within
    while (seen := gateway.metric(metric)) != value:
        assert time.monotonic() < deadline, (metric, seen)
        time.sleep(0.02)


def left_of(gateway):
    return [line for line in gateway.log() if line.get("outcome") == "client left"]


def leave(connection, how):
    if how == "half-closes":
        connection.shutdown(socket.SHUT_WR)
        return
    if how == "resets":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


@pytest.mark.parametrize("how", ["closes", "half-closes", "resets"])
@pytest.mark.parametrize("place", PLACES)
def test_one_that_leaves_is_seen_at_once(gateway, place, how):
    connections = []
    for _ in range(10):
        connection = socket.create_connection(gateway.address, timeout=PATIENCE)
        connection.sendall(PLACES[place])
        connections.append(connection)
    until(lambda: gateway.metric("gateway_http_connections") >= 10, "they are seen")
    for connection in connections:
        leave(connection, how)
    becomes(gateway, "gateway_http_connections", 1)
    becomes(gateway, "gateway_http_requests_in_flight", 1)
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("how", ["closes", "half-closes"])
@pytest.mark.parametrize("place", PLACES)
def test_one_whose_last_bytes_and_end_come_together_is_seen_at_once(gateway, place, how):
    becomes(gateway, "gateway_http_connections", 1)
    gateway.signal(signal.SIGSTOP)
    connections = []
    try:
        for _ in range(10):
            connection = socket.create_connection(gateway.address, timeout=PATIENCE)
            connection.sendall(PLACES[place])
            leave(connection, how)
            connections.append(connection)
        time.sleep(0.1)
    finally:
        gateway.signal(signal.SIGCONT)
    becomes(gateway, "gateway_http_connections", 1)
    becomes(gateway, "gateway_http_requests_in_flight", 1)
    for connection in connections:
        connection.close()


def test_a_whole_request_before_the_end_of_the_sending_side_is_answered(gateway):
    for _ in range(50):
        with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
            connection.shutdown(socket.SHUT_WR)
            data = b""
            while received := connection.recv(4096):
                data += received
            assert data.count(b"HTTP/1.1 200 ") == 3


def test_an_emit_whose_client_has_ended_its_sending_side_is_answered(broker, gateway):
    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
        body = b'{"event":"e"}'
        connection.sendall(HEAD.replace(b"100", b"%d" % len(body)) + body)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.timed
@pytest.mark.parametrize("place", PLACES)
def test_a_stop_takes_less_than_a_second_when_nobody_is_left(broker, place):
    with Gateway(broker.url, loops=2) as gateway:
        connections = [socket.create_connection(gateway.address, timeout=PATIENCE) for _ in range(20)]
        for connection in connections:
            connection.sendall(PLACES[place])
        time.sleep(0.1)
        for connection in connections:
            connection.close()
        start = time.monotonic()
        gateway.stop()
        assert time.monotonic() - start < 1


@pytest.mark.timed
def test_a_stop_waits_for_no_idle_client(broker):
    with Gateway(broker.url, loops=2) as gateway:
        connections = [socket.create_connection(gateway.address, timeout=PATIENCE) for _ in range(20)]
        for connection in connections[10:]:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4096)
        start = time.monotonic()
        gateway.stop()
        assert time.monotonic() - start < 1
        for connection in connections:
            connection.close()


def test_one_that_leaves_while_the_broker_is_silent_does_not_keep_its_connection(own_broker):
    with Witness(own_broker.url, "test.departures", "direct", ["room"]):
        settings = {"wire_format": "amqp0", "amqp0_exchange": "test.departures", "confirm_timeout": "2s"}
        with Gateway(own_broker.url, loops=1, **settings) as gateway:
            gateway.emit(event="known", rooms=["room"])
            own_broker.pause()
            try:
                body = b'{"event":"e","rooms":["room"]}'
                for _ in range(20):
                    with socket.create_connection(gateway.address) as connection:
                        connection.sendall(HEAD.replace(b"100", b"%d" % len(body)) + body)
                becomes(gateway, "gateway_http_connections", 1)
            finally:
                own_broker.resume()


def test_one_that_resets_while_the_broker_is_silent_is_seen_at_once_and_one_that_half_closes_gets_its_answer(own_broker):
    with Witness(own_broker.url, "test.departures", "direct", ["room"]):
        settings = {"wire_format": "amqp0", "amqp0_exchange": "test.departures", "confirm_timeout": "20s"}
        with Gateway(own_broker.url, loops=1, **settings) as gateway:
            gateway.emit(event="known", rooms=["room"])
            body = b'{"event":"e","rooms":["room"]}'
            own_broker.pause()
            try:
                connections = [socket.create_connection(gateway.address, timeout=PATIENCE) for _ in range(20)]
                for connection in connections:
                    connection.sendall(HEAD.replace(b"100", b"%d" % len(body)) + body)
                becomes(gateway, "gateway_http_requests_in_flight", 21)
                for connection in connections[:10]:
                    leave(connection, "half-closes")
                for connection in connections[10:]:
                    leave(connection, "resets")
                becomes(gateway, "gateway_http_connections", 11)
                # What they have asked for goes on.
                assert gateway.metric("gateway_http_requests_in_flight") == 21
            finally:
                own_broker.resume()
            for connection in connections[:10]:
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
                connection.close()
            becomes(gateway, "gateway_http_connections", 1)
            becomes(gateway, "gateway_http_requests_in_flight", 1)


@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("polls", [True, False], ids=["polled", "suspended"])
def test_what_somebody_who_has_left_asked_for_counts_until_it_is_done(own_broker, how, polls):
    """However many ask and leave, no more is under way than is allowed; and all of it is told."""
    settings = {"wire_format": "amqp0", "amqp0_exchange": "test.left", "max_in_flight": 7, "loops": 1, "log_level": "info"}
    settings |= {"confirm_timeout": "60s", "idle_timeout": "90s" if polls else "20s"}
    body = b'{"event":"left","rooms":["room"]}'
    count = 'gateway_http_request_duration_seconds_count{route="/v1/emit"}'
    with Witness(own_broker.url, "test.left", "direct", ["room"]) as witness:
        with Gateway(own_broker.url, **settings) as gateway:
            assert gateway.emit(event="known", rooms=["room"])["routed"] is True
            own_broker.pause()
            try:
                for asked in range(1, 8):
                    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
                        connection.sendall(HEAD.replace(b"100", b"%d" % len(body)) + body)
                        becomes(gateway, "gateway_http_requests_in_flight", asked + 1)
                        leave(connection, how)
                if how == "resets" and polls:
                    becomes(gateway, "gateway_http_connections", 1)
                assert gateway.post({"event": "more", "rooms": ["room"]}).json["code"] == "overloaded"
            finally:
                own_broker.resume()
            becomes(gateway, "gateway_http_requests_in_flight", 1)
            assert gateway.metric(count) == 9
            # Lines are written by a thread of their own.
            until(lambda: len(left_of(gateway)) == 7, "seven lines")
            left = left_of(gateway)
            assert [(line["status"], line["routed"], line["event"]) for line in left] == [("200", "true", "left")] * 7
            assert len({line["id"] for line in left}) == 7
            assert gateway.emit(event="end", rooms=["room"])["routed"] is True
            names = [message.json["packet"]["data"][0] for message in witness.all()]
            assert names.count("left") == 7 and "more" not in names
