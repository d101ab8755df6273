"""A server that is there no longer, and has not said so: killed, stopped, or only cut off from the broker."""

import time
from contextlib import ExitStack, contextmanager

import pytest

from harness import CuttingProxy, Gateway, RespondingServer, ServerProcess, SimulatedServer, assert_problem
from harness.questions import Asking, ask, asked, known_servers, tally, tell, until, wait_for_servers

# Never waited for to the end, but by a server that is stopped.
LONG = 60_000
# A question waits 100 ms for a server before the broker is asked about it.
AT_ONCE = 3  # seconds, of the five after which a server is asked about


@contextmanager
def simulated(url, exchange):
    """A server process, and how many sockets it has."""
    with ServerProcess(url, exchange, sockets=[["gone", ["room"]]], probed=True, clients=0) as server:
        yield server


@contextmanager
def responding(url, exchange, manager):
    with RespondingServer(url, manager, exchange, exchange + ".fanout", interval=5.0) as server:
        server.client("room")
        yield server


SERVERS = {
    "simulated": simulated,
    "aio-pika": lambda url, exchange: responding(url, exchange, "aio-pika"),
    "kombu": lambda url, exchange: responding(url, exchange, "kombu"),
}


@pytest.fixture(params=SERVERS)
def situation(request, broker):
    """A gateway with a server that stays, and one that will not: `url` is its way to the broker, through `proxy`."""
    exchange = "test.goodbye." + request.node.name.translate({ord("["): ".", ord("]"): None})

    class Situation:
        def questions(self):
            """One of each kind, each as what it takes to ask it."""
            acknowledged = {"event": "e", "rooms": ["nobody"], "ack": {"timeoutMs": LONG}}
            return {
                "/v1/sockets": lambda: ask(self.gateway, "/v1/sockets", timeoutMs=LONG),
                "/v1/rooms": lambda: ask(self.gateway, "/v1/rooms", timeoutMs=LONG),
                "/v1/counts": lambda: ask(self.gateway, "/v1/counts", timeoutMs=LONG),
                "join": lambda: tell(self.gateway, "/v1/sockets/join", in_=["room"], rooms=["r"], timeoutMs=LONG),
                "servers": lambda: tell(self.gateway, "/v1/servers/emit", event="unheard", ack={"timeoutMs": LONG}),
                "acks": lambda: self.gateway.emit(**acknowledged),
            }

        def miss(self, within=AT_ONCE):
            """Asserts that whatever is asked is answered in this time, in seconds, and that the server is missing."""
            for name, question in self.questions().items():
                started = time.monotonic()
                answer = question()
                assert time.monotonic() - started < within, name
                assert tally(answer) == (False, 2, 1), name
                assert answer["servers"]["missing"] == [self.uid], name

        def is_missing(self):
            return ask(self.gateway, "/v1/counts", timeoutMs=LONG)["servers"]["missing"] == [self.uid]

        def is_back(self):
            return tally(ask(self.gateway, "/v1/counts", timeoutMs=1_000)) == (True, 2, 2)

    situation = Situation()
    with ExitStack() as stack:
        situation.proxy = stack.enter_context(CuttingProxy(broker.url))
        situation.staying = stack.enter_context(SimulatedServer(broker.url, exchange, probed=True, clients=0))
        settings = {"cluster_exchange": exchange, "python_socketio_exchange": exchange + ".fanout"}
        situation.gateway = stack.enter_context(Gateway(broker.url, **settings))
        wait_for_servers(situation.gateway, 1)
        situation.server = stack.enter_context(SERVERS[request.param](situation.proxy.url, exchange))
        uids = wait_for_servers(situation.gateway, 2)
        (situation.uid,) = uids - {situation.staying.uid}
        yield situation


