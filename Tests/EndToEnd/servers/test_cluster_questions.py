"""Questions that real python-socketio servers answer through their responders, and what they do to real clients."""

import json
import time
import uuid

import pika
import pytest

from harness import Gateway, SimulatedServer, assert_problem
from harness.questions import (
    Asking,
    all_pages,
    ask,
    asked,
    known_servers,
    start_servers,
    tally,
    tell,
    until,
    wait_for_servers,
)
from harness.simulated_server import EVERYTHING, READS

END = "end-of-test"


@pytest.fixture(scope="module")
def running_servers(broker, exchange):
    """One of asyncio and one of threads; both have `/` and `/chat`."""
    servers = start_servers(
        broker.url, exchange, exchange + ".fanout", ["aio-pika", "kombu"], namespaces=("/", "/chat"), data="session"
    )
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def gateway(broker, exchange, running_servers):
    with gateway_at(broker, exchange) as gateway:
        wait_for_servers(gateway, 2)
        yield gateway


@pytest.fixture
def servers(gateway, running_servers):
    """Without sockets at the beginning, and at the end."""
    yield running_servers
    for server in running_servers:
        server.disconnect_clients()
    until(lambda: counts(gateway) == counts(gateway, "/chat") == 0, "the servers have no sockets", timeout=60)


def gateway_at(broker, exchange, **settings):
    return Gateway(
        broker.url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout", loops=2, **settings
    )


def counts(gateway, namespace="/"):
    return ask(gateway, "/v1/counts", namespace=namespace)["sockets"]


def ids(answer):
    return [socket["id"] for socket in answer["sockets"]]


def clients_of(servers, *rooms, count=2, **options):
    """So many clients on each server, ordered by their ids."""
    clients = [server.client(*rooms, **options) for server in servers for _ in range(count)]
    return sorted(clients, key=lambda client: client.sid)


# Who is there


def test_the_first_question_right_after_the_start_waits_and_is_complete(broker, exchange, servers, gateway):
    a, b = servers[0].client(), servers[1].client()
    for _ in range(3):
        other = gateway_at(broker, exchange).start(ready=False)
        try:
            answer = ask(other, "/v1/sockets")
            assert tally(answer) == (True, 2, 2)
            assert ids(answer) == sorted([a.sid, b.sid])
        finally:
            other.stop()


def test_servers_are_described(gateway, servers):
    answer = ask(gateway, "/v1/servers")["servers"]
    assert len({server["uid"] for server in answer}) == 2
    for server in answer:
        assert set(server) == {"uid", "namespaces", "lastSeenMs", "subscriptionMode", "features", "adapter"}
        assert server["features"] is None or "acks" in server["features"]
        assert server["adapter"] is None
        assert sorted(server["namespaces"]) == ["/", "/chat"]
        assert 0 <= server["lastSeenMs"] < 15_000
        assert server["subscriptionMode"] == "static"


def test_only_servers_with_the_namespace_are_asked(broker, exchange, gateway, servers):
    with SimulatedServer(broker.url, exchange, [("c", [])], namespaces=["/chat", "/only"]) as third:
        wait_for_servers(gateway, 3)
        assert gateway.metric("gateway_cluster_servers") == 3
        assert known_servers(gateway, "/only") == {third.uid}
        assert third.uid not in known_servers(gateway, "/")
        assert tally(ask(gateway, "/v1/sockets")) == (True, 2, 2)
        assert tally(ask(gateway, "/v1/sockets", namespace="/chat")) == (True, 3, 3)
        answer = ask(gateway, "/v1/sockets", namespace="/only")
        assert (tally(answer), ids(answer)) == ((True, 1, 1), ["c"])
        third.close()
        wait_for_servers(gateway, 2)
        assert gateway.metric("gateway_cluster_servers") == 2


