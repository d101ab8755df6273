"""While no server is there, its exchange is not either: nothing is decided by what was so a moment ago, and the broker is
spared."""

import threading
import time

import pytest

from harness import PrivateRabbitMQ, run_command
from harness.load import Load, assert_truthful
from harness.topology import ROOM, Topology, amqp0_gateway, eventually

OURS = "^(amq.default|socket.io.cluster|amq.gen.*)$"


@pytest.fixture(scope="module")
def own_broker():
    with PrivateRabbitMQ() as broker:
        broker.ctl("add_user", "limited", "secret")
        broker.ctl("set_permissions", "limited", OURS, OURS, ".*")
        yield broker


@pytest.fixture
def exchange(request):
    return f"absent.{request.node.name}"


class Batches:
    """Posts batches all the time, each of many emits."""

    def __init__(self, gateway, clients=4, size=1000):
        self.statuses = {}
        self._gateway, self._size, self._stop = gateway, size, threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self):
        items = [{"event": "load", "data": -1, "rooms": [ROOM]}] * self._size
        while not self._stop.is_set():
            results = self._gateway.batch(items).json["results"]
            with self._lock:
                for result in results:
                    key = result.get("routed", result.get("problem", {}).get("code"))
                    self.statuses[key] = self.statuses.get(key, 0) + 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.timed
@pytest.mark.parametrize("why, user", [("absent", "guest:guest"), ("refused", "limited:secret")])
def test_a_flood_of_emits_to_nobody_is_a_dozen_channel_errors_a_second_at_most(own_broker, exchange, why, user):
    if why == "refused":
        Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url.replace("guest:guest", user), exchange) as gateway:
        before = own_broker.log_tail(1_000_000).count("Channel error on connection")
        start = time.monotonic()
        with Load(gateway, [ROOM], clients=8) as load, Batches(gateway) as batches:
            time.sleep(4)
        seconds = time.monotonic() - start
        errors = own_broker.log_tail(1_000_000).count("Channel error on connection") - before
        emits = len(load.outcomes) + sum(batches.statuses.values())
        assert set(load.summary()) == {"unrouted" if why == "absent" else "failed"}, load.summary()
        assert set(batches.statuses) == {False if why == "absent" else "broker_refused"}, batches.statuses
        assert seconds < errors <= 12 * seconds, f"{errors} errors in {seconds:.1f} s, {emits} emits"
        assert emits > 100 * errors
        code = {"absent": 404, "refused": 403}[why]
        assert errors - 2 <= gateway.metric(f'gateway_broker_channels_closed_total{{code="{code}"}}') <= errors
        warnings = [line for line in gateway.log() if line["message"] == "broker closed a channel"]
        assert len(warnings) == 0 if why == "absent" else 1 <= len(warnings) <= 2 * (10 + seconds)


def test_nothing_is_looked_up_while_nobody_waits(own_broker, exchange):
    known = own_broker.log_tail(1_000_000).count("Channel error on connection")
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        assert gateway.emit(event="nobody", rooms=[ROOM])["routed"] is False

        def errors():
            return own_broker.log_tail(1_000_000).count("Channel error on connection")

        # RabbitMQ writes its log a moment later.
        eventually(lambda: errors() > known)
        before = errors()
        time.sleep(1)
        assert errors() == before


def test_the_first_emit_after_the_exchange_has_come_arrives(own_broker, exchange):
    topology = Topology(own_broker.url, exchange, declare=False)
    with amqp0_gateway(own_broker.url, exchange) as gateway, Load(gateway, [ROOM], clients=4) as load:
        for number in range(20):
            load.wait_for(20, "unrouted")
            topology.declare()
            for _ in range(8):  # each on a connection of its own, so that all loops have some
                assert gateway.emit(event="load", data=f"first {number}", rooms=[ROOM])["routed"] is True
            topology.delete()
            # Under way together with others when RabbitMQ closes the channel, it may be unknown; it is never called routed.
            last = gateway.post({"event": "load", "data": f"last {number}", "rooms": [ROOM]})
            assert last.json.get("routed") is False or last.json.get("outcome") == "unknown", last.body
        load.stop()
        received = topology.received()
        assert {n for n in received if isinstance(n, str)} == {f"first {n}" for n in range(20)}
        assert_truthful(load.outcomes, [n for n in received if not isinstance(n, str)])


@pytest.mark.parametrize("loops", [1, 2])
def test_no_emit_of_a_stream_is_lost_while_servers_come_and_go(own_broker, exchange, loops):
    """An exchange that goes with its last queue, as that of socket.io-amqp0 does."""
    topology = Topology(own_broker.url, exchange, declare=False, auto_delete=True)
    bound = []
    with amqp0_gateway(own_broker.url, exchange, loops=loops) as gateway:
        with Load(gateway, [ROOM], clients=16) as load:
            for _ in range(15):
                load.wait_for(10, "unrouted")
                topology.declare()
                since = time.monotonic()
                load.wait_for(50)
                bound.append((since, time.monotonic()))
                topology.unbind()
    assert_truthful(load.outcomes, topology.received())
    assert set(load.summary()) <= {"routed", "unrouted", "unknown"}, load.summary()
    during = [
        number
        for number, (sent, answered) in load.times.items()
        if any(since < sent and answered < until for since, until in bound)
    ]
    assert len(during) > 200
    assert {load.outcomes[number] for number in during} == {"routed"}


def test_the_command_finds_the_exchange_too(own_broker, exchange):
    settings = {"amqp_url": own_broker.url, "wire_format": "amqp0", "amqp0_exchange": exchange}
    assert run_command("emit", "--room", ROOM, "hello", "1", **settings)[0] == 3
    topology = Topology(own_broker.url, exchange)
    assert run_command("emit", "--room", ROOM, "hello", "1", **settings)[0] == 0
    assert topology.received() == [1]
