"""Webhooks over HTTP: who is let in, what comes out, and what becomes of what is sent again."""

import itertools
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from harness import Amqp0Servers, Gateway, SocketIOServer, Witness, assert_problem, converse, webhooks
from harness.patience import end_of_patience
from harness.webhooks import FORM

END = "end-of-test"
JSON = "application/json"
SECRET = "s3cret-of-the-hooks"
VERIFY_TOKEN = "v&r=fy t+ken é"
NUMBERS = itertools.count()

GITHUB = {"scheme": "github", "secrets": [SECRET], "event": "e", "rooms": ["r"]}
OPEN = {"scheme": "none", "event": "e", "rooms": ["r"]}

HOOKS = {
    "plain": GITHUB,
    "open": OPEN,
    "small": {**GITHUB, "maxBodyBytes": 100},
    "large": {**GITHUB, "maxBodyBytes": 2_000_000},
    "limited": {**GITHUB, "rate": "5/h", "burst": 5},
    "fenced": {
        **OPEN,
        "namespace": "{/nsp}",
        "event": "{/event}",
        "rooms": ["{/room}"],
        "except": ["{/not}"],
        "allow": {"namespaces": ["/", "/a*"], "rooms": ["user:*"], "events": ["order.*", "ping"]},
    },
    "free": {**OPEN, "namespace": "{/nsp}", "event": "{/event}", "rooms": ["{/room}", "{/other}"]},
    "filtered": {
        **OPEN,
        "when": [{"value": "{/kind}", "in": ["a", "b"]}, {"value": "{header:X-Kind}", "matches": "x*"}],
    },
    "everyone": {"scheme": "none", "event": "e", "everyone": True},
    "chat": {**OPEN, "namespace": "/{/nsp}"},
    "constants": {
        **OPEN,
        "args": ["{/total}", "{/name} has {/total}", "plain", {"z": [1.5, None], "a": "{/name}"}, [True], 7, None, "{{}}"],
    },
    "none": {**OPEN, "args": []},
    "numbered": {**OPEN, "deliveryId": "{/number}"},
    "numbered-too": {**OPEN, "deliveryId": "{/number}"},
    "rotated": {**GITHUB, "secrets": ["the old one", "the new one"]},
    "base64": {
        "scheme": "hmac",
        "header": "X-Shopify-Hmac-Sha256",
        "encoding": "base64",
        "secrets": [SECRET],
        "event": "e",
        "rooms": ["r"],
    },
    "slack": {**GITHUB, "scheme": "slack", "event": "slack"},
    "meta": {**GITHUB, "scheme": "meta", "verifyToken": VERIFY_TOKEN, "rate": "1/h"},
    "trello": {**GITHUB, "scheme": "trello", "callbackUrl": "https://a.example/?b=%20c"},
    "token": {**GITHUB, "scheme": "token", "header": "X-Gitlab-Token", "secrets": [SECRET, "another one"]},
}


def write(path, hooks, **others):
    """A configuration file; JSON is YAML."""
    path.write_text(json.dumps({"hooks": [{"name": name, **hook} for name, hook in hooks.items()], **others}))


@pytest.fixture(scope="module")
def gateway(broker, exchange, tmp_path_factory):
    config = tmp_path_factory.mktemp("hooks") / "gateway.yaml"
    write(config, HOOKS)
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, loops=2) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def running_server(broker, exchange):
    with SocketIOServer(broker.url, exchange, namespaces=("/", "/chat")) as server:
        yield server


def deliver(gateway, hook, body=b"{}", headers=None, type=JSON, **options):
    """`body` as it is if it is bytes, otherwise as JSON."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {**({"Content-Type": type} if type else {}), **(headers or {})}
    return gateway.request("POST", f"/v1/hooks/{hook}", body, headers, **options)


def signed(gateway, hook, body=b"{}", secret=SECRET, id=None, **options):
    """A delivery as GitHub's; one with an id of its own unless it is given."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    id = id or f"delivery {next(NUMBERS)}"
    return deliver(gateway, hook, body, webhooks.github(secret, body, id), **options)


def status(response):
    assert response.status == 200, (response.status, response.body)
    return response.json["status"]


def events(gateway, witness):
    """The events that have been published, as (namespace, room, event, arguments)."""
    gateway.emit(event=END)
    *messages, end = [message.json for message in witness.waiting()]
    assert end["event"] == END
    return [(m["namespace"], m["room"], m["event"], m["data"]) for m in messages]


def assert_nothing(gateway, witness):
    assert events(gateway, witness) == []


# Refusals


@pytest.mark.parametrize("name", ["unknown", "Plain", "pl%61in", "plain/", "", "plain/x", "%00", "x" * 300])
def test_what_is_no_hook_is_404(gateway, witness, name):
    assert_problem(signed(gateway, name), 404, "not_found")
    assert_nothing(gateway, witness)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_a_hook_takes_post_only(gateway, method):
    response = gateway.request(method, "/v1/hooks/open")
    assert response.status == 405
    assert response.headers["Allow"] == "OPTIONS, POST"


