"""Socket.IO servers with socket.io-amqp0, modelled."""

import json
import uuid

import pika

from .witness import TYPES

QUEUE = {"durable": False, "auto_delete": True, "arguments": {"x-expires": 60000}}
EVERYONE = "broadcast"


class Amqp0Servers:
    """A model of servers with socket.io-amqp0 7.0.2, made from recordings of real ones (it is a Node package).

    It does with the exchange and the queues what that adapter does: a direct, non-durable, auto-delete exchange; per
    server one queue bound with `broadcast`, and one per room, bound with the room; a socket's id is a room. A message
    is delivered once for each queue it arrives in, to that queue's sockets, less those whose id or whose rooms are
    in `except`. So a socket in two rooms receives twice what arrives for both: the duplicates are real.

    The sockets are virtual: what is delivered is kept in lists. Nothing runs in the background; what the gateway
    answered as confirmed is in the queues, and `deliver` empties them.
    """

    def __init__(self, url, exchange="socket.io", servers=1):
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # it reads only when it is asked
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, **TYPES["direct"])
        self._servers = [_Server(self._channel, exchange) for _ in range(servers)]

    def socket(self, *rooms, sid=None, server=0):
        """A new socket in these rooms, on the server with this number. Its id is made up if none is given."""
        return self._servers[server].add(sid or uuid.uuid4().hex[:20], rooms)

    def deliver(self):
        """Hands everything that has arrived to the sockets."""
        for server in self._servers:
            server.deliver()

    def close(self):
        for server in self._servers:
            server.close()
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class VirtualSocket:
    """`received` holds a tuple (event, arg, …) for each event."""

    def __init__(self, sid, rooms):
        self.sid = sid
        self.rooms = {sid, *rooms}
        self.received = []


class _Server:
    def __init__(self, channel, exchange):
        self._channel = channel
        self._exchange = exchange
        self._name = f"socket.io#{uuid.uuid4().hex}"
        self._sockets = []
        self._room_of_queue = {}
        self._listen(self._name, EVERYONE)

    def add(self, sid, rooms):
        socket = VirtualSocket(sid, rooms)
        self._sockets.append(socket)
        for room in socket.rooms:
            queue = f"{self._name}#{room}"
            if queue not in self._room_of_queue:
                self._listen(queue, room)
        return socket

    def deliver(self):
        for queue, room in self._room_of_queue.items():
            while (body := self._channel.basic_get(queue, auto_ack=True)[2]) is not None:
                self._apply(room if queue != self._name else None, json.loads(body))

    def close(self):
        for queue in self._room_of_queue:
            self._channel.queue_delete(queue)

    def _listen(self, queue, key):
        self._channel.queue_declare(queue, **QUEUE)
        self._channel.queue_bind(queue, self._exchange, key)
        self._room_of_queue[queue] = key

    def _apply(self, room, message):
        assert message["packet"]["type"] == 2, message
        excluded = set(message["except"])
        for socket in self._sockets:
            if (room is None or room in socket.rooms) and not excluded & socket.rooms:
                socket.received.append(tuple(message["packet"]["data"]))
