"""The emitters, each as its own language runs it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cached_property

import pytest

from harness import REPOSITORY, VERSION, die_with_parent

EMITTERS = REPOSITORY / "emitters"
KEY = "key of the emitters"
LIMIT = 60  # seconds, for a program


class Language:
    """How programs of a language are run. Where it compiles, that is done once."""

    def __init__(self, name, program, suffix, **environment):
        self.name = name
        self.folder = EMITTERS / name
        self.forks = name in ("python", "ruby")
        self.takes_client = name == "go"  # for HTTP, of its user's own
        self._program, self._suffix, self._environment = program, suffix, environment

    @cached_property
    def command(self):
        """Of the test program, whose first argument is the scenario."""
        return [part.replace("FOLDER", str(self.folder)) for part in self._program]

    def environment(self, **settings):
        return {**os.environ, **self._environment, **settings}

    def example(self):
        """The first block of code on its page."""
        return re.search(r"^```\w+\n(.*?)^```$", (self.folder / "README.md").read_text(), re.MULTILINE | re.DOTALL)[1]

    def run_example(self, text, directory):
        file = directory / f"example{self._suffix}"
        file.write_text(self._resolved(text, directory))
        return self.run([*self.command[:-1], str(file)], directory)

    def _resolved(self, text, directory):
        """The text, with what its imports need put where they look for it."""
        return text

    def run(self, command, directory):
        run = subprocess.run(command, cwd=directory, env=self.environment(), capture_output=True, text=True, timeout=LIMIT)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


class Node(Language):
    def _resolved(self, text, directory):
        (directory / "node_modules").mkdir()
        (directory / "node_modules" / "socketio-gateway-emitter").symlink_to(self.folder)
        return text


class PHP(Language):
    def _resolved(self, text, directory):
        (directory / "vendor").mkdir()
        (directory / "vendor" / "autoload.php").symlink_to(self.folder / "Gateway.php")
        return text


class Go(Language):
    @cached_property
    def command(self):
        """Compiled where Go keeps what it has compiled: `go run` would give its own status."""
        self._built = tempfile.TemporaryDirectory()
        self.run(["go", "build", "-o", self._built.name + "/program", "./internal/program"], self.folder)
        return [self._built.name + "/program"]

    def run_example(self, text, directory):
        (directory / "main.go").write_text(text)
        replaced = f"require socketio-gateway/emitter v{VERSION}\nreplace socketio-gateway/emitter => {self.folder}\n"
        (directory / "go.mod").write_text(f"module example\ngo 1.19\n{replaced}")
        return self.run(["go", "run", "."], directory)


PYTHON = Language("python", [sys.executable, "FOLDER/tests/program.py"], ".py", PYTHONPATH=str(EMITTERS / "python"))
NODE = Node("node", ["node", "FOLDER/test/program.js"], ".mjs")
PHP_EMITTER = PHP("php", ["php", "FOLDER/tests/program.php"], ".php")
RUBY = Language("ruby", ["ruby", "-W", "-I", "FOLDER/lib", "FOLDER/test/program.rb"], ".rb", LC_ALL="C.UTF-8")
GO = Go("go", [], ".go", GOPROXY="off", GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
OTHERS = [NODE, PHP_EMITTER, RUBY, GO]  # what `make slow` runs


@pytest.fixture(scope="module", params=[PYTHON, *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)], ids=lambda language: language.name)
def language(request):
    return request.param


class Running:
    """A scenario under way."""

    def __init__(self, command, environment):
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip

    def result(self):
        """What the program has printed when it ended."""
        try:
            output, complaint = self._process.communicate(timeout=LIMIT)
        finally:
            self._process.kill()
        assert self._process.returncode == 0 and complaint == "", (self._process.returncode, output, complaint)
        return json.loads(output)


@pytest.fixture
def start(language):
    """`start(url, scenario)`: the language's own program, under way. Times are in seconds."""

    def start(url, scenario, key=KEY, timeout=20.0, retry_for=20.0, authority=None):
        environment = language.environment(URL=url, KEY=key, TIMEOUT=str(timeout), RETRY_FOR=str(retry_for))
        if authority:  # Node has a name of its own for it
            environment |= {"SSL_CERT_FILE": str(authority), "NODE_EXTRA_CA_CERTS": str(authority)}
        return Running([*language.command, scenario], environment)

    return start