def test_a_hook_has_its_own_limit_for_bodies(gateway, witness):
    fitting, long = (json.dumps({"a": "x" * (count - 9)}).encode() for count in (100, 101))
    assert (len(fitting), len(long)) == (100, 101)
    assert status(signed(gateway, "small", fitting)) == "confirmed"
    assert_problem(signed(gateway, "small", long), 413, "payload_too_large")
    # Also where its length is not announced.
    headers = {"Content-Type": JSON, **webhooks.github(SECRET, long, "long")}
    chunked = gateway.request("POST", "/v1/hooks/small", (long[i : i + 7] for i in range(0, 101, 7)), headers)
    assert_problem(chunked, 413, "payload_too_large")
    # It may be more than an emit's, too.
    huge = json.dumps({"a": "x" * 1_900_000}).encode()
    head = b"POST /v1/hooks/plain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    assert converse(gateway.address, head % len(huge), expect=1).statuses == [413]
    assert status(signed(gateway, "large", huge)) == "confirmed"
    assert len(events(gateway, witness)) == 2


@pytest.mark.parametrize(
    "type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/json; charset=latin1", None]
)
def test_what_is_neither_json_nor_a_form_is_415(gateway, witness, type):
    assert_problem(signed(gateway, "plain", type=type), 415, "unsupported_media_type")
    assert_nothing(gateway, witness)


@pytest.mark.parametrize(
    "type", [JSON, "application/json; charset=utf-8", "application/vnd.github+json", "APPLICATION/SCIM+JSON"]
)
def test_json_has_many_names(gateway, witness, type):
    assert status(signed(gateway, "plain", type=type)) == "confirmed"
    assert len(events(gateway, witness)) == 1


@pytest.mark.parametrize(
    "body, code",
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b"[" * 70 + b"]" * 70, "too_deep"),
        (b'\xff\xfe{\x00}\x00', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
    ],
)
def test_a_signed_body_that_is_no_json_is_400(gateway, witness, body, code):
    assert_problem(signed(gateway, "plain", body), 400, code)
    # Whoever has not signed does not learn even that.
    assert_problem(deliver(gateway, "plain", body), 401, "not_authentic")
    assert_nothing(gateway, witness)


def test_what_cannot_be_mapped_is_told_without_what_was_delivered(gateway, witness):
    marker = "payload-that-is-nobodys-business"
    for body, pointers in [
        ({}, ["/namespace", "/event", "/rooms/0", "/rooms/1"]),
        ({"nsp": "/", "event": marker, "room": "", "other": "x"}, ["/rooms/0"]),
        ({"nsp": "/", "event": marker, "room": None, "other": [marker]}, ["/rooms/0", "/rooms/1"]),
        ({"nsp": "/", "event": marker, "room": 1.5, "other": True}, ["/rooms/0", "/rooms/1"]),
        ({"nsp": "/", "event": marker, "room": {marker: 1}, "other": "x"}, ["/rooms/0"]),
        ({"nsp": marker, "event": marker, "room": "x", "other": "x"}, ["/namespace"]),
        ({"nsp": f"/#{marker}", "event": "", "room": "x", "other": "x"}, ["/event"]),
        ({"nsp": f"/#{marker}", "event": "connect", "room": marker * 9, "other": "x"}, ["/namespace", "/event", "/rooms/0"]),
        (["room"], ["/namespace", "/event", "/rooms/0", "/rooms/1"]),
        (marker, ["/namespace", "/event", "/rooms/0", "/rooms/1"]),
    ]:
        response = deliver(gateway, "free", body)
        problem = assert_problem(response, 422, "delivery_refused")
        assert sorted(error["pointer"] for error in problem["errors"]) == sorted(pointers), (body, problem)
        assert all(error["detail"] for error in problem["errors"])
        assert marker.encode() not in response.body
        assert problem["retryable"] is False
    assert_nothing(gateway, witness)


def test_a_room_without_a_value_is_never_everyone(gateway, server):
    everyone = server.client("", "null", "undefined")
    for room in (None, "", [], {}, False):
        assert_problem(deliver(gateway, "free", {"nsp": "/", "event": "e", "room": room, "other": "x"}), 422)
    gateway.emit(event=END)
    assert everyone.until(END) == []


def test_a_hook_names_nothing_beyond_its_globs(gateway, witness):
    good = {"nsp": "/", "event": "order.paid", "room": "user:1", "not": "user:2"}
    # These servers cannot leave out rooms; everything before that was as it should be.
    assert_problem(deliver(gateway, "fenced", good), 422, "not_expressible", "/except")
    for field, value, pointer in [
        ("nsp", "/b", "/namespace"),
        ("event", "orders", "/event"),
        ("event", "PING", "/event"),
        ("room", "admin", "/rooms/0"),
        ("room", "xuser:1", "/rooms/0"),
        ("not", "admin", "/except/0"),
    ]:
        response = deliver(gateway, "fenced", {**good, field: value})
        assert_problem(response, 422, "delivery_refused", pointer)
        assert value.encode() not in response.body.replace(pointer.encode(), b"").replace(b"/v1", b""), response.body
    assert_nothing(gateway, witness)


