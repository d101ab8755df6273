"""Many clients at once, each emit numbered, and what the gateway said of every one."""

import http.client
import json
import threading
import time

from .patience import PATIENCE


class Load:
    """Posts `{"event": "load", "data": n}` on keep-alive connections, until it is left.

    `outcomes` maps each number to "routed", "unrouted", "unknown" (504), "failed" (503) or "unanswered".
    """

    def __init__(self, gateway, rooms, clients=8):
        self._gateway = gateway
        self._rooms = rooms
        self._stop = threading.Event()
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self.outcomes = {}
        self.times = {}  # when each was sent and answered
        self.codes = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def numbers(self, outcome):
        return {n for n, o in self.outcomes.items() if o == outcome}

    def wait_for(self, count, outcome="routed", timeout=PATIENCE):
        """Until so many more emits than now ended like this."""
        target = len(self.numbers_so_far(outcome)) + count
        deadline = time.monotonic() + timeout
        while len(self.numbers_so_far(outcome)) < target:
            assert time.monotonic() < deadline, f"{count} more emits should be {outcome}: {self.summary()}"
            time.sleep(0.02)

    def numbers_so_far(self, outcome):
        with self._lock:
            return self.numbers(outcome)

    def summary(self):
        with self._lock:
            found = list(self.outcomes.values())
        return {outcome: found.count(outcome) for outcome in sorted(set(found))}

    def _run(self):
        connection = None
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers)
            connection = connection or http.client.HTTPConnection(*self._gateway.address, timeout=PATIENCE)
            sent = time.monotonic()
            outcome, connection = self._emit(connection, number)
            with self._lock:
                self.outcomes[number] = outcome
                self.times[number] = sent, time.monotonic()
            if outcome in ("failed", "unanswered", "unrouted"):
                time.sleep(0.01)

    def _emit(self, connection, number):
        body = json.dumps({"event": "load", "data": number, "rooms": self._rooms})
        try:
            connection.request("POST", "/v1/emit", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            return "unanswered", None
        if response.headers["Connection"] == "close":
            connection.close()
            connection = None
        if response.status == 200:
            return ("routed" if answer["routed"] else "unrouted"), connection
        with self._lock:
            self.codes.add(answer["code"])
        assert response.status in (503, 504), (response.status, answer)
        return ("unknown" if response.status == 504 else "failed"), connection


def assert_truthful(outcomes, received):
    """Compares, one by one, what the gateway said with what a witness of everything received (a list of numbers)."""
    counts = {}
    for number in received:
        counts[number] = counts.get(number, 0) + 1
    assert [n for n, count in counts.items() if count > 1] == [], "received twice"
    lost = [n for n, outcome in outcomes.items() if outcome == "routed" and n not in counts]
    assert lost == [], "answered routed: true, and not received"
    invented = [n for n, outcome in outcomes.items() if outcome in ("unrouted", "failed") and n in counts]
    assert invented == [], "answered as not delivered, and received"
    assert set(counts) <= set(outcomes), "received, and never emitted"
