"""Rooms that are numbers: real python-socketio servers put clients into them, and whoever names them reaches those."""

import json

import pytest

from harness import AnsweringClient, ClusterServer, Gateway, SocketIOServer, Witness, assert_problem
from harness.cluster import FEATURES
from harness.questions import all_pages, ask, start_servers, tell, until, wait_for_servers

END = "end-of-test"
MOST = 2**53


# python-socketio servers as they are


@pytest.fixture(scope="module", params=["aio-pika", "kombu"])
def running_server(broker, exchange, request):
    with SocketIOServer(broker.url, exchange, request.param) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    """One that finds nobody to ask."""
    with Gateway(broker.url, python_socketio_exchange=exchange, cluster_exchange=exchange + ".cluster") as gateway:
        yield gateway


@pytest.fixture
def client(running_server):
    """Opens clients in these rooms."""
    clients = []

    def client(*rooms, **options):
        clients.append(AnsweringClient(running_server.url, *rooms, **options))
        return clients[-1]

    yield client
    for client in clients:
        client.close()


def delivered(gateway, *clients, **fields):
    """What each of the clients receives of this emit. Messages are delivered in order, so an end marker follows."""
    gateway.emit(**fields)
    gateway.emit(event=END)
    return [client.until(END) for client in clients]


GOT, NOT = [("e", 1)], []


@pytest.mark.parametrize("number", [42, 0, -1, MOST, -MOST])
def test_a_number_reaches_its_room_and_not_that_of_its_digits(gateway, client, number):
    member, namesake, other = client(number), client(str(number)), client(number + 1 if number < MOST else 1)
    assert delivered(gateway, member, namesake, other, event="e", data=1, rooms=[number]) == [GOT, NOT, NOT]
    assert delivered(gateway, member, namesake, other, event="e", data=1, rooms=[str(number)]) == [NOT, GOT, NOT]


def test_numbers_and_text_make_a_union_in_which_everybody_is_once(gateway, client):
    clients = client(42), client("42"), client(42, "42", "a", 7), client("a"), client(8)
    got = delivered(gateway, *clients, event="e", data=1, rooms=[42, "a", "42", 42, 7])
    assert got == [GOT, GOT, GOT, GOT, NOT]


def test_a_batch_has_rooms_that_are_numbers(gateway, client):
    member, namesake = client(42), client("42")
    items = [{"event": "e", "data": 1, "rooms": [42]}, {"event": "e", "data": 2, "rooms": ["42"]}]
    assert gateway.batch([*items, {"event": END}]).status == 200
    assert (member.until(END), namesake.until(END)) == ([("e", 1)], [("e", 2)])


def test_clients_in_a_room_that_is_a_number_acknowledge(gateway, client):
    client(42, answers={"q": "from 42"})
    client("42", answers={"q": "from its namesake"})
    answer = gateway.emit(event="q", rooms=[42], ack={"mode": "first", "timeoutMs": 10_000})
    # The one that was asked for has come.
    assert answer["acks"] == {"expected": None, "received": 1, "complete": True, "responses": [["from 42"]]}


def test_a_socket_joins_and_leaves_a_room_that_is_a_number(gateway, client):
    socket = client()
    for verb, expected in [("join", GOT), ("leave", NOT)]:
        response = gateway.post({"rooms": [42]}, path=f"/v1/sockets/{socket.sid}/{verb}")
        assert (response.status, response.json["verified"]) == (202, False)
        assert delivered(gateway, socket, event="e", data=1, rooms=[42]) == [expected]
        assert delivered(gateway, socket, event="e", data=1, rooms=["42"]) == [NOT]


def test_everybody_leaves_a_room_that_is_a_number(gateway, client):
    member, namesake = client(42), client("42")
    assert gateway.post({"in": [42], "rooms": [42]}, path="/v1/sockets/leave").status == 202
    assert delivered(gateway, member, namesake, event="e", data=1, rooms=[42, "42"]) == [NOT, GOT]


