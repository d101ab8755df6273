"""Emits that clients acknowledge, through the responders and without any; and who is left out, found out first."""

import base64
import json
import time
from contextlib import contextmanager

import pika
import pytest

from harness import AnsweringClient, Gateway, SocketIOServer, Witness, assert_problem
from harness.questions import Asking, ask, in_flight, start_servers, tell, until, wait_for_servers

END = "end-of-test"
# Never waited for: what is under test ends sooner.
LONG = 60_000
# Waited for in full; those who answer do it in some milliseconds.
SHORT = 1_500


@pytest.fixture(scope="module")
def running_servers(broker, exchange):
    servers = start_servers(broker.url, exchange, exchange + ".fanout", ["aio-pika", "kombu"])
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def gateway(broker, exchange, running_servers):
    with Gateway(
        broker.url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout", loops=2
    ) as gateway:
        wait_for_servers(gateway, 2)
        yield gateway


@pytest.fixture
def servers(gateway, running_servers):
    yield running_servers
    for server in running_servers:
        server.disconnect_clients()
    until(lambda: ask(gateway, "/v1/counts")["sockets"] == 0, "the servers have no sockets", timeout=60)


def echo(_client, *args):
    return args if len(args) != 1 else args[0]


def binary(data):
    return {"$binary": base64.b64encode(data).decode()}


# Through the responders


def test_all_clients_of_all_servers_acknowledge(gateway, servers):
    clients = [server.client("room", answers={"q": number}) for number, server in enumerate(servers * 3)]
    servers[0].client("other", answers={"q": "not asked"})
    answer = gateway.emit(event="q", args=["a", {"b": 1}], rooms=["room"], ack={"mode": "all", "timeoutMs": LONG})
    acks = answer["acks"]
    assert sorted(acks.pop("responses")) == [[number] for number in range(6)]
    assert acks == {"expected": 6, "received": 6, "complete": True}
    assert (answer["status"], answer["routed"], answer["recipients"]) == ("confirmed", True, 6)
    assert answer["servers"] == {"expected": 2, "responded": 2, "missing": [], "tooLarge": []}
    assert all(client.next() == ("q", "a", {"b": 1}) for client in clients)


def test_everyone_and_those_who_are_left_out(gateway, servers):
    a = servers[0].client("red", answers={"q": "a"})
    b = servers[1].client("blue", answers={"q": "b"})
    c = servers[1].client("red", "blue", answers={"q": "c"})

    def responses(**fields):
        answer = gateway.emit(event="q", ack={"timeoutMs": LONG}, **fields)
        assert answer["acks"]["complete"] is True
        return sorted(value for (value,) in answer["acks"]["responses"])

    assert responses() == ["a", "b", "c"]
    assert responses(except_=["red"]) == ["b"]
    assert responses(exceptSockets=[b.sid]) == ["a", "c"]
    assert responses(rooms=["blue"], except_=[a.sid, c.sid]) == ["b"]


def test_nobody_to_acknowledge_is_complete_at_once(gateway, servers):
    answer = gateway.emit(event="q", rooms=["nobody"], ack={"timeoutMs": LONG})
    assert answer["acks"] == {"expected": 0, "received": 0, "complete": True, "responses": []}
    assert answer["recipients"] == 0 and answer["servers"]["responded"] == 2


def test_the_first_answer_is_enough(gateway, servers):
    quick = servers[1].client("room", answers={"q": "quick"})
    silent = [server.client("room", answers={"q": AnsweringClient.silence}) for server in servers]
    question = Asking(gateway.emit, event="q", rooms=["room"], ack={"mode": "first", "timeoutMs": LONG})
    answer = question.outcome()
    assert answer["acks"]["responses"] == [["quick"]] and answer["acks"]["received"] == 1
    assert question.seconds < LONG / 1000 / 2
    assert all(client.next() == ("q",) for client in [quick, *silent])


