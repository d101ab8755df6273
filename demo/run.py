#!/usr/bin/env python3
"""The whole thing on one machine: RabbitMQ, a Socket.IO server, the gateway, a client, and one event through all of them.

    demo/run.py PATH-OF-THE-GATEWAY [--once]
"""

import argparse
import contextlib
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import socketio

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))
from rabbitmq import BrokerError, PrivateRabbitMQ, die_with_parent  # noqa: E402

PATIENCE = 30  # seconds, for each part to come up
ROOM = "orders"
BODY = {"event": "order.paid", "data": {"id": 42}, "rooms": [ROOM]}
VISITORS = "visitors"


class DemoError(Exception):
    """Why the demo cannot go on, for people."""


def free_port_from(first):
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 100):
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port
    raise DemoError(f"no free port between {first} and {first + 99}")


class Child:
    """A process of the demo, its log, and its end."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self._log = log
        try:
            with open(log, "wb") as output:
                # A session of its own: Ctrl-C reaches this program only, which then ends the others in order.
                self._process = subprocess.Popen(
                    command,
                    # Not the caller's own settings of a gateway.
                    env={k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")} | (env or {}),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
        except OSError as error:
            raise DemoError(f"{name} does not start: {error}") from None

    def check(self):
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise DemoError(f"{self.name} ended (status {self._process.returncode}):\n{tail}")

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Interruption:
    """Ctrl-C, or SIGTERM. Raised where it is asked for: anywhere else it could meet a destructor, and be lost."""

    has_come = False

    @classmethod
    def handle(cls, *_):
        cls.has_come = True

    @classmethod
    def check(cls):
        if cls.has_come:
            raise KeyboardInterrupt


def wait_until(what, is_true, children):
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        Interruption.check()
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            raise DemoError(f"{what}: not within {PATIENCE} s")
        time.sleep(0.05)


def answers_200(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def connect_client(server, amqp_url, children):
    """A connected client, and the queue of what it receives, once its server hears what is on the broker."""
    client = socketio.Client(handle_sigint=False)
    received = queue.Queue()
    heard = []

    @client.on("*")
    def _(event, *args):
        received.put((event, args))

    client.on("demo.listening", lambda: heard.append(True))
    client.connect(server, auth={"rooms": [ROOM]})
    # python-socketio subscribes when its first client connects, so ask until the subscription works.
    backend = socketio.KombuManager(amqp_url, write_only=True)

    def listens():
        backend.emit("demo.listening", None, room=client.get_sid())
        client.sleep(0.1)
        return heard

    wait_until("the Socket.IO server's subscription", listens, children)
    return client, received


def show(event, args):
    print(f"client   received {event} {', '.join(json.dumps(arg, ensure_ascii=False) for arg in args)}", flush=True)


def curl_line(gateway, body):
    return [
        *("curl", "-sS", "-X", "POST", f"{gateway}/v1/emit"),
        *("-H", "content-type: application/json", "-d", json.dumps(body, separators=(",", ":"))),
    ]


def curl(command):
    """Shows the command and what it answers; its answer, parsed."""
    print(f"$ {shlex.join(command)}", flush=True)
    answer = subprocess.run([*command, "--fail-with-body"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(answer.stdout.strip() or answer.stderr.strip(), flush=True)
    Interruption.check()  # Ctrl-C has met curl, too
    if answer.returncode != 0:
        raise DemoError(f"curl ended with status {answer.returncode}")
    return json.loads(answer.stdout)


def ask_the_servers(gateway, server, stack):
    """Rooms, a socket, and its end."""
    visitor = socketio.Client(reconnection=False, handle_sigint=False)
    stack.callback(visitor.disconnect)
    gone = queue.Queue()
    visitor.on("disconnect", lambda *_: gone.put(True))
    visitor.connect(server, auth={"rooms": [VISITORS]})
    print(f"\nA visitor connects, in room {VISITORS}.")
    rooms = curl(["curl", "-sS", f"{gateway}/v1/rooms"])["rooms"]
    if {"room": VISITORS, "sockets": 1} not in rooms:
        raise DemoError(f"the room {VISITORS} is not among {rooms}")
    found = curl(["curl", "-sS", f"{gateway}/v1/sockets?room={VISITORS}&limit=1"])["sockets"]
    curl(["curl", "-sS", "-X", "DELETE", f"{gateway}/v1/sockets/{found[0]['id']}"])
    try:
        gone.get(timeout=10)
    except queue.Empty:
        raise DemoError("the visitor was not disconnected") from None
    print("visitor  disconnected", flush=True)


def run(binary, once, stack):
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="socketio-gateway-demo-")))
    gateway_port = free_port_from(8080)
    server_port = free_port_from(3000)
    gateway = f"http://127.0.0.1:{gateway_port}"
    server = f"http://127.0.0.1:{server_port}"

    print("RabbitMQ starts (a private one) …", flush=True)
    broker = PrivateRabbitMQ()
    stack.callback(broker.stop)
    broker.start()
    Interruption.check()

    def start(name, command, env=None):
        child = Child(name, command, logs / f"{name}.log", env)
        stack.callback(child.stop)
        return child

    children = [
        start(
            "gateway",
            [binary, "serve"],
            {
                "GATEWAY_HTTP_ADDRESS": f"127.0.0.1:{gateway_port}",
                "GATEWAY_AMQP_URL": broker.url,
                "GATEWAY_WIRE_FORMAT": "python-socketio",
                # All on this machine, and over in a minute.
                "GATEWAY_ALLOW_ANONYMOUS": "true",
                # The page's buttons send to the gateway themselves.
                "GATEWAY_CORS_ORIGINS": f"{server},http://localhost:{server_port}",
                "GATEWAY_CONSOLE": "true",
                "GATEWAY_SHUTDOWN_DELAY": "0s",
            },
        ),
        start(
            "server",
            [
                *(sys.executable, str(HERE / "server.py"), "--amqp-url", broker.url),
                *("--port", str(server_port), "--gateway", gateway),
            ],
        ),
    ]
    wait_until("the gateway's /readyz", lambda: answers_200(f"{gateway}/readyz"), children)
    wait_until("the Socket.IO server", lambda: answers_200(f"{server}/"), children)
    print(f"console  {gateway}/console/")
    print(f"gateway  {gateway}" + ("" if gateway_port == 8080 else "  (8080 is taken)"))
    print(f"server   {server}  (python-socketio)", flush=True)

    client, received = connect_client(server, broker.url, children)
    stack.callback(client.disconnect)
    print(f"client   connected, in room {ROOM}\n")

    curl(curl_line(gateway, BODY))
    try:
        show(*received.get(timeout=10))
    except queue.Empty:
        raise DemoError("the client received nothing") from None
    print("(routed is null: RabbitMQ does not know python-socketio's rooms. With \"dryRun\": true the servers count.)")
    # The responder says who it is as soon as it is connected.
    wait_until("the server's answers", lambda: answers_200(f"{gateway}/v1/counts"), children)
    ask_the_servers(gateway, server, stack)
    if once:
        return

    print(f"\nNow open {gateway}/console/ and {server}/ side by side, or try\n")
    print(f"  {shlex.join(curl_line(gateway, {**BODY, 'data': {'id': 43}}))}\n")
    print("Ctrl-C ends everything.", flush=True)
    while True:
        Interruption.check()
        for child in children:
            child.check()
        if not broker.is_running():
            raise DemoError(f"RabbitMQ ended:\n{broker.log_tail()}")
        with contextlib.suppress(queue.Empty):
            show(*received.get(timeout=0.5))


def main():
    parser = argparse.ArgumentParser(description="Run the gateway with all it needs, and send one event through it.")
    parser.add_argument("gateway", help="path of the socketio-gateway program")
    parser.add_argument("--once", action="store_true", help="end after the first event")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, Interruption.handle)
    signal.signal(signal.SIGTERM, Interruption.handle)
    try:
        with contextlib.ExitStack() as stack:
            run(options.gateway, options.once, stack)
    except KeyboardInterrupt:
        print()
    except (DemoError, BrokerError) as error:
        sys.exit(f"demo: {error}")


if __name__ == "__main__":
    main()
