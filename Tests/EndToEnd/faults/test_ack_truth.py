"""What the gateway says of an emit with acknowledgements, and of a question, is true, whatever happens to the broker."""

import time
from contextlib import ExitStack, contextmanager

import pika
import pytest

from harness import AnsweringClient, Gateway, SimulatedServer, SocketIOServer, Witness, assert_problem
from harness.questions import Asking, asked, in_flight, unconfirmed, until, wait_for_servers
from harness.simulated_server import EVERYTHING

FORMATS = ["amqp0", "cluster", "python-socketio"]
FULL = {"x-max-length": 1, "x-overflow": "reject-publish"}
# Never waited for: what is under test ends sooner.
LONG = 60_000
# Waited for in full.
SHORT = 700


@pytest.fixture
def exchange(request):
    return f"acks.{request.node.name}"


def gateway_with(broker, exchange, wire_format="amqp0", **settings):
    return Gateway(
        broker.url,
        wire_format=wire_format,
        cluster_exchange=exchange,
        amqp0_exchange=f"{exchange}.amqp0",
        python_socketio_exchange=f"{exchange}.fanout",
        **{"loops": 1, **settings},
    )


@contextmanager
def paused(broker):
    broker.pause()
    try:
        yield
    finally:
        broker.resume()


def emit(gateway, timeout=SHORT, key=None, **fields):
    """The response to an emit that clients are to acknowledge."""
    headers = {"Idempotency-Key": key} if key else {}
    return gateway.post({"event": "e", "ack": {"timeoutMs": timeout}, **fields}, headers=headers)


def assert_unknown(response):
    assert_problem(response, 504, "confirm_timeout")
    assert (response.json["outcome"], response.json["retryable"]) == ("unknown", False)


def code(response):
    return response.json.get("code", response.status)


@pytest.mark.parametrize("wire_format", FORMATS)
def test_a_broker_that_stands_still_has_confirmed_nothing(own_broker, exchange, wire_format):
    with ExitStack() as stack:
        server = stack.enter_context(SimulatedServer(own_broker.url, exchange, clients=0))
        gateway = stack.enter_context(gateway_with(own_broker, exchange, wire_format))
        wait_for_servers(gateway, 1)
        assert emit(gateway).json["status"] == "confirmed"
        with paused(own_broker):
            join = {"all": True, "rooms": ["r"], "timeoutMs": SHORT}
            unknown = [
                Asking(emit, gateway, key="once"),
                Asking(emit, gateway, namespace="/nobody"),
                Asking(gateway.post, join, path="/v1/sockets/join"),
                Asking(gateway.post, {"event": "e", "ack": {"timeoutMs": SHORT}}, path="/v1/servers/emit"),
            ]
            reads = [Asking(asked, gateway, path, timeoutMs=SHORT) for path in ("/v1/sockets", "/v1/rooms", "/v1/counts")]
            for asking in unknown:
                assert_unknown(asking.outcome())
            for asking in reads:
                assert assert_problem(asking.outcome(), 503, "broker_unavailable")["retryable"] is True
        # What is unknown is remembered: it is not done a second time.
        until(lambda: emit(gateway).status == 200, "the broker confirms again")
        again = emit(gateway, key="once")
        assert_unknown(again)
        assert again.headers["Idempotent-Replayed"] == "true"
        before = len(server.questions(3))
        assert emit(gateway).json["servers"]["responded"] == 1
        assert len(server.questions(3)) == before + 1


@pytest.mark.parametrize("wire_format", FORMATS)
def test_servers_are_not_gone_because_the_broker_is_silent(own_broker, exchange, wire_format):
    """They say so every half second, and are gone after three times of that; the connection is not lost meanwhile."""
    with ExitStack() as stack:
        stack.enter_context(SimulatedServer(own_broker.url, exchange, interval_ms=500, clients=0))
        gateway = stack.enter_context(gateway_with(own_broker, exchange, wire_format, amqp_heartbeat="60s"))
        wait_for_servers(gateway, 1)
        with paused(own_broker):
            end = time.monotonic() + 4
            while time.monotonic() < end:
                assert_unknown(emit(gateway, timeout=200))
                assert_problem(asked(gateway, "/v1/counts", timeoutMs=200), 503, "broker_unavailable")
        answer = until(lambda: (response := emit(gateway)).status == 200 and response.json, "it is confirmed again")
        assert answer["servers"]["expected"] == 1


