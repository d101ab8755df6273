"""Servers whose answers would be too large: lists that they end early, and answers that they do not send."""

from contextlib import ExitStack

import pytest

from harness import Gateway, SimulatedServer, Witness, assert_problem
from harness.questions import all_pages, ask, asked, tally, tell, wait_for_servers

LONG = 60_000


@pytest.fixture(scope="module")
def servers(broker, exchange):
    """Three, with sockets and rooms that take turns in every order of bytes."""
    names = ["a", "B", "é", "ﬀ", "😀", "z", "0"]
    with ExitStack() as stack:
        servers = []
        for index in range(3):
            sockets = [(f"{name}{number:02}", [f"room{name}{number % 7}", "all"])
                       for name in names for number in range(20) if number % 3 == index]
            servers.append(stack.enter_context(SimulatedServer(broker.url, exchange, sockets, clients=2)))
        yield servers


@pytest.fixture(scope="module")
def gateway(broker, exchange, servers):
    with Gateway(broker.url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout") as gateway:
        wait_for_servers(gateway, 3)
        yield gateway


@pytest.fixture(autouse=True)
def usual(servers):
    yield
    for server in servers:
        server.most, server.too_large = None, ()


def in_order(names):
    return sorted(names, key=str.encode)


@pytest.mark.parametrize("limit", [1, 3, 10, 1_000])
@pytest.mark.parametrize("most", [(1, None, None), (2, 3, None), (5, 1, 2), (7, 7, 7)])
def test_lists_that_servers_end_early_are_told_whole_and_once(gateway, servers, most, limit):
    whole = ask(gateway, "/v1/sockets", limit=1_000)["sockets"]
    rooms = ask(gateway, "/v1/rooms", limit=1_000)["rooms"]
    assert len(whole) == 140 and sum(room["sockets"] for room in rooms) == 280
    for server, count in zip(servers, most):
        server.most = count
    pages = all_pages(gateway, "/v1/sockets", "sockets", limit=limit)
    found = [socket for page in pages for socket in page["sockets"]]
    assert found == whole
    assert [socket["id"] for socket in found] == in_order(socket["id"] for socket in whole)
    assert all(tally(page) == (True, 3, 3) for page in pages)
    pages = all_pages(gateway, "/v1/rooms", "rooms", limit=limit)
    assert [room for page in pages for room in page["rooms"]] == rooms
    # Those of a room.
    pages = all_pages(gateway, "/v1/sockets", "sockets", limit=limit, room="roomﬀ3")
    assert [socket["id"] for page in pages for socket in page["sockets"]] == ["ﬀ03", "ﬀ10", "ﬀ17"]


def test_a_server_that_has_more_and_tells_nothing_makes_no_list_endless(gateway, servers):
    servers[0].most = 0
    for path, member in (("/v1/sockets", "sockets"), ("/v1/rooms", "rooms")):
        pages = all_pages(gateway, path, member, limit=1_000)
        assert len(pages) == 1
        assert pages[0]["servers"] == {
            "expected": 3, "responded": 2, "missing": [], "tooLarge": [servers[0].uid]
        }
        assert pages[0]["complete"] is False
    assert len(pages[0]["rooms"]) > 40


def test_who_could_not_send_its_answer_is_named_and_not_waited_for(gateway, servers):
    servers[1].too_large = (3, 4, 5, 6, 7, 9)
    uid = servers[1].uid
    of_servers = {"expected": 3, "responded": 2, "missing": [], "tooLarge": [uid]}
    for path in ("/v1/sockets", "/v1/rooms", "/v1/counts"):
        answer = ask(gateway, path, timeoutMs=LONG)
        assert (answer["complete"], answer["servers"]) == (False, of_servers)
    for path in ("/v1/sockets/nobody", "/v1/sockets/AAAAAAAAAAAAAAAAAAAA"):
        problem = assert_problem(asked(gateway, path, timeoutMs=LONG), 503, "incomplete")
        assert problem["detail"].startswith("1 of 3")
    for path in ("join", "leave"):
        answer = tell(gateway, f"/v1/sockets/{path}", all=True, rooms=["r"], timeoutMs=LONG)
        assert (answer["status"], answer["matched"], answer["servers"]) == ("partial", None, of_servers)
    answer = tell(gateway, "/v1/sockets/disconnect", in_=["nobody"], timeoutMs=LONG)
    assert (answer["status"], answer["servers"]) == ("partial", of_servers)
    answer = tell(gateway, "/v1/servers/emit", event="e", ack={"timeoutMs": LONG})
    assert (answer["complete"], answer["servers"]) == (False, of_servers)
    assert {response["server"] for response in answer["responses"]} == {servers[0].uid, servers[2].uid}


def test_an_acknowledgement_that_was_too_large_leaves_the_others(gateway, servers):
    servers[2].too_large = (3,)
    for server in servers:
        server.asked.clear()
    answer = gateway.emit(event="e", args=["yes"], ack={"timeoutMs": 1_500})
    # Two clients each: one server has not said how many.
    assert answer["acks"] == {"expected": 4, "received": 0, "complete": False, "responses": []}
    assert answer["servers"]["tooLarge"] == [servers[2].uid]
    assert sorted(answer["servers"]["missing"]) == sorted([servers[0].uid, servers[1].uid])


@pytest.mark.parametrize("most", [(1, None, None), (1, 1, 1)])
def test_nobody_who_is_left_out_is_on_a_page_that_ended_early(broker, exchange, gateway, servers, most):
    for server, count in zip(servers, most):
        server.most = count
    with Witness(broker.url, exchange + ".fanout", "fanout") as witness:
        gateway.emit(event="e", **{"except": ["roomz3", "roomﬀ3"]})
        (message,) = witness.take(1)
        skipped = message.json["skip_sid"]
        assert {"z03", "z10", "z17", "ﬀ03", "ﬀ10", "ﬀ17"} <= set(skipped)
        assert len(skipped) == len(set(skipped)) == 8  # and the names


def test_without_the_answer_of_all_nothing_is_sent_past_those_who_are_left_out(gateway, servers):
    servers[1].too_large = (7,)
    problem = assert_problem(gateway.post({"event": "e", "except": ["roomz3"]}), 503, "incomplete")
    assert problem["detail"].startswith("1 of 3")
    servers[1].too_large, servers[1].most = (), 0
    assert_problem(gateway.post({"event": "e", "except": ["roomz3"]}), 503, "incomplete")
