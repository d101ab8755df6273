"""The servers' side of socket.io-amqp0 as the broker sees it, and a gateway for it."""

import json
from contextlib import contextmanager

import pika

from .gateway import Gateway
from .patience import until

ROOM = "user:42"


class Topology:
    """An exchange and a queue that outlive connections and each other."""

    def __init__(self, url, exchange, queue_arguments=None, kind="direct", declare=True, **exchange_options):
        self.exchange, self.queue, self._url = exchange, f"{exchange}.queue", url
        self._exchange_options = {"exchange_type": kind, **exchange_options}
        with self.channel() as channel:
            channel.queue_declare(self.queue, arguments=queue_arguments)
        if declare:
            self.declare()

    @contextmanager
    def channel(self):
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def declare(self):
        with self.channel() as channel:
            channel.exchange_declare(self.exchange, **self._exchange_options)
            channel.queue_bind(self.queue, self.exchange, ROOM)

    def delete(self):
        with self.channel() as channel:
            channel.exchange_delete(self.exchange)

    def unbind(self):
        """As when the last server ends: an exchange that is auto-delete goes."""
        with self.channel() as channel:
            channel.queue_unbind(self.queue, self.exchange, ROOM)

    def received(self):
        """The numbers of all emits in the queue."""
        numbers = []
        with self.channel() as channel:
            while True:
                method, _, body = channel.basic_get(self.queue, auto_ack=True)
                if method is None:
                    return numbers
                numbers.append(json.loads(body)["packet"]["data"][1])


def amqp0_gateway(url, exchange, **settings):
    return Gateway(url, wire_format="amqp0", amqp0_exchange=exchange, **{"loops": 2, **settings})


def eventually(is_true):
    until(is_true, "what the test waits for")
