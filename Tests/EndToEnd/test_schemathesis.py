"""Requests that schemathesis makes out of openapi.yaml, good and bad: every answer is one of the contract.

What is generated depends on the contract and SEED alone. For more of it, by hand:
SCHEMATHESIS_SECONDS=600 .venv/bin/python -m pytest Tests/EndToEnd/test_schemathesis.py
"""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import REPOSITORY, ClusterServer, Gateway, Witness

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
HOOKS = Path(__file__).parent / "harness" / "schemathesis_hooks.py"
SEED = 20260101
EXAMPLES = 5  # of each operation, beside those of the document and of the limits of its schemas
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


@dataclass
class Caller:
    """Who asks: what the gateway is told of keys, and what each request shows."""

    settings: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)


CALLERS = {
    "nobody": Caller(),
    "whoever has the key": Caller({"api_key": KEY}, {"X-API-Key": KEY}),
    "whoever has another key": Caller({"api_key": KEY}, {"Authorization": "Bearer another"}),
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
        LastingServer(broker.url, {SOCKET: {"lobby", "user:42"}, "another": {"lobby", "staff"}}) as one,
        LastingServer(broker.url, {"third": {"staff"}}) as other,
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
    [("servers", "whoever has the key"), ("no servers", "nobody"), ("no servers", "whoever has another key")],
)
def test_every_answer_is_one_of_the_contract(broker, tmp_path, situation, caller):
    caller = CALLERS[caller]
    with SITUATIONS[situation](broker, **caller.settings) as gateway:
        before = gateway.metric("process_resident_memory_bytes")
        result = run(gateway, tmp_path, caller.headers)
        assert result.returncode == 0, result.stdout[-20_000:]
        assert gateway.get("/livez").status == 200
        assert gateway.metric("process_resident_memory_bytes") < before + 64 * 2**20


def run(gateway, directory, headers):
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
    command += ["--phases", "examples,coverage,fuzzing", "--mode", "all", "--max-examples", str(EXAMPLES)]
    command += ["--continue-on-failure", "--request-timeout", "15", "--warnings", "off"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}:{value}")]
    command += ["--max-time", str(SECONDS)] if SECONDS else []
    return subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=300 + 2 * SECONDS,
    )
