"""A client of GET /v1/events that reads as the standard says (WHATWG HTML, section 9.2)."""

import http.client
import json
import select
from urllib.parse import urlencode

import pika

from .patience import PATIENCE
from .simulated_server import EXCHANGE_TYPE


class EventStream:
    """`last_id` and `retry` are what an EventSource would remember. `connection` may be any of http.client's."""

    path = "/v1/events"

    def __init__(self, gateway, headers=None, connection=None, method="GET", **parameters):
        address = getattr(gateway, "address", gateway)
        self.connection = connection or http.client.HTTPConnection(*address, timeout=PATIENCE)
        query = urlencode(parameters, doseq=True)
        self.connection.request(method, self.path + (f"?{query}" if query else ""), headers=headers or {})
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.last_id, self.retry, self.comments = None, None, 0
        if self.status == 200 and method == "GET":
            self.block()

    def block(self):
        """The fields of the next block, comments included; None: the end."""
        fields = {}
        while line := self.response.readline().decode():
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            return None
        self.last_id = fields.get("id", self.last_id)
        self.retry = int(fields.get("retry", self.retry or 0))
        self.comments += "" in fields
        return fields

    def event(self):
        """The data of the next event; None: the end."""
        while (fields := self.block()) is not None:
            if "data" in fields:
                event = json.loads(fields["data"])
                assert (event["id"], event["type"]) == (fields["id"], fields["event"])
                return event
        return None

    def events(self, count):
        return [self.event() for _ in range(count)]

    def rest(self):
        """All events up to the end."""
        return list(iter(self.event, None))

    def has_something(self, seconds=0):
        """Whether bytes come, or the end."""
        return bool(select.select([self.socket], [], [], seconds)[0])

    def close(self):
        self.response.close()
        self.connection.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class TailStream(EventStream):
    """GET /v1/tail, whose events have no ids."""

    path = "/v1/tail"

    def next(self, name="entry"):
        """The data of the next event of this name; None: the end."""
        while (fields := self.block()) is not None:
            if fields.get("event") == name:
                return json.loads(fields["data"])
        return None


class Heartbeats:
    """Says that servers are there, and that they go, without being any: as many events as one likes."""

    def __init__(self, url, exchange):
        self._exchange = exchange
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, **EXCHANGE_TYPE)

    def up(self, uid):
        self._say(uid, type=2, intervalMs=60_000, mode="static", namespaces=["/"])

    def lost(self, uid):
        self._say(uid, type=13)

    def _say(self, uid, **members):
        self._channel.basic_publish(self._exchange, "#presence", json.dumps({"uid": uid, **members}).encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()
