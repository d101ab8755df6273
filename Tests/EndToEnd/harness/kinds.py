"""What may be in flight when something breaks: one emit, told to the gateway in each of the ways that there are."""

import json
import tempfile
import threading
import time
import uuid
from pathlib import Path

from .hooks import hook_entry
from .patience import PATIENCE
from .topology import ROOM, amqp0_gateway

HOOK = "emits"


def hooked_gateway(url, exchange, **settings):
    """A gateway for socket.io-amqp0 that takes emits through a hook, too."""
    file = Path(tempfile.mkdtemp(prefix="gateway-")) / "gateway.yaml"
    hook = hook_entry(HOOK, args=["{/data}"], deliveryId="{/id}")
    file.write_text(json.dumps({"hooks": [hook]}))
    return amqp0_gateway(url, exchange, config=file, **settings)


def _emit(gateway, event):
    response = gateway.post(event)
    return response.status, response.json


def _idempotent(gateway, event):
    """Again and again with the same key, while nothing was done."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    for _ in range(100):
        response = gateway.post(event, key)
        if response.status != 503:
            break
        time.sleep(0.05)
    return response.status, response.json


def _batch(gateway, event):
    [result] = gateway.batch([event]).json["results"]
    return result["status"], result.get("problem", result)


def _hook(gateway, event):
    response = gateway.post({**event, "id": uuid.uuid4().hex}, path=f"/v1/hooks/{HOOK}")
    return response.status, response.json


# By name: posts `{"event", "data", "rooms"}`; the status and what was answered, or the problem.
KINDS = {"emit": _emit, "batch": _batch, "idempotent emit": _idempotent, "hook": _hook}


class KindLoad:
    """As `Load`, with emits of any kind, each on a connection of its own."""

    def __init__(self, gateway, kind, clients=6):
        self.outcomes, self.codes = {}, set()
        self._gateway, self._post = gateway, KINDS[kind]
        self._numbers, self._stop, self._lock = iter(range(10**9)), threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def count(self, outcome):
        with self._lock:
            return list(self.outcomes.values()).count(outcome)

    def wait_for(self, count, outcome, timeout=PATIENCE):
        target, deadline = self.count(outcome) + count, time.monotonic() + timeout
        while self.count(outcome) < target:
            assert time.monotonic() < deadline, f"{count} more emits should be {outcome}"
            time.sleep(0.02)

    def _run(self):
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers)
            status, answer = self._post(self._gateway, numbered(number))
            with self._lock:
                if status == 200:
                    self.outcomes[number] = "routed" if answer["routed"] else "unrouted"
                else:
                    assert status in (503, 504), (status, answer)
                    self.codes.add(answer["code"])
                    self.outcomes[number] = "unknown" if status == 504 else "failed"
            if status != 200:
                time.sleep(0.02)


def numbered(number, filler=0):
    """An emit that `Topology.received` finds again."""
    event = {"event": "load", "data": number, "rooms": [ROOM]}
    return {**event, "data": f"{number}".ljust(filler, "x")} if filler else event
