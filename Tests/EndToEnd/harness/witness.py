"""A queue of our own on an exchange of the servers: what the gateway really published."""

import json
import time
from dataclasses import dataclass

import pika

from .patience import PATIENCE, end_of_patience

TYPES = {
    # As the servers declare them; anything else would be refused or would change what is tested.
    "fanout": {"exchange_type": "fanout", "durable": False, "auto_delete": False},
    "direct": {"exchange_type": "direct", "durable": False, "auto_delete": True},
    "cluster": {"exchange_type": "direct", "durable": False, "auto_delete": False},
}


@dataclass
class Message:
    routing_key: str
    properties: pika.BasicProperties
    body: bytes

    @property
    def headers(self):
        return self.properties.headers or {}

    @property
    def json(self):
        return json.loads(self.body)


class Witness:
    """Declares the exchange and binds an exclusive queue to it, with all of `keys`."""

    def __init__(self, url, exchange, kind, keys=("",), arguments=None):
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # it reads only when it is asked
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, **TYPES[kind])
        self._exchange = exchange
        self._queue = self._channel.queue_declare("", exclusive=True, arguments=arguments).method.queue
        for key in keys:
            self._channel.queue_bind(self._queue, exchange, key)

    def waiting(self):
        """All that has arrived. What the gateway answered as confirmed has arrived."""
        messages = []
        while True:
            method, properties, body = self._channel.basic_get(self._queue, auto_ack=True)
            if method is None:
                return messages
            messages.append(Message(method.routing_key, properties, body))

    def all(self):
        """All that has arrived, as `waiting`, but quicker if that is thousands."""
        count = self._channel.queue_declare(self._queue, passive=True).method.message_count
        messages = []
        while len(messages) < count:
            method, properties, body = next(self._channel.consume(self._queue, auto_ack=True, inactivity_timeout=PATIENCE))
            assert method is not None, f"{len(messages)} of {count} messages came"
            messages.append(Message(method.routing_key, properties, body))
        self._channel.cancel()
        return messages

    def take(self, count=1):
        """Exactly `count` messages, waiting for them if necessary."""
        deadline = end_of_patience()
        messages = self.waiting()
        while len(messages) < count and time.monotonic() < deadline:
            time.sleep(0.02)
            messages += self.waiting()
        assert len(messages) == count, [m.body for m in messages]
        return messages

    def delete_exchange(self):
        """As when the last server leaves; the queue stays."""
        self._channel.exchange_delete(self._exchange)

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
