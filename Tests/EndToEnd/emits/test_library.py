"""The library product, as another Swift package uses it: the examples are built and run."""

import contextlib
import json
import queue
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import REPOSITORY, SocketIOServer, Witness, die_with_parent
from harness.patience import end_of_patience

# The example is built first, with all of the library.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PACKAGE = REPOSITORY / "examples" / "swift"
ULID = "[0-9A-HJKMNP-TV-Z]{26}"


@pytest.fixture(scope="module")
def examples():
    """Where the built examples are."""
    build = ["swift", "build", "--package-path", str(PACKAGE), "--scratch-path", str(REPOSITORY / ".build-example")]
    result = subprocess.run(build, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    return Path(subprocess.run([*build, "--show-bin-path"], capture_output=True, text=True, check=True).stdout.strip())


def run(program, *words):
    return subprocess.run([str(program), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


def test_the_example_emits_to_a_room(examples, broker, exchange):
    with SocketIOServer(broker.url, exchange) as server:
        member, other = server.client("room42"), server.client("room7")
        result = run(examples / "emit-example", broker.url, exchange, "room42", 'é "😀"')
        assert (result.returncode, result.stderr) == (0, "")
        assert re.fullmatch(f"{ULID} confirmed\n", result.stdout)
        said = {"text": 'é "😀"', "tags": ["new", None], "urgent": False}
        assert member.next() == ("message", said, b"\x00\xff", {"year": 2025, "price": 0.1})
        other.assert_silence()


def test_the_example_says_that_nobody_is_there(examples, broker):
    result = run(examples / "emit-example", broker.url, "test.of.nobody.library", "room42", "hello")
    assert result.returncode == 0
    assert re.fullmatch(f"{ULID} nobody is there\n", result.stdout)


@pytest.mark.parametrize("reason", ["ACCESS_REFUSED", "connection refused"])
def test_the_example_says_why_it_cannot_connect(examples, broker, exchange, reason):
    url = broker.url.replace("guest:guest", "guest:secret")
    if reason == "connection refused":
        url = "amqp://guest:secret@127.0.0.1:1"
    start = time.monotonic()
    result = run(examples / "emit-example", url, exchange, "room42", "hello")
    assert time.monotonic() - start < 5
    assert result.returncode == 1
    assert result.stdout.startswith("not emitted: ") and result.stdout.count("\n") == 1
    assert reason in result.stdout and "secret" not in result.stdout


class Worker:
    def __init__(self, program, url, exchange):
        self._process = subprocess.Popen(
            [str(program), url, exchange],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=lambda: [self._lines.put(line) for line in self._process.stdout])
        self._reader.start()

    def send(self, *lines):
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()

    def answers(self, count, timeout=10):
        return [self._lines.get(timeout=timeout).strip() for _ in range(count)]

    def threads(self):
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return [(task / "comm").read_text().strip() for task in tasks]

    def sockets(self):
        descriptors = Path(f"/proc/{self._process.pid}/fd").iterdir()
        return sum("socket:" in str(descriptor.readlink()) for descriptor in descriptors)

    def end(self):
        """Its exit code."""
        self._process.stdin.close()
        return self._process.wait(timeout=20)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()


def test_many_emits_at_once_arrive_once_each_over_one_connection(examples, broker, exchange):
    with (
        Witness(broker.url, exchange, "fanout") as witness,
        contextlib.closing(Worker(examples / "worker-example", broker.url, exchange)) as worker,
    ):
        worker.send(*(f'room e{number} {{"n": {number}}}' for number in range(500)))
        answers = worker.answers(500)
        assert all(re.fullmatch(rf"e\d+ {ULID}", answer) for answer in answers), answers
        assert len(set(answers)) == 500
        assert worker.threads().count("emitter") == 1 and worker.sockets() == 1
        # What is under way when its input ends is finished before it closes.
        worker.send(*(f"room e{number} {number}" for number in range(500, 600)))
        assert worker.end() == 0
        answers = worker.answers(101)
        assert answers[-1] == "closed" and all(re.fullmatch(rf"e\d+ {ULID}", answer) for answer in answers[:-1])
        messages = [message.json for message in witness.take(600)]
        assert sorted(message["event"] for message in messages) == sorted(f"e{number}" for number in range(600))
        assert messages[0]["data"] == [{"n": int(messages[0]["event"][1:])}]


def test_what_is_wrong_with_one_emit_is_nothing_to_the_others(examples, broker, exchange):
    with (
        Witness(broker.url, exchange, "fanout") as witness,
        contextlib.closing(Worker(examples / "worker-example", broker.url, exchange)) as worker,
    ):
        worker.send("room e {", 'room connect "reserved"', "room good 1")
        failures = sorted(worker.answers(3))
        assert failures[0] == "connect failed: event: 'connect' is reserved by Socket.IO"
        assert failures[1].startswith("e failed: arguments[0]: is not JSON")
        assert worker.end() == 0
        assert [json.loads(message.body)["event"] for message in witness.take()] == ["good"]


def test_an_emitter_survives_its_broker(own_broker, examples, exchange):
    with contextlib.closing(Worker(examples / "worker-example", own_broker.url, exchange)) as worker:
        worker.send("room before 1")
        assert re.fullmatch(f"before {ULID}", worker.answers(1)[0])
        own_broker.kill()
        deadline = end_of_patience()
        while True:
            worker.send("room meanwhile 1")
            answer = worker.answers(1)[0]
            if "there is no connection to RabbitMQ; nothing was published" in answer:
                break
            assert time.monotonic() < deadline, answer
        own_broker.start()
        deadline = end_of_patience()
        while "failed" in answer:
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)
            worker.send("room after 1")
            answer = worker.answers(1)[0]
        assert worker.sockets() == 1 and worker.threads().count("emitter") == 1
        assert worker.end() == 0
