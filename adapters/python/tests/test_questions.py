"""What a gateway asks, answered by real servers about real clients."""

import base64
import time

from harness.gateway import EVERYONE, opts


def eventually(condition, timeout=5):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def ids(answer):
    return [socket["id"] for socket in answer["sockets"]]


def test_fetch_describes_sockets_whole(server, gateway):
    client = server.client("a", "b", session={"user": "ä"}, headers={"Cookie": "secret", "X-Thing": "1"})
    (socket,) = gateway.fetch()["sockets"]
    assert socket["id"] == client.sid
    assert sorted(socket["rooms"]) == sorted(["a", "b", client.sid])
    assert socket["data"] == {"user": "ä"}
    handshake = socket["handshake"]
    assert handshake["headers"]["x-thing"] == "1" and "cookie" not in handshake["headers"]
    assert handshake["address"] == "127.0.0.1"
    assert handshake["query"]["EIO"] == "4" and handshake["url"].startswith("/socket.io/?")
    assert abs(handshake["issued"] / 1000 - time.time()) < 60
    assert "auth" not in handshake


def test_fetch_leaves_out_fields_nobody_asked_for(server, gateway):
    client = server.client("a", session={"user": 1})
    assert gateway.fetch(fields=[])["sockets"] == [{"id": client.sid}]
    (socket,) = gateway.fetch(fields=["data"])["sockets"]
    assert socket == {"id": client.sid, "data": {"user": 1}}


def test_fetch_selects_a_union_without_the_excepted(server, gateway):
    a, b, both, other = server.client("a"), server.client("b"), server.client("a", "b"), server.client("c")
    assert ids(gateway.fetch(opts=opts("a", "b"), fields=[])) == sorted([a.sid, b.sid, both.sid])
    assert ids(gateway.fetch(opts=opts("a", excepted=["b"]), fields=[])) == [a.sid]
    assert ids(gateway.fetch(opts=opts(excepted=["a", other.sid]), fields=[])) == [b.sid]
    assert ids(gateway.fetch(opts=opts(a.sid, "c"), fields=[])) == sorted([a.sid, other.sid])
    assert ids(gateway.fetch(opts=opts(a.sid), id=a.sid, fields=[])) == [a.sid]
    assert ids(gateway.fetch(opts=opts("nobody"), fields=[])) == []


def test_fetch_pages_in_order(server, gateway):
    expected = sorted(server.client("p").sid for _ in range(5))
    first = ids(gateway.fetch(limit=2, fields=[]))
    second = ids(gateway.fetch(limit=2, after=first[-1], fields=[]))
    third = ids(gateway.fetch(limit=2, after=second[-1], fields=[]))
    assert (first, second, third) == (expected[:2], expected[2:4], expected[4:])


def test_fetch_counts_sockets_and_rooms(server, gateway):
    client = server.client("a", "b")
    server.client("a", "z")
    answer = gateway.fetch(opts=opts("b"), count=True, rooms=["a", "b", "none"])
    assert (answer["sockets"], answer["count"], answer["rooms"]) == ([], 1, {"a": 2, "b": 1, "none": 0})
    assert "rooms" not in gateway.fetch(count=True)
    listed = gateway.fetch(count=True, list={"prefix": "", "after": "a", "limit": 1, "private": False})
    assert (listed["count"], listed["rooms"]) == (2, {"b": 1})
    private = gateway.fetch(count=True, list={"prefix": client.sid, "after": "", "limit": 9, "private": True})
    assert private["rooms"] == {client.sid: 1}


def test_data_that_cannot_be_serialised_hides_nobody(server, gateway):
    bad, good = server.client(session="unserialisable"), server.client(session={"n": 1})
    data = {socket["id"]: socket["data"] for socket in gateway.fetch(fields=["data"])["sockets"]}
    assert data == {bad.sid: {"unserialisable": None}, good.sid: {"n": 1}}


def test_namespaces_are_kept_apart(server, gateway):
    client, other = server.client("a"), server.client("a", namespace="/chat")
    assert ids(gateway.fetch("/", fields=[])) == [client.sid]
    assert ids(gateway.fetch("/chat", fields=[])) == [other.sid]
    assert gateway.ask_one(4, {"opts": EVERYONE, "rooms": ["x"]}, "/chat")["matched"] == 1
    assert gateway.fetch("/", count=True, rooms=["x"])["rooms"] == {"x": 0}


