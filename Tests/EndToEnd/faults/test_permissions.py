"""What the gateway's user needs on the broker is what docs/operating/permissions.md says, and without it the gateway says so."""

import re
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from harness import (
    REPOSITORY,
    Amqp0Servers,
    ClusterServer,
    Gateway,
    PrivateRabbitMQ,
    SimulatedServer,
    Witness,
    assert_problem,
    run_command,
)
from harness.questions import wait_for_servers
from harness.topology import eventually

KINDS = ("configure", "write", "read")
DOCUMENT = REPOSITORY / "docs" / "operating" / "permissions.md"
CLUSTER, QUEUES = "socket.io.cluster", "amq.gen-.*"
QUESTIONS = [(kind, name) for kind in KINDS for name in (CLUSTER, QUEUES)]

# By feature, as in the table of the document.
NEEDED = {
    "emits of amqp0": [("write", "socket.io")],
    "emits of python-socketio": [("write", "socketio")],
    "emits of cluster": [("write", CLUSTER)],
    "questions": QUESTIONS,
    "callbacks": [*QUESTIONS, ("write", "socketio"), ("read", "socketio")],
    "alarms while idle": [("write", "amq.default")],
}


def user_of(needed):
    """A user's name that says what it may do."""
    return "u" + "".join(f"-{kind[0]}.{re.sub('[^a-z.]', '', name)}" for kind, name in needed)


def without(needed, one):
    return [permission for permission in needed if permission != one]


USERS = [needed for feature in NEEDED.values() for needed in (feature, *(without(feature, one) for one in feature))]
LACKING = [(feature, one) for feature, needed in NEEDED.items() for one in needed]


@pytest.fixture(scope="module")
def own_broker():
    with PrivateRabbitMQ() as broker:
        backend = "rabbit_auth_backend_internal"
        commands = []
        for user, needed in {user_of(needed): needed for needed in USERS}.items():
            patterns = [
                "^(%s)$" % "|".join(name if name == QUEUES else re.escape(name) for k, name in needed if k == kind) for kind in KINDS
            ]
            quoted = [f'<<"{text}">>'.replace("\\", "\\\\") for text in (user, "/", *patterns, "test")]
            commands += [
                f'{backend}:add_user(<<"{user}">>, <<"secret">>, <<"test">>)',
                f"{backend}:set_permissions({', '.join(quoted)})",
            ]
        broker.ctl("eval", ", ".join(commands) + ".", timeout=120)
        yield broker


@contextmanager
def servers(broker, feature):
    """The exchanges are theirs."""
    with ExitStack() as stack:
        stack.enter_context(Amqp0Servers(broker.url)).socket("room")
        stack.enter_context(Witness(broker.url, "socketio", "fanout"))
        if feature != "callbacks":  # which are for those without a responder
            stack.enter_context(ClusterServer(broker.url, {"sid": {"room"}}, exchange=CLUSTER))
        yield


def url_of(broker, needed):
    return broker.url.replace("guest:guest", f"{user_of(needed)}:secret")


def emit(wire_format):
    def use(broker, url):
        # As it is without questions.
        with Gateway(url, wire_format=wire_format, cluster_enabled=False) as gateway:
            return gateway.post({"event": "e", "rooms": ["room"]})

    return use


def ask(broker, url):
    with Gateway(url) as gateway:
        return gateway.get("/v1/counts")


def call_back(broker, url):
    """Without a responder, acknowledgements come the servers' own way."""
    with Gateway(url) as gateway:
        return gateway.post({"event": "e", "rooms": ["room"], "ack": {"mode": "all", "timeoutMs": 300}})


def notice_alarm(broker, url):
    """Without any emit. Who lacks a permission never notices, and is not waited for as long as others are."""
    with Gateway(url, cluster_enabled=False) as gateway:
        broker.ctl("set_vm_memory_high_watermark", "0")
        try:
            deadline = time.monotonic() + 8
            while (answer := gateway.get("/readyz")).status == 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            return answer
        finally:
            broker.ctl("set_vm_memory_high_watermark", "0.4")
            gateway.wait_until_ready()


