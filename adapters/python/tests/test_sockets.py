"""What is read from and done to the state of a server, without any network."""

import json
import logging
import threading
from datetime import datetime

import pytest
import socketio

from socketio_gateway_responder.acknowledgements import AcknowledgedEmit, PendingAcknowledgements
from socketio_gateway_responder.backlog import Backlog
from socketio_gateway_responder.describing import Describer
from socketio_gateway_responder.events import Events
from socketio_gateway_responder.failures import FailureLog
from socketio_gateway_responder.handshake import ISSUED, handshake
from socketio_gateway_responder.limiting import AnswerLimit
from socketio_gateway_responder.local import LocalSockets
from socketio_gateway_responder.messages import Reply, Target
from socketio_gateway_responder.outgoing import Outgoing
from socketio_gateway_responder.questions.counting import RoomList
from socketio_gateway_responder.questions.fetch import Fetch, fetch
from socketio_gateway_responder.questions.move import Move, Moved, move
from socketio_gateway_responder.steps import run

REPLY = Reply("queue", "c", "q", "/")
LOG = FailureLog(logging.getLogger("test"))


class Sockets:
    """A server with sockets that exist only in its manager: `add("id", "room", …)`."""

    def __init__(self, data=None):
        self.sio = socketio.Server(async_mode="threading")
        self.local = LocalSockets(self.sio)
        self.describer = Describer(self.local, data, LOG)
        outbox = Backlog(10**9, lambda: None)
        self.events = Events(self.sio, self.local, Outgoing(AnswerLimit(10**9), outbox, LOG), "exchange", lambda: None)

    def add(self, sid, *rooms, namespace="/"):
        for room in (None, sid, *rooms):
            self.sio.manager.basic_enter_room(sid, namespace, room, eio_sid=f"eio-{sid}-{namespace}")

    def fetch(self, target=Target("/"), fields=(), limit_bytes=10**9, **options):
        question = Fetch(target, REPLY, frozenset(fields), **options)
        body = run(fetch("me", question, self.local, self.describer, limit_bytes, self.events))
        assert len(body) <= limit_bytes
        message = json.loads(body)
        assert (message["uid"], message["nsp"], message["type"]) == ("me", "/", 8)
        return message["data"]

    def move(self, *rooms, joins=True, target=Target("/")):
        return run(move(Move(target, rooms, joins, REPLY), self.local, LOG))

    def ids(self, *args, **options):
        return [socket["id"] for socket in self.fetch(*args, **options)["sockets"]]


def endless():
    return endless()


@pytest.fixture
def sockets():
    return Sockets()


def test_order_is_by_code_point(sockets):
    names = ["\U0001f600", "\uffff", "b", "a", "_", "Z", "-"]
    for name in names:
        sockets.add(name)
    assert sockets.ids() == sorted(names, key=lambda name: name.encode())
    assert sockets.ids(after="\uffff") == ["\U0001f600"]
    assert sockets.ids(after="Z", limit=2) == ["_", "a"]
    assert sockets.ids(limit=0) == []


def test_selection(sockets):
    sockets.add("1", "a", "b")
    sockets.add("2", "b")
    sockets.add("3", "c")
    sockets.add("9", "a", namespace="/other")
    assert sockets.ids(Target("/", ("a", "b"))) == ["1", "2"]
    assert sockets.ids(Target("/", ("3", "b"), ("a",))) == ["2", "3"]
    assert sockets.ids(Target("/", (), ("c", "2"))) == ["1"]
    assert sockets.ids(Target("/", ("a",), id="2")) == []
    assert sockets.ids(Target("/", ("2",), id="2")) == ["2"]
    assert sockets.ids(Target("/none")) == []


def test_sockets_that_come_or_go_are_not_there(sockets):
    for sid in "123":
        sockets.add(sid, "a")
    sockets.sio.manager.pending_connect["/"] = ["1"]
    sockets.sio.manager.pre_disconnect("2", "/")
    assert sockets.ids() == ["3"]
    answer = sockets.fetch(count=True, list=RoomList("", "", 9, True))
    assert (answer["count"], answer["rooms"]) == (1, {"a": 1, "3": 1})


