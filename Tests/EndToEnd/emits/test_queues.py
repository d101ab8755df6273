"""RabbitMQ 4.3 and later refuse queues that are neither durable nor exclusive: which queues are like that, and what
docs/troubleshooting.md says to do about it. The broker here is an older one, which takes and lists them all.
"""

import re
import threading

import pytest

from harness import REPOSITORY, Gateway, PrivateRabbitMQ, RespondingServer, SocketIOServer
from harness.patience import end_of_patience

PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
RECIPES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def broker():
    with PrivateRabbitMQ() as broker:
        yield broker


def queues(broker):
    """The kind of each queue on the broker."""
    kinds = {("true", "false"): "durable", ("false", "true"): "exclusive", ("false", "false"): "neither"}
    lines = broker.ctl("list_queues", "--no-table-headers", "durable", "exclusive").splitlines()
    return sorted(kinds[tuple(line.split("\t"))] for line in lines)


@pytest.fixture(scope="module")
def recipes(broker):
    """A server for each recipe of the page."""
    assert ["KombuManager" in RECIPES[0], "AsyncAioPikaManager" in RECIPES[1]] == [True, True] and len(RECIPES) == 2
    with SocketIOServer(broker.url, manager=RECIPES[0]) as kombu, SocketIOServer(broker.url, manager=RECIPES[1]) as aio_pika:
        yield [kombu, aio_pika]


def test_none_of_ours_and_none_of_the_recipes_is_neither(broker, recipes):
    with (
        RespondingServer(broker.url, "aio-pika", "socket.io.cluster"),
        RespondingServer(broker.url, "kombu", "socket.io.cluster"),
        Gateway(broker.url) as asking,
        Gateway(broker.url, cluster_exchange="nobody answers here") as waiting,
    ):
        both = end_of_patience()
        asking.wait_until(lambda: len(asking.get("/v1/servers").json["servers"]) == 2, both, "know both responders")
        # Acknowledgements of servers without a responder come through a queue of their own, while somebody waits.
        body = {"event": "asked", "rooms": ["nobody"], "ack": {"timeoutMs": 8000}}
        waiter = threading.Thread(target=waiting.post, args=(body,))
        waiter.start()
        while waiter.is_alive() and len(found := queues(broker)) < 7:
            pass
        # Presence of two gateways, callbacks of one, two responders; and the two recipes.
        assert found == ["durable"] * 2 + ["exclusive"] * 5
        waiter.join()


def test_the_recipes_servers_receive_what_is_sent(broker, recipes):
    clients = [server.client("orders") for server in recipes]
    with Gateway(broker.url) as gateway:
        gateway.emit(event="order.paid", args=[42], rooms=["orders"])
        assert [client.next() for client in clients] == [("order.paid", 42)] * 2


def test_without_the_recipes_python_socketio_still_needs_them(broker):
    before = queues(broker).count("neither")
    with SocketIOServer(broker.url, "plain", "kombu"), SocketIOServer(broker.url, "plain", "aio-pika"):
        assert queues(broker).count("neither") == before + 2