def test_a_query_names_text(broker, exchange, gateway):
    with Witness(broker.url, exchange, "fanout") as witness:
        assert gateway.emit(event="e", rooms=[42])["status"] == "confirmed"
        gateway.emit(event="e", rooms=[42, "42"], **{"exceptSockets": ["s"]})
        first, second = witness.take(2)
    assert (first.json["room"], second.json["room"]) == (42, [42, "42"])


@pytest.mark.parametrize("number", ["42.0", "4.2e1", "1e2", str(MOST + 1), "-" + str(MOST + 1), "1" * 30, "true", "null"])
@pytest.mark.parametrize("path, body", [
    ("/v1/emit", '{"event": "e", "rooms": ["a", %s]}'),
    ("/v1/sockets/join", '{"in": ["r"], "rooms": ["a", %s]}'),
])
def test_any_other_number_is_an_error_that_says_what_may_stand_there(gateway, path, body, number):
    problem = assert_problem(gateway.post(body % number, path=path), 422, "invalid_request", "/rooms/1")
    assert "an integer (digits alone" in problem["errors"][0]["detail"]


# Servers with responders


@pytest.fixture(scope="module")
def responding(broker, exchange):
    """One of asyncio and one of threads, and a gateway that knows them."""
    exchange += ".responding"
    servers = start_servers(broker.url, exchange, exchange + ".fanout", ["aio-pika", "kombu"])
    try:
        settings = {"cluster_exchange": exchange, "python_socketio_exchange": exchange + ".fanout", "loops": 2}
        with Gateway(broker.url, **settings) as gateway:
            wait_for_servers(gateway, 2)
            yield gateway, servers
    finally:
        for server in servers:
            server.close()


@pytest.fixture
def servers(responding):
    """With clients in these rooms, alternately on both; they answer the event `q` with their number."""
    gateway, servers = responding
    clients = []

    def connect(*rooms_of_each):
        for number, rooms in enumerate(rooms_of_each):
            clients.append(servers[number % 2].client(*rooms, answers={"q": number}))
        return clients

    yield gateway, connect
    for server in servers:
        server.disconnect_clients()
    until(lambda: ask(gateway, "/v1/counts")["sockets"] == 0, "the servers have no sockets", timeout=60)


def rooms_of(gateway, client):
    rooms = ask(gateway, f"/v1/sockets/{client.sid}")["rooms"]
    return {room for room in rooms if room != client.sid}


def test_responding_servers_tell_numbers_from_text(servers):
    gateway, connect = servers
    a, b, c = connect([42, "42", "a"], [42, 7], ["42", 421])
    assert [rooms_of(gateway, client) for client in (a, b, c)] == [{42, "42", "a"}, {42, 7}, {"42", 421}]
    listed = [(room["room"], room["sockets"]) for room in ask(gateway, "/v1/rooms")["rooms"]]
    assert listed == [("42", 2), (42, 2), (421, 1), (7, 1), ("a", 1)]
    pages = all_pages(gateway, "/v1/rooms", "rooms", limit=1)
    assert [room["room"] for page in pages for room in page["rooms"]] == ["42", 42, 421, 7, "a"]
    counts = tell(gateway, "/v1/counts", rooms=[42, "42", "a", 99])
    assert (counts["rooms"], counts["numbers"]) == ({"42": 2, "a": 1}, {"42": 2, "99": 0})
    found = tell(gateway, "/v1/sockets/query", rooms=[42], except_=["a"], fields=["rooms"])["sockets"]
    assert [socket["id"] for socket in found] == [b.sid]
    assert ask(gateway, "/v1/counts", room="42")["rooms"] == {"42": 2}


def test_responding_servers_change_rooms_that_are_numbers(servers):
    gateway, connect = servers
    a, b, c = connect([42], ["42"], [7])
    assert tell(gateway, "/v1/sockets/join", in_=[42, 7], except_=["none"], rooms=[43, "43"])["matched"] == 2
    assert [rooms_of(gateway, client) for client in (a, b, c)] == [{42, 43, "43"}, {"42"}, {7, 43, "43"}]
    assert tell(gateway, "/v1/sockets/leave", in_=[43], except_=[7], rooms=["43"])["matched"] == 1
    assert [rooms_of(gateway, client) for client in (a, b, c)] == [{42, 43}, {"42"}, {7, 43, "43"}]
    assert tell(gateway, "/v1/sockets/disconnect", in_=[42])["matched"] == 1
    assert ask(gateway, "/v1/counts")["sockets"] == 2


