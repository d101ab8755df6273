"""One odd value of one client costs itself only: the rest of its socket, of the other sockets, and the servers' answers arrive."""

import json
import time

import pytest

from harness import Gateway, SimulatedServer
from harness.hostile_server import HostileServer
from harness.questions import ask, tell, wait_for_servers

# As a server may write it, and what becomes of it.
ODD = {
    "half an emoji": (b'"a\\ud83d"', "a\ufffd"),
    "the other half": (b'"\\udc00b"', "\ufffdb"),
    "half an emoji as bytes": (b'"\xed\xa0\xbd"', "\ufffd\ufffd\ufffd"),
    "bytes that are no text": (b'"\xff\xfe"', "\ufffd\ufffd"),
    "NUL in a key": (b'{"a\\u0000":1}', {"a\ufffd": 1}),
    "keys that become the same": (b'{"\\ud800":1,"\\u0000":2}', {"\ufffd": 2}),
    "a key twice": (b'{"a":1,"a":2}', {"a": 2}),
    "a raw NUL": (b'["\0",8\0]', ["\0", 8]),
    "a control byte": (b'"\x01\x1f"', "\x01\x1f"),
    "no number": (b"[NaN,Infinity,-Infinity]", [None] * 3),
    "a number beyond a double": (b"[1e999,%s]" % (b"9" * 400), [None, None]),
}


def deep(value, levels):
    for _ in range(levels):
        value = [value]
    return value


def levels(value):
    count = 0
    while isinstance(value, list) and value:
        value, count = value[0], count + 1
    return count, value


class OddServer(HostileServer):
    """Answers every question with what it was last told to say."""

    def __init__(self, *args):
        self._said = []
        super().__init__(*args, bodies=self._answers, interval_ms=600_000)

    def says(self, kind, *members):
        """With messages of this type, which have these members of `data`, as text."""
        self._said = [(kind, each) for each in members]

    def says_all(self, *said):
        """With these, of several types."""
        self._said = said

    def says_raw(self, body):
        self._said = [(None, body)]

    def _answers(self, message):
        for kind, text in self._said:
            if kind is None:
                yield text
                continue
            head = json.dumps({"uid": self.uid, "nsp": message["nsp"], "type": kind}).encode()
            request_id = json.dumps(message["data"]["requestId"]).encode()
            yield head[:-1] + b', "data": {"requestId": ' + request_id + b", " + text + b"}}"


@pytest.fixture(scope="module")
def server(broker, exchange):
    with OddServer(broker.url, exchange) as server:
        yield server


@pytest.fixture(scope="module")
def usual(broker, exchange):
    """A server beside it, which says nothing odd."""
    with SimulatedServer(broker.url, exchange, [("zz", ["lobby"])], interval_ms=600_000) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(broker, exchange, server, usual):
    with Gateway(broker.url, cluster_exchange=exchange, wire_format="cluster") as gateway:
        wait_for_servers(gateway, 2)
        yield gateway


@pytest.fixture(params=ODD.values(), ids=ODD)
def odd(request):
    return request.param


@pytest.mark.parametrize("field", ["rooms", "data", "handshake", "unknown"])
def test_sockets(gateway, server, odd, field):
    text, expected = odd
    sockets = b'[{"id":"a","data":1},{"id":"b","%s":[%s,2]},{"id":"c","rooms":["x"]}]' % (field.encode(), text)
    server.says(8, b'"sockets":' + sockets)
    started = time.monotonic()
    page = ask(gateway, "/v1/sockets", fields=["rooms", "data", "handshake"], timeoutMs=20_000)
    assert time.monotonic() - started < 10
    assert page["complete"] and page["servers"]["responded"] == 2
    assert [socket["id"] for socket in page["sockets"]] == ["a", "b", "c", "zz"]
    if field != "unknown":
        # A room that is neither a name nor a number is left out.
        is_told = field != "rooms" or isinstance(expected, (str, int))
        assert page["sockets"][1][field] == ([expected, 2] if is_told else [2])
    assert page["sockets"][0]["data"] == 1 and page["sockets"][2]["rooms"] == ["x"]


def test_ids_and_members_around_them(gateway, server, odd):
    text, _ = odd
    server.says(8, b'"odd":%s,"sockets":[{"id":%s},{"id":"b"},%s],"more":false' % (text, text, text))
    page = ask(gateway, "/v1/sockets")
    assert page["complete"]
    assert {"b", "zz"} <= {socket["id"] for socket in page["sockets"]}