def test_rooms_are_listed_in_order_behind_a_name(sockets):
    sockets.add("s", "b", "aa", "ab", 7, "\U0001f600", "\uffff")
    listed = sockets.fetch(count=True, list=RoomList("", "", 9, False))["rooms"]
    assert list(listed) == ["aa", "ab", "b", "\uffff", "\U0001f600"]
    assert sockets.fetch(count=True, list=RoomList("a", "aa", 9, True))["rooms"] == {"ab": 1}
    assert sockets.fetch(count=True, list=RoomList("s", "", 9, False))["rooms"] == {}
    assert sockets.fetch(fields=["rooms"])["sockets"][0]["rooms"] == ["s", "b", "aa", "ab", "\U0001f600", "\uffff"]


def test_many_sockets_are_described_in_reasonable_steps(sockets):
    for number in range(5000):
        sockets.add(f"{number:05}", f"room {number % 10}", "all")
    question = Fetch(Target("/"), REPLY, frozenset({"rooms"}))
    assert sum(1 for _ in fetch("me", question, sockets.local, sockets.describer, 10**9, sockets.events)) >= 20
    (last,) = sockets.fetch(after="04998", fields=["rooms"])["sockets"]
    assert sorted(last["rooms"]) == ["04999", "all", "room 9"]


def test_pages_of_sockets_end_before_they_are_too_large(sockets):
    """Read page by page, nothing is missing and nothing comes twice, however large an answer may be."""
    ids = [f"{number:05}" for number in range(100)]
    for sid in ids:
        sockets.add(sid)
    for limit_bytes in range(200, 500):
        read, after = [], None
        while (answer := sockets.fetch(limit_bytes=limit_bytes, after=after)) and answer["sockets"]:
            read += [socket["id"] for socket in answer["sockets"]]
            after = read[-1]
            assert answer.get("more", False) == (after != ids[-1])
        assert read == ids
    assert "more" not in sockets.fetch(limit=1)


def test_pages_of_rooms_end_before_they_are_too_large(sockets):
    names = ["4", 4, *(f"room \u00e4 {number:03}" for number in range(100))]
    sockets.add("s", *names)
    for limit_bytes in range(200, 400):
        read, after = [], ""
        while True:
            wanted = RoomList("", after, 50, False)
            answer = sockets.fetch(limit_bytes=limit_bytes, count=True, list=wanted, numbers=True)
            read += [name for name, _ in answer["rooms"]]
            if "more" not in answer and len(answer["rooms"]) < 50:
                break
            after = read[-1]
        assert read == names


class Growing:
    """A server with three sockets, of which the middle one has more to tell than fits."""

    def __init__(self, data, rooms, environ):
        self.sockets = Sockets(lambda sid, *_: "x" * data if sid == "2" else "small")
        for sid in "123":
            self.sockets.add(sid, *(f"{number:0100}" for number in range(rooms if sid == "2" else 0)))
            self.sockets.sio.environ[f"eio-{sid}-/"] = {"QUERY_STRING": "q" * environ if sid == "2" else ""}

    def middle(self):
        everything = []
        while not everything or everything[-1]["id"] != "3":
            after = everything[-1]["id"] if everything else None
            everything += self.sockets.fetch(
                fields=["rooms", "data", "handshake"], limit_bytes=2000, after=after
            )["sockets"]
        assert [socket["id"] for socket in everything] == ["1", "2", "3"]
        assert [socket["data"] for socket in everything[::2]] == ["small", "small"]
        return everything[1]


def test_a_socket_that_is_too_large_costs_only_what_is_too_large():
    middle = Growing(data=3000, rooms=3, environ=3).middle()
    assert middle["data"] is None and len(middle["rooms"]) == 4 and middle["handshake"]["url"] == "?qqq"
    middle = Growing(data=3, rooms=3, environ=3000).middle()
    assert middle["data"] is None and len(middle["rooms"]) == 4 and "handshake" not in middle
    middle = Growing(data=3, rooms=100, environ=3).middle()
    assert middle == {"id": "2", "data": None, "rooms": []}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (None, None),
        (lambda sid, namespace, session, environ: [sid, namespace], ["1", "/"]),
        (lambda *_: 1 / 0, None),
        (lambda *_: {"x": float("nan"), "y": 1}, {"x": None, "y": 1}),
        (lambda *_: {"when": datetime.now(), "y": [{1, 2}, 3]}, {"when": None, "y": [None, 3]}),
        (lambda *_: object(), None),
        (lambda *_: endless(), None),
        ("session", {}),
    ],
)
def test_data(option, expected):
    sockets = Sockets(option)
    sockets.add("1")
    assert sockets.fetch(fields=["data"])["sockets"] == [{"id": "1", "data": expected}]


