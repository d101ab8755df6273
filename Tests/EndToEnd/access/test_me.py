"""Who may do what, and what the gateway runs with: told to whoever asks, and no secret in it."""

import calendar
import hashlib
import os
import signal
import time

import pytest
import yaml

from harness import Gateway, assert_problem, create_key, run_command
from harness.patience import end_of_patience

EVENT = {"event": "hello"}
SECRETS = {"api_key": "k3y-of-the-environment", "hook": "s3cret-of-the-hook", "bearer": "t0ken-in-a-file"}


@pytest.fixture(scope="module")
def keys():
    return {
        "narrow": create_key(
            "narrow", "emit", room=["user:*", 'a"b'], event="order.*", namespace="/", expires="2099-01-31", rate="60/h", burst=50
        ),
        "reader": create_key("reader", "config:read"),
        "old": create_key("rotated", "emit", rate="100/h"),
        "new": create_key("rotated", "emit", rate="100/h"),
    }


def rotated(keys, *names):
    """One entry with the hashes of several keys."""
    return keys["old"].entry.replace(keys["old"].sha256, f"[{', '.join(keys[name].sha256 for name in names)}]")


def text(keys, *names, more=""):
    hooks = f"""
hooks:
- {{name: signed, scheme: github, secrets: ["{SECRETS["hook"]}"], event: push, rooms: ["repo:{{/id}}"]}}
- {{name: token, scheme: bearer, secretFiles: [SECRET_FILE], event: e, rooms: [r], rate: 5/m}}
"""
    return more + "keys:\n" + keys["narrow"].entry + keys["reader"].entry + rotated(keys, *names) + hooks


class Told:
    """A gateway with a configuration file, asked by the key that may read it."""

    def __init__(self, gateway, path, keys):
        self.gateway, self.path, self.keys = gateway, path, keys

    def me(self, name):
        return self.gateway.get("/v1/me", self.keys[name].header)

    def config(self):
        return self.gateway.get("/v1/config", self.keys["reader"].header)

    def key(self, name):
        return next(key for key in self.config().json["keys"] if key["name"] == name)

    def write(self, content):
        new = self.path.with_suffix(".new")
        new.write_text(content.replace("SECRET_FILE", str(self.path.with_name("token"))))
        os.rename(new, self.path)

    def reload(self, content):
        def reloads():
            return sum(line["message"] == "configuration reloaded" for line in self.gateway.log())

        before = reloads()
        self.write(content)
        self.gateway.signal(signal.SIGHUP)
        self.gateway.wait_until(lambda: reloads() > before, end_of_patience(), "read its file again")


@pytest.fixture
def settings(broker, exchange, tmp_path):
    return {"python_socketio_exchange": exchange, "api_key": SECRETS["api_key"], "config": tmp_path / "gateway.yaml", "loops": 2}


@pytest.fixture
def told(broker, settings, keys, tmp_path):
    (tmp_path / "token").write_text(SECRETS["bearer"])
    told = Told(None, tmp_path / "gateway.yaml", keys)
    told.write(text(keys, "new", "old"))
    with Gateway(broker.url, **settings) as gateway:
        told.gateway = gateway
        yield told


def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def test_a_key_is_told_what_it_may_do_and_what_is_left(told):
    response = told.me("narrow")
    rate = response.json["rate"]
    assert response.json == {
        "name": "narrow",
        "scopes": ["emit"],
        "namespaces": ["/"],
        "rooms": ["user:*", 'a"b'],
        "sockets": ["user:*", 'a"b'],
        "events": ["order.*"],
        "expires": "2099-02-01T00:00:00Z",
        "rate": {"requests": 60, "perSeconds": 3_600, "burst": 50, "remaining": 49, "resetSeconds": rate["resetSeconds"]},
    }
    assert 1 <= rate["resetSeconds"] <= 60
    # Asking is a request like any other, on whichever loop.
    assert [told.me("narrow").json["rate"]["remaining"] for _ in range(10)] == list(range(48, 38, -1))
    assert response.headers["RateLimit-Remaining"] == "49"
    assert told.me("reader").json["rate"] is None
    head = told.gateway.request("HEAD", "/v1/me", headers=told.keys["reader"].header)
    assert (head.status, head.body) == (200, b"")
    assert_problem(told.gateway.get("/v1/me"), 401, "unauthorized")
    assert_problem(told.gateway.get("/v1/me?name=x", told.keys["reader"].header), 422, "invalid_request")
    assert_problem(told.gateway.get("/v1/config", told.keys["narrow"].header), 403, "insufficient_scope")


