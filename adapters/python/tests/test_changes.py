"""What events are made of, without any broker: values, and a server whose clients exist only in its manager."""

import asyncio
import json
import logging

import pytest
import socketio

from socketio_gateway_responder import events as events_module
from socketio_gateway_responder.backlog import Backlog
from socketio_gateway_responder.changes import Changes, Told
from socketio_gateway_responder.events import Events
from socketio_gateway_responder.failures import FailureLog
from socketio_gateway_responder.limiting import AnswerLimit
from socketio_gateway_responder.local import LocalSockets
from socketio_gateway_responder.messages import Reply, Target
from socketio_gateway_responder.observing import observer_of
from socketio_gateway_responder.outgoing import Outgoing
from socketio_gateway_responder.questions.counting import RoomList
from socketio_gateway_responder.questions.fetch import Fetch, fetch
from socketio_gateway_responder.steps import CHUNK, run
from socketio_gateway_responder.wanting import Wanted


def test_two_wishes_each_count_until_their_own_end():
    wanted = Wanted()
    assert not wanted.events(0)
    wanted.hear(5, True, now=0)
    wanted.hear(0.001, False, now=1)  # taken for 100 ms, and less than what is wanted already
    assert wanted.events(14.9) and wanted.members(14.9) and not wanted.events(15)
    wanted.hear(10**9, False, now=10)  # taken for a minute
    assert wanted.events(189.9) and not wanted.members(15) and not wanted.events(190)


def test_what_comes_and_goes_cancels_and_what_is_doubted_is_told():
    changes, there = Changes(["old"]), {"old"}
    for room in ("new", "brief", "old"):
        changes.touch(room)
    there.add("new")
    assert changes.take(there.__contains__) == Told((("+", "new"),))
    changes.touch("old")
    there.discard("old")
    changes.doubt(["new", "never"])
    assert changes.take(there.__contains__).rooms == (("-", "old"), ("+", "new"), ("-", "never"))
    assert changes.count == 0 and not changes.take(there.__contains__)
    assert changes.known() == ["new"]


def test_halves_keep_the_order_of_each_list():
    told = Told(tuple(("+", n) for n in range(5)), (("+", "s"), ("-", "s")), (("+", 1, "s"),))
    first, second = told.halves()
    assert (len(first), len(second)) == (4, 4)
    for name in ("rooms", "sockets", "members"):
        assert getattr(first, name) + getattr(second, name) == getattr(told, name)
    first, second = Told(sockets=(("+", "s"), ("-", "s"))).halves()
    assert first.sockets == (("+", "s"),) and second.sockets == (("-", "s"),)


class Stage:
    """A server without a broker, and what it tells."""

    def __init__(self, limit=10**7):
        self.sio = socketio.Server(async_mode="threading")
        self.wakes = 0
        self.outbox = Backlog(10**9, lambda: None)
        log = FailureLog(logging.getLogger("test"))
        outgoing = Outgoing(AnswerLimit(limit), self.outbox, log)
        self.events = Events(self.sio, LocalSockets(self.sio), outgoing, "exchange", self._wake)
        self.events.set_connected(True)
        self._number = 0

    def _wake(self):
        self.wakes += 1

    def connect(self, *rooms, namespace="/"):
        self._number += 1
        sid = self.sio.manager.pre_connect(f"e{self._number}", namespace)
        self.sio.manager.connect(sid, namespace)
        for room in rooms:
            self.sio.manager.basic_enter_room(sid, namespace, room)
        return sid

    def told(self):
        """The `data` of all messages since last time."""
        self.events.flush()
        bodies = iter(self.outbox.take, None)
        return [json.loads(publication.body)["data"] for publication in bodies]


@pytest.fixture
def stage():
    return Stage()


def test_without_a_wish_nothing_is_kept(stage):
    stage.connect("a")
    assert stage.told() == [] and stage.wakes == 0 and observer_of(stage.sio)._listeners == ()
    stage.events.want(60, True)
    assert stage.told() == [{"seq": 1}]
    assert len(observer_of(stage.sio)._listeners) == 1
    stage.events.set_connected(False)
    assert observer_of(stage.sio)._listeners == ()
    assert stage.events.seq("/") is None


def test_changes_wait_a_moment_but_not_if_there_are_many(stage):
    stage.connect()
    stage.events.want(60, False)
    stage.told()
    assert stage.events.seconds_to_flush() is None
    wakes = stage.wakes
    sid = stage.connect()
    assert 0 < stage.events.seconds_to_flush() <= events_module.GATHERING and stage.wakes == wakes + 1
    for number in range(events_module.MOST_CHANGES - 2):
        stage.sio.manager.basic_enter_room(sid, "/", f"r{number}")
    stage.sio.manager.basic_enter_room(sid, "/", "last")
    assert stage.events.seconds_to_flush() == 0 and stage.wakes == wakes + 2
    (message,) = stage.told()
    assert len(message["rooms"]) == events_module.MOST_CHANGES - 1


def page_of(stage, interrupt, limit=100_000):
    """A page of rooms; `interrupt` is called once while it is made."""
    question = Fetch(
        Target("/"), Reply("queue", "c", "q", "/"), frozenset(), count=True, list=RoomList("", "", limit, False), numbers=True
    )
    steps = fetch("me", question, stage.events._local, None, 10**7, stage.events)
    next(steps)
    next(steps)  # it looks at the names
    interrupt()
    return json.loads(run(steps))["data"]


