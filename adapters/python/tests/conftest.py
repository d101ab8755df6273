"""One broker for the whole run; a test that breaks its broker starts its own."""

import sys
import time
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from harness import FakeGateway, PrivateRabbitMQ, Server  # noqa: E402


@pytest.fixture(scope="session")
def broker():
    with PrivateRabbitMQ() as broker:
        yield broker


@pytest.fixture(scope="session", params=["aio-pika", "kombu"])
def manager(request):
    return request.param


@pytest.fixture(scope="session")
def running_server(broker, manager):
    """One server for each kind, alone on its exchange."""
    with Server(
        broker.url, manager, f"alone.{manager}", f"channel.{manager}", ["/", "/chat"], interval=0.5, data="session"
    ) as server:
        with FakeGateway(broker.url, f"alone.{manager}") as gateway:
            gateway.wait_for_servers(1)
        yield server


@pytest.fixture
def gateway(broker, manager, running_server):
    with FakeGateway(broker.url, f"alone.{manager}") as gateway:
        yield gateway


@pytest.fixture
def server(running_server, gateway):
    yield running_server
    running_server.disconnect_clients()
    assert running_server.is_running
    deadline = time.monotonic() + 15
    while any(gateway.fetch(namespace, count=True)["count"] for namespace in ("/", "/chat")):
        assert time.monotonic() < deadline, "clients have gone, and the server still has them"
        time.sleep(0.02)
