"""Many requests that wait at once, and many sockets.

The Socket.IO servers here are simulated (see SimulatedServer): tens of thousands of real sockets would need more than a test's
machine. The gateway, the broker and the gateway's clients are real.
"""

import json
import socket
from contextlib import ExitStack, contextmanager

import pytest

from harness import Gateway, SimulatedServer, assert_problem
from harness.questions import Asking, all_pages, ask, asked, in_flight, tally, tell, until, wait_for_servers
from harness.simulated_server import EVERYTHING, READS

# Never waited for: what is under test ends sooner.
LONG = 60_000
WAITING = 5_000
SOCKETS = 20_000
ROOMS = 500


@contextmanager
def cluster(broker, exchange, *sockets, **settings):
    """A gateway, and a simulated server with each of these lists of sockets."""
    with ExitStack() as stack:
        servers = [stack.enter_context(SimulatedServer(broker.url, exchange, some)) for some in sockets]
        gateway = stack.enter_context(Gateway(broker.url, cluster_exchange=exchange, loops=2, **settings))
        wait_for_servers(gateway, len(servers))
        yield gateway, servers


def resident(gateway):
    return gateway.metric("process_resident_memory_bytes")


def threads(gateway):
    with open(f"/proc/{gateway._process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


class Waiting:
    """So many acknowledged emits, each on a socket of its own; their argument is their number."""

    def __init__(self, gateway, count):
        self.sockets = []
        for number in range(count):
            body = json.dumps({"event": "e", "data": number, "ack": {"timeoutMs": LONG}})
            connection = socket.create_connection(gateway.address, timeout=60)
            self.sockets.append(connection)
            connection.sendall(
                b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body.encode())
            )

    def answers(self):
        """Of each, in order, the JSON."""
        found = []
        for connection in self.sockets:
            received = b""
            while not received.endswith(b"}\n") and not received.endswith(b"}"):
                data = connection.recv(65536)
                assert data, received
                received += data
            assert received.startswith(b"HTTP/1.1 200"), received
            found.append(json.loads(received.partition(b"\r\n\r\n")[2]))
        return found

    def close(self):
        for connection in self.sockets:
            connection.close()


def test_thousands_wait_at_once_and_each_gets_its_own_answer(broker):
    with cluster(broker, "test.scale.waiting", []) as (gateway, (server,)):
        # Whatever is set up once is not what a waiting request takes.
        warming = Waiting(gateway, 100)
        until(lambda: in_flight(gateway) == 100 and len(server.asked) == 100, "they wait")
        warming.close()
        until(lambda: in_flight(gateway) == 0, "they have gone")
        server.asked.clear()
        memory, running = resident(gateway), threads(gateway)
        waiting = Waiting(gateway, WAITING)
        try:
            until(lambda: in_flight(gateway) == WAITING, "all are there")
            until(lambda: len(server.asked) == WAITING, "the server has been asked all of it")
            assert (resident(gateway) - memory) / WAITING < 40 * 1024
            assert threads(gateway) == running
            # Others are served meanwhile.
            assert tally(ask(gateway, "/v1/counts")) == (True, 1, 1)
            assert gateway.get("/readyz").status == 200
            server.acknowledge_all()
            answers = waiting.answers()
            assert [answer["acks"]["responses"] for answer in answers] == [[[number]] for number in range(WAITING)]
            assert all(answer["acks"]["complete"] is True and answer["recipients"] == 1 for answer in answers)
            assert in_flight(gateway) == 0
            assert threads(gateway) == running
        finally:
            waiting.close()


def test_those_who_go_away_are_not_waited_for(broker):
    with cluster(broker, "test.scale.leaving", []) as (gateway, (server,)):
        staying, leaving = Waiting(gateway, 10), Waiting(gateway, 2_000)
        until(lambda: in_flight(gateway) == 2_010, "all are there")
        # Long before their time is over: it is what `until` allows, at most.
        leaving.close()
        until(lambda: in_flight(gateway) == 10, "those who have gone are not waited for", timeout=LONG / 1000 / 2)
        until(lambda: len(server.asked) == 2_010, "the server has been asked all of it")
        server.acknowledge_all()
        assert [answer["acks"]["responses"] for answer in staying.answers()] == [[[number]] for number in range(10)]
        staying.close()
        assert tally(ask(gateway, "/v1/sockets")) == (True, 1, 1)


def test_more_than_may_wait_are_refused(broker):
    with cluster(broker, "test.scale.cap", [("a", [])], max_waiting=10) as (gateway, (server,)):
        server.holds = EVERYTHING
        waiting = Waiting(gateway, 10)
        until(lambda: len(server.asked) == 10, "they wait")
        refused = [
            asked(gateway, "/v1/sockets"),
            gateway.post({"event": "e", "ack": {}}),
            gateway.post({"event": "e", "ack": {}}, path="/v1/servers/emit"),
            gateway.post({"all": True, "rooms": ["r"]}, path="/v1/sockets/join"),
        ]
        for response in refused:
            assert assert_problem(response, 503, "overloaded")["retryable"] is True
            assert int(response.headers["Retry-After"]) >= 1
        assert len(server.asked) == 10
        waiting.sockets.pop().close()
        until(lambda: in_flight(gateway) == 9, "one has gone")
        server.release()
        assert tally(ask(gateway, "/v1/sockets")) == (True, 1, 1)
        server.acknowledge_all()
        assert len(waiting.answers()) == 9
        waiting.close()


