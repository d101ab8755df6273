"""The live tail: what goes through the gateway, seen as it happens."""

import threading

import pytest

from harness.questions import until

ROWS = ".tail tbody tr"
WATCHING = "document.querySelector('.state.open') !== null"


@pytest.fixture
def tail(page):
    page.go("tail")
    page.wait_for(WATCHING)
    return page


def wait_for_rows(page, *beginnings):
    """By what follows the time."""
    until(lambda: [row.split("\t", 1)[1].startswith(text) for row, text in zip(page.texts(ROWS), beginnings)] == [True] * len(beginnings),
          f"rows {beginnings}")  # fmt: skip


def test_it_says_what_it_does_not_see(tail):
    assert "Not seen are other replicas of it, and what servers emit themselves." in tail.text


def test_what_goes_through_is_there_with_what_became_of_it(tail, gateway, server):
    server.client("seen")
    gateway.emit(event="first", rooms=["seen", "also"], except_=["not"], data=1)
    gateway.post({"event": "second", "rooms": []})
    gateway.batch([{"event": "x", "rooms": ["b"]}, {"event": ""}])
    gateway.post({"in": ["seen"], "rooms": ["more"]}, path="/v1/sockets/join")
    until(lambda: "join\tseen: more" in "\n".join(tail.texts(ROWS)), "the last one has its row")
    rows = "\n".join(tail.texts(ROWS))
    assert "first\tseen, also but not not\tall\t200 confirmed" in rows
    assert "422 invalid_request" in rows
    assert "1 of 2 items, 1 failed" in rows


def test_dry_runs_are_shown_when_asked_for(tail, gateway):
    gateway.emit(event="tried", rooms=["a"], dryRun=True)
    gateway.emit(event="sent", rooms=["a"])
    tail.wait_for_text("sent")
    assert "tried" not in tail.text
    tail.check("Dry runs")
    tail.wait_for_text("tried")


def test_it_is_filtered(tail, gateway):
    tail.add("Rooms", "user:*")
    tail.wait_for(WATCHING)
    gateway.emit(event="other", rooms=["news"])
    gateway.emit(event="wanted", rooms=["user:1"])
    tail.wait_for_text("wanted")
    assert "other" not in "".join(tail.texts(ROWS))


def test_it_goes_on_after_the_same_key_was_given_again(tail, gateway, keys):
    tail.evaluate(f"location.hash = 'key=' + '{keys['all'].key}'")
    tail.go("tail")
    tail.wait_for(WATCHING)
    gateway.emit(event="afterwards", rooms=["a"])
    tail.wait_for_text("afterwards")


def test_payloads_come_on_demand(tail, gateway):
    tail.check("Payloads")
    tail.wait_for(WATCHING)
    gateway.emit(event="with-payload", rooms=["a"], data={"secret": "of the payload"})
    tail.wait_for_text("with-payload")
    assert "of the payload" not in tail.text
    tail.click(f"{ROWS} button")
    tail.wait_for_text("of the payload")


def test_it_can_be_held_and_cleared(tail, gateway):
    tail.press("Pause")
    gateway.emit(event="while-paused", rooms=["a"])
    tail.wait_for_text("1 have come")
    assert tail.texts(ROWS) == []
    tail.press("Pause")
    tail.wait_for_text("while-paused")
    tail.press("Clear")
    tail.wait_until_gone("while-paused")


def test_room_events_come_between(tail, server):
    tail.check("Room events")
    tail.wait_for_text("sync")
    server.client("lively")
    tail.wait_for_text("room.occupied")


def test_a_key_sees_what_it_might_send(pages, gateway):
    page = pages("reader")
    page.open("#tail")
    page.wait_for(WATCHING)
    gateway.emit(event="of-staff", rooms=["staff"])
    gateway.emit(event="of-user", rooms=["user:1"])
    page.wait_for_text("of-user")
    assert "of-staff" not in page.text
    assert "Payloads, up to 2 KiB (needs tail:payload)" in page.text


@pytest.mark.slow
def test_ten_thousand_entries_leave_no_trace(tail, gateway):
    def emit(count):
        for number in range(count):
            gateway.emit(event=f"load{number}", rooms=["a"], data="x" * 100)

    def load(count):
        threads = [threading.Thread(target=emit, args=(count // 4,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    load(2000)
    until(lambda: len(tail.texts(ROWS)) == 500, "as many rows as are kept")
    before = tail.heap()
    load(10_000)
    until(lambda: len(tail.texts(ROWS)) == 500, "as many rows as are kept")
    until(lambda: tail.heap() < before * 1.2, "the heap is what it was")
