"""What servers say of themselves, and what is not asked of those that cannot do it; bytes for the servers themselves."""

import base64
import time
from contextlib import ExitStack

import pytest

from harness import Gateway, RespondingServer, SimulatedServer, assert_problem
from harness.questions import ask, tell, until, wait_for_servers

LONG = 60_000


def gateway_with(broker, exchange, **settings):
    return Gateway(broker.url, cluster_exchange=exchange, **settings)


def test_servers_are_listed_with_what_they_say_of_themselves(broker):
    exchange = "test.features.listed"
    about = {
        "early": {},
        "new": {"features": ["numbers", "acks", "new"], "adapter": "RedisAdapter"},
        "old": {"features": []},
        "odd": {"features": {"acks": True}, "adapter": ["A"], "probe": 1},
        "huge": {"features": [f"f{n}" for n in range(10_000)], "adapter": "A" * 10_000},
    }
    with ExitStack() as stack:
        for uid, members in about.items():
            stack.enter_context(SimulatedServer(broker.url, exchange, uid=uid, about=members))
        gateway = stack.enter_context(gateway_with(broker, exchange))
        wait_for_servers(gateway, len(about))
        servers = {server.pop("uid"): server for server in ask(gateway, "/v1/servers")["servers"]}
        told = {uid: (server["features"], server["adapter"]) for uid, server in servers.items()}
        assert len(told["huge"][0]) == 32
        assert told == {
            "early": (None, None),
            "new": (["acks", "new", "numbers"], "RedisAdapter"),
            "old": ([], None),
            "odd": (None, None),
            "huge": (told["huge"][0], None),
        }


def test_nobody_is_asked_for_acknowledgements_where_a_server_cannot_do_them(broker):
    exchange = "test.features.acks"
    with (
        SimulatedServer(broker.url, exchange, uid="early", namespaces=["/", "/early"], clients=0) as early,
        SimulatedServer(broker.url, exchange, uid="old", about={"features": ["numbers"]}) as old,
        gateway_with(broker, exchange) as gateway,
    ):
        wait_for_servers(gateway, 2)
        response = gateway.post({"event": "e", "ack": {"timeoutMs": LONG}})
        problem = assert_problem(response, 501, "not_supported")
        assert "'old'" in problem["detail"] and "4.5" in problem["detail"] and problem["retryable"] is False
        assert early.asked == old.asked == []
        # An early companion is taken to do them, and everything else goes on.
        answer = gateway.emit(event="e", namespace="/early", ack={"timeoutMs": LONG})
        assert answer["acks"]["complete"] is True
        gateway.emit(event="e")
        assert ask(gateway, "/v1/counts")["complete"] is True
        old.close()
        until(lambda: gateway.post({"event": "e", "ack": {"timeoutMs": 100}}).status == 200, "it has gone")


@pytest.fixture(scope="module", params=["aio-pika", "kombu"])
def responding(request, broker):
    exchange = f"test.features.{request.param}"
    with (
        RespondingServer(broker.url, request.param, exchange, exchange + ".fanout"),
        gateway_with(broker, exchange) as gateway,
    ):
        wait_for_servers(gateway, 1)
        yield gateway


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100_000])
def test_bytes_travel_to_the_servers_and_back(responding, size):
    sent = bytes(n % 256 for n in range(size))
    arguments = [{"$binary": base64.b64encode(sent).decode()}]
    ack = {"timeoutMs": LONG}
    answer = tell(responding, "/v1/servers/emit", event="reversed bytes", args=arguments, binary=True, ack=ack)
    (response,) = answer["responses"]
    value = response["value"]
    assert base64.b64decode(value["bytes"].pop("$binary"), validate=True) == sent[::-1]
    assert value == {"bytes": {}, "text": "t"}
    assert answer["complete"] is True