def test_a_killed_server_is_not_waited_for(situation):
    assert situation.is_back()
    situation.server.kill()
    situation.miss()
    # Its clients could be connected still.
    for path in ("/v1/sockets/gone", "/v1/sockets/AAAAAAAAAAAAAAAAAAAA"):
        assert_problem(asked(situation.gateway, path, timeoutMs=LONG), 503, "incomplete")
    assert_problem(situation.gateway.post({"event": "e", "except": ["room"]}), 503, "incomplete")
    assert situation.uid in known_servers(situation.gateway)


def test_a_server_that_is_killed_while_it_is_asked_is_not_waited_for(situation):
    situation.server.pause()
    questions = {name: Asking(question) for name, question in situation.questions().items()}
    until(lambda: len(situation.staying.asked) >= len(questions), "all are asked")
    time.sleep(0.5)
    # The broker has its queue: it may be busy.
    assert all(question.is_waiting for question in questions.values())
    situation.server.kill()
    for name, question in questions.items():
        answer = question.outcome(5)
        assert answer["servers"]["missing"] == [situation.uid], name
    situation.miss()


@pytest.mark.slow
def test_a_stopped_server_is_waited_for_and_answers_when_it_goes_on(situation):
    situation.server.pause()
    question = Asking(ask, situation.gateway, "/v1/counts", timeoutMs=LONG)
    time.sleep(10)
    assert question.is_waiting
    # After three heartbeats that did not come it is as good as gone, and an answer that comes all the same counts.
    outcome = question.outcome(30)
    assert tally(outcome)[:2] == (True, 1)
    time.sleep(max(0, 16 - question.seconds))
    situation.server.resume()
    until(situation.is_back, "it is back", timeout=20)


def test_a_server_that_is_cut_off_is_missing_until_it_is_back(situation):
    assert situation.is_back()
    situation.proxy.cut()
    until(situation.is_missing, "it is missing")
    situation.miss()
    situation.proxy.mend()
    until(situation.is_back, "it is back", timeout=20)
    for name, question in situation.questions().items():
        assert tally(question()) == (True, 2, 2), name


def test_a_server_that_only_loses_its_connection_is_back_at_once(situation):
    for _ in range(3):
        situation.proxy.cut()
        situation.proxy.mend()
        until(situation.is_back, "it is back", timeout=20)


def test_a_busy_server_is_not_taken_for_gone(broker):
    exchange = "test.goodbye.busy"
    with (
        SimulatedServer(broker.url, exchange, [("a", [])], probed=True) as server,
        Gateway(broker.url, cluster_exchange=exchange) as gateway,
    ):
        wait_for_servers(gateway, 1)
        server.holds = (7,)
        question = Asking(ask, gateway, "/v1/sockets", timeoutMs=LONG)
        until(lambda: len(server.probes) == 3, "the broker is asked about it every second")
        assert server.probes == [{"uid": "emitter", "type": 2}] * 3
        assert question.is_waiting
        server.release()
        assert tally(question.outcome()) == (True, 1, 1)
        count = len(server.probes)
        time.sleep(1.2)
        assert len(server.probes) == count


def test_a_server_that_names_no_key_is_waited_for_until_it_has_been_silent_for_long(broker):
    exchange = "test.goodbye.early"
    with (
        SimulatedServer(broker.url, exchange, [("a", [])], probed=True),
        ServerProcess(broker.url, exchange, interval_ms=1_000) as early,
        Gateway(broker.url, cluster_exchange=exchange) as gateway,
    ):
        uids = wait_for_servers(gateway, 2)
        early.kill()
        question = Asking(ask, gateway, "/v1/sockets", timeoutMs=500)
        assert question.outcome()["servers"]["missing"] == [early.uid]
        assert question.seconds >= 0.5
        # One that is under way when three heartbeats have not come is complete.
        late = Asking(ask, gateway, "/v1/sockets", timeoutMs=LONG)
        assert_problem(asked(gateway, "/v1/sockets/another", timeoutMs=100), 503, "incomplete")
        assert tally(late.outcome(10)) == (True, 1, 1)
        assert known_servers(gateway) == uids - {early.uid}
        assert_problem(asked(gateway, "/v1/sockets/another", timeoutMs=LONG), 404)
