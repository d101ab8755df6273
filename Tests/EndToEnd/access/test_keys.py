"""Keys: made by the command, put into the file as they are, and held to what they may do.

That a key takes the same time to be compared whatever it is cannot be shown here: the noise of a connection is far larger.
"""

import calendar
import hashlib
import json
import os
import pty
import re
import signal
import time

import pytest
import yaml

from harness import Gateway, Key, assert_problem, binary, create_key, run_command
from harness.questions import start_servers, until, wait_for_servers

EVENT = {"event": "hello"}
NOBODY = {"sgw_" + "A" * 43, "x", "a" * 2_000}
NOTHING = ["", " "]


@pytest.fixture(scope="module")
def keys():
    return {
        "all": create_key("all", "*"),
        "users": create_key(
            "users", "emit", "sockets:read", "rooms:read", room="user:*", event=["order.*", "end-of-test"], namespace="/"
        ),
        "reader": create_key("reader", "rooms:read", "sockets:read", "servers:read"),
        "chat": create_key("chat", "*", namespace="/chat"),
        "metrics": create_key("metrics", "metrics"),
        "expired": expired(create_key("expired", "*")),
    }


def expired(key):
    """Which `keys create` would not make."""
    return Key(key.key, key.entry + "    expires: 2020-01-01\n")


@pytest.fixture(scope="module")
def config(keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "gateway.yaml"
    path.write_text("keys:\n" + "\n".join(key.entry for key in keys.values()))
    return path


@pytest.fixture(scope="module")
def running_servers(broker, exchange):
    servers = start_servers(broker.url, exchange, exchange + ".fanout", ["aio-pika"], namespaces=("/", "/chat"))
    yield servers
    for server in servers:
        server.close()


class GatewayWithKey(Gateway):
    """Its own questions, such as those of the harness, are asked with a key that may do everything."""

    key = None

    def request(self, method, path, body=None, headers=None, timeout=15):
        headers = headers if headers is not None and {"X-API-Key", "Authorization"} & set(headers) else {**self.key.header, **(headers or {})}
        return super().request(method, path, body, headers, timeout)


@pytest.fixture(scope="module")
def gateway(broker, exchange, running_servers, config, keys):
    gateway = GatewayWithKey(
        broker.url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout", loops=2, config=config
    )
    gateway.key = keys["all"]
    with gateway:
        wait_for_servers(gateway, 1)
        # A python-socketio server takes emits from its first client on.
        running_servers[0].client()
        until(lambda: gateway.post(EVENT, keys["all"].header).json["routed"] is None, "the server listens")
        running_servers[0].disconnect_clients()
        yield gateway


@pytest.fixture
def servers(gateway, running_servers):
    """Without sockets at the beginning, and at the end."""
    yield running_servers
    for server in running_servers:
        server.disconnect_clients()
    until(lambda: gateway.get("/v1/counts").json["sockets"] == 0, "the server has no sockets")


def get(gateway, key, path):
    return gateway.get(path, key.header)


# Making one


def test_a_key_is_printed_once_with_an_entry_that_has_only_its_hash():
    status, output, error = run_command("keys", "create", "--name", "a", "--scope", "emit")
    assert (status, error) == (0, "")
    key, blank, name, sha256, scopes = output.splitlines()
    assert re.fullmatch(r"sgw_[A-Za-z0-9_-]{43}", key)
    assert (blank, name, scopes) == ("", "  - name: a", "    scopes: [emit]")
    assert re.fullmatch(r"    sha256: [0-9a-f]{64}", sha256)
    assert output.count(key) == 1


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["--name", "a b", "--scope", "emit"], "--name must be 1 to 64 letters"),
        (["--name", "a", "--scope", "emits"], "--scopes has 'emits', which is none of"),
        (["--name", "a", "--scope", "emit", "--expires", "2020-01-01"], "--expires is '2020-01-01', which is in the past"),
        (["--name", "a", "--scope", "emit", "--burst", "2"], "--burst needs a rate"),
        (["--name", "a"], "--scope"),
        (["--scope", "emit"], "--name"),
    ],
)
def test_no_key_is_made_that_the_file_would_refuse(words, complaint):
    status, output, error = run_command("keys", "create", *words)
    assert (status, output) == (64, "") and complaint in error and "keys[0]" not in error
    assert "\nUsage: socketio-gateway keys create [" in error


