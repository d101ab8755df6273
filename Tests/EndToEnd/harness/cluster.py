"""A Socket.IO server that answers questions, modelled."""

import json
import threading
import uuid

import pika

EXCHANGE = "socket.io.cluster"
HEARTBEAT, BROADCAST, JOIN, LEAVE, DISCONNECT, FETCH = 2, 3, 4, 5, 6, 7
SOCKETS, SERVER_SIDE_EMIT, SERVER_SIDE_ANSWER, CLIENT_COUNT, CLIENT_ACK, GOODBYE = 8, 9, 10, 11, 12, 13


# What servers with current companions say that they can do.
FEATURES = {"features": ["acks", "numbers"]}


def order(room):
    """Of rooms: by their text, and of the same text the string comes before the number."""
    return str(room), not isinstance(room, str)


class ClusterServer:
    """A model of a server with a companion, made after docs/cluster-protocol.md: its answering side and its presence,
    as much as the gateway can tell from a real one. (The real ones have tests of their own.) Without `about` it says of
    itself what early companions did; with `FEATURES`, what current ones do.

    Its sockets are virtual: `sockets` has a set of rooms by id. Every one of them acknowledges every event with
    `ACKNOWLEDGEMENT`, and the server answers an event of its own with the arguments, but for `unheard`, to which nobody
    listens. With `silent` it takes questions and says nothing; `asked` is called with each before it is answered. `about`
    are further members of its heartbeats.

    It lives on a thread of its own, so that what is asked while a test waits is answered.
    """

    ACKNOWLEDGEMENT = ["ok", 1]

    def __init__(
        self, url, sockets=None, silent=False, exchange=EXCHANGE, namespaces=("/",), asked=lambda message: None, about=None
    ):
        self.uid = uuid.uuid4().hex
        self.sockets = {id: {id, *rooms} for id, rooms in (sockets or {}).items()}
        self.silent = silent
        self._exchange = exchange
        self._namespaces = list(namespaces)
        self._asked = asked
        self._about = about or {}
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0  # it must outlive a broker that is paused
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, "direct", durable=False, auto_delete=False)
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        for key in ["#discover", *self._namespaces, *(f"{namespace}#static" for namespace in self._namespaces)]:
            self._channel.queue_bind(queue, exchange, key)
        self._channel.basic_consume(queue, self._receive, auto_ack=True)
        self._say_hello()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self):
        """Returns when the connection has ended, by `close` or by the broker."""
        self._thread.join()

    def close(self):
        self._connection.add_callback_threadsafe(self._say_goodbye)
        self._thread.join()
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self):
        try:
            self._channel.start_consuming()
        except pika.exceptions.AMQPConnectionError:
            pass

    def _say_hello(self):
        # Rarely enough to be expected for as long as any test takes.
        presence = {"pid": 1, "intervalMs": 60_000, "mode": "static", "namespaces": self._namespaces, "agent": "model"}
        presence.update(self._about)
        self._publish(self._exchange, "#presence", {"uid": self.uid, "type": HEARTBEAT, **presence})

    def _say_goodbye(self):
        self._publish(self._exchange, "#presence", {"uid": self.uid, "type": GOODBYE})
        self._channel.stop_consuming()

    def _publish(self, exchange, key, message, correlation_id=None):
        properties = pika.BasicProperties(correlation_id=correlation_id)
        self._channel.basic_publish(exchange, key, json.dumps(message).encode(), properties)

    def _receive(self, _channel, method, properties, body):
        if method.routing_key == "#discover":
            return self._say_hello()
        message = json.loads(body)
        self._asked(message)
        if self.silent or not properties.reply_to:
            return None
        assert properties.correlation_id == message["data"]["requestId"]
        for kind, data in self._answers(message["type"], message["data"]):
            answer = {"uid": self.uid, "nsp": message["nsp"], "type": kind}
            answer["data"] = {"requestId": message["data"]["requestId"], **data}
            self._publish("", properties.reply_to, answer, properties.correlation_id)

    def _answers(self, kind, data):
        if kind == SERVER_SIDE_EMIT:
            event, *arguments = data["packet"]
            yield SERVER_SIDE_ANSWER, {"handled": False} if event == "unheard" else {"packet": arguments}
            return
        ids = self._selected(data["opts"])
        if kind == BROADCAST:
            yield CLIENT_COUNT, {"clientCount": len(ids)}
            for _ in ids:
                yield CLIENT_ACK, {"packet": self.ACKNOWLEDGEMENT[0], "args": self.ACKNOWLEDGEMENT}
        elif kind == FETCH:
            yield SOCKETS, self._counted(ids, data) if data.get("count") else {"sockets": self._page(ids, data)}
        else:
            self._change(kind, ids, data)
            yield SOCKETS, {"sockets": [], "matched": len(ids)}

    def _selected(self, opts):
        rooms, excepted = set(opts["rooms"]), set(opts["except"])
        return sorted(
            id for id, own in self.sockets.items() if (not rooms or rooms & own) and not excepted & own
        )  # by code point, as the gateway's order is

    def _page(self, ids, data):
        described = [id for id in ids if id > data.get("after", "")][: data["limit"]]
        everything = {id: {"rooms": sorted(self.sockets[id], key=order), "data": None, "handshake": {"time": "?"}} for id in described}
        return [{"id": id, **{name: everything[id][name] for name in data["fields"]}} for id in described]

    def _counted(self, ids, data):
        everywhere = [room for id in ids for room in self.sockets[id]]
        if "list" in data:
            wanted = data["list"]
            after = order(wanted.get("after", ""))
            rooms = {r for r in everywhere if str(r).startswith(wanted["prefix"]) and order(r) > after}
            listed = (room for room in rooms if wanted["private"] or room not in self.sockets)
            names = sorted(listed, key=order)[: wanted["limit"]]
        else:
            names = data.get("rooms", [])
        counts = [(room, everywhere.count(room)) for room in names]
        return {"sockets": [], "count": len(ids), "rooms": counts if data.get("numbers") else dict(counts)}

    def _change(self, kind, ids, data):
        for id in ids:
            if kind == DISCONNECT:
                del self.sockets[id]
            elif kind == JOIN:
                self.sockets[id] |= set(data["rooms"])
            else:
                self.sockets[id] -= set(data["rooms"])
