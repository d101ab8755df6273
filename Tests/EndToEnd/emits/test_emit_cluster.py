"""Emits over the wire format `cluster`, which servers with a responder deliver to their clients."""

import pika
import pytest

from harness import Gateway, RespondingServer
from harness.questions import until

END = "end-of-test"
EXCHANGE = "test.emit.cluster"


@pytest.fixture(scope="module")
def servers(own_broker):
    with RespondingServer(own_broker.url, "aio-pika", EXCHANGE) as first:
        with RespondingServer(own_broker.url, "aio-pika", EXCHANGE) as second:
            yield first, second


@pytest.fixture(scope="module")
def gateway(own_broker, servers):
    with Gateway(own_broker.url, wire_format="cluster", cluster_exchange=EXCHANGE) as gateway:
        until(lambda: len(gateway.get("/v1/servers").json["servers"]) == 2, "two servers")
        yield gateway


@pytest.fixture
def clients(servers):
    yield [server.client(*rooms) for server, rooms in zip(servers, (["a", "b"], ["b", "c"]))]
    for server in servers:
        server.disconnect_clients()


def received(gateway, clients):
    """What each client got before the end."""
    assert gateway.emit(event=END)["routed"] is True
    return [client.until(END) for client in clients]


def test_rooms_are_a_union_and_arrive_once(gateway, clients):
    assert gateway.emit(event="e", args=[0.1, {"b": 1, "a": None}], rooms=["a", "b"])["routed"] is True
    assert received(gateway, clients) == [[("e", 0.1, {"b": 1, "a": None})]] * 2


def test_one_room_a_socket_and_everyone(gateway, clients):
    gateway.emit(event="room", rooms=["c"])
    gateway.emit(event="socket", rooms=[clients[0].sid])
    gateway.emit(event="all")
    assert received(gateway, clients) == [[("socket",), ("all",)], [("room",), ("all",)]]


def test_rooms_and_sockets_are_left_out(gateway, clients):
    gateway.emit(event="rooms", except_=["a"])
    gateway.emit(event="sockets", exceptSockets=[clients[1].sid])
    assert received(gateway, clients) == [[("sockets",)], [("rooms",)]]


def test_bytes_arrive_as_bytes(gateway, clients):
    gateway.emit(event="e", binary=True, args=[{"f": {"$binary": "AQI="}}, {"$binary": ""}], rooms=["a"])
    assert received(gateway, clients) == [[("e", {"f": b"\x01\x02"}, b"")], []]


def test_a_namespace_that_no_server_has_is_not_routed(gateway):
    assert gateway.emit(event="e", namespace="/nobody")["routed"] is False


def test_a_batch_keeps_its_order(gateway, clients):
    items = [{"event": "n", "data": number, "rooms": ["a"]} for number in range(200)]
    assert gateway.post({"items": items}, path="/v1/batch").json["confirmed"] == 200
    assert received(gateway, clients) == [[("n", number) for number in range(200)], []]


def test_a_server_that_subscribes_room_by_room_gets_what_is_for_its_rooms_once(gateway, own_broker):
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    for key in ("/", "/#room#a", "/#room#b"):
        channel.queue_bind(queue, EXCHANGE, key)

    def taken():
        bodies = []
        while (body := channel.basic_get(queue, auto_ack=True)[2]) is not None:
            bodies.append(body)
        return len(bodies)

    for rooms, count in ((["a", "b"], 1), (["other"], 0), (["a", "z" * 20], 1), ([], 1)):
        gateway.emit(event="e", **({"rooms": rooms} if rooms else {}))
        assert taken() == count, rooms
    connection.close()