def test_silent_clients_are_not_waited_for_beyond_the_time(gateway, servers):
    for server in servers:
        server.client("room", answers={"q": "yes"})
        server.client("room", answers={"q": AnsweringClient.silence})
    question = Asking(gateway.emit, event="q", rooms=["room"], ack={"timeoutMs": SHORT})
    answer = question.outcome()
    assert answer["acks"] == {"expected": 4, "received": 2, "complete": False, "responses": [["yes"], ["yes"]]}
    assert answer["recipients"] == 4
    assert answer["servers"]["expected"] == 2
    assert question.seconds >= SHORT / 1000
    # The next one is not disturbed by what was left over.
    again = gateway.emit(event="other", rooms=["room"], ack={"timeoutMs": LONG})
    assert again["acks"]["received"] == 4 and again["acks"]["complete"] is True


def test_a_client_that_leaves_has_not_answered(gateway, servers):
    servers[0].client("room", answers={"q": "yes"})
    leaving = servers[0].client("room", answers={"q": AnsweringClient.leave})
    answer = gateway.emit(event="q", rooms=["room"], ack={"timeoutMs": SHORT})
    assert answer["acks"]["responses"] == [["yes"]] and answer["acks"]["complete"] is False
    assert (answer["recipients"], answer["acks"]["expected"]) == (2, 2)
    assert leaving.disconnected.is_set()


VALUES = [
    None,
    True,
    0.1,
    "ü 😀 \x00",
    [],
    [[1, 2], [3]],
    {},
    {"deep": [{"er": None}]},
    {"_placeholder": True, "num": 0},
]


@pytest.mark.parametrize("server", [0, 1], ids=["aio-pika", "kombu"])
def test_answers_are_what_the_client_gave(gateway, servers, server):
    values = iter(VALUES)
    servers[server].client("room", answers={"q": lambda *_: next(values)})
    for value in VALUES:
        answer = gateway.emit(event="q", rooms=["room"], ack={"timeoutMs": LONG})
        expected = [[]] if value is None else [[value]]  # the client's library sends no argument for None
        assert answer["acks"]["responses"] in (expected, [[value]]), value


@pytest.mark.parametrize("server", [0, 1], ids=["aio-pika", "kombu"])
def test_several_arguments_both_ways(gateway, servers, server):
    servers[server].client("room", answers={"q": lambda _client, *args: tuple(reversed(args))})
    answer = gateway.emit(event="q", args=[1, "two", [3]], rooms=["room"], ack={"timeoutMs": LONG})
    assert answer["acks"]["responses"] == [[[3], "two", 1]]


@pytest.mark.parametrize("server", [0, 1], ids=["aio-pika", "kombu"])
def test_bytes_both_ways(gateway, servers, server):
    first, second = bytes(range(256)), b"\x00"
    client = servers[server].client("room", answers={"q": echo})
    args = [binary(first), {"in": [binary(second), "text"]}, binary(b"")]
    answer = gateway.emit(event="q", args=args, binary=True, rooms=["room"], ack={"timeoutMs": LONG})
    assert client.next() == ("q", first, {"in": [second, "text"]}, b"")
    assert answer["acks"]["responses"] == [args]


def test_servers_keep_nothing_of_what_is_over(gateway, servers):
    answer = tell(gateway, "/v1/servers/emit", event="callbacks", ack={"timeoutMs": LONG})
    assert [response["value"] for response in answer["responses"]] == [0, 0]  # nothing is left of all the above


# Who is left out, by the names of rooms


def received(gateway, clients):
    gateway.emit(event=END)
    return [client.until(END) for client in clients]


