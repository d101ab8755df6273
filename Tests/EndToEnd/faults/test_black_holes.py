"""Packets that nobody answers, on a real network: a broker that cannot be reached, and one that was reached before."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from harness import CuttingProxy, Gateway, PrivateRabbitMQ, Witness
from harness.command import run_command
from harness.hosts import NoOwnHosts, gateway_that_knows
from harness.other_network import OtherNetwork, Unavailable
from harness.patience import until
from harness.rabbitmq import free_ports

ROOM, EXCHANGE = "room", "test.black_holes"
LIMIT = 10  # seconds
LOOPS = 8  # each has its own order of brokers: hardly all begin with the good one

# In the order in which the system tries the addresses of a name: the nearer to this machine's number, 1, the earlier (RFC 6724,
# rule 9).
HOLES, FAR = [2, 4], 130

pytestmark = pytest.mark.timed


@pytest.fixture(scope="module")
def network():
    try:
        with OtherNetwork(alive=[FAR], dead=HOLES) as network:
            yield network
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def far(network):
    """A broker in the other network; `place` is where it is found."""
    (port,) = free_ports(1)
    settings = [f"listeners.tcp.2 = {network.address(FAR)}:{port}", "loopback_users = none"]
    broker = PrivateRabbitMQ(settings=settings)
    broker.place = f"{network.address(FAR)}:{port}"
    try:
        with network.inside():
            broker.start()
            witness = Witness(broker.url, EXCHANGE, "direct", [ROOM])
        with witness:
            yield broker
    finally:
        broker.stop()


@pytest.fixture
def reached(network, far):
    """The same, when packets arrive again after the test, whatever became of them."""
    yield far
    network.mend()


@pytest.fixture(scope="module")
def near():
    """A broker on this machine."""
    with PrivateRabbitMQ() as broker, Witness(broker.url, EXCHANGE, "direct", [ROOM]):
        yield broker


@pytest.fixture
def named(network, tmp_path, monkeypatch):
    """A name with the addresses of the holes and, as the last one, the far broker's, for the gateway alone."""
    name = "broker.test"
    try:
        program = gateway_that_knows(name, [network.address(host) for host in [*HOLES, FAR]], tmp_path)
    except NoOwnHosts as error:
        pytest.skip(str(error))
    monkeypatch.setenv("SOCKETIO_GATEWAY", str(program))
    return name


def gateway_of(url, **settings):
    return Gateway(url, **{"wire_format": "amqp0", "amqp0_exchange": EXCHANGE, "loops": LOOPS, **settings})


def emit_by_command(url):
    words = ["emit", "hello", "--room", ROOM, "--wire-format", "amqp0", "--amqp0-exchange", EXCHANGE]
    return run_command(*words, amqp_url=url)


def open_connections(gateway, place, purpose="emits"):
    return gateway.metric(f'gateway_broker_open_connections{{broker="{place}",purpose="{purpose}"}}')


def wait_for_all_connections(gateway, place):
    until(lambda: open_connections(gateway, place) == LOOPS, f"connections of all loops with {place}")
    until(lambda: open_connections(gateway, place, "questions") == 1, f"a connection for questions with {place}")


def assert_served_in_time(url, place):
    """Emits, questions and the command `emit` have the broker at `place` within LIMIT seconds of their start."""
    start = time.monotonic()
    with gateway_of(url) as gateway:
        assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
        wait_for_all_connections(gateway, place)
        assert time.monotonic() - start < LIMIT
        assert gateway.get("/readyz").json == {"status": "ready", "brokers": [place]}
    start = time.monotonic()
    status, _, error = emit_by_command(url)
    assert status == 0, error
    assert time.monotonic() - start < LIMIT


def test_a_hole_swallows(network, far):
    """Neither a refusal nor "no route to host" comes, which would be easier; the latter takes three seconds."""
    host, port = far.place.split(":")
    socket.create_connection((host, int(port)), timeout=5).close()
    with pytest.raises(TimeoutError, match="timed out"):  # that of this call, not the kernel's
        socket.create_connection((network.address(HOLES[0]), int(port)), timeout=4)


def test_of_several_brokers_the_one_that_answers_is_found(network, near):
    hosts = ",".join(f"{network.address(host)}:5672" for host in HOLES)
    place = f"127.0.0.1:{near.port}"
    assert_served_in_time(f"amqp://guest:guest@{hosts},{place}", place)


def test_of_several_addresses_the_last_is_found(far, named):
    place = f"{named}:{far.place.split(':')[1]}"
    assert_served_in_time(f"amqp://guest:guest@{place}", place)


def test_with_holes_only_it_says_so_in_time(network):
    """Each has its share of the time."""
    places = [f"{network.address(host)}:5672" for host in HOLES]
    start = time.monotonic()
    status, _, error = emit_by_command(f"amqp://guest:guest@{','.join(places)}?connection_timeout=3000")
    assert time.monotonic() - start < LIMIT
    assert status != 0 and all(f"{place}: " in error for place in places) and "timed out" in error, error


@pytest.mark.parametrize("heartbeat, limit", [("2s", 8), pytest.param(None, 24, marks=pytest.mark.slow)])
def test_connections_that_go_dead_are_noticed_and_the_other_broker_is_taken(network, reached, near, heartbeat, limit):
    """By two heartbeats without a word: after 4 s; after 20 s of the 10 s that there are unless something else is set. The dead one is
    not tried before the other one: that would take half of the ten seconds for connecting."""
    with CuttingProxy(near.url) as way:
        way.cut()  # so that all connections begin with the far one
        other = urlsplit(way.url).netloc.rpartition("@")[2]
        url = f"amqp://guest:guest@{reached.place},{other}"
        with gateway_of(url, amqp_heartbeat=heartbeat, confirm_timeout="1s") as gateway:
            wait_for_all_connections(gateway, reached.place)
            for _ in range(4 * LOOPS):
                assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
            way.mend()
            network.swallow()
            start = time.monotonic()
            response = gateway.post({"event": "e", "rooms": [ROOM]})
            assert (response.status, response.json["code"]) == (504, "confirm_timeout")
            wait_for_all_connections(gateway, other)
            for _ in range(4 * LOOPS):
                assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
            assert time.monotonic() - start < limit
            assert open_connections(gateway, reached.place) == 0
            assert any("fallen silent" in line.get("reason", "") for line in gateway.log())
