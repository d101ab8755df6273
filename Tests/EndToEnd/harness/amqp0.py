"""Socket.IO servers with socket.io-amqp0, modelled."""

import json
import uuid
from itertools import cycle

import pika

from .witness import TYPES

QUEUE = {"durable": False, "auto_delete": True, "arguments": {"x-expires": 60000}}
EVERYONE = "broadcast"


class Amqp0Servers:
    """A model of servers with socket.io-amqp0 7.0.2, made from recordings of real ones (it is a Node package).

    It does with exchanges and queues what that adapter does: a direct, non-durable, auto-delete exchange; per server one
    queue bound with `broadcast`, and one per room, bound with the room; a socket's id is a room. A message is delivered once
    for each queue it arrives in, to the sockets of who listens there, less those whose id or whose rooms are in `except`. So
    a socket in two rooms receives twice what arrives for both: the duplicates are real.

    Socket.IO makes an adapter for each namespace, and each names its queues by `queuePrefix`, instance and room: not by the
    namespace. Where two of them come to the same name, both listen to one queue, and the broker gives its messages to them in
    turn. `exchange` (the adapter's `exchangeName`) and `queue_prefix` may have `{namespace}` in them.

    The sockets are virtual: what is delivered is kept in lists. Nothing runs in the background; what the gateway
    answered as confirmed is in the queues, and `deliver` empties them.
    """

    def __init__(self, url, exchange="socket.io", servers=1, namespaces=("/",), queue_prefix="socket.io"):
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # it reads only when it is asked
        self._connection = pika.BlockingConnection(parameters)
        queues = _Queues(self._connection.channel())
        self._queues = queues
        self._servers = []
        for _ in range(servers):
            instance = uuid.uuid4().hex
            adapters = {}
            for namespace in namespaces:
                prefix = queue_prefix.replace("{namespace}", namespace)
                adapters[namespace] = _Adapter(queues, exchange.replace("{namespace}", namespace), f"{prefix}#{instance}")
            self._servers.append(adapters)

    def socket(self, *rooms, sid=None, server=0, namespace="/"):
        """A new socket in these rooms, on the server with this number. Its id is made up if none is given."""
        return self._servers[server][namespace].add(sid or uuid.uuid4().hex[:20], rooms)

    def deliver(self):
        """Hands everything that has arrived to the sockets."""
        self._queues.deliver()

    def close(self):
        self._queues.delete()
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


class _Queues:
    """Those of all servers: by their names, who listens, in turn."""

    def __init__(self, channel):
        self._channel = channel
        self._listeners = {}

    def listen(self, exchange, queue, key, listener):
        self._channel.exchange_declare(exchange, **TYPES["direct"])
        self._channel.queue_declare(queue, **QUEUE)
        self._channel.queue_bind(queue, exchange, key)
        self._listeners.setdefault(queue, []).append(listener)

    def deliver(self):
        for queue, listeners in self._listeners.items():
            turns = cycle(listeners)
            while (body := self._channel.basic_get(queue, auto_ack=True)[2]) is not None:
                next(turns)(json.loads(body))

    def delete(self):
        for queue in self._listeners:
            self._channel.queue_delete(queue)


class _Adapter:
    """Of one namespace on one server."""

    def __init__(self, queues, exchange, name):
        self._queues = queues
        self._exchange = exchange
        self._name = name
        self._sockets = []
        self._rooms = set()
        queues.listen(exchange, name, EVERYONE, lambda message: self._apply(None, message))

    def add(self, sid, rooms):
        socket = VirtualSocket(sid, rooms)
        self._sockets.append(socket)
        for room in socket.rooms - self._rooms:
            self._listen(room)
        return socket

    def _listen(self, room):
        self._rooms.add(room)
        self._queues.listen(
            self._exchange, f"{self._name}#{room}", room, lambda message: self._apply(room, message)
        )

    def _apply(self, room, message):
        assert message["packet"]["type"] == 2, message
        excluded = set(message["except"])
        for socket in self._sockets:
            if (room is None or room in socket.rooms) and not excluded & socket.rooms:
                socket.received.append(tuple(message["packet"]["data"]))
