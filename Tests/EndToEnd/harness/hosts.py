"""A name with several addresses, for the gateway alone: it runs with a file of hosts of its own."""

import os
import subprocess

from .gateway import binary


class NoOwnHosts(Exception):
    """No process may have a file of hosts of its own here, and why."""


def gateway_that_knows(name, addresses, folder):
    """A program for SOCKETIO_GATEWAY, made in `folder`. The system must try the addresses in this order."""
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for address in addresses))
    program = folder / "gateway"
    inner = f'mount --bind {hosts} /etc/hosts && exec "$0" "$@"'
    program.write_text(f'#!/bin/sh\nexec unshare --mount sh -c \'{inner}\' "${{PROGRAM:-{binary()}}}" "$@"\n')
    program.chmod(0o755)
    words = ["ahostsv4", name]
    found = subprocess.run([program, *words], env={**os.environ, "PROGRAM": "getent"}, capture_output=True, text=True)
    if found.returncode != 0:
        raise NoOwnHosts(f"no process may have a file of hosts of its own here: {found.stderr.strip()}")
    order = [line.split()[0] for line in found.stdout.splitlines() if "STREAM" in line]
    assert order == addresses
    return program
