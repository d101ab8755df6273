"""What each emitter's calls become on the broker, and at real servers with real clients."""

import pytest

from harness import Gateway, RespondingServer, Witness

KEY = "key of the emitters"
BROADCAST = 3
ANSWERS = [5]  # what the servers say of `sum`
ROUTES = ["/", "/#static", "/chat", "/chat#static"]


@pytest.fixture(scope="module")
def server(broker, exchange):
    with RespondingServer(broker.url, "aio-pika", exchange) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(broker, exchange, server):
    with Gateway(broker.url, wire_format="cluster", cluster_exchange=exchange, api_key=KEY) as gateway:
        gateway.wait_until(lambda: gateway.get("/v1/servers", {"X-API-Key": KEY}).json["servers"], float("inf"), "know the server")
        yield gateway


@pytest.fixture
def url(gateway):
    return "http://%s:%d" % gateway.address


@pytest.fixture
def witness(broker, exchange, server):
    with Witness(broker.url, exchange, "cluster", ROUTES) as witness:
        yield witness


def emitted(message):
    """(namespace, packet's data, rooms, except, flags)"""
    data = message.json["data"]
    opts = data["opts"]
    return message.json["nsp"], data["packet"]["data"], opts["rooms"], opts["except"], opts["flags"]


def test_emits(start, url, witness):
    unconfirmed, dry, nobody = start(url, "emits").result()
    assert (unconfirmed["status"], dry["status"]) == ("accepted", "dryRun")
    assert nobody["error"]["status"] == 422 and nobody["error"]["places"][0]["pointer"] == "/rooms"
    messages = [message for message in witness.take(9) if message.json["type"] == BROADCAST]  # the dry run counts sockets
    assert len(messages) == 8
    assert [emitted(message) for message in messages[:6]] == [
        ("/", ["union", 0.1, {"z": None, "a": "ä"}], ["a", "b"], [], {}),
        ("/", ["room"], ["a"], [], {}),
        ("/", ["except"], [], ["b"], {}),
        ("/", ["sockets"], [], ["sid"], {}),
        ("/", ["flags"], [], [], {"volatile": True, "compress": False}),
        ("/chat", ["number"], [7], [], {}),
    ]
    assert b'"z"' in messages[0].body and messages[0].body.index(b'"z"') < messages[0].body.index(b'"a":')


def test_bytes_arrive_at_clients_as_bytes(start, url, server):
    client = server.client("a", "b")
    start(url, "emits").result()
    events = [client.next() for _ in range(6)]
    assert [event[0] for event in events] == ["union", "room", "sockets", "flags", "bytes", "unconfirmed"]
    assert events[4] == ("bytes", {"deep": [b"\x00\xff"]}, b"")
    server.disconnect_clients()


def test_questions(start, url, server):
    members = [server.client("a", answers={"q": "yes"}), server.client("a", "b", answers={"q": "no"})]
    result = start(url, "questions").result()
    acks = result["acks"]
    assert sorted(acks["responses"]) == [["no"], ["yes"]]
    assert (acks["expected"], acks["received"], acks["complete"]) == (2, 2, True)
    assert result["first"] is True
    assert result["joined"] == 1
    counts = result["counts"]
    assert (counts["sockets"], counts["rooms"], counts["numbers"]) == (2, {"c": 1, "a": 2}, {"7": 1})
    assert result["left"] == 1
    (socket,) = result["fetched"]
    assert socket["id"] == members[0].sid and set(map(str, socket["rooms"])) == {members[0].sid, "c", "7"}
    assert result["told"] == "confirmed" and result["asked"] == ANSWERS
    assert result["disconnected"] == 1
    assert result["all"] == 1
    assert result["refused"]["error"]["status"] == 422
    server.disconnect_clients()


def test_the_example_of_its_page(language, url, witness, tmp_path):
    text = language.example()
    assert text.count("http://127.0.0.1:8080") == 1 and text.count("…") == 1
    language.run_example(text.replace("http://127.0.0.1:8080", url).replace("…", KEY), tmp_path)
    (message,) = witness.take(1)
    assert emitted(message) == ("/", ["order.paid", {"id": 42}], ["user:42"], ["quiet"], {})
