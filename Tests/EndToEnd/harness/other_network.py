"""A network beside this machine's own: what is in it is reached by real packets, and can fall silent as a real host does."""

import ctypes
import itertools
import os
import subprocess
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
NOBODY = "02:00:00:00:00:99"  # no interface has this address
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


class Unavailable(Exception):
    """There can be no such network here, and why."""


class OtherNetwork:
    """A network namespace, at the other end of a pair of interfaces.

    Hosts are numbers of a subnet whose first one is this machine: those in `alive` are in the namespace; packets to all others in
    `dead` leave this machine, and nobody ever answers.
    """

    def __init__(self, alive=(), dead=()):
        # Of 198.18.0.0/15, which belongs to nobody: it is there for tests of networks (RFC 2544).
        number = os.getpid() + next(_numbers)
        self._subnet = f"198.{18 + number // 256 % 2}.{number % 256}"
        self._alive, self._dead = [self.address(host) for host in alive], [self.address(host) for host in dead]
        self._name = f"gateway-{os.getpid()}-{number}"
        self._interface = f"gw{number}"
        self._mac = {}

    def address(self, host):
        return f"{self._subnet}.{host}"

    def __enter__(self):
        try:
            _ip("netns", "add", self._name)
            _ip("link", "add", self._interface, "type", "veth", "peer", "name", "eth0", "netns", self._name)
            self._address("", self._interface, [self.address(1)])
            self._address(self._name, "eth0", self._alive)
            _ip("-netns", self._name, "link", "set", "lo", "up")
            for place, interface in (("", self._interface), (self._name, "eth0")):
                self._mac[interface] = _ip(*_in(place), "-brief", "link", "show", interface).split()[2]
            for host in self._dead:
                self._neighbour("", self._interface, host, self._mac["eth0"])
        except (Unavailable, FileNotFoundError) as error:
            self.__exit__()
            raise Unavailable(f"no network of its own can be made here: {error}") from None
        return self

    def __exit__(self, *_):
        # The pair of interfaces goes with it.
        for words in (("link", "delete", self._interface), ("netns", "delete", self._name)):
            try:
                _ip(*words)
            except (Unavailable, FileNotFoundError):
                pass

    @contextmanager
    def inside(self):
        """Processes that this thread starts meanwhile are in the other network, and so are the sockets that it opens."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        other = os.open(f"/run/netns/{self._name}", os.O_RDONLY)
        try:
            _enter(other)
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(own)
            os.close(other)

    def swallow(self):
        """From now on nothing arrives, neither here nor there, and nobody is told: the interfaces are up, and packets go to an
        interface that there is not."""
        for host in self._alive:
            self._neighbour("", self._interface, host, NOBODY)
        self._neighbour(self._name, "eth0", self.address(1), NOBODY)

    def mend(self):
        for host in self._alive:
            self._neighbour("", self._interface, host, self._mac["eth0"])
        self._neighbour(self._name, "eth0", self.address(1), self._mac[self._interface])

    def _address(self, place, interface, addresses):
        for address in addresses:
            _ip(*_in(place), "address", "add", f"{address}/24", "dev", interface)
        _ip(*_in(place), "link", "set", interface, "up")

    def _neighbour(self, place, interface, address, mac):
        _ip(*_in(place), "neighbour", "replace", address, "lladdr", mac, "dev", interface, "nud", "permanent")


def _in(place):
    return ("-netns", place) if place else ()


def _ip(*words):
    result = subprocess.run(["ip", *words], capture_output=True, text=True)
    if result.returncode != 0:
        raise Unavailable(f"ip {' '.join(words)}: {result.stderr.strip()}")
    return result.stdout


def _enter(namespace):
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise Unavailable(os.strerror(ctypes.get_errno()))
