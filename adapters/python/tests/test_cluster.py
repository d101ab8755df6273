"""Presence, namespaces, what goes wrong on the broker, and the servers' own cluster functions beside it all."""

import json
import time

import pika

from harness import FakeGateway, PrivateRabbitMQ, Server
from harness.gateway import EVERYONE, opts


def test_a_server_says_what_it_is(server, gateway):
    gateway.discover()
    heartbeat = gateway.presence(lambda message: message["type"] == 2, timeout=0.4)
    assert heartbeat["namespaces"] == ["/", "/chat"]
    assert (heartbeat["intervalMs"], heartbeat["mode"]) == (500, "static")
    assert heartbeat["agent"].startswith("socketio-gateway-responder/")
    assert isinstance(heartbeat["pid"], int)
    assert heartbeat["features"] == ["acks", "numbers", "events"]
    assert heartbeat["probe"] == f"#server#{heartbeat['uid']}"


def test_a_probe_arrives_for_as_long_as_the_server_is_there_and_does_nothing(broker, manager):
    exchange = f"probe.{manager}"
    with Server(broker.url, manager, exchange, interval=60) as server, FakeGateway(broker.url, exchange) as gateway:
        (heartbeat,) = gateway.wait_for_servers(1)
        gateway.presence_within(0.2)
        for body in (b'{"uid":"emitter","type":2}', b'{"uid":"emitter","type":1}', b"\xff"):
            assert gateway.arrives(heartbeat["probe"], body)
        assert not gateway.presence_within(0.3) and server.log() == ""
        server.kill()
        deadline = time.monotonic() + 5
        while gateway.arrives(heartbeat["probe"], b"{}"):
            assert time.monotonic() < deadline, "the key is still bound"


def test_heartbeats_come_on_a_timer_of_their_own(server, gateway):
    beats = 0
    deadline = time.monotonic() + 1.6
    while time.monotonic() < deadline:
        gateway.fetch(count=True)
        beats += len([message for message in gateway.presence_within(0.05) if message["type"] == 2])
    assert 2 <= beats <= 5


def test_answers_carry_the_name_of_the_heartbeats(server, gateway):
    name = gateway.wait_for_servers(1)[0]["uid"]
    request = gateway.question(7, {"opts": EVERYONE})
    gateway.answers(request, 1)
    assert {message["uid"] for _, message in gateway._answers} == {name}


def test_a_server_says_goodbye(broker, manager):
    with Server(broker.url, manager, f"goodbye.{manager}", interval=60) as server:
        with FakeGateway(broker.url, f"goodbye.{manager}") as gateway:
            (heartbeat,) = gateway.wait_for_servers(1)
            assert server.stop() == 0
            goodbye = gateway.presence(lambda message: message["type"] == 13)
            assert goodbye == {"uid": heartbeat["uid"], "type": 13}


def test_a_namespace_of_clients_alone_is_announced_when_the_first_comes(broker, manager):
    exchange = f"namespaces.{manager}"
    with Server(broker.url, manager, exchange, namespaces="*", interval=60) as server:
        with FakeGateway(broker.url, exchange) as gateway:
            gateway.wait_for_servers(1)
            client = server.client(namespace="/late")
            gateway.presence(lambda message: "/late" in message.get("namespaces", ()), timeout=3)
            assert [socket["id"] for socket in gateway.fetch("/late", fields=["data"])["sockets"]] == [client.sid]


GARBAGE = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{",
    b"[" * 100_000,
    b'{"uid":"emitter"}',
    b'{"uid":"emitter","type":{}}',
    b'{"uid":"emitter","type":99,"nsp":"/","data":{}}',
    b'{"uid":"emitter","type":7,"nsp":1,"data":{}}',
    b'{"uid":"emitter","type":7,"nsp":"/","data":{"requestId":"x","opts":{"rooms":"all"}}}',
    b'{"uid":"emitter","type":6,"nsp":"/","data":{"close":true}}',
    b'{"uid":"emitter","type":6,"nsp":"/","data":{"opts":{},"close":true}}',
    b'{"uid":"emitter","type":6,"nsp":"/","data":{"opts":{"rooms":[null]},"close":true}}',
    b'{"uid":"emitter","type":3,"nsp":"/","data":{"packet":{"type":2,"data":[NaN]},"opts":{"rooms":[]}}}',
    b'{"uid":"emitter","type":3,"nsp":"/","data":{"opts":{"rooms":[]},"packet":{"type":2,"data":["e",'
    + (b"[" * 900 + b"]" * 900 + b"]}}}"),
    b'{"uid":"emitter","type":9,"nsp":"/","data":{"packet":["sum",{}]}}',
    b'{"uid":"someone","type":6,"nsp":"/","data":{"opts":{"rooms":[]},"close":true}}',
]


def test_garbage_does_nothing(server, gateway):
    client = server.client("a")
    server.log()
    for body in GARBAGE:
        gateway.publish("/", body)
        gateway.publish("#discover", body, pika.BasicProperties(reply_to="nowhere", content_encoding="utf-8"))
    gateway.publish("/", b"{}", pika.BasicProperties(headers={"x": [None, {"y": 1}]}, expiration="60000"))
    (socket,) = gateway.fetch(fields=["rooms"])["sockets"]
    assert socket["id"] == client.sid
    gateway.tell(3, {"packet": {"type": 2, "data": ["end"]}, "opts": EVERYONE})
    events = [event for event, *_ in client.until("end")]
    assert set(events) <= {"e"}  # the deep one may be deliverable
    assert "a bad message was ignored: rooms is not a list of strings" in server.log()