def test_nothing_secret_is_told(told, broker, keys):
    password = broker.url.split("@")[0].rsplit(":", 1)[1]
    for header in ({"X-API-Key": SECRETS["api_key"]}, keys["new"].header, keys["old"].header):
        assert told.gateway.post(EVENT, header).status == 200
    told.reload(text(keys, "old", "new"))
    body = told.config().body.decode()
    for secret in [*SECRETS.values(), *(key.key for key in keys.values())]:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        assert secret not in body and digest not in body.lower()
        assert digest[:16] not in body.lower()
    assert f":{password}@" not in body and ":***@" in body
    hooks = told.config().json["hooks"]
    assert hooks[0] == {
        "name": "signed", "scheme": "github", "event": "push", "rooms": ["repo:{/id}"], "secrets": ["(redacted)"],
    }
    assert hooks[1]["secretFiles"] == [str(told.path.with_name("token"))] and "secrets" not in hooks[1]


def test_it_is_what_is_printed(told, broker, settings):
    """`config print` with the same environment."""
    status, output, _ = run_command(
        "config", "print", amqp_url=broker.url, wire_format="python-socketio", http_address="127.0.0.1:0", log_format="json",
        shutdown_delay="0s", allow_anonymous="true", **settings,
    )
    assert status == 0
    printed, answer = yaml.safe_load(output), told.config().json

    def flat(value, path=""):
        if isinstance(value, dict):
            return {k: v for name, inner in value.items() for k, v in flat(inner, f"{path}.{name}".lstrip(".")).items()}
        return {path: value if isinstance(value, list) else str(value).lower()}

    settings = {name: v for name, v in flat(printed).items() if name not in ("keys", "hooks")}
    assert settings == {
        name: v["value"] if isinstance(v["value"], list) else v["value"].lower() for name, v in answer["settings"].items()
    }
    for line in output.splitlines():
        if line.startswith("loops:"):
            assert line.endswith("# environment") and answer["settings"]["loops"]["from"] == "environment"
    assert answer["settings"]["limits.maxNames"] == {"value": "100", "from": "default"}
    assert printed["hooks"] == answer["hooks"]
    names = ["name", "scopes", "namespaces", "rooms", "sockets", "events"]
    assert [[key[name] for name in names] for key in printed["keys"]] == [[key[name] for name in names] for key in answer["keys"]]
    assert answer["file"] == str(told.path) and answer["waitingForRestart"] == [] and answer["cloudEvents"] is None


def test_it_is_known_when_each_key_and_each_of_its_hashes_was_last_used(told, keys):
    assert told.key("narrow")["lastUse"] is None
    assert told.key("rotated")["lastUseByHash"] == [None, None]
    began = int(time.time())
    told.me("narrow")
    assert told.gateway.post(EVENT, keys["old"].header).status == 200
    assert told.gateway.post(EVENT, {"X-API-Key": "wrong"}).status == 401
    assert began <= seconds(told.key("narrow")["lastUse"]) <= time.time()
    key = told.key("rotated")
    assert key["lastUseByHash"] == [None, key["lastUse"]] and began <= seconds(key["lastUse"]) <= time.time()
    assert told.key("api-key")["lastUse"] is None
    # It goes with the hash, over reloads.
    told.reload(text(keys, "old"))
    assert told.key("rotated")["lastUseByHash"] == [key["lastUse"]]


def test_a_key_is_exchanged_under_one_name(told, keys):
    headers = {"Idempotency-Key": "k"}
    answers = [told.gateway.post(EVENT, {**keys[name].header, **headers}) for name in ("old", "new")]
    assert [answer.status for answer in answers] == [200, 200] and answers[0].body == answers[1].body
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["99", "98"]
    assert told.me("old").json["name"] == told.me("new").json["name"] == "rotated"
    told.reload(text(keys, "new"))
    assert_problem(told.gateway.post(EVENT, keys["old"].header), 401, "unauthorized")
    assert told.gateway.post(EVENT, keys["new"].header).headers["RateLimit-Remaining"] == "95"


def test_a_reload_changes_what_is_told_and_names_what_waits_for_a_restart(told, keys):
    before = told.config().json
    narrow = keys["narrow"].entry
    more = "limits: {maxNames: 7}\nlog: {level: debug}\n"
    told.reload(text(keys, "new", more=more).replace(narrow, narrow.replace("[emit]", '[emit, "rooms:read"]')).replace("60/h", "5/s"))
    me, config = told.me("narrow").json, told.config().json
    assert me["scopes"] == ["emit", "rooms:read"] and me["rate"]["requests"] == 5
    assert config["waitingForRestart"] == ["limits.maxNames"]
    assert config["settings"]["limits.maxNames"] == {"value": "100", "from": "default"}
    assert config["settings"]["log.level"] == {"value": "debug", "from": "file", "line": 2}
    assert len(told.key("rotated")["lastUseByHash"]) == 1
    assert config["started"] == before["started"] and seconds(config["loaded"]) >= seconds(before["loaded"])
    # A file that is not valid changes nothing.
    told.write("keys: [")
    told.gateway.signal(signal.SIGHUP)
    told.gateway.wait_for_line("configuration not reloaded; the one before stays")
    assert told.config().json["keys"][1]["scopes"] == ["emit", "rooms:read"]
