"""Between the gateway and its broker: a way to lose the connection at a chosen moment."""

import socket
import threading
from urllib.parse import urlsplit

from .patience import until


class CuttingProxy:
    """Passes bytes on. `cut` ends every connection, and new ones at once, until `mend`; `cut_after(n)` does it when the
    gateway has sent n more bytes. What was passed on before that the broker still takes. After `hold_after(n)` the
    broker gets no more than those, until `go_on`.
    """

    def __init__(self, url):
        parts = urlsplit(url)
        self._target = parts.hostname, parts.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = set()
        self._left, self._then = None, self.cut
        self._is_cut = False
        self._going = threading.Event()
        self._going.set()
        port = self._listener.getsockname()[1]
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._is_cut, self._left = True, None
        self._going.set()
        for connection in list(self._connections):
            _shut(connection)

    def cut_after(self, count):
        self._left, self._then = count, self.cut

    def hold_after(self, count):
        self._left, self._then = count, self._going.clear

    def wait_until_held(self):
        until(lambda: not self._going.is_set(), "the gateway has sent as much")

    def go_on(self):
        self._left = None
        self._going.set()

    def mend(self):
        self._is_cut = False

    def close(self):
        self._listener.close()
        self.cut()

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
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with client:
            if self._is_cut:
                return None
            try:
                broker = socket.create_connection(self._target)
            except OSError:
                return None
            with broker:
                self._connections.update((client, broker))
                if self._is_cut:
                    return self.cut()
                back = threading.Thread(target=self._pass_on, args=(broker, client, False), daemon=True)
                back.start()
                self._pass_on(client, broker, True)
                back.join()
                self._connections.difference_update((client, broker))

    def _pass_on(self, source, target, counts):
        try:
            while data := source.recv(16384):
                if counts and self._left is not None:
                    first, data = data[: self._left], data[self._left :]
                    self._left -= len(first)
                    self._send(target, first)
                    if self._left == 0:
                        self._left = None
                        self._then()
                    self._going.wait()
                if data:
                    self._send(target, data)
        except OSError:
            pass
        for end in (source, target):
            _shut(end)

    def _send(self, target, data):
        target.sendall(data)


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
