"""Every program of docs/languages.md as it stands there: it emits once, whatever becomes of its first attempt, and says what went wrong."""

import json
import re
import select
import socket
import subprocess
import threading
from dataclasses import dataclass

import pytest

from harness import DisturbedRelay, Gateway, Middleman
from harness.pages import block, page, section
from harness.rabbitmq import free_ports

pytestmark = pytest.mark.slow

PAGE = page("docs/languages.md")
KEY = "key-of-the-languages"
PATH = "/usr/local/bin:/usr/bin:/bin"
EVENT = {"event": "order.paid", "data": [{"id": 42}]}

# Heading: the fence's language, the file's name, and how it is run.
FILES = {
    "Python": ("python", "emit.py", ["/usr/bin/python3", "emit.py"]),
    "Node": ("js", "emit.mjs", ["node", "emit.mjs"]),
    "PHP": ("php", "emit.php", ["php", "emit.php"]),
    "Ruby": ("ruby", "emit.rb", ["ruby", "-w", "emit.rb"]),
    "Go": ("go", "emit.go", ["./emit-go"]),
    "Java": ("java", "Emit.java", ["java", "Emit.java"]),
    "Perl": ("perl", "emit.pl", ["perl", "emit.pl"]),
    "Shell": ("sh", "emit", None),
    "Cron": ("crontab", "crontab", None),
}
every_language = pytest.mark.parametrize("language", FILES)


@dataclass
class Program:
    command: list
    environment: dict
    folder: object
    prints: bool = True  # the answer

    def start(self, address, key=KEY):
        settings = {"GATEWAY_URL": "http://{}:{}".format(*address), "GATEWAY_API_KEY": key}
        environment = {"PATH": PATH, "HOME": str(self.folder), **self.environment, **settings}
        return subprocess.Popen(
            self.command, env=environment, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, address, key=KEY):
        """Exit status, standard output, standard error."""
        process = self.start(address, key)
        output, error = process.communicate(timeout=120)
        return process.returncode, output, error


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("languages")
    for heading, (language, name, _) in FILES.items():
        text = block(section(PAGE, heading), language, "#!" if heading == "Shell" else "")
        (folder / name).write_text(text)
    (folder / "emit").chmod(0o755)
    environment = {"HOME": str(folder), "PATH": PATH, "GO111MODULE": "off"}
    subprocess.run(["go", "build", "-o", "emit-go", "emit.go"], check=True, env=environment, cwd=folder, timeout=300)
    made = {name: Program(command, {}, folder) for name, (_, _, command) in FILES.items() if command}
    line = block(section(PAGE, "Shell"), "sh", "emit ")
    made["Shell"] = Program(["sh", "-c", line], {"PATH": f"{folder}:{PATH}"}, folder)
    made["Cron"] = cron(folder)
    return made


def cron(folder):
    """The crontab's one job, as cron runs it."""
    *settings, job = [line for line in (folder / "crontab").read_text().splitlines() if line]
    assert [line.split("=")[0] for line in settings] == ["GATEWAY_URL", "GATEWAY_API_KEY"]
    schedule, command = re.fullmatch(r"((?:[\d*/,-]+ ){5})(.*)", job).groups()
    assert len(schedule.split()) == 5
    assert not re.search(r"(?<!\\)%", command), "cron ends the command there"
    assert "/usr/local/bin/emit " in command
    command = command.replace("\\%", "%").replace("/usr/local/bin/emit", str(folder / "emit"))
    return Program(["/bin/sh", "-c", command], {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}, folder, prints=False)


def test_the_page_has_no_other_programs():
    assert set(re.findall(r"^## (.*)$", PAGE, re.MULTILINE)) == set(FILES)


@pytest.fixture
def gateway(broker, exchange):
    """One that knows no Idempotency-Key yet: cron's is the day's."""
    with Gateway(broker.url, python_socketio_exchange=exchange, api_key=KEY) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def cut_off(exchange):
    """A gateway whose broker is away."""
    gateway = Gateway(f"amqp://127.0.0.1:{free_ports(1)[0]}", python_socketio_exchange=exchange, api_key=KEY).start(ready=False)
    yield gateway
    gateway.stop()


