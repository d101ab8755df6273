"""What a gateway does on the broker, with pika: asks through direct reply-to, and listens to presence."""

import json
import re
import time
import uuid

import pika
import pika.exceptions

from .patience import PATIENCE

REPLY_TO = "amq.rabbitmq.reply-to"
EVERYONE = {"rooms": [], "except": [], "flags": {}}


def opts(*rooms, excepted=(), **flags):
    return {"rooms": list(rooms), "except": list(excepted), "flags": flags}


def strictly_parsed(body):
    """As the gateway's parser does it: no lone surrogate, no NUL in a key, no key twice, no 256 levels."""
    text = body.decode("utf-8")
    assert not re.search(r"\\u[dD][89a-fA-F]", text), "an escaped surrogate"

    def object_of(pairs):
        keys = [key for key, _ in pairs]
        assert len(set(keys)) == len(keys) and "\0" not in "".join(keys), keys
        return dict(pairs)

    def refuse(constant):
        raise AssertionError(constant)

    message = json.loads(text, object_pairs_hook=object_of, parse_constant=refuse)
    level, levels = [message], 0
    while level:
        levels += 1
        containers = [value.values() if isinstance(value, dict) else value for value in level]
        level = [item for values in containers for item in values if isinstance(item, (dict, list))]
    assert levels <= 256
    return message


class FakeGateway:
    def __init__(self, url, exchange):
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # it reads only when it is asked
        self._exchange = exchange
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, exchange_type="direct", durable=False, auto_delete=False)
        self._answers = []
        self._presence = []
        self._events = []
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(queue, exchange, "#presence")
        self._channel.basic_consume(queue, self._on_presence, auto_ack=True)
        self._channel.basic_consume(REPLY_TO, self._on_answer, auto_ack=True)

    def listen_to_events(self):
        """From now on, what servers tell by themselves."""
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(queue, self._exchange, "#events")
        self._channel.basic_consume(queue, self._on_events, auto_ack=True)

    def want(self, interval=5, members=False):
        """Says that it wants to hear of events, and says so again after `interval` seconds."""
        wish = {"uid": "emitter", "type": 21, "data": {"intervalMs": round(interval * 1000), "members": members}}
        self.publish("#events-wanted", json.dumps(wish).encode())

    def events(self, condition, timeout=PATIENCE):
        """All messages of servers since last time, at least one, when the `condition` is true of them."""
        self._wait(lambda: [True] if self._events and condition(self._events) else [], 1, timeout)
        events, self._events = self._events, []
        return events

    def events_within(self, seconds):
        """All messages of servers that come in this time, and those before."""
        self._wait(lambda: [], 1, seconds, required=False)
        events, self._events = self._events, []
        return events

    def ask(self, kind, data, namespace="/", count=1, timeout=PATIENCE):
        """The answers to a question, as (type, data), when there are so many."""
        request_id = self.question(kind, data, namespace)
        return self.answers(request_id, count, timeout)

    def ask_one(self, kind, data, namespace="/", timeout=PATIENCE):
        """The data of the only answer."""
        (answer,) = self.ask(kind, data, namespace, timeout=timeout)
        return answer[1]

    def fetch(self, namespace="/", opts=EVERYONE, **options):
        return self.ask_one(7, {"opts": opts, **options}, namespace)

    def question(self, kind, data, namespace="/", key=None):
        """Asks; the id of the request. `key` is that of the namespace unless it is another one."""
        request_id = uuid.uuid4().hex
        message = {"uid": "emitter", "nsp": namespace, "type": kind, "data": {"requestId": request_id, **data}}
        properties = pika.BasicProperties(reply_to=REPLY_TO, correlation_id=request_id)
        self.publish(key or namespace, json.dumps(message).encode(), properties)
        return request_id

    def tell(self, kind, data, namespace="/", key=None):
        """A message to which there is no answer."""
        message = {"uid": "emitter", "nsp": namespace, "type": kind, "data": data}
        self.publish(key or namespace, json.dumps(message).encode())

    def publish(self, key, body, properties=None):
        self._channel.basic_publish(self._exchange, key, body, properties)

    def arrives(self, key, body):
        """Whether the broker has a queue for the message."""
        with self._connection.channel() as channel:
            channel.confirm_delivery()
            try:
                channel.basic_publish(self._exchange, key, body, mandatory=True)
            except pika.exceptions.UnroutableError:
                return False
            return True

    def discover(self):
        self.publish("#discover", b'{"uid":"emitter","type":1}')

    def answers(self, request_id, count, timeout=PATIENCE):
        mine = self._wait(lambda: self._of(request_id)[:count], count, timeout)
        return [(message["type"], message["data"]) for message in mine]

    def answers_within(self, request_id, seconds):
        """All that come in this time."""
        self._connection.process_data_events(0)
        self._wait(lambda: [], 1, seconds, required=False)
        return [(message["type"], message["data"]) for message in self._of(request_id)]

    def presence(self, condition, timeout=PATIENCE):
        """The first message of presence which meets `condition`; those before it are forgotten."""

        def found():
            while self._presence:
                message = self._presence.pop(0)
                if condition(message):
                    return [message]
            return []

        return self._wait(found, 1, timeout)[0]

    def presence_within(self, seconds):
        self._presence.clear()
        self._wait(lambda: [], 1, seconds, required=False)
        return list(self._presence)

    def wait_for_servers(self, count, timeout=PATIENCE):
        """The heartbeats of so many different servers."""
        seen = {}
        deadline = time.monotonic() + timeout
        while len(seen) < count:
            self.discover()
            try:
                message = self.presence(lambda m: m["type"] == 2 and m["uid"] not in seen, timeout=0.3)
                seen[message["uid"]] = message
            except AssertionError:
                assert time.monotonic() < deadline, "too few servers answer"
        return list(seen.values())

    def close(self):
        try:
            self._connection.close()
        except pika.exceptions.AMQPError:  # its broker has gone
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _of(self, request_id):
        return [
            message
            for properties, message in self._answers
            if properties.correlation_id == request_id and message["data"]["requestId"] == request_id
        ]

    def _wait(self, found, count, timeout, required=True):
        deadline = time.monotonic() + timeout
        while len(result := found()) < count:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                assert not required, f"{len(result)} of {count} within {timeout} s"
                return result
            self._connection.process_data_events(min(remaining, 0.05))
        return result

    def _on_answer(self, _channel, _method, properties, body):
        self._answers.append((properties, strictly_parsed(body)))

    def _on_events(self, _channel, _method, _properties, body):
        assert len(body) <= 1024 * 1024
        self._events.append(strictly_parsed(body))

    def _on_presence(self, _channel, _method, _properties, body):
        self._presence.append(strictly_parsed(body))