def test_a_key_may_be_asked_for_in_one_line_and_comes_as_json():
    words = ["--name", "a", "--scopes", "emit,rooms:read", "--rooms", "user:*,news", "--room", "a,b", "--expires", "90d", "--json"]
    began = time.time()
    status, output, error = run_command("keys", "create", *words, "--rate", "5/s", "--burst", "7")
    assert (status, error) == (0, "")
    made = json.loads(output)
    entry = made["entry"]
    end = calendar.timegm(time.strptime(entry.pop("expires"), "%Y-%m-%dT%H:%M:%SZ"))
    assert 0 <= end - 90 * 86_400 - int(began) <= 10
    assert entry.pop("sha256") == hashlib.sha256(made["key"].encode()).hexdigest()
    assert sorted(entry.pop("rooms")) == ["a,b", "news", "user:*"]
    assert entry == {"name": "a", "scopes": ["emit", "rooms:read"], "rate": "5/s", "burst": 7}


@pytest.mark.parametrize("how", ["standard input", "a file", "a terminal"])
def test_a_key_that_exists_is_hashed(broker, exchange, tmp_path, how):
    key = "k3y-that-somebody-has-already"
    match how:
        case "standard input":
            result = run_command("keys", "hash", stdin=key + "\n")
        case "a file":
            (tmp_path / "key").write_text(key + "\r\n")
            result = run_command("keys", "hash", "--file", tmp_path / "key")
        case "a terminal":
            result = 0, typed(key, "keys", "hash").removeprefix("key: ").strip() + "\n", ""
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert result == (0, digest + "\n", "")
    path = tmp_path / "gateway.yaml"
    path.write_text(f"keys: [{{name: a, sha256: {digest}, scopes: [emit]}}]")
    with Gateway(broker.url, python_socketio_exchange=exchange, config=path) as gateway:
        assert gateway.post(EVENT, {"X-API-Key": key}).status == 200


