"""A message above RabbitMQ's `max_message_size` closes the channel that it comes on."""

import pytest

from harness import PrivateRabbitMQ, SimulatedServer, assert_problem
from harness.kinds import KINDS, hooked_gateway, numbered
from harness.load import Load, assert_truthful
from harness.questions import ask, wait_for_servers
from harness.topology import ROOM, Topology, amqp0_gateway, eventually

LIMIT = 65_536
CLUSTER = "cluster.oversize"


@pytest.fixture(scope="module")
def own_broker():
    with PrivateRabbitMQ(settings=[f"max_message_size = {LIMIT}"]) as broker:
        yield broker


@pytest.fixture
def exchange(request):
    return f"oversize.{request.node.name}"


def closes(gateway, code=406):
    return gateway.metric(f'gateway_broker_channels_closed_total{{code="{code}"}}')


def assert_too_large(status, problem):
    assert status == 413 and problem["code"] == "payload_too_large" and problem["retryable"] is False, problem
    assert str(LIMIT) in problem["detail"] and "max_message_size" in problem["detail"]
    assert "outcome" not in problem


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_413_and_the_limit_is_remembered(own_broker, exchange, kind):
    topology = Topology(own_broker.url, exchange)
    with hooked_gateway(own_broker.url, exchange) as gateway:
        for number in range(20):  # on all loops
            assert KINDS[kind](gateway, numbered(number))[0] == 200
        for _ in range(20):
            assert_too_large(*KINDS[kind](gateway, numbered(-1, filler=LIMIT)))
            assert closes(gateway) == 1
        [line] = [line for line in gateway.log() if line["message"] == "broker closed a channel"]
        assert line["level"] == "warning" and line["code"] == "406" and str(LIMIT) in line["reason"]
        assert KINDS[kind](gateway, numbered(20))[0] == 200
    assert topology.received() == list(range(21))


@pytest.mark.parametrize("kind", KINDS)
def test_what_else_is_in_flight_is_answered_truthfully(own_broker, exchange, kind):
    topology = Topology(own_broker.url, exchange)
    unknown, routed = 0, 0
    for _ in range(4):  # a new gateway has to learn the limit anew
        with hooked_gateway(own_broker.url, exchange, loops=1) as gateway, Load(gateway, [ROOM], clients=16) as load:
            load.wait_for(100)
            assert_too_large(*KINDS[kind](gateway, numbered(-1, filler=LIMIT)))
            load.wait_for(100)
            load.stop()
            assert set(load.summary()) <= {"routed", "unknown"} and closes(gateway) == 1
            assert load.codes <= {"confirm_timeout"}
            assert_truthful(load.outcomes, topology.received())
            unknown += len(load.numbers("unknown"))
            routed += len(load.numbers("routed"))
    # What is before it in the same breath, at the most.
    assert unknown <= 4 * 16, (unknown, routed)


def test_of_a_batch_what_is_behind_it_arrives(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange, loops=1) as gateway:
        assert gateway.emit(**numbered(-1))["routed"] is True
        items = [numbered(n, filler=LIMIT + n if n in (50, 80) else 0) for n in range(100)]
        results = gateway.batch(items).json["results"]
        received = topology.received()[1:]
        for number in (50, 80):
            assert_too_large(results[number]["status"], results[number]["problem"])
        behind = [n for n in range(51, 100) if n != 80]
        assert [results[n]["status"] for n in behind] == [200] * len(behind)
        assert [n for n in received if n > 50] == behind, "once each, and in order"
        assert {results[n]["status"] for n in range(50)} <= {200, 504}
        assert len(set(received)) == len(received)
        # Known now, it closes nothing.
        results = gateway.batch(items).json["results"]
        assert [n for n in range(100) if results[n]["status"] != 200] == [50, 80] and closes(gateway) == 1


def test_an_emit_to_several_rooms_one_message_of_which_is_too_large(own_broker, exchange):
    """Each message leaves out the rooms before its own, so that the last are the longest."""
    topology = Topology(own_broker.url, exchange)
    rooms = [ROOM, *(f"room {n} ".ljust(200, "x") for n in range(40))]
    with amqp0_gateway(own_broker.url, exchange, loops=1) as gateway:
        emit = {"event": "load", "data": "x" * (LIMIT - 2_000), "rooms": rooms}
        first = gateway.post(emit)
        assert_problem(first, 504, "confirm_timeout")
        assert len(topology.received()) <= 1
        second = gateway.post(emit)
        assert_too_large(second.status, second.json)
        assert topology.received() == [] and closes(gateway) == 1
        fits = {**emit, "data": "x"}
        assert gateway.post(fits).status == 200
        assert topology.received() == ["x"]


def test_a_question_that_is_too_long(own_broker, exchange):
    with SimulatedServer(own_broker.url, CLUSTER) as server:
        with amqp0_gateway(own_broker.url, exchange, cluster_exchange=CLUSTER) as gateway:
            wait_for_servers(gateway, 1)
            question = {"event": "e", "args": ["x" * LIMIT], "ack": {"timeoutMs": 5000}}
            response = gateway.post(question, path="/v1/servers/emit")
            assert_problem(response, 413, "payload_too_large")
            assert closes(gateway) == 1
            eventually(lambda: gateway.get("/v1/servers").status == 200)  # on a new connection
            wait_for_servers(gateway, 1)
            assert_problem(gateway.post(question, path="/v1/servers/emit"), 413, "payload_too_large")
            assert closes(gateway) == 1, "known, it is not asked again"
            assert ask(gateway, "/v1/counts")["complete"] is True
            assert server.questions(9) == []