@pytest.mark.parametrize("name", [b"a\\ud83d", b"\\u0000", b"a\0b", b"\xff", b"\x01"], ids=repr)
def test_names_of_rooms(gateway, server, name):
    server.says(8, b'"count":3,"sockets":[],"rooms":{"%s":1,"lobby":2,"zoo":1}' % name)
    rooms = ask(gateway, "/v1/rooms")
    assert rooms["complete"]
    named = {room["room"]: room["sockets"] for room in rooms["rooms"]}
    assert named["lobby"] == 3 and named["zoo"] == 1 and len(named) == 3
    counts = ask(gateway, "/v1/counts", room=["lobby", "zoo"])
    assert counts["complete"] and counts["rooms"] == {"lobby": 3, "zoo": 1} and counts["sockets"] == 4


def test_counts(gateway, server, odd):
    text, _ = odd
    server.says(8, b'"count":3,"sockets":[],"rooms":{"odd":%s,"lobby":2}' % text)
    counts = ask(gateway, "/v1/counts", room=["lobby", "odd"])
    assert counts["complete"] and counts["rooms"] == {"lobby": 3, "odd": 0}


def test_acknowledgements(gateway, server, usual, odd):
    text, expected = odd
    usual.holds = (3,)
    said = [
        (11, b'"clientCount":4,"odd":%s' % text),
        (12, b'"packet":1,"args":[1,%s]' % text),
        (12, b'"packet":%s' % text),
        (12, b'"packet":2,"args":[2],"odd":%s' % text),
        (12, b'"packet":3,"args":[3]'),
    ]
    server.says_all(*said)
    answered = tell(gateway, "/v1/emit", event="e", ack={"timeoutMs": 1_500})
    usual.holds = ()
    assert answered["acks"]["responses"] == [[1, expected], [expected], [2], [3]]
    assert answered["servers"]["responded"] == 1


def test_answers_of_servers(gateway, server, usual, odd):
    text, expected = odd
    server.says(10, b'"packet":{"a":[%s,1]},"odd":%s' % (text, text))
    answered = tell(gateway, "/v1/servers/emit", event="e", ack={"timeoutMs": 10_000})
    assert answered["complete"]
    values = {response["server"]: response["value"] for response in answered["responses"]}
    assert values == {server.uid: {"a": [expected, 1]}, usual.uid: usual.uid}


@pytest.mark.parametrize("count", [190, 260, 100_000])
def test_depth(gateway, server, count):
    text = b"[" * count + b"7" + b"]" * count
    server.says(8, b'"sockets":[{"id":"a","data":%s},{"id":"b","data":2}]' % text)
    page = ask(gateway, "/v1/sockets")
    assert page["complete"] and [socket["id"] for socket in page["sockets"]] == ["a", "b", "zz"]
    # The answer itself is four levels.
    assert levels(page["sockets"][0]["data"]) == ((count, 7) if count < 200 else (196, None))
    assert page["sockets"][1]["data"] == 2


def test_changes(gateway, server, odd):
    text, _ = odd
    server.says(8, b'"sockets":[],"matched":2,"odd":%s' % text)
    changed = tell(gateway, "/v1/sockets/join", in_=["a"], rooms=["b"])
    assert changed["status"] == "confirmed" and changed["matched"] == 2


def test_log(broker, exchange, server, usual):
    """It names the server and the reason, once a minute, and nothing of what the client has sent."""
    with Gateway(broker.url, cluster_exchange=exchange, wire_format="cluster") as gateway:
        wait_for_servers(gateway, 2)
        server.says(8, b'"sockets":[{"id":"a","data":"a secret\\ud800"}]')
        for _ in range(3):
            ask(gateway, "/v1/sockets")
        server.says_raw(b'{"uid":"%s","type":8,"data":{"sockets":[{"id":"a secret' % server.uid.encode())
        ask(gateway, "/v1/sockets", timeoutMs=200)
    lines = [line for line in gateway.log() if "message of the cluster" in line["message"]]
    assert len(lines) == 1, lines
    assert lines[0]["level"] == "warning" and lines[0]["server"] == server.uid and lines[0]["namespace"] == "/"
    assert lines[0]["reason"]
    assert "secret" not in json.dumps(lines)
