"""A server that means no good, or is broken: whatever it sends, the gateway's memory stays within bounds, and it goes on.

The attacks: `two_huge_answers`, `many_answers_to_one_question`, `huge_heartbeats`, `servers_that_are_made_up`, `millions_of_rooms`,
`acknowledgements_by_the_hundred_thousand`, `answers_that_need_repair`.
"""

import json
import time
from pathlib import Path

import pytest

from harness import Gateway
from harness.hostile_server import HostileServer
from harness.questions import asked, wait_for_servers

MEBIBYTE = 1 << 20
MOST = 100 * MEBIBYTE
# The longest answer that is taken, less what stands around its values.
LONGEST = 16 * MEBIBYTE - 200


@pytest.fixture
def attack(broker, exchange):
    """An attack under way; how much memory it took is looked at in the end."""
    attack = Attack(broker, exchange)
    yield attack
    attack.finish()


class Attack:
    """A gateway, and two hostile servers: `bodies` says what they answer with."""

    def __init__(self, broker, exchange):
        self.bodies = lambda message, uid: ()
        self.servers = [
            HostileServer(broker.url, exchange, uid=uid, interval_ms=600_000, bodies=self._bodies(uid))
            for uid in ("h1", "h2")
        ]
        self.gateway = Gateway(broker.url, cluster_exchange=exchange, wire_format="cluster").start()
        wait_for_servers(self.gateway, 2)
        for path in ("/v1/sockets", "/v1/rooms", "/v1/counts"):
            asked(self.gateway, path, timeoutMs=100)
        self._process = Path(f"/proc/{self.gateway._process.pid}")
        self._idle = self._memory("VmRSS")
        (self._process / "clear_refs").write_text("5")  # the peak begins anew

    def _bodies(self, uid):
        return lambda message: self.bodies(message, uid)

    def ask(self, path, **parameters):
        response = asked(self.gateway, path, timeout=120, **parameters)
        assert response.status == 200, response.body[:500]
        return response.json

    def tell(self, path, **body):
        response = self.gateway.request("POST", path, json.dumps(body), {"Content-Type": "application/json"}, timeout=120)
        assert response.status == 200, response.body[:500]
        return response.json

    def finish(self):
        peak = self._memory("VmHWM")
        try:
            for server in self.servers:
                server.close()
            assert self.gateway.get("/readyz").status == 200
            taken = peak - self._idle
            print(f"{taken / MEBIBYTE:.0f} MiB more than {self._idle / MEBIBYTE:.0f} MiB")
            assert taken < MOST, f"{taken / MEBIBYTE:.0f} MiB more than before"
        finally:
            self.gateway.stop()

    def _memory(self, name):
        for line in (self._process / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(name)


def answer(message, uid, kind, members):
    """`members`: of `data`, as text."""
    head = json.dumps({"uid": uid, "nsp": "/", "type": kind}).encode()
    request_id = json.dumps(message["data"]["requestId"]).encode()
    return head[:-1] + b',"data":{"requestId":' + request_id + b"," + members + b"}}"


def filled(start, item, end, size=LONGEST):
    """`start`, as many items with commas between them as fit, and `end`. A `%d` in the item is its number."""
    if b"%" not in item:
        count = (size - len(start) - len(end)) // (len(item) + 1)
        return start + b",".join([item] * count) + end
    count = (size - len(start) - len(end)) // (len(item) + 7)
    return start + b",".join(item % (number + 1_000_000) for number in range(count)) + end


# Millions of values, each of which takes much more in memory than in the text. They are made when their test wants them.
SOCKETS = {
    "tiny sockets": lambda: filled(b'"sockets":[', b'{"id":"%d"}', b"]"),
    "numbers in data": lambda: filled(b'"sockets":[{"id":"a","data":[', b"0", b"]}]"),
    "objects in data": lambda: filled(b'"sockets":[{"id":"a","data":[', b"{}", b"]}]"),
    "members in data": lambda: filled(b'"sockets":[{"id":"a","data":{', b'"%d":0', b"}}]"),
    "no sockets": lambda: filled(b'"sockets":[', b"0", b"]"),
    "members beside": lambda: filled(b'"sockets":[],', b'"%d":0', b""),
    "a string": lambda: b'"sockets":[{"id":"a","data":"' + b"x" * (LONGEST - 100) + b'"}]',
    "an id": lambda: b'"sockets":[{"id":"' + b"x" * (LONGEST - 100) + b'"}]',
    "large sockets": lambda: filled(b'"sockets":[', b'{"id":"%d","data":"' + b"x" * 100_000 + b'"}', b"]"),
    "a handshake": lambda: filled(b'"sockets":[{"id":"a","handshake":{"headers":{', b'"%d":0', b"}}}]"),
    "rooms of a socket": lambda: filled(b'"sockets":[{"id":"a","rooms":[', b'"%d"', b"]}]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOCKETS)
def test_two_huge_answers(attack, name):
    """As long as they may be; and twice as long."""
    members = SOCKETS[name]()
    attack.bodies = lambda message, uid: [answer(message, uid, 8, members)]
    page = attack.ask("/v1/sockets", fields=["rooms", "data", "handshake"], timeoutMs=20_000)
    assert page["complete"], page["servers"]
    counts = attack.ask("/v1/counts", room=["a"], timeoutMs=20_000)
    assert counts["complete"], counts["servers"]
    # A broker may let longer ones pass.
    attack.bodies = lambda message, uid: [answer(message, uid, 8, members + b" " * (14 * MEBIBYTE))]
    assert not attack.ask("/v1/sockets", timeoutMs=3_000)["complete"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1_000, 300_000, 8 * MEBIBYTE])
def test_many_answers_to_one_question(attack, size):
    """Of servers that nobody has heard of."""
    value = b'"packet":"' + b"x" * size + b'"'
    count = min(300 * MEBIBYTE // size, 100_000)
    attack.bodies = lambda message, uid: (answer(message, f"{uid}-{n}", 10, value) for n in range(count))
    answered = attack.tell("/v1/servers/emit", event="e", ack={"timeoutMs": 8_000})
    assert answered["servers"]["responded"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("size", [200_000, 7 * MEBIBYTE])
def test_huge_heartbeats(attack, size):
    namespaces = filled(b"", b'"/"', b"", size)
    beats = [
        b'{"uid":"big-%d","type":2,"intervalMs":600000,"namespaces":[%s]}' % (number, namespaces)
        for number in range(420 * MEBIBYTE // size)
    ]
    attack.servers[0].heartbeats(beats)
    attack.servers[0].heartbeats([b'{"uid":"late","type":2,"namespaces":["/"]}'])
    time.sleep(5)
    # Not more than there is room for, and those that were there before.
    assert {"h1", "h2"} <= {server["uid"] for server in attack.ask("/v1/servers")["servers"]}


@pytest.mark.slow
def test_servers_that_are_made_up(attack):
    """Each is heard of once, and then falls silent; goodbyes of others come between."""
    for wave in range(5):
        attack.servers[0].heartbeats(
            b'{"uid":"%d-%s","type":%d,"intervalMs":100,"namespaces":["/","/%d"]}'
            % (wave, b"x" * 1_000 + b"%d" % number, 13 if number % 7 == 0 else 2, number)
            for number in range(20_000)
        )
        time.sleep(3)
        attack.ask("/v1/servers")
    assert {"h1", "h2"} <= {server["uid"] for server in attack.ask("/v1/servers")["servers"]}


ROOMS = {
    "counted": lambda: filled(b'"count":1,"rooms":{', b'"r%d":1', b"}"),
    "counted, of long names": lambda: filled(b'"count":1,"rooms":{', b'"' + b"x" * 10_000 + b'%d":1', b"}"),
    "of sockets": lambda: filled(b'"sockets":[', b'{"id":"%d","rooms":["a","b"]}', b"]"),
    "of one socket": lambda: filled(b'"sockets":[{"id":"a","rooms":[', b'"r%d"', b"]}]"),
    "none at all": lambda: filled(b'"count":1,"rooms":{', b'"r%d":[]', b"}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOMS)
def test_millions_of_rooms(attack, name):
    members = ROOMS[name]()
    attack.bodies = lambda message, uid: [answer(message, uid, 8, members)]
    page = attack.ask("/v1/rooms", limit=1000, timeoutMs=20_000)
    if name == "counted, of long names":
        # More than was asked for, so there may be others behind; and no name among them to go on from.
        assert (page["rooms"], page["servers"]["tooLarge"]) == ([], ["h1", "h2"])
    else:
        assert page["complete"] and len(page["rooms"]) <= 1000, page["servers"]
    assert attack.ask("/v1/counts", room=["r1000001", "a"], timeoutMs=20_000)["complete"]


@pytest.mark.slow
def test_acknowledgements_by_the_hundred_thousand(attack):
    def bodies(message, uid):
        yield answer(message, uid, 11, b'"clientCount":10000000')
        one = answer(message, uid, 12, b'"args":[1]')
        for _ in range(300_000):
            yield one

    attack.bodies = bodies
    answered = attack.tell("/v1/emit", event="e", ack={"timeoutMs": 30_000})
    assert len(answered["acks"]["responses"]) > 100_000


REPAIR = {
    "half emojis": lambda: b'"packet":"' + b"\\ud83d" * (LONGEST // 6 - 50) + b'"',
    "whole emojis and a half": lambda: b'"packet":"' + b"\\ud83d\\ude00" * (LONGEST // 12 - 50) + b'\\ud83d"',
    "no text": lambda: b'"packet":"' + b"\xff" * (LONGEST - 100) + b'"',
    "control bytes": lambda: b'"packet":"' + b"\x01" * (LONGEST - 100) + b'"',
    "a deep value": lambda: b'"packet":' + b"[" * (LONGEST // 2 - 50) + b"]" * (LONGEST // 2 - 50),
    "deep values": lambda: filled(b'"packet":[', b"[" * 300 + b"]" * 300, b"]"),
    "no numbers": lambda: filled(b'"packet":[', b"NaN", b"]"),
    "a long number": lambda: b'"packet":' + b"9" * (LONGEST - 100),
    "a long key": lambda: b'"packet":{"\\u0000' + b"x" * (LONGEST - 200) + b'":1}',
    "keys that become the same": lambda: filled(b'"packet":{', b'"\\u0000":0', b"}"),
    "the same bytes again and again": lambda: filled(
        b'"attachments":["' + b"A" * (8 * MEBIBYTE) + b'"],"packet":[', b'{"_placeholder":true,"num":0}', b"]"
    ),
    "many bytes": lambda: filled(b'"packet":[{"_placeholder":true,"num":0}],"attachments":[', b'""', b"]"),
    "no JSON": lambda: b'"packet":' + b"[1,2" * (LONGEST // 4 - 50),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPAIR)
def test_answers_that_need_repair(attack, name):
    members = REPAIR[name]()
    attack.bodies = lambda message, uid: [answer(message, uid, 10, members)] * 3
    attack.tell("/v1/servers/emit", event="e", ack={"timeoutMs": 8_000})