def test_a_rate_holds_over_all_loops_and_connections(gateway, witness):
    # What is not authentic costs nothing.
    assert {signed(gateway, "limited", secret="wrong").status for _ in range(10)} == {401}
    answers = [signed(gateway, "limited") for _ in range(24)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 19
    problem = assert_problem(answers[-1], 429, "rate_limited")
    assert problem["retryable"] is True
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 720
    assert len(events(gateway, witness)) == 5


# Mapping


def test_conditions_decide_what_becomes_an_event(gateway, witness):
    good = {"X-Kind": "xyz"}
    assert status(deliver(gateway, "filtered", {"kind": "a"}, good)) == "confirmed"
    for body, headers in [
        ({"kind": "c"}, good),
        ({}, good),
        ({"kind": ["a"]}, good),
        ({"kind": "a"}, {}),
        ({"kind": "a"}, {"X-Kind": "yx"}),
    ]:
        answer = deliver(gateway, "filtered", body, headers)
        assert (answer.status, answer.json) == (200, {"status": "ignored"})
    assert len(events(gateway, witness)) == 1


def test_everyone_receives_what_is_for_everyone(gateway, server):
    here, there, elsewhere = server.client(), server.client("room"), server.client(namespace="/chat")
    assert status(deliver(gateway, "everyone", {"b": 1, "a": 2})) == "confirmed"
    gateway.emit(event=END)
    gateway.emit(event=END, namespace="/chat")
    assert [here.until(END), there.until(END), elsewhere.until(END)] == [[("e", {"b": 1, "a": 2})]] * 2 + [[]]


def test_a_namespace_may_come_out_of_the_delivery(gateway, server):
    there, elsewhere = server.client("r", namespace="/chat"), server.client("r")
    assert status(deliver(gateway, "chat", {"nsp": "chat"})) == "confirmed"
    gateway.emit(event=END)
    gateway.emit(event=END, namespace="/chat")
    assert there.until(END) == [("e", {"nsp": "chat"})]
    assert elsewhere.until(END) == []


def test_arguments_are_values_texts_and_constants(gateway, server, witness):
    member = server.client("r")
    assert status(deliver(gateway, "constants", b'{"total": 10.50, "name": "Z\\u00fc"}')) == "confirmed"
    assert status(deliver(gateway, "none", {"a": 1})) == "confirmed"
    gateway.emit(event=END)
    first, second = member.until(END)
    assert first == ("e", 10.5, "Zü has 10.50", "plain", {"z": [1.5, None], "a": "{/name}"}, [True], 7, None, "{}")
    assert list(first[4]) == ["z", "a"]
    assert second == ("e",)
    assert b'"data":[10.50,"Z\xc3\xbc has 10.50",' in witness.take(3)[0].body


def test_rooms_and_sockets_can_be_left_out(broker, tmp_path):
    config = tmp_path / "gateway.yaml"
    write(config, {"h": {**OPEN, "rooms": ["{/room}"], "except": ["{/sender}", "muted"]}})
    with Amqp0Servers(broker.url, "hooks.amqp0", servers=2) as servers:
        with Gateway(broker.url, config=config, wire_format="amqp0", amqp0_exchange="hooks.amqp0") as gateway:
            receiver, sender = servers.socket("r"), servers.socket("r", server=1)
            muted, other = servers.socket("r", "muted"), servers.socket("q")
            body = {"room": "r", "sender": sender.sid}
            answer = deliver(gateway, "h", body)
            assert (status(answer), answer.json["routed"]) == ("confirmed", True)
            servers.deliver()
            assert [s.received for s in (receiver, sender, muted, other)] == [[("e", body)], [], [], []]
            # On these servers' exchange that name is everyone's.
            assert_problem(deliver(gateway, "h", {**body, "room": "broadcast"}), 422, "not_expressible", "/rooms/0")
            servers.deliver()
            assert other.received == []


# Signatures


RAW = {
    "unicode": '{"text":"Grüße 😀 \u2028"}'.encode(),
    "CRLF": b'{\r\n  "a": 1,\r\n  "b": [\r\n  ]\r\n}',
    "a line break behind it": b'{"a": 1}\n',
    "blanks around it": b' \t{"a": 1}\r\n\r\n',
    "escapes": rb'{"\u0061":"\/\u00e9\ud83d\ude00"}',
}


@pytest.mark.parametrize("is_chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("body", RAW.values(), ids=RAW)
def test_a_signature_is_of_the_bytes_as_they_came(gateway, witness, body, is_chunked):
    def send(hook, headers):
        pieces = (body[i : i + 3] for i in range(0, len(body), 3)) if is_chunked else body
        return gateway.request("POST", f"/v1/hooks/{hook}", pieces, {"Content-Type": JSON, **headers})

    assert status(send("plain", webhooks.github(SECRET, body))) == "confirmed"
    assert status(send("base64", webhooks.shopify(SECRET, body))) == "confirmed"
    for other in (body.strip() + b" ", body.replace(b"\r\n", b"\n") + b" ", json.dumps(json.loads(body)).encode() + b" "):
        assert_problem(send("plain", webhooks.github(SECRET, other)), 401, "not_authentic")
    messages = witness.take(2)
    assert all(b'"data":[' + body.strip() + b"]" in message.body for message in messages)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["whole", "chunked"])
def test_a_form_is_signed_as_it_came_too(gateway, witness, is_chunked):
    payload = '{"a": "x & y = é+%", "n": 1.50}'
    for form, argument in [
        (urlencode({"payload": payload}).encode(), payload),
        (urlencode({"payload": payload}).replace("+", "%20").encode() + b"&", payload),
        (b"text=Gr%C3%BC%C3%9Fe+%26&command=%2Fdo&empty=", '{"text":"Grüße &","command":"/do","empty":""}'),
        ("text=roh é".encode(), '{"text":"roh é"}'),
    ]:
        pieces = (form[i : i + 5] for i in range(0, len(form), 5)) if is_chunked else form
        headers = {"Content-Type": f"{FORM}; charset=UTF-8", **webhooks.github(SECRET, form)}
        assert status(gateway.request("POST", "/v1/hooks/plain", pieces, headers)) == "confirmed"
        assert f'"data":[{argument}]'.encode() in witness.take(1)[0].body
    for form in (b"a=1&a=2", b"a=%", b"a=%FF", b"payload={}&payload={}"):
        assert_problem(deliver(gateway, "plain", form, webhooks.github(SECRET, form), FORM), 422, "invalid_request")
    many = b"&".join(b"f%d" % number for number in range(1_001))
    assert_problem(deliver(gateway, "plain", many, webhooks.github(SECRET, many), FORM), 413, "payload_too_large")


def test_a_secret_is_replaced_while_both_hold(gateway, witness):
    assert status(signed(gateway, "rotated", secret="the old one")) == "confirmed"
    assert status(signed(gateway, "rotated", secret="the new one")) == "confirmed"
    for secret in (SECRET, "", "the old onethe new one", "the old one,the new one"):
        assert_problem(signed(gateway, "rotated", secret=secret), 401, "not_authentic")
    assert len(events(gateway, witness)) == 2


def test_two_signatures_are_none(gateway, witness):
    """Of two headers, whatever their letter case, nobody knows which one is meant."""
    good = webhooks.github(SECRET, b"{}")["X-Hub-Signature-256"]
    for second in (good, "sha256=00"):
        headers = {"X-Hub-Signature-256": good, "x-hub-signature-256": second}
        assert_problem(deliver(gateway, "plain", b"{}", headers), 401, "not_authentic")
    for name in ("X_Hub_Signature_256", "X-Hub-Signature", "HTTP_X_HUB_SIGNATURE_256"):
        assert_problem(deliver(gateway, "plain", b"{}", {name: good}), 401, "not_authentic")
    assert status(deliver(gateway, "plain", b"{}", {"x-HUB-signature-256": good})) == "confirmed"
    assert len(events(gateway, witness)) == 1


def test_where_no_key_is_needed_a_signed_hook_is_there_for_all_hosts(gateway):
    outside = {"Host": "hooks.example.com"}
    headers = {**outside, **webhooks.github(SECRET, b"{}")}
    assert status(deliver(gateway, "plain", b"{}", headers)) == "confirmed"
    assert gateway.request("OPTIONS", "/v1/hooks/plain", headers=outside).status == 204
    # What anybody may send, only this machine may.
    assert_problem(deliver(gateway, "open", b"{}", outside), 403, "host_not_allowed")
    assert_problem(gateway.request("OPTIONS", "/v1/hooks/open", headers=outside), 403, "host_not_allowed")
    assert_problem(deliver(gateway, "open", b"{}", {"Origin": "https://evil.example"}), 403, "origin_not_allowed")


def test_a_token_comes_in_a_header_of_its_own(gateway, witness):
    for token in (SECRET, "another one"):
        assert status(deliver(gateway, "token", headers=webhooks.gitlab(token))) == "confirmed"
    for headers in (
        {}, {"X-Gitlab-Token": ""}, {"X-Gitlab-Token": SECRET[:-1]}, {"X-Gitlab-Token": SECRET + "x"},
        {"X-Gitlab-Token": SECRET.upper()}, {"X-Gitlab-Token": f"{SECRET},another one"}, {"X-Gitlab-Tokens": SECRET},
        {"X_Gitlab_Token": SECRET}, {"Authorization": f"Bearer {SECRET}"},
        {"X-Gitlab-Token": SECRET, "x-gitlab-token": SECRET},
    ):  # fmt: skip
        assert_problem(deliver(gateway, "token", headers=headers), 401, "not_authentic")
    assert len(events(gateway, witness)) == 2


def test_what_trello_delivers_is_signed_with_its_address(gateway, witness):
    body = b'{"action": {"id": "1"}}'
    for url, code in [("https://a.example/?b=%20c", 200), ("https://a.example/?b= c", 401), ("", 401)]:
        assert deliver(gateway, "trello", body, webhooks.trello(SECRET, body, url)).status == code
    assert status(deliver(gateway, "trello", body, webhooks.trello(SECRET, body, "https://a.example/?b=%20c"))) == "duplicate"
    assert len(events(gateway, witness)) == 1


# Questions before the first delivery


def ask(gateway, query, hook="meta", method="GET", headers=None):
    return gateway.request(method, f"/v1/hooks/{hook}?{query}", headers=headers or {})


def test_a_challenge_is_for_who_has_the_verify_token_and_is_no_page(gateway):
    page = "<script>alert(1)</script>\r\n\r\nSet-Cookie: a=b"
    question = webhooks.meta_question(VERIFY_TOKEN, page)
    answer = ask(gateway, question)
    assert (answer.status, answer.body) == (200, page.encode())
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    # From anywhere, as deliveries may come.
    outside = ask(gateway, question, headers={"Host": "hooks.example.com", "Origin": "https://evil.example"})
    assert (outside.status, outside.body) == (200, page.encode())
    assert "Access-Control-Allow-Origin" not in outside.headers
    head = ask(gateway, question, method="HEAD")
    assert (head.status, head.body) == (200, b"")


HOSTILE = {
    "nothing": "",
    "no token": "hub.mode=subscribe&hub.challenge=marker",
    "another token": webhooks.meta_question("another", "marker"),
    "an empty token": webhooks.meta_question("", "marker"),
    "the token twice": webhooks.meta_question(VERIFY_TOKEN, "marker") + "&hub.verify_token=x",
    "an array of tokens": "hub.verify_token[]=x&hub.challenge=marker&hub.mode=subscribe",
    "the token in the mode": webhooks.meta_question("x", "marker", VERIFY_TOKEN),
    "another mode": webhooks.meta_question(VERIFY_TOKEN, "marker", "unsubscribe"),
    "two challenges": webhooks.meta_question(VERIFY_TOKEN, "marker") + "&hub.challenge=marker",
    "an empty challenge": webhooks.meta_question(VERIFY_TOKEN, ""),
    "a long challenge": webhooks.meta_question(VERIFY_TOKEN, "m" * 1_025),
    "a broken escape": webhooks.meta_question(VERIFY_TOKEN, "marker") + "&a=%f",
    "no UTF-8": webhooks.meta_question(VERIFY_TOKEN, "marker") + "&a=%ff",
    "many parameters": "&".join(f"a{n}=b" for n in range(500)),
}


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE)
def test_whoever_has_not_the_verify_token_learns_nothing(gateway, query):
    headers = {"X-Request-Id": "same"}
    answer, usual = ask(gateway, query, headers=headers), ask(gateway, "", headers=headers)
    assert_problem(answer, 403, "handshake_refused")
    assert answer.body == usual.body
    head = ask(gateway, query, method="HEAD", headers=headers)
    assert (head.status, head.body) == (403, b"")
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]


