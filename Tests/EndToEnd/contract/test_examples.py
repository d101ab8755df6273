"""The commands of the pages, as they stand there, against a real gateway, a real server and its clients: each succeeds, and prints
what the page shows (other ids and numbers, the same members).
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pika
import pytest
import yaml

from harness import REPOSITORY, AnsweringClient, Gateway, RespondingServer, Witness, binary, die_with_parent, pages
from harness.patience import PATIENCE, until

EXCHANGE, CHANNEL = "examples.cluster", "examples.channel"
KEY, BACKEND = "the-key-of-the-examples", "the-key-of-the-backend"
AUTHORIZED = {"X-API-Key": KEY}
NAMES = ["start", "emitting", "batches", "acknowledgements", "asking", "keys", "webhooks", "cloudevents"]
NAMES += ["shell-and-swift", "health-and-shutdown", "troubleshooting"]
PAGES = ["README.md", *(f"docs/{name}.md" for name in NAMES)]
SERVERS = ["node-adapter", "attach-gateway", "socket.io-amqp0", "python-socketio", "flask-socketio", "other-languages"]
# Commands of blocks for a shell that are for the reader's machine: they build, install, or do not end.
OTHERS = re.compile(r"\b(make|docker|npm|pip|serve|export)\b|^0 6|completion|openssl")
BACKEND_KEY = f"""
keys:
  - name: backend
    sha256: {hashlib.sha256(BACKEND.encode()).hexdigest()}
    scopes: [emit]
    rooms: ["user:*"]
    expires: 2999-01-31
    rate: 100/s
