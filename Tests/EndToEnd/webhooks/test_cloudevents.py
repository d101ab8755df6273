"""CloudEvents in the three modes of their HTTP binding, as senders put them on the wire."""

import hashlib
import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import Gateway, SocketIOServer, assert_problem

END = "end-of-test"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PATH = "/v1/cloudevents"
NUMBERS = itertools.count()

KEYS = {
    "producer": {"scopes": ["emit"]},
    "rival": {"scopes": ["emit"]},
    "reader": {"scopes": ["sockets:read"]},
    "fenced": {"scopes": ["emit"], "rooms": ["user:*"], "events": ["order.*"]},
    "slow": {"scopes": ["emit"], "rate": "4/h", "burst": 4},
}


def key(name):
    return {"Authorization": f"Bearer key-of-{name}"}


def write(path, **others):
    """A configuration file with all keys; JSON is YAML."""
    keys = [
        {"name": name, "sha256": hashlib.sha256(f"key-of-{name}".encode()).hexdigest(), **rest} for name, rest in KEYS.items()
    ]
    path.write_text(json.dumps({"keys": keys, **others}))


@pytest.fixture(scope="module")
def gateway(broker, exchange, tmp_path_factory):
    config = tmp_path_factory.mktemp("cloudevents") / "gateway.yaml"
    write(config)
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, loops=2) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def running_server(broker, exchange):
    with SocketIOServer(broker.url, exchange, namespaces=("/", "/events")) as server:
        yield server


def event(**attributes):
    """One that no other test has sent. What is `None` is left out."""
    usual = {"specversion": "1.0", "id": str(next(NUMBERS)), "source": "/shop", "type": "order.paid", "subject": "user:42"}
    return {name: value for name, value in {**usual, **attributes}.items() if value is not None}


