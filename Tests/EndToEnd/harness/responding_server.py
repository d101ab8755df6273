"""A real python-socketio server with the responder beside it, and clients that answer: those of the responder's own tests."""

import importlib.util
import os
import signal
import sys

from .rabbitmq import REPOSITORY, stop_process
from .subscription import wait_for_subscription

_directory = REPOSITORY / "adapters" / "python" / "tests" / "harness"
_spec = importlib.util.spec_from_file_location(
    "responder_harness", _directory / "__init__.py", submodule_search_locations=[str(_directory)]
)
_package = importlib.util.module_from_spec(_spec)
sys.modules["responder_harness"] = _package
_spec.loader.exec_module(_package)

AnsweringClient = _package.Client
FakeGateway = _package.FakeGateway
say_goodbye = _package.say_goodbye


class RespondingServer(_package.Server):  # type: ignore[name-defined]
    """In a process of its own, which can be paused and killed. See the base class, and the program that it runs."""

    def __init__(self, amqp_url, manager, exchange, channel="socketio", *args, **keywords):
        super().__init__(amqp_url, manager, exchange, channel, *args, **keywords)
        self._channel = (amqp_url, channel)
        self._hears_its_channel = False

    def client(self, *rooms, namespace="/", **options):
        """From the first one's on, the server hears what is emitted."""
        client = super().client(*rooms, namespace=namespace, **options)
        if not self._hears_its_channel:
            wait_for_subscription(*self._channel, namespace, client)
            self._hears_its_channel = True
        return client

    def pause(self):
        """From here on it answers nobody; what comes waits in its queues."""
        stop_process(self._process.pid)

    def resume(self):
        os.kill(self._process.pid, signal.SIGCONT)
