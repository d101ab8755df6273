"""Emits that are checked, and not published: where they would go, and how many sockets would receive them."""

import contextlib

from harness import Amqp0Servers, Gateway, RespondingServer, Witness, assert_problem
from harness.cluster import FEATURES, ClusterServer
from harness.questions import wait_for_servers

SOCKETS = [{"s1": ["a", "b"], "s2": ["a"], "s3": []}, {"s4": ["a", "b"], "s5": ["b", "banned"]}]


def dry(gateway, **fields):
    response = gateway.post({"event": "e", **{name.rstrip("_"): value for name, value in fields.items()}, "dryRun": True})
    assert response.status == 200, response.body
    told = response.json
    assert told.pop("status") == "dryRun"
    return told


def published(gateway):
    return sum(
        gateway.metric(f'gateway_publications_total{{outcome="{outcome}"}}')
        for outcome in ("routed", "queued", "unrouted", "failed", "unknown")
    )


@contextlib.contextmanager
def companions(broker, exchange, **options):
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(ClusterServer(broker.url, sockets, exchange=exchange, about=FEATURES, **options))
            for sockets in SOCKETS
        ]


def test_amqp0(broker):
    exchange, cluster = "dry.amqp0", "dry.amqp0.cluster"
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange, cluster_exchange=cluster) as gateway:
        nowhere = {"exchange": exchange, "exists": False, "routingKeys": ["broadcast"], "recipients": 0, "servers": None}
        assert dry(gateway) == nowhere
        with Amqp0Servers(broker.url, exchange) as servers, Witness(broker.url, exchange, "direct", ["a"]) as heard:
            socket = servers.socket("a", "b")
            assert dry(gateway) == {**nowhere, "exists": True, "recipients": None}
            with companions(broker, cluster):
                wait_for_servers(gateway, 2)
                counts = {
                    (): 5,
                    ("a",): 3,
                    ("a", "b"): 4,  # each of them once
                    ("nobody",): 0,
                    ("s1", "b"): 3,
                }
                for rooms, count in counts.items():
                    told = dry(gateway, **({"rooms": list(rooms)} if rooms else {}))
                    assert told["recipients"] == count, rooms
                    assert told["routingKeys"] == (list(rooms) or ["broadcast"])
                    assert (told["servers"]["expected"], told["servers"]["responded"]) == (2, 2)
                assert dry(gateway, rooms=["a", "b"], except_=["banned", "s1"])["recipients"] == 2
                assert dry(gateway, rooms=["a", "b"], exceptSockets=["s4"])["recipients"] == 3
            servers.deliver()
            assert socket.received == [] and heard.waiting() == [] and published(gateway) == 0
        assert dry(gateway)["exists"] is False


def test_a_server_that_says_nothing_leaves_the_number_unknown(broker):
    cluster = "dry.silent"
    with Gateway(broker.url, wire_format="cluster", cluster_exchange=cluster, requests_timeout="300ms") as gateway:
        with companions(broker, cluster) as (first, second):
            wait_for_servers(gateway, 2)
            told = dry(gateway, rooms=["a", "b"], except_=["banned"])
            assert told["recipients"] == 3 and told["exists"] is True
            assert told["routingKeys"] == ["/#room#a", "/#room#b", "/#static"]
            # No server of the namespace is known; that none is there, nobody says.
            assert dry(gateway, namespace="/chat")["recipients"] is None
            second.silent = True
            told = dry(gateway, rooms=["a"])
            assert told["recipients"] is None
            assert (told["servers"]["responded"], told["servers"]["missing"]) == (1, [second.uid])


def test_python_socketio_with_real_servers(broker):
    channel, cluster = "dry.python", "dry.python.cluster"
    with Gateway(broker.url, python_socketio_exchange=channel, cluster_exchange=cluster) as gateway:
        # Whom to leave out, only servers with a responder can say.
        assert_problem(
            gateway.post({"event": "e", "except": ["a"], "dryRun": True}), 422, "not_expressible", pointer="/except"
        )
        with RespondingServer(broker.url, "aio-pika", cluster, channel) as one:
            with RespondingServer(broker.url, "kombu", cluster, channel) as other:
                clients = [one.client("a", "b"), one.client("a"), other.client("b"), other.client("b", "banned")]
                wait_for_servers(gateway, 2)
                told = dry(gateway, rooms=["a", "b"])
                assert told == {
                    "exchange": channel,
                    "exists": True,
                    "routingKeys": ["*"],
                    "recipients": 4,
                    "servers": {"expected": 2, "responded": 2, "missing": [], "tooLarge": []},
                }
                assert dry(gateway, rooms=["a", "b"], except_=["banned"])["recipients"] == 3
                assert dry(gateway, rooms=["b"], exceptSockets=[clients[0].sid])["recipients"] == 2
                told = dry(gateway, rooms=["a"], ack={"mode": "first"})
                assert (told["exchange"], told["exists"], told["routingKeys"]) == (cluster, True, ["/"])
                assert told["recipients"] == 2 and published(gateway) == 0
                gateway.emit(event="end")
                assert [client.until("end") for client in clients] == [[]] * 4


