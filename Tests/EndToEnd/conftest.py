"""What tests of all folders share: one broker for the whole run, and one more for those that break theirs."""

import pytest

from harness import PrivateRabbitMQ, Witness

SLOW = 900  # seconds, for one test
BROWSERS = {"page", "pages"}  # fixtures


# The files that take longest, by their ends: they begin first, so that no worker is left alone with one.
LONGEST = (
    "process/test_reload.py",
    "faults/test_broker_restart.py",
    "console/test_console_send.py",
    "faults/test_broker_truth.py",
    "contract/test_openapi.py",
    "faults/test_ack_truth.py",
    "faults/test_permissions.py",
    "servers/test_cluster_acks.py",
    "faults/test_server_without_goodbye.py",
    "events/test_rooms.py",
    "contract/test_schemathesis.py",
    "faults/test_absent_exchange.py",
    "process/test_demo.py",
    "console/test_console_overview.py",
    "emits/test_batch.py",
    "servers/test_cluster_outage.py",
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))
    for item in items:
        if item.get_closest_marker("timed") and "mark.timed" not in item.path.read_text():
            raise pytest.UsageError(f"{item.nodeid}: a test that is timed has pytest.mark.timed in its file: scripts/e2e.sh looks for it")
        if "faults" in item.path.parts:
            item.add_marker("faults")
        if not BROWSERS.isdisjoint(item.fixturenames):
            item.add_marker("browser")
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW))


@pytest.fixture(scope="session")
def broker():
    with PrivateRabbitMQ() as broker:
        yield broker


@pytest.fixture(scope="session")
def _breakable_broker():
    with PrivateRabbitMQ() as broker:
        yield broker


@pytest.fixture(scope="module")
def own_broker(_breakable_broker):
    """A broker that only this module uses, with nothing on it. It may be paused, stopped and killed, and is then started
    again by who did it; the next module gets it running and empty."""
    _breakable_broker.start()
    _breakable_broker.reset()
    return _breakable_broker


@pytest.fixture(scope="module")
def exchange(request):
    """The name of an exchange that no other module uses."""
    return f"test.{request.module.__name__}"


@pytest.fixture
def witness(broker, exchange):
    """Of all that python-socketio's servers would get over the module's exchange."""
    with Witness(broker.url, exchange, "fanout") as witness:
        yield witness


@pytest.fixture
def server(running_server):
    """The module's server, `running_server`; the clients of a test leave when it is over."""
    yield running_server
    running_server.disconnect_clients()