def test_a_namespace_that_nobody_has_is_empty_and_complete(gateway, servers):
    answer = ask(gateway, "/v1/sockets", namespace="/nobody")
    assert (answer["sockets"], answer["nextCursor"], tally(answer)) == ([], None, (True, 0, 0))
    assert ask(gateway, "/v1/counts", namespace="/nobody", room="a")["rooms"] == {"a": 0}


def test_without_any_server_there_is_no_answer(broker):
    with Gateway(broker.url, cluster_exchange="test.cluster.nobody") as lonely:
        for path in ("/v1/sockets", "/v1/sockets/x", "/v1/rooms", "/v1/counts"):
            problem = assert_problem(lonely.get(path), 503, "no_servers")
            assert "test.cluster.nobody" in problem["detail"]
        assert ask(lonely, "/v1/servers") == {"servers": []}
        assert_problem(lonely.post({"event": "e", "ack": {}}, path="/v1/servers/emit"), 503, "no_servers")


# Sockets


def test_sockets_of_all_servers_are_listed_in_pages(gateway, servers):
    clients = clients_of(servers, "room", count=3)
    everyone = [client.sid for client in clients]
    pages = all_pages(gateway, "/v1/sockets", "sockets", limit=2)
    assert [ids(page) for page in pages] == [everyone[0:2], everyone[2:4], everyone[4:6]]
    assert all(tally(page) == (True, 2, 2) for page in pages)
    assert ids(ask(gateway, "/v1/sockets", limit=6)) == everyone
    assert ask(gateway, "/v1/sockets", limit=6)["nextCursor"] is None
    assert ids(ask(gateway, "/v1/sockets", cursor=everyone[3])) == everyone[4:]


def test_a_socket_is_described_with_its_own_server(gateway, servers):
    a = servers[0].client("room", "other", session={"name": "A"})
    b = servers[1].client("room", session={"name": "B"})
    by_id = {socket["id"]: socket for socket in ask(gateway, "/v1/sockets")["sockets"]}
    assert set(by_id) == {a.sid, b.sid}
    assert set(by_id[a.sid]["rooms"]) == {a.sid, "room", "other"} and by_id[a.sid]["data"] == {"name": "A"}
    assert set(by_id[b.sid]["rooms"]) == {b.sid, "room"} and by_id[b.sid]["data"] == {"name": "B"}
    assert {by_id[a.sid]["server"], by_id[b.sid]["server"]} == known_servers(gateway)


def test_rooms_are_a_union_less_what_is_excepted(gateway, servers):
    a, b = servers[0].client("one"), servers[1].client("two")
    both, other = servers[0].client("one", "two"), servers[1].client("three")

    def listed(**selection):
        return set(ids(ask(gateway, "/v1/sockets", **selection)))

    assert listed(room="one") == {a.sid, both.sid}
    assert listed(room=["one", "two"]) == {a.sid, b.sid, both.sid}
    assert listed(room=["one", "two"], **{"except": ["two"]}) == {a.sid}
    assert listed(**{"except": [a.sid, "two"]}) == {other.sid}
    assert listed(room=[b.sid, "three"]) == {b.sid, other.sid}
    query = {"rooms": ["one", "two"], "except": [both.sid], "fields": ["rooms"], "limit": 1}
    page = tell(gateway, "/v1/sockets/query", **query)
    assert page["nextCursor"] == page["sockets"][0]["id"]
    rest = tell(gateway, "/v1/sockets/query", cursor=page["nextCursor"], **query)
    assert set(ids(page) + ids(rest)) == {a.sid, b.sid} and rest["nextCursor"] is None


@pytest.mark.parametrize("fields", [["rooms"], ["data"], ["rooms", "data"], ["handshake"]])
def test_only_the_fields_that_were_asked_for_are_there(gateway, servers, fields):
    clients = clients_of(servers, "room", count=1)
    for socket in ask(gateway, "/v1/sockets", fields=fields)["sockets"]:
        assert set(socket) == {"id", "server", *fields}
    assert set(ask(gateway, f"/v1/sockets/{clients[0].sid}", fields=fields)) == {
        "id",
        "server",
        "complete",
        "servers",
        *fields,
    }