"""
PUSH = '{"ref": "refs/heads/main", "repository": {"full_name": "octocat/hello"}}'


@pytest.fixture(scope="module")
def server(broker):
    with RespondingServer(broker.url, "aio-pika", EXCHANGE, channel=CHANNEL) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands run: with the files that they name, and the program on the path."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "socketio-gateway").symlink_to(binary())
    (folder / "push.json").write_text(PUSH)
    (folder / "gateway.yaml").write_text(pages.blocks(pages.page("docs/webhooks.md"), "yaml")[0] + BACKEND_KEY)
    return folder


@pytest.fixture(scope="module")
def gateway(broker, server, folder):
    settings = {"cluster_exchange": EXCHANGE, "api_key": KEY, "config": folder / "gateway.yaml"}
    with Gateway(broker.url, wire_format="cluster", **settings) as gateway:
        until(lambda: gateway.get("/v1/servers", AUTHORIZED).json["servers"], "the server is known")
        yield gateway


@pytest.fixture
def clients(server):
    answers = {"ping": "ok"}
    yield [server.client("lobby", "user:42", answers=answers), server.client("lobby", "staff", answers=answers), server.client()]
    server.disconnect_clients()


def run(line, gateway, folder, broker, sid="none"):
    line = re.sub(r"https://gateway\.example|http://127\.0\.0\.1:8080", "http://%s:%d" % gateway.address, line)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")} | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GATEWAY_API_KEY": KEY,
        "KEY": BACKEND,
        "GATEWAY_AMQP_URL": broker.url,
        "GATEWAY_WIRE_FORMAT": "cluster",
        "GATEWAY_CLUSTER_EXCHANGE": EXCHANGE,
    }
    line = re.sub(r"\bcurl ", "curl -sS ", line.replace("Zk3v…", sid))
    result = subprocess.run(["sh", "-ec", line], env=environment, cwd=folder, capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, (line, result.stdout, result.stderr)
    return result.stdout


SHOWN = [(name, command) for name in PAGES for command in pages.console(pages.page(name))]
SCRIPTS = [(name, block) for name in PAGES for block in pages.blocks(pages.page(name), "sh") if not OTHERS.search(block)]


def test_the_pages_have_the_examples_that_are_meant():
    assert len(SHOWN) >= 12 and len(SCRIPTS) >= 6
    assert {name for name, _ in SHOWN + SCRIPTS} == set(PAGES)


@pytest.mark.parametrize(("name", "command"), SHOWN, ids=lambda value: getattr(value, "line", value)[:60])
def test_a_command_prints_what_the_page_shows(name, command, gateway, folder, broker, clients):
    output = run(command.line, gateway, folder, broker, sid=clients[2].sid)
    if command.output.startswith("sgw_"):
        shown, got = (yaml.safe_load(text.partition("\n\n")[2])[0] for text in (command.output, output))
        assert shown | {"sha256": ""} == got | {"sha256": "", "expires": shown["expires"]}
    else:
        assert pages.difference(pages.json_with_gaps(command.output), json.loads(output)) is None, output


@pytest.mark.parametrize(("name", "script"), SCRIPTS, ids=lambda value: value[:60])
def test_a_script_of_a_page_is_no_error(name, script, gateway, folder, broker, clients):
    output = run(script, gateway, folder, broker)
    assert '"code"' not in output, output


def test_the_first_example_reaches_the_room_and_nobody_else(gateway, folder, broker, clients):
    member, other, _ = clients
    run(pages.console(pages.page("README.md"))[0].line, gateway, folder, broker)
    gateway.post({"event": "end"}, AUTHORIZED)
    assert member.until("end") == [("order.paid", {"id": 42})]
    assert other.until("end") == []


def test_every_call_of_the_page_of_questions_is_answered(gateway, clients):
    text = pages.page("docs/asking.md")
    called = set(re.findall(r"`(GET|DELETE|POST) (/v1/[^`]*)`(?: with `([^`]*)`)?", text))
    assert len(called) >= 12
    sid = clients[2].sid
    for method, path, body in sorted(called, key=lambda call: ["GET", "POST", "DELETE"].index(call[0])):
        sent = json_body(path, body) if method == "POST" else None
        answer = gateway.request(method, path.replace("{id}", sid), sent, AUTHORIZED | {"Content-Type": "application/json"})
        assert answer.status == 200, (method, path, answer.body)


def json_body(path, shown):
    """What the page shows, or else the least that the call takes."""
    least = {"/v1/emit": {"event": "e"}, "/v1/servers/emit": {"event": "e"}, "/v1/sockets/query": {}, "/v1/counts": {}}
    other = {"in": ["ROOM"], "rooms": ["news"]} if "{id}" not in path else {"rooms": ["news"]}
    usable = shown.startswith("{") and "…" not in shown
    return shown.encode() if usable else json.dumps(least.get(path, other)).encode()


def test_the_error_that_the_page_of_emits_shows_is_what_a_misspelt_field_gets(gateway):
    (shown,) = [json.loads(block) for block in pages.blocks(pages.page("docs/emitting.md"), "json")]
    got = gateway.post({"event": "e", "room": "user:42"}, AUTHORIZED).json
    assert {**got, "requestId": "…"} == shown


def test_the_server_of_the_page_of_python_socketio_and_the_client_of_the_first_steps(own_broker, tmp_path):
    (program,) = [block for block in pages.blocks(pages.page("docs/servers/python-socketio.md"), "python") if "run_app" in block]
    (tmp_path / "server.py").write_text(program)
    (client,) = pages.blocks(pages.page("docs/start.md"), "python")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "AMQP_URL": own_broker.url, "PORT": str(port), "PYTHONPATH": str(REPOSITORY / "adapters/python")}
    server = subprocess.Popen([sys.executable, "server.py"], cwd=tmp_path, env=environment, preexec_fn=die_with_parent)
    try:
        (tmp_path / "client.py").write_text(client.replace(":3000", f":{port}"))
        until(lambda: is_open(port), "the server listens")
        with (
            Gateway(own_broker.url) as gateway,
            Witness(own_broker.url, "socket.io.cluster", "cluster", ["#presence"]) as presence,
            running([sys.executable, "client.py"], tmp_path) as receiver,
        ):
            until(lambda: gateway.get("/v1/counts?room=lobby").json.get("rooms") == {"lobby": 1}, "the client is there")
            event = {"event": "order.paid", "data": {"id": 42}, "rooms": ["lobby"]}
            until(lambda: gateway.emit(**event)["routed"] is None, "its manager, which begins with the first client, has a queue")
            assert receiver.stdout.readline() == b"order.paid {'id': 42}\n"
            receiver.kill()
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE) == 0
            assert presence.waiting()[-1].json["type"] == 13, "it has said goodbye"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def running(command, folder):
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def is_open(port):
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        return True


def test_the_variables_that_pages_set_are_settings():
    names = ["README.md", "docs/start.md", *(f"docs/servers/{page}.md" for page in SERVERS)]
    found = [block for name in names for block in pages.blocks(pages.page(name), "sh") if "export GATEWAY" in block]
    assert len(found) >= len(names) - 1
    for block in found:
        lines = "".join(line for line in block.splitlines(keepends=True) if line.startswith("export"))
        command = f"{lines}{binary()} config check"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        result = subprocess.run(["sh", "-ec", command], env=environment, capture_output=True, text=True, timeout=20)
        assert result.returncode == 0, (block, result.stderr)


@pytest.mark.parametrize("name", ["README.md", "docs/configuration-file.md", "docs/hook-settings.md", "docs/cloudevents.md"])
def test_a_configuration_file_of_a_page_is_valid(name, tmp_path):
    text = pages.blocks(pages.page(name), "yaml")[0].replace("5b1f…", "5b1f" * 16).replace("…", "a long and random secret")
    (tmp_path / "amqp-url").write_text("amqp://user:password@rabbitmq.internal/")
    (tmp_path / "gateway-key").write_text(KEY)
    (tmp_path / "gateway.yaml").write_text(text.replace("/run/secrets", str(tmp_path)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    command = [binary(), "config", "check", "--config", tmp_path / "gateway.yaml"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def firehose(broker):
    """A function that gives what is published from now on: (properties, what RabbitMQ says of the message, its body)."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "amq.rabbitmq.trace", "publish.#")
    broker.ctl("trace_on")
    # Servers that are asked say at once that they are there.
    channel.basic_publish(EXCHANGE, "#discover", b'{"uid":"emitter","type":1}')

    def messages():
        while (message := channel.basic_get(queue, auto_ack=True))[0]:
            yield message[1].headers, message[2].decode()

    yield messages
    broker.ctl("trace_off")
    connection.close()


