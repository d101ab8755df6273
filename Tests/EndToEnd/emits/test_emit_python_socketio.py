"""Emits which real python-socketio servers deliver to real clients."""

import http.client
import json
import time

import pytest

from harness import Gateway, SocketIOServer, assert_problem
from harness.patience import end_of_patience

END = "end-of-test"


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        yield gateway


@pytest.fixture(scope="module", params=["aio-pika", "kombu"])
def running_server(broker, exchange, request):
    with SocketIOServer(broker.url, exchange, request.param, namespaces=("/", "/chat")) as server:
        yield server


def delivered(gateway, *clients, namespace="/", **fields):
    """What each of the clients receives of this emit. Messages are delivered in order, so an end marker follows."""
    gateway.emit(namespace=namespace, **fields)
    gateway.emit(namespace=namespace, event=END)
    return [client.until(END) for client in clients]


def test_without_rooms_everyone_receives_it(gateway, server):
    a, b = server.client("room1"), server.client()
    assert delivered(gateway, a, b, event="hello", data="to all") == [[("hello", "to all")]] * 2


def test_with_a_room_only_its_members_receive_it(gateway, server):
    member, other = server.client("room1"), server.client("room2")
    assert delivered(gateway, member, other, event="hello", data=1, rooms=["room1"]) == [[("hello", 1)], []]


def test_a_socket_in_several_of_the_rooms_receives_it_once(gateway, server):
    both, one, none = server.client("room1", "room2"), server.client("room2"), server.client("room3")
    got = delivered(gateway, both, one, none, event="hello", data=1, rooms=["room1", "room2"])
    assert got == [[("hello", 1)], [("hello", 1)], []]


def test_a_room_named_twice_is_one_room(gateway, server):
    member = server.client("room1")
    assert delivered(gateway, member, event="hello", rooms=["room1", "room1"]) == [[("hello",)]]


def test_a_socket_id_is_a_room(gateway, server):
    a, b = server.client(), server.client()
    assert delivered(gateway, a, b, event="hello", rooms=[a.sid]) == [[("hello",)], []]


def test_excluded_sockets_do_not_receive_it(gateway, server):
    a, b, c = server.client("room1"), server.client("room1"), server.client("room1")
    got = delivered(gateway, a, b, c, event="hello", rooms=["room1"], exceptSockets=[a.sid, c.sid])
    assert got == [[], [("hello",)], []]


def test_excluded_sockets_do_not_receive_what_goes_to_everyone(gateway, server):
    a, b = server.client(), server.client()
    assert delivered(gateway, a, b, event="hello", exceptSockets=[a.sid]) == [[], [("hello",)]]


def test_another_namespace_receives_its_own_events_only(gateway, server):
    main, chat = server.client("room1"), server.client("room1", namespace="/chat")
    gateway.emit(event="hello", data=1, rooms=["room1"], namespace="/chat")
    gateway.emit(event=END)
    gateway.emit(event=END, namespace="/chat")
    assert main.until(END) == []
    assert chat.until(END) == [("hello", 1)]


ARGUMENTS = [1, "two", [3], None, {"four": 4.5}, True]


def test_several_arguments_arrive_as_several(gateway, server):
    client = server.client()
    assert delivered(gateway, client, event="hello", args=ARGUMENTS) == [[("hello", *ARGUMENTS)]]


@pytest.mark.parametrize("fields", [{}, {"args": []}], ids=["neither args nor data", "empty args"])
def test_no_argument_arrives_as_none(gateway, server, fields):
    client = server.client()
    assert delivered(gateway, client, event="hello", **fields) == [[("hello",)]]


def test_a_list_in_data_is_one_argument(gateway, server):
    client = server.client()
    assert delivered(gateway, client, event="hello", data=[1, 2]) == [[("hello", [1, 2])]]


TEXTS = ["日本 ✓", "\x00\"\\/\b\f\n\r\t\x1f\x7f", "😀👩‍👩‍👧", "\u2028\uffff", ""]


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "as UTF-8"])
def test_text_arrives_as_it_was_sent(gateway, server, ascii_only):
    client = server.client("raum 3/ü 😀")
    body = {"event": "héllo 😀", "args": [*TEXTS, {"schlüssel": "ß"}], "rooms": ["raum 3/ü 😀"]}
    assert gateway.post(json.dumps(body, ensure_ascii=ascii_only)).status == 200
    assert client.next() == ("héllo 😀", *TEXTS, {"schlüssel": "ß"})


NUMBERS = "[0.1, 1e21, 12345678901234567890123, -0.0, 1.0, 9007199254740993, 1E-7]"


def test_numbers_arrive_as_they_were_sent(gateway, server):
    client = server.client()
    assert gateway.post('{"event": "numbers", "args": %s}' % NUMBERS).status == 200
    assert client.next() == ("numbers", *json.loads(NUMBERS))


