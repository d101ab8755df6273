"""A real python-socketio server, in a process of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

import socketio

from .patience import end_of_patience
from .rabbitmq import die_with_parent
from .socketio_client import SocketIOClient

PROGRAM = Path(__file__).with_name("socketio_server_program.py")


class SocketIOServer:
    """`manager` is "aio-pika" (asyncio), "kombu" (threads), or Python that makes a server `sio` of `url`; `channel` is the
    library's word for the exchange."""

    def __init__(self, amqp_url, channel="socketio", manager="aio-pika", namespaces=("/",)):
        self._clients = []
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), amqp_url, channel, manager, *namespaces],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        try:
            line = self._process.stdout.readline()
            assert line, "the Socket.IO server did not start"
            self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
            self._wait_for_subscription(amqp_url, channel, namespaces[0])
        except BaseException:
            self.close()
            raise

    def client(self, *rooms, namespace="/"):
        """A new client in these rooms."""
        client = SocketIOClient(self.url, rooms, namespace)
        self._clients.append(client)
        return client

    def disconnect_clients(self):
        while self._clients:
            self._clients.pop().close()

    def close(self):
        self.disconnect_clients()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def _wait_for_subscription(self, amqp_url, channel, namespace):
        # The library subscribes when its first client connects, and says nothing when it has.
        backend = socketio.KombuManager(amqp_url, channel=channel, write_only=True)
        probe = self.client(namespace=namespace)
        deadline = end_of_patience()
        while True:
            backend.emit("probe", None, namespace=namespace, room=probe.sid)
            try:
                probe.next(timeout=0.2)
                break
            except AssertionError:
                assert time.monotonic() < deadline, "the Socket.IO server does not hear what is on the exchange"
        self.disconnect_clients()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