def test_a_handshake_has_no_credentials(gateway, servers):
    secrets = {"Cookie": "session=s3cret", "Authorization": "Bearer s3cret", "Proxy-Authorization": "Basic s3cret"}
    clients = clients_of(servers, "room", count=1, headers={**secrets, "X-Shown": "yes"}, session={"k": "s3cret too"})
    response = asked(gateway, "/v1/sockets", fields=["handshake"])
    assert b"s3cret" not in response.body
    assert len(response.json["sockets"]) == len(clients)
    for socket in response.json["sockets"]:
        handshake = socket["handshake"]
        assert "auth" not in handshake
        names = {name.lower() for name in handshake["headers"]}
        assert "x-shown" in names and not names & {"cookie", "authorization", "proxy-authorization"}
        assert handshake["address"]
    assert b"s3cret" not in asked(gateway, f"/v1/sockets/{clients[0].sid}", fields=["handshake"]).body


def test_a_handshake_of_a_server_that_leaves_nothing_out_has_no_credentials_either(broker):
    exchange = "test.cluster.careless"
    with SimulatedServer(broker.url, exchange, [("s", [])]) as careless, gateway_at(broker, exchange) as gateway:
        headers = {"cookie": "s3cret", "AUTHORIZATION": "s3cret", "accept": "shown"}
        handshake = {"headers": headers, "auth": {"token": "s3cret"}, "url": "/"}
        careless._page = lambda data: {"sockets": [{"id": "s", "rooms": ["s"], "handshake": handshake}]}
        wait_for_servers(gateway, 1)
        response = asked(gateway, "/v1/sockets", fields="handshake")
        assert response.json["sockets"][0]["handshake"] == {"headers": {"accept": "shown"}, "url": "/"}
        assert b"s3cret" not in response.body


def test_one_socket(gateway, servers):
    clients = clients_of(servers, "room", count=1, session={"name": "N"})
    for client in clients:
        answer = ask(gateway, f"/v1/sockets/{client.sid}")
        assert (answer["id"], set(answer["rooms"]), answer["data"]) == (client.sid, {client.sid, "room"}, {"name": "N"})
        assert tally(answer) == (True, 2, 2)


def test_a_room_is_no_socket(gateway, servers):
    servers[0].client("room")
    assert_problem(gateway.get("/v1/sockets/room"), 404, "not_found")


def test_a_socket_that_nobody_has_is_not_found(gateway, servers):
    clients_of(servers, count=1)
    nobody = "/v1/sockets/AAAAAAAAAAAAAAAAAAAA"
    assert_problem(gateway.get(nobody), 404, "not_found")
    assert_problem(gateway.request("DELETE", nobody), 404, "not_found")
    assert_problem(gateway.post({"rooms": ["r"]}, path=nobody + "/join"), 404, "not_found")
    assert_problem(gateway.post({"rooms": ["r"]}, path=nobody + "/leave"), 404, "not_found")


# Joining, leaving, disconnecting


def delivered(gateway, clients, **fields):
    """What each of the clients receives of this emit, which goes over the servers' own exchange."""
    gateway.emit(event="event", **fields)
    gateway.emit(event=END)
    return [len(client.until(END)) for client in clients]


def test_a_socket_joins_and_leaves(gateway, servers):
    for server in servers:
        one, other = server.client(), server.client()
        path = f"/v1/sockets/{one.sid}"
        answer = tell(gateway, path + "/join", rooms=["new", "newer"])
        assert (answer["status"], answer["matched"], tally(answer)) == ("confirmed", 1, (True, 2, 2))
        assert set(ask(gateway, path)["rooms"]) == {one.sid, "new", "newer"}
        assert delivered(gateway, [one, other], rooms=["new"]) == [1, 0]
        assert tell(gateway, path + "/leave", rooms=["new"])["matched"] == 1
        assert set(ask(gateway, path)["rooms"]) == {one.sid, "newer"}
        assert delivered(gateway, [one, other], rooms=["new"]) == [0, 0]


