"""Overview and Configuration: what the gateway is, who is there, and how much goes through it."""

import itertools

import pytest

from harness import VERSION, ConsolePage, Gateway, PrivateRabbitMQ
from harness.questions import known_servers


def test_it_says_what_runs_and_who_is_there(page, gateway):
    page.wait_for_text("Ready to deliver by RabbitMQ at")
    page.wait_for_text("2 loops ready")
    facts = dict(zip(page.texts(".facts dt"), page.texts(".facts dd")))
    assert (facts["Version"], facts["Wire format"]) == (VERSION, "python-socketio")
    [uid] = known_servers(gateway)
    page.wait_for_text(uid)
    assert page.texts("tbody .chip") == ["/", "/chat"]


def test_rates_are_drawn(page, gateway):
    page.wait_for("document.querySelectorAll('polyline').length === 5")
    for _ in range(20):
        gateway.emit(event="counted", rooms=["a"])
    page.wait_for("document.querySelectorAll('polyline')[1].points.length >= 3", timeout=30)
    assert "Published" in page.text and "20 in all" not in page.texts("h2")


def test_that_it_cannot_deliver_is_said_with_why(tmp_path):
    with PrivateRabbitMQ() as broker, Gateway(broker.url, console="true") as gateway:
        with ConsolePage("http://%s:%d" % gateway.address, tmp_path) as page:
            page.wait_for_text("Ready to deliver")
            broker.stop()
            page.wait_for_text("broker_unavailable", timeout=30)
            page.wait_for_text("disconnected")
            page.assert_untroubled("503")


def test_the_configuration_has_no_secret(page, keys):
    page.go("configuration")
    page.wait_for_text("pythonSocketio.exchange")
    assert "This key: all" in page.text
    assert {"all", "sender", "reader", "metrics"} <= {row.split("\t")[0] for row in page.texts("tbody tr")}
    shown = page.evaluate("document.documentElement.outerHTML")
    assert not any(text in shown for key in keys.values() for text in (key.key, key.sha256))
    assert "limits.maxNames" not in page.text
    page.check("Defaults, too")
    page.wait_for_text("limits.maxNames")


def test_nothing_is_asked_while_the_page_is_hidden(page, gateway):
    page.wait_for_text("Ready to deliver")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true}); document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
    before = page.evaluate("performance.getEntriesByType('resource').length")
    page.wait_for(f"performance.now() > {page.evaluate('performance.now()')} + 7000")
    assert page.evaluate("performance.getEntriesByType('resource').length") == before


@pytest.mark.slow
def test_the_servers_are_asked_once_in_five_seconds(page, server):
    server.client("asked")
    page.go("rooms")
    page.wait_for_text("asked")
    page.go("send")
    for number in range(12):
        page.fill("Event", f"event{number}")
        page.wait_for(f"performance.now() > {page.evaluate('performance.now()')} + 1000")
    page.go("rooms")
    page.wait_for(f"performance.now() > {page.evaluate('performance.now()')} + 11000")
    asked = page.evaluate("""performance.getEntriesByType("resource")
        .filter(({ name }) => /v1.(counts|emit)$/.test(name)).map((one) => one.startTime)""")
    assert len(asked) >= 4
    assert all(later - earlier > 4900 for earlier, later in itertools.pairwise(asked))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("view", ["overview", "rooms", "send", "tail", "configuration"])
def test_no_view_is_wider_than_the_window(page, width, view):
    page.size(width)
    try:
        page.go(view)
        page.wait_for("document.querySelector('main h1') !== null")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.size(1280)
