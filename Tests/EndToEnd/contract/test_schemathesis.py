"""Requests that schemathesis makes out of openapi.yaml, good and bad: every answer is one of the contract.

What is generated depends on the contract and SEED alone. For more of it, by hand:
SCHEMATHESIS_SECONDS=600 .venv/bin/python -m pytest Tests/EndToEnd/contract/test_schemathesis.py
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import REPOSITORY, ClusterServer, Gateway, Witness, hook_entry
from harness.cluster import FEATURES

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
HOOKS = REPOSITORY / "Tests/EndToEnd/harness/schemathesis_hooks.py"
SEED = 20260101
EXAMPLES = 5  # of each operation, beside those of the document and of the limits of its schemas
FEW_EXAMPLES = 2  # where most answers are the same
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "0"))  # for each test; 0: until the examples are done
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
EXCHANGE = "test.schemathesis"
SOCKET = "Zk3vWq0d7pXy5TnBAAAB"
KEY = "the-key"
# The page of keys has all of them: test_openapi.py compares it with the program.
PAGE_OF_KEYS = (REPOSITORY / "docs" / "keys.md").read_text()
SCOPES = re.findall(r"^\| `([\w:]+)` \|", re.search(r"\| scope \|.*?\n\n", PAGE_OF_KEYS, re.DOTALL)[0], re.MULTILINE)
# One for each scope, and two for everything: within bounds, and not too often.
KEYS = [
    *({"name": scope.replace(":", "."), "scopes": [scope]} for scope in SCOPES),
    {"name": "narrow", "scopes": ["*"], "namespaces": ["/"], "rooms": ["user:*", "lobby"], "events": ["order.*", "e*"]},
    {"name": "rated", "scopes": ["*"], "rate": "20/s", "burst": 20},
]
# harness/schemathesis_hooks.py delivers to them: whatever it is, what a mapping has to find, and what must be signed.
HOOKS_OF_GATEWAY = [
    hook_entry("open", event="e", rooms=["lobby"], allowedOrigins=["*"]),
    hook_entry("mapping", event="{/ref}", rooms=["repo:{/repository/full_name}"], rate="50/s"),
    # By the name that the document's examples have; of this scheme every method is there that the contract has.
    {**hook_entry("meta"), "name": "github"},
]


@dataclass
class Caller:
    """Who asks: what the gateway is told of keys, and what each request shows."""

    settings: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)


def entry(name, **members):
    return {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), **members}


CALLERS = {
    "nobody": Caller(),
    "whoever has the key": Caller({"api_key": KEY}, {"X-API-Key": KEY}),
    "whoever has another key": Caller({"api_key": KEY}, {"Authorization": "Bearer another"}),
    "each key in turn": Caller({"keys": [entry(**key) for key in KEYS], "protect_metrics": "on"}),
    **{
        key["name"]: Caller({"keys": [entry(**key)], "protect_metrics": "on"}, {"X-API-Key": key["name"]})
        for key in KEYS
    },
}


class LastingServer(ClusterServer):
    """Says that it has done what it is told, and has its sockets for ever."""

    def _change(self, kind, ids, data):
        pass

    @property
    def is_alive(self):
        return self._thread.is_alive()


@contextmanager
def with_servers(broker, **settings):
    with (
        LastingServer(broker.url, {SOCKET: {"lobby", "user:42", 42}, "another": {"lobby", "staff"}}, about=FEATURES) as one,
        LastingServer(broker.url, {"third": {"staff", "42"}}, about=FEATURES) as other,
        Witness(broker.url, EXCHANGE, "fanout"),
        Gateway(broker.url, python_socketio_exchange=EXCHANGE, requests_timeout="500ms", **settings) as gateway,
    ):
        yield gateway
        assert one.is_alive and other.is_alive


@contextmanager
def without_servers(broker, **settings):
    # Not python-socketio: it would wait for callbacks for as long as a request says.
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=f"{EXCHANGE}.rooms", **settings) as gateway:
        yield gateway


SITUATIONS = {"servers": with_servers, "no servers": without_servers}


@pytest.mark.parametrize(
    "situation, caller",
    [
        ("servers", "whoever has the key"),
        pytest.param("no servers", "nobody", marks=pytest.mark.slow),
        pytest.param("no servers", "whoever has another key", marks=pytest.mark.slow),
        pytest.param("servers", "narrow", marks=pytest.mark.slow),
    ],
)
def test_every_answer_is_one_of_the_contract(broker, tmp_path, situation, caller):
    caller = CALLERS[caller]
    with situate(situation, broker, tmp_path, caller) as gateway:
        before = resident_bytes(gateway)
        result = run(gateway, tmp_path, caller.headers)
        assert result.returncode == 0, result.stdout[-20_000:]
        assert gateway.get("/livez").status == 200
        assert resident_bytes(gateway) < before + 64 * 2**20
        if "protect_metrics" not in caller.settings:
            # Taken, not signed, unknown, and read but refused.
            assert statuses(gateway, "/v1/hooks/{name}") >= {200, 401, 404, 422}
        if "api_key" in caller.settings:
            assert statuses(gateway, "/v1/cloudevents") >= ({200, 422} if "X-API-Key" in caller.headers else {401})


def test_every_answer_to_keys_in_turn_is_one_of_the_contract(broker, tmp_path):
    caller = CALLERS["each key in turn"]
    with situate("servers", broker, tmp_path, caller) as gateway:
        names = ",".join(key["name"] for key in KEYS)
        result = run(gateway, tmp_path, {}, phases="examples,fuzzing", examples=2 * EXAMPLES, environment={"SCHEMATHESIS_KEYS": names})
        assert result.returncode == 0, result.stdout[-20_000:]
        # Some may, and some may not.
        assert statuses(gateway, "/v1/emit", "metrics") >= {200, 403}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(scope.replace(":", ".") for scope in SCOPES), "rated"])
def test_every_answer_to_a_key_that_may_do_little_is_one_of_the_contract(broker, tmp_path, name):
    caller = CALLERS[name]
    with situate("servers", broker, tmp_path, caller) as gateway:
        # Most is refused before it is read, in one way.
        result = run(gateway, tmp_path, caller.headers, phases="examples,fuzzing", examples=FEW_EXAMPLES)
        assert result.returncode == 0, result.stdout[-20_000:]


def situate(situation, broker, directory, caller):
    path = directory / "gateway.yaml"
    path.write_text(json.dumps({"keys": caller.settings.get("keys", []), "hooks": HOOKS_OF_GATEWAY}))
    settings = {name: value for name, value in caller.settings.items() if name != "keys"}
    return SITUATIONS[situation](broker, config=path, **settings)


def statuses(gateway, path, key=KEY):
    """What POST has been answered there."""
    samples = gateway.get("/metrics", {"X-API-Key": key}).body.decode()
    return {int(status) for status in re.findall(rf'route="{path}",method="POST",status="(\d+)"', samples)}


def resident_bytes(gateway):
    """Of the process; its metrics may be protected."""
    status = Path(f"/proc/{gateway._process.pid}/statm").read_text()
    return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(gateway, directory, headers, phases="examples,coverage,fuzzing", examples=EXAMPLES, environment=None):
    configuration = directory / "schemathesis.toml"
    configuration.write_text(
        f"""
        hooks = {json.dumps(str(HOOKS))}
        [generation]
        # Credentials are the caller's.
        with-security-parameters = false
        [checks]
        # Documented, and then true: 503 and 504 are no errors of the gateway. Where they are not documented another check says so.
        not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503, 504]
        """
    )
    command = [SCHEMATHESIS, "--config-file", configuration, "run", REPOSITORY / "openapi.yaml", "--no-color"]
    command += ["--url", "http://%s:%d" % gateway.address, "--checks", ",".join(CHECKS), "--seed", str(SEED)]
    command += ["--phases", phases, "--mode", "all", "--max-examples", str(examples)]
    command += ["--continue-on-failure", "--request-timeout", "15", "--warnings", "off"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}:{value}")]
    command += ["--max-time", str(SECONDS)] if SECONDS else []
    return subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=300 + 2 * SECONDS,
    )