def test_trello_asks_with_head(gateway):
    for method in ("HEAD", "GET"):
        answer = ask(gateway, "hub.challenge=marker", "trello", method)
        assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("hook", ["plain", "open", "slack", "token", "unknown"])
def test_other_hooks_are_not_asked(gateway, hook):
    for method in ("GET", "HEAD"):
        answer = ask(gateway, webhooks.meta_question(VERIFY_TOKEN), hook, method)
        assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    answer = gateway.request("PUT", "/v1/hooks/meta")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_questions_are_counted_and_cost_nothing_of_the_rate(gateway, witness):
    def counted(outcome):
        return gateway.metric(f'gateway_hook_deliveries_total{{hook="meta",outcome="{outcome}"}}')

    before = counted("challenge"), counted("not_authentic")
    for _ in range(5):
        assert ask(gateway, webhooks.meta_question(VERIFY_TOKEN)).status == 200
        assert ask(gateway, webhooks.meta_question("another"), method="HEAD").status == 403
    assert (counted("challenge"), counted("not_authentic")) == (before[0] + 5, before[1] + 5)
    headers = webhooks.meta(SECRET, b"{}")
    assert status(deliver(gateway, "meta", b"{}", headers)) == "confirmed"
    assert_problem(deliver(gateway, "meta", b"{}", headers), 429, "rate_limited")
    assert_problem(deliver(gateway, "meta", b"{ }", headers), 401, "not_authentic")
    assert len(events(gateway, witness)) == 1