USE = {
    "emits of amqp0": emit("amqp0"),
    "emits of python-socketio": emit("python-socketio"),
    "emits of cluster": emit("cluster"),
    "questions": ask,
    "callbacks": call_back,
    "alarms while idle": notice_alarm,
}


@pytest.mark.parametrize("feature", NEEDED)
def test_what_the_table_says_is_enough(own_broker, feature):
    with servers(own_broker, feature):
        response = USE[feature](own_broker, url_of(own_broker, NEEDED[feature]))
    if feature == "alarms while idle":
        assert_problem(response, 503, "broker_blocked")
    else:
        assert response.status == 200, response.body
        assert response.json.get("routed") is not False and response.json.get("complete") in (None, True)


@pytest.mark.parametrize("feature, one", LACKING, ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_without_any_of_it_the_gateway_says_so(own_broker, feature, one):
    with servers(own_broker, feature):
        response = USE[feature](own_broker, url_of(own_broker, without(NEEDED[feature], one)))
    if feature == "alarms while idle":
        assert response.status == 200, "nothing is known of the alarm"
    else:
        assert_problem(response, 503, "broker_refused")


# What `config check --connect` says of it

SETTINGS = {
    "emits of amqp0": {"wire_format": "amqp0", "cluster_enabled": "false"},
    "emits of python-socketio": {"wire_format": "python-socketio", "cluster_enabled": "false"},
    "emits of cluster": {"wire_format": "cluster", "cluster_enabled": "false"},
    "questions": {"wire_format": "python-socketio"},
    "callbacks": {"wire_format": "python-socketio"},
    "alarms while idle": {"wire_format": "amqp0", "cluster_enabled": "false"},
}
OBJECTS = {
    CLUSTER: "the exchange 'socket.io.cluster'",
    QUEUES: "queues that RabbitMQ names, 'amq.gen-…'",
    "socket.io": "the exchange 'socket.io'",
    "socketio": "the exchange 'socketio'",
    "amq.default": "the default exchange, 'amq.default'",
}
ACTIONS = {"configure": "configure", "write": "write to", "read": "read from"}


def check(broker, user, feature):
    """(exit status, what is said)"""
    url = broker.url.replace("guest:guest", f"{user}:secret")
    status, output, error = run_command("config", "check", "--connect", amqp_url=url, **SETTINGS[feature])
    assert output.startswith("valid; ") and "secret" not in output + error
    return status, (output + error).splitlines()


def cure_in(lines):
    (cure,) = [line.partition(": rabbitmqctl ")[2] for line in lines if "rabbitmqctl" in line]
    return shlex.split(cure)


@pytest.mark.parametrize("feature, one", LACKING, ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_check_names_what_is_lacking(own_broker, feature, one):
    user = user_of(without(NEEDED[feature], one))
    status, lines = check(own_broker, user, feature)
    kind, name = one
    is_needed = not ((feature == "callbacks" and one == ("read", "socketio")) or feature == "alarms while idle")
    (said,) = [line for line in lines if line.endswith(f"the user '{user}' may not {ACTIONS[kind]} {OBJECTS[name]}")]
    if is_needed:
        assert said.startswith("socketio-gateway: ") and "would not work: " in said
        assert status == 1
    else:
        assert said.startswith("note: ")
    assert cure_in(lines)[:4] == ["set_permissions", "-p", "/", user]


def test_what_check_proposes_is_what_is_needed_and_no_more(own_broker):
    own_broker.ctl("add_user", "new", "secret", timeout=120)
    status, lines = check(own_broker, "new", "callbacks")
    assert status == 1 and any("the user 'new' has no permission for the virtual host '/'" in line for line in lines)
    own_broker.ctl(*cure_in(lines), timeout=120)
    patterns = [re.compile(pattern) for pattern in cure_in(lines)[-3:]]
    status, lines = check(own_broker, "new", "callbacks")
    assert (status, [line for line in lines if "rabbitmqctl" in line]) == (0, [])
    needed = [*NEEDED["callbacks"], *NEEDED["emits of python-socketio"], *NEEDED["alarms while idle"]]
    for kind, pattern in zip(KINDS, patterns):
        for name in (CLUSTER, "amq.gen-x", "socketio", "amq.default", "socket.io", "other", "socketioo"):
            is_needed = (kind, QUEUES if name == "amq.gen-x" else name) in needed
            assert bool(pattern.match(name)) == is_needed, (kind, name)


def test_check_makes_no_queue_that_stays(own_broker):
    before = own_broker.ctl("eval", "rabbit_amqqueue:count().", timeout=120)
    assert check(own_broker, user_of(NEEDED["callbacks"]), "callbacks")[0] == 0
    assert own_broker.ctl("eval", "rabbit_amqqueue:count().", timeout=120) == before
    assert "unexpectedly" not in own_broker.log_tail(50)


def test_check_says_that_the_broker_takes_nothing(own_broker):
    own_broker.ctl("set_vm_memory_high_watermark", "0", timeout=120)
    try:
        start = time.monotonic()
        status, output, error = run_command("config", "check", "--connect", amqp_url=own_broker.url)
        assert (status, error.count("\n")) == (1, 1)
        assert "RabbitMQ has raised an alarm: low on memory" in error
        assert time.monotonic() - start < 10
    finally:
        own_broker.ctl("set_vm_memory_high_watermark", "0.4", timeout=120)


def test_the_lines_of_the_document_are_those_that_check_proposes(own_broker):
    lines = re.findall(r"^rabbitmqctl set_permissions (?:.*\\\n)*.*$", DOCUMENT.read_text(), re.MULTILINE)
    own_broker.ctl("add_user", "gateway", "secret", timeout=120)
    proposed = [
        cure_in(check_of_gateway(own_broker, wire_format, asks))
        for wire_format, asks in [("amqp0", "true"), ("python-socketio", "true"), ("cluster", "true"), ("amqp0", "false")]
    ]
    assert [shlex.split(line.replace("\\\n", ""))[1:] for line in lines] == proposed


def check_of_gateway(broker, wire_format, asks):
    url = broker.url.replace("guest:guest", "gateway:secret")
    settings = {"amqp_url": url, "wire_format": wire_format, "cluster_enabled": asks}
    return run_command("config", "check", "--connect", **settings)[2].splitlines()


def test_the_document_has_the_same_table():
    rows = re.findall(r"^\|([^|]+)\|([^|]*)\|([^|]*)\|([^|]*)\|$", DOCUMENT.read_text(), re.MULTILINE)[2:]
    table = {
        row[0].strip(): {(kind, name) for kind, cell in zip(KINDS, row[1:]) for name in re.findall(r"`([^`]+)`", cell)} for row in rows
    }
    assert table == {feature: set(needed) for feature, needed in NEEDED.items()}


# Questions that are refused


def attempts(broker):
    """How often a connection for questions has been refused."""
    return broker.log_tail(1_000_000).count("access to exchange 'socket.io.cluster' in vhost '/' refused")


def test_a_refused_cluster_client_stays_away_until_somebody_asks(own_broker):
    own_broker.ctl("add_user", "asker", "secret")
    own_broker.ctl("set_permissions", "asker", "^$", "^socketio$", "^$")
    before = attempts(own_broker)
    with Gateway(own_broker.url.replace("guest:guest", "asker:secret")) as gateway:
        eventually(lambda: attempts(own_broker) > before)
        time.sleep(1)
        once = attempts(own_broker) - before
        assert once <= 2, "one connection, two channels"
        time.sleep(6)
        assert attempts(own_broker) == before + once
        lines = [line for line in gateway.log() if "refused" in line.get("reason", "")]
        assert 1 <= len(lines) <= 4 and all(line["level"] == "warning" for line in lines)

        start = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            responses = list(pool.map(lambda _: gateway.get("/v1/counts"), range(60)))
        seconds = time.monotonic() - start
        for response in responses:
            assert_problem(response, 503, "broker_refused")
        assert attempts(own_broker) - before <= once * (seconds + 2), "once a second at most, however many ask"

        own_broker.ctl("set_permissions", "asker", ".*", ".*", ".*")
        with SimulatedServer(own_broker.url, CLUSTER):
            assert gateway.get("/v1/counts").status == 200
            wait_for_servers(gateway, 1)
