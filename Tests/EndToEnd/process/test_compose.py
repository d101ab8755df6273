"""compose.yaml as it is written, without a container engine: its comment's commands, and its services' commands and environments
on a private RabbitMQ. What is the engine's, the services' names and the published ports, is put in their place.
"""

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
import yaml

from harness import REPOSITORY, BrowserPage, Gateway, die_with_parent
from harness.patience import end_of_patience
from harness.rabbitmq import free_ports

TEXT = (REPOSITORY / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{(\w+):\?([^}]*)\}")
MAKE, _, WITHOUT_MAKE, CURL = re.findall(r"^#   ((?:.*\\\n#)*.*)$", TEXT, re.MULTILINE)
CURL = CURL.replace("\n#", "\n")


def run(line, folder):
    """The line, pasted into a shell in this folder: what the shell then knows as the key, and what the line printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GATEWAY_", "MAKE"))}
    return subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=30)


def folder_with_makefile(folder):
    folder.mkdir()
    (folder / "Makefile").symlink_to(REPOSITORY / "Makefile")
    return folder


@pytest.mark.parametrize("line", [MAKE, WITHOUT_MAKE], ids=["make", "without make"])
def test_the_key_is_random_made_once_and_private(tmp_path, line):
    one, other = (folder_with_makefile(tmp_path / name) for name in ("one", "other"))
    made = run(f"{line}\necho $GATEWAY_API_KEY", one)
    assert re.fullmatch(r"[0-9a-f]{64}\n", made.stdout), made
    assert stat.S_IMODE((one / ".env").stat().st_mode) == 0o600
    assert (one / ".env").read_text() == f"GATEWAY_API_KEY={made.stdout}"
    assert run(f"{line}\necho $GATEWAY_API_KEY", one).stdout == made.stdout
    assert run(f"{line}\necho $GATEWAY_API_KEY", other).stdout != made.stdout
    for ignored in (".gitignore", ".dockerignore"):
        assert ".env" in (REPOSITORY / ignored).read_text().splitlines()


def test_a_file_that_is_there_already_is_left_alone(tmp_path):
    folder = folder_with_makefile(tmp_path / "folder")
    (folder / ".env").write_text("OTHER=1\n")
    made = run(MAKE, folder)
    assert made.returncode != 0 and "no GATEWAY_API_KEY" in made.stderr
    assert (folder / ".env").read_text() == "OTHER=1\n"


def test_without_the_key_the_error_says_what_to_run():
    used = VARIABLE.findall(TEXT)
    assert {name for name, _ in used} == {"GATEWAY_API_KEY"}
    assert MAKE.startswith("make compose-env ")
    assert all('"make compose-env"' in message and "top of compose.yaml" in message for _, message in used)
    assert "$" not in VARIABLE.sub("", re.sub("^ *#.*$", "", TEXT, flags=re.MULTILINE)), "a variable without a message"


def test_what_is_published_is_for_this_machine_only():
    assert [port for service in SERVICES.values() for port in service.get("ports", [])] == [
        "127.0.0.1:3000:3000",
        "127.0.0.1:8080:8080",
    ]


def test_rabbitmq_4_is_told_to_take_the_queues_of_python_socketio():
    # That it takes this line, RabbitMQ's own documents say: the version that can run here is too old to know it.
    assert SERVICES["rabbitmq"]["image"] == "rabbitmq:4"
    (volume,) = SERVICES["rabbitmq"]["volumes"]
    source, target, mode = volume.split(":")
    settings = [line for line in (REPOSITORY / source).read_text().splitlines() if not line.startswith("#")]
    assert settings == ["deprecated_features.permit.transient_nonexcl_queues = true"]
    assert re.fullmatch(r"/etc/rabbitmq/conf\.d/[\w-]+\.conf", target) and mode == "ro"


class Stack:
    """The services `server` and `gateway` beside a broker, with the key of `.env` in `folder`."""

    def __init__(self, broker, folder, stack):
        self.folder = folder
        (self._page_port,) = free_ports(1)
        self._addresses = {"rabbitmq:5672": urlsplit(broker.url).netloc.partition("@")[2], ":3000": f":{self._page_port}"}
        self.key = (folder / ".env").read_text().strip().partition("=")[2]
        settings = {
            name.removeprefix("GATEWAY_").lower(): value for name, value in self._environment("gateway").items()
        }
        gateway = Gateway(settings.pop("amqp_url"), **{"allow_anonymous": None, **settings})
        self.gateway = stack.enter_context(gateway)
        self._addresses["127.0.0.1:8080"] = "127.0.0.1:%d" % gateway.address[1]
        stack.callback(self._end, self._start_server())

    def here(self, text):
        """The text, with this machine's addresses for those of the services."""
        for theirs, ours in self._addresses.items():
            text = text.replace(theirs, ours)
        return text

    def _environment(self, service):
        return {
            name: self.here(VARIABLE.sub(self.key, value)) for name, value in SERVICES[service]["environment"].items()
        }

    def _start_server(self):
        entry_point = re.search(r"^ENTRYPOINT (.*)$", (REPOSITORY / "demo/Dockerfile").read_text(), re.MULTILINE)[1]
        _, program, *flags = json.loads(entry_point)
        command = [*flags, *map(self.here, SERVICES["server"]["command"])]
        # The gateway's address in the page is that of the published port.
        command += ["--port", str(self._page_port), "--gateway", self.here("http://127.0.0.1:8080")]
        return subprocess.Popen(
            [sys.executable, program, *command],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], **self._environment("server")},
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )

    @staticmethod
    def _end(process):
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def stack(broker, tmp_path_factory):
    folder = folder_with_makefile(tmp_path_factory.mktemp("compose") / "folder")
    assert run(MAKE, folder).returncode == 0
    with contextlib.ExitStack() as exits:
        yield Stack(broker, folder, exits)


