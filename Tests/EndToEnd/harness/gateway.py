"""The gateway as its users run it: a process, configured by flags and environment, spoken to over HTTP."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from .patience import PATIENCE, end_of_patience, until
from .rabbitmq import REPOSITORY, die_with_parent, stop_process, thread_states

JSON = "application/json"
VERSION = (REPOSITORY / "VERSION").read_text().strip()


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Sent:
    """A request whose head and body left together. (`http.client` sends them apart, and who leaves between the two has
    asked for nothing.)"""

    def __init__(self, address, path, body, headers):
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._connection = socket.create_connection(address, timeout=PATIENCE)
        self._connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def is_answered(self):
        return bool(select.select([self._connection], [], [], 0)[0])

    def response(self):
        """Waits for the answer, and leaves."""
        with self, http.client.HTTPResponse(self._connection, method="POST") as response:
            response.begin()
            return Response(response.status, response.headers, response.read())

    def leave(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()


def binary():
    return os.environ.get("SOCKETIO_GATEWAY") or str(REPOSITORY / ".build" / "release" / "socketio-gateway")


class Gateway:
    """`start` returns when it is ready. Keyword arguments become its environment: `api_key="k"` is GATEWAY_API_KEY=k; `None`
    leaves the variable out."""

    def __init__(self, amqp_url, *flags, wire_format="python-socketio", http_address="127.0.0.1:0", **settings):
        self._flags = flags
        self._settings = {
            "amqp_url": amqp_url,
            "wire_format": wire_format,
            "http_address": http_address,
            "log_format": "json",
            "shutdown_delay": "0s",
            "allow_anonymous": "true",
            **settings,
        }
        self._process = None
        self._reader = None
        self.stderr = []
        self.address = None  # (host, port), once it listens

    def launch(self):
        """Starts the process, waiting for nothing."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        settings = {k: v for k, v in self._settings.items() if v is not None}
        environment.update({f"GATEWAY_{k.upper()}": str(v) for k, v in settings.items()})
        self._process = subprocess.Popen(
            [binary(), "serve", *self._flags],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent,
        )
        self.stderr = []  # what an earlier process said is not this one's
        self._reader = threading.Thread(target=self.stderr.extend, args=(iter(self._process.stderr.readline, ""),))
        self._reader.start()
        return self

    def start(self, ready=True):
        self.launch()
        self.wait_until(lambda: self._find_address(), end_of_patience(), "listen")
        if ready:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, timeout=PATIENCE):
        self.wait_until(lambda: self.get("/readyz").status == 200, time.monotonic() + timeout, "become ready")

    def wait_until(self, is_true, deadline, what):
        while not is_true():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                reason = f"ended with status {self._process.returncode}" if ended else "did not in time"
                raise AssertionError(f"the gateway should {what}: it {reason}\n{''.join(self.stderr)}")
            time.sleep(0.02)

    def wait_for_exit(self, timeout=PATIENCE):
        """Its exit code."""
        try:
            return self._process.wait(timeout)
        finally:
            self.kill()

    def stop(self, how=signal.SIGTERM):
        """Ends it as an operator would, and asserts that it ended cleanly."""
        if self._process.poll() is None:
            self._process.send_signal(how)
        code = self.wait_for_exit()
        assert code == 0, f"exit code {code} after {signal.Signals(how).name}\n{''.join(self.stderr)}"

    def has_ended(self):
        return self._process.poll() is not None

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number):
        if number == signal.SIGSTOP:
            stop_process(self.pid)
        else:
            self._process.send_signal(number)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def log(self):
        """The log lines so far, parsed; lines that are not JSON are left out."""
        return [line for line in map(_parsed, list(self.stderr)) if isinstance(line, dict)]

    def wait_for_line(self, message):
        """The first log line with this message, when it is there."""
        return until(lambda: next((line for line in self.log() if line.get("message") == message), None), f"'{message}' in the log")

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Response(response.status, response.headers, _body(response))
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, body, headers=None, path="/v1/emit"):
        """`body` as it is, if it is bytes or text; otherwise as JSON."""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return self.request("POST", path, body, {"Content-Type": JSON, **(headers or {})})

    def send(self, body, headers=None, path="/v1/emit"):
        """A POST whose answer is not awaited yet: see `Sent`."""
        return Sent(self.address, path, json.dumps(body).encode(), {"Content-Type": JSON, **(headers or {})})

    def batch(self, items, headers=None, timeout=60):
        """A batch of these items, as JSON."""
        body = json.dumps({"items": items}).encode()
        return self.request("POST", "/v1/batch", body, {"Content-Type": JSON, **(headers or {})}, timeout)

    def metric(self, sample):
        """The value of a sample, which is named with its labels as in the text."""
        for line in self.get("/metrics").body.decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value) if "." in value else int(value)
        raise AssertionError(f"no metric {sample}")

    def wait_until_unused(self):
        """Returns when nobody is connected but who asks."""
        self.wait_for_connections(0)

    def wait_for_connections(self, count):
        """Returns when so many are connected beside who asks."""
        until(lambda: self.metric("gateway_http_connections") == count + 1, f"{count} connections")

    def wait_for_in_flight(self, count):
        """Returns when so many requests are under way beside the one that asks, and wait for others than the gateway: a
        request counts from its head on, and another loop may overtake the one that is about to handle it."""
        until(lambda: self.metric("gateway_http_requests_in_flight") == count + 1, f"{count} requests under way")
        # Without another question: the thread that has just answered one is still busy with it.
        until(lambda: set(thread_states(self.pid)) == {"S"}, "a gateway that waits")

    def emit(self, **fields):
        """An emit that must succeed; what the gateway answered. `except_=` stands for `except`."""
        if "except_" in fields:
            fields["except"] = fields.pop("except_")
        response = self.post(fields)
        assert response.status in (200, 202), (response.status, response.body)
        return response.json

    def _find_address(self):
        for line in self.log():
            if line.get("message") == "listening":
                host, port = line["address"].rsplit(":", 1)
                self.address = (host.strip("[]"), int(port))
                return True
        return False

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()


def _body(response):
    """Of a stream what it begins with."""
    if response.headers["Content-Type"] != "text/event-stream":
        return response.read()
    lines = []
    while (line := response.readline()) not in (b"", b"\n"):
        lines.append(line)
    return b"".join(lines)


def assert_problem(response, status, code=None, pointer=None):
    """Asserts that the response is a problem document with this status, code and (among others) pointer; `?name` is a parameter."""
    assert response.status == status, (response.status, response.body)
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json"
    problem = response.json
    assert problem["status"] == status
    assert problem["type"] and problem["title"] and problem["detail"]
    assert problem["requestId"] == response.headers["X-Request-Id"]
    assert isinstance(problem["retryable"], bool)
    if code is not None:
        assert problem["code"] == code, problem
    if pointer is not None:
        places = [error["pointer"] if "pointer" in error else f"?{error['parameter']}" for error in problem["errors"]]
        assert pointer in places, problem
        assert problem["detail"].endswith(" more)") == (len(places) > 1)
        assert all(error["detail"] for error in problem["errors"])
    return problem


def _parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return None
