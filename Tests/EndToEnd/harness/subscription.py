"""When a python-socketio server hears what is on its exchange."""

import time

import socketio

from .patience import end_of_patience


def wait_for_subscription(amqp_url, channel, namespace, client):
    """The library subscribes when its first client connects, and says nothing when it has. What this emits it takes out of the client
    again."""
    backend = socketio.KombuManager(amqp_url, channel=channel, write_only=True)
    deadline = end_of_patience()
    while True:
        backend.emit("probe", None, namespace=namespace, room=client.sid)
        try:
            client.next(timeout=0.2)
            break
        except AssertionError:
            assert time.monotonic() < deadline, "the Socket.IO server does not hear what is on the exchange"
    backend.emit("end of probes", None, namespace=namespace, room=client.sid)
    client.until("end of probes")