# Deliveries again


def test_over_all_loops_and_connections_a_delivery_is_emitted_once(gateway, witness):
    answers = [signed(gateway, "plain", id="one of many") for _ in range(24)]
    assert [status(answer) for answer in answers] == ["confirmed"] + ["duplicate"] * 23
    assert status(signed(gateway, "plain", id="One of many")) == "confirmed"
    assert len(events(gateway, witness)) == 2


def test_of_many_at_once_one_is_emitted(gateway, witness):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: signed(gateway, "plain", id="all at once"), range(50)))
    statuses = [answer.json.get("status") if answer.status == 200 else answer.status for answer in answers]
    assert statuses.count("confirmed") == 1
    assert set(statuses) <= {"confirmed", "duplicate", 503}
    for answer in answers:
        if answer.status == 503:
            assert assert_problem(answer, 503, "delivery_in_flight")["retryable"] is True
            assert int(answer.headers["Retry-After"]) >= 1
    assert status(signed(gateway, "plain", id="all at once")) == "duplicate"
    assert len(events(gateway, witness)) == 1


def test_each_hook_has_deliveries_of_its_own(gateway, witness):
    for hook in ("numbered", "numbered-too"):
        assert status(deliver(gateway, hook, {"number": 7})) == "confirmed"
        assert status(deliver(gateway, hook, {"number": "7"})) == "duplicate"
        assert [status(deliver(gateway, hook, body)) for body in ({}, {}, {"number": None})] == ["confirmed"] * 3
    assert len(events(gateway, witness)) == 8


