"""Who comes, who goes, which rooms live: what real servers tell by themselves."""

import json
import random
import threading
import time

import pika
import pytest
import socketio

from harness import FakeGateway, PrivateRabbitMQ, Server
from harness.gateway import opts
from harness.view import View

LONG = 60  # seconds between two wishes of a gateway that does not have to say it twice in a test


@pytest.fixture(scope="module")
def telling(broker, manager):
    """A server of each kind, which is asked to tell by each test."""
    with Server(
        broker.url, manager, f"events.{manager}", f"events.channel.{manager}", ["/", "/chat"], interval=0.5
    ) as server:
        with FakeGateway(broker.url, f"events.{manager}") as gateway:
            gateway.wait_for_servers(1)
        yield server


@pytest.fixture
def listening(broker, manager, telling):
    """A gateway that hears all that happens from now on, and what it has heard of "/"."""
    with FakeGateway(broker.url, f"events.{manager}") as gateway:
        gateway.listen_to_events()
        gateway.want(LONG, members=True)
        # Whether or not it told before: a socket that comes is told now.
        view = View()
        client = telling.client()
        view.take(gateway.events(lambda messages: ["+", client.sid] in sockets(messages)))
        client.close()
        view.take(gateway.events(lambda messages: client.sid in [entry[1] for entry in sockets(messages)]))
        view.sockets.clear()
        yield gateway, view
    telling.disconnect_clients()


def sockets(messages, namespace="/"):
    return [entry for m in messages if m["nsp"] == namespace for entry in m["data"].get("sockets", [])]


def until(gateway, view, condition):
    """Takes messages until the condition is true of the view."""
    deadline = time.monotonic() + 30
    while not condition(view):
        assert time.monotonic() < deadline, (view.rooms, view.sockets, view.members)
        view.take(gateway.events_within(0.02))
    return view


def has_gone(sid):
    return lambda view: any(entry[:2] == ("-", sid) for entry in view.sockets)


def test_nothing_is_told_before_somebody_wants_it_and_then_a_first_word_for_each_namespace(broker, manager):
    exchange = f"first.{manager}"
    with Server(broker.url, manager, exchange, namespaces=["/", "/chat"]) as server:
        with FakeGateway(broker.url, exchange) as gateway:
            (heartbeat,) = gateway.wait_for_servers(1)
            gateway.listen_to_events()
            server.client("a")
            assert not gateway.events_within(0.4)
            assert "seq" not in gateway.fetch(count=True, list={}, numbers=True)
            gateway.want(LONG)
            told = gateway.events(lambda messages: len(messages) == 2)
            uid = heartbeat["uid"]
            assert sorted(told, key=lambda message: message["nsp"]) == [
                {"uid": uid, "nsp": name, "type": 20, "data": {"seq": 1}} for name in ("/", "/chat")
            ]
            assert gateway.fetch(count=True, list={}, numbers=True)["seq"] == 1
            gateway.want(LONG)  # again, as it does every few seconds
            assert not gateway.events_within(0.4)
            assert server.log() == ""


def test_a_client_comes_into_rooms_and_goes(telling, listening):
    gateway, view = listening
    client = telling.client("a", "b")
    until(gateway, view, lambda view: view.sockets)
    assert view.sockets == [("+", client.sid)]
    assert view.names == {"a", "b"}
    assert view.members == [("+", "a", client.sid), ("+", "b", client.sid)]
    client.call("do", "enter", "c", "a")
    client.call("do", "leave", "b", "nowhere")
    until(gateway, view, lambda view: view.names == {"a", "c"})
    assert view.members[2:] == [("+", "c", client.sid), ("-", "b", client.sid)]
    client.leave_namespace()
    until(gateway, view, lambda view: not view.names)
    assert view.sockets == [("+", client.sid), ("-", client.sid, "client disconnect")]
    assert sorted(view.members[4:]) == [("-", "a", client.sid), ("-", "c", client.sid)]
    assert view.holes == 0


def test_a_room_lives_as_long_as_somebody_is_in_it(telling, listening):
    gateway, view = listening
    first, second = telling.client("a"), telling.client("a")
    until(gateway, view, lambda view: len(view.sockets) == 2)
    first.call("do", "leave", "a")
    until(gateway, view, lambda view: ("-", "a", first.sid) in view.members)
    assert view.names == {"a"}
    second.call("do", "close room", "a")
    until(gateway, view, lambda view: not view.rooms)
    assert view.members[-1] == ("-", "a", second.sid)


