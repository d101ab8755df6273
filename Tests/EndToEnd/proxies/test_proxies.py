"""Behind proxies: whose address is logged, and whom the limit for one address counts."""

import http.client
import socket

import pytest

from harness import Gateway, Witness, assert_problem, converse
from harness.patience import PATIENCE
from harness.questions import until

ROOM = {"event": "e", "rooms": ["room"]}
KEY = "k" * 32
BEARER = {"Authorization": f"Bearer {KEY}"}


def client(gateway, *forwarded, source="127.0.0.1"):
    """The address in the log of a request from there with these headers."""
    before = len(requests(gateway))
    headers = b"".join(b"X-Forwarded-For: %s\r\n" % value.encode() for value in forwarded)
    with socket.create_connection(gateway.address, source_address=(source, 0)) as connection:
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % headers)
        assert connection.recv(4096).startswith(b"HTTP/1.1 404")
    until(lambda: len(requests(gateway)) == before + 1, "a line")
    return requests(gateway)[-1]["client"]


def requests(gateway):
    return [line for line in gateway.log() if line["message"] == "request"]


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, "--trusted-proxies", "127.0.0.1, 10.0.0.0/8,2001:db8:f::/48", api_key=KEY) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "forwarded, expected",
    [
        ((), "127.0.0.1"),
        (("203.0.113.9",), "203.0.113.9"),
        (("203.0.113.9, 10.1.2.3",), "203.0.113.9"),
        (("203.0.113.9", "10.1.2.3, 2001:db8:f::1"), "203.0.113.9"),
        (("198.51.100.1", "203.0.113.9"), "203.0.113.9"),
        (("203.0.113.9, unknown", "10.1.2.3"), "10.1.2.3"),
        (("203.0.113.9:4711, [2001:db8:f::1]:443",), "203.0.113.9"),
        (("[2001:db8::9]:4711",), "2001:db8::9"),
        (("x\x1b, ",), "127.0.0.1"),
    ],
)
def test_of_a_trusted_proxy_the_client_is_the_last_address_that_is_no_proxy(gateway, forwarded, expected):
    assert client(gateway, *forwarded) == expected


def test_of_anybody_else_the_header_is_ignored(gateway):
    assert client(gateway, "203.0.113.9", source="127.0.0.2") == "127.0.0.2"


def test_of_nobody_is_it_believed_unless_that_is_configured(broker):
    with Gateway(broker.url) as gateway:
        assert client(gateway, "203.0.113.9") == "127.0.0.1"


def test_a_client_on_an_ipv6_socket_may_be_an_ipv4_proxy(broker):
    settings = {"http_address": "[::]:0", "allow_anonymous": "true", "trusted_proxies": "127.0.0.0/8"}
    with IPv6Gateway(broker.url, **settings) as gateway:
        assert client(gateway, "203.0.113.9") == "203.0.113.9"


class IPv6Gateway(Gateway):
    """One on all addresses of both families, called over IPv4."""

    def _find_address(self):
        found = super()._find_address()
        if found:
            self.address = ("127.0.0.1", self.address[1])
        return found


def connect(gateway, source):
    connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE, source_address=(source, 0))
    connection.request("GET", "/livez")
    assert connection.getresponse().read()
    return connection


def test_connections_of_a_proxy_are_not_counted_and_those_of_others_are(broker):
    settings = {"max_connections_per_address": 2, "trusted_proxies": "127.0.0.1"}
    with Gateway(broker.url, **settings) as gateway:
        connections = [connect(gateway, "127.0.0.1") for _ in range(8)]
        connections += [connect(gateway, "127.0.0.2") for _ in range(2)]
        with pytest.raises(OSError):
            connect(gateway, "127.0.0.2")
        connections.append(connect(gateway, "127.0.0.1"))
        for connection in connections:
            connection.close()
        until(lambda: connects(gateway, "127.0.0.2"), "a place again")


def connects(gateway, source):
    try:
        connect(gateway, source).close()
        return True
    except OSError:
        return False


def test_requests_through_a_proxy_are_counted_by_client(own_broker):
    with Witness(own_broker.url, "test.proxies", "direct", ["room"]):
        settings = {"wire_format": "amqp0", "amqp0_exchange": "test.proxies", "confirm_timeout": "60s", "loops": 2}
        limits = {"max_connections_per_address": 2, "trusted_proxies": "127.0.0.1", "api_key": KEY}
        with Gateway(own_broker.url, **settings, **limits) as gateway:
            for _ in range(20):
                assert emit(gateway, "203.0.113.9").getresponse().status == 200
            own_broker.pause()
            try:
                waiting = [emit(gateway, "203.0.113.9"), emit(gateway, "198.51.100.7, 203.0.113.9")]
                gateway.wait_for_in_flight(2)
                refused = gateway.post(ROOM, {**BEARER, "X-Forwarded-For": "203.0.113.9:99"})
                assert_problem(refused, 503, "overloaded")
                assert int(refused.headers["Retry-After"]) >= 1
                assert gateway.request("GET", "/livez", headers={"X-Forwarded-For": "203.0.113.9"}).status == 200
                # Others have their own, and so has the proxy.
                waiting += [emit(gateway, "203.0.113.8"), emit(gateway, "2001:db8::1"), emit(gateway, "10.0.0.1")]
                # One /64 is one client.
                waiting.append(emit(gateway, "2001:db8::2"))
                gateway.wait_for_in_flight(6)
                assert_problem(gateway.post(ROOM, {**BEARER, "X-Forwarded-For": "2001:db8::3"}), 503, "overloaded")
            finally:
                own_broker.resume()
            assert [connection.getresponse().status for connection in waiting] == [200] * 6
            for _ in range(5):
                assert gateway.post(ROOM, {**BEARER, "X-Forwarded-For": "203.0.113.9"}).status == 200
            for connection in waiting:
                connection.close()


def emit(gateway, forwarded):
    connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
    headers = {"Content-Type": "application/json", **BEARER, "X-Forwarded-For": forwarded}
    connection.request("POST", "/v1/emit", '{"event":"e","rooms":["room"]}', headers)
    return connection


def test_garbage_is_no_error(gateway):
    for value in (b"\xff\xfe", b"," * 5_000, b"[" * 5_000, b""):
        request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: %s\r\n\r\n" % value
        assert converse(gateway.address, request, expect=1).statuses == [200]
