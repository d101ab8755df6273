"""The proxy that disturbs does what it says, no more."""

import socket
import time

import pytest

from harness import DisturbingProxy
from harness.disturbing_proxy import BACK, OUT
from harness.hostile_broker import BODY, METHOD, frame, method
from harness.patience import PATIENCE

ACK = method(1, 60, 80, bytes(9))
SEVERAL = ACK + frame(BODY, 1, b"x" * 50) + ACK


@pytest.fixture
def ends():
    """The proxy, the gateway's end and the broker's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with DisturbingProxy(f"amqp://127.0.0.1:{listener.getsockname()[1]}/%2F") as proxy:
            address = proxy.url.partition("//")[2].partition("/")[0].split(":")
            gateway = socket.create_connection((address[0], int(address[1])), timeout=5)
            broker = listener.accept()[0]
            broker.settimeout(PATIENCE)
            with gateway, broker:
                yield proxy, gateway, broker


def take(end, count):
    data = b""
    while len(data) < count and (some := end.recv(count - len(data))):
        data += some
    return data


def differing_bits(one, other):
    assert len(one) == len(other)
    return [(place, bit) for place, pair in enumerate(zip(one, other)) for bit in range(8) if (pair[0] ^ pair[1]) >> bit & 1]


def test_what_is_not_disturbed_passes_unchanged(ends):
    _, gateway, broker = ends
    gateway.sendall(b"AMQP\x00\x00\x09\x01" + SEVERAL)
    broker.sendall(SEVERAL)
    assert take(broker, 8 + len(SEVERAL)) == b"AMQP\x00\x00\x09\x01" + SEVERAL
    assert take(gateway, len(SEVERAL)) == SEVERAL


def test_one_bit_of_a_frame_is_turned_over_and_never_one_of_its_content(ends):
    proxy, gateway, broker = ends
    gateway.sendall(b"AMQP\x00\x00\x09\x01")
    take(broker, 8)
    places = set()
    for _ in range(300):
        for direction, source, target in ((OUT, gateway, broker), (BACK, broker, gateway)):
            proxy.flip(direction)
            source.sendall(SEVERAL)
            ((place, _bit),) = differing_bits(SEVERAL, take(target, len(SEVERAL)))
            places.add(place)
    assert SEVERAL[0] == METHOD and proxy.flipped == 600
    # The type, the size, class and method of the first frame, and its end.
    assert places == {0, *range(3, 11), len(ACK) - 1}


def test_frames_are_found_however_they_come(ends):
    proxy, _, broker = ends
    for octet in ACK:
        broker.sendall(bytes([octet]))
        time.sleep(0.002)
    proxy.flip(BACK)
    broker.sendall(frame(BODY, 1, b"x" * 50))
    received = take(ends[1], len(ACK) + 58)
    assert received[: len(ACK)] == ACK
    ((place, _),) = differing_bits(frame(BODY, 1, b"x" * 50), received[len(ACK) :])
    assert place in (0, 3, 4, 5, 6, 57)


def test_a_way_that_stalls_flows_again(ends):
    proxy, gateway, broker = ends
    proxy.stall(BACK)
    broker.sendall(ACK)
    gateway.settimeout(0.2)
    with pytest.raises(TimeoutError):
        gateway.recv(1)
    gateway.settimeout(PATIENCE)
    proxy.flow(BACK)
    assert take(gateway, len(ACK)) == ACK


def test_half_closed_the_other_direction_goes_on(ends):
    proxy, gateway, broker = ends
    gateway.sendall(b"AMQP\x00\x00\x09\x01")
    take(broker, 8)
    proxy.half_close(BACK)
    assert gateway.recv(1) == b""
    broker.sendall(ACK)
    time.sleep(0.1)
    gateway.sendall(ACK)
    assert take(broker, len(ACK)) == ACK