def test_what_comes_and_goes_while_a_page_is_made_is_told_again(stage):
    stage.events.want(60, False)
    sid = stage.connect(*(f"r{number:04}" for number in range(2 * CHUNK)))
    manager = stage.sio.manager
    manager.basic_enter_room(sid, "/", "brief")

    def leave():
        manager.basic_leave_room(sid, "/", "brief")

    page = page_of(stage, leave)
    assert "brief" not in dict(page["rooms"]) and len(page["rooms"]) == 2 * CHUNK
    messages = [json.loads(publication.body)["data"] for publication in iter(stage.outbox.take, None)]
    assert page["seq"] == messages[-1]["seq"] and ["+", "brief"] in messages[-1]["rooms"]
    manager.basic_enter_room(sid, "/", "brief")
    assert [message["rooms"] for message in stage.told()] == [[["+", "brief"]]]
    # A page that ends before it says nothing of it.
    page = page_of(stage, leave, limit=5)
    assert len(page["rooms"]) == 5
    manager.basic_enter_room(sid, "/", "brief")
    stage.outbox.clear()
    # "brief" comes before the others, so it is where the page would have it.
    assert [message["rooms"] for message in stage.told()] == [[["+", "brief"]]]
    manager.basic_enter_room(sid, "/", "z")
    stage.told()
    page = page_of(stage, lambda: manager.basic_leave_room(sid, "/", "z"), limit=5)
    manager.basic_enter_room(sid, "/", "z")
    stage.outbox.clear()
    assert stage.told() == []


def test_a_client_that_asks_twice_leaves_nothing_behind(stage):
    """python-socketio refuses the second CONNECT of a connection, after it has made an id."""
    stage.events.want(60, True)
    sid = stage.connect("a")
    for _ in range(10):
        assert stage.sio.manager.pre_connect("e1", "/") is None
    assert stage.events._coming == {}
    assert [message.get("sockets") for message in stage.told()] == [None, [["+", sid]]]


def test_one_that_was_coming_when_it_began(stage):
    accepted = stage.sio.manager.pre_connect("x", "/")
    refused = stage.sio.manager.pre_connect("y", "/")
    stage.sio.manager.basic_enter_room(accepted, "/", "a")
    stage.sio.manager.basic_enter_room(refused, "/", "b")
    stage.events.want(60, True)
    assert stage.told() == [{"seq": 1}]
    stage.sio.manager.basic_enter_room(accepted, "/", "c")
    assert stage.told() == []
    stage.sio.manager.connect(accepted, "/")
    stage.sio.manager.disconnect(refused, "/")
    (message,) = stage.told()
    assert message["sockets"] == [["+", accepted]]
    assert [entry for entry in message["rooms"] if entry[1] == "c"] == [["+", "c"]]
    assert message["members"] == [["+", "a", accepted], ["+", "c", accepted]]


def test_an_entry_that_is_too_large_is_left_out_and_a_hole_says_so():
    stage = Stage(limit=1024)
    stage.events.want(60, False)
    stage.connect("a", "\x01" * 255, "b")  # 1,530 bytes of JSON
    messages = stage.told()
    assert sorted(entry[1] for message in messages for entry in message.get("rooms", ())) == ["a", "b"]
    seqs = [message["seq"] for message in messages]
    missing = set(range(1, max(seqs))) - set(seqs)
    assert len(missing) == 1
    assert {"seq": missing.pop() + 1} in messages


def test_a_broker_that_takes_nothing_costs_no_memory(stage, monkeypatch):
    monkeypatch.setattr(events_module, "MOST_WAITING", 2_000)
    stage.events.want(60, True)
    for number in range(50):
        stage.connect(f"r{number}")
        stage.events.flush()
    assert stage.outbox.size < 4_000
    messages = [json.loads(publication.body)["data"] for publication in iter(stage.outbox.take, None)]
    seq = messages[-1]["seq"]
    first, *_ = stage.told()
    assert first.keys() == {"seq"} and first["seq"] > seq + 1


def test_a_disconnect_that_nobody_announced_has_no_reason(stage):
    stage.events.want(60, False)
    sid = stage.connect("a")
    stage.told()
    stage.sio.manager.disconnect(sid, "/")
    stage.sio.manager.disconnect(sid, "/")
    assert stage.told()[0] == {"seq": 3, "rooms": [["-", "a"]], "sockets": [["-", sid]]}


def test_a_name_that_is_new_begins_anew(stage):
    stage.events.want(60, False)
    stage.connect("a")
    assert [message["seq"] for message in stage.told()] == [1, 2]
    stage.events.reset()
    stage.events.want(60, False)
    assert [message["seq"] for message in stage.told()] == [1]


def test_a_namespace_that_was_gone_goes_on_behind_all_numbers(stage):
    stage.events.want(60, False)
    for _ in range(3):
        stage.connect(namespace="/brief")
        stage.told()
    stage.events.have_namespaces([], ["/brief"])
    stage.connect(namespace="/brief")
    assert [message["seq"] for message in stage.told()] == [6, 7]


def test_a_responder_that_comes_again_finds_the_methods_replaced_once():
    async def main():
        sio = socketio.AsyncServer(async_mode="asgi")
        observer = observer_of(sio)
        entering = sio.manager.basic_enter_room
        assert observer_of(sio) is observer and sio.manager.basic_enter_room is entering
        connected = await sio.manager.connect("e", "/")
        assert sio.manager.is_connected(connected, "/")
        with pytest.raises(ValueError):
            sio.manager.basic_enter_room("nobody", "/nowhere", "room")

    asyncio.run(main())
