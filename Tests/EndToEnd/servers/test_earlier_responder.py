"""The gateway with servers that have not been updated: the Python responder of an earlier commit passes the gateway's tests."""

import os
import subprocess
import sys

import pytest

from harness import REPOSITORY, RespondingServer
from harness.responding_server import FakeGateway

BEFORE_EVENTS = "677809c"
FILES = ["servers/test_cluster_questions.py", "servers/test_cluster_acks.py", "servers/test_number_rooms.py"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A folder with the package as it was."""
    git = ["git", "-C", str(REPOSITORY)]
    if subprocess.run([*git, "cat-file", "-e", f"{BEFORE_EVENTS}^{{commit}}"], capture_output=True).returncode != 0:
        pytest.skip(f"{BEFORE_EVENTS} is not here: a shallow clone")
    folder = tmp_path_factory.mktemp("earlier")
    package = "adapters/python/socketio_gateway_responder"
    archive = subprocess.run([*git, "archive", BEFORE_EVENTS, package], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder / "adapters/python"


@pytest.mark.parametrize("manager", ["aio-pika", "kombu"])
def test_it_is_the_earlier_one_that_is_asked(broker, earlier, manager, monkeypatch):
    monkeypatch.setenv("RESPONDER_PACKAGE", str(earlier))
    exchange = f"earlier.{manager}"
    with RespondingServer(broker.url, manager, exchange), FakeGateway(broker.url, exchange) as gateway:
        (heartbeat,) = gateway.wait_for_servers(1)
        assert heartbeat["features"] == ["acks", "numbers"]
        # What it has never heard of does it no harm.
        gateway.want()
        assert gateway.fetch(count=True, list={}, numbers=True)["rooms"] == []


def test_what_the_gateway_asks_is_answered_by_it(earlier):
    files = [str(REPOSITORY / "Tests/EndToEnd" / name) for name in FILES]
    environment = {**os.environ, "RESPONDER_PACKAGE": str(earlier)}
    program = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={earlier}/cache", "-m", "not slow and not timed", *files]
    for again in ([], ["--last-failed"], ["--last-failed"]):  # as scripts/again.sh
        run = subprocess.run([*program, *again], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=900)
        if run.returncode == 0:
            break
    assert run.returncode == 0, run.stdout[-5000:]
    assert " passed" in run.stdout