def test_members_of_an_excepted_room_receive_nothing(gateway, servers):
    plain = [server.client("all") for server in servers]
    excluded = [server.client("all", "not") for server in servers]
    named = servers[1].client("all")
    for number in range(10):
        answer = gateway.emit(event="e", data=number, rooms=["all"], except_=["not", named.sid])
        assert (answer["status"], answer["routed"]) == ("confirmed", None)
    got = received(gateway, plain + excluded + [named])
    assert got == [[("e", number) for number in range(10)]] * 2 + [[]] * 3
    gateway.emit(event="e", data="to everyone", except_=["not"])
    assert [len(events) for events in received(gateway, plain + excluded + [named])] == [1, 1, 0, 0, 1]


def test_who_has_just_joined_is_left_out(gateway, servers):
    clients = [server.client("all") for server in servers]
    for number in range(10):
        tell(gateway, "/v1/sockets/join", in_=["all"], rooms=[f"not {number}"])
        gateway.emit(event="e", rooms=["all"], except_=[f"not {number}"])
    assert received(gateway, clients) == [[], []]


def test_with_a_server_that_does_not_answer_nothing_is_delivered(broker, exchange, servers):
    a, b = servers[1].client("all"), servers[0].client("all", "not")
    with Gateway(
        broker.url,
        cluster_exchange=exchange,
        python_socketio_exchange=exchange + ".fanout",
        requests_timeout=f"{SHORT}ms",
    ) as gateway:
        wait_for_servers(gateway, 2)
        servers[0].pause()
        try:
            response = gateway.post({"event": "e", "rooms": ["all"], "except": ["not"]})
            problem = assert_problem(response, 503, "incomplete")
            assert problem["retryable"] is True
            # Those who need not be looked for can be left out.
            assert gateway.emit(event="known", rooms=["all"], exceptSockets=[b.sid])["status"] == "confirmed"
        finally:
            servers[0].resume()
        until(lambda: ask(gateway, "/v1/counts", timeoutMs=LONG)["complete"], "it answers again")
        assert received(gateway, [a, b]) == [[("known",)], []]
        assert gateway.emit(event="e", rooms=["all"], except_=["not"])["status"] == "confirmed"
        assert received(gateway, [a, b]) == [[("e",)], []]


# python-socketio servers as they are

ALONE = "test.alone"


@pytest.fixture(scope="module")
def plain_servers(broker):
    with SocketIOServer(broker.url, ALONE, "aio-pika") as a, SocketIOServer(broker.url, ALONE, "kombu") as b:
        yield a, b


@pytest.fixture
def plain(plain_servers):
    """Opens clients of servers without responders, in these rooms."""
    clients = []

    def client(server, *rooms, **options):
        clients.append(AnsweringClient(plain_servers[server].url, *rooms, **options))
        return clients[-1]

    yield client
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def alone(broker):
    """A gateway that finds nobody to ask."""
    with Gateway(
        broker.url, cluster_exchange="test.alone.cluster", python_socketio_exchange=ALONE, loops=2
    ) as gateway:
        yield gateway


def consumers(broker, exchange=ALONE):
    """How many queues are bound to the servers' exchange: one for each server, and whoever else reads."""
    lines = broker.ctl("list_bindings", "source_name", "destination_name").splitlines()
    return sum(line.split("\t")[0] == exchange for line in lines)


@contextmanager
def nothing_left_over(broker):
    """Whatever queues have come go again."""
    before = queues(broker)
    yield
    until(lambda: queues(broker) == before, "the queues are as before")


def queues(broker):
    return sorted(broker.ctl("list_queues", "name").split())