def test_a_socket_is_disconnected(gateway, servers):
    for server in servers:
        one, other = server.client(), server.client()
        sid = one.sid
        answer = ask(gateway, f"/v1/sockets/{sid}", method="DELETE")
        assert (answer["status"], answer["matched"]) == ("confirmed", 1)
        assert one.disconnected.wait(10)
        assert_problem(gateway.get(f"/v1/sockets/{sid}"), 404, "not_found")
        assert delivered(gateway, [other], rooms=[other.sid]) == [1]


def test_only_with_close_the_other_namespaces_go_too(gateway, servers):
    for close in (False, True):
        client = servers[0].client(also="/chat")
        until(lambda: counts(gateway, "/chat") == 1, "the other namespace is joined")
        ask(gateway, f"/v1/sockets/{client.sid}", method="DELETE", close=str(close).lower())
        assert client.disconnected.wait(10)
        until(lambda: counts(gateway) == 0, "the socket has gone")
        if close:
            until(lambda: counts(gateway, "/chat") == 0, "all of the connection has gone")
        else:
            assert counts(gateway, "/chat") == 1
        servers[0].disconnect_clients()
        until(lambda: counts(gateway, "/chat") == 0, "the client has gone")


def test_many_join_and_leave(gateway, servers):
    clients = clients_of(servers, "red")
    blue = servers[0].client("blue")
    answer = tell(gateway, "/v1/sockets/join", in_=["red"], rooms=["new"], except_=[clients[0].sid])
    assert (answer["status"], answer["matched"], tally(answer)) == ("confirmed", 3, (True, 2, 2))
    everyone = [*clients, blue]
    assert delivered(gateway, everyone, rooms=["new"]) == [0, 1, 1, 1, 0]
    assert tell(gateway, "/v1/sockets/join", all=True, rooms=["all"])["matched"] == 5
    assert delivered(gateway, everyone, rooms=["all"]) == [1] * 5
    assert tell(gateway, "/v1/sockets/leave", in_=[clients[1].sid, "blue"], rooms=["new", "all"])["matched"] == 2
    assert delivered(gateway, everyone, rooms=["all"]) == [1, 0, 1, 1, 0]
    assert tell(gateway, "/v1/sockets/leave", all=True, rooms=["new", "all"])["matched"] == 5
    assert delivered(gateway, everyone, rooms=["all", "new"]) == [0] * 5


def test_many_are_disconnected(gateway, servers):
    red, blue = clients_of(servers, "red"), clients_of(servers, "blue")
    answer = tell(gateway, "/v1/sockets/disconnect", in_=["red"], except_=[red[0].sid])
    assert (answer["status"], answer["matched"]) == ("confirmed", 3)
    assert all(client.disconnected.wait(10) for client in red[1:])
    assert set(ids(ask(gateway, "/v1/sockets"))) == {red[0].sid, *(client.sid for client in blue)}
    assert tell(gateway, "/v1/sockets/disconnect", all=True, close=True)["matched"] == 5
    assert all(client.disconnected.wait(10) for client in [red[0], *blue])
    assert ids(ask(gateway, "/v1/sockets")) == []


def test_nobody_is_everybody_by_mistake(gateway, servers):
    client = servers[0].client()
    for what in ("join", "leave", "disconnect"):
        rooms = {} if what == "disconnect" else {"rooms": ["r"]}
        for selection in ({}, {"in": []}, {"all": False}, {"in": ["r"], "all": True}):
            response = gateway.post({**rooms, **selection}, path=f"/v1/sockets/{what}")
            assert_problem(response, 422)
    assert ask(gateway, f"/v1/sockets/{client.sid}")["rooms"] == [client.sid]


# Rooms, counts


