"""Send: what it would reach, what became of it, and the same call elsewhere."""

import json
import os
import shutil
import subprocess

import pytest

from harness import ConsolePage, Gateway

CODE = ".split > :last-child pre"
# Fields of one line have no line feed.
EVENT = """It's "quoted", $HOME `id` \\n\\\\ \u202e\u00e9\U0001f600 </script>"""
HOSTILE = """It's "quoted", $HOME `id` \\n\\\\ \n \u202e\u00e9\U0001f600 </script>"""


@pytest.fixture
def form(page):
    page.go("send")
    page.wait_until_gone("Asking")
    return page


def test_an_event_arrives_and_is_seen_in_the_tail(form, server):
    client = server.client("orders")
    form.fill("Event", "order.paid")
    form.fill("Arguments", '{"id": 42}, "again"')
    form.add("Rooms", "orders")
    form.wait_for_text("1 socket in 1 server would get it.")
    form.press("Send")
    form.wait_for_text("Sent, for 1 socket.")
    assert client.next() == ("order.paid", {"id": 42}, "again")
    form.press("In the tail")
    form.wait_for("document.querySelector('.tail tbody tr') !== null")
    assert "order.paid\torders\tall\t200 confirmed" in form.texts(".tail tbody tr")[0]


def test_everyone_is_a_bar_in_red(form, server):
    client = server.client()
    assert form.texts(".everyone") == ["Everyone in / would be reached."]
    form.press("Send to everyone")
    form.press("Yes, to everyone")
    form.wait_for_text("Sent, for 1 socket.")
    assert client.next()[0] == "hello"
    assert "Yes, to everyone" not in form.text
    form.add("Rooms", "a")
    form.wait_for("document.querySelector('.everyone') === null")
    assert form.texts("form button")[-1] == "Send"


def test_rooms_that_there_are_are_offered(form, server):
    server.client("offered")
    form.open("#send")
    form.wait_for_text("There are")
    form.press("offered")
    assert form.texts(".names .name") == ["offered"]


def test_arguments_leave_as_they_were_typed(form, server):
    client = server.client("exact")
    form.add("Rooms", "exact")
    form.fill("Arguments", "0.10, 12345678901234567890,\n[1e2]")
    form.press("Send")
    form.wait_for_text("Sent, for 1 socket.")
    assert client.next()[1:] == (0.1, 12345678901234567890, [100.0])


def test_an_empty_room_is_said_before_and_a_namespace_that_no_server_has_with_those_that_there_are(form):
    form.add("Rooms", "nobody-there")
    form.wait_for_text("Nobody would get it: the rooms are empty")
    form.fill("Namespace", "/caht")
    form.wait_for_text("Nobody would get it: no server has the namespace")
    assert form.texts(".notice .chip") == ["/", "/chat"]
    form.press("/chat")
    form.wait_for_text("Nobody would get it: the rooms are empty")


def test_nobody_got_it_is_said_also_where_rabbitmq_cannot_tell(form, server):
    server.client("elsewhere")
    form.add("Rooms", "nobody-is-here")
    form.wait_for_text("Nobody would get it: the rooms are empty")
    form.press("Send")
    form.wait_for_text("Nobody got it: the rooms are empty")
    assert form.texts("ol li")[0].startswith("hello nobody-is-here nobody")


def test_an_exchange_that_does_not_exist_is_said(broker, tmp_path):
    with Gateway(broker.url, console="true", python_socketio_exchange="nowhere", cluster_exchange="nowhere.cluster") as gateway:
        with ConsolePage("http://%s:%d" % gateway.address, tmp_path) as page:
            page.go("send")
            page.wait_for_text("Nobody would get it: the servers' exchange does not exist")
            page.press("Send to everyone")
            page.press("Yes, to everyone")
            page.wait_for_text("Nobody got it: the servers' exchange does not exist")
            page.assert_untroubled()


def test_what_is_wrong_stands_beside_its_field(form):
    form.fill("Arguments", "{id: 42}")
    form.wait_for_text("Not JSON; a text stands in double quotes.")
    form.fill("Arguments", '{"a": 1, "a": 2}')
    form.wait_for_text("duplicate_key")
    form.fill("Arguments", "")
    form.fill("Event", "disconnect")
    form.wait_for("document.querySelector('#Event[aria-invalid]') !== null")
    assert "/event: " in form.texts("#Event-about")[0]


