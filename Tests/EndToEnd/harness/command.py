"""The gateway's commands that end by themselves, as a shell sees them."""

import os
import re
import subprocess
from dataclasses import dataclass

from .gateway import binary
from .patience import PATIENCE
from .rabbitmq import die_with_parent


def run_command(*words, cwd=None, stdin="", **settings):
    """(exit status, standard output, standard error). Keyword arguments become the environment, as with `Gateway`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    environment.update({f"GATEWAY_{k.upper()}": str(v) for k, v in settings.items()})
    result = subprocess.run(
        [binary(), *map(str, words)],
        env=environment,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=die_with_parent,
    )
    return result.returncode, result.stdout, result.stderr


@dataclass
class Key:
    key: str
    entry: str  # for the list `keys` of a configuration file

    @property
    def sha256(self):
        return re.search(r"sha256: (\w+)", self.entry)[1]

    @property
    def header(self):
        return {"X-API-Key": self.key}


def create_key(name, *scopes, **options):
    """A key as `keys create` makes it. A list is an option again and again."""
    words = ["--name", name]
    for option, value in {"scope": list(scopes), **options}.items():
        for text in value if isinstance(value, list) else [value]:
            words += [f"--{option}={text}"]
    status, output, complaint = run_command("keys", "create", *words)
    assert (status, complaint) == (0, "")
    key, _, entry = output.partition("\n\n")
    return Key(key, entry)