@pytest.mark.parametrize("wire_format", FORMATS)
def test_a_broker_that_is_silent_for_longer_than_its_heartbeat_is_unavailable(own_broker, exchange, wire_format):
    with ExitStack() as stack:
        stack.enter_context(SimulatedServer(own_broker.url, exchange, interval_ms=500, clients=0))
        gateway = stack.enter_context(gateway_with(own_broker, exchange, wire_format, amqp_heartbeat="1s"))
        wait_for_servers(gateway, 1)
        with paused(own_broker):
            codes = []
            until(lambda: codes.append(code(emit(gateway, timeout=200))) or codes[-1] == "broker_unavailable", "it is noticed")
            assert set(codes[:-1]) <= {"confirm_timeout"}
            end = time.monotonic() + 4
            while time.monotonic() < end:
                problem = assert_problem(emit(gateway, timeout=200), 503, "broker_unavailable")
                assert problem["retryable"] is True
        until(lambda: emit(gateway).status == 200, "it is confirmed again")


@pytest.mark.parametrize("wire_format", FORMATS)
def test_who_knows_no_server_does_not_say_that_there_is_none_without_the_broker(own_broker, exchange, wire_format):
    with gateway_with(own_broker, exchange, wire_format) as gateway:
        nobody = emit(gateway)
        if wire_format == "python-socketio":  # they return acknowledgements by themselves, from rooms
            assert_problem(nobody, 422, "not_expressible", "/rooms")
        else:
            assert_problem(nobody, 503, "no_servers")
        with paused(own_broker):
            assert_problem(emit(gateway), 503, "broker_unavailable")
            assert_problem(asked(gateway, "/v1/counts", timeoutMs=SHORT), 503, "broker_unavailable")


@pytest.mark.parametrize("servers", [0, 1])
@pytest.mark.parametrize("wire_format", FORMATS)
def test_an_alarm_is_an_alarm(own_broker, exchange, wire_format, servers):
    with ExitStack() as stack:
        for _ in range(servers):
            stack.enter_context(SimulatedServer(own_broker.url, exchange, clients=0))
        gateway = stack.enter_context(gateway_with(own_broker, exchange, wire_format))
        wait_for_servers(gateway, servers)
        before = code(emit(gateway))
        own_broker.ctl("set_vm_memory_high_watermark", "0")
        try:
            codes = []
            until(lambda: codes.append(code(emit(gateway))) or codes[-1] == "broker_blocked", "it is noticed")
            # Until the alarm is there, the answer is the one before it.
            assert set(codes[:-1]) <= {before, "confirm_timeout"}
            for _ in range(5):
                assert_problem(emit(gateway), 503, "broker_blocked")
        finally:
            own_broker.ctl("set_vm_memory_high_watermark", "0.4")
        until(lambda: code(emit(gateway)) == before, "it is as before")


@pytest.mark.parametrize("wire_format", FORMATS)
def test_what_was_confirmed_stays_confirmed_when_the_connection_is_closed(own_broker, exchange, wire_format):
    with ExitStack() as stack:
        server = stack.enter_context(SimulatedServer(own_broker.url, exchange))
        server.holds = EVERYTHING
        gateway = stack.enter_context(gateway_with(own_broker, exchange, wire_format))
        wait_for_servers(gateway, 1)
        confirmed = Asking(emit, gateway, timeout=LONG)
        until(lambda: server.questions(3), "it is asked")
        until(lambda: unconfirmed(own_broker) == 0, "it is confirmed")
        for line in own_broker.ctl("list_connections", "pid", "client_properties").splitlines():
            if '"socketio-gateway cluster"' in line:
                own_broker.ctl("close_connection", line.split("\t")[0], "a test closes it")
        answer = confirmed.outcome().json
        assert (answer["status"], answer["routed"], answer["recipients"]) == ("confirmed", True, None)
        assert answer["acks"] == {"expected": None, "received": 0, "complete": False, "responses": []}
        assert answer["servers"] == {"expected": 1, "responded": 0, "missing": [server.uid], "tooLarge": []}


