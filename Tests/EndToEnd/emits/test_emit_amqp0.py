"""Emits in the wire format of socket.io-amqp0, delivered by a model of its servers."""

import time

import pytest

from harness import Amqp0Servers, Gateway, Witness, assert_problem
from harness.patience import end_of_patience

WITNESSED = "a room that the witness hears"


@pytest.fixture(scope="module")
def witness(broker, exchange):
    """Also keeps the exchange, which the broker deletes with its last binding."""
    with Witness(broker.url, exchange, "direct", keys=[WITNESSED]) as witness:
        yield witness


@pytest.fixture(scope="module")
def gateway(broker, exchange, witness):
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange) as gateway:
        yield gateway


@pytest.fixture
def servers(broker, exchange, witness):
    with Amqp0Servers(broker.url, exchange, servers=2) as servers:
        yield servers


@pytest.fixture
def heard_broadcasts(broker, exchange):
    with Witness(broker.url, exchange, "direct", keys=["broadcast", "room1"]) as heard:
        yield heard


def test_without_rooms_everyone_on_every_server_receives_it(gateway, servers):
    a, b, c = servers.socket("room1"), servers.socket(server=1), servers.socket("room1", server=1)
    assert gateway.emit(event="hello", data="to all")["routed"] is True
    servers.deliver()
    assert a.received == b.received == c.received == [("hello", "to all")]


def test_with_a_room_only_its_members_receive_it(gateway, servers):
    a, b, other = servers.socket("room1"), servers.socket("room1", server=1), servers.socket("room2")
    assert gateway.emit(event="hello", args=[1, None, {"a": []}], rooms=["room1"])["routed"] is True
    servers.deliver()
    assert a.received == b.received == [("hello", 1, None, {"a": []})]
    assert other.received == []


def test_a_socket_in_several_of_the_rooms_receives_it_once(gateway, servers):
    rooms = ["room1", "room2", "room3"]
    sockets = [
        servers.socket(*(room for bit, room in enumerate(rooms) if members >> bit & 1), server=members % 2)
        for members in range(8)
    ]
    assert gateway.emit(event="hello", data=1, rooms=rooms)["routed"] is True
    servers.deliver()
    assert sockets[0].received == []
    assert [socket.received for socket in sockets[1:]] == [[("hello", 1)]] * 7


def test_a_socket_that_is_named_and_in_a_room_receives_it_once(gateway, servers):
    a, b = servers.socket("room1"), servers.socket("room1")
    gateway.emit(event="hello", rooms=[a.sid, "room1", a.sid])
    servers.deliver()
    assert a.received == b.received == [("hello",)]


@pytest.mark.parametrize("field", ["except_", "exceptSockets"])
def test_excluded_sockets_do_not_receive_it(gateway, servers, field):
    a, b = servers.socket("room1"), servers.socket("room1", server=1)
    gateway.emit(event="hello", rooms=["room1"], **{field: [a.sid]})
    gateway.emit(event="again", **{field: [b.sid]})
    servers.deliver()
    assert a.received == [("again",)]
    assert b.received == [("hello",)]


def test_members_of_excluded_rooms_do_not_receive_it(gateway, servers):
    plain, muted, elsewhere = servers.socket("room1"), servers.socket("room1", "muted"), servers.socket("muted", server=1)
    gateway.emit(event="hello", rooms=["room1"], except_=["muted"])
    gateway.emit(event="all", except_=["muted"])
    servers.deliver()
    assert sorted(plain.received) == [("all",), ("hello",)]
    assert muted.received == elsewhere.received == []


def test_a_union_with_exclusions_reaches_the_others_once(gateway, servers):
    both = servers.socket("room1", "room2")
    muted = servers.socket("room1", "room2", "muted")
    named = servers.socket("room2", server=1)
    other = servers.socket("room2", server=1)
    gateway.emit(event="hello", rooms=["room1", "room2"], except_=["muted"], exceptSockets=[named.sid])
    servers.deliver()
    assert both.received == other.received == [("hello",)]
    assert muted.received == named.received == []


def test_routed_says_whether_a_server_has_one_of_the_rooms(gateway, servers):
    servers.socket("room1")
    assert gateway.emit(event="hello", rooms=["room1"])["routed"] is True
    assert gateway.emit(event="hello", rooms=["nobody's"])["routed"] is False
    assert gateway.emit(event="hello", rooms=["nobody's", "room1"])["routed"] is True
    assert gateway.emit(event="hello", rooms=["room1", "nobody's"])["routed"] is True
    assert gateway.emit(event="hello", rooms=["nobody's", "nobody's either"])["routed"] is False


