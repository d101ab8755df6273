"""A real Socket.IO client which writes down what it receives, and answers what is asked."""

import queue
import socket
import threading
import time

import socketio
from engineio.payload import Payload
from socketio import packet

from .goodbye import say_goodbye
from .patience import PATIENCE

# Over HTTP long-polling this client gives up on a response of more than 16 packets; browsers have no such limit.
Payload.max_decode_packets = 10_000


class Client:
    """Connects at once, in these rooms and with this session, to one namespace (`also` to another). `answers` has a
    value, or a function, for each event. With `returns` it connects again when the line breaks, as browsers do. What
    else is given goes into its `auth`."""

    def __init__(
        self, url, *rooms, namespace="/", also=None, session=None, answers=None, headers=None, query="",
        returns=False, transports=None, leaves_slowly=False, **auth,
    ):  # fmt: skip
        self._namespace = namespace
        self._received = queue.Queue()
        self._answers = answers or {}
        self._closed = threading.Event()
        self.disconnected = threading.Event()
        self.connections = 0
        self._sid = None
        self._client = socketio.Client(
            reconnection=returns, reconnection_delay=0.1, randomization_factor=0, handle_sigint=False
        )
        self._client.on("connect", self._on_connect, namespace=namespace)
        self._client.on("*", self._on_event, namespace=namespace)
        self._leaves_slowly = leaves_slowly
        self._only_polls = transports == ["polling"]
        self._client.on("disconnect", self._on_disconnect, namespace=namespace)
        auth = {"rooms": list(rooms), "session": session, **auth}
        namespaces = [namespace, also] if also else [namespace]
        self._client.connect(
            url + query, auth=auth, namespaces=namespaces, headers=headers or {}, transports=transports, wait_timeout=10
        )
        self._sid = self.sid

    @property
    def sid(self):
        """Also when it has gone."""
        self._sid = self._client.get_sid(self._namespace) or self._sid
        return self._sid

    @property
    def is_open(self):
        """Whether the connection, which may serve several namespaces, is there."""
        return self._client.eio.state == "connected"

    def silence(self, *_):
        """An answer that never comes."""
        self._closed.wait()

    def leave(self, *_):
        """Goes instead of answering."""
        self._client.disconnect()
        self._closed.wait()

    def send(self, event, *args):
        self._client.emit(event, args, namespace=self._namespace)

    def call(self, event, *args):
        return self._client.call(event, args, namespace=self._namespace, timeout=10)

    def next(self, timeout=PATIENCE):
        """The next event, as a tuple (event, arg, …)."""
        try:
            return self._received.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no event within {timeout} s") from None

    def until(self, marker, timeout=PATIENCE):
        """All events before the one with this name, which is left out."""
        events = []
        deadline = time.monotonic() + timeout
        while (event := self.next(deadline - time.monotonic()))[0] != marker:
            events.append(event)
        return events

    def leave_namespace(self):
        """Says that it goes, and leaves the line as it is."""
        client = self._client
        client._send_packet(client.packet_class(packet.DISCONNECT, namespace=self._namespace))

    def break_line(self):
        """Without a goodbye."""
        self._client.eio.ws.sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._closed.set()
        say_goodbye(self._client.shutdown, patience=0 if self._client.reconnection or self._only_polls else 1)

    def _on_connect(self):
        self.connections += 1

    def _on_disconnect(self, *_):
        if self._leaves_slowly:
            time.sleep(0.3)
        self.disconnected.set()

    def _on_event(self, event, *args):
        self._received.put((event, *args))
        answer = self._answers.get(event)
        return answer(self, *args) if callable(answer) else answer
