"""Answers that are larger than the broker takes, or than the server's option says."""

import time

import pytest

from harness import FakeGateway, PrivateRabbitMQ, Server
from harness.gateway import EVERYONE, opts

SMALL_BROKER = 65536  # bytes
DATA = "x" * 3000
SENTENCE = "the broker takes no message of over 65536 bytes"
REFUSED = "the broker does not take an answer to the gateway"


@pytest.fixture(scope="module")
def small_broker():
    with PrivateRabbitMQ(settings=(f"max_message_size = {SMALL_BROKER}",)) as broker:
        yield broker


@pytest.fixture
def small(small_broker, manager):
    """A server with 40 sockets, on a broker that takes little."""
    exchange = f"large.{manager}.{time.monotonic_ns()}"
    with Server(small_broker.url, manager, exchange, interval=0.5, data="session") as server:
        with FakeGateway(small_broker.url, exchange) as gateway:
            gateway.wait_for_servers(1)
            server.sids = sorted(server.client("a", session={"x": DATA}).sid for _ in range(40))
            yield server, gateway


def pages(gateway, **options):
    """Everything, page by page; and the number of pages."""
    sockets, count, after = [], 0, None
    while True:
        answer = gateway.fetch(fields=["data"], after=after, **options)
        assert answer["sockets"]
        sockets += answer["sockets"]
        count += 1
        if "more" not in answer:
            return sockets, count
        after = sockets[-1]["id"]


def test_the_broker_says_what_it_takes_and_that_costs_one_answer(small):
    server, gateway = small
    (heartbeat,) = gateway.wait_for_servers(1)
    witness = server.client("witness")
    request = gateway.question(7, {"opts": opts("a"), "fields": ["data"]})
    for number in range(50):  # behind the answer that is refused, and in the time in which it is
        gateway.tell(3, {"packet": {"type": 2, "data": ["event", number]}, "opts": opts("witness")})
    assert gateway.answers(request, 1) == [(8, {"requestId": request, "error": "too_large"})]
    assert [witness.next() for _ in range(50)] == [("event", number) for number in range(50)]
    sockets, count = pages(gateway, opts=opts("a"))
    assert [socket["id"] for socket in sockets] == server.sids and count >= 2
    assert all(socket["data"] == {"x": DATA} for socket in sockets)
    for _ in range(3):
        pages(gateway)
    assert server.log_with(SENTENCE).count(SENTENCE) == 1
    seen = gateway.presence_within(0.6)
    assert {(message["type"], message["uid"]) for message in seen} == {(2, heartbeat["uid"])}


def test_other_answers_that_are_too_large_say_so(small):
    server, gateway = small
    server.client("b", answers={"ask": "y" * 100_000})
    server.client("b", answers={"ask": "y"})
    packet = {"packet": {"type": 2, "data": ["ask"]}, "opts": opts("b", timeout=3000)}
    for _ in range(2):  # refused by the broker, and by the server, which knows by now
        answers = gateway.ask(3, packet, count=3)
        assert [data["clientCount"] for kind, data in answers if kind == 11] == [2]
        told = [{**data, "requestId": ""} for kind, data in answers if kind == 12]
        expected = [{"requestId": "", "error": "too_large"}, {"requestId": "", "args": ["y"], "packet": "y"}]
        assert sorted(told, key=len) == expected
    for _ in range(2):
        ((kind, data),) = gateway.ask(9, {"packet": ["repeat", "x", SMALL_BROKER]})
        assert kind == 10 and data.keys() == {"requestId", "error"} and data["error"] == "too_large"
    fits = SMALL_BROKER - 200
    assert gateway.ask_one(9, {"packet": ["repeat", "x", fits]})["packet"] == "x" * fits
    assert server.log_with(SENTENCE).count(SENTENCE) == 1


def test_pages_of_rooms_end_before_they_are_too_large(small):
    server, gateway = small
    names = [f"{number:0200}" for number in range(700)]
    for start in range(0, 700, 100):
        gateway.ask_one(4, {"opts": opts(server.sids[0]), "rooms": names[start : start + 100]})
    gateway.ask_one(9, {"packet": ["repeat", "x", SMALL_BROKER]})  # by now it knows
    listed, after = [], ""
    while True:
        answer = gateway.fetch(count=True, list={"after": after, "limit": 1000}, numbers=True)
        listed += [name for name, _ in answer["rooms"]]
        if "more" not in answer:
            break
        after = listed[-1]
    assert listed == [*names, "a"]


def test_the_option_is_the_limit_where_it_is_smaller(broker, manager):
    exchange = f"large.{manager}"
    with Server(broker.url, manager, exchange, max_answer_bytes=4000, data="session") as server:
        with FakeGateway(broker.url, exchange) as gateway:
            gateway.wait_for_servers(1)
            sids = sorted(server.client("a", session={"x": "x" * 500}).sid for _ in range(12))
            large = server.client(session={"x": "x" * 5000})
            sockets, count = pages(gateway)
            assert [socket["id"] for socket in sockets] == sorted([*sids, large.sid]) and count >= 2
            assert [socket["id"] for socket in sockets if socket["data"] is None] == [large.sid]
            assert server.log_with("larger than an answer may be")
            assert gateway.ask_one(9, {"packet": ["repeat", "x", 4000]})["error"] == "too_large"
            assert server.log_with("too large to be sent: over 4000 bytes")
            names = [f"{number:0200}" for number in range(30)]
            assert gateway.fetch(count=True, rooms=names)["error"] == "too_large"
            whole = gateway.fetch(opts=opts(large.sid))["sockets"][0]
            assert whole["data"] is None and whole["handshake"]["address"]


def test_a_broker_that_lets_nobody_answer_costs_no_questions(broker, manager):
    """A user who may not write to the default exchange: nobody hears answers, but what is asked is done."""
    exchange = f"mute.{manager}"
    broker.ctl("add_user", f"mute-{manager}", "secret")
    broker.ctl("set_permissions", f"mute-{manager}", ".*", rf"{exchange}|amq\.gen.*", ".*")
    url = broker.url.replace("guest:guest", f"mute-{manager}:secret")
    with Server(broker.url, manager, exchange, url=url, interval=0.5) as server:
        with FakeGateway(broker.url, exchange) as gateway:
            (heartbeat,) = gateway.wait_for_servers(1)
            client = server.client("a")
            for number in range(5):
                assert not gateway.answers_within(gateway.question(7, {"opts": EVERYONE}), 0.2)
                gateway.tell(3, {"packet": {"type": 2, "data": ["event", number]}, "opts": opts("a")})
                assert client.next() == ("event", number)
            assert {message["uid"] for message in gateway.presence_within(0.6)} == {heartbeat["uid"]}
            assert server.log_with(REFUSED).count(REFUSED) == 1
