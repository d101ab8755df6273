"""Servers of the cluster that are only simulated: many sockets, and answers whose moment a test decides."""

import contextlib
import json
import threading
import uuid
from bisect import bisect_right

import pika

from .patience import PATIENCE

EVERYTHING = range(1, 14)
READS = (7,)
EXCHANGE_TYPE = {"exchange_type": "direct", "durable": False, "auto_delete": False}


class SimulatedServer:
    """Not a Socket.IO server: speaks docs/cluster-protocol.md on a thread of its own, and its sockets are only described.

    Reads with `after` and `limit`, counts and lists of rooms are answered from `sockets`, a list of (id, rooms). Whatever
    has been asked is in `asked`, as (properties, message). Questions of the types in `holds` are noted and not answered;
    the answers to those in `too_large` are too large to be sent. Lists end early, with `more`, behind `most` entries.
    Events that clients are to acknowledge go to `clients`, which say nothing until `acknowledge_all`.

    It says that it is there at every interval, and goodbye when it is closed. With `probed` it has the key by which gateways
    ask the broker whether it is there; the probes that have come are in `probes`. `about` are further members of its
    heartbeats.
    """

    def __init__(
        self, url, exchange, sockets=(), namespaces=("/",), uid=None, interval_ms=5000, probed=False, clients=1,
        about=None,
    ):
        self.uid = uid or uuid.uuid4().hex
        self.asked = []
        self.probes = []
        self.holds = ()
        self.too_large = ()
        self.most = None
        self._clients = clients
        self._about = {**(about or {}), **({"probe": f"#server#{self.uid}"} if probed else {})}
        self.answer_bytes = 0  # of the longest
        self._sockets = sorted((sid, [sid, *rooms]) for sid, rooms in sockets)
        self._ids = [sid for sid, _ in self._sockets]
        self._counts = {}
        for _, rooms in self._sockets:
            for room in rooms:
                self._counts[room] = self._counts.get(room, 0) + 1
        self._rooms = sorted(self._counts)
        self._namespaces = list(namespaces)
        self._interval_ms = interval_ms
        self._exchange = exchange
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, **EXCHANGE_TYPE)
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        for key in (*namespaces, "#discover", *([self._about["probe"]] if probed else [])):
            self._channel.queue_bind(queue, exchange, key)
        self._channel.basic_consume(queue, self._take, auto_ack=True)
        self._beat()
        self._keep_beating()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def questions(self, kind):
        """What has been asked with this type, as the members of `data`."""
        return [message["data"] for _, message in list(self.asked) if message["type"] == kind]

    def release(self):
        """Answers everything that was held."""

        def answer():
            self.holds = ()
            for properties, message in list(self.asked):
                self._answer(properties, message)

        self._connection.add_callback_threadsafe(answer)

    def acknowledge_all(self):
        """The client answers every event with the event's own first argument."""

        def answer():
            for properties, message in list(self.asked):
                if message["type"] == 3:
                    value = message["data"]["packet"]["data"][1]
                    self._reply(properties, message, 12, {"packet": value, "args": [value]})

        self._connection.add_callback_threadsafe(answer)

    def publish(self, key, body, exchange=None, **properties):
        """Anything at all; `exchange` is the cluster's, unless another is named."""
        exchange = self._exchange if exchange is None else exchange
        self._connection.add_callback_threadsafe(
            lambda: self._channel.basic_publish(exchange, key, body, pika.BasicProperties(**properties))
        )

    def wait(self):
        """Returns when the broker has ended the connection."""
        self._thread.join()

    def close(self):
        if not self._thread.is_alive():
            return  # the broker has ended the connection
        # Its end may be so new that the thread has not heard of it.
        with contextlib.suppress(pika.exceptions.ConnectionWrongStateError):
            self._connection.add_callback_threadsafe(self._leave)
        self._thread.join(PATIENCE)
        if self._connection.is_closed:
            return
        self._connection.close()

    def _leave(self):
        self._channel.basic_publish(self._exchange, "#presence", json.dumps({"uid": self.uid, "type": 13}).encode())
        self._channel.stop_consuming()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self):
        try:
            self._channel.start_consuming()
        except pika.exceptions.AMQPConnectionError:
            pass

    def _beat(self):
        heartbeat = {
            "uid": self.uid,
            "type": 2,
            "intervalMs": self._interval_ms,
            "mode": "static",
            "namespaces": self._namespaces,
            **self._about,
        }
        self._channel.basic_publish(self._exchange, "#presence", json.dumps(heartbeat).encode())

    def _keep_beating(self):
        def beat():
            self._beat()
            self._keep_beating()

        self._connection.call_later(self._interval_ms / 1000, beat)

    def _take(self, _channel, method, properties, body):
        if method.routing_key == "#discover":
            return self._beat()
        message = json.loads(body)
        if method.routing_key == self._about.get("probe"):
            return self.probes.append(message)
        self.asked.append((properties, message))
        if properties.reply_to and message["type"] not in self.holds:
            self._answer(properties, message)

    def _answer(self, properties, message):
        kind, data = message["type"], message["data"]
        if kind in self.too_large:
            self._reply(properties, message, {9: 10, 3: 12}.get(kind, 8), {"error": "too_large"})
        elif kind == 7:
            self._reply(properties, message, 8, self._counted(data) if data.get("count") else self._page(data))
        elif kind in (4, 5, 6):
            self._reply(properties, message, 8, {"sockets": [], "matched": 0})
        elif kind == 9:
            self._reply(properties, message, 10, {"packet": self.uid})
        elif kind == 3:
            self._reply(properties, message, 11, {"clientCount": self._clients})

    def _reply(self, properties, message, kind, data):
        answer = {"uid": self.uid, "nsp": message["nsp"], "type": kind}
        answer["data"] = {"requestId": message["data"]["requestId"], **data}
        body = json.dumps(answer).encode()
        self.answer_bytes = max(self.answer_bytes, len(body))
        self._channel.basic_publish(
            "", properties.reply_to, body, pika.BasicProperties(correlation_id=properties.correlation_id)
        )

    def _page(self, data):
        start = bisect_right(self._ids, data["after"]) if "after" in data else 0
        wanted = set(data["opts"]["rooms"])
        sockets = []
        for sid, rooms in self._sockets[start:]:
            if len(sockets) == data["limit"]:
                break
            if not wanted or wanted.intersection(rooms):
                sockets.append({"id": sid, "rooms": rooms, "data": {"of": self.uid}})
        told = sockets[: self.most]
        return {"sockets": told, **({"more": True} if len(told) < len(sockets) else {})}

    def _counted(self, data):
        answer = {"sockets": [], "count": len(self._sockets)}
        if "rooms" in data:
            answer["rooms"] = {room: self._counts.get(room, 0) for room in data["rooms"]}
        if wanted := data.get("list"):
            start = bisect_right(self._rooms, wanted["after"]) if "after" in wanted else 0
            ids = set() if wanted["private"] else set(self._ids)
            rooms = (r for r in self._rooms[start:] if r.startswith(wanted["prefix"]) and r not in ids)
            listed = [room for room, _ in zip(rooms, range(wanted["limit"]))]
            answer["rooms"] = {room: self._counts[room] for room in listed[: self.most]}
            if len(answer["rooms"]) < len(listed):
                answer["more"] = True
        return answer