def typed(text, *words):
    """What a terminal shows when somebody types this line to the command."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(binary(), [binary(), *words])
    shown = b""
    while b"key: " not in shown:
        shown += os.read(terminal, 1_000)
    os.write(terminal, text.encode() + b"\n")
    try:
        while chunk := os.read(terminal, 1_000):
            shown += chunk
    except OSError:
        pass  # that is how a terminal ends
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return shown.decode()


@pytest.mark.parametrize(
    "words, stdin, complaint",
    [
        ([], "", "there is no key"),
        ([], "a\nb\n", "line breaks"),
        ([], "Bearer \n", "a space"),
        (["sgw_secret"], "", "Unexpected argument"),
        (["--file", "/nowhere"], "", "/nowhere: No such file or directory"),
        (["--file", "/dev/null"], "", "it is not a regular file"),
    ],
)
def test_what_is_no_key_is_not_hashed(words, stdin, complaint):
    status, output, error = run_command("keys", "hash", *words, stdin=stdin)
    assert (status, output) == (64, "") and complaint in error
    assert "\nUsage: socketio-gateway keys hash [" in error


def test_a_key_that_can_be_guessed_is_hashed_with_a_warning():
    status, output, error = run_command("keys", "hash", stdin="hunter2\n")
    assert status == 0 and output.strip() == hashlib.sha256(b"hunter2").hexdigest()
    assert error == "socketio-gateway: warning: the key has 7 characters: fewer than 16 can be guessed\n"


def test_odd_globs_come_back_as_they_were(tmp_path):
    globs = ["*", "a: b", "#x", '"', "\\", "é", "{a}", "- a", "null", "!x", "a\nb"]
    path = tmp_path / "gateway.yaml"
    path.write_text("keys:\n" + create_key("a", "*", room=globs).entry)
    _, output, _ = run_command("config", "print", "--config", path)
    assert yaml.safe_load(output)["keys"][0]["rooms"] == globs


# 401


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_every_key_that_does_not_open_is_answered_the_same(gateway, keys, name):
    answers = set()
    for key in [*NOBODY, keys["expired"].key, keys["all"].key[:-1], keys["all"].key + "A", keys["all"].key.swapcase()]:
        value = f"Bearer {key}" if name == "Authorization" else key
        response = gateway.post(EVENT, {name: value, "X-Request-Id": "same"})
        assert_problem(response, 401, "unauthorized")
        headers = {k: v for k, v in response.headers.items() if k != "Date"}
        answers.add((response.body, tuple(sorted(headers.items()))))
    assert len(answers) == 1
    assert "X-API-Key" in answers.pop()[0].decode()
    for key in NOTHING:
        value = f"Bearer {key}" if name == "Authorization" else key
        problem = assert_problem(gateway.post(EVENT, {name: value}), 401, "unauthorized")
        assert problem["detail"].startswith(f"{name} has no key")


def test_a_key_ends_when_it_expires(broker, exchange, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("{}\n")
    with Gateway(broker.url, python_socketio_exchange=exchange, config=path) as gateway:
        # On a machine that is too slow for it to be used while it lasts, it lasts longer.
        for seconds in (2, 5, 10, 20):
            end = int(time.time()) + seconds
            key = create_key("short", "emit", expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)))
            path.write_text("keys:\n" + key.entry)
            gateway.signal(signal.SIGHUP)
            gateway.wait_for_line("configuration reloaded")
            # Each loop takes it over in its own time.
            while (status := gateway.post(EVENT, key.header).status) != 200 and time.time() < end:
                pass
            if status == 200:
                break
        assert status == 200
        time.sleep(max(0, end - time.time()) + 0.2)
        assert_problem(gateway.post(EVENT, key.header), 401, "unauthorized")
        assert_problem(gateway.post(EVENT), 401, "unauthorized")


def test_a_key_opens_every_loop(gateway, keys):
    # The kernel deals new connections out to the loops.
    for _ in range(60):
        assert gateway.post(EVENT, keys["all"].header).status == 200
        assert gateway.post(EVENT, keys["expired"].header).status == 401


# Scopes

ROUTES = [
    ("emit", "POST", "/v1/emit", EVENT),
    ("emit", "POST", "/v1/batch", {"items": []}),
    ("sockets:read", "GET", "/v1/sockets", None),
    ("sockets:read", "POST", "/v1/sockets/query", {}),
    ("sockets:read", "GET", "/v1/sockets/x", None),
    ("sockets:handshake", "GET", "/v1/sockets?fields=handshake", None),
    ("sockets:handshake", "POST", "/v1/sockets/query", {"fields": ["handshake"]}),
    ("sockets:handshake", "GET", "/v1/sockets/x?fields=handshake", None),
    ("sockets:disconnect", "DELETE", "/v1/sockets/x", None),
    ("sockets:disconnect", "POST", "/v1/sockets/disconnect", {"in": ["nobody"]}),
    ("rooms:write", "POST", "/v1/sockets/x/join", {"rooms": ["a"]}),
    ("rooms:write", "POST", "/v1/sockets/x/leave", {"rooms": ["a"]}),
    ("rooms:write", "POST", "/v1/sockets/join", {"in": ["nobody"], "rooms": ["a"]}),
    ("rooms:write", "POST", "/v1/sockets/leave", {"in": ["nobody"], "rooms": ["a"]}),
    ("rooms:read", "GET", "/v1/rooms", None),
    ("rooms:read", "GET", "/v1/counts", None),
    ("rooms:read", "POST", "/v1/counts", {}),
    ("servers:read", "GET", "/v1/servers", None),
    ("servers:emit", "POST", "/v1/servers/emit", {"event": "e"}),
    ("config:read", "GET", "/v1/config", None),
]
SCOPES = sorted({scope for scope, *_ in ROUTES})


@pytest.fixture(scope="module")
def by_scope(broker, exchange, running_servers, tmp_path_factory):
    """A gateway, and for each scope a key that has all others, and one that has only what is needed."""
    others = {scope: create_key("no-" + scope.replace(":", "-"), *(s for s in SCOPES if s != scope)) for scope in SCOPES}
    only = {
        scope: create_key("only-" + scope.replace(":", "-"), scope, *(["sockets:read"] if scope == "sockets:handshake" else []))
        for scope in SCOPES
    }
    path = tmp_path_factory.mktemp("config") / "gateway.yaml"
    path.write_text("keys:\n" + "".join(key.entry for key in [*others.values(), *only.values()]))
    with Gateway(
        broker.url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout", loops=2, config=path
    ) as gateway:
        yield gateway, others, only


@pytest.mark.parametrize("scope, method, path, body", ROUTES)
def test_every_route_takes_its_scope(by_scope, scope, method, path, body):
    gateway, others, only = by_scope

    def send(key):
        if method == "POST":
            return gateway.post(body, key.header, path)
        return gateway.request(method, path, headers=key.header)

    problem = assert_problem(send(others[scope]), 403, "insufficient_scope")
    assert f"'{scope}'" in problem["detail"] and problem["retryable"] is False
    assert send(only[scope]).status in (200, 404)


def test_metrics_are_open_unless_they_are_protected(broker, exchange, config, keys):
    with Gateway(broker.url, python_socketio_exchange=exchange, config=config) as gateway:
        assert gateway.get("/metrics").status == 200
    with Gateway(broker.url, "--protect-metrics", python_socketio_exchange=exchange, config=config) as gateway:
        assert_problem(gateway.get("/metrics"), 401, "unauthorized")
        assert_problem(get(gateway, keys["users"], "/metrics"), 403, "insufficient_scope")
        assert b"gateway_info" in get(gateway, keys["metrics"], "/metrics").body
        for path in ("/livez", "/readyz", "/openapi.yaml"):
            assert gateway.get(path).status == 200


# Globs


def test_emits_reach_those_that_the_globs_allow_and_nobody_else(gateway, servers, keys):
    inside, outside = servers[0].client("user:1"), servers[0].client("admin")
    header = keys["users"].header
    order = {"event": "order.paid", "rooms": ["user:1"]}
    assert gateway.post(order, header).status == 200
    refused = [
        ({"event": "order.paid"}, "/rooms"),
        ({**order, "rooms": ["user:1", "admin"]}, "/rooms/1"),
        ({**order, "rooms": [outside.sid]}, "/rooms/0"),
        ({**order, "except": ["admin"]}, "/except/0"),
        ({**order, "exceptSockets": [outside.sid]}, "/exceptSockets/0"),
        ({**order, "event": "paid"}, "/event"),
        ({**order, "namespace": "/chat"}, "/namespace"),
        ({**order, "rooms": ["admin"], "ack": {}}, "/rooms/0"),
    ]
    for body, pointer in refused:
        problem = assert_problem(gateway.post(body, header), 403, "beyond_reach", pointer)
        assert any(glob in json.dumps(problem["errors"]) for glob in ("user:*", "order.*", "it has /"))
    items = [order, *(body for body, _ in refused[:-1]), {"event": "order.last", "rooms": ["user:1"]}]
    response = gateway.post({"items": items}, header, "/v1/batch")
    assert response.status == 207
    assert [result["status"] for result in response.json["results"]] == [200, *[403] * (len(items) - 2), 200]
    assert {r["problem"]["code"] for r in response.json["results"] if r["status"] == 403} == {"beyond_reach"}
    gateway.post({"event": "end-of-test"}, keys["all"].header)
    assert [event for event, *_ in inside.until("end-of-test")] == ["order.paid", "order.paid", "order.last"]
    assert outside.until("end-of-test") == []


def test_a_reader_of_some_rooms_sees_nothing_of_others(gateway, servers, keys):
    client = servers[0].client("user:1", "secret")
    servers[0].client("secret")
    key = keys["users"]
    for path in (
        "/v1/sockets", "/v1/sockets?room=secret", f"/v1/sockets?room={client.sid}", f"/v1/sockets/{client.sid}", "/v1/rooms",
        "/v1/rooms?prefix=", "/v1/rooms?prefix=user", "/v1/rooms?private=true", "/v1/counts", "/v1/counts?room=secret",
        "/v1/sockets?room=user:1&except=secret", "/v1/sockets?room=user:1&room=secret", "/v1/sockets?room=user:1&namespace=/chat",
    ):
        assert_problem(get(gateway, key, path), 403, "beyond_reach")
    response = get(gateway, key, "/v1/sockets?room=user:1")
    assert [(socket["id"], socket["rooms"]) for socket in response.json["sockets"]] == [(client.sid, ["user:1"])]
    response = get(gateway, key, "/v1/rooms?prefix=user:&private=true&cursor=")
    assert response.json["rooms"] == [{"room": "user:1", "sockets": 1}]
    response = get(gateway, key, "/v1/counts?room=user:1")
    assert (response.json["sockets"], response.json["rooms"]) == (None, {"user:1": 1})
    everyone = get(gateway, keys["reader"], "/v1/sockets?room=user:1").json["sockets"][0]
    assert "secret" in everyone["rooms"]
    assert get(gateway, keys["reader"], "/v1/counts").json["sockets"] == 2


def test_a_key_of_one_namespace_neither_sees_nor_ends_others(gateway, servers, keys):
    client = servers[0].client("lobby", namespace="/chat")
    key = keys["chat"]
    assert_problem(get(gateway, key, "/v1/servers"), 403, "beyond_reach", "?namespace")
    answer = get(gateway, key, "/v1/servers?namespace=/chat").json
    assert [server["namespaces"] for server in answer["servers"]] == [["/chat"]]
    path = f"/v1/sockets/{client.sid}?namespace=/chat"
    assert_problem(gateway.request("DELETE", path + "&close=true", headers=key.header), 403, "beyond_reach", "?close")
    body = {"namespace": "/chat", "in": ["lobby"], "close": True}
    assert_problem(gateway.post(body, key.header, "/v1/sockets/disconnect"), 403, "beyond_reach", "/close")
    assert gateway.request("DELETE", path, headers=key.header).json["matched"] == 1


def test_an_answer_is_kept_for_the_key_that_got_it(gateway, keys):
    headers = {"Idempotency-Key": "shared"}
    body = {"rooms": ["user:1"]}
    first = gateway.post(body, {**keys["reader"].header, **headers}, "/v1/counts")
    second = gateway.post(body, {**keys["users"].header, **headers}, "/v1/counts")
    assert (first.status, second.status) == (200, 200)
    assert "Idempotent-Replayed" not in second.headers and second.json["sockets"] is None
    assert_problem(gateway.post(EVENT, {**keys["chat"].header, **headers}, "/v1/counts"), 422)


# Secrets


def test_nothing_of_a_key_is_in_logs_metrics_or_answers(broker, exchange, keys, config):
    stranger = Key("sgw_" + "hunter2" * 6, "")
    gateway = Gateway(broker.url, python_socketio_exchange=exchange, config=config, log_level="trace", loops=2).start()
    answers = []
    for key in [keys["all"], keys["users"], keys["expired"], stranger]:
        query = f"?api_key={key.key}&access_token={key.key}&X-API-Key={key.key}"
        for headers in ({}, key.header, {"Authorization": f"Bearer {key.key}"}, {"Authorization": f"Basic {key.key}"}):
            for path in ("/v1/emit", "/v1/rooms", "/livez", "/nothing", "/v1/sockets/x"):
                answers.append(gateway.post(EVENT, headers, path + query))
                answers.append(gateway.get(path + query, headers))
        assert_problem(gateway.get("/v1/rooms" + query), 401, "unauthorized")
        answers.append(gateway.post(EVENT, {**key.header, "Authorization": f"Bearer {key.key}"}))
    answers.append(gateway.get("/metrics"))
    gateway.stop()
    seen = "".join(gateway.stderr) + "".join(f"{answer.headers}{answer.body}" for answer in answers)
    assert any(answer.status == 200 for answer in answers)
    for key in [keys["all"], keys["users"], keys["expired"], stranger]:
        assert key.key not in seen and key.key[4:20] not in seen
        assert not re.search(r"sha256: (\w+)", key.entry) or re.search(r"sha256: (\w+)", key.entry)[1] not in seen