def test_without_confirm_it_is_accepted_and_arrives(gateway, witness):
    response = gateway.post({"event": "hello", "rooms": [WITNESSED], "confirm": "none"})
    assert response.status == 202
    assert (response.json["status"], response.json["routed"]) == ("accepted", None)
    assert witness.take()[0].json["packet"]["data"] == ["hello"]


def test_arguments_are_on_the_wire_byte_for_byte(gateway, witness):
    text = '{"b": 0.1, "a": [1e21, 12345678901234567890123, 1.0, -0], "\\u00e9": "\\u0000\\/"}'
    body = '{"data": %s, "event": "numbers", "rooms": ["%s"]}' % (text, WITNESSED)
    assert gateway.post(body).status == 200
    assert text.encode() in witness.take()[0].body


def test_text_arrives_as_it_was_sent(gateway, servers):
    texts = ["日本 ✓", "\x00\"\\\x7f", "😀", "\u2028"]
    socket = servers.socket("room 3/ü 😀")
    gateway.emit(event="héllo 😀", args=texts, rooms=["room 3/ü 😀"])
    servers.deliver()
    assert socket.received == [("héllo 😀", *texts)]


def test_a_room_name_of_255_bytes_works(broker, exchange, gateway):
    room = "ü" * 127 + "x"
    with Witness(broker.url, exchange, "direct", keys=[room]) as heard:
        assert gateway.emit(event="hello", rooms=[room])["routed"] is True
        assert heard.take()[0].routing_key == room


def test_a_large_argument_arrives_whole(gateway, servers):
    socket = servers.socket()
    gateway.emit(event="large", data="x" * 1024 * 1024)
    servers.deliver()
    assert socket.received == [("large", "x" * 1024 * 1024)]


def test_an_object_with_binary_in_it_is_data_without_the_flag(gateway, servers):
    socket = servers.socket()
    gateway.emit(event="hello", data={"$binary": "AQI="}, binary=False)
    servers.deliver()
    assert socket.received == [("hello", {"$binary": "AQI="})]


REFUSED = {
    "a room named broadcast is everyone": ({"rooms": ["broadcast"]}, "/rooms/0"),
    "also among other rooms": ({"rooms": ["room1", "broadcast"]}, "/rooms/1"),
    "servers cannot tell namespaces apart": ({"namespace": "/chat"}, "/namespace"),
    "also with a room": ({"namespace": "/chat", "rooms": ["room1"]}, "/namespace"),
    "binary arguments would arrive as something else": ({"binary": True, "data": {"$binary": "AQI="}}, "/binary"),
    "also without any argument": ({"binary": True}, "/binary"),
}


@pytest.mark.parametrize("fields, pointer", REFUSED.values(), ids=REFUSED)
def test_what_the_wire_cannot_say_is_refused(gateway, heard_broadcasts, fields, pointer):
    assert_problem(gateway.post({"event": "refused", **fields}), 422, "not_expressible", pointer)
    gateway.emit(event="good")
    assert [message.json["packet"]["data"] for message in heard_broadcasts.take()] == [["good"]]


def test_without_an_exchange_no_server_is_there_until_one_comes(broker):
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange="test.of.nobody.yet") as gateway:
        for fields in ({}, {"rooms": ["room1"]}, {"rooms": ["room1", "room2"]}):
            answer = gateway.emit(event="hello", **fields)
            assert (answer["status"], answer["routed"]) == ("confirmed", False)
        with Amqp0Servers(broker.url, "test.of.nobody.yet") as servers:
            socket = servers.socket("room1")
            deadline = end_of_patience()
            while not gateway.emit(event="hello", rooms=["room1"])["routed"]:
                assert time.monotonic() < deadline, "the exchange is there, and not found"
                time.sleep(0.1)
            servers.deliver()
            assert socket.received == [("hello",)]
        # The servers' last binding took the exchange with it.
        assert gateway.emit(event="hello", rooms=["room1"])["routed"] is False
        assert gateway.get("/readyz").status == 200


@pytest.mark.timed
def test_so_many_rooms_that_their_names_are_too_much_are_refused_before_the_work(broker, exchange, witness):
    """Each message names the rooms before its own, so that they grow with the square of the rooms."""
    rooms = [f"room:{number}" for number in range(5_000)]
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange, max_names=10_000) as gateway:
        for body, path in [({"event": "e", "rooms": rooms}, "/v1/emit"), ({"items": [{"event": "e", "rooms": rooms}]}, "/v1/batch")]:
            start = time.monotonic()
            response = gateway.post(body, path=path)
            assert time.monotonic() - start < 1
            problem = response.json if path == "/v1/emit" else response.json["results"][0]["problem"]
            assert (problem["status"], problem["code"]) == (422, "not_expressible")
            assert problem["errors"][0]["pointer"] == "/rooms"
        assert gateway.post({"event": "e", "rooms": rooms[:500]}).status == 200