def post(gateway, body, type=STRUCTURED, caller="producer", **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {**({"Content-Type": type} if type else {}), **key(caller), **headers}
    return gateway.request("POST", PATH, body, fields)


def post_binary(gateway, attributes, data=b"", type=None, **headers):
    return post(gateway, data, type, **{f"ce-{name}": value for name, value in attributes.items()}, **headers)


def status(response):
    assert response.status == 200, (response.status, response.body)
    return response.json["status"]


def end(gateway):
    assert gateway.post({"event": END}, key("producer")).status == 200


def published(gateway, witness):
    """Everything that was published, as (room, event, arguments in JSON as they were sent)."""
    end(gateway)
    *messages, last = witness.waiting()
    assert last.json["event"] == END
    found = []
    for message in messages:
        data = message.body.partition(b'"data":[')[2].rpartition(b'],"binary":')[0]
        found.append((message.json["room"], message.json["event"], data.decode()))
    return found


# Modes. The requests are those of the Python SDK's examples (cloudevents 1.x, to_structured and to_binary), by the byte.


def test_a_structured_event_reaches_the_room_of_its_subject(gateway, server, witness):
    member, other, nowhere = server.client("user:42"), server.client("user:4"), server.client()
    body = (
        b'{"specversion": "1.0", "id": "d8bb1ac5-1ca1-4a5e-8a0a-d2b2b5d7c1a1", "source": "https://example.com/event-producer", '
        b'"type": "com.example.sampletype1", "subject": "user:42", "time": "2026-11-21T10:00:00.123456+00:00", '
        b'"comexampleextension": "value", "data": {"message": "Hello Gr\\u00fc\\u00dfe", "total": 10.50, "big": 12345678901234567890}}'
    )
    answer = post(gateway, body, "application/cloudevents+json; charset=UTF-8", **{"User-Agent": "python-requests/2.32"})
    assert status(answer) == "confirmed"
    end(gateway)
    assert [client.until(END) for client in (member, other, nowhere)] == [
        [("com.example.sampletype1", json.loads(body))],
        [],
        [],
    ]
    assert b'"data":[' + body + b"]" in witness.take(2)[0].body


def test_a_binary_event_is_what_it_would_be_in_json(gateway, server):
    member, other = server.client("user:42"), server.client("user:4")
    attributes = {
        "specversion": "1.0",
        "id": "e8bb1ac5-1ca1-4a5e-8a0a-d2b2b5d7c1a1",
        "source": "https://example.com/event-producer",
        "type": "com.example.sampletype2",
        "subject": "user:42",
        "time": "2026-11-21T10:00:00.123456+00:00",
    }
    assert status(post_binary(gateway, attributes, b'{"message": "Hello World!"}', "application/json")) == "confirmed"
    # The same one, in JSON.
    assert status(post(gateway, {**attributes, "data": None})) == "duplicate"
    end(gateway)
    data = {"datacontenttype": "application/json", "data": {"message": "Hello World!"}}
    assert member.until(END) == [("com.example.sampletype2", {**attributes, **data})]
    assert other.until(END) == []


@pytest.mark.parametrize(
    "data, type, expected",
    [
        (b'{"b":1.50, "a":[]}', "application/json", '"datacontenttype":"application/json","data":{"b":1.50, "a":[]}'),
        (b" 7 ", "application/json", '"datacontenttype":"application/json","data":7'),
        (b'{"a":1}', "application/vnd.shop+json", '"datacontenttype":"application/vnd.shop+json","data":{"a":1}'),
        (b'<a t="1"/>', "text/xml", '"datacontenttype":"text/xml","data":"<a t=\\"1\\"/>"'),
        ("é".encode(), "text/plain; charset=utf-8", '"datacontenttype":"text/plain; charset=utf-8","data":"é"'),
        (b"\xe9", "text/plain; charset=latin1", '"datacontenttype":"text/plain; charset=latin1","data_base64":"6Q=="'),
        (b"\x00\xff", "application/octet-stream", '"datacontenttype":"application/octet-stream","data_base64":"AP8="'),
        (b"\x00\xff", None, '"data_base64":"AP8="'),
        (b"", None, ""),
    ],
)
def test_binary_data_is_json_text_or_base64(gateway, witness, data, type, expected):
    attributes = event(subject="Gr%C3%BC%C3%9Fe", myextension='"quoted \\"text\\""')
    assert status(post_binary(gateway, attributes, data, type)) == "confirmed"
    ((room, name, json_text),) = published(gateway, witness)
    assert (room, name) == ("Grüße", "order.paid")
    head = json.dumps({**attributes, "subject": "Grüße", "myextension": 'quoted "text"'}, ensure_ascii=False)
    found = json.loads(json_text)
    assert found == {**json.loads(head), **json.loads("{" + expected + "}")}
    assert json_text.endswith(expected + "}")


@pytest.mark.parametrize(
    "headers, detail",
    [
        ({"ce-data": "x"}, "ce-data"),
        ({"ce-my-extension": "x"}, "ce-my-extension"),
        ({"ce-": "x"}, "ce-"),
        ({"ce-x": "%GG"}, "ce-x"),
        ({"ce-x": "%FF"}, "ce-x"),
        ({"CE-ID": "2"}, "ce-id"),
    ],
)
def test_attributes_in_headers_have_to_be_some(gateway, witness, headers, detail):
    response = post_binary(gateway, event(), **headers)
    assert detail in assert_problem(response, 422, "invalid_request")["detail"]
    assert published(gateway, witness) == []


def test_data_in_headers_mode_cannot_become_attributes(gateway, witness):
    for data in (b'1,"subject":"admin"', b'1}', b'{"a":1}}', b'"', b'{"a":1,"a":2}'):
        assert post_binary(gateway, event(), data, "application/json").status == 400
    smuggled = 'x","subject":"admin'
    assert status(post_binary(gateway, event(extension=smuggled))) == "confirmed"
    ((room, _, json_text),) = published(gateway, witness)
    assert room == "user:42" and json.loads(json_text)["extension"] == smuggled


def test_what_is_no_cloudevent_is_refused(gateway, witness):
    for type in ("application/json", "text/plain", "application/cloudevents+avro", "application/cloudevents+json; charset=latin1"):
        assert_problem(post(gateway, event(), type), 415, "unsupported_media_type")
    assert_problem(post(gateway, event(), None), 415, "unsupported_media_type")
    assert_problem(post(gateway, b"{"), 400, "invalid_json")
    for change, pointer in [
        ({"specversion": "0.3"}, "/specversion"),
        ({"id": None}, "/id"),
        ({"source": ""}, "/source"),
        ({"type": 7}, "/type"),
        ({"data": 1, "data_base64": "AA=="}, "/data"),
    ]:
        assert_problem(post(gateway, event(**change)), 422, "invalid_request", pointer)
    assert_problem(post(gateway, event(subject=None)), 422, "delivery_refused", "/rooms/0")
    assert_problem(post(gateway, event(type="connect")), 422, "delivery_refused", "/event")
    assert_problem(post(gateway, event(subject="x" * 256)), 422, "delivery_refused", "/rooms/0")
    assert published(gateway, witness) == []


# Keys


def test_it_takes_a_key_with_the_scope_emit(gateway, witness):
    body = event()
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = gateway.request("POST", PATH, json.dumps(body).encode(), {"Content-Type": STRUCTURED, **headers})
        assert_problem(response, 401, "unauthorized")
    assert_problem(post(gateway, body, caller="reader"), 403, "insufficient_scope")
    assert published(gateway, witness) == []
    assert status(post(gateway, body)) == "confirmed"


def test_a_key_reaches_no_further_than_its_globs(gateway, witness):
    assert status(post(gateway, event(), caller="fenced")) == "confirmed"
    for change, pointer in [({"subject": "admin"}, "/rooms/0"), ({"type": "user.deleted"}, "/event")]:
        assert_problem(post(gateway, event(**change), caller="fenced"), 403, "beyond_reach", pointer)
        assert_problem(post_binary(gateway, event(**change), caller="fenced"), 403, "beyond_reach", pointer)
    assert len(published(gateway, witness)) == 1


def test_a_keys_rate_counts_events(gateway, witness):
    for _ in range(4):
        assert post(gateway, event(), caller="slow").status == 200
    response = post(gateway, event(), caller="slow")
    assert_problem(response, 429, "rate_limited")
    assert int(response.headers["Retry-After"]) >= 1
    assert len(published(gateway, witness)) == 4


def test_an_event_is_emitted_once_for_each_key(gateway, witness):
    """Whoever may emit cannot keep another's events away by sending their ids first."""
    body = event(data="genuine")
    assert status(post(gateway, {**body, "data": "false"}, caller="rival")) == "confirmed"
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(gateway, body), range(20)))
    statuses = [answer.json.get("status") if answer.status == 200 else answer.status for answer in answers]
    assert statuses.count("confirmed") == 1 and set(statuses) <= {"confirmed", "duplicate", 503}
    assert status(post(gateway, body)) == "duplicate"
    assert status(post(gateway, {**body, "source": "/another"})) == "confirmed"
    data = [json.loads(text)["data"] for _, _, text in published(gateway, witness)]
    assert data == ["false", "genuine", "genuine"]


