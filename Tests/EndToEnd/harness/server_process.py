"""A simulated server in a process of its own, which can be stopped and killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from .rabbitmq import die_with_parent, stop_process

PROGRAM = Path(__file__).with_name("server_process_program.py")


class ServerProcess:
    """A `SimulatedServer` with these options, its sockets among them. It comes back by itself when it loses the broker."""

    def __init__(self, url, exchange, **options):
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps({"url": url, "exchange": exchange, **options})],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        line = self._process.stdout.readline()
        assert line, "the server did not start"
        self.uid = json.loads(line)["uid"]

    def pause(self):
        """From here on it answers nobody; what comes waits in its queue."""
        stop_process(self._process.pid)

    def resume(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
