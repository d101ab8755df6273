"""Who answers a question, and who asks it: through the gateway, and by AMQP alone."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pika

from candidates import HERE, Candidate, CandidateError, Gateway, PrivateRabbitMQ, compact, die_with_parent

EXCHANGE = "socket.io.cluster"
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
            return None
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


class Requester:
    """`requester.c`, which asks one question after the other."""

    def __init__(self, name: str, words: list[str]):
        self.name = name
        self._words = words

    def ask(self) -> bytes:
        """The answer to one question."""
        return self._run("-n", "1")[0]

    def measure(self, seconds: int) -> tuple[bytes, dict[str, float]]:
        """After a second of warm-up: the answer, which was always the same, and microseconds of a round trip."""
        return self._run("-t", str(seconds), "-u", "1")

    def is_right(self, answer: bytes) -> bool:
        raise NotImplementedError

    def _run(self, *options: str) -> tuple[bytes, dict[str, float]]:
        command = [HERE / ".build/requester", *options, *self._words]
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, preexec_fn=die_with_parent)
        if finished.returncode != 0:
            raise CandidateError(f"{self.name}: {finished.stderr.decode(errors='replace').strip()}")
        answer, _, figures = finished.stdout.rstrip().rpartition(b"\n")
        return answer, json.loads(figures)


class OverHTTP(Requester):
    """Asks the gateway, on one connection that stays open."""

    def __init__(self, port: int):
        super().__init__("gateway", ["http", str(port), "/v1/counts"])

    def is_right(self, answer: bytes) -> bool:
        found = json.loads(answer)
        servers = {"expected": 1, "responded": 1, "missing": [], "tooLarge": []}
        return found.get("sockets") == 1 and found.get("complete") is True and found.get("servers") == servers


class Bare(Requester):
    """Asks the server itself: the gateway's question, each time with an id of its own, and direct reply-to."""

    def __init__(self, url: str, properties: pika.BasicProperties, question: bytes, folder: Path):
        file = folder / "question.json"
        file.write_bytes(question)
        words = [url, EXCHANGE, "/", properties.expiration, properties.correlation_id, str(file)]
        super().__init__("bare", ["amqp", *words])

    def is_right(self, answer: bytes) -> bool:
        # The requester puts zeros in the place of the id.
        data = json.loads(answer)["data"]
        return data == {"requestId": "0" * 32, "sockets": [], "count": 1, "rooms": {}}


def await_gateway(gateway: Gateway, patience: float = 20) -> OverHTTP:
    """Waits until it knows the server and answers rightly."""
    deadline = time.monotonic() + patience
    asker = OverHTTP(gateway.port)
    while True:
        gateway.check()
        try:
            found = asker.ask()
            if asker.is_right(found):
                return asker
        except CandidateError as error:
            found = error
        if time.monotonic() > deadline:
            raise CandidateError(f"the gateway answers {found!r:.500}")
        time.sleep(0.1)


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
    known = {"correlation_id", "message_id", "reply_to", "expiration"}
    if {name for name, value in vars(properties).items() if value is not None} != known:
        raise CandidateError(f"the requester has other properties than the gateway: {properties}")
    return properties, body


if __name__ == "__main__":
    serve(sys.argv[1])