def test_an_answer_for_a_queue_that_is_gone_does_no_harm(server, gateway):
    body = json.dumps({"uid": "emitter", "nsp": "/", "type": 7, "data": {"requestId": "x", "opts": EVERYONE}}).encode()
    for reply_to in ("nowhere", "amq.rabbitmq.reply-to.nonsense", "x" * 255):
        gateway.publish("/", body, pika.BasicProperties(reply_to=reply_to))
    assert gateway.fetch(count=True)["count"] == 0


DELETE_EXCLUSIVE_QUEUES = """
[rabbit_amqqueue:delete(Q, false, false, <<"test">>)
 || Q <- rabbit_amqqueue:list(), is_pid(amqqueue:get_exclusive_owner(Q))].
"""


def test_a_broker_that_comes_late_and_loses_queues_and_crashes():
    broker = PrivateRabbitMQ()
    with Server(broker.url, "aio-pika", "losses", interval=0.5) as first, Server(
        broker.url, "kombu", "losses", interval=0.5
    ) as second, broker:
        servers = (first, second)
        ask_all(broker, servers, {})
        for server in servers:
            refused = [line for line in server.log().splitlines() if "no connection to the broker" in line]
            assert 1 <= len(refused) <= 3  # once, unless a broker that starts refuses in other ways too
        clients = {server: server.client("a") for server in servers}
        broker.ctl("eval", DELETE_EXCLUSIVE_QUEUES)
        ask_all(broker, servers, clients)
        broker.kill()
        broker.start()
        ask_all(broker, servers, clients)
        for server in servers:
            log = server.log()
            assert "no connection to the broker" in log
            assert "guest:guest" not in log


def ask_all(broker, servers, clients):
    """Until all answer: a question that was asked before the queues were back is lost, and says nothing."""
    with FakeGateway(broker.url, "losses") as gateway:
        gateway.wait_for_servers(len(servers), timeout=15)
        deadline = time.monotonic() + 10
        while True:
            request = gateway.question(7, {"opts": EVERYONE, "fields": []})
            answers = gateway.answers_within(request, 0.5)
            if len(answers) == len(servers):
                break
            assert time.monotonic() < deadline, f"{len(answers)} of {len(servers)} servers answer"
        found = {socket["id"] for _, data in answers for socket in data["sockets"]}
        assert found == {client.sid for client in clients.values()}
        sums = gateway.ask(9, {"packet": ["sum", 1, 2]}, count=len(servers))
        assert [data["packet"] for _, data in sums] == [3] * len(servers)


def test_the_servers_own_cluster_is_undisturbed(broker, manager):
    """Two servers on the fanout of python-socketio, and on the exchange of the gateway."""
    exchange, channel = f"pair.{manager}", f"pair.channel.{manager}"
    arguments = broker.url, manager, exchange, channel
    with Server(*arguments) as first, Server(*arguments) as second:
        with FakeGateway(broker.url, exchange) as gateway:
            gateway.wait_for_servers(2)
            one = first.client("a", answers={"ask": "one"})
            two = second.client("a", answers={"ask": "two"})
            wait_for_fanout(one, two)
            one.call("do", "emit", "to all", 1)
            one.call("do", "emit to", "a", "to room", 2)
            one.call("do", "emit", "end")
            assert one.until("end") == two.until("end") == [("to all", 1), ("to room", 2)]
            assert one.call("do", "call", two.sid, "ask") == "two"
            assert two.call("do", "call", two.sid, "ask") == "two"
            with Silence(broker.url, channel):
                assert_answers_of_both(gateway, one, two)
            one.call("do", "disconnect", two.sid)
            assert two.disconnected.wait(5)


class Silence:
    """Sees to it that nothing is published to the servers' own exchange meanwhile."""

    def __init__(self, url, exchange):
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, exchange, "")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(0.2)
        _, _, body = self._channel.basic_get(self._queue, auto_ack=True)
        self._connection.close()
        assert body is None, body


def wait_for_fanout(one, two):
    """The library subscribes when its first client connects, and says nothing when it has."""
    for sender, receiver in ((one, two), (two, one)):
        deadline = time.monotonic() + 10
        while True:
            sender.call("do", "emit to", receiver.sid, "probe")
            try:
                receiver.next(timeout=0.2)
                break
            except AssertionError:
                assert time.monotonic() < deadline, "the servers do not hear each other"
    for sender in (one, two):
        sender.call("do", "emit", "settled")
    for receiver in (one, two):
        assert receiver.until("settled") is not None
        assert receiver.until("settled") is not None


def assert_answers_of_both(gateway, one, two):
    answers = gateway.ask(7, {"opts": opts("a"), "fields": []}, count=2)
    assert {socket["id"] for _, data in answers for socket in data["sockets"]} == {one.sid, two.sid}
    asked = gateway.ask(3, {"packet": {"type": 2, "data": ["ask"]}, "opts": opts("a", timeout=1000)}, count=4)
    assert sorted(data["clientCount"] for kind, data in asked if kind == 11) == [1, 1]
    assert sorted(data["packet"] for kind, data in asked if kind == 12) == ["one", "two"]
    gateway.tell(3, {"packet": {"type": 2, "data": ["event"]}, "opts": opts("a")})
    assert one.until("event") is not None and two.until("event") is not None
    joined = gateway.ask(4, {"opts": opts(two.sid), "id": two.sid, "rooms": ["b"]}, count=2)
    assert sorted(data["matched"] for _, data in joined) == [0, 1]