def test_join_is_answered_when_applied(server, gateway):
    a, b = server.client("a"), server.client("b")
    answer = gateway.ask(4, {"opts": opts("a"), "rooms": ["x", "y"]})
    assert [(kind, data["sockets"], data["matched"]) for kind, data in answer] == [(8, [], 1)]
    assert gateway.fetch(count=True, rooms=["x", "y"])["rooms"] == {"x": 1, "y": 1}
    gateway.tell(3, {"packet": {"type": 2, "data": ["hi"]}, "opts": opts("x")})
    gateway.tell(3, {"packet": {"type": 2, "data": ["end"]}, "opts": EVERYONE})
    assert a.until("end") == [("hi",)]
    assert b.until("end") == []


def test_a_join_of_the_room_of_another_socket_says_why_it_is_refused(server, gateway):
    client, other = server.client("a"), server.client("b")
    answer = gateway.ask_one(4, {"opts": opts("a"), "rooms": ["x", other.sid]})
    assert (answer["matched"], answer["error"]) == (0, "room_is_socket")
    answer = gateway.ask_one(4, {"opts": EVERYONE, "rooms": ["x", other.sid]})
    assert (answer["matched"], answer["error"]) == (1, "room_is_socket")
    assert gateway.fetch(count=True, rooms=["x", other.sid])["rooms"] == {"x": 1, other.sid: 1}
    assert "error" not in gateway.ask_one(4, {"opts": EVERYONE, "rooms": ["y"]})
    assert "error" not in gateway.ask_one(4, {"opts": opts(client.sid), "id": client.sid, "rooms": [client.sid]})


def test_rooms_may_be_numbers(server, gateway):
    number, string = server.client(42, "a"), server.client("42", 4.5, True)
    assert ids(gateway.fetch(opts=opts(42), fields=[])) == [number.sid]
    assert ids(gateway.fetch(opts=opts("42"), fields=[])) == [string.sid]
    assert ids(gateway.fetch(opts=opts(excepted=[42]), fields=[])) == [string.sid]
    rooms = {socket["id"]: socket["rooms"] for socket in gateway.fetch(fields=["rooms"], numbers=True)["sockets"]}
    assert set(rooms[number.sid]) == {number.sid, 42, "a"} and set(rooms[string.sid]) == {string.sid, "42"}
    listed = gateway.fetch(count=True, list={"prefix": "4"}, numbers=True)
    assert listed["rooms"] == [["42", 1], [42, 1]]
    assert gateway.ask_one(4, {"opts": opts(42), "rooms": [7]})["matched"] == 1
    assert gateway.ask_one(5, {"opts": opts(7), "rooms": [42]})["matched"] == 1
    assert gateway.fetch(count=True, rooms=[7, 42, "7"], numbers=True)["rooms"] == [[42, 0], ["7", 0], [7, 1]]
    gateway.tell(3, {"packet": {"type": 2, "data": ["hi"]}, "opts": opts(7)})
    gateway.tell(3, {"packet": {"type": 2, "data": ["end"]}, "opts": EVERYONE})
    assert number.until("end") == [("hi",)] and string.until("end") == []


def test_leave_is_answered_when_applied_and_keeps_the_own_room(server, gateway):
    client = server.client("a", "b")
    assert gateway.ask_one(5, {"opts": EVERYONE, "rooms": ["a", client.sid]})["matched"] == 1
    (socket,) = gateway.fetch(fields=["rooms"])["sockets"]
    assert sorted(socket["rooms"]) == sorted(["b", client.sid])


def test_an_id_narrows_to_one_socket(server, gateway):
    client, other = server.client("a"), server.client("a")
    assert gateway.ask_one(4, {"opts": opts(client.sid), "id": client.sid, "rooms": ["one"]})["matched"] == 1
    assert gateway.ask_one(4, {"opts": opts("a"), "id": other.sid, "rooms": ["two"]})["matched"] == 1
    assert gateway.fetch(count=True, rooms=["one", "two"])["rooms"] == {"one": 1, "two": 1}


def test_disconnect_ends_the_namespace(server, gateway):
    client, other = server.client("a"), server.client("b")
    assert gateway.ask_one(6, {"opts": opts("a"), "close": False})["matched"] == 1
    assert client.disconnected.wait(5)
    assert not other.disconnected.is_set()
    assert ids(gateway.fetch(fields=[])) == [other.sid]
    assert gateway.ask_one(6, {"opts": opts("a"), "close": False})["matched"] == 0


def test_only_with_close_does_the_connection_end(server, gateway):
    stays, goes = server.client("a", also="/chat"), server.client("b", also="/chat")
    assert gateway.ask_one(6, {"opts": opts("a"), "close": False})["matched"] == 1
    assert gateway.ask_one(6, {"opts": opts("b"), "close": True})["matched"] == 1
    eventually(lambda: not goes.is_open)
    assert stays.disconnected.wait(5) and stays.is_open
    assert gateway.fetch("/", count=True)["count"] == 0
    assert gateway.fetch("/chat", count=True)["count"] == 1


