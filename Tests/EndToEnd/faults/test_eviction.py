"""Who has to go when there are too many connections: nobody who has asked something."""

import http.client
import signal
import socket
import time

import pytest

from harness import Gateway
from harness.patience import PATIENCE

REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def kept(address, count):
    connections = [http.client.HTTPConnection(*address, timeout=PATIENCE) for _ in range(count)]
    for connection in connections:
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
    return connections


def burst(gateway, count):
    """As many new connections at once, each with its request; how many were answered within 10 s."""
    gateway.signal(signal.SIGSTOP)
    try:
        new = [socket.create_connection(gateway.address, timeout=PATIENCE) for _ in range(count)]
        for connection in new:
            connection.sendall(REQUEST)
    finally:
        gateway.signal(signal.SIGCONT)
    answers = [connection.recv(4096) for connection in new]
    for connection in new:
        connection.close()
    return sum(answer.startswith(b"HTTP/1.1 200") for answer in answers)


@pytest.mark.parametrize("loops", [1, 2])
def test_a_burst_of_new_ones_is_served_at_the_cost_of_those_that_have_been_idle(broker, loops):
    with Gateway(broker.url, loops=loops, max_connections=30) as gateway:
        idle = kept(gateway.address, 30)
        for _ in range(3):
            assert burst(gateway, 20) == 20
        for connection in idle:
            connection.close()


def test_one_whose_request_has_come_is_not_closed(broker):
    with Gateway(broker.url, loops=1, max_connections=30) as gateway:
        connections = kept(gateway.address, 30)
        gateway.signal(signal.SIGSTOP)
        try:
            for connection in connections:
                connection.request("GET", "/livez")
            new = [socket.create_connection(gateway.address, timeout=PATIENCE) for _ in range(10)]
            for connection in new:
                connection.sendall(REQUEST)
        finally:
            gateway.signal(signal.SIGCONT)
        for connection in connections:
            assert connection.getresponse().status == 200
            connection.close()
        assert all(connection.recv(4096).startswith(b"HTTP/1.1 200") for connection in new)
        for connection in new:
            connection.close()


REFUSED = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n "


@pytest.mark.timed
def test_those_who_were_refused_and_go_on_make_room(broker):
    with Gateway(broker.url, loops=1, max_connections=20, api_key="k" * 32) as gateway:
        crowd = [socket.create_connection(gateway.address) for _ in range(20)]
        for connection in crowd:
            connection.sendall(REFUSED)
        time.sleep(1.2)
        start = time.monotonic()
        assert gateway.get("/livez").status == 200 and time.monotonic() - start < 1
        for connection in crowd:
            connection.close()


@pytest.mark.timed
def test_those_who_do_not_read_their_answers_make_room(broker):
    with Gateway(broker.url, loops=1, max_connections=20, api_key="k" * 32) as gateway:
        crowd = []
        for _ in range(20):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            connection.connect(gateway.address)
            connection.sendall(b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
            crowd.append(connection)
        time.sleep(5.5)
        start = time.monotonic()
        assert gateway.get("/livez").status == 200 and time.monotonic() - start < 1
        for connection in crowd:
            connection.close()


@pytest.mark.timed
def test_a_refused_body_that_does_not_come_ends_its_connection_after_five_seconds(broker):
    with Gateway(broker.url, loops=1, api_key="k" * 32) as gateway:
        with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
            connection.sendall(REFUSED)
            start = time.monotonic()
            assert connection.recv(4096) == b"" and 4 < time.monotonic() - start < 7


@pytest.mark.timed
def test_a_stop_does_not_wait_for_those_who_were_refused(broker):
    with Gateway(broker.url, loops=1, api_key="k" * 32) as gateway:
        with socket.create_connection(gateway.address) as connection:
            connection.sendall(REFUSED)
            time.sleep(0.1)
            start = time.monotonic()
            gateway.stop()
            assert time.monotonic() - start < 1.5


def test_clients_leave_descriptors_to_the_broker(broker):
    with Gateway(broker.url, loops=1, api_key="k" * 32) as gateway:
        listening = next(line for line in gateway.log() if line["message"] == "listening")
        assert int(listening["connections"]) < int(listening["descriptors"])
