"""Without its broker the gateway says so at once, stays alive, and comes back by itself."""

import socket
import time

import pytest

from harness import Gateway, Witness, assert_problem
from harness.patience import end_of_patience

pytestmark = pytest.mark.timed


@pytest.fixture
def gateway(own_broker):
    own_broker.start()
    with Gateway(own_broker.url, confirm_timeout="1s") as gateway:
        yield gateway


def assert_alive(gateway, samples=20):
    """/livez within 100 ms, whatever the broker does. One sample may be late: the machine has other things to do."""
    times = []
    for _ in range(samples):
        start = time.monotonic()
        assert gateway.get("/livez").status == 200
        times.append(time.monotonic() - start)
        time.sleep(0.05)
    assert sorted(times)[-2] < 0.1, sorted(times)


def assert_unavailable(gateway):
    start = time.monotonic()
    response = gateway.post({"event": "hello"})
    assert time.monotonic() - start < 1
    problem = assert_problem(response, 503, "broker_unavailable")
    assert problem["retryable"] is True
    assert int(response.headers["Retry-After"]) >= 1


def wait_until_not_ready(gateway):
    deadline = end_of_patience()
    while (response := gateway.get("/readyz")).status == 200:
        assert time.monotonic() < deadline, "still ready without a broker"
        time.sleep(0.02)
    assert_problem(response, 503, "broker_unavailable")
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("how", ["shutdown", "kill"])
def test_a_lost_broker_is_said_at_once_and_found_again(own_broker, gateway, how):
    gateway.emit(event="before")
    getattr(own_broker, how)()
    wait_until_not_ready(gateway)
    assert_unavailable(gateway)
    assert_alive(gateway)
    assert_unavailable(gateway)

    own_broker.start()
    gateway.wait_until_ready()
    with Witness(own_broker.url, "socketio", "fanout") as witness:
        assert gateway.emit(event="after")["status"] == "confirmed"
        witness.take(1)


def test_a_gateway_may_start_before_its_broker(own_broker):
    own_broker.kill()
    with_broker_to_come = Gateway(own_broker.url).start(ready=False)
    try:
        wait_until_not_ready(with_broker_to_come)
        assert_unavailable(with_broker_to_come)
        assert_alive(with_broker_to_come)
        own_broker.start()
        with_broker_to_come.wait_until_ready()
        assert with_broker_to_come.emit(event="hello")["status"] == "confirmed"
        with_broker_to_come.stop()
    finally:
        with_broker_to_come.kill()


def test_a_broker_that_stands_still_leaves_the_outcome_unknown(own_broker, gateway):
    with Witness(own_broker.url, "socketio", "fanout"):
        for _ in range(20):  # every loop of the gateway must know the exchange; else it would publish nothing now
            gateway.emit(event="before")
        own_broker.pause()
        try:
            response = gateway.post({"event": "hello"})
            problem = assert_problem(response, 504, "confirm_timeout")
            assert problem["outcome"] == "unknown"
            assert problem["retryable"] is False
            assert_alive(gateway)
        finally:
            own_broker.resume()
        gateway.wait_until_ready()
        deadline = end_of_patience()
        while gateway.post({"event": "after"}).status != 200:
            assert time.monotonic() < deadline, "no service again"
            time.sleep(0.1)


@pytest.fixture
def silent_peer():
    """Accepts connections (its kernel does) and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"amqp://guest:guest@127.0.0.1:{server.getsockname()[1]}/%2F"


def test_a_peer_that_accepts_and_stays_silent_does_not_hold_up_the_gateway(silent_peer):
    gateway = Gateway(silent_peer).start(ready=False)
    try:
        assert_alive(gateway, samples=40)
        wait_until_not_ready(gateway)
        assert_unavailable(gateway)
        gateway.stop()
    finally:
        gateway.kill()