def test_what_was_refused_or_ignored_is_not_remembered(gateway, witness):
    body = {"kind": "a", "nsp": "/", "event": "e"}
    for _ in range(2):
        assert_problem(deliver(gateway, "numbered", b"{", None), 400)
    assert_problem(signed(gateway, "plain", secret="wrong", id="stolen"), 401)
    assert_problem(signed(gateway, "plain", b"{", id="stolen"), 400)
    assert status(signed(gateway, "plain", body, id="stolen")) == "confirmed"
    assert len(events(gateway, witness)) == 1


def test_what_was_not_confirmed_is_delivered_when_it_comes_again(own_broker, tmp_path):
    config = tmp_path / "gateway.yaml"
    write(config, HOOKS)
    with Gateway(own_broker.url, config=config, loops=2) as gateway:
        own_broker.kill()
        deadline = end_of_patience()
        while gateway.get("/readyz").status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for _ in range(3):
            response = signed(gateway, "plain", id="in the outage")
            assert_problem(response, 503, "broker_unavailable")
            assert int(response.headers["Retry-After"]) >= 1
        own_broker.start()
        gateway.wait_until_ready()
        with Witness(own_broker.url, "socketio", "fanout") as witness:
            assert status(signed(gateway, "plain", id="in the outage")) == "confirmed"
            assert status(signed(gateway, "plain", id="in the outage")) == "duplicate"
            assert len(events(gateway, witness)) == 1


def test_a_broker_that_says_nothing_is_not_waited_for(own_broker, tmp_path):
    config = tmp_path / "gateway.yaml"
    write(config, HOOKS)
    own_broker.start()
    with Gateway(own_broker.url, config=config, loops=1, confirm_timeout="30s") as gateway:
        with Witness(own_broker.url, "socketio", "fanout") as witness:
            own_broker.pause()
            try:
                answers, times = [], []
                for _ in range(3):
                    start = time.monotonic()
                    answers.append(signed(gateway, "plain", {"n": 1}, id="to the deaf"))
                    times.append(time.monotonic() - start)
            finally:
                own_broker.resume()
            assert max(times) < 15, times
            assert_problem(answers[0], 504, "confirm_timeout")
            assert {answer.status for answer in answers} <= {503, 504}
            gateway.wait_until_ready()
            assert status(signed(gateway, "plain", {"n": 1}, id="to the deaf")) == "confirmed"
            assert status(signed(gateway, "plain", {"n": 1}, id="to the deaf")) == "duplicate"
            # What was unknown may come, too; what was confirmed has come.
            deadline = end_of_patience()
            published = []
            while not published and time.monotonic() < deadline:
                published = events(gateway, witness)
            assert 1 <= len(published) <= 4 and set(map(str, published)) == {str(("/", "r", "e", [{"n": 1}]))}


# Configuration


class Reloading:
    """A gateway whose configuration changes."""

    def __init__(self, gateway, path):
        self.gateway, self.path = gateway, path

    def reload(self, hooks):
        """Returns when it has been taken over."""
        write(self.path, hooks)
        self.wait(lambda: self.gateway.signal(signal.SIGHUP))

    def wait(self, change=lambda: None):
        before = self._reloads()
        change()
        deadline = end_of_patience()
        while self._reloads() == before:
            assert time.monotonic() < deadline, "not reloaded"
            time.sleep(0.02)
        time.sleep(0.1)  # each loop takes it over in its own time

    def _reloads(self):
        return sum(line.get("message") == "configuration reloaded" for line in self.gateway.log())


@pytest.fixture
def reloading(broker, exchange, tmp_path):
    path = tmp_path / "gateway.yaml"
    write(path, {"first": {**GITHUB, "rate": "3/h", "burst": 3}})
    with Gateway(broker.url, config=path, python_socketio_exchange=exchange, loops=2) as gateway:
        yield Reloading(gateway, path)


