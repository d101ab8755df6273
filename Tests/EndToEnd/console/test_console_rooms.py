"""Rooms and sockets: seen, moved, disconnected; and names of all kinds."""

import json

import pytest

from harness import ClusterServer, ConsolePage, Gateway, SimulatedServer
from harness.questions import until

ROWS = ".rooms tbody tr"
SOCKETS = ".split > :last-child tbody tr"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "عربى",
    "a\nb\tc\0",
    "${html}",
    "#key=stolen",
    "&amp;?&=%2F/../",
    "é" * 127,
    "__proto__",
]


@pytest.fixture
def rooms(page):
    page.go("rooms")
    return page


def wait_for_row(page, selector, text):
    page.wait_for(f"[...document.querySelectorAll({json.dumps(selector)})].some((one) => one.innerText.includes({json.dumps(text)}))")


def test_a_room_is_found_and_who_is_in_it(rooms, server):
    first, _ = server.client("news", "user:1"), server.client("news")
    rooms.press("Refresh")
    wait_for_row(rooms, ROWS, "news\t2")
    wait_for_row(rooms, ROWS, "Every socket\t2")
    rooms.fill("Namespace", "/")
    rooms.press("news")
    rooms.wait_for(f"document.querySelectorAll({json.dumps(SOCKETS)}).length === 2")
    assert any(f"{first.sid}\tnews, user:1" in row or f"{first.sid}\tuser:1, news" in row for row in rooms.texts(SOCKETS))
    rooms.press(first.sid)
    rooms.wait_for_text("Send to this socket")
    assert rooms.texts(".pairs dt") == ["Server", "Rooms", "Data"]


def test_counts_are_renewed(rooms, server):
    server.client("counted")
    rooms.press("Refresh")
    wait_for_row(rooms, ROWS, "counted\t1")
    server.client("counted")
    wait_for_row(rooms, ROWS, "counted\t2")


def test_a_socket_is_found_by_its_id_and_moved(rooms, server, gateway):
    client = server.client("a")
    rooms.fill("Socket by its id", client.sid)
    rooms.key("Enter")
    rooms.wait_for_text("Send to this socket")
    rooms.add("Rooms to join or leave", "b", "c")
    rooms.press("Join")
    rooms.wait_for_text("Done: 1 socket.")
    rooms.wait_for("document.querySelectorAll('.pairs a.chip').length === 3")
    rooms.add("Rooms to join or leave", "a")
    rooms.press("Leave")
    # a, b and c are named
    rooms.wait_for("document.querySelectorAll('.pairs a.chip').length === 0")
    assert gateway.get(f"/v1/sockets/{client.sid}").json["rooms"] == [client.sid]


def test_disconnecting_is_asked_twice_and_is_done_by_keyboard(rooms, server):
    client = server.client("kicked")
    rooms.open(f"#rooms?namespace=%2F&socket={client.sid}")
    rooms.wait_for_text("Disconnect this socket")
    rooms.evaluate("document.querySelector('.danger').focus()")
    rooms.key("Enter")
    until(lambda: rooms.focused() == "Cancel", "the focus is on Cancel")
    rooms.key("Enter")
    until(lambda: rooms.focused() == "Disconnect this socket", "the focus is back")
    rooms.key("Enter")
    until(lambda: rooms.focused() == "Cancel", "it asks again")
    rooms.key("Escape")
    until(lambda: rooms.focused() == "Disconnect this socket", "the focus is back")
    assert not client.disconnected.is_set()
    rooms.key("Enter")
    until(lambda: rooms.focused() == "Cancel", "it asks again")
    rooms.key("Tab", modifiers=8)
    assert rooms.focused() == "Disconnect"
    rooms.key("Enter")
    rooms.wait_for_text("Done: 1 socket.")
    assert client.disconnected.wait(10)


def test_all_in_a_room_are_disconnected(rooms, server):
    inside, outside = server.client("left"), server.client("stays")
    rooms.open("#rooms?namespace=%2F&room=left")
    rooms.press("Disconnect all in this room")
    rooms.press("Disconnect")
    rooms.wait_for_text("Done: 1 socket.")
    assert inside.disconnected.wait(10) and not outside.disconnected.is_set()
    rooms.wait_for_text("Nobody is in it.")