def test_moves(sockets):
    sockets.add("1", "a")
    sockets.add("2")
    assert sockets.move("x", "y") == Moved(2, False)
    assert sockets.ids(Target("/", ("x",))) == sockets.ids(Target("/", ("y",))) == ["1", "2"]
    assert sockets.move("x", "1", joins=False, target=Target("/", ("a",))) == Moved(1, False)
    assert sockets.ids(Target("/", ("x",))) == ["2"]
    assert sockets.ids(Target("/", ("1",))) == ["1"]
    assert not sockets.local.join("gone", "/", "x")


def test_a_socket_cannot_enter_the_room_of_another(sockets):
    sockets.add("1")
    sockets.add("2")
    sockets.add("3")
    assert sockets.move("2", target=Target("/", ("1",))) == Moved(0, True)
    assert sockets.move("x", "2") == Moved(1, True)  # its own room it may enter
    assert sockets.ids(Target("/", ("2",))) == sockets.ids(Target("/", ("x",))) == ["2"]
    assert sockets.move("2", joins=False, target=Target("/", ("1",))) == Moved(1, False)


def test_rooms_that_are_numbers(sockets):
    sockets.add("1", 42, "42", True, 4.5, ("t",), 2**53, 2**53 + 1, -7, "", "x" * 256, "\u00e4" * 127)
    sockets.add("2", "42")
    assert sockets.ids(Target("/", (42,))) == ["1"]
    assert sockets.ids(Target("/", ("42",))) == ["1", "2"]
    assert sockets.ids(Target("/", (), (42,))) == ["2"]
    strings = ["1", "42", "\u00e4" * 127]
    described = sockets.fetch(fields=["rooms"], numbers=True)["sockets"][0]["rooms"]
    assert [(name, type(name)) for name in described] == [
        (name, type(name)) for name in ("1", 42, "42", 2**53, -7, "\u00e4" * 127)
    ]
    assert sockets.fetch(fields=["rooms"])["sockets"][0]["rooms"] == strings
    everything = sockets.fetch(count=True, list=RoomList("", "", 99, False), numbers=True)
    assert everything["rooms"] == [[-7, 1], ["42", 2], [42, 1], [2**53, 1], ["\u00e4" * 127, 1]]
    assert sockets.fetch(count=True, list=RoomList("", "", 99, False))["rooms"] == {"42": 2, "\u00e4" * 127: 1}
    assert sockets.fetch(count=True, list=RoomList("4", "42", 9, False), numbers=True)["rooms"] == [[42, 1]]
    assert sockets.fetch(count=True, list=RoomList("", 42, 1, False), numbers=True)["rooms"] == [[2**53, 1]]
    assert sockets.fetch(count=True, rooms=(43, 42, "42"), numbers=True)["rooms"] == [["42", 2], [42, 1], [43, 0]]
    assert sockets.move(43, target=Target("/", ("2",))) == Moved(1, False)
    assert sockets.ids(Target("/", (43,))) == ["2"]
    assert sockets.move(43, joins=False) == Moved(2, False)
    assert sockets.ids(Target("/", (43,))) == []


def test_names_of_rooms_are_repaired(sockets):
    sockets.add("1", "a\0", "b\ud800", "b\ufffd")
    sockets.add("2", "b\ud800")
    assert sorted(sockets.fetch(fields=["rooms"])["sockets"][1]["rooms"]) == ["2", "b\ufffd"]
    assert sockets.fetch(count=True, list=RoomList("", "", 9, False))["rooms"] == {"a\ufffd": 1, "b\ufffd": 3}
    assert sockets.fetch(count=True, list=RoomList("", "a\ufffd", 9, False))["rooms"] == {"b\ufffd": 3}
    assert sockets.fetch(count=True, rooms=("a\0", "c\ud800"))["rooms"] == {"a\ufffd": 1, "c\ufffd": 0}


