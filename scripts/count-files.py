#!/usr/bin/env python3
"""How many files have to be changed to add one thing of each kind, and whether CONTRIBUTING.md's table says the same.

    scripts/count-files.py [--copy FOLDER]

A dummy of each kind (`additions.py`) is added to a copy of the repository, in a commit of its own; then the copy is built, and its gateway
is asked for all of them. The copy stays, so that the next time less is to be built.
"""

import argparse
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from additions import ADDITIONS, Copy

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 15  # seconds, for the gateway to listen


class Wrong(Exception):
    """What was counted or tried is not as it should be."""


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=count-files", "-c", "user.email=count-files@localhost", "-c", "core.hooksPath=/dev/null")
    return subprocess.run(["git", "-C", folder, *identity, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def make_copy(folder: Path):
    """The files of the repository as they are, and no others but what was built. Only those that differ are written."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = git(REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    paths = {path for path in listed if path and (REPOSITORY / path).is_file() and not (REPOSITORY / path).is_symlink()}
    # Git does not know it, and without it newer packages could be fetched.
    if (REPOSITORY / "Package.resolved").exists():
        paths.add("Package.resolved")
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    for path in set(git(folder, "ls-files", "-z").split("\0")) - paths - {""}:
        (folder / path).unlink(missing_ok=True)
    for path in paths:
        original, copied = REPOSITORY / path, folder / path
        if copied.exists() and copied.read_bytes() == original.read_bytes():
            continue
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(original.read_bytes())
        copied.chmod(original.stat().st_mode)
    commit(folder, "The repository")


def commit(folder: Path, message: str):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def table() -> dict[str, int]:
    """What CONTRIBUTING.md says."""
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) \|", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    return {kind: int(count) for kind, count in rows}


def count(folder: Path) -> dict[str, list[str]]:
    """The files that each addition changes."""
    found = {}
    for kind, add in ADDITIONS.items():
        add(Copy(folder))
        commit(folder, f"A new {kind}")
        found[kind] = git(folder, "diff", "--name-only", "HEAD~1").split()
    return found


def build(folder: Path) -> Path:
    subprocess.run(["swift", "build", "--product", "socketio-gateway"], cwd=folder, check=True, stdout=sys.stderr)
    return folder / ".build/debug/socketio-gateway"


def environment(**settings: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return own | {f"GATEWAY_{name.upper()}": value for name, value in settings.items()}


def run(gateway: Path, *words: str, **settings: str) -> str:
    return subprocess.run([gateway, *words], env=environment(**settings), check=True, stdout=subprocess.PIPE, text=True).stdout


def require(holds: bool, what: str):
    if not holds:
        raise Wrong(what)


def try_commands(gateway: Path, folder: Path):
    shown = "\n" + run(gateway, "config", "print", "--dummies", "7", dummy_exchange="x", wire_format="dummy")
    require("\n  dummies: 7  # command line\n" in shown, "the setting is not read")
    require("\ndummy:\n  exchange: x  # environment\n" in shown, "the wire format's setting is not read")
    require("\nwireFormat: dummy  # environment\n" in shown, "the wire format is not taken")
    printed, page = run(gateway, "config", "reference"), (folder / "docs/configuration.md").read_text()
    require(printed == page, "docs/configuration.md is not what `config reference` prints")


HOOKS = """hooks:
  - name: dummies
    scheme: dummy
    secrets: ["a secret of a dummy, and of nobody else"]
    event: dummy
    everyone: true
"""


def try_service(gateway: Path, folder: Path):
    """The broker is not there: what is asked for needs none, and a delivery that is authentic is told so."""
    file = folder / ".git/hooks.yaml"
    file.write_text(HOOKS)
    file.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"http_address": f"127.0.0.1:{port}", "amqp_url": "amqp://127.0.0.1:1", "wire_format": "dummy", "shutdown_delay": "0"}
    process = subprocess.Popen([gateway, "serve", "--config", file], env=environment(**settings), stderr=subprocess.DEVNULL)
    try:
        require('"dummy":true' in get(port, "/v1/dummy"), "the route does not answer")
        metrics = get(port, "/metrics")
        require("\ngateway_dummies_total 0\n" in metrics, "the metric is not told")
        require('wire_format="dummy"' in metrics, "the wire format is not in use")
        require(deliver(port, "another secret") == 401, "the scheme of webhooks does not look at the secret")
        require(deliver(port, "a secret of a dummy, and of nobody else") == 503, "the scheme of webhooks does not know its secret")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)


def deliver(port: int, secret: str) -> int:
    """The status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/v1/hooks/dummies", "{}", {"Content-Type": "application/json", "X-Dummy": secret})
        return connection.getresponse().status
    finally:
        connection.close()


def get(port: int, path: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            require(response.status == 200, f"{path} answers {response.status}: {body}")
            return body
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        finally:
            connection.close()


def main():
    parser = argparse.ArgumentParser(description="Count the files that a new thing of each kind needs.")
    parser.add_argument("--copy", type=Path, default=REPOSITORY / ".build/count-files", help="where the copy is made")
    folder = parser.parse_args().copy.resolve()
    make_copy(folder)
    counted = count(folder)
    for kind, paths in counted.items():
        print(f"{kind}: {len(paths)} files ({', '.join(paths)})", flush=True)
    gateway = build(folder)
    try:
        try_commands(gateway, folder)
        try_service(gateway, folder)
        require(table() == {kind: len(paths) for kind, paths in counted.items()}, f"CONTRIBUTING.md says {table()}")
    except Wrong as error:
        sys.exit(f"count-files: {error}")


if __name__ == "__main__":
    main()
