"""docs/troubleshooting.md: each mistake of its table is made, and what the table says is said where the table says so."""

import contextlib
import hashlib
import inspect
import json
import re
import subprocess
from dataclasses import dataclass

import pytest

from harness import (
    REPOSITORY,
    Amqp0Servers,
    BrowserPage,
    ClusterServer,
    EventStream,
    Gateway,
    Nginx,
    RespondingServer,
    SimulatedServer,
    Witness,
    page_server,
    run_command,
    webhooks,
)
from harness.questions import wait_for_servers
from harness.topology import eventually

DOCUMENT = REPOSITORY / "docs" / "troubleshooting.md"
AMQP0, CLUSTER, PYTHON = "trouble.amqp0", "trouble.cluster", "trouble.python"
KEY, EXPIRED, LIMITED = "a-key-of-nobody-else", "a-key-that-was-good", "a-key-for-some-rooms"
SECRET = "the secret of a hook"
JSON = ("-H", "Content-Type: application/json")
AUTHORIZED = ("-H", f"Authorization: Bearer {KEY}")
EMIT = '{"event": "e"}'

MISTAKES = {}  # by the table's first column: a function that makes it


def mistake(text):
    """The function makes the mistake of this row. It returns a text, or a function that gives one, for each place of the row."""

    def register(function):
        assert text not in MISTAKES
        MISTAKES[text] = function
        return function

    return register


@dataclass
class Row:
    mistake: str
    said: list  # of (place, words)


def table():
    text = DOCUMENT.read_text()
    lines = text[text.index("| mistake |") :].split("\n\n")[0].splitlines()[2:]
    rows = []
    for line in lines:
        name, said, cure = line.removeprefix("| ").removesuffix(" |").split(" | ")
        assert cure
        parts = re.findall(r"(answer|log|standard error)(?: of `[^`]+`)?: `([^`]+)`(?:; |$)", said)
        assert "; ".join(f"{place}: `{words}`" for place, words in parts) == re.sub(" of `[^`]+`", "", said), line
        rows.append(Row(name, parts))
    return rows


ROWS = table()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.mistake)
def test_what_is_said_of_a_mistake(row, request):
    make = MISTAKES[row.mistake]
    with contextlib.ExitStack() as stack:
        known = {"stack": stack}
        fixtures = {name: known.get(name) or request.getfixturevalue(name) for name in inspect.signature(make).parameters}
        heard = make(**fixtures)
        assert row.said and heard.keys() == {place for place, _ in row.said}
        for place, words in row.said:
            told = heard[place] if callable(heard[place]) else lambda: heard[place]
            assert is_said(words, told), f"{place}: {words}\n{told()}"


def test_every_mistake_is_a_row_and_every_row_is_one():
    names = [row.mistake for row in ROWS]
    assert sorted(names) == sorted(MISTAKES) and len(names) >= 15


def is_said(words, told):
    pattern = ".+".join(map(re.escape, words.split("…")))
    pattern = pattern.removesuffix(".+") + ("\\S" if words.endswith("…") else "")

    def found():
        return any(re.search(pattern, text) for line in told().splitlines() for text in texts(line))

    with contextlib.suppress(AssertionError):
        eventually(found)
    return found()


def texts(line):
    """The line, and the strings in it if it is JSON."""
    yield line
    with contextlib.suppress(ValueError):
        yield from strings(json.loads(line))


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from strings(member)


# The set-up


CONFIGURATION = f"""
keys:
  - {{name: me, sha256: {hashlib.sha256(KEY.encode()).hexdigest()}, scopes: ['*']}}
  - {{name: ci, sha256: {hashlib.sha256(EXPIRED.encode()).hexdigest()}, scopes: ['*'], expires: 2020-01-01}}
  - {{name: page, sha256: {hashlib.sha256(LIMITED.encode()).hexdigest()}, scopes: ['events:read'], rooms: ['user:*']}}
hooks:
  - {{name: github, scheme: github, secrets: [{SECRET}], event: e, rooms: [r], when: [{{value: "{{/action}}", equals: opened}}]}}
  - {{name: stripe, scheme: stripe, secrets: [{SECRET}], event: e, rooms: [r]}}
"""


