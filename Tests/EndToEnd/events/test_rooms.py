"""GET /v1/events: rooms and sockets of real python-socketio servers with a responder each."""

import contextlib

import pytest

from harness import EventStream, Gateway
from harness.patience import until
from harness.questions import start_servers, wait_for_servers

MANAGERS = ["aio-pika", "kombu"]


@contextlib.contextmanager
def cluster(url, exchange, managers, interval=0.5):
    """A gateway, and servers that it knows."""
    servers = start_servers(url, exchange, exchange + ".fanout", managers, interval=interval)
    try:
        with Gateway(url, cluster_exchange=exchange, wire_format="cluster", loops=2) as gateway:
            wait_for_servers(gateway, len(servers))
            yield gateway, servers
    finally:
        for server in servers:
            server.close()


@pytest.fixture(scope="module")
def running(broker, exchange):
    with cluster(broker.url, exchange, MANAGERS) as running:
        yield running


def synced(gateway, **parameters):
    """A stream of the cluster's rooms, once they are known."""
    stream = EventStream(gateway, **parameters)
    assert (event := stream.event())["type"] == "sync" and event["reason"] == "start" and event["namespace"] == "/"
    return stream


def told(event):
    return event["type"], event.get("room", event.get("socket"))


@pytest.mark.parametrize("manager", MANAGERS)
def test_what_is_there_already_is_no_news(broker, exchange, manager):
    with cluster(broker.url, exchange + manager, [manager]) as (gateway, servers):
        servers[0].client("old", 42)
        with synced(gateway) as stream:
            newcomer = servers[0].client("old", "new", 42)
            assert [told(event) for event in stream.events(2)] == [
                ("room.occupied", "new"),
                ("socket.connected", newcomer.sid),
            ]
            sid = newcomer.sid
            newcomer.close()
            last = {told(event) for event in stream.events(2)}
            assert last == {("room.vacated", "new"), ("socket.disconnected", sid)}


def test_a_room_is_occupied_once_and_vacated_once(running):
    gateway, (first, second) = running
    with EventStream(gateway, type="room.*", room="one:*") as stream:
        until(lambda: stream.has_something(1) and stream.event()["type"] == "sync", "the rooms are known")
        clients = [first.client("one:x"), second.client("one:x"), second.client("one:x", "one:42", 42)]
        occupied = stream.events(2)
        assert {told(event) for event in occupied} == {("room.occupied", "one:x"), ("room.occupied", "one:42")}
        for client in clients:
            client.close()
        vacated = stream.events(2)
        assert {told(event) for event in vacated} == {("room.vacated", "one:x"), ("room.vacated", "one:42")}
        assert not stream.has_something(1)


def test_sockets_and_the_rooms_that_they_join_and_leave(running):
    gateway, (first, _) = running
    with EventStream(gateway, type=["socket.*"]) as stream:
        # Servers hear within moments that these are wanted, too: until then they are not told.
        def joined():
            client = first.client("in")
            sid = client.sid
            client.close()
            seen = []
            while seen[-1:] != [("socket.disconnected", sid)]:
                event = stream.event()
                seen.append((event["type"], event.get("socket")))
            return [kind for kind, socket in seen if socket == sid] == [
                "socket.connected",
                "socket.joined",
                "socket.left",
                "socket.disconnected",
            ]

        until(joined, "all of it is told")


def test_a_namespace_of_its_own(broker, exchange):
    name = exchange + "own"
    servers = start_servers(broker.url, name, name + ".fanout", MANAGERS, interval=0.5, namespaces=["/", "/chat"])
    try:
        with Gateway(broker.url, cluster_exchange=name, wire_format="cluster") as gateway:
            wait_for_servers(gateway, 2)
            with EventStream(gateway, namespace="/chat", type="room.*") as stream:
                assert stream.event()["reason"] == "start"
                servers[0].client("x")
                servers[1].client("y", namespace="/chat")
                event = stream.event()
                assert told(event) == ("room.occupied", "y") and event["namespace"] == "/chat"
    finally:
        for server in servers:
            server.close()


def test_rooms_of_a_server_that_is_killed_are_vacated_unless_another_has_them(broker, exchange):
    with cluster(broker.url, exchange + "killed", MANAGERS) as (gateway, (killed, other)):
        killed.client("gone", "both")
        other.client("both")
        with synced(gateway) as stream:
            killed.kill()
            lost, vacated = stream.events(2)
            assert lost["type"] == "server.lost"
            assert told(vacated) == ("room.vacated", "gone")
            other.client("later")
            assert told(stream.event()) == ("room.occupied", "later")


def test_a_server_that_comes_later_is_listened_to(broker, exchange):
    name = exchange + "later"
    with cluster(broker.url, name, ["aio-pika"]) as (gateway, _), synced(gateway) as stream:
        servers = start_servers(broker.url, name, name + ".fanout", ["kombu"], interval=0.5)
        try:
            up, sync = stream.events(2)
            assert (up["type"], sync["type"], sync["reason"]) == ("server.up", "sync", "server")
            assert sync["server"] == up["server"]
            servers[0].client("there")
            assert told(stream.event()) == ("room.occupied", "there")
        finally:
            servers[0].close()


@pytest.mark.faults
def test_after_a_restart_of_the_broker_the_difference_is_told(own_broker, exchange):
    with cluster(own_broker.url, exchange, MANAGERS) as (gateway, (first, second)):
        leaves = first.client("leaves")
        second.client("stays")
        with synced(gateway, type="room.*") as stream:
            own_broker.stop()
            leaves.close()
            second.client("comes")
            own_broker.start()
            seen = set()
            while not {("room.vacated", "leaves"), ("room.occupied", "comes"), ("sync", None)} <= seen:
                seen.add(told(stream.event()))
            assert ("room.vacated", "stays") not in seen
