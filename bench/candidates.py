"""Who is measured: how each is started, what each is sent, and how each is ended."""

import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from broker import AUTHORIZATION, EXCHANGE, Management

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))
from rabbitmq import PrivateRabbitMQ, die_with_parent  # noqa: E402

ROOM = "user:42"
EVENT = "order.paid"
ARGUMENT = {"id": 42, "total": "99.90", "currency": "EUR"}
MESSAGE = {"packet": {"type": 2, "data": [EVENT, ARGUMENT]}, "except": []}


def compact(value) -> str:
    return json.dumps(value, separators=(",", ":"))


class CandidateError(Exception):
    """A candidate does not start, or does not do what all of them are to do."""


def compare(name: str, published: list, expected: list):
    """What a candidate put on the broker, with what all of them are to put there."""
    if len(published) != len(expected):
        raise CandidateError(f"{name} published {len(published):,} messages instead of {len(expected):,}")
    for index, (found, wanted) in enumerate(zip(published, expected)):
        if found != wanted:
            raise CandidateError(f"{name} published {found} as message {index} instead of {wanted}")


class Candidate:
    """A program that serves `POST /v1/emit`. One process (and its children) at a time: `start`, `stop`."""

    path = "/v1/emit"
    body = compact({"event": EVENT, "args": [ARGUMENT], "rooms": [ROOM]})
    messages = [MESSAGE]  # what one request puts on the broker
    authorization = ""
    few_connections_only = False

    def __init__(self, name: str, log_folder: Path):
        self.name = name
        self.port = 0
        self._log = log_folder / f"{name}.log"
        self._process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def counts(self, asked: list[int]) -> list[int]:
        """The numbers of connections that it is measured with."""
        return asked[:1] if self.few_connections_only else asked

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def check(self):
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
            raise CandidateError(f"{self.name} ended (status {self._process.returncode})\n{tail}")

    def stop(self):
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        # The session is its own, so the group is it and its children, if any are left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def prove(self, management: Management, patience: float = 20):
        """Waits until it serves; then one request must be confirmed as routed and put the same on the broker as
        everyone else's."""
        with management.recording(ROOM):
            answer = self._first_answer(time.monotonic() + patience)
            if not self.is_routed(answer):
                raise CandidateError(f"{self.name} answers {compact(answer):.500}")
            payloads = management.recorded(len(self.messages) + 1)
        compare(self.name, [json.loads(payload) for payload in payloads], self.messages)

    def is_routed(self, answer: dict) -> bool:
        return answer.get("routed") is True

    def _first_answer(self, deadline: float) -> dict:
        while (answer := self._post()) is None:
            self.check()
            if time.monotonic() > deadline:
                raise CandidateError(f"{self.name} does not answer 200")
            time.sleep(0.05)
        return answer

    def _post(self) -> dict | None:
        headers = {"Content-Type": "application/json", "Authorization": self.authorization}
        request = urllib.request.Request(self.url, data=self.body.encode(), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                return None
            # It serves, and what it refuses now it refuses later, too.
            raise CandidateError(f"{self.name} answers {error.code}: {error.read(500).decode(errors='replace').strip()}") from None
        except (urllib.error.URLError, OSError):
            return None


class Gateway(Candidate):
    def __init__(self, name: str, binary: Path, broker: PrivateRabbitMQ, log_folder: Path):
        super().__init__(name, log_folder)
        self._binary, self._broker = binary, broker

    def command(self):
        return [str(self._binary), "serve", "--http-address", f"127.0.0.1:{self.port}"]

    def environment(self):
        return {
            "GATEWAY_AMQP_URL": self._broker.url,
            "GATEWAY_WIRE_FORMAT": "amqp0",
            "GATEWAY_ALLOW_ANONYMOUS": "true",
            "GATEWAY_SHUTDOWN_DELAY": "0s",
        }


class Keyed(Gateway):
    """The same as it is used: a key with scopes and a rate, and somebody who reads the metrics."""

    SCRAPES_EVERY = 1  # seconds
    KEYS = 1
    GLOBS: dict[str, list[str]] = {}

    def __init__(self, name: str, binary: Path, broker: PrivateRabbitMQ, log_folder: Path):
        super().__init__(name, binary, broker, log_folder)
        self._configuration = log_folder / f"{name}.yaml"
        self._keys = [f"key-{number}-{secrets.token_urlsafe(32)}" for number in range(self.KEYS)]
        # The last of them, behind globs that do not match.
        self.authorization = f"Bearer {self._keys[-1]}"
        self._ended = threading.Event()

    def command(self):
        entries = [
            {
                "name": f"key-{number}",
                "sha256": hashlib.sha256(key.encode()).hexdigest(),
                "scopes": ["emit", "rooms:read"],
                "expires": "2099-01-01",
                "rate": "1000000/s",
                **self.GLOBS,
            }
            for number, key in enumerate(self._keys)
        ]
        self._configuration.write_text(json.dumps({"keys": entries}))
        return [*super().command(), "--config", str(self._configuration)]

    def start(self):
        super().start()
        self._ended.clear()
        threading.Thread(target=self._scrape, args=(self._ended, self.port, self.SCRAPES_EVERY), daemon=True).start()

    def stop(self):
        self._ended.set()
        super().stop()

    @staticmethod
    def _scrape(ended: threading.Event, port: int, every: float):
        while not ended.wait(every):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()


class Guarded(Keyed):
    """The same with all that is checked: many keys, and globs for every name."""

    KEYS = 20
    GLOBS = {
        "namespaces": ["/admin", "/"],
        "rooms": ["team:*", "*:news", "user:*"],
        "events": ["chat.*", "order.*"],
    }


class Ceiling(Candidate):
    """`ceiling.c`, under the name of its program."""

    def __init__(self, name: str, broker: PrivateRabbitMQ, log_folder: Path):
        super().__init__(name, log_folder)
        self._broker = broker

    def command(self):
        return [str(HERE / ".build" / self.name), str(self.port), self._broker.url]


class FastAPI(Candidate):
    few_connections_only = True

    def __init__(self, broker: PrivateRabbitMQ, log_folder: Path):
        super().__init__("fastapi", log_folder)
        self._broker = broker

    def command(self):
        return [
            *(str(HERE / ".venv-bench/bin/python"), "-m", "uvicorn", "fastapi_app:app", "--app-dir", str(HERE)),
            *("--port", str(self.port), "--workers", str(len(os.sched_getaffinity(0)))),
            *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
        ]

    def environment(self):
        return {"BENCH_AMQP_URL": self._broker.url}


class ManagementAPI(Candidate):
    """The broker itself; it runs already and is not ours to end."""

    few_connections_only = True
    authorization = AUTHORIZATION
    body = compact(
        {"properties": {}, "routing_key": ROOM, "payload": compact(MESSAGE), "payload_encoding": "string"}
    )

    def __init__(self, broker: PrivateRabbitMQ, log_folder: Path):
        super().__init__("management", log_folder)
        self._broker = broker

    @property
    def url(self):
        return f"http://127.0.0.1:{self._broker.management_port}/api/exchanges/%2F/{EXCHANGE}/publish"

    @property
    def pid(self):
        return self._broker.pid

    def start(self):
        pass

    def check(self):
        if not self._broker.is_running():
            raise CandidateError(f"RabbitMQ ended\n{self._broker.log_tail()}")