def test_reading_survives_changes_by_other_threads(sockets):
    stop = threading.Event()

    def churn(start):
        while not stop.is_set():
            for number in range(start, start + 50):
                sockets.add(f"{number}", "a", f"r{number}")
            for number in range(start, start + 50):
                sockets.sio.manager.basic_disconnect(f"{number}", "/")

    threads = [threading.Thread(target=churn, args=(start,)) for start in (0, 1000)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(150):
            sockets.fetch(fields=["rooms", "data", "handshake"])
            sockets.fetch(Target("/", ("a",), ("r7",)), count=True, list=RoomList("", "", 9, False))
            sockets.move("moved")
            sockets.local.namespaces()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_namespaces_are_those_with_handlers_or_sockets_or_names():
    sio = socketio.Server(async_mode="threading", namespaces=["/named"])
    sio.on("connect", lambda *_: None, namespace="/handled")
    sio.on("connect", lambda *_: None, namespace="*")
    sio.register_namespace(socketio.Namespace("/class"))
    sio.manager.basic_enter_room("1", "/used", None, eio_sid="e")
    assert LocalSockets(sio).namespaces() == {"/named", "/handled", "/class", "/used"}
    assert LocalSockets(socketio.Server(async_mode="threading", namespaces="*")).namespaces() == set()


def test_acknowledgements_leave_nothing_behind(sockets):
    manager = sockets.sio.manager
    answers = []
    emit = AcknowledgedEmit(REPLY, 10, sockets.local, lambda reply, args: answers.append(args))
    pending = PendingAcknowledgements()
    pending.add(emit)
    numbers = {sid: manager._generate_ack_id(sid, emit.callback_for(sid)) for sid in ("1", "2")}
    own = manager._generate_ack_id("2", print)
    manager.trigger_callback("1", numbers["1"], ["yes", 2])
    assert pending.close_expired(9.9) == 10
    assert pending.close_expired(10) is None and len(pending) == 0
    manager.trigger_callback("2", numbers["2"], ["too late"])
    assert answers == [("yes", 2)]
    assert emit.callback_for("3") is None
    assert [set(callbacks) - {0} for callbacks in manager.callbacks.values()] == [set(), {own}]


def test_a_client_is_heard_once(sockets):
    answers = []
    emit = AcknowledgedEmit(REPLY, 10, sockets.local, lambda reply, args: answers.append(args))
    callback = emit.callback_for("1")
    callback("first")
    callback("second")
    assert answers == [("first",)]


ENVIRON = {
    "HTTP_COOKIE": "secret", "HTTP_AUTHORIZATION": "secret", "HTTP_X_THING": "1", "HTTP_ORIGIN": "o",
    "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "", "REMOTE_ADDR": "192.0.2.1", "wsgi.url_scheme": "https",
    "SCRIPT_NAME": "/app", "PATH_INFO": "/socket.io/", "QUERY_STRING": "EIO=4&a=1&a=2&empty=", ISSUED: 1.5,
}  # fmt: skip


def test_handshake():
    assert handshake(ENVIRON) == {
        "headers": {"x-thing": "1", "origin": "o", "content-type": "text/plain"},
        "time": "1970-01-01T00:00:01+00:00",
        "address": "192.0.2.1",
        "xdomain": True,
        "secure": True,
        "issued": 1500,
        "url": "/app/socket.io/?EIO=4&a=1&a=2&empty=",
        "query": {"EIO": "4", "a": ["1", "2"], "empty": ""},
    }


def test_handshake_of_little():
    assert handshake({})["issued"] is handshake({})["time"] is None
    assert handshake({"asgi.scope": {"client": ("192.0.2.7", 1)}, "REMOTE_ADDR": "127.0.0.1"})["address"] == "192.0.2.7"
    assert handshake({"asgi.scope": {"client": None}})["address"] == ""