def test_reads_that_are_the_same_are_asked_once(broker):
    with cluster(broker, "test.scale.same", [("a", ["r"]), ("b", [])]) as (gateway, (server,)):
        server.holds = READS
        same = [Asking(ask, gateway, "/v1/sockets", room="r", timeoutMs=LONG) for _ in range(20)]
        until(lambda: in_flight(gateway) == 20 and server.asked, "they wait")
        others = [
            Asking(ask, gateway, "/v1/sockets", timeoutMs=LONG),
            Asking(ask, gateway, "/v1/sockets", room="r", fields="data", timeoutMs=LONG),
            Asking(ask, gateway, "/v1/sockets", room="r", limit=7, timeoutMs=LONG),
            Asking(ask, gateway, "/v1/counts", timeoutMs=LONG),
            Asking(ask, gateway, "/v1/counts", timeoutMs=LONG),
            Asking(ask, gateway, "/v1/rooms", timeoutMs=LONG),
        ]
        until(lambda: in_flight(gateway) == 26 and len(server.asked) >= 6, "the others wait, too")
        # What changes something is never taken for the same.
        for _ in range(2):
            assert tell(gateway, "/v1/sockets/join", in_=["r"], rooms=["s"])["status"] == "confirmed"
        assert len(server.questions(4)) == 2
        counts = [question for question in server.questions(7) if "count" in question and "list" not in question]
        assert len(server.questions(7)) - len(counts) == 5
        # Once on each event loop, which waits for all servers a moment only, and behind that with the rest of the time.
        assert 1 <= len(counts) <= 3
        server.release()
        for question in same:
            answer = question.outcome()
            assert [found["id"] for found in answer["sockets"]] == ["a"] and tally(answer) == (True, 1, 1)
        assert [found["id"] for found in others[0].outcome()["sockets"]] == ["a", "b"]
        assert all(tally(other.outcome()) == (True, 1, 1) for other in others)
        # Nothing is kept for later.
        before = len(server.questions(7))
        ask(gateway, "/v1/sockets", room="r", timeoutMs=LONG)
        assert len(server.questions(7)) == before + 1


@pytest.fixture(scope="module")
def large(broker):
    """Three servers with 20,000 sockets, each in one of 500 rooms."""
    sockets = [(f"{number * 7919 % SOCKETS:020}", [f"room:{number % ROOMS}"]) for number in range(SOCKETS)]
    with cluster(broker, "test.scale.large", sockets[0::3], sockets[1::3], sockets[2::3]) as (gateway, servers):
        yield gateway, servers, sockets


def forget(servers):
    for server in servers:
        server.asked.clear()
        server.answer_bytes = 0


def test_the_pages_of_a_large_namespace_have_every_socket_once(large):
    gateway, servers, sockets = large
    forget(servers)
    ask(gateway, "/v1/sockets", limit=1_000)
    memory = resident(gateway)
    pages = all_pages(gateway, "/v1/sockets", "sockets", limit=1_000)
    listed = [found for page in pages for found in page["sockets"]]
    assert [found["id"] for found in listed] == sorted(sid for sid, _ in sockets)
    assert {found["id"]: found["rooms"] for found in listed} == {sid: [sid, *rooms] for sid, rooms in sockets}
    assert [len(page["sockets"]) for page in pages] == [1_000] * 20
    assert all(tally(page) == (True, 3, 3) for page in pages)
    assert resident(gateway) - memory < 48 << 20
    for server in servers:
        assert all(question["limit"] <= 1_001 for question in server.questions(7))
        assert all(sorted(question["fields"]) == ["data", "rooms"] for question in server.questions(7))


def test_one_room_of_a_large_namespace(large):
    gateway, _, sockets = large
    wanted = sorted(sid for sid, rooms in sockets if rooms == ["room:7"])
    pages = all_pages(gateway, "/v1/sockets", "sockets", room="room:7", limit=9)
    assert [found["id"] for page in pages for found in page["sockets"]] == wanted


def test_rooms_and_counts_of_a_large_namespace_carry_no_sockets(large):
    gateway, servers, _ = large
    forget(servers)
    pages = all_pages(gateway, "/v1/rooms", "rooms", prefix="room:", limit=100)
    listed = [(room["room"], room["sockets"]) for page in pages for room in page["rooms"]]
    names = sorted(f"room:{number}" for number in range(ROOMS))
    assert listed == [(name, SOCKETS // ROOMS) for name in names]
    assert len(pages) == ROOMS // 100
    counted = tell(gateway, "/v1/counts", rooms=[*names, "none"])
    assert counted["sockets"] == SOCKETS
    assert counted["rooms"] == {**dict.fromkeys(names, SOCKETS // ROOMS), "none": 0}
    for server in servers:
        assert len(server.questions(7)) == len(pages) + 1
        for question in server.questions(7):
            assert question["count"] is True
            assert "handshake" not in question["fields"] and "data" not in question["fields"]
        assert server.answer_bytes < 32 << 10


def test_a_socket_that_two_servers_name_is_listed_once(broker):
    with cluster(broker, "test.scale.twice", [("a", []), ("b", [])], [("b", []), ("c", [])]) as (gateway, _):
        answer = ask(gateway, "/v1/sockets")
        assert [found["id"] for found in answer["sockets"]] == ["a", "b", "c"] and tally(answer) == (True, 2, 2)
