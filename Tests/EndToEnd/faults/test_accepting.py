"""What keeps a server from taking connections: limits that are reached, descriptors that run out, a process that was stopped."""

import http.client
import os
import resource
import signal
import socket
import time

import pytest

from harness import Gateway
from harness.patience import PATIENCE

pytestmark = pytest.mark.timed


def connect(address, count):
    """As many connections as could be made of `count`."""
    made = []
    for _ in range(count):
        try:
            made.append(socket.create_connection(address, timeout=1))
        except OSError:
            break
    return made


def close(connections):
    for connection in connections:
        connection.close()


def is_served(address, within):
    """Whether a new connection is answered in this many seconds."""
    deadline = time.monotonic() + within
    while (left := deadline - time.monotonic()) > 0:
        connection = http.client.HTTPConnection(*address, timeout=left)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    return False


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kept(address, count):
    """Connections that have been answered and stay open."""
    connections = [http.client.HTTPConnection(*address, timeout=PATIENCE) for _ in range(count)]
    for connection in connections:
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
    return connections


@pytest.mark.parametrize("loops", [1, 2])
@pytest.mark.parametrize("keeps", [False, True], ids=["none kept", "one kept in each loop"])
@pytest.mark.parametrize("shortage", ["connections", "descriptors"])
def test_a_gateway_that_ran_short_while_it_was_stopped_serves_again_within_a_second(broker, shortage, keeps, loops):
    settings = {"max_connections": 30} if shortage == "connections" else {}
    gateway = Gateway(broker.url, loops=loops, head_timeout="60s", **settings)
    with gateway:
        if shortage == "descriptors":
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (64, 64))
        for _ in range(6):
            stays = kept(gateway.address, 4 * loops if keeps else 0)
            gateway.signal(signal.SIGSTOP)
            crowd = connect(gateway.address, 100)
            time.sleep(0.3)
            close(crowd[:50])
            gateway.signal(signal.SIGCONT)
            time.sleep(0.1)
            close(crowd[50:])
            assert is_served(gateway.address, within=1)
            for connection in stays:
                connection.close()
        before = cpu_seconds(gateway.pid)
        time.sleep(1)
        assert cpu_seconds(gateway.pid) - before < 0.2, "it spins"
        assert gateway.metric("gateway_http_accept_pauses_total") > 0 or shortage == "connections"


def test_a_lack_of_descriptors_is_a_line_in_the_log_and_not_one_each_time(broker):
    with Gateway(broker.url, loops=1, head_timeout="60s") as gateway:
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (40, 40))
        crowd = connect(gateway.address, 200)
        time.sleep(1)
        close(crowd)
        assert is_served(gateway.address, within=1)
        assert gateway.metric("gateway_http_accept_pauses_total") > 1
        lines = [line for line in gateway.log() if line["message"] == "no new connections for a moment"]
        assert len(lines) == 1 and lines[0]["reason"] == "Too many open files"


def test_the_longest_idle_connection_makes_room_for_a_new_one(broker):
    with Gateway(broker.url, loops=1, max_connections=10) as gateway:
        connections = kept(gateway.address, 10)
        connections[0].request("GET", "/livez")
        assert connections[0].getresponse().read()
        assert is_served(gateway.address, within=1)
        # The second is the one that has been idle longest.
        assert connections[1].sock.recv(1) == b""
        for connection in connections[2:] + connections[:1]:
            connection.request("GET", "/livez")
            assert connection.getresponse().read()
        assert gateway.metric("gateway_http_connections_evicted_total") >= 1


def test_a_request_under_way_is_not_sacrificed(broker):
    with Gateway(broker.url, loops=1, max_connections=5) as gateway:
        sending = connect(gateway.address, 5)
        for connection in sending:
            connection.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{")
        time.sleep(0.2)
        late = socket.create_connection(gateway.address, timeout=PATIENCE)
        late.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for connection in sending:
            connection.sendall(b'"event":1}')
            assert connection.recv(4096).startswith(b"HTTP/1.1 422 ")
        assert late.recv(4096).startswith(b"HTTP/1.1 200 ")
        close([*sending, late])


def test_the_limit_of_descriptors_is_raised_and_told(broker):
    with Gateway(broker.url) as gateway:
        soft, hard = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
        assert soft == hard
        listening = next(line for line in gateway.log() if line["message"] == "listening")
        assert listening["descriptors"] == str(hard)
