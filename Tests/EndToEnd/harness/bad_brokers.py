"""Brokers that nobody gets into: each listens on an address, and is bad in its own way."""

import socket
import struct
import threading
from contextlib import ExitStack, contextmanager

from .hostile_broker import long, method

START = method(0, 10, 10, b"\x00\x09" + long(b"") + long(b"PLAIN AMQPLAIN") + long(b"en_US"))
# As many HelloRequests as fit a record: a client in the middle of a handshake ignores them (RFC 5246, section 7.4.1.1).
HELLO_REQUESTS = struct.pack(">BHH", 22, 0x0303, 16_384) + bytes(16_384)


@contextmanager
def swallowing(address):
    """Nothing answers, as behind a firewall that drops packets: the queue of connections is full, so that the kernel drops
    each attempt."""
    with socket.create_server(address, backlog=0) as server, ExitStack() as held:
        address = server.getsockname()
        for _ in range(8):
            client = held.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(address)
            except TimeoutError:
                yield address
                return
        raise AssertionError("the kernel drops no connection")


@contextmanager
def silent(address):
    """Connections are accepted, and that is all."""
    with socket.create_server(address) as server:
        yield server.getsockname()


@contextmanager
def refusing(address):
    """The port is closed, and stays so."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(address)
        yield holder.getsockname()


@contextmanager
def closing(address):
    """It begins the log-in, and hangs up."""

    def serve(client):
        client.recv(8)
        client.sendall(START)
        client.recv(65_536)

    with _serving(address, serve) as place:
        yield place


@contextmanager
def flooding_with_hello(address):
    """TLS's handshake goes on and on."""

    def serve(client):
        client.recv(65_536)
        while True:
            client.sendall(HELLO_REQUESTS * 16)

    with _serving(address, serve) as place:
        yield place


WAYS = {"swallows": swallowing, "stays silent": silent, "refuses": refusing, "closes": closing}


@contextmanager
def _serving(address, serve):
    """A thread for each client."""

    def talk(client):
        with client:
            try:
                serve(client)
            except OSError:
                pass

    def accept():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(client,), daemon=True).start()

    with socket.create_server(address) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
