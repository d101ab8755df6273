"""A raw NUL byte is no JSON, wherever it stands: what would be published is no JSON either, and ends servers."""

import json
import os
import subprocess

import pytest

from harness import Gateway, Witness, assert_problem, binary, die_with_parent

END = "end-of-test"
# Behind which a parser may lose it (`8`, `true`, `null`), and every other place.
VALUES = [b"8\0", b"true\0", b"null\0", b"-0.5e3\0", b"[false\0]", b'{"a":1\0,"b":2}', b"[1,\0 2]", b'"a\0b"', b'{"a\0":1}', b"\x008"]


@pytest.fixture(scope="module")
def gateway(broker, exchange, tmp_path_factory):
    config = tmp_path_factory.mktemp("nul") / "gateway.yaml"
    hook = {"name": "open", "scheme": "none", "event": "e", "everyone": True, "maxBodyBytes": 10_000}
    config.write_text(json.dumps({"hooks": [hook]}))
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange) as gateway:
        yield gateway


@pytest.fixture
def witness(broker, exchange, gateway):
    """Nothing but what is sent at the end of each test arrives."""
    with Witness(broker.url, exchange, "fanout") as witness:
        yield witness
        assert gateway.post({"event": END}).status == 200
        assert [message.json["event"] for message in witness.take()] == [END]


def refused(response):
    problem = assert_problem(response, 400, "invalid_json")
    assert "NUL" in problem["detail"] and "line" in problem["detail"], problem["detail"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_emit(gateway, witness, value):
    for body in [b'{"event":"hello","data":%s}' % value, b'{"event":"hello","args":[%s]}' % value]:
        refused(gateway.post(body))
    refused(gateway.post(b'{"event":"hello","data":1}\0'))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_batch(gateway, witness, value):
    body = b'{"items":[{"event":"a"},{"event":"hello","data":%s}]}' % value
    refused(gateway.post(body, path="/v1/batch"))


def test_around_the_items_of_a_batch(gateway, witness):
    body = b'{"items":[{"event":"a"}]}'
    for index in range(len(body) + 1):
        response = gateway.post(body[:index] + b"\0" + body[index:], path="/v1/batch")
        assert response.status == 400, (index, response.body)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_lines(gateway, witness, value):
    """A line that is not JSON costs itself only."""
    lines = b'{"event":"hello","data":%s}\n\0\n' % value
    response = gateway.post(lines, {"Content-Type": "application/x-ndjson"}, path="/v1/batch")
    assert response.status == 400
    assert [result["problem"]["code"] for result in response.json["results"]] == ["invalid_json"] * 2


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_cloud_events(gateway, witness, value):
    event = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":%s}' % value
    refused(gateway.post(event, {"Content-Type": "application/cloudevents+json"}, path="/v1/cloudevents"))
    headers = {"ce-specversion": "1.0", "ce-id": "2", "ce-source": "/s", "ce-type": "t"}
    refused(gateway.post(value, headers, path="/v1/cloudevents"))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_hooks(gateway, witness, value):
    refused(gateway.post(b'{"a":%s}' % value, path="/v1/hooks/open"))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_command(broker, exchange, witness, value):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    environment |= {
        "GATEWAY_AMQP_URL": broker.url,
        "GATEWAY_WIRE_FORMAT": "python-socketio",
        "GATEWAY_PYTHON_SOCKETIO_EXCHANGE": exchange,
    }
    result = subprocess.run(
        [binary(), "emit", "hello", "-"], env=environment, input=value, capture_output=True, timeout=30,
        preexec_fn=die_with_parent,
    )
    assert result.returncode == 64, result.stderr
    assert b"NUL" in result.stderr
