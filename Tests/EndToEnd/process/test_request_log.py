"""One line for each request: what was asked, what became of it, and nothing of payloads or secrets."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import Gateway, Witness, binary, converse
from harness.patience import PATIENCE
from harness.questions import until
from harness.rabbitmq import die_with_parent, free_ports

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
FORGED = b"/x%0a\x1b[31m\x7f\x9b\xc2\x9b\xe2\x80\xa8%22,%22status%22:%22200"


def lines(gateway, **fields):
    """The lines about requests with these fields, without the time."""
    found = [line for line in gateway.log() if line["message"] == "request" and not is_probe(line)]
    return [line for line in found if all(line.get(name) == value for name, value in fields.items())]


def is_probe(line):
    """Whether the harness has asked for it, waiting for the gateway to become ready."""
    return line.get("route") == "/readyz" and not line["requestId"].startswith("level")


def line(gateway, **fields):
    """The only one, which may come a moment after the answer."""
    until(lambda: lines(gateway, **fields), f"a line with {fields}")
    (found,) = lines(gateway, **fields)
    return found


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    settings = {"api_key": "secret-key", "body_timeout": "1s", "python_socketio_exchange": exchange}
    with Gateway(broker.url, log_level="trace", loops=2, **settings) as gateway:
        yield gateway


def test_a_line_says_what_was_asked_and_what_became_of_it(gateway):
    headers = {"X-API-Key": "secret-key", "X-Request-Id": "r-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    emit = {"event": "order.paid", "rooms": ["secret-room", "another-secret"], "data": "secret-data"}
    answer = gateway.post(emit, headers)
    assert answer.status == 200
    said = line(gateway, requestId="r-1")
    assert re.fullmatch(r"\d+\.\d{3}", said.pop("durationMs")) and said.pop("time")
    assert said == {
        "level": "debug",
        "message": "request",
        "requestId": "r-1",
        "method": "POST",
        "path": "/v1/emit",
        "route": "/v1/emit",
        "status": "200",
        "client": "127.0.0.1",
        "key": "api-key",
        "traceId": TRACE,
        "id": answer.json["id"],
        "event": "order.paid",
        "rooms": "2",
        "routed": "false",
        "reason": "no_exchange",
    }
    assert "secret" not in "".join(gateway.stderr)


@pytest.mark.parametrize(
    "method, path, headers, level, status, code, route",
    [
        ("GET", "/livez", {}, "trace", "200", None, "/livez"),
        ("GET", "/readyz", {}, "trace", "200", None, "/readyz"),
        ("GET", "/metrics", {}, "trace", "200", None, "/metrics"),
        ("GET", "/openapi.yaml", {}, "debug", "200", None, "/openapi.yaml"),
        ("OPTIONS", "/v1/emit", {}, "debug", "204", None, "/v1/emit"),
        ("GET", "/v1/rooms?key=secret-key", {}, "warning", "401", "unauthorized", "/v1/rooms"),
        ("GET", "/v1/sockets/a%0ab", {"X-API-Key": "secret-key"}, "error", "503", "no_servers", "/v1/sockets/{id}"),
        ("GET", "/v1/x", {}, "info", "404", "not_found", "other"),
        ("PUT", "/v1/emit", {}, "info", "405", "method_not_allowed", "/v1/emit"),
        ("BREW", "/livez", {}, "info", "405", "method_not_allowed", "/livez"),
    ],
)
def test_its_level_is_that_of_the_outcome(gateway, method, path, headers, level, status, code, route):
    name = f"level-{method}-{path.split('?')[0]}".translate(str.maketrans("/%", "--"))
    response = gateway.request(method, path, headers={**headers, "X-Request-Id": name})
    assert response.status == int(status)
    said = line(gateway, requestId=name)
    assert (said["level"], said["status"], said.get("code"), said["route"]) == (level, status, code, route)
    assert said["path"] == path.split("?")[0] and "outcome" not in said and "traceId" not in said
    assert "secret" not in "".join(gateway.stderr)


KEY = {"X-API-Key": "secret-key"}


@pytest.mark.parametrize(
    "name, body, fields",
    [
        ("unknown", {"event": "e", "romms": ["secret"]}, {"code": "invalid_request", "pointer": "/romms"}),
        ("type", {"event": "e", "rooms": {"a": "secret"}}, {"code": "invalid_request", "pointer": "/rooms"}),
        ("reserved", {"event": "connect", "data": "secret"}, {"code": "invalid_request", "pointer": "/event"}),
        ("syntax", b'{"event": secret}', {"code": "invalid_json"}),
        ("twice", b'{"secret": 1, "secret": 1}', {"code": "duplicate_key"}),
    ],
)
def test_what_is_wrong_with_a_request_is_said_without_its_values(gateway, name, body, fields):
    assert gateway.post(body, {**KEY, "X-Request-Id": name}).status in (400, 422)
    said = line(gateway, requestId=name)
    assert {field: said.get(field) for field in fields} == fields
    assert said["detail"] and said["level"] == "info"
    assert fields.get("pointer", "") in said["detail"]
    assert "secret" not in "".join(gateway.stderr)


@pytest.mark.parametrize(
    "items, status, level, fields",
    [
        ([{"event": "e"}] * 3, 200, "debug", {"items": "3", "confirmed": "3", "failed": "0", "item": None}),
        (
            [{"event": "e"}, {"event": "e", "data": "secret", "rooms": ["secret", 1.5]}, {}],
            207,
            "info",
            {"items": "3", "confirmed": "1", "failed": "2", "item": "1", "itemCode": "invalid_request", "pointer": "/rooms/1"},
        ),
        ([{}], 422, "info", {"items": "1", "confirmed": "0", "failed": "1", "item": "0", "pointer": "/event"}),
    ],
)
def test_a_batch_is_said_to_have_so_many_items(gateway, items, status, level, fields):
    name = f"batch-{status}"
    assert gateway.batch(items, {**KEY, "X-Request-Id": name}).status == status
    said = line(gateway, requestId=name)
    assert said["level"] == level
    assert {field: said.get(field) for field in fields} == fields
    assert "secret" not in "".join(gateway.stderr)


def test_an_event_with_a_long_or_a_dangerous_name_harms_no_line(gateway):
    event = 'x\x1b[31m\n"status"=\u2028' + "é" * 500
    assert gateway.post({"event": event}, {**KEY, "X-Request-Id": "event"}).status == 200
    said = line(gateway, requestId="event")
    assert said["event"].endswith("…") and len(said["event"].encode()) <= 100
    assert event.startswith(said["event"].removesuffix("…"))
    (text,) = [text for text in gateway.stderr if '"requestId":"event"' in text]
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028]", text.rstrip("\n"))


def test_an_answer_that_is_given_again_has_its_id(gateway):
    headers = {**KEY, "Idempotency-Key": "again"}
    answers = [gateway.post({"event": "e"}, {**headers, "X-Request-Id": f"again-{n}"}) for n in range(2)]
    assert answers[0].json == answers[1].json
    assert {line(gateway, requestId=f"again-{n}")["id"] for n in range(2)} == {answers[0].json["id"]}


def test_who_is_refused_a_key_is_told_apart_in_the_log_alone(broker, exchange, tmp_path):
    old, config = "a-key-that-has-expired", tmp_path / "gateway.yaml"
    digest = hashlib.sha256(old.encode()).hexdigest()
    config.write_text(f"keys: [{{name: ci, sha256: {digest}, scopes: ['*'], expires: 2020-01-01}}]")
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange) as gateway:
        answers = {}
        for name, headers, reason, key in [
            ("none", {}, "no_key", None),
            ("unknown", {"X-API-Key": "secret-guess"}, "unknown_key", None),
            ("expired", {"X-API-Key": old}, "expired_key", "ci"),
            ("basic", {"Authorization": "Basic c2VjcmV0"}, "malformed_key", None),
        ]:
            # The same name for all, so that their answers can be compared.
            answers[name] = gateway.post({"event": "e"}, {**headers, "X-Request-Id": "r"})
            assert answers[name].status == 401
            until(lambda: lines(gateway, requestId="r", reason=reason), f"a line with {reason}")
            (said,) = lines(gateway, requestId="r", reason=reason)
            assert (said["level"], said.get("key")) == ("warning", key) and said["detail"]
        assert answers["unknown"].body == answers["expired"].body
        log = "".join(gateway.stderr)
        assert "secret" not in log and "c2VjcmV0" not in log and old not in log


def test_heads_that_are_refused_are_logged_too(gateway):
    before = len(lines(gateway, code="malformed_http"))
    requests = [
        b"GET /twice HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /folded HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c: d\r\n\r\n",
        b"GET /tab\there HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    for request in requests:
        assert converse(gateway.address, request, expect=1).statuses == [400]
    until(lambda: len(lines(gateway, code="malformed_http")) == before + 3, "three lines")
    assert {said["level"] for said in lines(gateway, code="malformed_http")} == {"info"}
    head = b"GET /large HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: large\r\nX: %s\r\n\r\n" % (b"x" * 10_500)
    assert converse(gateway.address, head, expect=1).statuses == [431]
    assert line(gateway, requestId="large")["code"] == "head_too_large"


def body(length, request_id):
    return (
        b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nX-API-Key: secret-key\r\nContent-Type: application/json\r\n"
        b"X-Request-Id: %s\r\nContent-Length: %d\r\n\r\n{" % (request_id, length)
    )


def test_who_leaves_before_the_answer_is_said_to_have_left(gateway):
    with socket.create_connection(gateway.address) as connection:
        connection.sendall(body(100, b"left"))
        gateway.wait_for_in_flight(1)
    said = line(gateway, requestId="left")
    assert (said["outcome"], said["level"]) == ("client left", "info")
    assert "status" not in said and "code" not in said


@pytest.mark.timed
def test_who_is_too_slow_is_said_to_have_been(gateway):
    with socket.create_connection(gateway.address) as connection:
        connection.sendall(body(100, b"slow"))
        said = line(gateway, requestId="slow")
    assert (said["outcome"], said["level"]) == ("timed out", "info")
    assert 1_000 <= float(said["durationMs"]) < 3_000


def test_who_leaves_while_the_broker_is_awaited_is_said_to_have_left(own_broker):
    with Witness(own_broker.url, "test.log", "direct", ["room"]):
        settings = {"wire_format": "amqp0", "amqp0_exchange": "test.log", "confirm_timeout": "60s"}
        with Gateway(own_broker.url, log_level="debug", **settings) as gateway:
            for _ in range(20):
                gateway.emit(event="known", rooms=["room"])
            own_broker.pause()
            try:
                with socket.create_connection(gateway.address) as connection:
                    request = body(0, b"waiting").replace(b"Content-Length: 0\r\n\r\n{", b"Content-Length: %d\r\n\r\n%s")
                    event = b'{"event":"e","rooms":["room"]}'
                    connection.sendall(request % (len(event), event))
                    gateway.wait_for_in_flight(1)
                time.sleep(0.2)  # that the client has left comes before the confirm
            finally:
                own_broker.resume()
            said = line(gateway, requestId="waiting")
    assert (said["outcome"], said["level"]) == ("client left", "info")


def test_at_the_usual_level_only_what_failed_is_said(broker):
    with Gateway(broker.url) as gateway:
        gateway.emit(event="e")
        assert gateway.get("/v1/x").status == 404
        line(gateway, status="404")
        assert gateway.get("/v1/rooms").status == 503
        assert line(gateway, status="503")["level"] == "error"
        assert len(lines(gateway)) == 2


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_request_can_forge_a_line_or_a_field(broker, log_format):
    forged = [
        b"GET %s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\x1b\x22 status=200\r\n\r\n" % FORGED,
        b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 1_000),
        b'GET /a"b\\c%0d%0a HTTP/1.1\r\nHost: localhost\r\n\r\n',
        b"G\x1bT /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    with FormattedGateway(broker.url, log_format) as gateway:
        for request in forged:
            assert converse(gateway.address, request, expect=1).statuses[0] in (400, 404, 405)
        until(lambda: len(gateway.requests()) >= len(forged), "all lines")
        said = gateway.requests()
    assert len(said) == len(forged)
    for text in said:
        text = text.rstrip("\n")
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", text), text
        fields = fields_of(text, log_format)
        names = [name for name, _ in fields]
        assert len(names) == len(set(names)) and {"status", "path", "requestId"} <= set(names), text
        fields = dict(fields)
        assert fields["path"].startswith("/") and len(fields["path"].encode()) <= 200
        assert fields["status"] in ("400", "404", "405") and "status" not in fields["requestId"]


def fields_of(text, log_format):
    """The fields of a line as a reader finds them, in order."""
    if log_format == "json":
        return json.loads(text, object_pairs_hook=list)
    string = r'"(?:[^"\\]|\\.)*"'
    time_level_message, fields = re.fullmatch(rf"(\S+ \w+ request)((?: \w+={string})+)", text).groups()
    return [(name, json.loads(value)) for name, value in re.findall(rf" (\w+)=({string})", fields)]


class FormattedGateway(Gateway):
    """One whose lines are in this format: it is found by them all the same."""

    def __init__(self, url, log_format):
        super().__init__(url, log_format=log_format)
        self._format = log_format

    def requests(self):
        mark = '"message":"request"' if self._format == "json" else " request "
        return [text for text in list(self.stderr) if mark in text and "/readyz" not in text]

    def _find_address(self):
        found = re.search(r'address"?[=:]"([^"]+):(\d+)"', "".join(self.stderr))
        if found:
            self.address = (found[1], int(found[2]))
        return bool(found)


def test_a_log_that_nobody_reads_keeps_no_request_waiting(broker):
    (port,) = free_ports(1)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    environment.update(GATEWAY_AMQP_URL=broker.url, GATEWAY_HTTP_ADDRESS=f"127.0.0.1:{port}", GATEWAY_LOOPS="1")
    process = subprocess.Popen([binary(), "serve"], env=environment, stderr=subprocess.PIPE, preexec_fn=die_with_parent)
    try:
        while b" listening " not in (line := process.stderr.readline()):
            assert line, "it ended"
        # From here on nobody reads. A pipe holds 64 KiB, the queue 1 MiB: each line has about 200 bytes.
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for _ in range(8_000):
            connection.request("GET", "/nothing-" + "x" * 150)
            response = connection.getresponse()
            assert response.status == 404
            response.read()
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.stderr.close()
        process.wait()


# The start


def test_the_first_lines_say_what_is_configured_and_whose_connections_there_are(broker, exchange, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("hooks: [{name: h, scheme: bearer, secrets: [hunter2], event: e, rooms: r}]\n")
    settings = {"config": path, "api_key": "hunter2", "python_socketio_exchange": exchange}
    where = f"127.0.0.1:{broker.port}, virtual host /"
    with Gateway(broker.url, loops=2, **settings) as gateway:
        until(lambda: len(connections(gateway)) == 3, "three connections")
        assert sorted(line["connection"] for line in connections(gateway)) == ["event loop 0", "event loop 1", "questions"]
        assert {line["broker"] for line in connections(gateway)} == {where}
        (listening,) = [line for line in gateway.log() if line["message"] == "listening"]
        said = {name: listening[name] for name in ("config", "keys", "hooks", "wireFormat", "broker", "loops")}
        assert said == {
            "config": str(path),
            "keys": "1",
            "hooks": "1",
            "wireFormat": "python-socketio",
            "broker": where,
            "loops": "2",
        }
        assert "guest" not in "".join(gateway.stderr) and "hunter2" not in "".join(gateway.stderr)


def connections(gateway):
    return [line for line in gateway.log() if line["message"] == "broker connected"]


def test_what_keeps_it_from_the_broker_is_said_in_plain_words():
    gateway = Gateway("amqp://user:hunter2@127.0.0.1:1/", loops=1)
    gateway.start(ready=False)
    try:
        until(lambda: len(unavailable(gateway)) == 2, "two lines")
        lines = {line["connection"]: line["reason"] for line in unavailable(gateway)}
        assert lines == {"event loop 0": "connection refused", "questions": "connection refused"}
        assert [line["config"] for line in gateway.log() if line["message"] == "listening"] == ["none"]
        assert "hunter2" not in "".join(gateway.stderr)
    finally:
        gateway.stop()


def test_a_dead_broker_is_named_also_while_another_one_answers(broker):
    """Each connection tries them in an order of its own: some have met the dead one first."""
    dead = "127.0.0.1:1, virtual host /"
    url = f"amqp://user:hunter2@127.0.0.1:1/;{broker.url}"
    with Gateway(url, loops=16) as gateway:
        until(lambda: len(connections(gateway)) == 17, "all are connected")
        lines = unavailable(gateway)
        assert {(line["broker"], line["reason"]) for line in lines} == {(dead, "connection refused")}
        assert len(lines) == len({line["connection"] for line in lines}), "one line of each connection"
        broker.ctl("close_all_connections", "a test closes them")
        where = f"127.0.0.1:{broker.port}, virtual host /"
        lost = lambda: [line for line in unavailable(gateway) if line["broker"] == where]  # noqa: E731
        until(lambda: len(lost()) == 17, "each names the one that it has lost")
        assert "hunter2" not in "".join(gateway.stderr)


def unavailable(gateway):
    return [line for line in gateway.log() if line["message"] == "broker unavailable"]