def test_the_gateway_and_other_servers_change_rooms(broker, manager, telling, listening):
    gateway, view = listening
    client = telling.client()
    gateway.ask_one(4, {"opts": opts(client.sid), "rooms": ["by gateway", 7]})
    until(gateway, view, lambda view: view.names == {"by gateway", 7})
    with Server(broker.url, manager, "elsewhere", f"events.channel.{manager}", ["/"]) as other:
        other_client = other.client()
        until_joined(other_client, client, gateway, view)
    gateway.ask_one(6, {"opts": opts(client.sid), "close": False})
    until(gateway, view, has_gone(client.sid))
    assert view.sockets[-1] == ("-", client.sid, "server disconnect") and view.names == set()
    assert other_client.sid not in json.dumps(view.sockets)


def until_joined(other_client, client, gateway, view):
    """The other server sends it through the library's own exchange, once it has subscribed to it."""
    deadline = time.monotonic() + 30
    while "by server" not in view.names:
        assert time.monotonic() < deadline
        other_client.call("do", "enter for", client.sid, "by server")
        view.take(gateway.events_within(0.3))


def test_a_refused_client_is_never_told(telling, listening):
    gateway, view = listening
    with pytest.raises(socketio.exceptions.ConnectionError):
        telling.client("refused", "a", refused=True)
    client = telling.client("b")
    until(gateway, view, lambda view: view.sockets)
    assert view.sockets == [("+", client.sid)] and view.names == {"b"} and len(view.members) == 1


def test_with_always_connect_a_client_comes_once_and_goes_when_it_is_refused(broker, manager):
    exchange = f"always.{manager}"
    with Server(broker.url, manager, exchange, server_options={"always_connect": True}) as server:
        with FakeGateway(broker.url, exchange) as gateway:
            gateway.wait_for_servers(1)
            gateway.listen_to_events()
            gateway.want(LONG, members=True)
            view = until(gateway, View(), lambda view: view.seq == 1)
            client = server.client("a")
            until(gateway, view, lambda view: view.names == {"a"})
            assert view.sockets == [("+", client.sid)] and view.members == [("+", "a", client.sid)]
            # The client's library may not notice: it drops what comes before its `connect` returns.
            server.client("b", refused=True)
            until(gateway, view, lambda view: len(view.sockets) == 3 and view.names == {"a"})
            (came, sid), gone = view.sockets[1:]
            assert came == "+" and gone == ("-", sid)


def test_namespaces_have_numbers_of_their_own(telling, listening):
    gateway, view = listening
    chat = View("/chat")
    seq = view.seq
    client = telling.client("a", namespace="/chat")
    deadline = time.monotonic() + 30
    while not chat.names:
        assert time.monotonic() < deadline
        messages = gateway.events_within(0.05)
        view.take(messages), chat.take(messages)
    assert chat.sockets == [("+", client.sid)] and chat.names == {"a"}
    assert view.seq == seq and not view.sockets


def test_a_namespace_of_clients_alone_is_told_when_the_first_comes(broker, manager):
    exchange = f"late.{manager}"
    with Server(broker.url, manager, exchange, namespaces="*") as server, FakeGateway(broker.url, exchange) as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(LONG)
        gateway.presence_within(0.3)
        view = View("/late")
        client = server.client(namespace="/late")
        until(gateway, view, lambda view: view.sockets)
        assert view.sockets == [("+", client.sid)] and view.holes == 0
        gateway.presence(lambda message: "/late" in message.get("namespaces", ()))
        assert gateway.fetch("/late", count=True, list={}, numbers=True)["seq"] == view.seq


def test_members_are_told_in_order_and_only_what_has_changed(telling, listening):
    gateway, view = listening
    client = telling.client("stays")
    client.call("do", "churn", "brief", "stays")
    client.call("do", "enter", "marker", "stays")
    until(gateway, view, lambda view: view.names == {"stays", "marker"})
    assert [entry[:2] for entry in view.members] == [
        ("+", "stays"), ("+", "brief"), ("-", "brief"), ("-", "stays"), ("+", "stays"), ("+", "marker"),
    ]  # fmt: skip


