"""Completions, in the shells that they are for: what is typed, a Tab, and what the shell then has."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from harness import binary, die_with_parent
from harness.patience import end_of_patience

pytestmark = pytest.mark.timed

FILE = "gateway.yaml"
CASES = {
    "con": "config",
    "config ref": "config reference",
    "serve --http-ad": "serve --http-address",
    "serve --config gat": f"serve --config {FILE}",
    "healthcheck --config gat": f"healthcheck --config {FILE}",
    "hooks test --body gat": f"hooks test --body {FILE}",
    "keys hash --file gat": f"keys hash --file {FILE}",
    "keys create --scope conf": "keys create --scope config:read",
    "serve --log-level deb": "serve --log-level debug",
    "serve --log-format js": "serve --log-format json",
    "serve --cluster-enabled fa": "serve --cluster-enabled false",
    "config check --wire-format py": "config check --wire-format python-socketio",
    "emit --wire-format clu": "emit --wire-format cluster",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the completions of each shell, as people install them, and a file."""
    folder = tmp_path_factory.mktemp("completions")
    (folder / FILE).write_text("")
    for shell in ("bash", "zsh", "fish"):
        words = [binary(), "--generate-completion-script", shell]
        script = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        (folder / f"completions.{shell}").write_text(script)
    return folder


def shell_or_skip(name):
    return shutil.which(name) or pytest.skip(f"{name} is not installed (scripts/setup.sh shells)")


class Terminal:
    """An interactive shell, where the program is a function that shows what it is called with."""

    ENDING = "the-end"

    def __init__(self, words, folder, *lines):
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self._descriptor, other = pty.openpty()
        self._process = subprocess.Popen(
            words, stdin=other, stdout=other, stderr=other, cwd=folder, env=environment, start_new_session=True,
            preexec_fn=die_with_parent,
        )
        os.close(other)
        for line in (*lines, 'socketio-gateway() { printf "<%s>" "$*"; printf "%s%s\\n" the -end; }', "socketio-gateway ready"):
            self._type(line + "\n")
        assert self._read() == "ready"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._descriptor)

    def completed(self, text):
        self._type(f"socketio-gateway {text}\t")
        time.sleep(0.3)  # what is typed behind a Tab could otherwise be taken for an answer to it
        self._type("\n")
        return self._read().strip()

    def _type(self, text):
        os.write(self._descriptor, text.encode())

    def _read(self):
        """The words of the next call."""
        output, deadline = "", end_of_patience()
        while self.ENDING not in output:
            assert select.select([self._descriptor], [], [], max(0, deadline - time.monotonic()))[0], output
            output += os.read(self._descriptor, 4096).decode(errors="replace")
        return re.findall(f"<([^<>]*)>{self.ENDING}", output)[-1]


@pytest.fixture(scope="module")
def bash(folder):
    words = [shell_or_skip("bash"), "--norc", "--noprofile", "-i"]
    with Terminal(words, folder, "bind 'set enable-bracketed-paste off'", "source completions.bash") as terminal:
        yield terminal


@pytest.fixture(scope="module")
def zsh(folder):
    words = [shell_or_skip("zsh"), "-f", "-i"]
    with Terminal(words, folder, "autoload -U compinit; compinit -D -u", "source ./completions.zsh") as terminal:
        yield terminal


@pytest.mark.parametrize("text", CASES)
def test_bash_completes_commands_options_files_and_choices(bash, text):
    assert bash.completed(text) == CASES[text]


@pytest.mark.parametrize("text", CASES)
def test_zsh_completes_commands_options_files_and_choices(zsh, text):
    assert zsh.completed(text) == CASES[text]


@pytest.mark.parametrize("text", CASES)
def test_fish_completes_commands_options_files_and_choices(folder, text):
    program = f"source completions.fish; complete --do-complete 'socketio-gateway {text}'"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    words = [shell_or_skip("fish"), "--no-config", "-c", program]
    output = subprocess.run(words, capture_output=True, text=True, check=True, cwd=folder, env=environment, timeout=20).stdout
    candidates = [line.split("\t")[0] for line in output.splitlines()]
    assert candidates == [CASES[text].split()[-1]]