@pytest.fixture(scope="module")
def closed(broker, tmp_path_factory):
    """A gateway with keys and hooks, for python-socketio servers without responders."""
    path = tmp_path_factory.mktemp("trouble") / "gateway.yaml"
    path.write_text(CONFIGURATION)
    settings = {"python_socketio_exchange": PYTHON, "cluster_exchange": f"{PYTHON}.cluster", "config": path}
    with Gateway(broker.url, allow_anonymous=None, **settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def amqp0_servers(broker):
    with Amqp0Servers(broker.url, AMQP0) as servers:
        servers.socket("user:42")
        yield servers


@pytest.fixture(scope="module")
def anonymous(broker, amqp0_servers):
    """A gateway without keys, for servers of amqp0."""
    settings = {"amqp0_exchange": AMQP0, "cluster_exchange": f"{AMQP0}.cluster"}
    with Gateway(broker.url, wire_format="amqp0", **settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def answering_server(broker):
    with ClusterServer(broker.url, exchange=CLUSTER) as server:
        yield server


def curl(gateway, path, *words):
    """What curl prints."""
    url = "http://%s:%d%s" % (*gateway.address, path)
    return run(["curl", "-sS", "--max-time", "10", *words, url])


def stream(gateway, query="", *words):
    """What curl prints of a stream in its first second."""
    url = "http://%s:%d/v1/events%s" % (*gateway.address, query)
    result = subprocess.run(["curl", "-sSN", "--max-time", "1", *words, url], capture_output=True, text=True, timeout=20)
    assert result.returncode == 28, "it has ended: " + result.stdout + result.stderr
    return result.stdout


def shell(gateway, command):
    """What a command prints in which `$URL` is the address of POST /v1/emit."""
    return run(["sh", "-c", command], env={"PATH": "/usr/bin:/bin", "URL": "http://%s:%d/v1/emit" % gateway.address})


def run(words, **options):
    result = subprocess.run(words, capture_output=True, text=True, timeout=20, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def log_from_here(gateway):
    """A function that gives what the log has got since."""
    start = len(gateway.stderr)
    return lambda: "".join(gateway.stderr[start:])


def standard_error(*words, **settings):
    status, _, error = run_command(*words, **settings)
    assert status != 0
    return {"standard error": error}


def unconnected(stack, url):
    """What is said of an emit by a gateway that has no way to this broker."""
    gateway = Gateway(url).start(ready=False)
    stack.callback(gateway.kill)
    return {"answer": curl(gateway, "/v1/emit", *JSON, "-d", EMIT), "log": lambda: "".join(gateway.stderr)}


# Nobody receives it


@mistake("The servers have another wire format")
def _(broker, answering_server, stack):
    gateway = stack.enter_context(Gateway(broker.url, wire_format="amqp0", cluster_exchange=CLUSTER))
    wait_for_servers(gateway, 1)
    return {"log": log_from_here(gateway), "answer": curl(gateway, "/v1/emit", *JSON, "-d", EMIT)}


@mistake("The servers use another exchange")
def _(broker, amqp0_servers, stack):
    gateway = stack.enter_context(Gateway(broker.url, wire_format="amqp0", amqp0_exchange="trouble-amqp0"))
    return {"log": log_from_here(gateway), "answer": curl(gateway, "/v1/emit", *JSON, "-d", EMIT)}


@mistake("Another wire format, on an exchange that is there: nothing arrives")
def _(broker, stack):
    exchange = "trouble.fanout"
    stack.enter_context(Witness(broker.url, exchange, "fanout"))
    gateway = stack.enter_context(Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange))
    settings = {"amqp_url": broker.url, "wire_format": "amqp0", "amqp0_exchange": exchange}
    error = standard_error("config", "check", "--connect", **settings)
    return {"answer": curl(gateway, "/v1/emit", *JSON, "-d", EMIT), **error}


@mistake("No server is on the exchange, or `cluster` where the servers have another format")
def _(broker, stack):
    gateway = stack.enter_context(Gateway(broker.url, wire_format="cluster", cluster_exchange="trouble.nobody"))
    return {"log": log_from_here(gateway), "answer": curl(gateway, "/v1/emit", *JSON, "-d", EMIT)}


@mistake("No socket is in the room")
def _(anonymous):
    answers = [curl(anonymous, "/v1/emit", *JSON, "-d", '{"event": "e", "rooms": ["%s"]}' % room) for room in ("user:42", "user-42")]
    assert json.loads(answers[0])["routed"] is True
    return {"answer": answers[1]}


@mistake("No server has the namespace")
def _(broker, answering_server, stack):
    gateway = stack.enter_context(Gateway(broker.url, wire_format="cluster", cluster_exchange=CLUSTER))
    wait_for_servers(gateway, 1)
    body = '{"event": "e", "namespace": "/chta"}'
    return {"log": log_from_here(gateway), "answer": curl(gateway, "/v1/emit", *JSON, "-d", body)}


@mistake("Asking servers that have no companion")
def _(anonymous):
    return {"answer": curl(anonymous, "/v1/sockets")}


@mistake("`except` with rooms, for python-socketio servers without responders")
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *AUTHORIZED, *JSON, "-d", '{"event": "e", "except": ["banned"]}')}