def test_rooms_are_counted_over_all_servers(gateway, servers):
    a, b = servers[0].client("user:1", "user:2", "x"), servers[1].client("user:1", "ä")
    answer = ask(gateway, "/v1/rooms")
    assert tally(answer) == (True, 2, 2) and answer["nextCursor"] is None
    listed = [(room["room"], room["sockets"]) for room in answer["rooms"]]
    assert listed == [("user:1", 2), ("user:2", 1), ("x", 1), ("ä", 1)]
    assert [room["room"] for room in ask(gateway, "/v1/rooms", prefix="user:")["rooms"]] == ["user:1", "user:2"]
    private = {room["room"] for room in ask(gateway, "/v1/rooms", private="true")["rooms"]}
    assert private == {"user:1", "user:2", "x", "ä", a.sid, b.sid}
    assert ask(gateway, "/v1/rooms", namespace="/chat")["rooms"] == []


def test_pages_of_rooms_have_every_room_once_with_all_of_its_sockets(gateway, servers):
    # In pages of two, most pages end amid what the other server has.
    servers[0].client("a", "b", "d", "f", "shared")
    servers[1].client("c", "e", "g", "shared", "z")
    pages = all_pages(gateway, "/v1/rooms", "rooms", limit=2)
    listed = [(room["room"], room["sockets"]) for page in pages for room in page["rooms"]]
    assert listed == [(name, 1) for name in "abcdefg"] + [("shared", 2), ("z", 1)]
    assert [len(page["rooms"]) for page in pages] == [2, 2, 2, 2, 1]


def test_counts(gateway, servers):
    servers[0].client("a", "b")
    servers[1].client("a")
    servers[1].client("a", namespace="/chat")
    answer = ask(gateway, "/v1/counts", room=["b", "a", "none"])
    assert (answer["sockets"], tally(answer)) == (2, (True, 2, 2))
    assert list(answer["rooms"].items()) == [("b", 1), ("a", 2), ("none", 0)]
    answer = tell(gateway, "/v1/counts", namespace="/chat", rooms=["a", "b"])
    assert (answer["sockets"], answer["rooms"]) == (1, {"a": 1, "b": 0})


# The servers themselves


def test_servers_answer_an_event_of_their_own(gateway, servers):
    answer = tell(gateway, "/v1/servers/emit", event="sum", args=[1, 2, 3.5], ack={})
    assert tally(answer) == (True, 2, 2)
    assert {response["server"] for response in answer["responses"]} == known_servers(gateway)
    assert [response["value"] for response in answer["responses"]] == [6.5, 6.5]


def test_an_event_of_a_namespace_reaches_its_handlers(gateway, servers):
    answer = tell(gateway, "/v1/servers/emit", event="where", namespace="/chat", ack={})
    pids = {response["value"] for response in answer["responses"]}
    assert pids == {server._process.pid for server in servers}


def test_where_nobody_listens_the_servers_say_so_at_once(gateway, servers):
    started = time.monotonic()
    answer = tell(gateway, "/v1/servers/emit", event="unknown", ack={"timeoutMs": 60_000})
    assert (answer["responses"], tally(answer)) == ([], (True, 2, 2))
    assert time.monotonic() - started < 30


def test_a_handler_that_fails_is_an_answer_without_a_value(gateway, servers):
    answer = tell(gateway, "/v1/servers/emit", event="raises", ack={"timeoutMs": 60_000})
    assert tally(answer) == (True, 2, 2)
    assert answer["responses"] == []


def test_without_answers_an_event_for_the_servers_is_an_emit(gateway, servers):
    answer = tell(gateway, "/v1/servers/emit", event="sum", args=[1])
    assert (answer["status"], answer["routed"]) == ("confirmed", True) and set(answer) == {"id", "status", "routed"}
    assert tell(gateway, "/v1/servers/emit", event="sum", namespace="/nobody")["routed"] is False


# Others on the same exchange


