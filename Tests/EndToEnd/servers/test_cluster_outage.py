"""Servers that answer late, partly or never, and a broker that goes and comes back."""

import signal
import time
from contextlib import ExitStack

import pytest

from harness import CuttingProxy, Gateway, RespondingServer, SimulatedServer, Witness, assert_problem
from harness.questions import (
    Asking,
    ask,
    asked,
    known_servers,
    start_servers,
    tally,
    tell,
    unconfirmed,
    until,
    wait_for_servers,
)
from harness.simulated_server import EVERYTHING

# Long enough for a slow machine, and never waited for: what is under test ends sooner.
LONG = 60_000
# Waited for in full, by whatever is answered partly. The servers that are up answer in some milliseconds.
SHORT = 1_500


@pytest.fixture(scope="module")
def servers(broker, exchange):
    """They are silent for 15 seconds before they are taken for gone. The second is stopped now and then, and its clients are
    patient."""
    servers = start_servers(broker.url, exchange, exchange + ".fanout", ["kombu", "aio-pika"], data="session")
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def gateway(broker, exchange, servers):
    with gateway_with(broker.url, exchange, loops=2) as gateway:
        wait_for_servers(gateway, 2)
        yield gateway


@pytest.fixture(scope="module")
def clients(servers):
    return [server.client("room", answers={"question": index}) for index, server in enumerate(servers)]


@pytest.fixture
def paused(gateway, servers, clients):
    """One server that answers, with a client; and one that is stopped, with a client, until `resume` or the end."""

    class Paused:
        running, stopped = clients
        server = servers[1]
        uid = ask(gateway, f"/v1/sockets/{clients[1].sid}")["server"]
        resume = servers[1].resume

    servers[1].pause()
    yield Paused
    servers[1].resume()
    until(lambda: ask(gateway, "/v1/sockets", timeoutMs=LONG)["complete"], "the server answers again")


def ids(answer):
    return {socket["id"] for socket in answer["sockets"]}


