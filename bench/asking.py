"""Who answers a question, and who asks it: through the gateway, and by AMQP alone."""

import contextlib
import http.client
import json
import socket
import sys
import time
import uuid
from pathlib import Path

import pika
from candidates import Candidate, CandidateError, Gateway, PrivateRabbitMQ, compact

EXCHANGE = "socket.io.cluster"
REPLY_TO = "amq.rabbitmq.reply-to"
INTERVAL = 3  # seconds between the server's heartbeats


def connect(url: str):
    """A connection, and a channel on which the cluster's exchange is declared."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "direct", durable=False, auto_delete=False)
    return connection, channel


def serve(url: str):
    """The one server, after docs/cluster-protocol.md: has one socket, and answers nothing but how many it has."""
    connection, channel = connect(url)
    uid = uuid.uuid4().hex
    presence = {"uid": uid, "type": 2, "intervalMs": INTERVAL * 1000, "mode": "static", "namespaces": ["/"]}

    def say_hello():
        channel.basic_publish(EXCHANGE, "#presence", compact(presence).encode())

    def beat():
        say_hello()
        connection.call_later(INTERVAL, beat)

    def take(_channel, method, properties, body):
        if method.routing_key == "#discover":
            return say_hello()
        question = json.loads(body)
        if question["type"] != 7 or not question["data"].get("count"):
            return
        data = {"requestId": question["data"]["requestId"], "sockets": [], "count": 1, "rooms": {}}
        answer = compact({"uid": uid, "nsp": question["nsp"], "type": 8, "data": data}).encode()
        correlation = pika.BasicProperties(correlation_id=properties.correlation_id)
        channel.basic_publish("", properties.reply_to, answer, correlation)

    queue = channel.queue_declare("", exclusive=True).method.queue
    for key in ("/", "#discover"):
        channel.queue_bind(queue, EXCHANGE, key)
    channel.basic_consume(queue, take, auto_ack=True)
    beat()
    channel.start_consuming()


class Server(Candidate):
    """`serve`, as a process of its own."""

    def __init__(self, broker: PrivateRabbitMQ, logs: Path):
        super().__init__("server", logs)
        self._url = broker.url

    def command(self):
        return [sys.executable, __file__, self._url]


class AskedGateway(Gateway):
    """The gateway with a wire format that has questions."""

    def environment(self):
        return {**super().environment(), "GATEWAY_WIRE_FORMAT": "python-socketio"}


class OverHTTP:
    """Asks the gateway, on one connection that stays open."""

    name = "gateway"

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> bytes:
        self._connection.request("GET", "/v1/counts")
        return self._connection.getresponse().read()

    def is_right(self, answer: bytes) -> bool:
        found = json.loads(answer)
        servers = {"expected": 1, "responded": 1, "missing": [], "tooLarge": []}
        return found.get("sockets") == 1 and found.get("complete") is True and found.get("servers") == servers


class Bare:
    """Asks the server itself: the gateway's question, each time with an id of its own, and direct reply-to."""

    name = "bare"

    def __init__(self, url: str, properties: pika.BasicProperties, question: bytes):
        self._connection, self._channel = connect(url)
        self._properties, self._question = properties, question
        self._first = properties.correlation_id.encode()
        self._asked, self._answer = "", None
        self._channel.basic_consume(REPLY_TO, self._take, auto_ack=True)

    def _take(self, _channel, _method, properties, body):
        if properties.correlation_id == self._asked:
            self._answer = body

    def ask(self) -> bytes:
        self._answer, self._asked = None, uuid.uuid4().hex
        body = self._question.replace(self._first, self._asked.encode())
        self._properties.correlation_id = self._properties.message_id = self._asked
        self._channel.basic_publish(EXCHANGE, "/", body, self._properties, mandatory=True)
        deadline = time.monotonic() + 10
        while self._answer is None:
            self._connection.process_data_events(time_limit=10)
            if time.monotonic() > deadline:
                raise CandidateError("the server does not answer the bare question")
        return self._answer

    def is_right(self, answer: bytes) -> bool:
        data = json.loads(answer)["data"]
        return data == {"requestId": self._asked, "sockets": [], "count": 1, "rooms": {}}


def await_gateway(gateway: Gateway, patience: float = 20) -> OverHTTP:
    """Waits until it knows the server and answers rightly."""
    deadline, answer = time.monotonic() + patience, b""
    while time.monotonic() < deadline:
        gateway.check()
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            asker = OverHTTP(gateway.port)
            if asker.is_right(answer := asker.ask()):
                return asker
        time.sleep(0.1)
    raise CandidateError(f"the gateway answers {answer!r:.500}")


def overheard(url: str, asker: OverHTTP):
    """What the gateway publishes when it is asked: the properties and the body. Nobody listens in afterwards."""
    connection, channel = connect(url)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, EXCHANGE, "/")
    asker.ask()
    _, properties, body = channel.basic_get(queue, auto_ack=True)
    connection.close()
    if body is None:
        raise CandidateError("the gateway answers without a question")
    properties.reply_to = REPLY_TO  # the broker has put the channel's own there
    return properties, body


if __name__ == "__main__":
    serve(sys.argv[1])
