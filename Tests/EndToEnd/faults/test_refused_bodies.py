"""Answers to long bodies that nobody reads: they must arrive, although the client is still sending."""

import http.client
import socket
import threading
import time

import pytest

from harness import Gateway
from harness.patience import PATIENCE, end_of_patience

SIZES = [200_000, 2_000_000, 16_000_000]
KEY = "k" * 32
JSON = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}

#: What is refused before its body is read: path, headers, status.
REFUSALS = {
    "no key": ("/v1/emit", {"Content-Type": "application/json"}, 401),
    "no such path": ("/v1/nothing", JSON, 404),
    "too long": ("/v1/emit", JSON, 413),
    "not JSON": ("/v1/emit", {**JSON, "Content-Type": "text/html"}, 415),
}


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, api_key=KEY, max_body_bytes=100_000) as gateway:
        yield gateway


def becomes(gateway, metric, value):
    deadline = end_of_patience()
    while (seen := gateway.metric(metric)) != value:
        assert time.monotonic() < deadline, (metric, seen)
        time.sleep(0.05)


def chunks(size, step=65536):
    while size > 0:
        yield b" " * min(step, size)
        size -= step


#: What a refusal does to its connection is proved without sockets (HTTPExchangeTests): here, that it arrives.
CASES = [("too long", framing, size) for framing in ("announced", "chunked") for size in SIZES]
CASES += [(refusal, "announced", SIZES[0]) for refusal in REFUSALS if refusal != "too long"]


@pytest.mark.parametrize("refusal, framing, size", CASES)
def test_a_client_that_sends_all_of_it_first_sees_the_refusal(gateway, refusal, framing, size):
    path, headers, status = REFUSALS[refusal]
    for _ in range(3):
        connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
        body = b" " * size if framing == "announced" else chunks(size)
        connection.request("POST", path, body, headers, encode_chunked=framing == "chunked")
        response = connection.getresponse()
        assert response.status == status and response.headers["Content-Type"] == "application/problem+json"
        assert response.headers["Connection"] == "close"
        response.read()
        connection.close()


@pytest.mark.timed
def test_the_answer_leaves_at_once(gateway):
    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
        connection.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        start = time.monotonic()
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
        assert time.monotonic() - start < 1


def test_a_chunked_body_that_becomes_too_long_is_answered_in_the_middle(gateway):
    head = "\r\n".join(["POST /v1/emit HTTP/1.1", "Host: localhost", *map(": ".join, JSON.items()), "Transfer-Encoding: chunked"])
    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + b"1d4c0\r\n" + b" " * 120_000 + b"\r\n")
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413 Content Too Large\r\n") and b"payload_too_large" in answer
        assert answer.count(b"HTTP/1.1") == 1
        # What follows is dropped, and the connection ends when its client ends it.
        connection.sendall(b"5\r\n     \r\n0\r\n\r\n" + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4096) == b""


@pytest.mark.timed
def test_no_memory_for_a_body_is_answered_in_the_middle(broker):
    with Gateway(broker.url, max_buffered_bytes=1_048_576, max_body_bytes=1_000_000) as gateway:
        head = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
        connections = []
        for _ in range(4):
            connection = socket.create_connection(gateway.address, timeout=PATIENCE)
            connection.sendall(head)
            connections.append(connection)
        time.sleep(0.2)
        for connection in connections:
            connection.sendall(b" " * 400_000)
            time.sleep(0.1)
        answers = []
        for connection in connections:
            connection.settimeout(1)
            try:
                answers.append(connection.recv(4096)[:12])
            except TimeoutError:
                answers.append(b"")
            connection.close()
        assert answers.count(b"HTTP/1.1 503") == 2 and answers.count(b"") == 2, answers


def test_those_who_are_still_sending_count_as_connections_until_they_end(broker):
    with Gateway(broker.url, api_key=KEY, loops=1) as gateway:
        lingering = []
        for _ in range(5):
            connection = socket.create_connection(gateway.address, timeout=PATIENCE)
            connection.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n" + b" " * 1000)
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
            lingering.append(connection)
        # With the one that asks.
        becomes(gateway, "gateway_http_connections", 6)
        assert gateway.metric("gateway_http_connections_lingering") == 5
        for connection in lingering:
            connection.close()
        becomes(gateway, "gateway_http_connections", 1)
        assert gateway.metric("gateway_http_connections_lingering") == 0


def test_at_the_limit_the_oldest_of_them_goes(broker):
    with Gateway(broker.url, api_key=KEY, loops=1, max_connections=5) as gateway:
        lingering = []
        for _ in range(5):
            connection = socket.create_connection(gateway.address, timeout=PATIENCE)
            connection.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n" + b" " * 1000)
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
            lingering.append(connection)
        assert gateway.get("/livez").status == 200
        time.sleep(0.1)
        assert gateway.metric("gateway_http_connections_lingering") <= 4
        with pytest.raises(OSError):
            for _ in range(20):
                lingering[0].sendall(b" " * 1000)
                time.sleep(0.02)
        lingering[4].sendall(b" " * 1000)
        for connection in lingering:
            connection.close()


@pytest.mark.timed
def test_one_that_is_silent_is_dropped_after_five_seconds(broker):
    with Gateway(broker.url, api_key=KEY, loops=1) as gateway:
        with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
            connection.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
            time.sleep(4)
            assert gateway.metric("gateway_http_connections_lingering") == 1
            time.sleep(2)
            assert gateway.metric("gateway_http_connections_lingering") == 0


def test_many_at_once_with_small_buffers_all_see_their_answer(gateway):
    statuses = []

    def post():
        try:
            connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
            connection.request("POST", "/v1/emit", b" " * 2_000_000, {"Content-Type": "application/json"})
            statuses.append(connection.getresponse().status)
            connection.close()
        except OSError as error:
            statuses.append(error)

    threads = [threading.Thread(target=post) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [401] * 40


@pytest.mark.timed
def test_a_stop_waits_for_them_a_second_at_most(broker):
    with Gateway(broker.url, api_key=KEY, loops=1) as gateway:
        with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
            connection.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
            start = time.monotonic()
            gateway.stop()
            assert time.monotonic() - start < 2.5
