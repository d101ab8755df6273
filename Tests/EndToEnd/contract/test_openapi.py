"""openapi.yaml and the running gateway say the same, both ways; so do the documents about settings.

`check` compares any response with what the contract says of it; every test that gets one uses it.
"""

import hashlib
import http.client
import json
import re
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

import pika
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from ruamel.yaml import YAML

from harness import (
    REPOSITORY,
    SIGNATURES,
    VERIFY_TOKEN,
    ClusterServer,
    CuttingProxy,
    Gateway,
    Witness,
    binary,
    converse,
    hook_entry,
    read_contract,
)
from harness.cluster import FEATURES
from harness.gateway import Sent
from harness.patience import end_of_patience

CONTRACT = read_contract()
PATHS = CONTRACT["paths"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"]
CONSOLE = [path for path in PATHS if path.startswith("/console/")]
SERVICE = [path for path in PATHS if not path.startswith(("/v1/", "/console"))]

EVERYBODYS = [*SERVICE, *CONSOLE, "/console"]

EXCHANGE = "test.openapi"
ROOM = "user:42"
EMIT = {"event": "e", "rooms": [ROOM]}
UNCONFIRMED = {**EMIT, "confirm": "none"}
DRY = {**EMIT, "dryRun": True}
BATCH = {"items": [EMIT, EMIT]}
MIXED = {"items": [EMIT, {"event": ""}]}
KEY = "the key"
# Which may not do all: they lack every scope that a route takes, may name nothing that is named here, or are used up.
LACKING, NARROW, SPENT = ({"X-API-Key": name} for name in ("lacking", "narrow", "spent"))
SOCKET, OTHER = "Zk3vWq0d7pXy5TnBAAAB", "Zk3vWq0d7pXy5TnBAAAD"
NOBODY = "nobody"
ACKNOWLEDGED = {**EMIT, "ack": {}}
ASKED = {"event": "health", "ack": {}}

# The operations that ask servers, with a body that they take.
READS = [(method, path) for path in ("/v1/sockets", "/v1/rooms", "/v1/counts") for method in ("GET", "HEAD")]
ONE = [(method, "/v1/sockets/{id}") for method in ("GET", "HEAD")]
SERVERS = [(method, "/v1/servers") for method in ("GET", "HEAD")]
# Which goes on; of its body only the beginning is read.
STREAM = [(method, "/v1/events") for method in ("GET", "HEAD")]
TAIL = [(method, "/v1/tail") for method in ("GET", "HEAD")]
STREAMS = [*STREAM, *TAIL]
# Which ask the gateway itself.
OWN = [(method, path) for path in ("/v1/me", "/v1/config") for method in ("GET", "HEAD")]
DISCONNECT = ("DELETE", "/v1/sockets/{id}")
QUERIES = {"/v1/sockets/query": {}, "/v1/counts": {}}
OF_ONE = {"/v1/sockets/{id}/join": {"rooms": ["a"]}, "/v1/sockets/{id}/leave": {"rooms": ["a"]}}
# Which python-socketio has a message for, too.
EMPTY_ROOM = {"/v1/sockets/leave": {"in": ["a"], "rooms": ["a"]}}
OF_MANY = {**EMPTY_ROOM, "/v1/sockets/join": {"in": [ROOM], "rooms": ["a"]}, "/v1/sockets/disconnect": {"in": ["absent"]}}
TO_SERVERS = {"/v1/servers/emit": ASKED}
BODIES = {**QUERIES, **OF_ONE, **OF_MANY, **TO_SERVERS}

# What others deliver, to hooks that are told apart by what they are like.
HOOK, EVENTS = "/v1/hooks/{name}", "/v1/cloudevents"
PAGE = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
SENDER = {"WebHook-Request-Origin": "sender.example"}
HANDSHAKE = {"allowedOrigins": ["sender.example"], "allowedRate": 120}
HOOKS = [
    hook_entry("open", deliveryId="{/id}", **HANDSHAKE),
    hook_entry("choosy", when=[{"value": "{/event}", "equals": "chosen"}]),
    hook_entry("sparing", **{"except": [ROOM]}),
    hook_entry("rare", rate="1/h"),
    *(hook_entry(name) for name in SIGNATURES),
]
CLOUD_EVENTS = {**HANDSHAKE, "when": [{"value": "{/type}", "matches": "e*"}]}
CHALLENGE = {"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
QUESTION = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
EVENT_BATCH = {"Content-Type": "application/cloudevents-batch+json"}
NUMBERS = count()


def cloud_event(**members):
    """One that nobody has sent yet."""
    event = {"specversion": "1.0", "id": str(next(NUMBERS)), "source": "/s", "type": "e", "subject": ROOM}
    return {**event, **members}


def binary_event(**members):
    """As headers."""
    return {f"ce-{name}": value for name, value in cloud_event(**members).items()}


# Of the codes that examples have.
TITLES: dict[str, str] = {}

# Every code with its status and whether the same request can succeed later. `OpenAPITests` and `ProblemPageTests` compare
# both documents with what is compiled, and with it the titles of the examples.
PROBLEMS = {
    code: (int(status), again == "yes")
    for code, status, again in re.findall(
        r"^## (\w+)\n\n(\d+) · again: (yes|no) ·", (REPOSITORY / "docs" / "problems.md").read_text(), re.MULTILINE
    )
}
assert set(PROBLEMS) == set(CONTRACT["components"]["schemas"]["ProblemCode"]["enum"])


# The contract


def resolved(node):
    """The node that a reference stands for."""
    while "$ref" in node:
        target = CONTRACT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def operations():
    """(method, path, operation) of everything documented: "`HEAD` works wherever `GET` does"."""
    return [
        (method, path, operation)
        for path, item in PATHS.items()
        for name, operation in item.items()
        if name != "parameters"
        for method in (["GET", "HEAD"] if name == "get" else [name.upper()])
    ]


def operation_of(method, path):
    """What is documented of it, or None."""
    return next((operation for m, p, operation in operations() if (m, p) == (method, path)), None)


def url(path, socket=SOCKET, query=None, hook="open"):
    """A path of the document as it is requested."""
    filled = path.replace("{id}", socket).replace("{name}", hook)
    filled = filled.replace("vendor/{asset}", "vendor/preact-10.27.2-htm-3.1.1.min.js").replace("{asset}", "app.js")
    return filled + (f"?{urlencode(query, doseq=True)}" if query else "")


def documented_methods(path):
    return {method for method, other, _ in operations() if other == path}


def documented_codes(response):
    """The problem codes that a response's description names."""
    return set(re.findall(r"\w+", response["description"])) & set(PROBLEMS)


def documented_outcomes(status, response):
    """The same, and None for an answer that is no problem although the status is one: a batch all of whose items failed."""
    is_no_problem = int(status) >= 400 and "application/json" in response.get("content", {})
    return documented_codes(response) | ({None} if is_no_problem else set())


# Callers must ignore fields that they do not know, but the gateway must not send any that are not documented.
CLOSED = {
    **CONTRACT["components"],
    "schemas": {
        name: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for name, schema in CONTRACT["components"]["schemas"].items()
    },
}


def faults(schema, instance, components=CONTRACT["components"]):
    """What the schema says against the instance."""
    validator = Draft202012Validator({"allOf": [schema], "components": components})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]


def documented_response(method, path, status):
    if path not in PATHS:
        responses = {"404": {"$ref": "#/components/responses/NotFound"}}
    elif operation := operation_of(method, path):
        responses = operation["responses"]
    else:
        responses = {"405": {"$ref": "#/components/responses/MethodNotAllowed"}}
    assert str(status) in responses, f"{method} {path} answered {status}: not documented"
    return resolved(responses[str(status)])


def check(method, path, response):
    """Asserts that the response is exactly one that the contract has for this request. Returns its body."""
    documented = documented_response(method, path, response.status)
    headers = {name.lower(): value for name, value in response.headers.items()}
    check_headers(documented.get("headers", {}), headers)
    if method == "HEAD" or "content" not in documented:
        assert response.body == b""
        return None
    content_type = headers["content-type"]
    assert content_type in documented["content"], (content_type, list(documented["content"]))
    body = response.json if content_type.endswith("json") else response.body.decode()
    if content_type.endswith("yaml"):
        body = yaml.safe_load(body)
    assert faults(documented["content"][content_type]["schema"], body, CLOSED) == []
    if content_type == "application/problem+json":
        code = body["code"]
        assert code in documented_codes(documented), code
        assert body["type"] == f"/problems#{code}"
        assert body["requestId"] == headers["x-request-id"]
        assert body["status"] == response.status
        assert (body["status"], body["retryable"]) == PROBLEMS[code]
        assert body["title"] == TITLES.setdefault(code, body["title"]), "of a code it is always the same"
    return body


def check_headers(documented, headers):
    transport = {"connection", "content-length", "content-type", "date", "transfer-encoding"}
    documented = {name.lower(): resolved(reference) for name, reference in documented.items()}
    required = {name for name, header in documented.items() if header["required"]}
    assert required <= set(headers) - transport <= set(documented)
    for name in set(documented) & set(headers):
        schema = resolved(documented[name]["schema"])
        value = headers[name]
        assert faults(schema, int(value) if schema.get("type") == "integer" else value) == [], name


# Every documented answer of every operation: in which situation, to which request


@dataclass
class Case:
    method: str
    path: str
    status: int
    code: str | None = None
    body: object = None
    headers: dict = field(default_factory=dict)
    routed: str | bool | None = "any"
    # What comes first with the same key; the body itself is answered again.
    first: object = None
    # For `{id}`, and in place of the path.
    socket: str = SOCKET
    query: dict = field(default_factory=dict)
    target: str | None = None
    # For `{name}`; how its deliveries are signed; what is delivered before; and what is said to have become of it.
    hook: str = "open"
    sign: Callable | None = None
    before: object = None
    outcome: str | None = None

    def __str__(self):
        again = "again" if self.is_replayed else ""
        return f"{self.method} {self.path} {self.status} {self.code or ''} {again}".rstrip()

    @property
    def url(self):
        return self.target or url(self.path, self.socket, self.query, self.hook)

    @property
    def is_replayed(self):
        return self.first is not None and self.first == self.body

    def send(self, gateway):
        if self.method != "POST":
            return gateway.request(self.method, self.url, headers=self.headers)
        headers = self.headers
        if self.sign:
            headers = {**headers, **self.sign(json.dumps(self.body).encode())}
        if self.before is not None:
            gateway.post(self.before, headers, self.url)
        if self.first is not None:
            headers = {**headers, "Idempotency-Key": str(uuid.uuid4())}
            gateway.post(self.first, headers, self.url)
        return gateway.post(self.body, headers, self.url)


def emit(status, code=None, body=None, headers=None, **more):
    return Case("POST", "/v1/emit", status, code, EMIT if body is None else body, headers or {}, **more)


def batch(status, code=None, body=None, headers=None, **more):
    return Case("POST", "/v1/batch", status, code, BATCH if body is None else body, headers or {}, **more)


def both(status, code=None, body=None, headers=None):
    return emit(status, code, body, headers), batch(status, code, body, headers)


def hook(status, code=None, body=None, headers=None, **more):
    return Case("POST", HOOK, status, code, EMIT if body is None else body, headers or {}, **more)


def event(status, code=None, body=None, headers=None, **more):
    body = cloud_event() if body is None else body
    return Case("POST", EVENTS, status, code, body, {**STRUCTURED, **(headers or {})}, **more)


def delivered(status, code=None, headers=None):
    return hook(status, code, headers=headers), event(status, code, headers=headers)


def asked(status, code=None, headers=None):
    """CloudEvents' handshake."""
    return [Case("OPTIONS", path, status, code, None, headers or {}) for path in (HOOK, EVENTS)]


def confirmed(status, code=None, headers=None, hook="meta", **more):
    """The question whether the address is ours."""
    return [Case(method, HOOK, status, code, None, headers or {}, hook=hook, **more) for method in ("GET", "HEAD")]


def in_flight(path):
    return {"Idempotency-Key": f"in flight on {path}"}


def service(status, code=None, headers=None, paths=SERVICE):
    return [Case(method, path, status, code, None, headers or {}) for path in paths for method in ("GET", "HEAD")]


def asking(status, code=None, operations=(), bodies=(), **more):
    """A case for each of these operations, and of the bodies of others."""
    return [
        *(Case(method, path, status, code, **more) for method, path in operations),
        *(Case("POST", path, status, code, BODIES[path], **more) for path in bodies),
    ]


def every(status, code=None, **more):
    """A case for each operation that asks servers."""
    return asking(status, code, [*READS, *ONE, *SERVERS, DISCONNECT], BODIES, **more)


def repeated(status, code=None, bodies=BODIES):
    """What is answered again for the same key."""
    return [Case("POST", path, status, code, BODIES[path], first=BODIES[path]) for path in bodies]


def posted(status, code=None, body=None, headers=None, **more):
    return [Case("POST", path, status, code, body or BODIES[path], headers or {}, **more) for path in BODIES]


CASES = {
    "python-socketio": [
        *service(200, paths=[*SERVICE, *CONSOLE]),
        *service(304, headers={"If-None-Match": "*"}, paths=CONSOLE),
        *service(308, paths=["/console"]),
        *service(400, "malformed_http", {"Transfer-Encoding": "gzip"}, EVERYBODYS),
        *service(403, "host_not_allowed", {"Host": "example.com"}, EVERYBODYS),
        *service(403, "origin_not_allowed", {"Origin": "http://example.com"}, EVERYBODYS),
        *service(413, "payload_too_large", {"Content-Length": str(10**9)}, EVERYBODYS),
        emit(200, routed=None),
        emit(200, routed=None, first=EMIT),
        emit(202, body=UNCONFIRMED, routed=None),
        emit(202, body=UNCONFIRMED, routed=None, first=UNCONFIRMED),
        batch(200),
        batch(200, body=b'{"event": "e"}\n\n{"event": "e"}', headers={"Content-Type": "application/x-ndjson"}),
        batch(200, first=BATCH),
        batch(207, body=MIXED),
        batch(207, body=MIXED, first=MIXED),
        *both(400, "invalid_json", b"{"),
        emit(400, "duplicate_key", b'{"event": "e", "event": "e"}'),
        batch(400, "duplicate_key", b'{"items": [], "items": []}'),
        emit(400, "too_deep", b"[" * 65 + b"]" * 65),
        batch(400, "too_deep", b'{"items": [%s]}' % (b"[" * 65 + b"]" * 65)),
        *both(400, "malformed_http", b"", {"Transfer-Encoding": "gzip"}),
        *both(403, "host_not_allowed", headers={"Host": "example.com"}),
        *both(403, "origin_not_allowed", headers={"Origin": "http://example.com"}),
        *both(413, "payload_too_large", b"", {"Content-Length": str(10**9)}),
        batch(413, "payload_too_large", {"items": [0] * 10_001}),
        *both(415, "unsupported_media_type", headers={"Content-Type": "text/plain"}),
        *both(415, "unsupported_media_type", headers={"Content-Type": "application/json; charset=latin-1"}),
        *both(415, "unsupported_media_type", headers={"Content-Encoding": "gzip"}),
        emit(415, "unsupported_media_type", headers={"Content-Type": "application/x-ndjson"}),
        *both(422, "invalid_request", {"event": ""}),
        batch(422, body={"items": [{"event": ""}]}),
        batch(400, body=b"{\n[", headers={"Content-Type": "application/jsonl"}),
        *both(422, "invalid_request", headers={"Idempotency-Key": "k" * 256}),
        emit(422, "not_expressible", {**EMIT, "except": ["a"]}),
        emit(422, "idempotency_key_reused", first={"event": "another"}),
        batch(422, "idempotency_key_reused", first=MIXED),
        # Callbacks, which nobody sends.
        emit(200, body={**ACKNOWLEDGED, "ack": {"timeoutMs": 100}}, routed=None),
        emit(422, "not_expressible", {"event": "e", "ack": {}}),
        emit(422, "invalid_request", {**ACKNOWLEDGED, "confirm": "none"}),
        *asking(202, operations=[DISCONNECT], bodies=[*OF_ONE, *EMPTY_ROOM]),
        *repeated(202, bodies=[*OF_ONE, *EMPTY_ROOM]),
        *asking(200, operations=OWN),
        *asking(403, "host_not_allowed", OWN, headers={"Host": "example.com"}),
        *asking(403, "origin_not_allowed", OWN, headers={"Origin": "http://example.com"}),
        *asking(413, "payload_too_large", OWN, headers={"Content-Length": str(10**9)}),
        *asking(422, "invalid_request", OWN, query={"key": "a"}),
        *asking(200, operations=STREAMS),
        *asking(400, "malformed_http", STREAMS, headers={"Transfer-Encoding": "gzip"}),
        *asking(403, "host_not_allowed", STREAMS, headers={"Host": "example.com"}),
        *asking(403, "origin_not_allowed", STREAMS, headers={"Origin": "http://example.com"}),
        *asking(413, "payload_too_large", STREAMS, headers={"Content-Length": str(10**9)}),
        *asking(422, "invalid_request", STREAMS, query={"type": "rooms"}),
        *every(400, "malformed_http", headers={"Transfer-Encoding": "gzip"}),
        *(
            Case(method, path, 400, "malformed_http", target=f"{url(path)}?namespace=%2")
            for method, path in [*READS, *ONE, *SERVERS, *OWN, DISCONNECT]
        ),
        *asking(400, "malformed_http", [*ONE, DISCONNECT], OF_ONE, socket="%zz"),
        *posted(400, "invalid_json", b"{"),
        *posted(400, "duplicate_key", b'{"namespace": "/", "namespace": "/"}'),
        *posted(400, "too_deep", b"[" * 65 + b"]" * 65),
        *every(403, "host_not_allowed", headers={"Host": "example.com"}),
        *every(403, "origin_not_allowed", headers={"Origin": "http://example.com"}),
        *every(413, "payload_too_large", headers={"Content-Length": str(10**9)}),
        *posted(415, "unsupported_media_type", headers={"Content-Type": "text/plain"}),
        *asking(422, "invalid_request", [*READS, *ONE, *SERVERS, DISCONNECT], query={"room_": "a"}),
        *asking(422, "invalid_request", [*ONE, DISCONNECT], socket="x" * 256),
        # What would harm sockets or servers, or do less than was asked for.
        Case(*DISCONNECT, 422, "not_expressible", query={"close": "true"}),
        Case("POST", "/v1/sockets/{id}/join", 422, "not_expressible", {"rooms": ["a", OTHER]}),
        Case("POST", "/v1/sockets/{id}/leave", 422, "not_expressible", {"rooms": [SOCKET]}),
        Case("POST", "/v1/sockets/leave", 422, "not_expressible", {"in": [SOCKET], "rooms": [SOCKET]}),
        *posted(422, "invalid_request", {"room": "a"}),
        *posted(422, "invalid_request", headers={"Idempotency-Key": "k" * 256}),
        *(hook(200, hook=name, sign=sign, outcome="confirmed") for name, sign in SIGNATURES.items()),
        *(hook(401, "not_authentic", hook=name) for name in SIGNATURES),
        hook(200, outcome="confirmed"),
        hook(200, body=f"payload={json.dumps(EMIT)}", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        hook(200, headers={"Content-Type": "application/vnd.api+json"}, outcome="confirmed"),
        hook(200, hook="choosy", outcome="ignored"),
        hook(200, body={**EMIT, "id": 1}, before={**EMIT, "id": 1}, outcome="duplicate"),
        hook(200, hook="slack", body=CHALLENGE, sign=SIGNATURES["slack"], outcome=CHALLENGE["challenge"]),
        event(200, outcome="confirmed"),
        event(200, body=b"data", headers={"Content-Type": "text/plain", **binary_event()}, outcome="confirmed"),
        event(200, body=cloud_event(type="ignored"), outcome="ignored"),
        event(200, body=cloud_event(id="twice"), before=cloud_event(id="twice"), outcome="duplicate"),
        *confirmed(200, query=QUESTION),
        *confirmed(200, hook="trello"),
        *confirmed(400, "malformed_http", headers={"Transfer-Encoding": "gzip"}, query=QUESTION),
        *confirmed(403, "handshake_refused"),
        *confirmed(403, "handshake_refused", query={**QUESTION, "hub.verify_token": "another"}),
        *confirmed(405, "method_not_allowed", hook="github", query=QUESTION),
        *confirmed(405, "method_not_allowed", hook="absent", query=QUESTION),
        *confirmed(413, "payload_too_large", headers={"Content-Length": str(10**9)}, query=QUESTION),
        *asked(200, headers=SENDER),
        *asked(204),
        *asked(204, headers={"WebHook-Request-Origin": "another.example"}),
        *(
            make(400, code, body)
            for make in (hook, event)
            for code, body in [
                ("invalid_json", b"{"),
                ("duplicate_key", b'{"a": 1, "a": 1}'),
                ("too_deep", b"[" * 65 + b"]" * 65),
            ]
        ),
        *delivered(400, "malformed_http", headers={"Transfer-Encoding": "gzip"}),
        *asked(400, "malformed_http", headers={"Transfer-Encoding": "gzip"}),
        *delivered(403, "host_not_allowed", headers={"Host": "example.com"}),
        *asked(403, "host_not_allowed", headers={"Host": "example.com"}),
        *delivered(403, "origin_not_allowed", headers={"Origin": "http://example.com"}),
        *asked(403, "origin_not_allowed", headers={"Origin": "http://example.com"}),
        hook(404, "not_found", hook="absent"),
        Case("OPTIONS", HOOK, 404, "not_found", hook="absent"),
        *delivered(413, "payload_too_large", headers={"Content-Length": str(10**9)}),
        *asked(413, "payload_too_large", headers={"Content-Length": str(10**9)}),
        *delivered(415, "unsupported_media_type", headers={"Content-Type": "text/plain"}),
        *delivered(415, "unsupported_media_type", headers={"Content-Encoding": "gzip"}),
        hook(422, "invalid_request", query={"a": "b"}),
        hook(422, "invalid_request", b"a=1&a=1", {"Content-Type": "application/x-www-form-urlencoded"}),
        hook(422, "delivery_refused", {"event": "connect", "rooms": [ROOM]}),
        hook(422, "delivery_refused", {"event": "e"}),
        hook(422, "not_expressible", hook="sparing"),
        event(422, "invalid_request", {}),
        event(501, "not_implemented", [cloud_event()], EVENT_BATCH),
        event(422, "delivery_refused", cloud_event(subject=None)),
    ],
    "servers": [
        *asking(200, operations=[*READS, *ONE, *SERVERS], bodies=BODIES),
        *asking(200, operations=READS, query={"namespace": "/nowhere"}),
        *repeated(200),
        *(
            Case("POST", path, 422, "idempotency_key_reused", body, first={**body, "namespace": "/nowhere"})
            for path, body in {**QUERIES, **OF_MANY, **TO_SERVERS}.items()
        ),
        *(
            Case("POST", path, 422, "idempotency_key_reused", {"rooms": ["b"]}, first=body)
            for path, body in OF_ONE.items()
        ),
        Case(*DISCONNECT, 200, socket="another"),
        *asking(404, "not_found", [*ONE, DISCONNECT], OF_ONE, socket=NOBODY),
        emit(200, body=ACKNOWLEDGED, routed=True),
        emit(200, body={"event": "e", "ack": {"mode": "first"}}, routed=True),
        emit(200, body={**ACKNOWLEDGED, "namespace": "/nowhere"}, routed=False),
        emit(200, body={"event": "e", "except": [ROOM]}, routed=None),
        Case("POST", "/v1/servers/emit", 200, body={"event": "unheard", "ack": {}}),
        Case("POST", "/v1/servers/emit", 200, body={"event": "e", "args": [1]}, routed=True),
        Case("POST", "/v1/servers/emit", 200, body={"event": "e", "namespace": "/nowhere"}, routed=False),
    ],
    "an early server": [
        *(Case("POST", path, 501, "not_supported", {**BODIES[path], "rooms": [42]}) for path in [*QUERIES, *OF_ONE]),
        *(Case("POST", path, 501, "not_supported", {**body, "in": [42]}) for path, body in OF_MANY.items()),
        emit(501, "not_supported", {**ACKNOWLEDGED, "rooms": [42]}),
        emit(501, "not_supported", {"event": "e", "except": [42]}),
        emit(200, body={"event": "e", "rooms": [42]}, routed=None),
    ],
    "a silent server": [
        *asking(200, operations=[*READS, *ONE, *SERVERS], bodies=BODIES),
        *asking(503, "incomplete", [*ONE, DISCONNECT], OF_ONE, socket=NOBODY),
        emit(200, body=ACKNOWLEDGED, routed=True),
        emit(503, "incomplete", {"event": "e", "except": [ROOM]}),
        hook(503, "incomplete", hook="sparing"),
        event(503, "incomplete"),
    ],
    "a server that cannot do all": [emit(501, "not_supported", ACKNOWLEDGED)],
    "a connection that is lost": [
        *asking(504, "confirm_timeout", [DISCONNECT], [*OF_ONE, *OF_MANY, *TO_SERVERS]),
        *repeated(504, "confirm_timeout", [*OF_ONE, *OF_MANY, *TO_SERVERS]),
        *asking(503, "broker_unavailable", READS),
    ],
    "an exchange of another type": every(503, "broker_refused"),
    "a full queue of python-socketio": [
        *asking(503, "broker_nack", [DISCONNECT], [*OF_ONE, *EMPTY_ROOM]),
        *repeated(503, "broker_nack", [*OF_ONE, *EMPTY_ROOM]),
    ],
    "amqp0": [
        *asking(503, "no_servers", [*READS, *ONE, DISCONNECT], BODIES),
        *asking(200, operations=SERVERS),
        emit(503, "no_servers", ACKNOWLEDGED),
        emit(200, routed=True),
        emit(200, body={"event": "e", "rooms": ["nobody"]}, routed=False),
        emit(200, body=DRY),
        emit(422, "not_expressible", {**DRY, "rooms": ["broadcast"]}),
        emit(413, "payload_too_large", {"event": "e", "data": "x" * 10**6, "rooms": [str(n) for n in range(99)]}),
        batch(413, body={"items": [{"event": "e", "data": "x" * 10**6, "rooms": [str(n) for n in range(99)]}]}),
        emit(422, "not_expressible", {"event": "e", "rooms": ["broadcast"]}),
        emit(422, "not_expressible", {"event": "e", "rooms": [42]}),
        *(Case("POST", path, 422, "not_expressible", {**body, "in": ["a", 42]}) for path, body in OF_MANY.items()),
        *(Case("POST", path, 422, "not_expressible", {"rooms": ["a", 42]}) for path in OF_ONE),
        hook(422, "not_expressible", {"event": "e", "rooms": ["broadcast"]}),
        event(422, "not_expressible", cloud_event(subject="broadcast")),
    ],
    "no exchange": [emit(200, routed=False), emit(200, body=DRY), batch(200, body={"items": [EMIT, DRY]})],
    "a key": [
        emit(200, headers={"X-API-Key": KEY}),
        emit(200, headers={"Authorization": f"Bearer {KEY}"}),
        *both(400, "ambiguous_credentials", headers={"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}),
        *both(401, "unauthorized"),
        *both(401, "unauthorized", headers={"X-API-Key": "another"}),
        event(400, "ambiguous_credentials", headers={"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}),
        event(401, "unauthorized"),
        event(200, headers={"X-API-Key": KEY}, outcome="confirmed"),
        hook(200, outcome="confirmed"),
        hook(200, hook="bearer", sign=SIGNATURES["bearer"], outcome="confirmed"),
        *every(400, "ambiguous_credentials", headers={"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}),
        *every(401, "unauthorized"),
        Case(*DISCONNECT, 202, headers={"X-API-Key": KEY}),
        *asking(200, operations=OWN, headers={"X-API-Key": KEY}),
        *asking(400, "ambiguous_credentials", OWN, headers={"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}),
        *asking(401, "unauthorized", OWN),
        *asking(400, "ambiguous_credentials", STREAMS, headers={"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}),
        *asking(401, "unauthorized", STREAMS),
    ],
    "keys that may not do all": [
        *both(403, "insufficient_scope", headers=LACKING),
        *every(403, "insufficient_scope", headers=LACKING),
        emit(403, "beyond_reach", headers=NARROW),
        batch(403, headers=NARROW),
        *every(403, "beyond_reach", headers=NARROW),
        *asking(200, operations=OWN, headers=NARROW),
        *asking(403, "insufficient_scope", [own for own in OWN if own[1] == "/v1/config"], headers=LACKING),
        *asking(429, "rate_limited", OWN, headers=SPENT),
        *asking(429, "rate_limited", STREAMS, headers=SPENT),
        *asking(403, "insufficient_scope", STREAMS, headers=LACKING),
        *asking(403, "beyond_reach", STREAM, headers=NARROW, query={"namespace": "/"}),
        *both(429, "rate_limited", headers=SPENT),
        *every(429, "rate_limited", headers=SPENT),
        event(403, "insufficient_scope", headers=LACKING),
        event(403, "beyond_reach", headers=NARROW),
        event(429, "rate_limited", headers=SPENT),
        hook(429, "rate_limited", hook="rare"),
        *service(400, "ambiguous_credentials", {**NARROW, "Authorization": "Bearer narrow"}, paths=["/metrics"]),
        *service(401, "unauthorized", paths=["/metrics"]),
        *service(403, "insufficient_scope", LACKING, paths=["/metrics"]),
        *service(429, "rate_limited", SPENT, paths=["/metrics"]),
        *service(200, headers=NARROW, paths=["/metrics"]),
    ],
    "questions turned off": [
        *every(501, "turned_off"),
        *asking(501, "turned_off", STREAM),
        emit(501, "turned_off", ACKNOWLEDGED),
    ],
    "questions of python-socketio turned off": [
        Case(*DISCONNECT, 202),
        emit(501, "turned_off", {"event": "e", "except": [ROOM]}),
        hook(501, "turned_off", hook="sparing"),
        event(501, "turned_off"),
    ],
    "no console": service(404, "not_found", paths=["/console", *CONSOLE]),
    "no broker": [
        *every(503, "broker_unavailable"),
        emit(503, "broker_unavailable"),
        batch(503),
        *delivered(503, "broker_unavailable"),
        *service(503, "broker_unavailable", paths=["/readyz"]),
    ],
    "an internal exchange": [emit(503, "broker_refused"), batch(503), *delivered(503, "broker_refused")],
    "a full queue": [
        Case("POST", "/v1/servers/emit", 503, "broker_nack", {"event": "e"}),
        Case("POST", "/v1/servers/emit", 503, "broker_nack", {"event": "e"}, first={"event": "e"}),
        *delivered(503, "broker_nack"),
        emit(503, "broker_nack"), emit(503, "broker_nack", first=EMIT), batch(504)],
    "an alarm": [
        *asking(503, "broker_blocked", [*READS, *ONE, DISCONNECT], BODIES),
        Case("POST", "/v1/servers/emit", 503, "broker_blocked", {"event": "e"}),
        *delivered(503, "broker_blocked"),
        emit(503, "broker_blocked"), batch(503), *service(503, "broker_blocked", paths=["/readyz"])],
    "a paused broker": [
        Case("POST", "/v1/servers/emit", 504, "confirm_timeout", {"event": "e"}),
        *delivered(504, "confirm_timeout"),
        emit(504, "confirm_timeout"), emit(504, "confirm_timeout", first=EMIT),
        batch(504), batch(504, first=BATCH)],
    "deliveries under way": [
        hook(503, "delivery_in_flight", {**EMIT, "id": 1}),
        event(503, "delivery_in_flight"),
    ],
    "requests in flight": [
        emit(409, "idempotency_key_in_flight", headers=in_flight("/v1/emit")),
        batch(409, "idempotency_key_in_flight", headers=in_flight("/v1/batch")),
        *(
            Case("POST", path, 409, "idempotency_key_in_flight", body, in_flight(url(path)))
            for path, body in BODIES.items()
        ),
    ],
    "too many requests": [
        *both(503, "overloaded"),
        *every(503, "overloaded"),
        *delivered(503, "overloaded"),
        *asked(503, "overloaded"),
        *confirmed(503, "overloaded", query=QUESTION),
        *asking(503, "overloaded", OWN),
        *asking(503, "overloaded", STREAMS),
        *service(200, paths=[*SERVICE, *CONSOLE]),
    ],
    "too many questions": [
        *asking(503, "overloaded", [*READS, *ONE, DISCONNECT], BODIES),
        emit(503, "overloaded", ACKNOWLEDGED),
    ],
    "shutting down": [emit(200), *service(503, "shutting_down", paths=["/readyz"])],
}


class HookedGateway(Gateway):
    """With a configuration file that has hooks."""

    def __init__(self, amqp_url, *flags, keys=(), cloud_events=None, **settings):
        self._file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        json.dump({"keys": [*keys], "hooks": HOOKS, "cloudEvents": {**CLOUD_EVENTS, **(cloud_events or {})}}, self._file)
        self._file.flush()
        super().__init__(amqp_url, *flags, config=self._file.name, **{"console": "on", **settings})


FULL = {"x-max-length": 1, "x-overflow": "reject-publish"}


def declare(broker, exchange, queue_arguments=None, kind="direct", key=ROOM, **options):
    """The servers' side of amqp0: an exchange, and a queue for the room."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.exchange_declare(exchange, kind, **options)
    channel.queue_declare(exchange, arguments=queue_arguments)
    channel.queue_bind(exchange, exchange, key)
    connection.close()


def amqp0(broker, exchange=f"{EXCHANGE}.rooms", make=HookedGateway, **settings):
    return make(broker.url, wire_format="amqp0", amqp0_exchange=exchange, loops=1, **settings)


@contextmanager
def with_python_socketio(broker, **settings):
    with Witness(broker.url, EXCHANGE, "fanout"):
        with HookedGateway(broker.url, python_socketio_exchange=EXCHANGE, **settings) as gateway:
            yield gateway


@contextmanager
def with_servers(broker, silent=False, about=None, **settings):
    """Two of them, one of which may say nothing. `about`: what the other says of itself."""
    with (
        ClusterServer(broker.url, {SOCKET: {ROOM, "a", 42}, "another": {"a"}}, about={**FEATURES, **(about or {})}),
        ClusterServer(broker.url, {"third": {ROOM}}, silent=silent, about=FEATURES),
        with_python_socketio(broker, **settings) as gateway,
    ):
        wait_for_servers(gateway, 2)
        yield gateway


def wait_for_servers(gateway, count):
    deadline = end_of_patience()
    gateway.wait_until(lambda: len(known_servers(gateway)) == count, deadline, f"know {count} servers")


def known_servers(gateway):
    return Gateway.request(gateway, "GET", "/v1/servers").json.get("servers", [])


class GatewayThatLosesConnections(HookedGateway):
    """Before each request it is connected again."""

    def request(self, method, path, *arguments, **more):
        if path.startswith("/v1/"):
            self.wait_until(lambda: known_servers(self), end_of_patience(), "be connected again")
        return super().request(method, path, *arguments, **more)


@contextmanager
def with_an_early_server(broker):
    with ClusterServer(broker.url, {SOCKET: {ROOM}}), with_python_socketio(broker) as gateway:
        wait_for_servers(gateway, 1)
        yield gateway


@contextmanager
def with_connections_that_are_lost(broker):
    """Whenever the servers are asked."""
    with CuttingProxy(broker.url) as proxy:

        def lose(_):
            proxy.cut()
            proxy.mend()

        with (
            ClusterServer(broker.url, silent=True, asked=lose),
            GatewayThatLosesConnections(proxy.url, python_socketio_exchange=EXCHANGE) as gateway,
        ):
            yield gateway


@contextmanager
def with_cluster_exchange_of_another_type(broker):
    with Witness(broker.url, EXCHANGE, "fanout"), with_amqp0(broker, cluster_exchange=EXCHANGE) as gateway:
        yield gateway


@contextmanager
def with_full_queue_of_python_socketio(broker):
    exchange = f"{EXCHANGE}.full.fanout"
    declare(broker, exchange, FULL, kind="fanout")
    with HookedGateway(broker.url, python_socketio_exchange=exchange) as gateway:
        gateway.emit(**EMIT)
        yield gateway


@contextmanager
def with_amqp0(broker, **settings):
    declare(broker, f"{EXCHANGE}.rooms")
    with amqp0(broker, **settings) as gateway:
        yield gateway


@contextmanager
def without_broker(_):
    gateway = HookedGateway("amqp://127.0.0.1:1", requests_timeout="100ms").start(ready=False)
    yield gateway
    gateway.stop()


def entry(headers, **members):
    key = headers["X-API-Key"]
    return {"name": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), **members}


@contextmanager
def with_keys_that_may_not_do_all(broker):
    keys = [
        entry(LACKING, scopes=["sockets:handshake"]),
        entry(NARROW, scopes=["*"], namespaces=["/narrow"]),
        entry(SPENT, scopes=["*"], rate="1/h"),
    ]
    with with_python_socketio(broker, keys=keys, protect_metrics="on") as gateway:
        gateway.get("/v1/rooms", SPENT)
        gateway.post(EMIT, path=url(HOOK, hook="rare"))
        yield gateway


@contextmanager
def with_internal_exchange(broker):
    declare(broker, f"{EXCHANGE}.internal", internal=True)
    with amqp0(broker, f"{EXCHANGE}.internal") as gateway:
        yield gateway


@contextmanager
def with_full_queue(broker):
    cluster = f"{EXCHANGE}.full.cluster"
    declare(broker, f"{EXCHANGE}.full", FULL)
    declare(broker, cluster, FULL, key="/")
    with amqp0(broker, f"{EXCHANGE}.full", cluster_exchange=cluster) as gateway:
        gateway.emit(**EMIT)
        assert gateway.post({"event": "e"}, path="/v1/servers/emit").status == 200
        yield gateway


@contextmanager
def with_alarm(broker):
    with with_amqp0(broker) as gateway:
        broker.ctl("set_vm_memory_high_watermark", "0")
        try:
            deadline = end_of_patience()
            gateway.wait_until(lambda: gateway.get("/readyz").status == 503, deadline, "notice the alarm")
            gateway.wait_until(
                lambda: b"broker_blocked" in gateway.get("/v1/counts").body, deadline, "notice it where it asks servers"
            )
            yield gateway
        finally:
            broker.ctl("set_vm_memory_high_watermark", "0.4")


@contextmanager
def with_paused_broker(broker, confirm_timeout="300ms", servers=0, **settings):
    with with_amqp0(broker, confirm_timeout=confirm_timeout, **settings) as gateway:
        wait_for_servers(gateway, servers)
        # The exchanges are known to be there.
        gateway.emit(**EMIT)
        assert gateway.post({"event": "e"}, path="/v1/servers/emit").status == 200
        broker.pause()
        try:
            yield gateway
        finally:
            broker.resume()


@contextmanager
def with_requests_in_flight(broker):
    with ExitStack() as waiting:
        waiting.enter_context(ClusterServer(broker.url, silent=True))
        settings = {"confirm_timeout": "60s", "requests_timeout": "60s"}
        gateway = waiting.enter_context(with_paused_broker(broker, servers=1, **settings))
        requests = {"/v1/emit": EMIT, "/v1/batch": BATCH, **{url(path): body for path, body in BODIES.items()}}
        for path, body in requests.items():
            waiting.enter_context(gateway.send(body, in_flight(path), path))
        gateway.wait_for_in_flight(len(requests))
        yield gateway


class GatewayThatIsBusyWithDeliveries(HookedGateway):
    """What is delivered to it is under way already."""

    def request(self, method, path, body=None, headers=None, timeout=15):
        if not path.startswith(("/v1/hooks/", EVENTS)):
            return super().request(method, path, body, headers, timeout)
        with Sent(self.address, path, body, headers) as first:
            self.wait_for_in_flight(1)
            response = super().request(method, path, body, headers, timeout)
            assert first.response().status == 504
            return response


@contextmanager
def with_too_many_requests(broker):
    with with_paused_broker(broker, confirm_timeout="60s", max_in_flight=1) as gateway:
        with closing(http.client.HTTPConnection(*gateway.address)) as waiting:
            # A request is counted a moment longer than its answer takes, but not when the next one on its connection comes.
            waiting.request("GET", "/livez")
            assert waiting.getresponse().read()
            waiting.request("POST", "/v1/emit", json.dumps(EMIT), {"Content-Type": "application/json"})
            deadline = end_of_patience()
            gateway.wait_until(lambda: b"in_flight 2\n" in gateway.get("/metrics").body, deadline, "be busy")
            yield gateway


@contextmanager
def with_too_many_questions(broker):
    settings = {"max_waiting": 1, "requests_timeout": "60s"}
    with ClusterServer(broker.url, silent=True), with_amqp0(broker, **settings) as gateway:
        wait_for_servers(gateway, 1)
        with closing(http.client.HTTPConnection(*gateway.address)) as waiting:
            waiting.request("GET", "/v1/sockets?limit=7")
            deadline = end_of_patience()
            gateway.wait_until(lambda: b"overloaded" in gateway.get("/v1/counts?timeoutMs=1").body, deadline, "be busy")
            yield gateway


@contextmanager
def while_shutting_down(broker):
    declare(broker, f"{EXCHANGE}.rooms")
    gateway = amqp0(broker, shutdown_delay="60s").start()
    gateway._process.send_signal(signal.SIGTERM)
    gateway.wait_until(lambda: gateway.get("/readyz").status == 503, end_of_patience(), "fail /readyz")
    yield gateway
    gateway.stop()


SITUATIONS = {
    "python-socketio": with_python_socketio,
    "servers": with_servers,
    "a server that cannot do all": lambda broker: with_servers(broker, about={"features": []}),
    "a silent server": lambda broker: with_servers(
        broker, silent=True, requests_timeout="200ms", cloud_events={"except": [ROOM]}
    ),
    "an early server": with_an_early_server,
    "a connection that is lost": with_connections_that_are_lost,
    "an exchange of another type": with_cluster_exchange_of_another_type,
    "a full queue of python-socketio": with_full_queue_of_python_socketio,
    "amqp0": with_amqp0,
    "no exchange": lambda broker: amqp0(broker, f"{EXCHANGE}.absent"),
    "questions turned off": lambda broker: with_amqp0(broker, cluster_enabled=False),
    "questions of python-socketio turned off": lambda broker: with_python_socketio(
        broker, cluster_enabled=False, cloud_events={"except": [ROOM]}
    ),
    "a key": lambda broker: with_python_socketio(broker, api_key=KEY),
    "an allowed origin": lambda broker: with_python_socketio(broker, cors_origins=PAGE["Origin"]),
    "keys that may not do all": with_keys_that_may_not_do_all,
    "no console": lambda broker: with_python_socketio(broker, console="off"),
    "no broker": without_broker,
    "an internal exchange": with_internal_exchange,
    "a full queue": with_full_queue,
    "an alarm": with_alarm,
    "a paused broker": with_paused_broker,
    "deliveries under way": lambda broker: with_paused_broker(
        broker, confirm_timeout="5s", make=GatewayThatIsBusyWithDeliveries
    ),
    "requests in flight": with_requests_in_flight,
    "too many requests": with_too_many_requests,
    "too many questions": with_too_many_questions,
    "shutting down": while_shutting_down,
}


@pytest.fixture(scope="module")
def situate(own_broker):
    """The gateway in a situation, which lasts until another one is asked for."""
    with ExitStack() as stack:
        lasting = {}

        def situate(name):
            if name not in lasting:
                lasting.clear()
                stack.close()
                lasting[name] = stack.enter_context(SITUATIONS[name](own_broker))
            return lasting[name]

        yield situate


@pytest.fixture
def gateway(request, situate):
    return situate(request.param)


def in_situation(*names):
    return pytest.mark.parametrize("gateway", names, indirect=True)


@pytest.mark.parametrize(
    "gateway, case",
    [pytest.param(name, case, id=f"{name}: {case}") for name, cases in CASES.items() for case in cases],
    indirect=["gateway"],
)
def test_an_answer_is_as_documented(gateway, case):
    response = case.send(gateway)
    body = check(case.method, case.path, response)
    assert response.status == case.status, body
    assert ("Idempotent-Replayed" in response.headers) == case.is_replayed
    if case.method != "HEAD" and case.code:
        assert body["code"] == case.code
    if case.routed != "any":
        assert body["routed"] is case.routed
        assert ("reason" in body) == (case.routed is False)
    if case.outcome:
        assert outcome(body) == case.outcome


def outcome(answer):
    """What is said to have become of a delivery, or what Slack wants to hear."""
    return answer if isinstance(answer, str) else answer["status"]


def test_every_documented_answer_is_among_the_cases():
    documented = {
        (method, path, int(status), code)
        for method, path, operation in operations()
        for status, response in operation["responses"].items()
        # What a HEAD request is answered has no body to tell codes apart by.
        for code in (method != "HEAD" and documented_outcomes(status, resolved(response))) or {None}
    }
    cases = {
        (case.method, case.path, case.status, case.code if case.method != "HEAD" else None)
        for cases in CASES.values()
        for case in cases
    }
    assert cases == documented


def test_every_answer_that_may_be_given_again_is_among_the_cases():
    documented = {
        (method, path, int(status))
        for method, path, operation in operations()
        for status, response in operation["responses"].items()
        if "Idempotent-Replayed" in resolved(response).get("headers", {})
    }
    cases = {(c.method, c.path, c.status) for cases in CASES.values() for c in cases if c.is_replayed}
    assert cases == documented


@pytest.mark.parametrize("path", [HOOK, EVENTS])
def test_every_outcome_of_a_delivery_is_among_the_cases(path):
    contents = resolved(PATHS[path]["post"]["responses"]["200"])["content"]
    documented = {outcome(example) for content in contents.values() for example in examples(content)}
    documented |= {"confirmed", *CONTRACT["components"]["schemas"]["DeliveryPassed"]["properties"]["status"]["enum"]}
    outcomes = [case.outcome for cases in CASES.values() for case in cases if case.path == path and case.outcome]
    assert set(outcomes) == documented


# The document


def test_it_is_valid_openapi():
    assert CONTRACT["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(CONTRACT).iter_errors()] == []


def test_it_is_one_that_every_generator_of_code_reads():
    """Some refuse aliases; others leave out every operation with a reference to the inside of a schema."""
    events = yaml.parse((REPOSITORY / "openapi.yaml").read_text())
    marked = [event.start_mark.line + 1 for event in events if getattr(event, "anchor", None)]
    assert marked == [], "anchors and aliases, at these lines"
    references = set(re.findall(r"\$ref: '?([^'}\s]+)", (REPOSITORY / "openapi.yaml").read_text()))
    whole = {f"#/components/{kind}/{name}" for kind, named in CONTRACT["components"].items() for name in named}
    assert references - whole == set()
    # Nor is there any that nothing refers to, but for what prose says of all paths.
    named_in_prose = {f"#/components/responses/{name}" for name in ("MethodNotAllowed", "HeadTooLarge")}
    assert whole - references == named_in_prose | {f"#/components/securitySchemes/{name}" for name in ("bearer", "apiKey")}


@in_situation("python-socketio")
def test_it_is_served_as_it_is(gateway):
    assert gateway.get("/openapi.yaml").body == (REPOSITORY / "openapi.yaml").read_bytes()


@in_situation("python-socketio")
def test_it_is_served_as_json_too(gateway):
    """Every key, every value with its type, in the same order; as YAML 1.2 and 1.1 read it, which differ in what is plain text."""
    served = json.dumps(gateway.get("/openapi.json").json)
    assert served == json.dumps(YAML(typ="safe", pure=True).load(REPOSITORY / "openapi.yaml")) == json.dumps(CONTRACT)


def allowed(response):
    return {method.strip() for method in response.headers["Allow"].split(",")}


@in_situation("python-socketio")
@pytest.mark.parametrize("path", PATHS)
def test_documented_methods_are_served_and_no_others(gateway, path):
    # Of hooks one that knows all methods.
    target = url(path, hook="meta")
    options = gateway.request("OPTIONS", target)
    assert (options.status, options.body) == (204, b"")
    assert allowed(options) == documented_methods(path) | {"OPTIONS"}
    for method in METHODS:
        response = gateway.request(method, target)
        check(method, path, response)
        assert response.status != 404
        assert (response.status == 405) == (method not in documented_methods(path)), method
        if response.status == 405:
            assert allowed(response) == allowed(options)


@in_situation("an allowed origin")
@pytest.mark.parametrize("path", [HOOK, EVENTS])
def test_pages_are_answered_also_where_options_is_a_handshake(gateway, path):
    preflight = gateway.request("OPTIONS", url(path), headers=PAGE)
    check("OPTIONS", path, preflight)
    headers = resolved(PATHS[path]["options"]["responses"]["204"])["headers"]
    expected = {name for name in headers if name.startswith("Access-Control-")} - {"Access-Control-Expose-Headers"}
    assert (preflight.status, expected - set(preflight.headers)) == (204, set())
    assert preflight.headers["Access-Control-Allow-Methods"] == preflight.headers["Allow"] == "OPTIONS, POST"
    handshake = gateway.request("OPTIONS", url(path), headers={**SENDER, "Origin": PAGE["Origin"]})
    check("OPTIONS", path, handshake)
    assert (handshake.status, handshake.headers["Access-Control-Allow-Origin"]) == (200, PAGE["Origin"])


@in_situation("python-socketio")
@pytest.mark.parametrize("method", METHODS)
def test_another_path_is_404(gateway, method):
    for path in ("/v1", "/v1/emit/", "/metrics/x"):
        response = gateway.request(method, path)
        check(method, path, response)
        assert response.status == 404


@in_situation("a key")
def test_a_key_is_needed_exactly_where_the_document_says_so(gateway):
    for method, path, operation in operations():
        response = gateway.request(method, url(path))
        check(method, path, response)
        assert (response.status == 401) == (operation.get("security", CONTRACT["security"]) != []), (method, path)


@in_situation("python-socketio")
def test_bare_answers_to_what_is_not_http_have_the_documented_statuses(gateway):
    requests = [
        b"GET /livez\r\n\r\n",
        b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 20_000),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n" % (b"x" * 20_000),
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
    ]
    answers = [converse(gateway.address, request, expect=1) for request in requests]
    sentence = re.search(r"may get a bare ([\d, or]+)", " ".join(CONTRACT["info"]["description"].split()))[1]
    assert [answer.statuses for answer in answers] == [[int(status)] for status in re.findall(r"\d+", sentence)]
    assert not any(b"problem+json" in answer.data for answer in answers)


@in_situation("python-socketio")
@pytest.mark.parametrize("length", [2**63 - 1, 2**63, 2**64 - 1])
def test_a_length_beyond_the_numbers_of_the_gateway_is_413(gateway, length):
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
    assert converse(gateway.address, request, expect=1).statuses == [413]


@in_situation("python-socketio")
def test_metrics_are_those_of_the_table(gateway):
    gateway.emit(**EMIT)
    text = gateway.get("/metrics").body.decode()
    served = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        parts = "_(?:bucket|sum|count)" if kind == "histogram" else ""
        samples = re.findall(rf"^{name}{parts}(?:{{(.*)}})? \S+$", text, re.MULTILINE)
        labels = {tuple(label for label in re.findall(r'(\w+)="', each) if label != "le") for each in samples}
        served[name] = (kind, labels)
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*)\|$", PATHS["/metrics"]["get"]["description"], re.MULTILINE)
    assert served.keys() == {name for name, _, _ in rows}
    for name, kind, labels in rows:
        # No key expires here.
        some = set() if name == "gateway_key_expiry_timestamp_seconds" else {tuple(re.findall(r"`(\w+)`", labels))}
        assert served[name] == (kind, some), name


# Problems


def documented_contents():
    """(status, response, content) of every response with a body."""
    responses = [(status, response) for _, _, o in operations() for status, response in o["responses"].items()]
    responses += [("404", CONTRACT["components"]["responses"]["NotFound"])]
    responses += [("405", CONTRACT["components"]["responses"]["MethodNotAllowed"])]
    for status, response in responses:
        for content in resolved(response).get("content", {}).values():
            yield int(status), resolved(response), content


def examples(content):
    single = [content["example"]] if "example" in content else []
    return single + [resolved(example)["value"] for example in content.get("examples", {}).values()]


TITLES |= {
    example["code"]: example["title"] for _, _, content in documented_contents() for example in examples(content) if "code" in example
}


def test_example_answers_are_as_documented():
    for status, response, content in documented_contents():
        for example in examples(content):
            assert faults(content["schema"], example, CLOSED) == []
            if "code" in example:
                assert example["code"] in documented_codes(response)
                assert example["type"] == f"/problems#{example['code']}"
                assert (status, example["retryable"]) == PROBLEMS[example["code"]]
                assert example["status"] == status


def test_the_statuses_of_codes_are_those_under_which_they_are_documented():
    for status, response, _ in documented_contents():
        assert {PROBLEMS[code][0] for code in documented_codes(response)} <= {status}, response["description"]


# Emits

EMIT_CONTENT = PATHS["/v1/emit"]["post"]["requestBody"]["content"]
EMIT_FIELDS = CONTRACT["components"]["schemas"]["Emit"]["properties"]


BATCH_CONTENT = PATHS["/v1/batch"]["post"]["requestBody"]["content"]
ITEM_FIELDS = CONTRACT["components"]["schemas"]["BatchItem"]["properties"]


def test_an_item_of_a_batch_says_what_an_emit_says():
    emit, item = (CONTRACT["components"]["schemas"][name] for name in ("Emit", "BatchItem"))
    for name in ("type", "required", "not", "additionalProperties"):
        assert item[name] == emit[name]
    shared = {name for name, schema in ITEM_FIELDS.items() if "$ref" in schema and schema == EMIT_FIELDS.get(name)}
    assert set(ITEM_FIELDS) - shared == {"op", "confirm"}


@in_situation("servers")
def test_example_emits_are_accepted(gateway):
    bodies = examples(EMIT_CONTENT["application/json"])
    assert bodies
    for body in bodies:
        response = gateway.post(body)
        check("POST", "/v1/emit", response)
        assert response.status == (202 if body.get("confirm") == "none" else 200), body


@in_situation("python-socketio", "amqp0")
def test_example_batches_are_accepted(gateway):
    for media, content in BATCH_CONTENT.items():
        assert examples(content)
        for body in examples(content):
            response = gateway.post(body, {"Content-Type": media}, "/v1/batch")
            check("POST", "/v1/batch", response)
            assert response.status == 200
            lines = [json.loads(line) for line in body.splitlines()] if media == "application/x-ndjson" else body["items"]
            assert [faults({"$ref": "#/components/schemas/BatchItem"}, item) for item in lines] == [[]] * len(lines)
            assert len(response.json["results"]) == len(lines)


LISTS = {"rooms", "except", "exceptSockets", "in", "fields"}


def with_lists(body):
    """Only in words the document says that one may stand without a list, and words with commas between them: clients that are
    generated have one type for it."""
    if not isinstance(body, dict):
        return body
    listed = {name: value if isinstance(value, list) else [value] for name, value in body.items() if name in LISTS}
    if "fields" in listed:
        words = [value.split(",") if isinstance(value, str) else [value] for value in listed["fields"]]
        listed["fields"] = [word for several in words for word in several]
    return {**body, **listed}


# Of every kind, and on both sides of every limit.
VALUES = [
    *(None, True, False, 0, 1.5, "", "a", "broker", "none", "later", "true"),
    *("/", "/chat", "chat", "/a#b", "#", "x" * 255, "x" * 256, "/" + "x" * 254, "/" + "x" * 255),
    *("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "error", "Connect"),
    *([], ["a"], ["a", "a"], [""], ["a", ""], [1], ["1", 1], [1.5], [True], [2**53], [-(2**53)], [2**53 + 1], [None], [["a"]], ["x" * 255], ["x" * 256]),
    *({}, {"a": 1}, {"mode": "all"}, {"mode": "first", "timeoutMs": 1}, {"mode": "none"}, {"mode": 1}),
    *({"timeoutMs": value} for value in (0, 1, 60_000, 60_001, 1.5, "1", None)),
    *(-1, 1, 1_000, 1_001, 60_000, 60_001, ["rooms"], ["data", "handshake"], "rooms,id", "rooms,x", ["x"] * 1_001),
]


@in_situation("python-socketio")
@pytest.mark.parametrize("name", [*EMIT_FIELDS, "args and data", "ack and confirm", "room", "Rooms", "id", ""])
def test_the_schema_and_the_gateway_agree_on_every_value(gateway, name):
    schema = EMIT_CONTENT["application/json"]["schema"]
    documented = resolved(EMIT_FIELDS.get(name, {}))
    bodies = [
        {"event": "e", **dict.fromkeys(name.split(" and "), value)}
        for value in [*VALUES, *documented.get("enum", []), documented.get("default")]
    ]
    for body in [*bodies, {name: "a"}]:
        response = gateway.post(body)
        answer = check("POST", "/v1/emit", response)
        is_refused = answer.get("code") == "invalid_request"
        expected = faults(schema, with_lists(body))
        assert is_refused == bool(expected), (body, answer, expected)
        assert is_refused or response.status in (200, 202) or answer["code"] == "not_expressible"


def test_ack_goes_with_no_other_confirm():
    schema = EMIT_CONTENT["application/json"]["schema"]
    assert faults(schema, {**ACKNOWLEDGED, "confirm": "none"}) and not faults(schema, {**ACKNOWLEDGED, "confirm": "broker"})


@in_situation("python-socketio")
def test_the_schema_and_the_gateway_agree_on_every_value_in_a_batch(gateway):
    names = [*ITEM_FIELDS, "args and data", "ack", "room", "Rooms", "id", ""]
    items = [{"event": "e", **dict.fromkeys(name.split(" and "), value)} for name in names for value in [*VALUES, "emit"]]
    items += [{name: "a"} for name in names] + VALUES
    response = gateway.post({"items": items}, path="/v1/batch")
    results = check("POST", "/v1/batch", response)["results"]
    assert len(results) == len(items)
    for item, result in zip(items, results):
        code = result.get("problem", {}).get("code")
        expected = faults({"$ref": "#/components/schemas/BatchItem"}, with_lists(item))
        assert (code == "invalid_request") == bool(expected), (item, result, expected)
        assert code in (None, "invalid_request", "not_expressible")
        assert code is None or (result["status"], result["problem"]["title"]) == (PROBLEMS[code][0], TITLES.get(code, result["problem"]["title"]))


def test_the_statuses_of_items_are_those_of_emits_that_are_read():
    documented = CONTRACT["components"]["schemas"]["BatchItemFailed"]["properties"]["status"]["enum"]
    responses = PATHS["/v1/emit"]["post"]["responses"]
    # Not what concerns the request as a whole, or is not taken in a batch.
    assert set(documented) == {int(status) for status in responses} - {200, 202, 401, 409, 415, 429}


@in_situation("python-socketio")
@pytest.mark.parametrize("name", [name for name, schema in EMIT_FIELDS.items() if "default" in resolved(schema)])
def test_a_default_is_what_is_done_without_the_field(gateway, own_broker, name):
    with Witness(own_broker.url, EXCHANGE, "fanout") as witness:
        without = gateway.post(EMIT)
        explicit = gateway.post({**EMIT, name: resolved(EMIT_FIELDS[name])["default"]})
        assert without.status == explicit.status == 200
        assert len({message.body for message in witness.take(2)}) == 1


# Questions


def question_body(path):
    return PATHS[path]["post"]["requestBody"]["content"]["application/json"]


@in_situation("servers")
@pytest.mark.parametrize("path", BODIES)
def test_example_questions_are_accepted(gateway, path):
    bodies = examples(question_body(path))
    assert bodies
    for body in bodies:
        response = gateway.post(body, path=url(path, "third"))
        check("POST", path, response)
        assert response.status in (200, 404), "404: an earlier example may have disconnected it"


@in_situation("amqp0")
@pytest.mark.parametrize("path", BODIES)
def test_the_schema_and_the_gateway_agree_on_every_value_of_a_question(gateway, path):
    schema = question_body(path)["schema"]
    names = [*resolved(schema)["properties"], "room", "Rooms", "id", ""]
    bodies = [{**BODIES[path], name: value} for name in names for value in VALUES]
    bodies += [{"all": True, "rooms": ["a"]}, {"in": ["a"]}, {"rooms": ["a"]}, {"in": ["a"], "rooms": ["a"]}, {}, [], 1]
    for body in bodies:
        response = gateway.post(body, path=url(path))
        answer = check("POST", path, response)
        is_refused = answer.get("code") == "invalid_request"
        expected = faults(schema, with_lists(body))
        assert is_refused == bool(expected), (body, answer, expected)


# Of a hook's query strangers are not told what is wrong.
QUERIED = [
    (method, path)
    for method, path, _ in operations()
    if path.startswith("/v1/") and method in ("GET", "HEAD", "DELETE") and path != HOOK
]
TEXTS = ["", "a", "/", "/chat", "/a#b", "true", "false", "1", "0", "-1", "1.5", "1000", "1001", "60000", "60001"]
TEXTS += ["rooms", "handshake", "id,data", "rooms,", "data,auth", "x" * 255, "x" * 256, "\u00fc", "a b&c=d%/+"]


def parameters(method, path):
    """The schemas of a query's parameters by their names."""
    listed = [resolved(parameter) for parameter in operation_of(method, path).get("parameters", [])]
    return {parameter["name"]: resolved(parameter["schema"]) for parameter in listed if parameter["in"] == "query"}


def read(schema, texts):
    """What the texts of a parameter are by its type."""
    if schema["type"] == "array":
        return texts
    text = texts[0] if len(texts) == 1 else None
    if schema["type"] == "boolean":
        return {"true": True, "false": False}.get(text)
    if schema["type"] == "integer":
        return int(text) if text and re.fullmatch(r"-?\d+", text) else None
    return text


@in_situation("amqp0")
@pytest.mark.parametrize("method, path", QUERIED)
def test_the_schemas_and_the_gateway_agree_on_every_query(gateway, method, path):
    documented = parameters(method, path)
    for name in [*documented, "rooms", "id", "Namespace", ""]:
        for texts in [*([text] for text in TEXTS), ["1", "1"], ["rooms", "data"]]:
            response = gateway.request(method, url(path, query={name: texts}))
            check(method, path, response)
            value = with_lists({name: read(documented[name], texts)})[name] if name in documented else None
            is_good = name in documented and not faults(documented[name], value)
            assert (response.status == 422) == (not is_good), (name, texts, response.body)


# Deliveries

HOOK_CONTENT = PATHS[HOOK]["post"]["requestBody"]["content"]
EVENT_CONTENT = PATHS[EVENTS]["post"]["requestBody"]["content"]
EVENT_FIELDS = CONTRACT["components"]["schemas"]["CloudEvent"]["properties"]


@in_situation("python-socketio")
def test_example_deliveries_are_read(gateway):
    for media, content in HOOK_CONTENT.items():
        assert examples(content)
        for body in examples(content):
            response = gateway.post(urlencode(body) if "form" in media else body, {"Content-Type": media}, url(HOOK))
            check("POST", HOOK, response)
            assert response.json["code"] == "delivery_refused", "by the mapping, which is for others"


@in_situation("python-socketio")
def test_example_events_are_accepted(gateway):
    parameters = [resolved(parameter) for parameter in PATHS[EVENTS]["post"]["parameters"]]
    attributes = {p["name"]: p["example"] for p in parameters if p["name"].startswith("ce-")}
    assert set(attributes) == {f"ce-{name}" for name in EVENT_FIELDS if not name.startswith("data")}
    for media, content in EVENT_CONTENT.items():
        assert examples(content)
        for body in examples(content):
            response = gateway.post(body, {"Content-Type": media, **(attributes if media == "application/json" else {})}, EVENTS)
            check("POST", EVENTS, response)
            assert response.status == 200


@in_situation("python-socketio")
@pytest.mark.parametrize("name", [*EVENT_FIELDS, "data and data_base64", "extension"])
def test_the_schema_and_the_gateway_agree_on_every_value_of_an_event(gateway, name):
    schema = EVENT_CONTENT["application/cloudevents+json"]["schema"]
    bodies = [cloud_event(**dict.fromkeys(name.split(" and "), value)) for value in [*VALUES, "1.0", "1.1"]]
    bodies += [{member: value for member, value in cloud_event().items() if member != name}, [], 1]
    for body in bodies:
        response = gateway.post(body, STRUCTURED, EVENTS)
        answer = check("POST", EVENTS, response)
        pointers = {error["pointer"] for error in answer.get("errors", [])}
        # What an event becomes may not be valid either, but that depends on the configuration.
        is_refused = answer.get("code") == "invalid_request" and not pointers <= {"/event", "/rooms/0"}
        expected = faults(schema, with_lists(body))
        assert is_refused == bool(expected), (body, answer, expected)


# Settings


def test_settings_are_documented_as_the_program_prints_them():
    output = subprocess.run([binary(), "config", "reference"], capture_output=True, text=True, check=True).stdout
    document = REPOSITORY / "docs" / "configuration.md"
    assert document.read_text() == output, f"write it again: socketio-gateway config reference > {document}"


def test_settings_that_most_need_are_those_of_the_reference():
    reference = (REPOSITORY / "docs" / "configuration.md").read_text()
    documented = {}
    for names, default in re.findall(r"^\| (`.*?) \| (.*?) ?\|", reference, re.MULTILINE):
        option = re.search(r"`(--[\w-]+)`", names)
        documented[re.search(r"GATEWAY_\w+", names)[0]] = (option[1] if option else "", default)
    rows = re.findall(r"^\| `(GATEWAY_\w+)`[^|]*\| (.*?) ?\| (.*?) ?\|", (REPOSITORY / "docs" / "configuration-file.md").read_text(), re.MULTILINE)
    assert len(rows) == len({name for name, *_ in rows}) > 5
    for name, option, default in rows:
        assert documented[name] == (option.strip("`"), default)


def test_names_of_the_configuration_file_are_those_of_its_page():
    page = (REPOSITORY / "docs" / "configuration-file.md").read_text()
    block = re.search(r"## The file's names.*?```yaml\n(.*?)```", page, re.DOTALL)[1]
    written = yaml.safe_load(block)
    output = subprocess.run([binary(), "config", "print", "--loops", "2"], capture_output=True, text=True, check=True).stdout
    printed = {**yaml.safe_load(output.replace("guest:***@", "guest:guest@")), "keys": [], "hooks": [], "cloudEvents": {}}

    def assert_same(written, printed):
        if isinstance(written, dict):
            for name, value in written.items():
                assert_same(value, printed[name])
        elif isinstance(written, list):
            assert list(map(str, written)) == list(map(str, printed))
        else:
            assert str(written) == str(printed)

    assert_same(written, printed)


def test_scopes_are_those_of_the_page_of_keys():
    table = re.search(r"\| scope \|.*?\n\n", (REPOSITORY / "docs" / "keys.md").read_text(), re.DOTALL)[0]
    helped = subprocess.run([binary(), "keys", "create", "--help"], capture_output=True, text=True, check=True).stdout
    names = re.search(r"Scopes: (.*), or '\*'", " ".join(helped.split()))[1].split(", ")
    assert re.findall(r"^\| `([\w:]+)` \|", table, re.MULTILINE) == names
