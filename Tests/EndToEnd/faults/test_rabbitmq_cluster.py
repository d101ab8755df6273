"""A RabbitMQ cluster of three nodes, of which one is killed: what was confirmed, what was lost, and how soon it goes on."""

import json
import time
from contextlib import ExitStack
from itertools import pairwise

import pika
import pytest

from harness import Gateway, PrivateRabbitMQ, SimulatedServer, SocketIOServer, Witness
from harness.load import Load, assert_truthful
from harness.patience import until
from harness.questions import wait_for_servers

ROOM = "room"
LIMIT = 5  # seconds without service

pytestmark = [pytest.mark.slow, pytest.mark.timed]


@pytest.fixture(scope="module")
def nodes():
    with ExitStack() as stack:
        first = stack.enter_context(PrivateRabbitMQ())
        nodes = [first, *(stack.enter_context(PrivateRabbitMQ(beside=first)) for _ in range(2))]
        status = json.loads(first.ctl("cluster_status", "--formatter", "json"))
        assert len(status["running_nodes"]) == 3
        yield nodes


@pytest.fixture
def cluster(nodes):
    """All three run; those that a test has killed are started again."""
    for node in nodes:
        node.start()
    return nodes


def gateway_of(nodes, exchange, **settings):
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    url = f"amqp://guest:guest@{hosts}/%2F"
    return Gateway(url, **{"wire_format": "amqp0", "amqp0_exchange": exchange, "loops": 1, **settings})


def node_of(gateway, nodes):
    """The one that the gateway publishes to, and the others."""
    [place] = gateway.get("/readyz").json["brokers"]
    [own] = [node for node in nodes if place == f"127.0.0.1:{node.port}"]
    return own, [node for node in nodes if node is not own]


def longest_gap(load, since):
    """The longest time in which no emit was answered as routed, from the moment `since` on."""
    ends = sorted(load.times[number][1] for number in load.numbers("routed"))
    moments = [since, *(end for end in ends if end > since)]
    assert len(moments) > 1
    return max(later - earlier for earlier, later in pairwise(moments))


def test_the_gateway_s_node_is_killed_under_load(cluster):
    """It holds no server's queue: nothing that was confirmed is lost, nothing comes twice, and it goes on within five seconds."""
    exchange = "cluster.own"
    with gateway_of(cluster, exchange) as gateway:
        own, others = node_of(gateway, cluster)
        with Witness(others[0].url, exchange, "direct", [ROOM]) as witness:
            with Load(gateway, [ROOM]) as load:
                load.wait_for(2_000)
                killed = time.monotonic()
                own.kill()
                load.wait_for(2_000)
            assert longest_gap(load, killed) < LIMIT
            assert load.numbers("failed") | load.numbers("unknown"), "nobody noticed"
            assert node_of(gateway, cluster)[0] in others
            # What was under way may still be on its way between the nodes.
            time.sleep(1)
            received = [message.json["packet"]["data"][1] for message in witness.all()]
            assert_truthful(load.outcomes, received)


def test_questions_go_on_when_their_node_is_killed(cluster):
    exchange = "cluster.questions"
    with gateway_of(cluster, exchange, cluster_exchange=exchange, requests_timeout="2s") as gateway:
        own = until(lambda: questions_node(gateway, cluster), "a connection for questions")
        other = next(node for node in cluster if node is not own)
        with SimulatedServer(other.url, exchange, [("a", [ROOM])]):
            wait_for_servers(gateway, 1)
            killed = time.monotonic()
            own.kill()
            until(lambda: questions_node(gateway, cluster) not in (None, own), "a connection with another")
            wait_for_servers(gateway, 1)
            assert gateway.get("/v1/counts").json["sockets"] == 1
            assert time.monotonic() - killed < LIMIT + 2  # servers have the time to say that they are there


def questions_node(gateway, nodes):
    for node in nodes:
        if gateway.metric(f'gateway_broker_open_connections{{broker="127.0.0.1:{node.port}",purpose="questions"}}'):
            return node
    return None


def test_the_servers_node_is_killed(cluster):
    """What its queues held is lost with it, and no emit is said to have gone to anybody until servers have queues again."""
    exchange = "cluster.servers"
    with gateway_of(cluster, exchange) as gateway:
        own, others = node_of(gateway, cluster)
        witness = Witness(others[0].url, exchange, "direct", [ROOM])
        # Of another room, so that the exchange stays.
        with Witness(others[1].url, exchange, "direct", ["another"]) as bystander:
            for number in range(100):
                assert gateway.emit(event="e", data=number, rooms=[ROOM])["routed"] is True
            others[0].kill()
            with pytest.raises(pika.exceptions.AMQPError):
                witness.waiting()
            until(lambda: is_routed(gateway) is False, "an emit that nobody is there for")
            with Witness(others[1].url, exchange, "direct", [ROOM]) as returned:
                for number in range(100):
                    assert gateway.emit(event="e", data=number, rooms=[ROOM])["routed"] is True
                assert [message.json["packet"]["data"][1] for message in returned.take(100)] == list(range(100))
            assert bystander.waiting() == []
        assert node_of(gateway, cluster)[0] is own, "the gateway's own node was well"


def is_routed(gateway):
    response = gateway.post({"event": "e", "rooms": [ROOM]})
    return response.json["routed"] if response.status == 200 else None


def test_emits_arrive_when_real_servers_have_returned(cluster):
    """python-socketio's server connects again by itself as soon as its node is back."""
    exchange = "cluster.real"
    with gateway_of(cluster, exchange, wire_format="python-socketio", python_socketio_exchange=exchange) as gateway:
        _, others = node_of(gateway, cluster)
        server = SocketIOServer(others[0].url, exchange)
        try:
            client = server.client(ROOM)
            gateway.emit(event="before", rooms=[ROOM])
            assert client.next() == ("before",)
            others[0].kill()
            others[0].start()

            def arrives():
                gateway.post({"event": "after", "rooms": [ROOM]})
                try:
                    return client.next(timeout=0.3) == ("after",)
                except AssertionError:
                    return False

            until(arrives, "an emit after the server's return")
        finally:
            server.close()