def test_names_that_are_hostile_or_numbers(telling, listening):
    gateway, view = listening
    client = telling.client()
    client.call("do", "enter hostile")
    expected = {(str, "half \ufffd"), (str, "nul \ufffd"), (str, "\u00e4" * 127), (int, 42), (str, "42")}
    until(gateway, view, lambda view: view.rooms == expected)
    assert sorted(entry[1] for entry in view.members if isinstance(entry[1], str) and "half" in entry[1]) == [
        "half \ufffd", "half \ufffd",
    ]  # fmt: skip
    client.call("do", "leave hostile", 3)
    until(gateway, view, lambda view: view.members[-1][:2] == ("-", "half \ufffd"))
    assert view.rooms == expected, "the other room of this name is still there"
    client.call("do", "leave hostile", 4)
    until(gateway, view, lambda view: (str, "half \ufffd") not in view.rooms)


def test_a_client_that_emits_disconnect_stays(telling, listening):
    gateway, view = listening
    client = telling.client("a")
    client.send("disconnect", "a reason", "another")
    client.call("do", "enter", "b")
    until(gateway, view, lambda view: view.names == {"a", "b"})
    assert view.sockets == [("+", client.sid)]


def test_a_socket_whose_disconnect_handler_raises_has_gone_with_its_rooms(telling, listening):
    gateway, view = listening
    client = telling.client("a", breaks=True)
    until(gateway, view, lambda view: view.names)
    client.close()
    until(gateway, view, lambda view: not view.names and has_gone(client.sid)(view))
    assert [entry[0] for entry in view.sockets] == ["+", "-"]
    assert gateway.fetch(count=True, list={}, numbers=True)["rooms"] == []
    telling.log_with("as it should")


def test_the_reason_of_a_broken_line(broker):
    """Only asyncio's servers here hear of it at once: the other one polls."""
    with Server(broker.url, "aio-pika", "broken") as server, FakeGateway(broker.url, "broken") as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(LONG)
        view = until(gateway, View(), lambda view: view.seq)
        client = server.client(transports=["websocket"])
        sid = client.sid
        until(gateway, view, lambda view: view.sockets)
        client.break_line()
        until(gateway, view, has_gone(sid))
        assert view.sockets[-1] in [("-", sid, "transport close"), ("-", sid, "transport error")]


def test_many_changes_come_in_messages_that_are_not_too_large(telling, listening):
    gateway, view = listening
    client = telling.client()
    client.call("do", "enter many", 6000, 200)
    until(gateway, view, lambda view: len(view.rooms) == len(view.members) == 6000)
    client.close()
    until(gateway, view, lambda view: not view.rooms and len(view.members) == 12000)
    assert view.holes == 0


class Wanderer(threading.Thread):
    """A client that joins and leaves rooms at random, and knows where it is."""

    def __init__(self, client, seed):
        super().__init__(daemon=True)
        self._client = client
        self._chance = random.Random(seed)
        self.rooms = set()

    def run(self):
        for _ in range(30):
            what, room = self._chance.choice(["enter", "leave", "churn"]), f"r{self._chance.randrange(20):02}"
            self._client.call("do", what, room)
            if what == "enter":
                self.rooms.add(room)
            else:  # also who has only come and gone
                self.rooms.discard(room)


def read_pages(gateway, key):
    """All pages of the rooms that begin with r, each with its number and its ends."""
    parts, after, last = [], "", ""
    while last is not None:
        wanted = {"prefix": "r", "after": after, "limit": 4, "private": False}
        question = {"opts": opts(), "count": True, "numbers": True, "list": wanted}
        ((_, data),) = gateway.answers(gateway.question(7, question, key=key), 1)
        page = [name for name, _ in data["rooms"]]
        last = page[-1] if len(page) == 4 else None
        parts.append((set(page), data["seq"], after, last))
        after = last
    return parts


def with_what_was_told_since(parts, messages):
    rooms = set()
    for page, seq, start, end in parts:
        names = set(page)
        for message in messages:
            for sign, name in message["data"].get("rooms", []) if message["data"]["seq"] > seq else ():
                if name.startswith("r") and start < name and (end is None or name <= end):
                    (names.add if sign == "+" else names.discard)(name)
        rooms |= names
    return rooms


