"""What generators of code make out of the contract: a Python client, which is used here, and others, as far as they are checked
without packages from elsewhere: Go compiles, PHP parses."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import REPOSITORY, Gateway, read_contract
from harness.questions import start_servers, until

KEY = "the key"
LONG = 60_000  # milliseconds; never waited for
OPERATIONS = {
    operation["operationId"]
    for item in read_contract()["paths"].values()
    for operation in item.values()
    if "operationId" in operation
}


# Python, by openapi-python-client

# What it does not know. Both are there in JSON, too.
LEFT_OUT = {
    "POST /v1/batch": "Unsupported content type application/x-ndjson",
    "GET /openapi.yaml": "Unsupported content_type application/yaml",
}


@pytest.fixture(scope="module")
def server(broker, exchange):
    (server,) = start_servers(broker.url, exchange, exchange + ".fanout", ["aio-pika"])
    with server:
        yield server


@pytest.fixture(scope="module")
def gateway(broker, exchange, server):
    settings = {"cluster_exchange": exchange, "python_socketio_exchange": exchange + ".fanout"}
    with Gateway(broker.url, api_key=KEY, **settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def generated(gateway, tmp_path_factory):
    """The package `gateway_client`, made out of what the running gateway serves; and what was said about it."""
    directory = tmp_path_factory.mktemp("generated")
    (directory / "config.yaml").write_text("post_hooks: []\n")  # else it looks for a formatter
    url = "http://%s:%d/openapi.json" % gateway.address
    command = [Path(sys.executable).parent / "openapi-python-client", "generate", "--url", url, "--meta", "none"]
    command += ["--config", directory / "config.yaml", "--output-path", directory / "gateway_client"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stdout + run.stderr
    sys.path.insert(0, str(directory))
    yield run.stderr
    sys.path.remove(str(directory))


@pytest.fixture(scope="module")
def client(gateway, generated, server):
    module = importlib.import_module("gateway_client")
    client = module.AuthenticatedClient(base_url="http://%s:%d" % gateway.address, token=KEY)
    until(lambda: call(client, "cluster.list_servers").servers, "a server answers questions")
    server.client("first")  # the first makes its server listen
    first = model("Emit", event="first", rooms=["first"])
    until(lambda: call(client, "emit.emit", body=first).routed is None, "a server has its queue")
    return client


def call(client, operation, /, *path, **parameters):
    """What the generated function of an operation, such as `emit.emit`, returns."""
    return importlib.import_module(f"gateway_client.api.{operation}").sync(*path, client=client, **parameters)


def model(name, **fields):
    return getattr(importlib.import_module("gateway_client.models"), name)(**fields)


def test_python_has_every_operation(generated):
    warnings = re.findall(r"^WARNING parsing (.+?) within \w+\.(.*)\n\n(.+)", generated, re.MULTILINE)
    assert generated.count("WARNING") == len(warnings) == len(LEFT_OUT)
    for operation, consequence, reason in warnings:
        assert LEFT_OUT[operation] in reason and consequence.strip() == "", (operation, consequence, reason)
    directory = Path(importlib.import_module("gateway_client").__file__).parent
    modules = {path.stem for path in directory.glob("api/*/*.py")} - {"__init__"}
    assert {name.replace("_", "") for name in modules} == {name.lower() for name in OPERATIONS}


def test_python_emits(client, server):
    socket = server.client("lobby")
    answer = call(client, "emit.emit", body=model("Emit", event="order.paid", data={"id": 42}, rooms=["lobby"]))
    assert type(answer).__name__ == "EmitAnswer"
    assert (answer.status, answer.routed, bool(answer.acks)) == ("confirmed", None, False)
    assert socket.next() == ("order.paid", {"id": 42})
    dry = call(client, "emit.emit", body=model("Emit", event="order.paid", rooms=["lobby"], dry_run=True))
    assert type(dry).__name__ == "DryRunAnswer"
    assert (dry.status, dry.exists, dry.recipients, dry.servers.responded) == ("dryRun", True, 1, 1)


def test_python_emits_batches(client, server):
    socket = server.client("lobby")
    items = [model("BatchItem", event="one", rooms=["lobby"]), model("BatchItem", event="two", rooms=[""])]
    answer = call(client, "emit.emit_batch", body=model("Batch", items=items))
    assert (answer.confirmed, answer.failed) == (1, 1)
    done, failed = answer.results
    assert (done.status, failed.status, failed.problem.code.value) == (200, 422, "invalid_request")
    assert failed.problem.errors[0].pointer == "/rooms/0"
    assert socket.next() == ("one",)


def test_python_is_given_acknowledgements(client, server):
    for number in range(2):
        server.client("quiz", answers={"q": number})
    ack = model("EmitAck", timeout_ms=LONG)
    answer = call(client, "emit.emit", body=model("Emit", event="q", rooms=["quiz"], ack=ack))
    assert (answer.recipients, answer.acks.expected, answer.acks.received, answer.acks.complete) == (2, 2, 2, True)
    assert sorted(answer.acks.responses) == [[0], [1]]
    assert (answer.servers.responded, answer.servers.missing) == (1, [])


def test_python_asks(client, server):
    sockets = [server.client("asked") for _ in range(3)]
    until(lambda: call(client, "cluster.get_counts", room=["asked"]).rooms["asked"] == 3, "they are in the room")

    page = call(client, "cluster.list_sockets", room=["asked"], limit=2)
    rest = call(client, "cluster.query_sockets", body=model("SocketQuery", rooms=["asked"], cursor=page.next_cursor))
    ids = [socket.id for socket in page.sockets + rest.sockets]
    assert (len(page.sockets), rest.next_cursor, len(set(ids))) == (2, None, len(sockets))
    found = call(client, "cluster.get_socket", ids[0])
    assert (found.id, set(found.rooms), found.complete) == (ids[0], {ids[0], "asked"}, True)
    missing = call(client, "cluster.get_socket", "nobody")
    assert (missing.code.value, missing.status) == ("not_found", 404)

    changed = call(client, "cluster.join_rooms_all", body=model("SocketsRooms", in_=["asked"], rooms=["moved"]))
    assert (changed.matched, changed.status.value) == (3, "confirmed")
    rooms = call(client, "cluster.list_rooms", prefix="move").rooms
    assert [(room.room, room.sockets) for room in rooms] == [("moved", 3)]
    assert [one.uid for one in call(client, "cluster.list_servers").servers] == [found.server]


# TypeScript, Go and PHP, by openapi-generator

# What it says and nothing is lost for.
HARMLESS = [
    "OpenAPI 3.1 support is still in beta",
    "Failed to get the schema name: null",  # of `additionalProperties: false`
    "(reserved word) cannot be used as model name",  # it has another then
    "(reserved word) cannot be used as parameter name",  # the same
    "not handled properly in setParameterExampleValue",  # any JSON, in examples of its documents
    "Cannot convert OpenAPI default of type java.util.ArrayList to a PHP literal",  # the gateway has the default, too
]
# A package that Go's client imports. Nothing is fetched here; whether the rest fits together shows without it.
GO_MODULE = "module gateway\n\ngo 1.18\n\nrequire gopkg.in/validator.v2 v2.0.1\n\nreplace gopkg.in/validator.v2 => ./validator\n"
GO_VALIDATOR = "package validator\n\nfunc Validate(interface{}) error { return nil }\n"


def run_generator(*arguments):
    """What openapi-generator says."""
    (jar,) = (REPOSITORY / ".cache").glob("openapi-generator-*.jar")
    command = ["java", "-jar", jar, *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, errors="replace")
    assert run.returncode == 0, run.stdout[-5_000:]
    return run.stdout


def compile_go(directory):
    shutil.rmtree(directory / "test")  # of each operation, to be filled in
    (directory / "go.mod").write_text(GO_MODULE)
    (directory / "validator").mkdir()
    (directory / "validator" / "go.mod").write_text("module gopkg.in/validator.v2\n")
    (directory / "validator" / "validator.go").write_text(GO_VALIDATOR)
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    check_quietly(["go", "build", "."], cwd=directory, env=environment)


def parse_php(directory):
    for path in directory.glob("lib/**/*.php"):
        check_quietly(["php", "-l", path])


def check_quietly(command, **options):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **options)
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
def test_openapi_generator_finds_nothing_wrong():
    assert "No validation issues detected." in run_generator("validate", "-i", REPOSITORY / "openapi.yaml")


@pytest.mark.slow
@pytest.mark.parametrize(
    "language, sources, check",
    [("typescript-fetch", "apis/*.ts", None), ("go", "api_*.go", compile_go), ("php", "lib/Api/*.php", parse_php)],
)
def test_openapi_generator_loses_nothing(tmp_path, language, sources, check):
    output = run_generator("generate", "-i", REPOSITORY / "openapi.yaml", "-g", language, "-o", tmp_path)
    warnings = [line for line in output.splitlines() if re.search(r"\b(WARN|ERROR)\b", line)]
    assert [line for line in warnings if not any(harmless in line for harmless in HARMLESS)] == []
    text = "".join(path.read_text() for path in tmp_path.glob(sources))
    methods = {name.lower() for name in re.findall(r"(\w+)\(", text)}
    assert {name.lower() for name in OPERATIONS} <= methods
    if check:
        check(tmp_path)
