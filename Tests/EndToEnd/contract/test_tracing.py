"""W3C trace context: a request's `traceparent` goes with what is published for it, and with nothing else."""

import pytest

from harness import Gateway, SimulatedServer, Witness, converse
from harness.questions import until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
TRACED = {"traceparent": PARENT, "tracestate": STATE}
LATER = PARENT.replace("00-", "cc-", 1) + "-what.the.future-brings"


@pytest.fixture(scope="module", params=["amqp0", "cluster", "python-socketio"])
def setup(request, broker, exchange):
    """A gateway of each wire format, and a queue that gets what it emits."""
    name = f"{exchange}.{request.param}"
    settings = {
        "amqp0": {"amqp0_exchange": name},
        "cluster": {"cluster_exchange": name},
        "python-socketio": {"python_socketio_exchange": name},
    }[request.param]
    kind = "fanout" if request.param == "python-socketio" else "direct"
    with Witness(broker.url, name, kind, ["a", "b", "broadcast", "/", "/#static"]) as witness:
        with Gateway(broker.url, wire_format=request.param, **{"cluster_exchange": name + ".cluster"} | settings) as gateway:
            yield gateway, witness


def traces(messages):
    return [(m.headers.get("traceparent"), m.headers.get("tracestate")) for m in messages]


def test_every_message_of_an_emit_has_it(setup):
    gateway, witness = setup
    assert gateway.post({"event": "e", "rooms": ["a", "b"]}, TRACED).status == 200
    messages = witness.waiting()
    assert messages and traces(messages) == [(PARENT, STATE)] * len(messages)
    assert gateway.post({"event": "e", "confirm": "none"}, {"traceparent": PARENT}).status == 202
    assert traces(witness.take()) == [(PARENT, None)]
    assert gateway.post({"event": "e"}, {"Traceparent": LATER}).status == 200
    assert traces(witness.take()) == [(LATER, None)]


def test_every_item_of_a_batch_has_it(setup):
    gateway, witness = setup
    assert gateway.batch([{"event": "1"}, {"event": "2", "rooms": ["a"]}], TRACED).status == 200
    messages = witness.take(2)
    assert traces(messages) == [(PARENT, STATE)] * 2


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["traceparent: x"],
        ["traceparent:"],
        [f"traceparent: {PARENT}", f"Traceparent: {PARENT}"],
        [f"traceparent: {PARENT.upper()}"],
        [f"traceparent: {PARENT}-x"],
        [f"traceparent: ff{PARENT[2:]}"],
        [f"traceparent: 00-{'0' * 32}-00f067aa0ba902b7-01"],
        [f"traceparent: {LATER}\xe9"],
        ["tracestate: a=1"],
    ],
)
def test_what_is_not_valid_is_dropped_without_a_word(setup, headers):
    gateway, witness = setup
    lines = "".join(header + "\r\n" for header in headers).encode("latin-1")
    request = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n"
    assert converse(gateway.address, request + lines + b'\r\n{"event":"e"}', expect=1).statuses == [200]
    (message,) = witness.take()
    assert not {"traceparent", "tracestate"} & set(message.headers)


@pytest.mark.parametrize("state, kept", [("a=1", True), ("x" * 512, True), ("x" * 513, False), ("a=\xe9", False)])
def test_a_state_is_passed_on_if_it_is_short_and_printable(setup, state, kept):
    gateway, witness = setup
    headers = {"traceparent": PARENT, "tracestate": state.encode("latin-1")}
    assert gateway.post({"event": "e"}, headers).status == 200
    assert traces(witness.take()) == [(PARENT, state if kept else None)]


def test_many_rooms_and_a_trace_fit_into_one_message(broker, exchange):
    name = exchange + ".cluster"
    rooms = [f"{number}-{'x' * 240}" for number in range(100)]
    with Witness(broker.url, name, "cluster", [f"/#room#{rooms[0]}"]) as witness:
        with Gateway(broker.url, wire_format="cluster", cluster_exchange=name) as gateway:
            assert gateway.post({"event": "e", "rooms": rooms}, TRACED).status == 200
        assert traces(witness.take()) == [(PARENT, STATE)]


def test_questions_have_it_unless_they_are_shared(broker, exchange):
    name = exchange + ".questions"
    fanout = name + ".fanout"
    with SimulatedServer(broker.url, name, [("x", ["a"])]) as server:
        with Gateway(broker.url, cluster_exchange=name, python_socketio_exchange=fanout) as gateway:
            until(lambda: len(gateway.get("/v1/servers").json["servers"]) == 1, "the server")

            def post(path, body):
                return gateway.post(body, TRACED, path).status

            for path in ("/v1/sockets", "/v1/rooms", "/v1/counts", "/v1/sockets/x"):
                assert gateway.get(path, TRACED).status == 200
            assert post("/v1/counts", {"rooms": ["a"]}) == 200
            reads = len(server.asked)
            server.holds = (9,)
            assert traces_of(server.asked) == [None] * reads
            assert post("/v1/sockets/join", {"in": ["a"], "rooms": ["b"]}) == 200
            assert post("/v1/sockets/disconnect", {"all": True}) == 200
            assert post("/v1/servers/emit", {"event": "e"}) == 200
            assert post("/v1/servers/emit", {"event": "e", "ack": {"timeoutMs": 300}}) == 200
            assert post("/v1/emit", {"event": "e", "ack": {"timeoutMs": 300}}) == 200
            until(lambda: len(server.asked) == reads + 5, "five questions")
            assert traces_of(server.asked[reads:]) == [PARENT] * 5


def traces_of(asked):
    return [(properties.headers or {}).get("traceparent") for properties, _ in asked]


def test_messages_of_python_socketio_for_changes_and_callbacks_have_it(broker, exchange):
    name = exchange + ".native"
    with Witness(broker.url, name, "fanout") as witness:
        with Gateway(broker.url, cluster_exchange=name + ".nobody", python_socketio_exchange=name) as gateway:
            assert gateway.post({"rooms": ["a"]}, TRACED, "/v1/sockets/x/join").status == 202
            assert gateway.request("DELETE", "/v1/sockets/x", headers=TRACED).status == 202
            body = {"event": "e", "rooms": ["a"], "ack": {"timeoutMs": 200}}
            assert gateway.post(body, TRACED).status == 200
            messages = witness.take(3)
    assert [message.json["method"] for message in messages] == ["enter_room", "disconnect", "emit"]
    assert traces(messages) == [(PARENT, STATE)] * 3
