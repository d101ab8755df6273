"""An AMQP peer that breaks the rules when a test asks for it."""

import random
import socket
import struct
import threading

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = b"\xce"

# What the gateway waits for, in the order in which it comes.
STAGES = [
    "connection.start",
    "connection.tune",
    "connection.open-ok",
    "channel.open-ok",
    "confirm.select-ok",
    "tx.select-ok",
    "tx.rollback-ok",
    "exchange.declare-ok",
    "basic.consume-ok",
    "basic.return",
    "basic.ack",
]


def short(text):
    data = text.encode()
    return bytes([len(data)]) + data


def long(data):
    return struct.pack(">I", len(data)) + data


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + END


def method(channel, class_id, method_id, arguments=b""):
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


# Instead of what is waited for: functions of the right answer and a random generator; the bytes, and whether the connection is
# closed behind them. `None` are no bytes at all.
WAYS = {
    "close": lambda answer, _: (b"", "close"),
    "reset": lambda answer, _: (b"", "reset"),
    "silence": lambda answer, _: (None, None),
    "half": lambda answer, _: (answer[: len(answer) // 2], "close"),
    "nothing but half": lambda answer, _: (answer[: len(answer) // 2], None),
    "garbage": lambda answer, chance: (chance.randbytes(200), None),
    "mutation": lambda answer, chance: (mutated(answer, chance), None),
    "twice": lambda answer, _: (answer * 2, None),
    "huge frame": lambda answer, _: (struct.pack(">BHI", METHOD, 1, 0xFFFFFFFF) + b"x" * 100, None),
    "no frame": lambda answer, _: (answer[:-1] + b"\x00", None),
    "channel closed": lambda answer, _: (closing(20, 40, answer), None),
    "connection closed": lambda answer, _: (method(0, 10, 50, struct.pack(">H", 541) + short("INTERNAL_ERROR") + bytes(4)), None),
    "http": lambda answer, _: (b"HTTP/1.1 400 Bad Request\r\n\r\n", "close"),
}


def closing(class_id, method_id, answer):
    channel = struct.unpack(">H", answer[1:3])[0]
    return method(channel, class_id, method_id, struct.pack(">H", 504) + short("CHANNEL_ERROR - because") + bytes(4))


def mutated(data, chance):
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


class HostileBroker:
    """Speaks enough of AMQP 0-9-1 for the gateway's connections, and confirms what is published, until `misbehave`.

    `acknowledged` holds the bodies whose ack went out whole.
    """

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._way, self._chance = None, random.Random(1)
        self._connections = set()
        self._lock = threading.Lock()
        self.acknowledged = set()
        self.misbehaved = 0
        self.url = f"amqp://guest:guest@127.0.0.1:{self._listener.getsockname()[1]}/%2F"
        threading.Thread(target=self._accept, daemon=True).start()

    def misbehave(self, stage, way, seed=1):
        """From now on, each time that the gateway waits for `stage`. Connections that there are end first."""
        self._way, self._chance, self.misbehaved = (stage, WAYS[way]), random.Random(seed), 0
        self.drop()

    def behave(self):
        self._way = None
        self.drop()

    def drop(self):
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            _shut(connection)

    def close(self):
        self._listener.close()
        self.drop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            with self._lock:
                self._connections.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            _Conversation(self, client).run()
        except (OSError, EOFError, struct.error, IndexError):
            pass
        _shut(client)
        client.close()

    def answer(self, client, stage, data):
        """Sends what the gateway waits for, or something else. Returns whether it was right, whatever came behind it."""
        way = self._way
        if way is None or way[0] != stage:
            client.sendall(data)
            return True
        self.misbehaved += 1
        right = data
        data, end = way[1](data, self._chance)
        if data:
            client.sendall(data)
        if end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        if end:
            raise EOFError
        return data is not None and data.startswith(right)


class _Conversation:
    """One connection."""

    def __init__(self, broker, client):
        self._broker, self._client = broker, client
        self._buffer = b""
        self._confirms = set()
        self._tags = {}

    def run(self):
        assert self._take(8) == b"AMQP\x00\x00\x09\x01"
        start = b"\x00\x09" + long(b"") + long(b"PLAIN AMQPLAIN") + long(b"en_US")
        self._answer("connection.start", method(0, 10, 10, start))
        while True:
            self._handle(*self._frame())

    def _answer(self, stage, data):
        return self._broker.answer(self._client, stage, data)

    def _take(self, count):
        while len(self._buffer) < count:
            data = self._client.recv(65_536)
            if not data:
                raise EOFError
            self._buffer += data
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _frame(self):
        kind, channel, size = struct.unpack(">BHI", self._take(7))
        payload = self._take(size)
        assert self._take(1) == END
        return kind, channel, payload

    def _handle(self, kind, channel, payload):
        if kind == HEARTBEAT:
            self._client.sendall(frame(HEARTBEAT, 0, b""))
        if kind != METHOD:
            return
        match struct.unpack(">HH", payload[:4]):
            case (10, 11):
                self._answer("connection.tune", method(0, 10, 30, struct.pack(">HIH", 2047, 131072, 60)))
            case (10, 40):
                self._answer("connection.open-ok", method(0, 10, 41, b"\x00"))
            case (10, 50):
                self._client.sendall(method(0, 10, 51))
                raise EOFError
            case (20, 10):
                self._tags[channel] = 0
                self._confirms.discard(channel)
                self._answer("channel.open-ok", method(channel, 20, 11, long(b"")))
            case (20, 40):
                self._client.sendall(method(channel, 20, 41))
            case (85, 10):
                self._confirms.add(channel)
                self._answer("confirm.select-ok", method(channel, 85, 11))
            case (90, 10):
                self._answer("tx.select-ok", method(channel, 90, 11))
            case (90, 30):
                self._answer("tx.rollback-ok", method(channel, 90, 31))
            case (40, 10):
                self._answer("exchange.declare-ok", method(channel, 40, 11))
            case (50, 10):
                self._client.sendall(method(channel, 50, 11, short("amq.gen-hostile") + bytes(8)))
            case (50, 20):
                self._client.sendall(method(channel, 50, 21))
            case (50, 50):
                self._client.sendall(method(channel, 50, 51))
            case (60, 20):
                # ticket, queue, consumer tag
                queue_end = 7 + payload[6]
                tag = payload[queue_end + 1 : queue_end + 1 + payload[queue_end]]
                self._answer("basic.consume-ok", method(channel, 60, 21, bytes([len(tag)]) + tag))
            case (60, 40):
                self._publish(channel, payload)

    def _publish(self, channel, payload):
        _, _, header = self._frame()
        size = struct.unpack(">Q", header[4:12])[0]
        body = b""
        while len(body) < size:
            body += self._frame()[2]
        if channel not in self._confirms:
            return
        self._tags[channel] += 1
        if b"returned" in body:
            names = payload[6:-1]
            returned = method(channel, 60, 50, struct.pack(">H", 312) + short("NO_ROUTE") + names)
            returned += frame(HEADER, channel, header) + frame(BODY, channel, body)
            if not self._answer("basic.return", returned):
                return
        tag = struct.pack(">QB", self._tags[channel], 0)
        # Before it goes out: the gateway may answer at once.
        self._broker.acknowledged.add(body)
        is_right = False
        try:
            is_right = self._answer("basic.ack", method(channel, 60, 80, tag))
        finally:
            if not is_right:
                self._broker.acknowledged.discard(body)


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