def test_it_is_refused_as_the_emit_would_be(broker):
    exchange = "dry.refused"
    config = {"wire_format": "amqp0", "amqp0_exchange": exchange, "cluster_exchange": "dry.refused.cluster"}
    with Gateway(broker.url, **config) as gateway:
        for fields, code, pointer in [
            ({"rooms": ["broadcast"]}, "not_expressible", "/rooms/0"),
            ({"namespace": "chat"}, "invalid_request", "/namespace"),
            ({"event": "connect"}, "invalid_request", "/event"),
            ({"dryRun": "yes"}, "invalid_request", "/dryRun"),
        ]:
            assert_problem(gateway.post({"event": "e", "dryRun": True, **fields}), 422, code, pointer=pointer)
        # Nobody answers on the exchange of questions.
        response = gateway.post({"event": "e", "ack": {}, "dryRun": True})
        assert (response.status, response.json["code"]) == (503, "no_servers")
        rooms = [f"r{number}" for number in range(40)]
        response = gateway.post({"event": "e", "data": "x" * (1 << 20), "rooms": rooms, "dryRun": True})
        assert (response.status, response.json["code"]) == (413, "payload_too_large")


def test_items_of_a_batch(broker):
    exchange = "dry.batch"
    with Witness(broker.url, exchange, "direct", keys=["heard"]) as heard:
        with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange) as gateway:
            items = [
                {"event": "dry", "rooms": [f"r{number}" for number in range(9)], "dryRun": True},
                {"event": "real", "rooms": ["heard"]},
                {"event": "dry", "rooms": ["broadcast"], "dryRun": True},
            ]
            answer = gateway.batch(items, {"Idempotency-Key": "k"}).json
            dried, real, refused = answer["results"]
            assert dried == {
                "status": 200, "dryRun": True, "exchange": exchange, "exists": True,
                "routingKeys": ["r0", "r1", "r2", "r3", "r4"], "recipients": None, "servers": None,
            }  # fmt: skip
            assert (real["status"], real["routed"]) == (200, True)
            assert (refused["status"], refused["problem"]["code"]) == (422, "not_expressible")
            assert [answer[name] for name in ("confirmed", "failed", "dryRuns")] == [1, 1, 1]
            assert [message.json["packet"]["data"] for message in heard.waiting()] == [["real"]]
            # One that is nothing but dry leaves its key to the real one.
            for _ in range(2):
                response = gateway.batch([items[0]], {"Idempotency-Key": "dry"})
                assert response.status == 200 and "Idempotent-Replayed" not in response.headers


def test_a_thousand_of_them_in_a_batch_look_an_exchange_that_is_not_there_up_once(broker):
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange="dry.nobody") as gateway:
        answer = gateway.batch([{"event": "e", "dryRun": True}] * 1_000).json
        assert [result["exists"] for result in answer["results"]] == [False] * 1_000
        assert gateway.metric('gateway_broker_channels_closed_total{code="404"}') == 1


def test_a_batch_of_dry_runs_has_one_time_limit_for_all_its_look_ups(broker):
    """Each exchange that is not there takes a tenth of a second."""
    namespaces = [f"/n{number}" for number in range(40)]
    settings = {"amqp0_exchange": "dry.many{namespace}", "amqp0_namespaces": ",".join(namespaces)}
    with Gateway(broker.url, wire_format="amqp0", requests_timeout="500ms", **settings) as gateway:
        items = [{"event": "e", "namespace": namespace, "dryRun": True} for namespace in namespaces]
        results = gateway.batch(items).json["results"]
        assert results[0]["exists"] is False
        assert results[-1]["problem"]["code"] == "overloaded"
