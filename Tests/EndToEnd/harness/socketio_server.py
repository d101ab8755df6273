"""A real python-socketio server, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from .rabbitmq import die_with_parent
from .socketio_client import SocketIOClient
from .subscription import wait_for_subscription

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
            wait_for_subscription(amqp_url, channel, namespaces[0], self.client(namespace=namespaces[0]))
            self.disconnect_clients()
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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