# RabbitMQ


@mistake("RabbitMQ is not running, or the port is wrong")
def _(broker, stack):
    return unconnected(stack, broker.url.replace(f":{broker.port}/", ":1/"))


@mistake("The password for RabbitMQ is wrong")
def _(broker, stack):
    return unconnected(stack, broker.url.replace("guest:guest@", "guest:gest@"))


@mistake("There is no such virtual host")
def _(broker, stack):
    return unconnected(stack, broker.url.removesuffix("%2F") + "prodution")


@mistake("The user may not write to the exchange")
def _(broker, amqp0_servers):
    backend, quoted = "rabbit_auth_backend_internal", '<<"trouble">>, <<"/">>, <<".*">>, <<"^$">>, <<".*">>, <<"test">>'
    broker.ctl(
        "eval", f'{backend}:add_user(<<"trouble">>, <<"secret">>, <<"test">>), {backend}:set_permissions({quoted}).'
    )
    settings = {"amqp_url": broker.url.replace("guest:guest@", "trouble:secret@"), "wire_format": "amqp0"}
    return standard_error("config", "check", "--connect", amqp0_exchange=AMQP0, **settings)


# Events


@mistake("Events, and a server tells none")
def _(broker, stack):
    exchange = "trouble.silent"
    gateway = stack.enter_context(Gateway(broker.url, wire_format="cluster", cluster_exchange=exchange))
    stack.enter_context(SimulatedServer(broker.url, exchange))
    wait_for_servers(gateway, 1)
    log = log_from_here(gateway)
    stream(gateway)
    (server,) = json.loads(curl(gateway, "/v1/servers"))["servers"]
    assert "events" not in (server["features"] or [])
    return {"log": log}


@mistake("Events of a namespace that no server has")
def _(broker, stack):
    exchange = "trouble.namespace"
    stack.enter_context(RespondingServer(broker.url, "aio-pika", exchange, channel=f"{exchange}.fanout"))
    gateway = stack.enter_context(Gateway(broker.url, wire_format="cluster", cluster_exchange=exchange))
    wait_for_servers(gateway, 1)
    right = stack.enter_context(EventStream(gateway, namespace="/"))
    assert right.event()["type"] == "sync"
    said = stream(gateway, "?namespace=/chta")
    assert "event:" not in said
    return {"answer": said}


@mistake("Events that have no room, with a key for some rooms")
def _(closed):
    key = ("-H", f"X-API-Key: {LIMITED}")
    assert stream(closed, "?type=room.*", *key)
    return {"answer": curl(closed, "/v1/events?type=socket.connected", *key)}


@mistake("An exchange for events to which nothing comes")
def _(closed):
    return {"answer": curl(closed, "/metrics")}


@mistake("A `reset` each time that one comes again")
def _(closed):
    return {"answer": stream(closed, "", *AUTHORIZED, "-H", "Last-Event-ID: 2x0vq8c1m4k9z-41")}


@mistake("More streams than are allowed")
def _(broker, stack):
    settings = {"wire_format": "cluster", "cluster_exchange": "trouble.nobody", "max_streams": 1}
    gateway = stack.enter_context(Gateway(broker.url, **settings))
    stack.enter_context(EventStream(gateway))
    return {"answer": curl(gateway, "/v1/events")}


# Keys


@mistake("A request without a key")
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *JSON, "-d", EMIT)}


@mistake("A key without `Bearer`")
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *JSON, "-d", EMIT, "-H", f"Authorization: {KEY}")}


@mistake("A shell variable in single quotes")
def _(closed):
    line = f"""GATEWAY_API_KEY={KEY}; curl -sS "$URL" -H 'Content-Type: application/json' -d '{EMIT}' -H """
    assert json.loads(shell(closed, line + '"Authorization: Bearer $GATEWAY_API_KEY"'))["status"] == "confirmed"
    return {"answer": shell(closed, line + "'Authorization: Bearer $GATEWAY_API_KEY'")}


@mistake("A shell variable that is not set")
def _(closed):
    line = f"""curl -sS "$URL" -H 'Content-Type: application/json' -d '{EMIT}' -H "Authorization: Bearer $GATEWAY_API_KEY" """
    return {"answer": shell(closed, line)}


