"""The demo with its console: a first event, where it arrived, who is there, and a socket that is disconnected."""

import re
import signal
import subprocess
import sys

import pytest

from harness import REPOSITORY, BrowserPage, ConsolePage, binary, die_with_parent

CONNECTED = "document.querySelector('#status')?.textContent === 'connected'"


@pytest.fixture(scope="module")
def addresses():
    """Of the gateway and of the demo's page."""
    demo = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "demo" / "run.py"), binary()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    printed = ""
    for line in demo.stdout:
        printed += line
        if "Ctrl-C" in line:
            break
    yield [re.search(rf"^{name} +(http://\S+)", printed, re.MULTILINE)[1] for name in ("gateway", "server")]
    demo.send_signal(signal.SIGINT)
    demo.wait(timeout=60)


@pytest.fixture
def pages(addresses, tmp_path):
    gateway, server = addresses
    with (
        BrowserPage(f"{server}/?room=newcomers", tmp_path / "demo") as demo,
        ConsolePage(gateway, tmp_path / "console") as console,
    ):
        demo.wait_for(CONNECTED)
        yield demo, console


def test_a_newcomer_sends_sees_finds_and_disconnects(pages):
    demo, console = pages
    console.wait_for_text("Ready to deliver")
    console.go("send")
    console.press("newcomers")  # is offered
    console.wait_for_text("1 socket in 1 server would get it.")
    console.press("Send")
    demo.wait_for("document.querySelector('#events').innerText.includes('Hello from the console')")
    console.wait_for_text("Sent, for 1 socket.")
    console.go("tail")
    console.wait_for("[...document.querySelectorAll('.tail tbody tr')].some((row) => row.innerText.includes('newcomers'))")
    console.go("rooms")
    console.press("newcomers")
    console.wait_for("document.querySelector('.split > :last-child tbody a') !== null")
    console.click(".split > :last-child tbody a")
    console.press("Disconnect this socket")
    console.press("Disconnect")
    console.wait_for_text("Done: 1 socket.")
    # The socket that is gone may have been asked for once more.
    console.assert_untroubled("the server responded with a status of 404")