def test_responding_servers_leave_out_rooms_that_are_numbers_and_acknowledge_for_them(servers):
    gateway, connect = servers
    clients = connect([42, "a"], ["42", "a"], ["a"])
    assert delivered(gateway, *clients, event="e", data=1, rooms=["a"], **{"except_": [42]}) == [NOT, GOT, GOT]
    answer = gateway.emit(event="q", rooms=[42], ack={"timeoutMs": 10_000})
    assert answer["acks"] == {"expected": 1, "received": 1, "complete": True, "responses": [[0]]}
    first = gateway.emit(event="q", rooms=["a"], ack={"mode": "first", "timeoutMs": 10_000})
    assert (first["acks"]["received"], first["acks"]["complete"]) == (1, True)


# Servers of the wire format `cluster`, and early companions


def test_pages_of_rooms_are_whole_beside_a_server_that_knows_no_numbers(broker, exchange):
    exchange += ".mixed"
    current = {"s": {42, "42", 4}, "t": {42, 10**15}}
    with (
        ClusterServer(broker.url, current, exchange=exchange, about=FEATURES),
        ClusterServer(broker.url, {"u": {"42", "4", "421"}}, exchange=exchange),
        Gateway(broker.url, cluster_exchange=exchange) as gateway,
    ):
        wait_for_servers(gateway, 2)
        expected = [("1" + "0" * 15, 1), ("4", 1), ("4", 1), ("42", 2), ("42", 2), ("421", 1)]
        kinds = [int, str, int, str, int, str]
        for limit in (1, 2, 3, 100):
            pages = all_pages(gateway, "/v1/rooms", "rooms", limit=limit)
            assert [len(page["rooms"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
            rooms = [room for page in pages for room in page["rooms"]]
            assert [(str(room["room"]), room["sockets"]) for room in rooms] == expected
            assert [type(room["room"]) for room in rooms] == kinds


def test_a_server_that_knows_no_numbers_is_asked_nothing_with_them(broker, exchange):
    exchange += ".early"
    asked = []
    with (
        ClusterServer(broker.url, {"s": {"42"}}, exchange=exchange, asked=asked.append) as server,
        Gateway(broker.url, wire_format="cluster", cluster_exchange=exchange) as gateway,
    ):
        wait_for_servers(gateway, 1)
        asked.clear()
        for path, body in {
            "/v1/emit": {"event": "e", "rooms": [42]},
            "/v1/sockets/query": {"rooms": [42]},
            "/v1/counts": {"rooms": [42]},
            "/v1/sockets/s/join": {"rooms": [42]},
            "/v1/sockets/leave": {"in": [42], "rooms": ["a"]},
        }.items():
            problem = assert_problem(gateway.post(body, path=path), 501, "not_supported")
            assert server.uid in problem["detail"]
        results = gateway.batch([{"event": "e", "rooms": [42]}, {"event": "e", "rooms": ["42"]}]).json["results"]
        assert [result["status"] for result in results] == [501, 200]
        until(lambda: asked, "the other item has come")
    assert [message["data"]["opts"]["rooms"] for message in asked] == [["42"]]


@pytest.mark.parametrize("body", ['{"event": "e", "rooms": [42, "a"]}', '{"event": "e", "rooms": ["a"], "except": [42]}'])
def test_current_servers_of_the_cluster_are_told_numbers(broker, exchange, body):
    exchange += ".current"
    asked = []
    with (
        ClusterServer(broker.url, {"s": {42}}, exchange=exchange, about=FEATURES, asked=asked.append),
        Gateway(broker.url, wire_format="cluster", cluster_exchange=exchange) as gateway,
    ):
        wait_for_servers(gateway, 1)
        assert gateway.post(body).json["routed"] is True
        until(lambda: asked, "it has come")
    sent = json.loads(body)
    assert asked[0]["data"]["opts"] == {"rooms": sent["rooms"], "except": sent.get("except", []), "flags": {}}
