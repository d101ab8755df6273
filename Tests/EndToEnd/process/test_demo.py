"""The demo, as somebody who tries it sees it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from harness import REPOSITORY, BrowserPage, binary, die_with_parent

CONNECTED = "document.querySelector('#status')?.textContent === 'connected'"
RUN = [sys.executable, str(REPOSITORY / "demo" / "run.py")]


class Demo:
    """A running demo; `lines` is what it has printed."""

    def __init__(self, *arguments):
        self.lines = []
        self._process = subprocess.Popen(
            [*RUN, binary(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent,
        )

    def read_until(self, text):
        for line in self._process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not printed:\n{''.join(self.lines)}")

    def find(self, pattern):
        return re.search(pattern, "".join(self.lines), re.MULTILINE)[1]

    def end(self, how):
        """The exit code; that of SIGKILL if it does not end by itself."""
        self._process.send_signal(how)
        patience = threading.Timer(60, self._process.kill)
        patience.start()
        self.lines += self._process.stdout
        patience.cancel()
        return self._process.wait()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def demo():
    with contextlib.closing(Demo()) as demo:
        demo.read_until("Ctrl-C")
        yield demo


def emit(gateway, **fields):
    request = urllib.request.Request(
        f"{gateway}/v1/emit", json.dumps(fields).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def listens(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def test_an_event_goes_through_all_of_it(demo):
    assert demo.find(r"^client +received (order\.paid \{\"id\": 42\})$")
    assert '"status"' in demo.find(r"^(\{.*\})$")


def test_it_prints_a_curl_line_that_works(demo):
    line = demo.find(r"^  (curl .*)$")
    subprocess.run(line, shell=True, check=True, stdout=subprocess.DEVNULL, timeout=10)
    assert '{"id": 43}' in demo.read_until("received")


@pytest.mark.browser
def test_the_page_shows_an_event_posted_after_it_was_loaded(demo, tmp_path):
    gateway, server = demo.find(r"^gateway +(\S+)"), demo.find(r"^server +(\S+)")
    with BrowserPage(server, tmp_path) as page:
        page.wait_for(CONNECTED)
        assert page.evaluate("document.querySelectorAll('#events li').length") == 0
        emit(gateway, event="news", args=["<b>fresh</b>", {"id": 7}], rooms=["orders"])
        page.wait_for("document.querySelectorAll('#events li').length === 1")
        shown = page.evaluate("document.querySelector('#events li').innerText")
        assert "news" in shown
        assert "<b>fresh</b>" in shown
        assert '"id": 7' in shown
        assert re.search(r"\d\d:\d\d:\d\d", shown)


@pytest.fixture
def page(demo, tmp_path):
    with BrowserPage(demo.find(r"^server +(\S+)"), tmp_path) as page:
        page.wait_for(CONNECTED)
        yield page


def answer_on(page, example):
    """What the page shows of the gateway's answer: the status and the body."""
    page.wait_for(f"document.querySelector('{example} output').textContent.length > 1")
    return page.evaluate(f"document.querySelector('{example} output').textContent")


def test_the_page_sends_to_its_room(page):
    page.click("#send .send")
    assert page.wait_for("document.querySelector('#events li')?.innerText").endswith('order.paid\n{"id": 43}')
    status, _, answer = answer_on(page, "#send").partition(" ")
    assert (status, json.loads(answer)["status"]) == ("200", "confirmed")


def test_the_page_acknowledges_what_its_own_socket_is_asked(page):
    sid = page.evaluate("document.querySelector('#sid').textContent")
    assert f'"rooms": ["{sid}"]' in page.evaluate("document.querySelector('#ask pre').textContent")
    page.click("#ask .send")
    status, _, answer = answer_on(page, "#ask").partition(" ")
    assert (status, json.loads(answer)["acks"]["responses"]) == ("200", [["yes"]])
    assert json.loads(answer)["acks"]["complete"]
    assert 'acknowledged with "yes"' in page.evaluate("document.querySelector('#events li').innerText")