def test_pages_and_what_is_told_after_them_are_the_truth(telling, listening):
    """Clients join and leave at random while pages of few rooms are read, again and again."""
    gateway, view = listening
    (heartbeat,) = gateway.wait_for_servers(1)
    clients = [telling.client() for _ in range(3)]
    passes, told = [], []
    wanderers = [Wanderer(client, seed) for seed, client in enumerate(clients)]
    for wanderer in wanderers:
        wanderer.start()
    while not passes or any(wanderer.is_alive() for wanderer in wanderers):
        passes.append(read_pages(gateway, heartbeat["probe"]))
    clients[0].call("do", "enter", "the end")
    while "the end" not in view.names:
        told += (messages := gateway.events(lambda messages: True))
        view.take(messages)
    truth = set().union(*(wanderer.rooms for wanderer in wanderers))
    assert view.names - {"the end"} == truth
    for parts in passes:
        assert with_what_was_told_since(parts, told) == truth
    assert view.holes == 0 and len(passes) > 1


def test_only_the_server_that_is_meant_answers_on_its_own_key(broker, manager):
    exchange = f"pair.events.{manager}"
    with Server(broker.url, manager, exchange) as first, Server(broker.url, manager, exchange) as second:
        with FakeGateway(broker.url, exchange) as gateway:
            heartbeats = gateway.wait_for_servers(2)
            sids = {first.client("a").sid, second.client("a").sid}
            gateway.want(LONG)
            gateway.listen_to_events()
            found = set()
            for heartbeat in heartbeats:
                request = gateway.question(7, {"opts": opts(), "numbers": True}, key=heartbeat["probe"])
                (answer,) = gateway.answers_within(request, 0.3)
                found |= {socket["id"] for socket in answer[1]["sockets"]}
                # Anything else does nothing there, and says nothing.
                gateway.tell(6, {"opts": opts(), "close": True}, key=heartbeat["probe"])
                assert len(answer[1]["sockets"]) == 1
            assert found == sids
            assert [data["count"] for _, data in gateway.ask(7, {"opts": opts(), "count": True}, count=2)] == [1, 1]
            assert first.log() == second.log() == ""


def test_two_gateways_that_want_and_wants_that_end(broker, manager):
    exchange = f"wants.{manager}"
    with Server(broker.url, manager, exchange) as server, FakeGateway(broker.url, exchange) as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(1.2, members=True)  # until 3.6 s from now
        started = time.monotonic()
        gateway.want(0.1)  # of another gateway, which wants less and for a shorter time: it costs the first one nothing
        view = until(gateway, View(), lambda view: view.seq)
        while time.monotonic() - started < 1.5:
            view.take(gateway.events_within(0.1))
        client = server.client("a")
        until(gateway, view, lambda view: view.members)
        gateway.want(60)  # from now on somebody wants events, but nobody members
        while time.monotonic() - started < 5.5:
            view.take(gateway.events_within(0.1))
        client.call("do", "enter", "b")
        until(gateway, view, lambda view: view.names == {"a", "b"})
        assert view.members == [("+", "a", client.sid)] and view.holes == 0


def test_when_nobody_wants_any_more_nothing_is_told_and_a_hole_tells_it_later(broker, manager):
    exchange = f"ends.{manager}"
    with Server(broker.url, manager, exchange, interval=0.3) as server, FakeGateway(broker.url, exchange) as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(0.01)  # taken for 100 ms
        view = until(gateway, View(), lambda view: view.seq)
        client = server.client("a")
        deadline = time.monotonic() + 30
        while "seq" in gateway.fetch(count=True, list={}, numbers=True):
            assert time.monotonic() < deadline
        view.take(gateway.events_within(0))
        seq = view.seq
        client.call("do", "enter", "b")
        assert not gateway.events_within(0.5)
        gateway.want(10**9)  # taken for a minute
        until(gateway, view, lambda view: view.seq == seq + 2)
        assert view.holes == 1
        client.call("do", "leave", "b")
        until(gateway, view, lambda view: view.seq == seq + 3)
        assert "b" not in view.names


@pytest.mark.parametrize(
    "data", [{}, {"intervalMs": "5"}, {"intervalMs": True}, {"intervalMs": None}, {"intervalMs": 5, "members": 1}, []]
)
def test_wishes_that_are_none(server, gateway, data):
    gateway.listen_to_events()
    gateway.publish("#events-wanted", json.dumps({"uid": "emitter", "type": 21, "data": data}).encode())
    gateway.publish("#events-wanted", b'{"uid":"somebody","type":21,"data":{"intervalMs":1000}}')
    server.log_with("a bad message was ignored")
    assert not gateway.events_within(0.2)
    assert gateway.fetch(count=True)["count"] == 0


