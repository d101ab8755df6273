"""The broker breaks while requests of each kind are in flight: nothing that was confirmed is lost, and nothing comes twice."""

import time

import pytest

from harness import SimulatedServer
from harness.kinds import KINDS, KindLoad, hooked_gateway
from harness.load import assert_truthful
from harness.questions import Asking, wait_for_servers
from harness.topology import Topology, amqp0_gateway, eventually

CODES = {"broker_unavailable", "confirm_timeout", "overloaded"}


@pytest.fixture
def exchange(request):
    return f"restart.{request.node.name}"


def paused(broker):
    broker.pause()
    time.sleep(1)
    broker.resume()


def connections_closed(broker):
    broker.ctl("close_all_connections", "a test breaks them")


@pytest.mark.parametrize("breaks", [paused, connections_closed], ids=lambda function: function.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_confirmed_has_arrived_once(own_broker, exchange, kind, breaks):
    topology = Topology(own_broker.url, exchange)
    with hooked_gateway(own_broker.url, exchange, confirm_timeout="500ms") as gateway:
        with KindLoad(gateway, kind) as load:
            for _ in range(2):
                load.wait_for(30, "routed")
                breaks(own_broker)
            load.wait_for(30, "routed")
        # What was under way may still be on its way from the broker's socket to the queue.
        time.sleep(1)
        assert_truthful(load.outcomes, topology.received())
        assert load.codes <= CODES, load.codes
        assert "unrouted" not in load.outcomes.values()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "shutdown"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_that_was_started_anew_is_told_nothing_twice(own_broker, exchange, kind, how):
    """Its queues do not outlive it: what is new is compared, and of the old the answers must be as they may be."""
    Topology(own_broker.url, exchange)
    with hooked_gateway(own_broker.url, exchange) as gateway:
        with KindLoad(gateway, kind) as load:
            load.wait_for(30, "routed")
            getattr(own_broker, how)()
            time.sleep(1)
            own_broker.start()
            topology = Topology(own_broker.url, exchange)
            began = len(load.outcomes)
            load.wait_for(60, "routed", timeout=60)
        received = topology.received()
        assert len(received) == len(set(received))
        # Emits are numbered in the order in which they begin; a few were under way when the queue came.
        late = {n for n, outcome in load.outcomes.items() if outcome == "routed" and n > began + 12}
        assert late and late <= set(received)
        assert load.codes <= CODES, load.codes


def test_a_question_is_answered_or_refused_at_once_and_answered_again_afterwards(own_broker, exchange):
    cluster = f"{exchange}.cluster"
    settings = {"cluster_exchange": cluster, "requests_timeout": "1s"}
    with amqp0_gateway(own_broker.url, exchange, **settings) as gateway:
        for breaks in (paused, connections_closed):
            with SimulatedServer(own_broker.url, cluster) as server:
                wait_for_servers(gateway, 1)
                server.holds = range(14)
                questions = [Asking(gateway.get, "/v1/counts") for _ in range(5)]
                questions += [Asking(gateway.post, {"all": True, "rooms": ["r"]}, path="/v1/sockets/join") for _ in range(5)]
                eventually(lambda: server.asked)
                breaks(own_broker)
                for question in questions:
                    response = question.outcome()
                    assert response.status in (200, 503, 504) and question.seconds < 8
                    if response.status == 200:
                        assert response.json["complete"] is False, response.json
            with SimulatedServer(own_broker.url, cluster):
                eventually(lambda: gateway.get("/v1/counts").status == 200)
