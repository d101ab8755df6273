"""The key of the console: where it comes from, where it is kept, and what the views say of what it may not do."""

import json

import pytest

from harness import ConsolePage, Gateway


@pytest.fixture
def visitor(gateway, tmp_path):
    """A page without a key."""
    with ConsolePage(gateway.origin, tmp_path) as page:
        yield page


def test_it_is_asked_for_and_one_that_is_wrong_is_asked_for_again(visitor, keys):
    assert visitor.texts("h1") == ["A key, please"]
    assert visitor.focused() == "Key"
    visitor.call("Input.insertText", text="wrong")
    visitor.key("Enter")
    visitor.wait_for("document.querySelector('#Key[aria-invalid]') !== null")
    visitor.fill("Key", keys["metrics"].key)
    visitor.key("Enter")
    visitor.wait_for_text("key metrics")
    visitor.assert_untroubled("401")


def test_it_is_taken_out_of_the_address_and_out_of_the_history(visitor, keys):
    visitor.open("#key=" + keys["all"].key)
    visitor.wait_for_text("key all")
    assert visitor.evaluate("location.href") == f"{visitor.origin}/console/"
    entries = visitor.call("Page.getNavigationHistory")["entries"]
    assert not any(keys["all"].key in entry["url"] for entry in entries)
    assert visitor.evaluate("document.cookie") == "" and visitor.evaluate("localStorage.length") == 0
    # Until the tab is closed it need not come again.
    visitor.open("#rooms")
    visitor.wait_for_text("key all")


def test_another_takes_its_place(visitor, keys):
    visitor.open("#key=" + keys["all"].key)
    visitor.wait_for_text("key all")
    visitor.evaluate(f"location.hash = 'key=' + {json.dumps(keys['metrics'].key)}")
    visitor.wait_for_text("key metrics")
    visitor.click(".whose button")
    visitor.press("Forget the key")
    visitor.wait_for("document.querySelector('main h1').innerText === 'A key, please'")
    assert visitor.evaluate("sessionStorage.getItem('console.key')") is None


@pytest.mark.parametrize(
    "view, needs",
    [
        ("overview", ["servers:read"]),
        ("rooms", ["rooms:read"]),
        ("send", ["emit"]),
        ("tail", ["tail"]),
        ("configuration", ["config:read"]),
    ],
)
def test_each_view_says_which_scope_it_needs(pages, view, needs):
    page = pages("metrics")
    page.go(view)
    page.wait_for("document.querySelector('.notice code') !== null")
    assert page.texts(".notice code") == needs
    assert "The key metrics has metrics." in page.text


def test_what_may_be_done_to_sockets_is_said(pages):
    page = pages("reader")
    page.open("#rooms?namespace=%2F&room=news")
    page.wait_for_text("Joining and leaving needs rooms:write")
    page.wait_for_text("Disconnecting needs sockets:disconnect")
    assert page.evaluate("document.querySelector('input[type=search]').value") == "user:"
    assert "This key may name user:*, news." in page.text


def test_a_room_beyond_the_key_is_said(pages):
    page = pages("reader")
    page.open("#rooms?namespace=%2F&room=staff")
    page.wait_for_text("beyond_reach")


def test_where_none_is_needed_none_is_asked_for(broker, tmp_path):
    with Gateway(broker.url, console="true") as gateway:
        with ConsolePage("http://%s:%d" % gateway.address, tmp_path) as page:
            page.wait_for_text("no key needed")
            page.go("configuration")
            page.wait_for_text("Everybody may do everything")
            page.assert_untroubled()