def test_what_looks_like_bytes_is_an_object_without_binary(responding):
    for more in ({}, {"binary": False}):
        # The handler cannot take an object for bytes.
        answer = tell(
            responding, "/v1/servers/emit", event="sum", args=[1, 2], ack={"timeoutMs": LONG}, **more
        )
        assert [response["value"] for response in answer["responses"]] == [3]
        answer = tell(
            responding, "/v1/servers/emit", event="reversed bytes", args=[{"$binary": "AA=="}],
            ack={"timeoutMs": LONG}, **more,
        )
        assert answer["responses"] == [] and answer["complete"] is True


def test_bytes_are_told_without_an_answer_and_refused_when_they_are_none(broker):
    exchange = "test.features.told"
    with SimulatedServer(broker.url, exchange) as server, gateway_with(broker, exchange) as gateway:
        wait_for_servers(gateway, 1)
        arguments = [{"a": {"$binary": "AAEC"}}, 0.10, {"$binary": ""}]
        path = "/v1/servers/emit"
        response = gateway.post({"event": "e", "args": arguments, "binary": True}, path=path)
        assert response.status == 200 and response.json["routed"] is True
        until(lambda: server.asked, "it has come")
        assert server.asked[0][1]["data"] == {
            "packet": ["e", {"a": {"_placeholder": True, "num": 0}}, 0.1, {"_placeholder": True, "num": 1}],
            "attachments": ["AAEC", ""],
        }
        for arguments, pointer in [
            ([{"$binary": "A"}], "/args/0/$binary"),
            ([0, {"x": {"$binary": "AAEC", "y": 1}}], "/args/1/x"),
            ([{"_placeholder": True, "num": 0}], "/args/0/_placeholder"),
        ]:
            response = gateway.post({"event": "e", "args": arguments, "binary": True}, path=path)
            assert_problem(response, 422, "invalid_request", pointer)


WARNING = "amqp0 servers have namespaces that are not configured"


def warnings(gateway):
    return [line["namespaces"] for line in gateway.log() if line["message"] == WARNING]


def test_namespaces_of_amqp0_servers_that_are_not_configured_are_said_once(broker):
    exchange = "test.features.amqp0"
    amqp0, redis = {"adapter": "AmqpAdapterWrapper"}, {"adapter": "RedisAdapter"}
    with (
        SimulatedServer(broker.url, exchange, namespaces=["/", "/known", "/b"], about=amqp0),
        SimulatedServer(broker.url, exchange, namespaces=["/a"], about=amqp0),
        SimulatedServer(broker.url, exchange, namespaces=["/other"], about=redis),
        SimulatedServer(broker.url, exchange, namespaces=["/early"]),
        gateway_with(
            broker, exchange, wire_format="amqp0", amqp0_exchange=exchange + "{namespace}", amqp0_namespaces="/,/known"
        ) as gateway,
        gateway_with(broker, exchange, python_socketio_exchange=exchange + ".fanout") as other,
    ):
        wait_for_servers(gateway, 4)
        until(lambda: warnings(gateway), "it is said")
        assert [server["adapter"] for server in ask(gateway, "/v1/servers")["servers"]].count("RedisAdapter") == 1
        with SimulatedServer(broker.url, exchange, namespaces=["/late"], about=amqp0):
            wait_for_servers(gateway, 5)
            time.sleep(0.2)
        assert warnings(gateway) == ["/a, /b"]
        assert warnings(other) == []


def test_namespaces_of_amqp0_servers_that_come_later_are_said_then(broker):
    exchange = "test.features.amqp0.later"
    with gateway_with(broker, exchange, wire_format="amqp0") as gateway:
        wait_for_servers(gateway, 0)
        with SimulatedServer(broker.url, exchange, namespaces=["/"], about={"adapter": "AmqpAdapter"}):
            wait_for_servers(gateway, 1)
            with SimulatedServer(broker.url, exchange, namespaces=["/chat"], about={"adapter": "AmqpAdapter"}):
                until(lambda: warnings(gateway) == ["/chat"], "it is said")