def gateway_with(amqp_url, exchange, **settings):
    return Gateway(amqp_url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout", **settings)


# Servers that are stopped


def test_a_stopped_server_is_named_and_its_late_answer_is_nobodys(gateway, paused):
    paths = ("/v1/sockets", "/v1/rooms", "/v1/counts")
    questions = [Asking(ask, gateway, path, timeoutMs=SHORT) for path in paths]
    for path, question in zip(paths, questions):
        answer = question.outcome()
        assert answer["complete"] is False
        assert answer["servers"] == {"expected": 2, "responded": 1, "missing": [paused.uid], "tooLarge": []}
        assert question.seconds >= SHORT / 1000
        if path == "/v1/sockets":
            assert ids(answer) == {paused.running.sid}
        elif path == "/v1/rooms":
            assert answer["rooms"] == [{"room": "room", "sockets": 1}]
        else:
            assert answer["sockets"] == 1
    lines = len(gateway.log())
    paused.resume()
    # What is asked now is answered behind the late answers to what was asked before.
    answer = ask(gateway, "/v1/sockets", timeoutMs=LONG)
    assert tally(answer) == (True, 2, 2)
    assert ids(answer) == {paused.running.sid, paused.stopped.sid}
    assert ask(gateway, "/v1/counts", timeoutMs=LONG)["sockets"] == 2
    assert [line for line in gateway.log()[lines:] if line["level"] not in ("info", "notice")] == []


def test_a_socket_is_only_missing_if_everybody_has_been_heard(gateway, paused):
    found = ask(gateway, f"/v1/sockets/{paused.running.sid}", timeoutMs=SHORT)
    assert found["id"] == paused.running.sid and tally(found) == (False, 2, 1)
    paths = (f"/v1/sockets/{paused.stopped.sid}", "/v1/sockets/AAAAAAAAAAAAAAAAAAAA")
    questions = [Asking(asked, gateway, path, timeoutMs=SHORT) for path in paths]
    for question in questions:
        response = question.outcome()
        problem = assert_problem(response, 503, "incomplete")
        assert problem["retryable"] is True and int(response.headers["Retry-After"]) >= 1
    paused.resume()
    found = ask(gateway, f"/v1/sockets/{paused.stopped.sid}", timeoutMs=LONG)
    assert tally(found) == (True, 2, 2)


def test_what_a_stopped_server_is_told_it_does_later(gateway, paused):
    path = f"/v1/sockets/{paused.stopped.sid}/join"
    many = Asking(tell, gateway, "/v1/sockets/join", in_=["room"], rooms=["late"], timeoutMs=SHORT)
    one = Asking(gateway.post, {"rooms": ["later"], "timeoutMs": SHORT}, path=path)
    answer = many.outcome()
    assert (answer["status"], answer["matched"], answer["servers"]["missing"]) == ("partial", 1, [paused.uid])
    assert_problem(one.outcome(), 503, "incomplete")
    paused.resume()
    found = ask(gateway, f"/v1/sockets/{paused.stopped.sid}", timeoutMs=LONG)
    assert {"late", "later"} <= set(found["rooms"])
    assert tell(gateway, "/v1/sockets/leave", all=True, rooms=["late", "later"], timeoutMs=LONG)["matched"] == 2


def test_acknowledgements_and_servers_answers_that_have_come_are_not_thrown_away(gateway, paused):
    emit = Asking(gateway.emit, event="question", rooms=["room"], ack={"timeoutMs": SHORT})
    servers = Asking(tell, gateway, "/v1/servers/emit", event="sum", args=[1], ack={"timeoutMs": SHORT})
    emitted, answer = emit.outcome(), servers.outcome()
    assert emitted["acks"] == {"expected": 1, "received": 1, "complete": False, "responses": [[0]]}
    assert emitted["recipients"] == 1
    assert emitted["servers"] == {"expected": 2, "responded": 1, "missing": [paused.uid], "tooLarge": []}
    assert [response["value"] for response in answer["responses"]] == [1]
    assert answer["servers"]["missing"] == [paused.uid]


def test_a_server_that_answers_late_but_in_time_is_waited_for(gateway, paused):
    questions = [Asking(ask, gateway, path, timeoutMs=LONG) for path in ("/v1/sockets", "/v1/rooms", "/v1/counts")]
    questions.append(Asking(gateway.emit, event="question", rooms=["room"], ack={"timeoutMs": LONG}))
    time.sleep(1)
    assert all(question.is_waiting for question in questions)
    paused.resume()
    for question in questions:
        assert tally(question.outcome()) == (True, 2, 2)
        assert question.seconds < LONG / 1000 / 2
    assert ids(questions[0].outcome()) == {paused.running.sid, paused.stopped.sid}
    assert questions[1].outcome()["rooms"] == [{"room": "room", "sockets": 2}]
    assert sorted(questions[3].outcome()["acks"]["responses"]) == [[0], [1]]


def test_handlers_that_take_their_time_are_waited_for(gateway, clients):
    question = Asking(tell, gateway, "/v1/servers/emit", event="slow", args=[1.5], ack={"timeoutMs": LONG})
    slower = Asking(tell, gateway, "/v1/servers/emit", event="slow", args=[4], ack={"timeoutMs": SHORT})
    assert [response["value"] for response in question.outcome()["responses"]] == ["at last", "at last"]
    assert question.seconds >= 1.5
    answer = slower.outcome()
    assert answer["responses"] == [] and tally(answer) == (False, 2, 0)
    assert tally(ask(gateway, "/v1/sockets", timeoutMs=LONG)) == (True, 2, 2)


# Servers that go (those that do not say so: faults/test_server_without_goodbye.py)


def test_a_server_that_ends_in_order_is_forgotten_at_once(broker, exchange, gateway, clients):
    before = known_servers(gateway)
    with RespondingServer(broker.url, "kombu", exchange, exchange + ".fanout") as third:
        wait_for_servers(gateway, 3)
        assert third.stop() == 0
        until(lambda: known_servers(gateway) == before, "it has gone", timeout=10)
        assert tally(ask(gateway, "/v1/sockets", timeoutMs=LONG)) == (True, 2, 2)


def test_nobody_waits_for_a_server_that_says_goodbye(broker, exchange, gateway, clients):
    with SimulatedServer(broker.url, exchange, [("a", [])]) as third:
        wait_for_servers(gateway, 3)
        third.holds = EVERYTHING
        question = Asking(ask, gateway, "/v1/sockets", timeoutMs=LONG)
        until(lambda: third.asked, "it is asked")
        assert question.is_waiting
        third.close()
        assert tally(question.outcome()) == (True, 2, 2)
        assert question.seconds < LONG / 1000 / 2


# The broker


def test_after_the_brokers_restart_everything_is_answered_again(own_broker):
    exchange = "test.restart"
    with ExitStack() as stack:
        servers = start_servers(own_broker.url, exchange, exchange + ".fanout", ["kombu", "aio-pika"], interval=1.5)
        for server in servers:
            stack.callback(server.close)
        stack.callback(servers[1].resume)
        gateway = stack.enter_context(gateway_with(own_broker.url, exchange))
        uids = wait_for_servers(gateway, 2)
        a, b = (server.client("room").sid for server in servers)
        everyone = {socket["id"]: socket["server"] for socket in ask(gateway, "/v1/sockets")["sockets"]}
        assert set(everyone) == {a, b}
        own_broker.kill()
        until(lambda: gateway.get("/v1/sockets").status == 503, "it has noticed")
        for path in ("/v1/sockets", "/v1/rooms", "/v1/counts", "/v1/servers"):
            assert_problem(gateway.get(path), 503, "broker_unavailable")
        assert_problem(gateway.post({"in": ["room"], "rooms": ["r"]}, path="/v1/sockets/join"), 503)
        # Three heartbeats do not come, of servers that cannot send any.
        servers[1].pause()
        time.sleep(3)
        own_broker.start()
        first = until(lambda: answered(gateway), "something is answered", timeout=60)
        # Whoever was there before, and has not had the time to come back, is missing.
        assert first["complete"] is False and everyone[b] in first["servers"]["missing"], first
        servers[1].resume()
        until(lambda: (found := answered(gateway)) and tally(found) == (True, 2, 2), "it is complete again", timeout=60)
        assert ids(ask(gateway, "/v1/sockets")) == {a, b}
        assert known_servers(gateway) == uids
        assert tell(gateway, "/v1/sockets/join", in_=["room"], rooms=["new"])["matched"] == 2
        assert gateway.metric("gateway_cluster_connects_total") == 2


def answered(gateway):
    """An answer; `None` while there is no connection."""
    response = asked(gateway, "/v1/sockets", timeoutMs=1_000)
    if response.status != 200:
        assert_problem(response, 503, "broker_unavailable")
        return None
    return response.json


def test_questions_that_are_lost_with_the_connection_are_answered_truthfully(broker):
    exchange = "test.connection.lost"
    with ExitStack() as stack:
        proxy = stack.enter_context(CuttingProxy(broker.url))
        silent = stack.enter_context(SimulatedServer(broker.url, exchange))
        prompt = stack.enter_context(SimulatedServer(broker.url, exchange, [("a", [])], namespaces=["/half"]))
        silent_half = stack.enter_context(SimulatedServer(broker.url, exchange, namespaces=["/half"]))
        gateway = stack.enter_context(gateway_with(proxy.url, exchange))
        wait_for_servers(gateway, 3)
        silent.holds = silent_half.holds = EVERYTHING
        read = Asking(asked, gateway, "/v1/sockets", timeoutMs=LONG)
        half = Asking(asked, gateway, "/v1/sockets", namespace="/half", timeoutMs=LONG)
        change = Asking(gateway.post, {"all": True, "rooms": ["r"], "timeoutMs": LONG}, path="/v1/sockets/join")
        emit = Asking(gateway.post, {"event": "e", "ack": {"timeoutMs": LONG}})
        until(lambda: len(silent.asked) == 3 and silent_half.asked and prompt.asked, "all are asked")
        until(lambda: unconfirmed(broker) == 0, "all is confirmed")
        # An answer to what is asked later comes after the one, and the confirms, that are on their way.
        until(lambda: ask(gateway, "/v1/rooms", namespace="/half", timeoutMs=300)["servers"]["responded"] == 1, "it has answered")
        proxy.cut()
        assert_problem(read.outcome(), 503, "broker_unavailable")
        answer = half.outcome().json
        assert ids(answer) == {"a"} and answer["servers"]["missing"] == [silent_half.uid]
        # RabbitMQ has confirmed it, and nobody knows who has acknowledged it.
        confirmed = emit.outcome().json
        assert (confirmed["status"], confirmed["acks"]["complete"]) == ("confirmed", False)
        assert confirmed["servers"]["missing"] == [silent.uid]
        # It may have been done.
        assert assert_problem(change.outcome(), 504, "confirm_timeout")["outcome"] == "unknown"
        proxy.mend()
        silent.holds = silent_half.holds = ()
        until(lambda: gateway.get("/v1/sockets").status == 200, "it is connected again")
        assert tally(ask(gateway, "/v1/sockets", namespace="/half", timeoutMs=LONG)) == (True, 2, 2)


# The end


def test_requests_that_wait_for_servers_hold_the_end_up_until_its_time_is_over(broker):
    with SimulatedServer(broker.url, "test.cluster.shutdown") as server:
        server.holds = EVERYTHING
        gateway = gateway_with(broker.url, "test.cluster.shutdown", shutdown_timeout="1s").start()
        wait_for_servers(gateway, 1)
        join = {"all": True, "rooms": ["r"], "timeoutMs": LONG}
        waiting = [
            Asking(asked, gateway, "/v1/sockets", timeoutMs=LONG),
            Asking(gateway.post, join, path="/v1/sockets/join"),
            Asking(gateway.post, {"event": "e", "ack": {"timeoutMs": LONG}}, path="/v1/servers/emit"),
            Asking(gateway.post, {"event": "e", "ack": {"timeoutMs": LONG}}),
        ]
        until(lambda: len(server.asked) == 4, "they wait")
        until(lambda: unconfirmed(broker) == 0, "all is confirmed")
        read, *others, emit = ended(gateway, waiting)
        assert_problem(read, 503)
        for response in others:  # it may have been done
            assert assert_problem(response, 504)["outcome"] == "unknown"
        assert (emit.status, emit.json["status"], emit.json["servers"]["responded"]) == (200, "confirmed", 0)


def test_requests_that_wait_for_callbacks_hold_the_end_up_until_its_time_is_over(broker):
    exchange = "test.cluster.shutdown.callbacks"
    with Witness(broker.url, exchange + ".fanout", "fanout") as witness:
        gateway = gateway_with(broker.url, exchange, shutdown_timeout="1s").start()
        emit = {"event": "e", "rooms": ["r"], "ack": {"timeoutMs": LONG}}
        waiting = [Asking(gateway.post, emit) for _ in range(5)]
        witness.take(5)
        for response in ended(gateway, waiting):
            assert response.status == 200 and response.json["acks"]["received"] == 0


def ended(gateway, waiting):
    """The responses to requests that wait, of a gateway that is told to end."""
    try:
        started = time.monotonic()
        gateway._process.send_signal(signal.SIGTERM)
        responses = [asking.outcome() for asking in waiting]
        assert gateway.wait_for_exit() == 0
        assert 0.9 < time.monotonic() - started < LONG / 1000 / 2
        assert not [line for line in gateway.log() if "unanswered" in line["message"]]
        return responses
    finally:
        gateway.kill()


def test_answers_that_come_before_the_end_are_given(broker):
    exchange = "test.cluster.shutdown.answered"
    with SimulatedServer(broker.url, exchange, [("a", [])]) as server:
        server.holds = EVERYTHING
        gateway = gateway_with(broker.url, exchange, shutdown_timeout="60s").start()
        wait_for_servers(gateway, 1)
        question = Asking(asked, gateway, "/v1/sockets", timeoutMs=LONG)
        until(lambda: server.asked, "it is asked")
        gateway._process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert question.is_waiting
        server.release()
        assert ids(question.outcome().json) == {"a"}
        assert gateway.wait_for_exit() == 0