@pytest.mark.browser
@pytest.mark.parametrize("host", ["127.0.0.1", "insecure.test"])
def test_the_pages_commands_can_be_copied_and_run(demo, tmp_path, host):
    server = demo.find(r"^server +(\S+)").replace("127.0.0.1", host)
    with BrowserPage(f"{server}/?room=it's", tmp_path) as page:
        page.wait_for(CONNECTED)
        assert page.evaluate("typeof navigator.clipboard") == ("object" if host == "127.0.0.1" else "undefined")
        page.click("#ask .copy")
        page.wait_for("document.querySelector('#ask .copy').textContent === 'Copied'")
        asked = subprocess.run(page.clipboard(), shell=True, capture_output=True, text=True, timeout=10)
        assert json.loads(asked.stdout)["acks"]["responses"] == [["yes"]], asked
        line = page.evaluate("document.querySelector('#send pre').textContent")
        sent = subprocess.run(line, shell=True, capture_output=True, timeout=10)
        assert json.loads(sent.stdout)["status"] == "confirmed", sent
        page.wait_for("document.querySelector('#events').innerText.includes('order.paid')")


@pytest.mark.browser
def test_where_the_gateway_does_not_answer_the_page_says_so(demo, tmp_path):
    server = demo.find(r"^server +(\S+)").replace("127.0.0.1", "insecure.test")
    with BrowserPage(server, tmp_path) as page:
        page.wait_for(CONNECTED)
        page.click("#send .send")
        assert f"is {server} in its GATEWAY_CORS_ORIGINS?" in answer_on(page, "#send")


@pytest.mark.browser
def test_the_page_joins_the_rooms_of_its_address(demo, tmp_path):
    gateway, server = demo.find(r"^gateway +(\S+)"), demo.find(r"^server +(\S+)")
    with BrowserPage(f"{server}/?room=stock", tmp_path) as page:
        page.wait_for(CONNECTED)
        emit(gateway, event="not-for-you", rooms=["orders"])
        emit(gateway, event="for-you", rooms=["stock"])
        page.wait_for("document.querySelectorAll('#events li').length > 0")
        assert page.evaluate("[...document.querySelectorAll('#events strong')].map((e) => e.textContent)") == ["for-you"]


def test_ctrl_c_ends_all_of_it(demo):
    ports = [port_of(demo.find(rf"^{name} +(\S+)")) for name in ("gateway", "server")]
    assert all(listens(port) for port in ports)
    assert demo.end(signal.SIGINT) == 0, "".join(demo.lines)
    assert not any(listens(port) for port in ports)
    assert "Traceback" not in "".join(demo.lines)


def test_make_says_first_that_it_takes_minutes_and_shows_how_it_goes_on(tmp_path):
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup.sh", "swift"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (tmp_path / name).chmod(0o755)
    # As somebody at a terminal has it: not as one make within another.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    command = ["make", "--file", REPOSITORY / "Makefile", "build"]
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    said, setup, build = made.stdout.splitlines()
    assert said == "The first build takes some minutes."
    assert setup == "scripts/setup.sh build"
    assert build.startswith("swift build ") and "quiet" not in build
    assert "demo: build" in (REPOSITORY / "Makefile").read_text()


def test_once_ends_by_itself_and_finds_other_ports(request):
    with contextlib.suppress(OSError):  # if 8080 is taken already, so much the better
        request.addfinalizer(socket.create_server(("127.0.0.1", 8080)).close)
    result = subprocess.run(
        [*RUN, binary(), "--once"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "8080 is taken" in result.stdout
    assert 'received order.paid {"id": 42}' in result.stdout


def test_sigterm_while_it_starts_ends_all_of_it():
    with contextlib.closing(Demo()) as demo:
        demo.read_until("RabbitMQ starts")
        assert demo.end(signal.SIGTERM) == 0, "".join(demo.lines)
        assert "Traceback" not in "".join(demo.lines)


def test_a_gateway_that_ends_is_reported_with_its_log(tmp_path):
    broken = tmp_path / "gateway"
    broken.write_text("#!/bin/sh\necho 'no such luck'\nexit 3\n")
    broken.chmod(0o755)
    result = subprocess.run([*RUN, str(broken)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr == "demo: gateway ended (status 3):\nno such luck\n"