@mistake("A wrong key")
def _(closed):
    log = log_from_here(closed)
    return {"log": log, "answer": curl(closed, "/v1/emit", *JSON, "-d", EMIT, "-H", "X-API-Key: another-key-altogether")}


@mistake("A key that has expired")
def _(closed):
    log = log_from_here(closed)
    return {"log": log, "answer": curl(closed, "/v1/emit", *JSON, "-d", EMIT, "-H", f"X-API-Key: {EXPIRED}")}


# Requests


@mistake("`curl -d` without a content type")
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *AUTHORIZED, "-d", EMIT)}


@mistake("NDJSON with `curl -d`")
def _(closed, tmp_path):
    (tmp_path / "emits.ndjson").write_text(f"{EMIT}\n{EMIT}\n")
    words = (*AUTHORIZED, "-H", "Content-Type: application/x-ndjson")
    good = curl(closed, "/v1/batch", *words, "--data-binary", f"@{tmp_path}/emits.ndjson")
    assert json.loads(good)["confirmed"] == 2
    return {"answer": curl(closed, "/v1/batch", *words, "-d", f"@{tmp_path}/emits.ndjson")}


@mistake("An empty body")
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *AUTHORIZED, *JSON, "-d", "")}


@mistake("`room` instead of `rooms`")
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *AUTHORIZED, *JSON, "-d", '{"event": "e", "room": "user:42"}')}


@mistake('`"rooms": []`')
def _(closed):
    return {"answer": curl(closed, "/v1/emit", *AUTHORIZED, *JSON, "-d", '{"event": "e", "rooms": []}')}


@mistake("`/v1/emits`")
def _(closed):
    return {"answer": curl(closed, "/v1/emits", *AUTHORIZED, *JSON, "-d", EMIT)}


@mistake("A web page of an origin that is not allowed")
def _(closed, tmp_path, stack):
    page = stack.enter_context(BrowserPage(stack.enter_context(page_server()), tmp_path))
    page.wait_for("document.title === 'A page'")
    log = log_from_here(closed)
    options = {"method": "POST", "headers": {"Content-Type": "application/json", "X-API-Key": KEY}, "body": EMIT}
    script = "fetch('http://%s:%d/v1/emit', %s).catch((error) => error.message)" % (*closed.address, json.dumps(options))
    result = page.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    assert result["result"]["value"] == "Failed to fetch"
    return {"log": log}


@mistake("A proxy before a gateway without keys")
def _(anonymous, stack):
    proxy = stack.enter_context(Nginx(anonymous.address, server="proxy_set_header X-Forwarded-For $remote_addr;"))
    return {"answer": curl(proxy, "/v1/emit", *JSON, "-d", EMIT)}


# Webhooks


def deliver(gateway, hook, body, headers):
    log = log_from_here(gateway)
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    return {"log": log, "answer": curl(gateway, f"/v1/hooks/{hook}", *JSON, *words, "--data-binary", body.decode())}


@mistake("A webhook with another secret")
def _(closed):
    body = b'{"action":"opened"}'
    assert '"confirmed"' in deliver(closed, "github", body, webhooks.github(SECRET, body))["answer"]
    return deliver(closed, "github", body, webhooks.github(f"{SECRET}s", body))


@mistake("A clock that is off")
def _(closed):
    body = b'{"id":"evt_1"}'
    return deliver(closed, "stripe", body, webhooks.stripe(SECRET, body, age=3_600))


@mistake("A webhook whose condition is not met")
def _(closed):
    body = b'{"action":"closed"}'
    return deliver(closed, "github", body, webhooks.github(SECRET, body))


# Configuration


@mistake("A template in YAML without quotes")
def _(tmp_path):
    (tmp_path / "gateway.yaml").write_text("hooks:\n  - {name: h, scheme: none, event: {/event}, rooms: [r]}\n")
    return standard_error("config", "check", "--config", tmp_path / "gateway.yaml")


@mistake("A secret's file that is not there")
def _(tmp_path):
    text = "hooks:\n  - {name: h, scheme: github, secretFiles: [secrets/github], event: e, rooms: [r]}\n"
    (tmp_path / "gateway.yaml").write_text(text)
    return standard_error("config", "check", "--config", tmp_path / "gateway.yaml")


@mistake("A misspelt environment variable")
def _(broker):
    return standard_error("serve", amqp_url=broker.url, wire_format="amqp0", api_kye=KEY)