def assert_emitted_once(program, address, witness):
    status, output, error = program.run(address)
    assert (status, error) == (0, ""), (output, error)
    if program.prints:
        assert json.loads(output)["status"] == "confirmed"
    (message,) = witness.take(1)
    assert {name: message.json[name] for name in EVENT} == EVENT
    assert message.json["room"] == "user:42"


def assert_tried_twice_with_one_key(relay):
    first, second = [headers["Idempotency-Key"] for headers in relay.requests]
    assert first == second and len(first) > 12


@every_language
def test_it_emits(programs, language, gateway, witness):
    assert_emitted_once(programs[language], gateway.address, witness)


@every_language
def test_it_emits_once_though_the_first_answer_is_lost(programs, language, gateway, witness):
    with DisturbedRelay(gateway, loses=True) as relay:
        assert_emitted_once(programs[language], relay.address, witness)
        assert_tried_twice_with_one_key(relay)
    assert witness.waiting() == []


@every_language
def test_it_emits_once_though_the_first_answer_is_503(programs, language, gateway, cut_off, witness):
    with DisturbedRelay(cut_off, gateway) as relay:
        assert_emitted_once(programs[language], relay.address, witness)
        assert_tried_twice_with_one_key(relay)


@every_language
def test_it_tries_no_third_time_and_shows_the_answer(programs, language, cut_off):
    with DisturbedRelay(cut_off) as relay:
        status, output, error = programs[language].run(relay.address)
        assert_tried_twice_with_one_key(relay)
    assert (status != 0, output) == (True, "")
    assert "not emitted: " in error and "503" in error and '"code":"broker_unavailable"' in error


@every_language
def test_it_shows_what_is_refused(programs, language, gateway, witness):
    with DisturbedRelay(gateway) as relay:
        status, output, error = programs[language].run(relay.address, key="another")
        assert len(relay.requests) == (2 if language in ("Shell", "Cron") else 1)
    assert (status != 0, output) == (True, "")
    assert "not emitted: " in error and "401" in error and "this is no valid key" in error
    assert witness.waiting() == []


@every_language
def test_it_says_that_nobody_is_there(programs, language):
    status, output, error = programs[language].run(("127.0.0.1", free_ports(1)[0]))
    assert (status != 0, output) == (True, "")
    assert "not emitted: " in error and re.search("refused|[Cc]onnect", error)


@every_language
def test_it_follows_no_redirection(programs, language, gateway, witness):
    with Middleman(gateway.address) as elsewhere:
        answer = f"HTTP/1.1 303 See Other\r\nLocation: {elsewhere.url}/v1/emit\r\nContent-Length: 0\r\n\r\n".encode()
        with Middleman(gateway.address, answer, answer) as middleman:
            status, output, error = programs[language].run(middleman.address)
        assert elsewhere.requests == []
    assert (status != 0, output) == (True, "")
    assert "not emitted: " in error and re.search("303|redirects", error)
    assert witness.waiting() == []


class Silent:
    """Takes connections, and never answers."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                self.connections.append(self._listener.accept()[0])
        except OSError:
            pass

    def requests(self):
        """Node opens one connection more, on which nothing comes."""
        return sum(bool(select.select([connection], [], [], 0)[0] and connection.recv(1)) for connection in self.connections)

    def close(self):
        self._listener.close()
        for connection in self.connections:
            connection.close()


def test_none_waits_for_ever(programs):
    """All at the same time: each takes twice ten seconds and one."""
    servers = {language: Silent() for language in programs}
    running = {language: programs[language].start(server.address) for language, server in servers.items()}
    for language, process in running.items():
        output, error = process.communicate(timeout=90)
        assert (process.returncode != 0, output) == (True, ""), language
        assert "not emitted: " in error, language
        assert servers[language].requests() == 2, language
        servers[language].close()
