"""A real python-socketio server with its responder, in a process of its own."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests

from .client import Client
from .patience import PATIENCE
from .rabbitmq import PACKAGE, die_with_parent

PROGRAM = Path(__file__).with_name("server_program.py")
"""Takes the responder of this repository, or another one's: RESPONDER_PACKAGE."""


class Server:
    """`manager` is "aio-pika" (asyncio) or "kombu" (threads), the latter with `manager_options`. `server_options` are those of
    python-socketio, `options` those of the responder; `url` is its broker, if it is not the server's."""

    def __init__(
        self, amqp_url, manager, exchange, channel="socketio", namespaces=("/",), url=None, manager_options=None,
        server_options=None, **options
    ):  # fmt: skip
        self._clients = []
        self._log = queue.Queue()
        settings = {
            "url": amqp_url,
            "manager": manager,
            "channel": channel,
            "manager_options": manager_options or {},
            "server_options": server_options or {},
            "namespaces": namespaces if namespaces == "*" else list(namespaces),
            "options": {"url": url or amqp_url, "exchange": exchange, **options},
        }
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.environ.get("RESPONDER_PACKAGE", str(PACKAGE))},
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self._read_log, daemon=True).start()
        try:
            line = self._process.stdout.readline()
            assert line, f"the server did not start: {self.log()}"
            self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
        except BaseException:
            self.kill()
            raise

    def client(self, *rooms, **options):
        client = Client(self.url, *rooms, **options)
        self._clients.append(client)
        return client

    def silent_client(self, *rooms, namespaces=("/",)):
        """A client that connects by polling, and does not poll any more. What it returns is its next request, as a
        function, whose result are the packets in the response. There is nothing to close."""
        url = f"{self.url}/socket.io/?EIO=4&transport=polling"
        url += "&sid=" + json.loads(requests.get(url, timeout=5).text[1:])["sid"]

        def poll():
            return requests.get(url, timeout=5).text.split("\x1e")

        auth = json.dumps({"rooms": rooms, "session": None})
        for namespace in namespaces:
            prefix = "" if namespace == "/" else f"{namespace},"
            assert requests.post(url, data=f"40{prefix}{auth}", timeout=5).text == "OK"
            assert poll()[0].startswith(f"40{prefix}")
        return poll

    def log(self):
        """What has been logged since last time."""
        lines = []
        while not self._log.empty():
            lines.append(self._log.get())
        return "".join(lines)

    def log_with(self, text, timeout=PATIENCE):
        """What has been logged since last time, when the text is in it: a line comes a little later than an answer."""
        log, deadline = self.log(), time.monotonic() + timeout
        while text not in log:
            assert time.monotonic() < deadline, f"not logged: {text}"
            time.sleep(0.02)
            log += self.log()
        return log

    @property
    def is_running(self):
        return self._process.poll() is None

    def disconnect_clients(self):
        while self._clients:
            self._clients.pop().close()

    def stop(self, timeout=PATIENCE):
        """Ends it in order, with a goodbye; its exit status."""
        self._process.stdin.close()
        return self._process.wait(timeout)

    def kill(self):
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            stream.close()

    def close(self):
        self.disconnect_clients()
        self.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read_log(self):
        with self._process.stderr as stderr:
            for line in stderr:
                self._log.put(line)