def test_what_was_confirmed_is_seen_by_what_is_asked_afterwards(broker, exchange, gateway, servers):
    client = servers[0].client()
    with SimulatedServer(broker.url, exchange) as third:
        wait_for_servers(gateway, 3)
        third.holds = READS
        try:
            # The same is under way already, and has got answers from before the join.
            before = Asking(ask, gateway, "/v1/sockets", room="fresh", timeoutMs=60_000)
            until(lambda: third.asked, "it is asked")
            time.sleep(0.5)
            assert tell(gateway, "/v1/sockets/join", in_=[client.sid], rooms=["fresh"])["status"] == "confirmed"
            after = Asking(ask, gateway, "/v1/sockets", room="fresh", timeoutMs=60_000)
            time.sleep(0.5)
            third.release()
            assert ids(before.outcome()) == []
            assert ids(after.outcome()) == [client.sid]
        finally:
            third.close()
            wait_for_servers(gateway, 2)


def test_two_gateways_get_their_own_answers(broker, exchange, gateway, servers):
    a = [server.client("mine") for server in servers]
    b = [server.client("yours") for server in servers]
    with gateway_at(broker, exchange) as other:
        wait_for_servers(other, 2)
        for _ in range(10):
            questions = [
                (Asking(ask, asker, "/v1/sockets", room=room), clients)
                for asker, room, clients in [(gateway, "mine", a), (other, "yours", b)] * 4
            ]
            for question, clients in questions:
                answer = question.outcome()
                assert ids(answer) == sorted(client.sid for client in clients)
                assert tally(answer) == (True, 2, 2)


def test_the_servers_own_functions_are_not_disturbed(gateway, servers):
    a = servers[0].client("room", answers={"question": lambda *_: "from a"})
    b = servers[1].client("room", answers={"question": lambda *_: "from b"})
    stop, answers = False, []

    def keep_asking():
        while not stop:
            answers.append(ask(gateway, "/v1/sockets"))
            tell(gateway, "/v1/sockets/join", in_=["room"], rooms=["more"])

    asking = Asking(keep_asking)
    try:
        for _ in range(10):
            a.call("do", "emit to", "room", "hello")
            assert a.next(20) == b.next(20) == ("hello",)
            assert a.call("do", "call", b.sid, "question") == "from b"
            assert b.call("do", "call", a.sid, "question") == "from a"
            assert b.next(20) == a.next(20) == ("question",)
        third = servers[1].client()
        a.call("do", "disconnect", third.sid)  # over the fanout: it is the other server's
        assert third.disconnected.wait(20)
    finally:
        stop = True
        asking.outcome()
    assert len(answers) > 3
    assert all(tally(answer) == (True, 2, 2) for answer in answers)


NOT_MESSAGES = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'{"uid":1,"type":2}',
    b'{"uid":"","type":2}',
    b'{"uid":"u","type":"2"}',
    b'{"uid":"u","type":99}',
    b'{"type":2,"namespaces":["/"]}',
    b"[" * 5000,
]

STRANGE_PRESENCE = [
    b'{"uid":"strange","type":13}',
    b'{"uid":"emitter","type":2,"namespaces":["/"]}',
    b'{"uid":"strange","type":8,"data":{"sockets":7}}',
]


def test_garbage_on_presence_is_ignored(broker, exchange, gateway, servers):
    before = known_servers(gateway)
    with publisher(broker) as channel:
        for body in NOT_MESSAGES + STRANGE_PRESENCE:
            channel.basic_publish(exchange, "#presence", body)
        # What comes behind it has been heard when it has.
        channel.basic_publish(exchange, "#presence", b'{"uid":"behind","type":2,"namespaces":["/behind"]}')
        until(lambda: known_servers(gateway) == before | {"behind"}, "the one behind is known, and nobody else")
        channel.basic_publish(exchange, "#presence", b'{"uid":"behind","type":13}')
    wait_for_servers(gateway, 2)
    assert known_servers(gateway) == before
    assert ignored(gateway), "the garbage is in the log, once a minute"
    assert tally(ask(gateway, "/v1/sockets")) == (True, 2, 2)