@pytest.fixture(scope="module")
def page(stack, tmp_path_factory):
    address = stack.here(re.search(r"Open (http://\S+) and", TEXT)[1])
    deadline = end_of_patience()
    while True:
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=5).close()
            break
        assert time.monotonic() < deadline, "the demo's server does not answer"
        time.sleep(0.1)
    with BrowserPage(address, tmp_path_factory.mktemp("browser")) as page:
        page.wait_for("document.querySelector('#status')?.textContent === 'connected'")
        # python-socketio subscribes when its first client connects: until then nobody hears what is sent.
        while not page.evaluate("document.querySelectorAll('#events li').length"):
            stack.gateway.post({"event": "listening"}, {"X-API-Key": stack.key})
            assert time.monotonic() < deadline, "the demo's server hears nothing"
            time.sleep(0.1)
        yield page


def test_the_comments_curl_line_reaches_the_page(stack, page):
    sent = run(f". ./.env\n{stack.here(CURL)}", stack.folder)
    assert json.loads(sent.stdout)["status"] == "confirmed", sent
    page.wait_for("document.querySelector('#events').innerText.includes('order.paid\\n{\"id\": 42}')")


def test_the_pages_own_line_works_where_the_key_is_not_known(stack, page, tmp_path):
    line = page.evaluate("document.querySelector('#ask pre').textContent")
    asked = run(line, tmp_path)
    assert json.loads(asked.stdout)["acks"]["responses"] == [["yes"]], asked


def test_the_pages_buttons_send_with_the_key(page):
    for example in ("#send", "#ask"):
        page.click(f"{example} .send")
        page.wait_for(f"document.querySelector('{example} output').textContent.startsWith('200 ')")


def test_no_other_name_for_this_machine_gets_the_page_with_the_key(stack, page):
    request = urllib.request.Request(stack.here("http://127.0.0.1:3000/"), headers={"Host": "rebound.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 403
    assert b"open it as http://127.0.0.1" in refused.value.read()