def test_hooks_come_change_and_go_without_a_restart(reloading, witness):
    gateway, limited = reloading.gateway, {**GITHUB, "rate": "3/h", "burst": 3}
    assert status(signed(gateway, "first", id="1")) == "confirmed"
    assert_problem(signed(gateway, "second"), 404)

    counted = 'gateway_hook_deliveries_total{hook="%s",outcome="%s"}'
    assert gateway.metric(counted % ("first", "emitted")) == 1
    reloading.reload({"first": limited, "second": GITHUB})
    assert gateway.metric(counted % ("first", "emitted")) == 1 and gateway.metric(counted % ("second", "emitted")) == 0
    assert [status(signed(gateway, "second")) for _ in range(8)] == ["confirmed"] * 8
    # What was remembered still is, and the rate goes on where it was.
    assert status(signed(gateway, "first", id="1")) == "duplicate"

    reloading.reload({"first": {**limited, "secrets": ["another"], "event": "changed"}})
    assert {signed(gateway, "second").status for _ in range(8)} == {404}
    assert {signed(gateway, "first").status for _ in range(8)} == {401}
    assert status(signed(gateway, "first", secret="another", id="2")) == "confirmed"
    assert {signed(gateway, "first", secret="another").status for _ in range(8)} == {429}

    # Another rate begins anew.
    reloading.reload({"first": {**limited, "secrets": ["another"], "rate": "2/h", "burst": 2}})
    answers = [signed(gateway, "first", secret="another", id=f"again {n}").status for n in range(8)]
    assert answers == [200] * 2 + [429] * 6
    assert [event for _, _, event, _ in events(gateway, witness)] == ["e"] * 9 + ["changed"] + ["e"] * 2


def test_a_configuration_that_is_not_valid_changes_nothing(reloading, witness):
    gateway = reloading.gateway
    reloading.path.write_text('{"hooks": [{"name": "first", "scheme": "github", "secrets": ["x"], "event": "e"}]}')
    gateway.signal(signal.SIGHUP)
    gateway.wait_until(
        lambda: any("not reloaded" in line.get("message", "") for line in gateway.log()), end_of_patience(), "refuse it"
    )
    (reason,) = [line["reason"] for line in gateway.log() if "not reloaded" in line.get("message", "")]
    assert "hooks[0].rooms is required; for everyone say 'everyone: true'" in reason
    assert status(signed(gateway, "first")) == "confirmed"
    assert len(events(gateway, witness)) == 1


def test_a_secret_can_be_in_a_file_which_may_change(broker, exchange, tmp_path):
    config, secret = tmp_path / "gateway.yaml", tmp_path / "secret"
    secret.write_text("from a file\n")
    write(config, {"h": {**GITHUB, "secrets": ["written"], "secretFiles": [str(secret)]}})
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, loops=2) as gateway:
        assert {signed(gateway, "h", secret=s).status for s in ("written", "from a file")} == {200}
        assert signed(gateway, "h", secret="from another").status == 401
        other = tmp_path / "other"
        other.write_text("from another\n")
        # As Kubernetes does it; nobody sends a signal.
        Reloading(gateway, config).wait(lambda: os.replace(other, secret))
        assert {signed(gateway, "h", secret="from another").status for _ in range(8)} == {200}
        assert {signed(gateway, "h", secret="from a file").status for _ in range(8)} == {401}


def test_the_log_says_what_became_of_each_delivery(broker, exchange, tmp_path):
    config, marker = tmp_path / "gateway.yaml", "hidden"
    hooks = {name: HOOKS[name] for name in ("plain", "slack", "filtered", "fenced", "meta")}
    write(config, hooks)
    # At the usual level: whoever sets up a hook has not turned on anything.
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange + ".nobody") as gateway:

        def said(send, *, level="info"):
            before = len(requests())
            answer = send()
            gateway.wait_until(lambda: len(requests()) > before, end_of_patience(), "log it")
            line = requests()[before]
            assert line["level"] == level and line["route"] == "/v1/hooks/{name}", line
            return answer, line

        def requests():
            return [line for line in gateway.log() if line["message"] == "request"]

        def keeps(line, **fields):
            assert {name: line.get(name) for name in fields} == fields, line

        answer, line = said(lambda: signed(gateway, "plain", {"secret": marker}, id="1"))
        keeps(line, delivery="emitted", id=answer.json["id"], event="e", rooms="1", routed="false", reason="no_exchange")
        _, line = said(lambda: signed(gateway, "plain", {"secret": marker}, id="1"))
        keeps(line, delivery="duplicate", id=None)
        _, line = said(lambda: deliver(gateway, "filtered", {"kind": marker}))
        keeps(line, delivery="ignored")
        assert line["condition"].startswith("when[0]")
        _, line = said(lambda: deliver(gateway, "filtered", {"kind": "a"}, {"X-Kind": marker}))
        assert line["condition"].startswith("when[1]")
        _, line = said(lambda: deliver(gateway, "fenced", {"nsp": "/", "event": "ping", "room": marker, "not": marker}))
        keeps(line, status="422", code="delivery_refused", pointer="/rooms/0", delivery=None)
        assert line["detail"].startswith("/rooms/0: ") or "/rooms/0" in line["detail"], line
        challenge = json.dumps({"type": "url_verification", "challenge": marker}).encode()
        _, line = said(lambda: deliver(gateway, "slack", challenge, webhooks.slack(SECRET, challenge)))
        keeps(line, delivery="challenge")

        bodies = set()
        for reason, headers in [
            ("missing_header", {}),
            ("malformed_header", {**webhooks.slack(SECRET, b"{}"), "X-Slack-Signature": marker}),
            ("wrong_secret", webhooks.slack(marker, b"{}")),
            ("wrong_secret", webhooks.slack(marker, b"{}", age=900)),
            ("clock_off", webhooks.slack(SECRET, b"{}", age=900)),
            ("clock_off", webhooks.slack(SECRET, b"{}", age=-900)),
        ]:
            answer, line = said(lambda: deliver(gateway, "slack", b"{}", {**headers, "X-Request-Id": "r"}), level="warning")
            keeps(line, status="401", code="not_authentic", reason=reason)
            assert line["detail"]
            bodies.add(answer.body)
        assert len(bodies) == 1

        _, line = said(lambda: ask(gateway, webhooks.meta_question(VERIFY_TOKEN, marker)))
        keeps(line, method="GET", status="200", path="/v1/hooks/meta", delivery="challenge")
        for query, reason in [
            ("hub.mode=subscribe", "missing_parameter"),
            (webhooks.meta_question(marker), "wrong_secret"),
            (webhooks.meta_question(VERIFY_TOKEN, marker, marker), "malformed_parameter"),
        ]:
            _, line = said(lambda: ask(gateway, query), level="warning")
            keeps(line, status="403", code="handshake_refused", reason=reason, path="/v1/hooks/meta")
            assert "hub." in line["detail"]
        assert marker not in "".join(gateway.stderr)
        assert VERIFY_TOKEN not in "".join(gateway.stderr)


