"""SIGTERM: first not ready, then closed to new connections, and every request under way gets its answer."""

import http.client
import signal
import socket
import time

import pytest

from harness import Gateway, Witness, assert_problem
from harness.load import Load

EXCHANGE = "test.shutdown"


@pytest.fixture
def witness(broker):
    with Witness(broker.url, EXCHANGE, "direct", ["room"]) as witness:
        yield witness


def gateway_at(broker, **settings):
    return Gateway(broker.url, wire_format="amqp0", amqp0_exchange=EXCHANGE, loops=2, **settings)


def refuses_connections(gateway):
    try:
        socket.create_connection(gateway.address, timeout=1).close()
        return False
    except ConnectionRefusedError:
        return True


@pytest.mark.parametrize("delay", ["0s", "1s"])
def test_under_load_nothing_confirmed_is_lost_and_no_answer_is_cut(broker, witness, delay):
    gateway = gateway_at(broker, shutdown_delay=delay).start()
    with Load(gateway, ["room"], clients=24) as load:
        load.wait_for(300)
        gateway.stop(signal.SIGTERM)
    received = {message.json["packet"]["data"][1] for message in witness.waiting()}
    assert load.numbers("routed") <= received
    assert set(load.summary()) <= {"routed", "unanswered"}
    # Unanswered is what came when nobody listened any more; what had come before was not cut.
    assert received - load.numbers("routed") == set()


@pytest.mark.timed
def test_not_ready_comes_first_and_new_connections_are_taken_until_the_delay_is_over(broker, witness):
    gateway = gateway_at(broker, shutdown_delay="1s").start()
    start = time.monotonic()
    gateway._process.send_signal(signal.SIGTERM)
    while gateway.get("/readyz").status == 200:
        assert time.monotonic() - start < 0.5
    assert_problem(gateway.get("/readyz"), 503, "shutting_down")
    assert gateway.get("/livez").status == 200
    assert gateway.emit(event="late", rooms=["room"])["routed"] is True
    assert gateway.wait_for_exit() == 0
    assert 0.9 < time.monotonic() - start < 3
    assert refuses_connections(gateway)


def test_a_request_whose_confirm_is_late_is_answered_before_the_end(own_broker):
    with Witness(own_broker.url, EXCHANGE, "direct", ["room"]):
        gateway = gateway_at(own_broker, confirm_timeout="60s", shutdown_timeout="60s").start()
        for _ in range(20):
            gateway.emit(event="known", rooms=["room"])
        own_broker.pause()
        late = gateway.send({"event": "late", "rooms": ["room"]})
        gateway.wait_for_in_flight(1)
        gateway.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert not late.is_answered()
        own_broker.resume()
        answer = late.response()
        assert answer.status == 200 and answer.json["routed"] is True
        assert gateway.wait_for_exit() == 0


@pytest.mark.parametrize("how", ["time-out", "second signal"])
def test_what_is_not_confirmed_in_time_is_answered_as_unknown(own_broker, how):
    with Witness(own_broker.url, EXCHANGE, "direct", ["room"]):
        gateway = gateway_at(own_broker, shutdown_timeout="1s" if how == "time-out" else "60s", confirm_timeout="60s")
        gateway.start()
        for _ in range(20):
            gateway.emit(event="known", rooms=["room"])
        own_broker.pause()
        try:
            late = gateway.send({"event": "late", "rooms": ["room"]})
            gateway.wait_for_in_flight(1)
            gateway.signal(signal.SIGTERM)
            if how == "second signal":
                # Two that wait at the same time are one, for the kernel.
                gateway.wait_for_line("stopping")
                gateway.signal(signal.SIGTERM)
            assert_problem(late.response(), 504, "confirm_timeout")
            assert gateway.wait_for_exit() == 0
        finally:
            own_broker.resume()


@pytest.mark.timed
def test_idle_connections_do_not_hold_it_up(broker):
    gateway = gateway_at(broker).start()
    idle = [http.client.HTTPConnection(*gateway.address) for _ in range(20)]
    for connection in idle:
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
    half_sent = socket.create_connection(gateway.address)
    half_sent.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: local")
    start = time.monotonic()
    gateway.stop()
    assert time.monotonic() - start < 2
    half_sent.close()


def test_requests_that_come_with_the_signal_are_answered_as_usual(broker, witness):
    for _ in range(3):
        gateway = gateway_at(broker).start()
        connections = [http.client.HTTPConnection(*gateway.address) for _ in range(30)]
        for connection in connections:
            connection.connect()
        gateway._process.send_signal(signal.SIGTERM)
        asked, answers = [], []
        for connection in connections[:10]:
            try:
                connection.request(
                    "POST", "/v1/emit", '{"event":"e","rooms":["room"]}', {"Content-Type": "application/json"}
                )
                asked.append(connection)
            except OSError:
                pass  # the connection was closed already
        for connection in asked:
            try:
                answers.append(connection.getresponse().status)
            except OSError:
                answers.append(None)  # it was closed before the request came
        assert set(answers) <= {200, None}
        assert gateway.wait_for_exit() == 0
        assert answers.count(200) == len(witness.waiting())


def test_what_was_accepted_without_waiting_is_published_before_the_end(broker, witness):
    for uptime in (0, 3):  # the heartbeat is a second: whoever closes must have kept count of it
        gateway = gateway_at(broker, amqp_heartbeat="1s").start()
        time.sleep(uptime)
        for number in range(300):
            gateway.emit(event="e", data=number, rooms=["room"], confirm="none")
        gateway.stop()
        assert len(witness.take(300)) == 300
    assert "client unexpectedly closed TCP connection" not in broker.log_tail(30)


def test_the_first_emit_accepted_without_waiting_is_published_before_the_end(broker, witness):
    for _ in range(5):
        gateway = gateway_at(broker).start()
        gateway.emit(event="first", rooms=["room"], confirm="none")
        gateway.stop()
        witness.take(1)