def test_arguments_are_on_the_wire_byte_for_byte(gateway, witness):
    text = '{"b": 0.1, "a": [1e21, 12345678901234567890123, 1.0, -0], "\\u00e9": "\\u0000\\/"}'
    assert gateway.post('{"data": %s, "event": "numbers"}' % text).status == 200
    assert text.encode() in witness.take()[0].body


def test_the_message_has_no_content_type_and_expires(gateway, witness):
    gateway.emit(event="hello")
    properties = witness.take()[0].properties
    assert properties.content_type is None  # with one, kombu decodes what is the caller's
    assert properties.expiration == "60000"


@pytest.mark.parametrize("size", [100_000, 1024 * 1024])
def test_a_large_argument_arrives_whole(gateway, server, size):
    client = server.client()
    text = "0123456789abcdef" * (size // 16)
    gateway.emit(event="large", data=text)
    assert client.next() == ("large", text)


def test_data_that_looks_like_the_servers_own_markers_is_only_data(gateway, server):
    client = server.client()
    marked = {"_placeholder": True, "num": 0, "__type__": {"x": 1}, "$binary": "AQI="}
    assert delivered(gateway, client, event="hello", data=marked) == [[("hello", marked)]]


def test_bytes_arrive_as_bytes(gateway, server):
    client = server.client()
    arguments = [{"name": "a.bin", "content": {"$binary": "AAECAw=="}}, [{"$binary": "/w=="}], "text"]
    got = delivered(gateway, client, event="file", args=arguments, binary=True)
    assert got == [[("file", {"name": "a.bin", "content": b"\x00\x01\x02\x03"}, [b"\xff"], "text")]]


def test_without_the_flag_what_looks_like_bytes_is_data(gateway, server):
    client = server.client()
    assert delivered(gateway, client, event="file", data={"$binary": "AQI="}) == [[("file", {"$binary": "AQI="})]]


def test_without_confirm_it_is_accepted_and_arrives(gateway, server):
    client = server.client()
    response = gateway.post({"event": "hello", "data": 1, "confirm": "none"})
    assert response.status == 202
    assert (response.json["status"], response.json["routed"]) == ("accepted", None)
    assert client.next() == ("hello", 1)


def test_the_answer_says_confirmed_and_that_routing_is_unknown(gateway, server):
    response = gateway.post({"event": "hello"})
    assert response.status == 200
    assert response.headers["Content-Type"].split(";")[0] == "application/json"
    assert (response.json["status"], response.json["routed"]) == ("confirmed", None)


def test_every_emit_has_an_id_of_its_own(gateway, server):
    assert len({gateway.emit(event="hello")["id"] for _ in range(20)}) == 20


def test_a_thousand_emits_on_one_connection_arrive_in_order(gateway, server):
    client = server.client()
    connection = http.client.HTTPConnection(*gateway.address)
    for number in range(1000):
        body = json.dumps({"event": "count", "data": number})
        connection.request("POST", "/v1/emit", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    connection.close()
    received = []
    while len(received) < 1000:
        event = client.next()
        if event[0] == "count":  # a slow server may still have others of before
            received.append(event)
    assert received == [("count", number) for number in range(1000)]


def test_except_is_refused_as_servers_can_exclude_socket_ids_only(gateway, witness):
    response = gateway.post({"event": "hello", "except": ["room1"]})
    assert_problem(response, 422, "not_expressible", pointer="/except")
    gateway.emit(event=END)
    assert [message.json["event"] for message in witness.take()] == [END]


def test_servers_of_both_managers_deliver_one_emit(broker, gateway, exchange):
    with (
        SocketIOServer(broker.url, exchange, "aio-pika") as first,
        SocketIOServer(broker.url, exchange, "kombu") as second,
    ):
        clients = first.client("room1", "room2"), second.client("room2"), second.client("room3")
        got = delivered(gateway, *clients, event="hello", data=1, rooms=["room1", "room2"])
        assert got == [[("hello", 1)], [("hello", 1)], []]


def test_without_an_exchange_no_server_is_there_until_one_comes(broker):
    with Gateway(broker.url, python_socketio_exchange="test.of.nobody") as gateway:
        for _ in range(3):
            answer = gateway.emit(event="hello")
            assert (answer["status"], answer["routed"]) == ("confirmed", False)
        with SocketIOServer(broker.url, "test.of.nobody") as server:
            client = server.client()
            deadline = end_of_patience()
            while gateway.emit(event="hello", data=1)["routed"] is False:
                assert time.monotonic() < deadline, "the exchange is there, and not found"
                time.sleep(0.1)
            assert client.next() == ("hello", 1)