def test_no_secret_and_no_payload_is_in_the_log(broker, exchange, tmp_path):
    config, file = tmp_path / "gateway.yaml", tmp_path / "file"
    file.write_text("hidden-in-a-file")
    hooks = {**HOOKS, "bearer": {**OPEN, "scheme": "bearer", "secrets": ["hidden-token"]}}
    hooks["h"] = {**GITHUB, "secrets": ["hidden-secret"], "secretFiles": [str(file)]}
    write(config, hooks)
    gateway = Gateway(broker.url, config=config, python_socketio_exchange=exchange, log_level="trace").start()
    payload = {"nsp": "hidden-namespace", "event": "hidden-event", "room": "hidden-room", "text": "hidden-text"}
    statuses = {
        signed(gateway, "h", payload, "hidden-secret", "hidden-delivery").status,
        signed(gateway, "h", payload, "hidden-wrong", "hidden-delivery").status,
        signed(gateway, "h", b'{"hidden-key": hidden}', "hidden-in-a-file").status,
        deliver(gateway, "free", payload).status,
        deliver(gateway, "fenced", {**payload, "nsp": "/"}).status,
        deliver(gateway, "plain", b"hidden-key=hidden", None, FORM).status,
        deliver(gateway, "bearer", payload, {"Authorization": "Bearer hidden-token"}).status,
        deliver(gateway, "bearer", payload, {"Authorization": "Bearer hidden-guess"}).status,
        deliver(gateway, "open", payload, {"X-Hidden": "hidden-header", "Content-Type": "text/plain"}).status,
    }
    assert statuses == {200, 400, 401, 415, 422}
    Reloading(gateway, config).reload(hooks)
    gateway.stop()
    log = "".join(gateway.stderr)
    assert log.count("/v1/hooks/") >= 9, "requests are not logged"
    assert "hidden" not in log.lower()
    code = webhooks.github("hidden-secret", json.dumps(payload).encode())["X-Hub-Signature-256"]
    assert code.removeprefix("sha256=") not in log


# Addresses


def test_no_address_out_of_a_request_is_ever_called(gateway, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = "http://127.0.0.1:%d/" % listener.getsockname()[1]
        host = url.removeprefix("http://").removesuffix("/")
        body = {
            "response_url": url,
            "url": url,
            "callback_url": url,
            "SubscribeURL": url,
            "validationUrl": url,
            "type": "SubscriptionConfirmation",
            "data": {"validationCode": "1", "validationUrl": url},
        }
        headers = {
            "WebHook-Request-Origin": host,
            "WebHook-Request-Callback": url,
            "WebHook-Request-Rate": "1",
            "Link": f"<{url}>",
            "Referer": url,
        }
        assert status(deliver(gateway, "open", body, headers)) == "confirmed"
        form = urlencode({"payload": json.dumps(body)}).encode()
        assert status(deliver(gateway, "slack", form, {**headers, **webhooks.slack(SECRET, form)}, FORM)) == "confirmed"
        challenge = json.dumps({**body, "type": "url_verification", "challenge": url}).encode()
        answer = deliver(gateway, "slack", challenge, {**headers, **webhooks.slack(SECRET, challenge)})
        assert (answer.status, answer.body) == (200, url.encode())
        for path in ("/v1/hooks/plain", "/v1/cloudevents"):
            assert gateway.request("OPTIONS", path, headers=headers).status == 204
        listener.settimeout(1)
        with pytest.raises(TimeoutError):
            listener.accept()
