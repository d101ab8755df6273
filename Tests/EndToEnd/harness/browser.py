"""A page in headless Chromium, over its debugging protocol."""

import base64
import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import websocket

from .patience import PATIENCE
from .rabbitmq import die_with_parent

FLAGS = [
    "--headless=new",
    "--no-sandbox",  # containers allow no sandbox in theirs; only our own page is opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page of another name than a loopback one is "not secure", and has no clipboard of its own.
    "--host-resolver-rules=MAP insecure.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    "--window-size=1000,900",
]


class BrowserPage:
    """Opens `url`; `directory` is for the browser's profile."""

    def __init__(self, url, directory):
        self._socket = None
        self._process = subprocess.Popen(
            [shutil.which("chromium") or "chromium", *FLAGS, f"--user-data-dir={directory}", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        try:
            port = self._debugging_port(Path(directory) / "DevToolsActivePort")
            self._socket = websocket.create_connection(self._page_address(port), timeout=PATIENCE, suppress_origin=True)
        except BaseException:
            self.close()
            raise
        self._calls = 0

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]
        return result.get("value")

    def wait_for(self, expression, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"{expression}: not on the page\n{self.evaluate('document.body.innerText')}"
            time.sleep(0.1)
        return value

    def click(self, selector):
        """With the mouse, in the middle of the element, when it stands still and nothing covers it: browsers allow more to people than
        to scripts."""
        where = f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const hit = document.elementFromPoint(x, y);
            return [x, y, element.contains(hit) || Boolean(hit?.contains(element))];
        }})()"""
        place, deadline = None, time.monotonic() + PATIENCE
        while place != (place := self.evaluate(where)) or not place[2]:
            assert time.monotonic() < deadline, f"{selector}: moves, or something covers it: {place}"
            time.sleep(0.03)  # more than a frame
        x, y, _ = place
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def clipboard(self):
        """Its text, by pasting it into a field."""
        self.evaluate("document.body.append(document.createElement('textarea')); document.querySelector('textarea').focus()")
        key = {"key": "v", "code": "KeyV", "windowsVirtualKeyCode": 86, "modifiers": 2}
        self.call("Input.dispatchKeyEvent", type="keyDown", commands=["paste"], **key)
        text = self.wait_for("document.querySelector('textarea').value")
        self.evaluate("document.querySelector('textarea').remove()")
        return text

    def screenshot(self):
        """PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def call(self, method, **parameters):
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv())).get("id") != self._calls:
            pass
        return message["result"]

    def close(self):
        if self._socket is not None:
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _debugging_port(self, file, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not (file.exists() and file.read_text().strip()):
            assert self._process.poll() is None, "Chromium did not start"
            assert time.monotonic() < deadline, "Chromium did not start in time"
            time.sleep(0.05)
        return int(file.read_text().splitlines()[0])

    @staticmethod
    def _page_address(port, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as response:
                pages = [target for target in json.load(response) if target["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
            assert time.monotonic() < deadline, "Chromium has no page"
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title><body>")

    def log_message(self, *_):
        pass


@contextmanager
def page_server():
    """The origin of an empty page."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