# Batches


def test_batches_are_not_taken(gateway, witness):
    for body in ([event()], [], b"[{"):
        problem = assert_problem(post(gateway, body, BATCH + "; charset=utf-8"), 501, "not_implemented")
        assert problem["retryable"] is False and "/v1/batch" in problem["detail"]
    assert published(gateway, witness) == []


# Configuration


def test_what_an_event_becomes_can_be_configured(broker, exchange, server, tmp_path):
    config = tmp_path / "gateway.yaml"
    mapping = {
        "namespace": "/events",
        "event": "ce:{/type}",
        "rooms": ["{/data/customer}", "{header:X-Team}"],
        "args": ["{/data/total}", "{/id} from {/source}", {"v": 1}],
        "when": [{"value": "{/type}", "matches": "order.*"}],
        "allow": {"rooms": ["c*", "team"]},
        "allowedOrigins": ["eventgrid.example"],
        "allowedRate": 120,
    }
    write(config, cloudEvents=mapping)
    member, other = server.client("c1", namespace="/events"), server.client("c1")
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange) as gateway:
        good = event(id="17", subject=None, data={"customer": "c1", "total": 2.5})
        team = {"X-Team": "team"}
        assert status(post(gateway, good, **team)) == "confirmed"
        assert status(post(gateway, event(type="user.created", data={}), **team)) == "ignored"
        assert status(post(gateway, {**good, "id": "18"}, **team)) == "confirmed"
        assert_problem(post(gateway, event(data={"customer": "admin", "total": 1}), **team), 422, "delivery_refused", "/rooms/0")
        assert_problem(post(gateway, event(data={"customer": "c1", "total": 1})), 422, "delivery_refused", "/rooms/1")
        assert_problem(post(gateway, event(data={"customer": "c1"}), **team), 422, "delivery_refused", "/args/0")
        gateway.post({"event": END, "namespace": "/events"}, key("producer"))
        gateway.post({"event": END}, key("producer"))
        assert member.until(END) == [
            ("ce:order.paid", 2.5, "17 from /shop", {"v": 1}),
            ("ce:order.paid", 2.5, "18 from /shop", {"v": 1}),
        ]
        assert other.until(END) == []

        def ask(**headers):
            answer = gateway.request("OPTIONS", PATH, headers={k.replace("_", "-"): v for k, v in headers.items()})
            assert answer.headers["Allow"] == "OPTIONS, POST" and answer.body == b""
            return answer.status, answer.headers["WebHook-Allowed-Origin"], answer.headers["WebHook-Allowed-Rate"]

        granted, refused = (200, "eventgrid.example", "120"), (204, None, None)
        assert ask(WebHook_Request_Origin="eventgrid.example", WebHook_Request_Rate="1000") == granted
        assert ask(WebHook_Request_Origin="EventGrid.Example") == granted
        for origin in ("evil.example", "x.eventgrid.example", "eventgrid.example.evil", "*", ""):
            assert ask(WebHook_Request_Origin=origin) == refused
        assert ask() == refused
        assert ask(Origin="https://eventgrid.example") == refused


