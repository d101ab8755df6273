"""Changes that would harm a socket or a python-socketio server: unverified they are not sent, and who answers refuses them."""

import time

import pytest

from harness import AnsweringClient, Gateway, RespondingServer, SocketIOServer, Witness, assert_problem
from harness.patience import end_of_patience
from harness.questions import ask, wait_for_servers


@pytest.fixture(scope="module", params=["aio-pika", "kombu"])
def server(broker, exchange, request):
    with SocketIOServer(broker.url, exchange, request.param) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    """One that finds nobody to ask."""
    with Gateway(broker.url, python_socketio_exchange=exchange, cluster_exchange=exchange + ".cluster") as gateway:
        yield gateway


@pytest.fixture
def clients(server):
    clients = [AnsweringClient(server.url, "room") for _ in range(2)]
    yield clients
    for client in clients:
        client.close()


def is_reachable(gateway, client):
    """By its own id."""
    gateway.emit(event="hello", rooms=[client.sid])
    return client.next() == ("hello",)


def test_a_socket_does_not_leave_the_room_by_which_it_is_reached(broker, exchange, gateway, clients):
    a, b = clients
    with Witness(broker.url, exchange, "fanout") as witness:
        leave = gateway.post({"rooms": ["room", a.sid]}, path=f"/v1/sockets/{a.sid}/leave")
        assert_problem(leave, 422, "not_expressible", "/rooms/1")
        empty = gateway.post({"in": [a.sid], "rooms": [a.sid]}, path="/v1/sockets/leave")
        assert_problem(empty, 422, "not_expressible", "/rooms/0")
        assert witness.waiting() == []
    assert is_reachable(gateway, a) and is_reachable(gateway, b)


def test_a_socket_does_not_join_the_room_of_another_one(broker, exchange, gateway, clients):
    a, b = clients
    with Witness(broker.url, exchange, "fanout") as witness:
        join = gateway.post({"rooms": ["new", b.sid]}, path=f"/v1/sockets/{a.sid}/join")
        assert_problem(join, 422, "not_expressible", "/rooms/1")
        assert witness.waiting() == []
    # Its own it has.
    assert gateway.post({"rooms": [a.sid]}, path=f"/v1/sockets/{a.sid}/join").status == 202
    assert is_reachable(gateway, a) and is_reachable(gateway, b)


def test_a_connection_that_cannot_be_closed_is_not_left_half_open(broker, exchange, gateway, clients):
    a, b = clients
    with Witness(broker.url, exchange, "fanout") as witness:
        close = gateway.request("DELETE", f"/v1/sockets/{a.sid}?close=true")
        assert_problem(close, 422, "not_expressible", "/close")
        assert witness.waiting() == []
    assert is_reachable(gateway, a)
    assert gateway.request("DELETE", f"/v1/sockets/{a.sid}?close=false").status == 202
    deadline = end_of_patience()
    while not a.disconnected.is_set():
        assert time.monotonic() < deadline, "it is still connected"
        time.sleep(0.02)
    assert is_reachable(gateway, b)


# With responders


@pytest.mark.parametrize("manager", ["aio-pika", "kombu"])
def test_a_responder_names_the_reason_and_not_that_the_socket_is_not_there(broker, exchange, manager):
    exchange = f"{exchange}.{manager}"
    settings = {"cluster_exchange": exchange, "python_socketio_exchange": exchange + ".fanout"}
    with (
        RespondingServer(broker.url, manager, exchange, exchange + ".fanout") as server,
        Gateway(broker.url, **settings) as gateway,
    ):
        wait_for_servers(gateway, 1)
        a, b = server.client("room"), server.client("room")
        for path, selected in ((f"/v1/sockets/{a.sid}/join", {}), ("/v1/sockets/join", {"in": ["room"]})):
            response = gateway.post({**selected, "rooms": [b.sid]}, path=path)
            problem = assert_problem(response, 422, "not_expressible", "/rooms")
            assert "id of another socket" in problem["detail"]
        assert set(ask(gateway, f"/v1/sockets/{a.sid}")["rooms"]) == {a.sid, "room"}
        # Its own it keeps, whoever wants to take it away.
        assert gateway.post({"rooms": [a.sid, "room"]}, path=f"/v1/sockets/{a.sid}/leave").status == 200
        assert is_reachable(gateway, a) and is_reachable(gateway, b)
        absent = gateway.post({"rooms": ["r"]}, path="/v1/sockets/nobody/join")
        assert_problem(absent, 404, "not_found")