def test_callbacks_of_all_until_the_time_is_over(broker, alone, plain):
    for number in range(4):
        plain(number % 2, "room", answers={"q": number})
    plain(0, "other", answers={"q": "not asked"})
    plain(0, "room", answers={"q": AnsweringClient.silence})
    with Witness(broker.url, ALONE, "fanout") as witness, nothing_left_over(broker):
        question = Asking(alone.emit, event="q", args=[1, 2], rooms=["room"], ack={"timeoutMs": 2 * SHORT})
        answer = question.outcome()
        said = [message.json for message in witness.waiting()]
    assert question.seconds >= 2 * SHORT / 1000
    # What the servers have published, which can be less than what clients answered at once (seen with 5.18.1).
    published = [message["args"] for message in said if message["method"] == "callback"]
    assert published and set(map(tuple, published)) <= {(0,), (1,), (2,), (3,)}
    assert sorted(answer["acks"].pop("responses")) == sorted(published)
    assert answer["acks"] == {"expected": None, "received": len(published), "complete": None}
    assert (answer["status"], answer["routed"]) == ("confirmed", None)
    assert answer["recipients"] is None and answer["servers"] is None


def test_the_first_callback_is_enough(broker, alone, plain):
    plain(0, "room", answers={"q": echo})
    plain(1, "room", answers={"q": AnsweringClient.silence})
    with nothing_left_over(broker):
        for args in ([1], [1, "two"], ["ü 😀"]):
            question = Asking(
                alone.emit, event="q", args=args, rooms=["room"], ack={"mode": "first", "timeoutMs": LONG}
            )
            assert question.outcome()["acks"]["responses"] == [args]
            assert question.seconds < LONG / 1000 / 2


def test_callbacks_need_rooms(alone, plain):
    client = plain(0)
    assert_problem(alone.post({"event": "q", "ack": {"timeoutMs": LONG}}), 422, "not_expressible", "/rooms")
    alone.emit(event=END)
    assert client.until(END) == []


def test_one_consumer_for_all_who_wait_and_only_while_they_wait(broker, alone, plain):
    plain(0, "room", answers={"q": AnsweringClient.silence})
    plain(0, "quick", answers={"q": "yes"})
    servers = consumers(broker)
    assert servers == 2
    with nothing_left_over(broker):
        fields = {"event": "q", "rooms": ["room"], "ack": {"timeoutMs": 4_000}}
        waiting = [Asking(alone.emit, **fields) for _ in range(20)]
        until(lambda: in_flight(alone) == 20, "they wait")
        until(lambda: consumers(broker) == servers + 1, "one reads for all of them")
        first = alone.emit(event="q", rooms=["quick"], ack={"mode": "first", "timeoutMs": LONG})
        assert first["acks"]["responses"] == [["yes"]]
        assert consumers(broker) == servers + 1
        assert all(asking.is_waiting for asking in waiting)
        assert all(asking.outcome()["acks"]["received"] == 0 for asking in waiting)
        until(lambda: consumers(broker) == servers, "nobody but the servers reads")
        # It is opened again as often as somebody waits.
        for _ in range(20):
            answer = alone.emit(event="q", rooms=["quick"], ack={"mode": "first", "timeoutMs": LONG})
            assert answer["acks"]["responses"] == [["yes"]]


def test_without_the_servers_exchange_nobody_is_there_and_no_queue_stays(broker):
    with nothing_left_over(broker):
        with Gateway(
            broker.url, cluster_exchange="test.missing.cluster", python_socketio_exchange="test.missing"
        ) as gateway:
            with nothing_left_over(broker):
                for _ in range(5):
                    answer = gateway.emit(event="q", rooms=["room"], ack={"timeoutMs": LONG})
                    assert answer["routed"] is False
                    assert answer["acks"] == {"expected": None, "received": 0, "complete": None, "responses": []}
            # The connection over which everybody asks is still the same.
            assert gateway.metric("gateway_cluster_connects_total") == 1
        assert "test.missing\t" not in broker.ctl("list_exchanges", "name", "type")


