"""What a gateway knows by the messages of servers: which rooms live, and what has happened."""


class View:
    """Of one server and one namespace. Takes messages in order, and notices what is missing."""

    def __init__(self, namespace="/"):
        self._namespace = namespace
        self.seq = None
        self.holes = 0
        self.rooms = set()
        self.sockets = []
        self.members = []

    def take(self, messages):
        """Those of other namespaces are left out. Itself."""
        for message in messages:
            if message["nsp"] == self._namespace:
                self._take(message)
        return self

    def _take(self, message):
        assert message.keys() == {"uid", "nsp", "type", "data"} and message["type"] == 20
        data = dict(message["data"])
        seq = data.pop("seq")
        if self.seq is not None and seq != self.seq + 1:
            assert seq > self.seq + 1, (self.seq, seq)
            # Where something was sent and has not arrived, more is missing than the number that was left out.
            assert not data or seq > self.seq + 2, "the message behind a hole is empty"
            self.holes += 1
        self.seq = seq
        assert data.keys() <= {"rooms", "sockets", "members"} and all(data.values()), "empty lists are left out"
        rooms = data.get("rooms", [])
        names = [(type(name), name) for _, name in rooms]
        assert len(set(names)) == len(names), "a room stands there once"
        for sign, name in rooms:
            (self.rooms.add if sign == "+" else self.rooms.discard)((type(name), name))
        self.sockets += map(tuple, data.get("sockets", []))
        self.members += map(tuple, data.get("members", []))

    @property
    def names(self):
        return {name for _, name in self.rooms}
