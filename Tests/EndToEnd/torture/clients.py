"""A process of many clients of one gateway: `clients.py ADDRESS-FILE WIRE-FORMAT THREADS FIRST-NUMBER SEED OUTPUT`, until SIGTERM.

ADDRESS-FILE holds `host:port` of the gateway, and is not there while there is none. Every process of a gateway has a port of its own, so
a request that is sent again never reaches another one than the first time: the memory of `Idempotency-Key`s ends with the process.

A line of OUTPUT for each emit: `[number, form, outcome, code, keys, first number of its request, when that was sent, when settled]`.
"""

import http.client
import json
import random
import signal
import sys
import threading
import time
import traceback

from emits import (
    ACCEPTED,
    DELIVERIES,
    FAILED,
    REPEATED,
    ROUTED,
    UNANSWERED,
    UNKNOWN,
    UNREACHED,
    UNROUTED,
    Author,
    outcomes,
)

PATIENCE = 20  # seconds, for an answer
TRIES = 8
IN_FLIGHT = "idempotency_key_in_flight"


class Clients:
    def __init__(self, address_file, wire_format, threads, first, seed, output):
        self._address_file, self._output = address_file, output
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._threads, self._faults = [], []
        for number in range(threads):
            dice = random.Random(seed * 1_000 + number)
            author = Author(wire_format, dice, first + number * 10_000_000)
            self._threads.append(threading.Thread(target=self._run, args=(author, dice)))

    def run(self):
        """Until `stop`. Whether all answers were as they must be."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        return not self._faults

    def stop(self, *_):
        self._stopped.set()

    def _address(self):
        try:
            with open(self._address_file) as file:
                host, port = file.read().split(":")
                return host, int(port)
        except FileNotFoundError:
            return None

    def _run(self, author, dice):
        try:
            self._emit_on(author, dice)
        except Exception as fault:
            traceback.print_exc()
            self._faults.append(fault)
            self._stopped.set()

    def _emit_on(self, author, dice):
        client = None
        while not self._stopped.is_set():
            if client is None or not client.is_usable:
                if (address := self._address()) is None:
                    time.sleep(0.05)
                    continue
                client = _Client(address, dice)
            request, began = author.request(), time.monotonic()
            found = self._settle(client, request, dice)
            self._note(request, found, began, time.monotonic())
            if any(outcome in (FAILED, UNREACHED, UNANSWERED) for outcome, _ in found):
                time.sleep(0.02)

    def _settle(self, client, request, dice):
        """The outcomes of all emits in the request, which is sent again as long as that is safe and of use."""
        is_keyed = "Idempotency-Key" in request.headers
        found = client.post(request, leaves=is_keyed and dice.random() < 0.1)
        is_in_doubt = False
        for _ in range(TRIES):
            again = all(outcome in (UNANSWERED, FAILED) or code == IN_FLIGHT for outcome, code in found)
            if not is_keyed or not again or self._address() != client.address:
                break
            # What nobody waits for may be read, and done, later than what is sent now.
            is_in_doubt |= found[0][0] == UNANSWERED
            time.sleep(0.1)
            found = client.post(request)
        if found[0][1] == IN_FLIGHT:
            is_in_doubt, found = True, [(FAILED, None)] * len(found)
        if is_in_doubt:
            found = [(UNANSWERED, None) if each[0] in (FAILED, UNREACHED) else each for each in found]
        if dice.random() < 0.05:
            self._repeat(client, request, found, is_keyed)
        return found

    def _repeat(self, client, request, found, is_keyed):
        """Once more what is done: a key has the same answer, and a delivery that is known is no other one."""
        silence = (UNANSWERED, UNREACHED)
        if is_keyed and all(outcome in (ROUTED, UNROUTED, UNKNOWN, ACCEPTED) for outcome, _ in found):
            later = client.post(request)
            assert later == found or later[0][0] in silence, (found, later)
        elif request.path in DELIVERIES and found[0][0] in (ROUTED, UNROUTED):
            later = client.post(request)
            assert later[0][0] in (REPEATED, *silence), (found, later)

    def _note(self, request, found, *times):
        first = request.emits[0].number
        lines = [
            json.dumps([emit.number, emit.form, outcome, code, emit.keys, first, *times])
            for emit, (outcome, code) in zip(request.emits, found)
        ]
        with self._lock:
            self._output.write("\n".join(lines) + "\n")


class _Client:
    """A connection that is kept while that goes well."""

    def __init__(self, address, dice):
        self.address, self.is_usable = address, True
        self._dice, self._connection = dice, None

    def post(self, request, leaves=False):
        """The outcomes; with `leaves` it does not wait for the answer."""
        nothing = [(UNREACHED, None)] * len(request.emits)
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
                self._connection.connect()
            nothing = [(UNANSWERED, None)] * len(request.emits)
            self._connection.request("POST", request.path, request.body, request.headers)
            if leaves:
                time.sleep(self._dice.random() * 0.01)
                self._end()
                return nothing
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self._end()
            self.is_usable = False
            return nothing
        if response.headers["Connection"] == "close" or self._dice.random() < 0.01:
            self._end()
        return outcomes(request, response.status, answer)

    def _end(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def main():
    address_file, wire_format, threads, first, seed, path = sys.argv[1:]
    with open(path, "w") as output:
        clients = Clients(address_file, wire_format, int(threads), int(first), int(seed), output)
        signal.signal(signal.SIGTERM, clients.stop)
        sys.exit(0 if clients.run() else 1)


if __name__ == "__main__":
    main()