def test_a_broadcast_reaches_local_sockets_once(server, gateway):
    both, excepted = server.client("a", "b"), server.client("a", "c")
    gateway.tell(3, {"packet": {"type": 2, "data": ["hi", 1, None]}, "opts": opts("a", "b", excepted=["c"])})
    gateway.tell(3, {"packet": {"type": 2, "data": ["end"]}, "opts": EVERYONE}, key="/#static")
    assert both.until("end") == [("hi", 1, None)]
    assert excepted.until("end") == []


def test_a_broadcast_carries_bytes(server, gateway):
    client = server.client()
    packet = {"type": 2, "data": ["bytes", {"b": {"_placeholder": True, "num": 0}}]}
    gateway.tell(3, {"packet": packet, "opts": EVERYONE, "attachments": [base64.b64encode(b"\0\xff").decode()]})
    assert client.next() == ("bytes", {"b": b"\0\xff"})


def ask(timeout=800, **more):
    return {"packet": {"type": 2, "data": ["ask", 1]}, "opts": {**EVERYONE, "flags": {"timeout": timeout}}, **more}


def test_acknowledgements_are_counted_and_passed_on(server, gateway):
    server.client(answers={"ask": lambda _, n: (n + 1, "more")})
    server.client(answers={"ask": {"one": True}})
    server.client(answers={"ask": ()})
    first, *others = gateway.ask(3, ask(), count=4)
    assert (first[0], first[1]["clientCount"]) == (11, 3)
    assert {kind for kind, _ in others} == {12}
    answers = {str(data["args"]): data.get("packet", "missing") for _, data in others}
    assert answers == {"[2, 'more']": 2, "[{'one': True}]": {"one": True}, "[]": "missing"}


def test_acknowledgements_carry_bytes(server, gateway):
    server.client(answers={"ask": lambda _, *args: (b"\1\2", {"again": b"\3"})})
    _, (_, answer) = gateway.ask(3, ask(), count=2)
    assert answer["packet"] == answer["args"][0] == {"_placeholder": True, "num": 0}
    assert answer["args"][1] == {"again": {"_placeholder": True, "num": 1}}
    assert [base64.b64decode(item) for item in answer["attachments"]] == [b"\1\2", b"\3"]


def test_silent_and_leaving_clients_are_missing_and_nothing_is_kept(server, gateway):
    server.client(answers={"ask": "here"})
    late = server.client(answers={"ask": lambda client, *_: client.silence()})
    server.client(answers={"ask": lambda client, *_: client.leave()})
    request = gateway.question(3, ask(timeout=400))
    assert gateway.answers(request, 2)[0][1]["clientCount"] == 3
    assert gateway.ask_one(9, {"packet": ["callbacks"]})["packet"] >= 1
    eventually(lambda: gateway.ask_one(9, {"packet": ["callbacks"]})["packet"] == 0, timeout=2)
    late._closed.set()  # answers now, when it is too late
    assert [kind for kind, _ in gateway.answers_within(request, 0.3)] == [11, 12]


def test_nobody_to_ask_is_said_at_once(server, gateway):
    (answer,) = gateway.ask(3, ask(), "/chat")
    assert (answer[0], answer[1]["clientCount"]) == (11, 0)


def test_server_side_emits_reach_handlers(server, gateway):
    assert gateway.ask(9, {"packet": ["sum", 1, 2, 3]})[0][0] == 10
    assert gateway.ask_one(9, {"packet": ["sum", 1, 2, 3]})["packet"] == 6
    assert isinstance(gateway.ask_one(9, {"packet": ["where"]}, "/chat")["packet"], int)
    for event in ("nobody", "where", "raises", "unserialisable"):
        answer = gateway.ask_one(9, {"packet": [event]})
        assert answer["handled"] is False and "packet" not in answer, event


def test_a_slow_handler_holds_up_nothing(server, gateway):
    slow = gateway.question(9, {"packet": ["slow", 0.6]})
    assert gateway.fetch(count=True)["count"] == 0
    assert not gateway.answers_within(slow, 0)
    assert gateway.answers(slow, 1)[0][1]["packet"] == "at last"


def test_server_side_emits_carry_bytes(server, gateway):
    packet = ["reversed bytes", {"_placeholder": True, "num": 0}]
    answer = gateway.ask_one(9, {"packet": packet, "attachments": [base64.b64encode(b"abc").decode()]})
    assert answer["packet"] == {"bytes": {"_placeholder": True, "num": 0}, "text": "t"}
    assert base64.b64decode(answer["attachments"][0]) == b"cba"