def test_a_connection_that_was_lost_leaves_a_hole_which_is_said_at_once(broker, manager):
    exchange, user = f"lost.{manager}", f"lost-{manager}"
    broker.ctl("add_user", user, "secret")
    broker.ctl("set_permissions", user, ".*", ".*", ".*")
    url = broker.url.replace("guest:guest", f"{user}:secret")
    with Server(broker.url, manager, exchange, url=url) as server, FakeGateway(broker.url, exchange) as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(LONG)
        view = until(gateway, View(), lambda view: view.seq)
        client = server.client("a")
        until(gateway, view, lambda view: view.names)
        broker.ctl("close_all_user_connections", user, "as it should")
        client.call("do", "enter", "b")
        until(gateway, view, lambda view: view.holes)
        answer = gateway.fetch(count=True, list={}, numbers=True)
        assert (answer["seq"], answer["rooms"]) == (view.seq, [["a", 1], ["b", 1]])


def test_a_broker_that_was_away_leaves_a_hole(manager):
    with PrivateRabbitMQ() as broker, Server(broker.url, manager, "hole", interval=0.5) as server:
        with FakeGateway(broker.url, "hole") as gateway:
            (heartbeat,) = gateway.wait_for_servers(1)
            gateway.listen_to_events()
            gateway.want(LONG)
            view = until(gateway, View(), lambda view: view.seq)
            client = server.client("a")
            until(gateway, view, lambda view: view.names)
            seq = view.seq
            broker.kill()
        client.call("do", "leave", "a")
        client.call("do", "enter", "b")
        broker.start()
        with FakeGateway(broker.url, "hole") as gateway:
            gateway.listen_to_events()
            # Nobody says again that it wants: the minute is not over. A gateway that was late hears it with the next list.
            gateway.wait_for_servers(1)
            deadline = time.monotonic() + 30
            while (answer := gateway.fetch(count=True, list={}, numbers=True)).get("seq", 0) < seq + 2:
                assert time.monotonic() < deadline, answer
            assert (answer["seq"], answer["rooms"]) == (seq + 2, [["b", 1]])
            assert gateway.wait_for_servers(1)[0]["uid"] == heartbeat["uid"]


def test_the_goodbye_comes_after_the_last_message(broker, manager):
    exchange = f"goodbye.events.{manager}"
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.exchange_declare(exchange, exchange_type="direct", durable=False, auto_delete=False)
    queue = channel.queue_declare("", exclusive=True).method.queue
    for key in ("#events", "#presence"):
        channel.queue_bind(queue, exchange, key)
    with Server(broker.url, manager, exchange) as server, FakeGateway(broker.url, exchange) as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(LONG)
        gateway.events(lambda messages: messages)
        client = server.client()
        client.call("do", "enter many", 3000, 200)  # more than a few hundred KB
        client.call("do", "enter", "right before it ends")
        assert server.stop() == 0
        messages, deadline = [], time.monotonic() + 30
        while not messages or messages[-1]["type"] != 13:
            assert time.monotonic() < deadline
            _, _, body = channel.basic_get(queue, auto_ack=True)
            if body is not None:
                messages.append(json.loads(body))
        view = View().take(message for message in messages if message["type"] == 20)
        assert len(view.names) == 3001
    connection.close()


def test_a_message_that_the_broker_does_not_take_leaves_a_hole(manager):
    limit = 40_000
    with PrivateRabbitMQ(settings=(f"max_message_size = {limit}",)) as broker, Server(
        broker.url, manager, "small", interval=0.5
    ) as server, FakeGateway(broker.url, "small") as gateway:
        gateway.wait_for_servers(1)
        gateway.listen_to_events()
        gateway.want(LONG)
        view = until(gateway, View(), lambda view: view.seq)
        client = server.client()
        client.call("do", "enter many", 400, 200)
        until(gateway, view, lambda view: view.holes)
        listed, after = set(), ""
        while True:
            answer = gateway.fetch(count=True, list={"after": after, "limit": 100}, numbers=True)
            listed |= {name for name, _ in answer["rooms"]}
            if len(answer["rooms"]) < 100 and "more" not in answer:
                break
            after = answer["rooms"][-1][0]
        assert len(listed) == 400
        client.call("do", "enter many", 800, 200)  # it has learned what is taken
        until(gateway, view, lambda view: len(view.names) >= 400)
        assert view.holes == 1
