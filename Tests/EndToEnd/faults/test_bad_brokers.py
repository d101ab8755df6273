"""Of several brokers, or of several addresses of one, only one is any good: it is found, whatever the others do."""

import os
import socket
import time
from contextlib import ExitStack, contextmanager

import pytest

from harness import Gateway, PrivateRabbitMQ, Witness
from harness.bad_brokers import WAYS, flooding_with_hello
from harness.certificates import Authority
from harness.command import run_command
from harness.hosts import NoOwnHosts, gateway_that_knows
from harness.patience import until
from harness.rabbitmq import free_ports

ROOM, EXCHANGE = "room", "test.bad_brokers"
LIMIT = 10  # seconds

# In the order in which the system tries the addresses of a name: the nearer to where they are called from, the earlier
# (RFC 6724, rule 9; loopback calls from 127.0.0.1).
EARLIER, LAST = ["127.0.0.2", "127.0.0.4"], "127.0.0.9"

pytestmark = pytest.mark.timed


@pytest.fixture(scope="module")
def good():
    """A broker on 127.0.0.1 and on LAST; `last_port` is its port there."""
    (port,) = free_ports(1)
    with PrivateRabbitMQ(settings=[f"listeners.tcp.2 = {LAST}:{port}"]) as broker:
        broker.last_port = port
        with Witness(broker.url, EXCHANGE, "direct", [ROOM]):
            yield broker


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A name with all these addresses, for the gateway alone."""
    name = "broker.test"
    try:
        program = gateway_that_knows(name, [*EARLIER, LAST], tmp_path)
    except NoOwnHosts as error:
        pytest.skip(str(error))
    monkeypatch.setenv("SOCKETIO_GATEWAY", str(program))
    return name


@contextmanager
def serves_in_time(url, place, **settings):
    """A gateway that emits, and can ask servers, with the broker at `place` within LIMIT seconds of its start."""
    start = time.monotonic()
    with Gateway(url, wire_format="amqp0", amqp0_exchange=EXCHANGE, **settings) as gateway:
        assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
        assert gateway.get("/readyz").json == {"status": "ready", "brokers": [place]}
        sample = f'gateway_broker_open_connections{{broker="{place}",purpose="%s"}}'
        until(lambda: gateway.metric(sample % "questions") == 1, "a connection for questions")
        assert time.monotonic() - start < LIMIT
        assert gateway.metric(sample % "emits") == settings.get("loops", os.cpu_count())
        yield gateway


@pytest.mark.parametrize("way", WAYS)
def test_of_several_brokers_the_good_one_is_found(good, way):
    """Each loop has its own order of them: of eight hardly each begins with the good one."""
    with ExitStack() as stack:
        bad = [stack.enter_context(WAYS[way]((address, 0))) for address in EARLIER]
        hosts = ",".join(f"{host}:{port}" for host, port in bad)
        url = f"amqp://guest:guest@{hosts},127.0.0.1:{good.port}"
        with serves_in_time(url, f"127.0.0.1:{good.port}", loops=8) as gateway:
            for host, port in bad:
                assert gateway.metric(f'gateway_broker_open_connections{{broker="{host}:{port}",purpose="emits"}}') == 0


@pytest.mark.parametrize("way", WAYS)
def test_of_several_addresses_the_last_is_found(good, named, way):
    with ExitStack() as stack:
        for address in EARLIER:
            stack.enter_context(WAYS[way]((address, good.last_port)))
        url = f"amqp://guest:guest@{named}:{good.last_port}"
        with serves_in_time(url, f"{named}:{good.last_port}"):
            pass
        start = time.monotonic()
        words = ["emit", "hello", "--room", ROOM, "--wire-format", "amqp0", "--amqp0-exchange", EXCHANGE]
        status, _, error = run_command(*words, amqp_url=url)
        assert status == 0, error
        assert time.monotonic() - start < LIMIT


def test_bad_brokers_of_all_kinds_leave_time_for_a_good_one(good):
    with ExitStack() as stack:
        bad = [stack.enter_context(way(("127.0.0.1", 0))) for way in WAYS.values()]
        hosts = ",".join(f"{host}:{port}" for host, port in bad)
        with serves_in_time(f"amqp://{hosts},127.0.0.1:{good.port}", f"127.0.0.1:{good.port}", loops=8):
            pass


def test_a_handshake_without_end_ends_in_its_time(tmp_path):
    authority = Authority(tmp_path)
    with flooding_with_hello(("127.0.0.1", 0)) as (host, port):
        url = f"amqps://{host}:{port}?connection_timeout=2000"
        start = time.monotonic()
        words = ["emit", "hello", "--room", ROOM, "--wire-format", "amqp0", "--amqp-ca-file", authority.certificate]
        status, _, error = run_command(*words, amqp_url=url)
        assert time.monotonic() - start < LIMIT
        assert status != 0
        assert "timed out" in error


def test_a_handshake_without_end_leaves_time_for_a_good_broker(good):
    with flooding_with_hello(("127.0.0.1", 0)) as (host, port):
        url = f"amqps://{host}:{port};{good.url}"
        with serves_in_time(url, f"127.0.0.1:{good.port}", loops=2):
            pass


def test_nobody_else_is_called_by_the_name(named):
    """The fixture's file of hosts is the gateway's alone."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(named, 1)
