"""Chunks that are framed in odd ways, with a second request behind them, straight and through proxies: the second is never run."""

import socket
import time

import pytest

from harness import Gateway, HAProxy, Nginx, converse

KEY = "k" * 32
HEAD = (
    b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" % KEY.encode()
)
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b'{"event":"e"}'
SIZE = b"%x" % len(BODY)

#: What stands between the head and the second request.
FRAMINGS = {
    "right": SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "bare LF everywhere": SIZE + b"\n" + BODY + b"\n0\n\n",
    "bare LF behind the size": SIZE + b"\n" + BODY + b"\r\n0\r\n\r\n",
    "bare LF behind the data": SIZE + b"\r\n" + BODY + b"\n0\r\n\r\n",
    "bare LF behind the last size": SIZE + b"\r\n" + BODY + b"\r\n0\n\r\n",
    "bare LF at the end": SIZE + b"\r\n" + BODY + b"\r\n0\r\n\n",
    "CR alone behind the size": SIZE + b"\r" + BODY + b"\r\n0\r\n\r\n",
    "LF in an extension": SIZE + b";a\nb\r\n" + BODY + b"\r\n0\r\n\r\n",
    "CR in an extension": SIZE + b";a\rb\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an extension": SIZE + b";name=value\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an extension in quotes": SIZE + b';a="\r\n"\r\n' + BODY + b"\r\n0\r\n\r\n",
    "an extension of the last": SIZE + b"\r\n" + BODY + b"\r\n0;a=b\r\n\r\n",
    "leading zeros": b"0" * 12 + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "thousands of leading zeros": b"0" * 3_000 + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size with 0x": b"0x" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size with a sign": b"+" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a negative size": b"-1\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size with a space before": b" " + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size with a space behind": SIZE + b" \r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"f" * 17 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no hexadecimal digit": b"g\r\n" + BODY + b"\r\n0\r\n\r\n",
    "data longer than its size": b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "two ends": SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n0\r\n\r\n",
    "a trailer": SIZE + b"\r\n" + BODY + b"\r\n0\r\nX: y\r\n\r\n",
    "a trailer with a length": SIZE + b"\r\n" + BODY + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, api_key=KEY) as gateway:
        yield gateway


def smuggled(gateway):
    """How often the second request was run."""
    counted = gateway.get("/metrics").body.decode()
    lines = [line for line in counted.splitlines() if 'status="404"' in line]
    return sum(int(line.rpartition(" ")[2]) for line in lines)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_nothing_behind_it_is_read_as_a_request(gateway, framing):
    before = smuggled(gateway)
    answer = converse(gateway.address, HEAD + FRAMINGS[framing] + SECOND, timeout=1)
    assert len(answer.statuses) <= 1
    assert smuggled(gateway) == before


# A proxy reads a second request of its client's, too, and sends it on: it is one then, and on a connection of its own. What
# must not be is that the gateway reads another one out of the bytes that the proxy took for a body.
@pytest.mark.parametrize("proxy", [Nginx, lambda address: Nginx(address, keepalive=4, buffering=False), HAProxy],
                         ids=["nginx", "nginx, kept", "HAProxy"])
def test_a_proxy_and_the_gateway_read_the_same_requests(gateway, proxy):
    with proxy(gateway.address) as door:
        for framing, bytes_ in FRAMINGS.items():
            before = smuggled(gateway)
            with socket.create_connection(door.address, timeout=2) as connection:
                connection.sendall(HEAD + bytes_ + SECOND)
                connection.settimeout(0.3)
                data = b""
                try:
                    while received := connection.recv(65536):
                        data += received
                except OSError:
                    pass
            time.sleep(0.02)
            # As many as the proxy has passed answers on of.
            assert smuggled(gateway) - before <= data.count(b"HTTP/1.1 404"), framing
