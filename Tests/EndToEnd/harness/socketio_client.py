"""A real Socket.IO client which writes down what it receives."""

import queue

import engineio
import socketio
from engineio.payload import Payload

from .patience import PATIENCE
from .responding_server import say_goodbye

# Over HTTP long-polling this client gives up on a response of more than 16 packets, which a quick emitter easily fills;
# browsers' clients have no such limit.
Payload.max_decode_packets = 10_000


class _InOrder(engineio.Client):
    """This library starts a thread for each message: whoever comes first writes first. Here its reader does it."""

    def _trigger_event(self, event, *args, run_async=False, **options):
        return super()._trigger_event(event, *args, run_async=False, **options)


class _Client(socketio.Client):
    def _engineio_client_class(self):
        return _InOrder


class SocketIOClient:
    """Connects at once, in these rooms."""

    def __init__(self, url, rooms=(), namespace="/"):
        self._namespace = namespace
        self._received = queue.Queue()
        self._client = _Client(reconnection=False, handle_sigint=False)
        self._client.on("*", lambda event, *args: self._received.put((event, *args)), namespace=namespace)
        self._client.connect(url, auth={"rooms": list(rooms)}, namespaces=[namespace], wait_timeout=PATIENCE)

    @property
    def sid(self):
        return self._client.get_sid(self._namespace)

    def next(self, timeout=PATIENCE):
        """The next event, as a tuple (event, arg, …)."""
        try:
            return self._received.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no event within {timeout} s") from None

    def until(self, marker):
        """All events before the one with this name, which is left out."""
        events = []
        while (event := self.next())[0] != marker:
            events.append(event)
        return events

    def assert_silence(self, seconds=0.5):
        """For when no marker can be sent; `until` says more, and sooner."""
        try:
            raise AssertionError(f"unexpected: {self._received.get(timeout=seconds)}")
        except queue.Empty:
            pass

    def close(self):
        say_goodbye(self._client.disconnect)
