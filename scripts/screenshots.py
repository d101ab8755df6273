#!/usr/bin/env python3
"""Makes the pictures of the console in docs/images, from the demo.

    scripts/screenshots.py PATH-OF-THE-GATEWAY
"""

import re
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))
from harness import BrowserPage, ConsolePage  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1040, "height": 620}
CONNECTED = "document.querySelector('#status')?.textContent === 'connected'"
ROOMS = ["orders", "orders", "support", "user:42"]


def addresses(demo):
    """Of the gateway and of the demo's page, once both are there."""
    printed = ""
    for line in demo.stdout:
        printed += line
        if "Ctrl-C" in line:
            return [re.search(rf"^{name} +(http://\S+)", printed, re.MULTILINE)[1] for name in ("gateway", "server")]
    sys.exit(f"screenshots: the demo ended:\n{printed}")


def end(demo):
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)


def take(console, name):
    console.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"console-{name}.png").write_bytes(console.screenshot())


def main():
    command = [sys.executable, str(ROOT / "demo" / "run.py"), sys.argv[1]]
    with ExitStack() as stack:
        demo = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(end, demo)
        gateway, server = addresses(demo)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number, room in enumerate(ROOMS):
            page = stack.enter_context(BrowserPage(f"{server}/?room={room}", folder / str(number)))
            page.wait_for(CONNECTED)
        console = stack.enter_context(ConsolePage(gateway, folder / "console", **SIZE))
        console.wait_for_text("Ready to deliver")
        console.go("send")
        console.press("orders")
        console.wait_for_text("would get it.")
        console.press("Send")
        console.wait_for_text("Sent, for")
        take(console, "send")
        console.go("rooms")
        console.press("orders")
        console.wait_for("document.querySelector('.split > :last-child tbody a') !== null")
        take(console, "rooms")
        console.go("tail")
        console.wait_for("document.querySelectorAll('.tail tbody tr').length > 0")
        take(console, "tail")
        console.go("overview")
        console.wait_for("document.querySelectorAll('polyline').length > 0")
        take(console, "overview")


main()
