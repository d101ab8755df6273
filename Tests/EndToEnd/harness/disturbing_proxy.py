"""Between the gateway and its broker: a way that stalls, is half-closed, and turns bits over."""

import random
import socket
import struct
import threading
import time

from .cutting_proxy import CuttingProxy
from .patience import until

OUT, BACK = "out", "back"  # to the broker, to the gateway
PROTOCOL_HEADER = 8
HEAD = 7  # of a frame: type, channel, size
TYPE = 0  # where it stands
METHOD = 1


class DisturbingProxy(CuttingProxy):
    """As `CuttingProxy`; each of its disturbances is of one direction.

    Only bits that AMQP itself can find wrong are turned over: in the type, the size and the end of a frame, and in the numbers of a method. What turns a
    bit of a payload or of a delivery tag over, behind TCP's own checksums, neither the gateway nor any other client of AMQP 0-9-1 can see.
    """

    def __init__(self, url, seed=1):
        self._dice = random.Random(seed)
        self._flowing = {OUT: threading.Event(), BACK: threading.Event()}
        self._flips = {OUT: [], BACK: []}
        self.flipped = 0  # so many bits were turned over
        self._ways = []
        self._passed = time.monotonic()
        for event in self._flowing.values():
            event.set()
        super().__init__(url)

    def stall(self, direction):
        """Nothing is passed on until `flow`; the sender's bytes are taken until the kernel's buffers are full."""
        self._flowing[direction].clear()

    def flow(self, direction):
        self._flowing[direction].set()

    def wait_until_quiet(self, seconds=0.3):
        """Returns when nothing has been passed on for so long."""
        until(lambda: time.monotonic() - self._passed > seconds, "the proxy has nothing to do")

    def half_close(self, direction):
        """The receivers see the end of what comes, while what they send is passed on."""
        for way in list(self._ways):
            if way.direction == direction:
                way.end()

    def flip(self, direction, after=0, octets=None):
        """Turns a bit of the next frame over, or of the one that comes `after` so many; in one of these octets, if some are given."""
        self._flips[direction].append((after, octets))

    def close(self):
        for direction in self._flowing:
            self.flow(direction)
        super().close()

    def _pass_on(self, source, target, counts):
        way = _Way(OUT if counts else BACK, target)
        self._ways.append(way)
        try:
            super()._pass_on(source, target, counts)
        finally:
            self._ways.remove(way)

    def _send(self, target, data):
        way = next(way for way in self._ways if way.target is target)
        self._flowing[way.direction].wait()
        for place, is_method in way.frames(data):
            flips = self._flips[way.direction]
            if flips and place >= 0 and place + HEAD + 4 <= len(data):
                after, octets = flips.pop(0)
                if after > 0:
                    flips.insert(0, (after - 1, octets))
                else:
                    data = self._turned_over(data, place, octets or _octets(data, place, is_method))
        self._passed = time.monotonic()
        if not way.is_ended:
            super()._send(target, data)

    def _turned_over(self, data, place, octets):
        self.flipped += 1
        changed = bytearray(data)
        changed[place + self._dice.choice(octets)] ^= 1 << self._dice.randrange(8)
        return bytes(changed)


def _octets(data, place, is_method):
    """Those of the frame at this place, and in this data, that AMQP can find wrong."""
    size = struct.unpack_from(">I", data, place + 3)[0]
    octets = [TYPE, 3, 4, 5, 6]
    if is_method:
        octets += [7, 8, 9, 10]
    if place + HEAD + size < len(data):
        octets.append(HEAD + size)
    return octets


class _Way:
    """One direction of one connection."""

    def __init__(self, direction, target):
        self.direction, self.target, self.is_ended = direction, target, False
        self._position = -PROTOCOL_HEADER if direction == OUT else 0  # of the next octet, in its frame
        self._head = b""
        self._length = 0

    def end(self):
        self.is_ended = True
        try:
            self.target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def frames(self, data):
        """Where frames begin in this data (a frame whose head is whole in it), and whether they are methods."""
        found, place = [], 0
        if self._position < 0:
            place = min(-self._position, len(data))
            self._position += place
        while place < len(data):
            if self._length == 0:
                missing = HEAD - len(self._head)
                begins = place - len(self._head)
                self._head += data[place : place + missing]
                place += missing
                if len(self._head) < HEAD:
                    break
                kind, _, size = struct.unpack(">BHI", self._head)
                self._head, self._length = b"", size + 1
                found.append((begins, kind == METHOD))
            taken = min(self._length, len(data) - place)
            self._length -= taken
            place += taken
        return found