def test_another_namespace_has_rooms_of_its_own_and_one_that_no_server_has_is_said(rooms, server):
    server.client("in-chat", namespace="/chat")
    rooms.fill("Namespace", "/chat")
    rooms.key("Enter")
    wait_for_row(rooms, ROWS, "in-chat\t1")
    rooms.fill("Namespace", "/nowhere")
    rooms.key("Enter")
    rooms.wait_for_text("No server has this namespace.")
    rooms.press("/")
    rooms.wait_until_gone("No server has this namespace.")


def test_a_room_is_named_in_the_address(rooms, server):
    server.client("linked")
    rooms.open("#rooms?namespace=%2F&room=linked")
    rooms.wait_for(f"document.querySelectorAll({json.dumps(SOCKETS)}).length === 1")
    rooms.press("Send to this room")
    rooms.wait_for("document.querySelector('.names .name')?.innerText === 'linked'")


# Names, and many of them


@pytest.fixture(scope="module")
def simulated(broker, exchange, tmp_path_factory):
    """A console with 100,000 sockets in 10,000 rooms, and a few with hostile names."""
    name = exchange + ".simulated"
    sockets = [(f"socket{number:06}", [f"room{number % 10_000:05}"]) for number in range(100_000)]
    sockets += [(f"<b>hostile{number}</b>", [room]) for number, room in enumerate(HOSTILE)]
    with (
        SimulatedServer(broker.url, name, sockets),
        Gateway(broker.url, console="true", wire_format="cluster", cluster_exchange=name) as gateway,
    ):
        until(lambda: gateway.get("/v1/counts").status == 200, "the server answers")
        with ConsolePage("http://%s:%d" % gateway.address, tmp_path_factory.mktemp("browser")) as page:
            yield page


def test_hostile_names_are_text(simulated):
    simulated.open("#rooms")
    simulated.wait_for(f"document.querySelectorAll({json.dumps(ROWS)}).length > 10")
    for name in HOSTILE:
        simulated.evaluate(f"location.hash = 'rooms?' + new URLSearchParams({{namespace: '/', room: {json.dumps(name)}}})")
        simulated.wait_for(f"document.querySelectorAll({json.dumps(SOCKETS)}).length === 1 && location.hash !== ''")
        shown = simulated.evaluate("document.querySelector('.split > :last-child h2 bdi').textContent")
        assert shown == "".join(f"⟨U+{ord(c):04X}⟩" if c in "\u202e\n\t\0" else c for c in name)
        assert simulated.texts(SOCKETS)[0].startswith("<b>hostile")
        simulated.evaluate("document.querySelector('.split > :last-child a.button').click()")
        simulated.wait_for("document.querySelector('.names .name') !== null")
        assert simulated.evaluate("document.querySelector('.names .name').textContent") == shown
    assert simulated.evaluate("document.querySelectorAll('main script, main img, main b b').length") == 0
    simulated.assert_untroubled()


def test_many_rooms_and_sockets_come_in_pages_without_a_stall(simulated):
    simulated.open("#rooms")
    simulated.fill("Namespace", "/")
    simulated.evaluate("document.querySelector('input[type=search]').focus()")
    simulated.call("Input.insertText", text="room")
    wait_for_row(simulated, ROWS, "room00000\t10")
    assert len(simulated.texts(ROWS)) == 51
    simulated.press("Next →")
    wait_for_row(simulated, ROWS, "room00050\t10")
    simulated.press("← Previous")
    wait_for_row(simulated, ROWS, "room00000\t10")
    simulated.press("Every socket")
    simulated.wait_for(f"document.querySelectorAll({json.dumps(SOCKETS)}).length === 50")
    assert max(simulated.evaluate("stalls"), default=0) < 500  # milliseconds
    simulated.assert_untroubled()


def test_a_server_that_says_nothing_is_named(broker, exchange, tmp_path):
    name = exchange + ".silent"
    with (
        ClusterServer(broker.url, {"one": {"orders"}}, exchange=name),
        ClusterServer(broker.url, {"two": {"orders"}}, exchange=name, silent=True) as silent,
        Gateway(
            broker.url, console="true", wire_format="cluster", cluster_exchange=name, requests_timeout="1s"
        ) as gateway,
    ):
        until(lambda: len(gateway.get("/v1/servers").json.get("servers", [])) == 2, "both servers are known")
        with ConsolePage("http://%s:%d" % gateway.address, tmp_path) as page:
            page.go("rooms")
            wait_for_row(page, ROWS, "orders\t1")
            page.wait_for_text("Not complete: 1 of 2 servers answered.")
            page.wait_for_text(silent.uid)
            page.assert_untroubled()