def test_callbacks_of_others_and_forged_ones_are_ignored(broker, alone):
    with Witness(broker.url, ALONE, "fanout") as witness:
        fields = {"event": "q", "rooms": ["only witness"], "ack": {"mode": "first", "timeoutMs": LONG}}
        question = Asking(alone.emit, **fields)
        emitted = witness.take()[0].json
        room, namespace, number = emitted["callback"]
        assert (room, namespace) == ("only witness", "/")
        mine = {
            "method": "callback",
            "host_id": emitted["host_id"],
            "sid": room,
            "namespace": namespace,
            "id": number,
            "args": ["forged"],
        }
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()

            def publish(message):
                body = message if isinstance(message, bytes) else json.dumps(message).encode()
                channel.basic_publish(ALONE, "*", body)

            for forged in (
                {"host_id": "0" * 32},
                {"host_id": None},
                {"host_id": [emitted["host_id"]]},
                {"id": number + 1},
                {"id": str(number)},
                {"id": None},
                {"method": "emit", "event": emitted["host_id"], "data": [], "host_id": emitted["host_id"]},
                {"args": "no list"},
                {"args": None},
            ):
                publish({**mine, **forged})
            publish(b"not json " + emitted["host_id"].encode())
            publish(b'{"host_id": "' + emitted["host_id"].encode())
            time.sleep(0.5)
            assert question.is_waiting
            publish({**mine, "args": ["mine", 2]})
        assert question.outcome()["acks"]["responses"] == [["mine", 2]]


def accepted(response):
    assert response.status == 202, (response.status, response.body)
    assert response.json == {"status": "accepted", "matched": None, "verified": False}


def test_what_servers_do_without_saying_so(alone, plain):
    a, b, c = plain(0, "red"), plain(1, "red"), plain(1)

    def reached(room):
        alone.emit(event="hello", rooms=[room])
        alone.emit(event=END)
        return [bool(client.until(END)) for client in (a, b, c)]

    for client in (a, c):
        accepted(alone.post({"rooms": ["new", "newer"]}, path=f"/v1/sockets/{client.sid}/join"))
    assert reached("new") == reached("newer") == [True, False, True]
    accepted(alone.post({"rooms": ["new"]}, path=f"/v1/sockets/{c.sid}/leave"))
    assert reached("new") == [True, False, False]
    accepted(alone.post({"in": ["red"], "rooms": ["red"]}, path="/v1/sockets/leave"))  # the room is closed
    assert reached("red") == [False, False, False]
    assert reached("newer") == [True, False, True]
    for client in (a, b):
        accepted(alone.request("DELETE", f"/v1/sockets/{client.sid}"))
        assert client.disconnected.wait(20)
    assert c.is_open


def test_what_servers_cannot_do_without_a_responder(alone, plain):
    client = plain(0, "red")
    for path, body in [
        ("join", {"in": ["red"], "rooms": ["new"]}),
        ("join", {"all": True, "rooms": ["new"]}),
        ("leave", {"in": ["red"], "rooms": ["blue"]}),
        ("leave", {"in": ["red"], "rooms": ["red"], "except": ["blue"]}),
        ("leave", {"all": True, "rooms": ["red"]}),
        ("disconnect", {"in": ["red"]}),
        ("disconnect", {"all": True}),
    ]:
        assert_problem(alone.post(body, path=f"/v1/sockets/{path}"), 503, "no_servers")
    for path in ("/v1/sockets", f"/v1/sockets/{client.sid}", "/v1/rooms", "/v1/counts"):
        assert_problem(alone.get(path), 503, "no_servers")
    alone.emit(event="still there", rooms=["red"])
    assert client.next() == ("still there",)


def test_without_responders_rooms_cannot_be_left_out(alone, plain):
    client, other = plain(0, "red"), plain(1, "red")
    for fields in ({}, {"rooms": ["red"]}, {"ack": {"timeoutMs": LONG}, "rooms": ["red"]}):
        response = alone.post({"event": "e", "except": ["blue"], **fields})
        assert_problem(response, 422, "not_expressible", "/except")
    alone.emit(event="known", exceptSockets=[other.sid])
    alone.emit(event=END)
    assert client.until(END) == [("known",)] and other.until(END) == []
