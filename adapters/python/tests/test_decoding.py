"""From bytes to questions."""

import json

import pytest

from socketio_gateway_responder.decoding import decode
from socketio_gateway_responder.messages import BadMessage, Delivery, Reply, Target
from socketio_gateway_responder.questions.broadcast import Broadcast
from socketio_gateway_responder.questions.counting import RoomList
from socketio_gateway_responder.questions.disconnect import Disconnect
from socketio_gateway_responder.questions.discover import Discover
from socketio_gateway_responder.questions.fetch import ALL_FIELDS, Fetch
from socketio_gateway_responder.questions.move import Move
from socketio_gateway_responder.questions.server_side_emit import ServerSideEmit

OPTS = {"rooms": ["r"], "except": ["x"], "flags": {"timeout": 200}}
TARGET = Target("/", ("r",), ("x",))
REPLY = Reply("queue", "c", "q", "/")


def question(kind, data, uid="emitter", reply_to="queue", **more):
    body = json.dumps({"uid": uid, "nsp": "/", "type": kind, "data": data, **more}).encode()
    return decode(Delivery(body, reply_to, "c"))


def test_every_type():
    asked = {"opts": OPTS, "requestId": "q"}
    assert decode(Delivery(b'{"uid":"emitter","type":1}', None, None)) == Discover()
    packet = {"type": 2, "data": ["e", 1]}
    assert question(3, {**asked, "packet": packet}) == Broadcast(TARGET, "e", (1,), REPLY, 0.2)
    assert question(3, {"opts": OPTS, "packet": packet}).reply is None
    assert question(4, {**asked, "rooms": ["a"]}) == Move(TARGET, ("a",), True, REPLY)
    assert question(5, {**asked, "rooms": ["a"]}) == Move(TARGET, ("a",), False, REPLY)
    assert question(6, {**asked, "close": True}) == Disconnect(TARGET, True, REPLY)
    assert question(7, asked) == Fetch(TARGET, REPLY, ALL_FIELDS)
    assert question(9, {"requestId": "q", "packet": ["e", 1]}) == ServerSideEmit("/", "e", (1,), REPLY)


def test_all_options_of_a_fetch():
    fetch = question(7, {
        "requestId": "q", "opts": OPTS, "id": "i", "fields": ["data"], "after": "a", "limit": 3, "count": True,
        "rooms": ["a"], "list": {"prefix": "p", "private": True},
    })  # fmt: skip
    assert fetch.target.id == "i"
    assert (fetch.fields, fetch.after, fetch.limit, fetch.count) == (frozenset({"data"}), "a", 3, True)
    assert (fetch.rooms, fetch.list) == (("a",), RoomList("p", "", 100, True))


def test_rooms_may_be_numbers():
    opts = {"rooms": [42, "42", -(2**53)], "except": [0]}
    target = Target("/", (42, "42", -(2**53)), (0,))
    assert question(4, {"opts": opts, "rooms": [7]}) == Move(target, (7,), True, None)
    fetch = question(7, {"requestId": "q", "opts": opts, "rooms": [7], "list": {"after": 3}, "numbers": True})
    assert (fetch.target, fetch.rooms, fetch.list.after, fetch.numbers) == (target, (7,), 3, True)


def test_bytes_are_restored():
    data = {"opts": OPTS, "packet": {"type": 2, "data": ["e", [{"_placeholder": True, "num": 0}]]}}
    assert question(3, {**data, "attachments": ["AAE="]}).args == ([b"\0\1"],)
    assert question(3, data).args == ([{"_placeholder": True, "num": 0}],)  # nothing to restore


def test_a_timeout_is_bounded():
    packet = {"type": 2, "data": ["e"]}
    for milliseconds in (1e9, 10**400, 10**12):
        asked = {"opts": {**OPTS, "flags": {"timeout": milliseconds}}, "packet": packet}
        assert question(3, asked).timeout == 600
    assert question(3, {"opts": {"rooms": []}, "packet": packet}).timeout == 5


def test_others_are_ignored():
    assert question(7, {}, uid="server") is None
    assert question("?", None, uid=None) is None


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (3, {"opts": OPTS, "packet": {"type": 3, "data": ["e"]}}),
        (3, {"opts": OPTS, "packet": {"type": 2, "data": []}}),
        (3, {"opts": OPTS, "packet": {"type": 2, "data": [1]}}),
        (3, {"opts": {**OPTS, "flags": {"timeout": "1"}}, "packet": {"type": 2, "data": ["e"]}}),
        (3, {"opts": {**OPTS, "flags": {"timeout": True}}, "packet": {"type": 2, "data": ["e"]}}),
        (9, {"packet": ["e", {"_placeholder": True, "num": 1}], "attachments": ["AA=="]}),
        (9, {"packet": ["e", {"_placeholder": True, "num": -1}], "attachments": ["AA=="]}),
        (9, {"packet": ["e", {"_placeholder": True, "num": "0"}], "attachments": ["AA=="]}),
        (3, {"opts": OPTS, "packet": {"type": 2, "data": ["e"]}, "attachments": ["!"]}),
        (4, {"opts": OPTS}),
        (4, {"opts": OPTS, "rooms": "a"}),
        (6, {"close": True}),
        (6, {"opts": {}, "close": True}),
        (6, {"opts": {"rooms": None}, "close": True}),
        (6, {"opts": {"rooms": [1.0]}, "close": True}),
        (6, {"opts": {"rooms": [True]}, "close": True}),
        (6, {"opts": {"rooms": [2**53 + 1]}, "close": True}),
        (6, {"opts": {"rooms": [], "except": [1.5]}, "close": True}),
        (6, {"opts": OPTS, "close": 1}),
        (6, {"opts": OPTS, "id": 1}),
        (7, {"opts": OPTS}),
        (7, {"requestId": "q", "opts": OPTS, "limit": -1}),
        (7, {"requestId": "q", "opts": OPTS, "limit": True}),
        (7, {"requestId": "q", "opts": OPTS, "after": 1}),
        (7, {"requestId": "q", "opts": OPTS, "fields": "rooms"}),
        (7, {"requestId": "q", "opts": OPTS, "list": []}),
        (7, {"requestId": "q", "opts": OPTS, "list": {"after": 1.5}}),
        (7, {"requestId": "q", "opts": OPTS, "numbers": 1}),
        (7, {"requestId": "q", "opts": OPTS, "count": True, "rooms": [1]}),
        (9, {"packet": {}}),
        (8, {}),
        (True, {}),
        ([], {}),
    ],
)
def test_what_is_wrong_is_a_bad_message(kind, data):
    with pytest.raises(BadMessage):
        question(kind, data)


def test_an_answer_needs_somewhere_to_go():
    with pytest.raises(BadMessage):
        question(7, {"requestId": "q", "opts": OPTS}, reply_to=None)
