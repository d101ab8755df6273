"""What clients choose, and the gateway's parser takes not: it costs itself only. `FakeGateway` is as strict as that."""

import math

import pytest

from harness.gateway import EVERYONE, opts


def nested(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


# What a client sends, and what the gateway is told.
ODD = {
    "half an emoji": ("x\ud83d", "x\ufffd"),
    "half an emoji in a key": ({"x\ude00": 1}, {"x\ufffd": 1}),
    "NUL in a key": ({"x\0": {"\0": "\0"}}, {"x\ufffd": {"\ufffd": "\0"}}),
    "no number": ({"x": math.nan, "y": [math.inf, 1]}, {"x": None, "y": [None, 1]}),
    "beyond 64 bits": ([10**30], [10**30]),
    "many levels": (nested(260), nested(200)),
    "very many levels": (nested(400), nested(200)),
}


def cut(value):
    """`value` with null for its innermost."""
    return [cut(value[0])] if value else None


ODD = {name: (sent, cut(told) if "levels" in name else told) for name, (sent, told) in ODD.items()}
odd_values = pytest.mark.parametrize(("sent", "told"), ODD.values(), ids=ODD)


@odd_values
def test_in_the_data_of_a_socket(server, gateway, sent, told):
    odd = server.client(session={"odd": sent, "even": 1})
    even = server.client(session={"even": 2})
    data = {socket["id"]: socket["data"] for socket in gateway.fetch()["sockets"]}
    if isinstance(sent, list) and isinstance(sent[0], list):
        told = told[0]  # `data` is a level itself
    assert data == {odd.sid: {"odd": told, "even": 1}, even.sid: {"even": 2}}


@odd_values
def test_in_an_acknowledgement(server, gateway, sent, told):
    server.client(answers={"ask": lambda *_: (sent, "even")})
    server.client(answers={"ask": "even"})
    packet = {"packet": {"type": 2, "data": ["ask"]}, "opts": {**EVERYONE, "flags": {"timeout": 3000}}}
    answers = [data["args"] for kind, data in gateway.ask(3, packet, count=3) if kind == 12]
    assert sorted(answers, key=len) == [["even"], [told, "even"]]


@odd_values
def test_in_the_answer_of_a_handler(server, gateway, sent, told):
    if "nan" in str(sent):
        pytest.skip("no gateway asks so")
    answer = gateway.ask_one(9, {"packet": ["echo", sent]})
    assert answer["packet"] == told


ODD_ROOMS = [("x\ud83d", "x\ufffd"), ("x\0", "x\ufffd"), ("", None), ("x" * 256, None), (None, None)]


@pytest.mark.parametrize(("room", "told"), ODD_ROOMS)
def test_in_the_name_of_a_room(server, gateway, room, told):
    client, other = server.client("even", room), server.client("even")
    expected = {client.sid, "even"} | ({told} if told else set())
    sockets = {socket["id"]: set(socket["rooms"]) for socket in gateway.fetch(fields=["rooms"])["sockets"]}
    assert sockets == {client.sid: expected, other.sid: {other.sid, "even"}}
    listed = gateway.fetch(count=True, list={})
    assert listed["rooms"] == {"even": 2, **({told: 1} if told else {})}
    if room:
        assert gateway.fetch(count=True, rooms=["even", room])["rooms"] == {"even": 2, (told or room): 1}
        assert gateway.ask_one(4, {"opts": opts(room), "rooms": ["joined"]})["matched"] == 1


def test_in_the_address_and_the_headers(server, gateway):
    odd = server.client(query="?a%00=1&b=%00&%ED%A0%80=x", headers={"X-Odd": b"\xff\xed\xa0\x80"}, transports=["polling"])
    even = server.client()
    sockets = {socket["id"]: socket["handshake"] for socket in gateway.fetch(fields=["handshake"])["sockets"]}
    assert set(sockets) == {odd.sid, even.sid}
    query = sockets[odd.sid]["query"]
    assert (query["a\ufffd"], query["b"], query["EIO"]) == ("1", "\0", "4")
    assert "x-odd" in sockets[odd.sid]["headers"] and "?a" in sockets[odd.sid]["url"]