def test_what_was_not_confirmed_is_unknown_when_the_broker_dies(own_broker, exchange):
    with gateway_with(own_broker, exchange) as gateway:
        with SimulatedServer(own_broker.url, exchange):
            wait_for_servers(gateway, 1)
            own_broker.pause()
            question = Asking(emit, gateway, timeout=LONG)
            until(lambda: in_flight(gateway) == 1, "it waits")
            own_broker.kill()
            assert_unknown(question.outcome())
            assert_problem(emit(gateway), 503, "broker_unavailable")
            own_broker.start()


@pytest.fixture
def full(own_broker, exchange):
    """Puts a queue beside the servers' that takes no message any more."""
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))

    def put(name, kind, key):
        channel = connection.channel()
        channel.exchange_declare(name, kind, durable=False)
        queue = channel.queue_declare("", exclusive=True, arguments=FULL).method.queue
        channel.queue_bind(queue, name, key)
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"it has room for one")

    yield put
    connection.close()


@pytest.mark.parametrize("wire_format", FORMATS)
def test_an_answer_proves_more_than_a_queue_that_is_full(own_broker, exchange, wire_format, full):
    with ExitStack() as stack:
        server = stack.enter_context(SimulatedServer(own_broker.url, exchange, clients=0))
        gateway = stack.enter_context(gateway_with(own_broker, exchange, wire_format))
        wait_for_servers(gateway, 1)
        full(exchange, "direct", "/")
        answer = emit(gateway, timeout=LONG).json
        assert (answer["status"], answer["servers"]["responded"]) == ("confirmed", 1)
        server.holds = EVERYTHING
        problem = assert_problem(emit(gateway), 503, "broker_nack")
        assert (problem["outcome"], problem["retryable"]) == ("unknown", False)


# python-socketio's servers alone


def test_callbacks_prove_more_than_a_queue_that_is_full(own_broker, exchange, full):
    with ExitStack() as stack:
        servers = stack.enter_context(SocketIOServer(own_broker.url, f"{exchange}.fanout"))
        client = AnsweringClient(servers.url, "room", answers={"e": "yes"})
        stack.callback(client.close)
        gateway = stack.enter_context(gateway_with(own_broker, exchange, "python-socketio"))
        full(f"{exchange}.fanout", "fanout", "")
        answer = emit(gateway, timeout=LONG, rooms=["room"], ack={"mode": "first", "timeoutMs": LONG}).json
        assert (answer["status"], answer["routed"], answer["acks"]["responses"]) == ("confirmed", None, [["yes"]])
        every = emit(gateway, timeout=4 * SHORT, rooms=["room"]).json
        # Its server tries again where a queue has not taken its message: the client's answer may come twice.
        assert (every["status"], every["acks"]["responses"][:1]) == ("confirmed", [["yes"]])
        assert_problem(emit(gateway, rooms=["nobody"]), 503, "broker_nack")


def test_callbacks_of_a_broker_that_stands_still(own_broker, exchange):
    with ExitStack() as stack:
        witness = stack.enter_context(Witness(own_broker.url, f"{exchange}.fanout", "fanout"))
        settings = {"confirm_timeout": f"{SHORT}ms"}
        gateway = stack.enter_context(gateway_with(own_broker, exchange, "python-socketio", **settings))
        with paused(own_broker):
            # Nothing is published before answers could come.
            assert_problem(emit(gateway, rooms=["room"]), 503, "broker_unavailable")
        until(lambda: gateway.post({"event": "end", "rooms": ["r"]}).status == 200, "it confirms again")
        assert [message.json["event"] for message in witness.take(1)] == ["end"]