def test_what_is_beyond_the_key_stands_beside_its_field(pages):
    page = pages("sender")
    page.open("#send")
    page.wait_for_text("This key may name user:*")
    # Everyone is nobody that it may reach.
    assert page.texts("form > button, form .danger, .everyone") == [] and "beyond_reach" not in page.text
    page.add("Rooms", "user:1", "staff")
    page.press("Send")
    page.wait_for("document.querySelector('#Rooms[aria-invalid]') !== null")
    assert "/rooms/1: " in page.texts("#Rooms-about")[0] and "user:*" in page.texts("#Rooms-about")[0]
    page.press("×")  # of user:1
    page.press("×")
    page.add("Rooms", "user:1")
    page.wait_for_text("Counting who would get it needs rooms:read")
    page.press("Send")
    page.wait_for_text("Sent.")


def test_enter_among_the_rooms_does_not_send(form):
    form.fill("Rooms", "")
    form.key("Enter")
    assert "Yes, to everyone" not in form.text


def test_a_gateway_that_ends_leaves_the_form_as_it_was(broker, tmp_path):
    with ConsolePage(*started(broker, gateway := Gateway(broker.url, console="true"), tmp_path)) as page:
        page.go("send")
        gateway.kill()
        page.press("Send to everyone")
        page.press("Yes, to everyone")
        page.wait_for_text("It may be done all the same")
        page.wait_for("!document.querySelector('form button').disabled")


def started(broker, gateway, directory):
    gateway.start()
    return "http://%s:%d" % gateway.address, directory


def test_what_was_sent_is_not_for_the_next_key(form, keys):
    form.fill("Event", "of-the-first")
    form.press("Send to everyone")
    form.press("Yes, to everyone")
    form.wait_for("document.querySelectorAll('ol li').length === 1")
    form.evaluate(f"location.hash = 'key=' + {json.dumps(keys['sender'].key)}")
    form.wait_for_text("key sender")
    form.go("send")
    assert form.evaluate("document.getElementById('Event').value") == "hello" and form.texts("ol li") == []


def test_clients_acknowledge(form, server):
    server.client("asked", answers={"question": "yes"})
    form.fill("Event", "question")
    form.add("Rooms", "asked")
    form.press("Leave out, acknowledge")
    form.check("Ask clients")
    form.press("Send")
    form.wait_for_text("1 of 1 acknowledged.")
    assert json.loads(form.texts(".notice pre")[0]) == [["yes"]]


def test_what_was_sent_is_kept_until_the_tab_is_closed_without_the_key(form, keys):
    for number in range(3):
        form.fill("Event", f"event{number}")
        form.press("Send to everyone")
        form.press("Yes, to everyone")
        form.wait_for(f"document.querySelectorAll('ol li').length === {number + 1}")
    form.open("#send")
    assert [line.split()[:2] for line in form.texts("ol li")] == [["event2", "everyone"], ["event1", "everyone"], ["event0", "everyone"]]
    assert keys["all"].key not in form.evaluate("sessionStorage.getItem('console.sent')")
    form.press("event0")
    assert form.evaluate("document.getElementById('Event').value") == "event0"


@pytest.mark.parametrize("language", ["curl", "Python", "Node", "PHP"])
def test_the_same_call_can_be_made_elsewhere(form, server, gateway, keys, language, tmp_path):
    commands = {"curl": ["bash"], "Python": ["python3"], "Node": ["node"], "PHP": ["php"]}[language]
    if shutil.which(commands[0]) is None:
        pytest.skip(f"{commands[0]} is not installed")
    client = server.client(HOSTILE)
    form.fill("Event", EVENT)
    form.fill("Arguments", json.dumps(HOSTILE) + ",\n\t" + json.dumps({"a": HOSTILE}, ensure_ascii=False))
    form.evaluate(f"location.hash = 'send?' + new URLSearchParams({{namespace: '/', room: {json.dumps(HOSTILE)}}})")
    form.press(language)
    code = form.evaluate(f"document.querySelector({json.dumps(CODE)}).textContent")
    assert keys["all"].key not in code and "GATEWAY_API_KEY" in code and "\u202e" not in code
    code = code.replace(form.origin, gateway.origin)
    file = tmp_path / "call.mjs" if language == "Node" else tmp_path / "call"
    file.write_text(code)
    environment = {**os.environ, "GATEWAY_API_KEY": keys["all"].key}
    done = subprocess.run([*commands, str(file)], capture_output=True, text=True, timeout=30, env=environment)
    assert '"status":"confirmed"' in done.stdout, (done.stdout, done.stderr)
    assert client.next() == (EVENT, HOSTILE, {"a": HOSTILE})


def test_the_call_is_copied(form):
    form.press("Copy")
    form.wait_for_text("Copied")
    assert "curl 'http" in form.clipboard()
