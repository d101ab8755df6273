"""Between an HTTP client and the gateway: what becomes of the first request, and of those that come after it."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .patience import PATIENCE


class DisturbedRelay:
    """Passes the first request on to the first of `gateways`, the second to the second, and so on; all others to the last. The
    answer to the first is lost on its way back if `loses`. `requests` are the headers of all that came."""

    def __init__(self, *gateways, loses=False):
        self._gateways = gateways
        self._loses = loses
        self._lock = threading.Lock()
        self.requests = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = self._server.server_address

    def _handler(self):
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                relay._pass_on(self)

            def log_message(self, *_):
                pass

        return Handler

    def _pass_on(self, request):
        with self._lock:
            number = len(self.requests)
            self.requests.append(request.headers)
        body = request.rfile.read(int(request.headers["Content-Length"]))
        gateway = self._gateways[min(number, len(self._gateways) - 1)]
        connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
        try:
            connection.request("POST", request.path, body, dict(request.headers.items()))
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        request.close_connection = True
        if self._loses and number == 0:
            return
        request.send_response_only(response.status)
        for name, value in response.headers.items():
            if name.lower() != "connection":
                request.send_header(name, value)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(answer)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