def test_strange_heartbeats_are_servers_for_as_long_as_they_say(broker, exchange, gateway, servers):
    with publisher(broker) as channel:
        for interval in (-1, 0, 1, 1.5, "1", 10**30, None):
            heartbeat = {"uid": f"strange {interval}", "type": 2, "intervalMs": interval, "namespaces": ["/strange"]}
            channel.basic_publish(exchange, "#presence", json.dumps(heartbeat).encode())
        channel.basic_publish(exchange, "#presence", b'{"uid":"odd","type":2,"namespaces":[1],"mode":{}}')
        until(lambda: known_servers(gateway) >= {"odd", "strange None"}, "they are known")
        for server in known_servers(gateway):
            if server.startswith(("strange", "odd")):
                channel.basic_publish(exchange, "#presence", json.dumps({"uid": server, "type": 13}).encode())
        wait_for_servers(gateway, 2)


NOT_ANSWERS = [
    b"garbage",
    b"{}",
    b"[1]",
    {"type": 8},
    {"type": 8, "data": None},
    {"type": 8, "data": {}},
    {"type": 8, "data": {"sockets": "none"}},
    {"type": 10, "data": {"packet": 1}},
    {"type": 2, "data": {"sockets": []}},
]


def test_garbage_as_an_answer_is_ignored_and_the_answer_is_still_taken(broker):
    exchange = "test.cluster.garbage"
    sockets = [("a", []), ("b", [])]
    with SimulatedServer(broker.url, exchange, sockets) as server, gateway_at(broker, exchange) as gateway:
        wait_for_servers(gateway, 1)
        server.holds = EVERYTHING
        question = Asking(ask, gateway, "/v1/sockets", timeoutMs=30_000)
        properties, _ = until(lambda: server.asked, "it is asked")[0]
        reply = {"exchange": "", "key": properties.reply_to}
        for body in NOT_ANSWERS:
            body = body if isinstance(body, bytes) else json.dumps({"uid": server.uid, "nsp": "/", **body}).encode()
            server.publish(body=body, correlation_id=properties.correlation_id, **reply)
        # What looks like an answer to somebody else, or to nobody.
        other = {"uid": server.uid, "nsp": "/", "type": 8, "data": {"sockets": [{"id": "forged"}]}}
        for correlation in (uuid.uuid4().hex, "", properties.correlation_id[:-1], properties.correlation_id.upper()):
            server.publish(body=json.dumps(other).encode(), correlation_id=correlation, **reply)
        server.publish(body=json.dumps(other).encode(), **reply)
        until(lambda: len(ignored(gateway)) == 1, "what is no message is in the log, once a minute")
        assert question.is_waiting
        server.release()
        assert ids(question.outcome()) == ["a", "b"] and tally(question.outcome()) == (True, 1, 1)


def test_strange_sockets_hide_no_others(broker):
    exchange = "test.cluster.strange"
    strange = [7, None, {}, {"id": 7}, {"id": "a", "rooms": 7, "data": {"deep": [None]}}, {"id": "b"}, []]
    with SimulatedServer(broker.url, exchange) as server, gateway_at(broker, exchange) as gateway:
        server._page = lambda data: {"sockets": strange}
        wait_for_servers(gateway, 1)
        answer = ask(gateway, "/v1/sockets")
        assert ids(answer) == ["a", "b"]
        assert answer["sockets"][0]["data"] == {"deep": [None]} and "data" not in answer["sockets"][1]


class publisher:
    """Somebody who publishes what they like; at the end the broker has it."""

    def __init__(self, broker):
        self._connection = pika.BlockingConnection(pika.URLParameters(broker.url))

    def __enter__(self):
        channel = self._connection.channel()
        channel.confirm_delivery()
        return channel

    def __exit__(self, *_):
        self._connection.close()


def ignored(gateway):
    return [line for line in gateway.log() if "ignored a message of the cluster" in line.get("message", "")]
