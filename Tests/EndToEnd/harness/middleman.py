"""Between a client and the gateway: a proxy for HTTP that loses what it is told to lose."""

import http.client
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass

from .patience import PATIENCE


@dataclass
class Passed:
    """A request that came, and over which connection."""

    connection: int
    path: str
    headers: http.client.HTTPMessage
    body: bytes
    status: int | None = None  # of the gateway's answer, when it is there


class Middleman:
    """Does with each request that comes, one after the other, what `plan` says, and passes on what comes later:

    `pass`: passes it on, and the answer back. `cut`: passes it on, and ends the connection when the gateway has answered.
    `leave`: passes it on, and ends the connection at once. `half`: gives half of the answer. `end`: ends the connection, unsaid, after the
    answer. `silent`: neither passes it on nor answers. `502`: answers by itself, as a proxy whose gateway is gone, after it was passed on.
    `slow`: gives the answer byte by byte. `slow body`: its body alone.
    Bytes: answers with them, and passes nothing on.
    """

    def __init__(self, address, *plan, certificate=None):
        """With the files of a certificate and its key it speaks TLS, as `localhost`."""
        self._target = address
        self._plan = deque(plan)
        self.requests = []
        self._silence = threading.Event()
        self._connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        port = self.address[1]
        self.url = f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"
        self._tls = None
        if certificate:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(*certificate)
        threading.Thread(target=self._accept, daemon=True).start()

    def statuses(self):
        return [request.status for request in self.requests]

    def keys(self):
        return {request.headers["Idempotency-Key"] for request in self.requests}

    def close(self):
        self._silence.set()
        self._listener.close()

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
            self._connections += 1
            threading.Thread(target=self._serve, args=(client, self._connections), daemon=True).start()

    def _serve(self, client, number):
        if self._tls:
            try:
                client = self._tls.wrap_socket(client, server_side=True)
            except OSError:
                return client.close()
        with client, client.makefile("rb") as lines:
            try:
                while line := lines.readline():
                    headers = http.client.parse_headers(lines)
                    body = lines.read(int(headers.get("Content-Length") or 0))
                    request = Passed(number, line.split()[1].decode(), headers, body)
                    self.requests.append(request)
                    if not self._handle(client, request, self._plan.popleft() if self._plan else "pass"):
                        client.shutdown(socket.SHUT_RDWR)
                        return None
            except OSError:
                pass

    def _handle(self, client, request, what):
        """Whether the connection goes on."""
        if what == "silent":
            self._silence.wait()
            return False
        if what == "leave":
            threading.Thread(target=self._asked, args=(request,), daemon=True).start()
            return False
        if isinstance(what, bytes):
            client.sendall(what)
            return True
        answer = self._asked(request)
        if what == "502":
            answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
        elif what == "half":
            answer = answer[: -len(answer) // 4]
        if what in ("slow", "slow body"):
            head = answer.index(b"\r\n\r\n") + 4 if what == "slow body" else 0
            client.sendall(answer[:head])
            for byte in answer[head:]:
                time.sleep(0.1)
                client.sendall(bytes([byte]))
        elif what != "cut":
            client.sendall(answer)
        return what in ("pass", "502")

    def _asked(self, request):
        """The gateway's answer, in bytes."""
        connection = http.client.HTTPConnection(*self._target, timeout=PATIENCE)
        connection.request("POST", request.path, request.body, dict(request.headers.items()))
        response = connection.getresponse()
        body = response.read()
        connection.close()
        request.status = response.status
        head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        return f"HTTP/1.1 {response.status} {response.reason}\r\n{head}\r\n".encode() + body
