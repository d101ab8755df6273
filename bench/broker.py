"""RabbitMQ's management API, as far as the benchmark needs it."""

import base64
import contextlib
import json
import time
import urllib.error
import urllib.request

EXCHANGE = "socket.io"
QUEUE = "bench"
RECORDING = "bench-recording"

AUTHORIZATION = "Basic " + base64.b64encode(b"guest:guest").decode()


class Management:
    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}/api"

    def call(self, method: str, path: str, body=None):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": AUTHORIZATION, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text else None

    def wait(self, timeout: float = 30):
        """Returns when the API answers, which is a little later than AMQP."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self.call("GET", "/overview")
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def declare(self, routing_key: str):
        """The servers' exchange, and a queue that keeps the last ten messages, so that there is somebody to route to."""
        exchange = {"type": "direct", "durable": False, "auto_delete": True}
        self.call("PUT", f"/exchanges/%2F/{EXCHANGE}", exchange)
        self.call("PUT", f"/queues/%2F/{QUEUE}", {"durable": False, "arguments": {"x-max-length": 10}})
        self.call("POST", f"/bindings/%2F/e/{EXCHANGE}/q/{QUEUE}", {"routing_key": routing_key})

    @contextlib.contextmanager
    def recording(self, routing_key: str):
        """A second queue, which keeps everything that comes while this lasts."""
        self.call("PUT", f"/queues/%2F/{RECORDING}", {"durable": False})
        try:
            self.call("POST", f"/bindings/%2F/e/{EXCHANGE}/q/{RECORDING}", {"routing_key": routing_key})
            time.sleep(0.05)
            # What the broker still has to read from a process that has ended is not its successor's.
            while self.recorded(1000):
                time.sleep(0.05)
            yield
        finally:
            self.call("DELETE", f"/queues/%2F/{RECORDING}")

    def recorded(self, most: int) -> list[str]:
        """Removes what the recording holds; the payloads, in order."""
        wanted = {"count": most, "ackmode": "ack_requeue_false", "encoding": "auto"}
        return [message["payload"] for message in self.call("POST", f"/queues/%2F/{RECORDING}/get", wanted)]