def test_the_exchange_of_messages_is_the_one_that_the_protocols_page_shows(server, gateway, firehose):
    section = pages.page("docs/cluster-protocol.md").split("## One question, byte by byte")[1].split("\n## ")[0]
    presence, question, reply, told = (block.strip() for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    client = AnsweringClient(server.url, "hall")
    answer = gateway.get("/v1/counts?room=hall", AUTHORIZED)
    client.close()
    messages = []

    def sent(text):
        messages.extend(firehose())
        return next((message for message in messages if text in message[1]), None)

    there, asked, answered = (until(lambda text=text: sent(text), text) for text in ('"type":2,', '"type":7,', '"type":8,'))
    request, uid = json.loads(asked[1])["data"]["requestId"], json.loads(answered[1])["uid"]

    def as_shown(body):
        body = re.sub(r'"pid":[0-9]+', '"pid":25733', body).replace("hall", "lobby").strip()
        return body.replace(request, json.loads(question)["data"]["requestId"]).replace(uid, json.loads(reply)["uid"])

    assert [as_shown(body) for body in (there[1], asked[1], answered[1], answer.body.decode())] == [presence, question, reply, told]

    assert [of(there), of(asked)] == [(EXCHANGE, ["#presence"]), (EXCHANGE, ["/"])]
    properties = asked[0]["properties"]
    assert properties.keys() == {"message_id", "correlation_id", "expiration", "reply_to"}
    assert properties["message_id"] == properties["correlation_id"] == request
    # Counts are asked for on an event loop, unless its channel for that is still being opened.
    assert properties["expiration"] in ("100", "5000")
    assert properties["reply_to"].startswith("amq.rabbitmq.reply-to.")
    assert of(answered) == ("", [properties["reply_to"]])
    assert answered[0]["properties"]["correlation_id"] == request
    assert there[0]["properties"]["delivery_mode"] == 1 and there[0]["properties"]["content_type"] == "application/json"


def of(message):
    return message[0]["exchange_name"], message[0]["routing_keys"]