def test_a_hooks_handshake_is_its_own(broker, exchange, tmp_path):
    config = tmp_path / "gateway.yaml"
    hook = {"scheme": "bearer", "secrets": ["s"], "event": "e", "rooms": ["r"]}
    hooks = [{"name": "granting", **hook, "allowedOrigins": ["*"]}, {"name": "silent", **hook}]
    write(config, hooks=hooks, cloudEvents={"allowedOrigins": ["b.example"]})
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange) as gateway:
        asked = {"WebHook-Request-Origin": "a.example"}
        answer = gateway.request("OPTIONS", "/v1/hooks/granting", headers=asked)
        assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "*")
        for path in ("/v1/hooks/silent", PATH):
            answer = gateway.request("OPTIONS", path, headers=asked)
            assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (204, None)
        assert_problem(gateway.request("OPTIONS", "/v1/hooks/unknown", headers=asked), 404, "not_found")


def test_a_page_of_an_allowed_origin_may_send_events(broker, exchange, tmp_path):
    """A browser asks before it sends JSON of this type, and that is not CloudEvents' handshake."""
    config = tmp_path / "gateway.yaml"
    write(config)
    origin = "https://app.example"
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, cors_origins=origin) as gateway:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        answer = gateway.request("OPTIONS", PATH, headers=asked)
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
        sent = post(gateway, event(), Origin=origin)
        assert (status(sent), sent.headers["Access-Control-Allow-Origin"]) == ("confirmed", origin)
        other = gateway.request("OPTIONS", PATH, headers={**asked, "Origin": "https://evil.example"})
        assert other.headers["Access-Control-Allow-Origin"] is None
