""""routed": false with its reason, for each wire format and each mistake, and what the log says of it."""

import contextlib

from harness import Amqp0Servers, Gateway, SimulatedServer, Witness
from harness.cluster import ClusterServer
from harness.questions import wait_for_servers
from harness.topology import eventually

MESSAGE = "nobody was there for an emit"


def reason(gateway, **fields):
    answer = gateway.emit(event="e", **fields)
    assert (answer["status"], answer["routed"]) == ("confirmed", False), answer
    return answer["reason"]


def warnings(gateway, count=1):
    def lines():
        return [line for line in gateway.log() if line["message"] == MESSAGE]

    eventually(lambda: len(lines()) >= count)
    return lines()


def test_amqp0(broker):
    exchange = "why.amqp0"
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange, loops=2) as gateway:
        assert [reason(gateway), reason(gateway, rooms=["r"])] == ["no_exchange"] * 2
        items = [{"event": "e"}, {"event": "e", "rooms": ["r"]}]
        assert [result["reason"] for result in gateway.batch(items).json["results"]] == ["no_exchange"] * 2
        # No server: the exchange is kept by somebody who hears one room.
        with Witness(broker.url, exchange, "direct", keys=["heard"]):
            assert [reason(gateway), reason(gateway, rooms=["r", "s"])] == ["no_server", "no_member"]
            assert [result["reason"] for result in gateway.batch(items).json["results"]] == ["no_server", "no_member"]
            found = gateway.emit(event="e", rooms=["r", "heard"])
            assert found["routed"] is True and "reason" not in found
            with Amqp0Servers(broker.url, exchange) as servers:
                servers.socket("r")
                assert gateway.emit(event="e")["routed"] is True
                assert reason(gateway, rooms=["s"]) == "no_member"
        lines = warnings(gateway, 3)
        # Many emits on two loops, and one line for each.
        assert sorted(line["reason"] for line in lines) == ["no_exchange", "no_member", "no_server"]
        for line in lines:
            assert (line["exchange"], line["virtualHost"], line["wireFormat"]) == (exchange, "/", "amqp0")
            assert line["level"] == ("notice" if line["reason"] == "no_member" else "warning")
            assert "hint" in line


def test_an_emit_that_nobody_waits_for_is_told_by_the_log_and_the_metrics(broker):
    exchange = "why.unconfirmed"
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange) as gateway:
        response = gateway.post({"event": "e", "confirm": "none"})
        assert response.status == 202 and "reason" not in response.json
        (line,) = warnings(gateway, 1)
        assert (line["reason"], line["exchange"]) == ("no_exchange", exchange)
        assert gateway.metric('gateway_emits_unrouted_total{reason="no_exchange"}') == 1


def test_amqp0_beside_companions(broker):
    """What is answering instead, and a namespace that nobody has."""
    exchange, cluster = "why.beside", "why.beside.cluster"
    about = {"adapter": "RedisAdapter"}
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(ClusterServer(broker.url, exchange=cluster, namespaces=["/chat"], about=about))
        gateway = stack.enter_context(
            Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange, cluster_exchange=cluster)
        )
        wait_for_servers(gateway, 2)
        assert reason(gateway) == "no_exchange"
        (line,) = warnings(gateway)
        assert (line["servers"], line["adapters"]) == ("2", "RedisAdapter")
        assert line["hint"] == "responders of 2 servers are there: is wireFormat right? Is the exchange theirs?"
        with Witness(broker.url, exchange, "direct", keys=["heard"]):
            assert [reason(gateway), reason(gateway, rooms=["r"])] == ["no_namespace"] * 2
        line = warnings(gateway, 2)[-1]
        assert (line["namespace"], line["hint"]) == ("/", "the servers that answer have /chat")


def test_python_socketio(broker):
    exchange = "why.python"
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        assert reason(gateway) == "no_exchange"
        assert reason(gateway, rooms=["r"], ack={"timeoutMs": 2000}) == "no_exchange"
        with Witness(broker.url, exchange, "fanout"):
            found = gateway.emit(event="e")
            assert found["routed"] is None and "reason" not in found
        assert [reason(gateway), reason(gateway, rooms=["r"])] == ["no_server"] * 2
        line = warnings(gateway, 2)[-1]
        assert (line["reason"], line["exchange"], line["wireFormat"]) == ("no_server", exchange, "python-socketio")
        assert sorted(line["reason"] for line in warnings(gateway, 2)) == ["no_exchange", "no_server"]


def test_cluster(broker):
    exchange = "why.cluster"
    with Gateway(broker.url, wire_format="cluster", cluster_exchange=exchange) as gateway:
        wait_for_servers(gateway, 0)  # from then on there is an exchange
        assert [reason(gateway), reason(gateway, rooms=["r"])] == ["no_server"] * 2
        with ClusterServer(broker.url, exchange=exchange):
            wait_for_servers(gateway, 1)
            assert gateway.emit(event="e", rooms=["r"])["routed"] is True
            assert [reason(gateway, namespace="/typo", **more) for more in ({}, {"rooms": ["r"]}, {"ack": {}})] == [
                "no_namespace"
            ] * 3
            told = gateway.post({"event": "e", "namespace": "/typo"}, path="/v1/servers/emit").json
            assert (told["routed"], told["reason"]) == (False, "no_namespace")
            line = next(line for line in warnings(gateway, 2) if line["reason"] == "no_namespace")
            assert (line["namespace"], line["hint"]) == ("/typo", "the servers that answer have /")
        wait_for_servers(gateway, 0)
        with SimulatedServer(broker.url, exchange, about={"mode": "dynamic"}):
            wait_for_servers(gateway, 1)
            assert gateway.emit(event="e")["routed"] is True
            assert reason(gateway, rooms=["r"]) == "no_member"
            # A socket's id is a room that no server binds: this goes to every server.
            assert gateway.emit(event="e", rooms=["0123456789abcdefghij"])["routed"] is True


def test_without_questions_an_exchange_that_nobody_has_declared(broker):
    with Gateway(
        broker.url, wire_format="cluster", cluster_exchange="why.nobody", cluster_enabled="false"
    ) as gateway:
        assert reason(gateway) == "no_exchange"
