"""The Dockerfile's run-time stage, without a container engine: its packages in a fresh Debian, its user, as PID 1."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness import REPOSITORY, Witness, binary, die_with_parent
from harness.patience import PATIENCE, end_of_patience
from harness.proxies import free_port

pytestmark = pytest.mark.slow  # a Debian is installed

KEY = "only-for-this-test"
# What apt knows in the image debian:bookworm-slim.
SOURCES = """\
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
"""


def runtime_stage():
    return (REPOSITORY / "Dockerfile").read_text().rpartition("\nFROM ")[2]


def run_instruction():
    """The text of the stage's RUN."""
    return re.search(r"^RUN ((?:.*\\\n)*.*)$", runtime_stage(), re.MULTILINE).group(1)


def run_inside(root, script):
    command = ["/usr/sbin/chroot", root, "/bin/sh", "-ec", script]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def words_after(instruction):
    return re.search(rf"^{instruction} (.*)$", runtime_stage(), re.MULTILINE).group(1).split()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    assert runtime_stage().startswith("debian:bookworm"), "the tree below is a bookworm"
    root = tmp_path_factory.mktemp("container") / "root"
    command = ["debootstrap", "--variant=minbase", "bookworm", root]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:]
    (root / "etc/apt/sources.list").write_text(SOURCES)
    installed = run_inside(root, run_instruction())
    assert installed.returncode == 0, installed.stdout[-2000:] + installed.stderr[-2000:]
    subprocess.run(["strip", "-o", root / "usr/local/bin/socketio-gateway", binary()], check=True)
    yield root
    shutil.rmtree(root, ignore_errors=True)


class Container:
    """The entry point and command of the image, as its user, in process and mount namespaces of its own."""

    def __init__(self, root, command, **environment):
        image = dict(word.split("=", 1) for word in words_after("ENV"))
        self._environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **image, **environment}
        entry_point = json.loads(" ".join(words_after("ENTRYPOINT")))
        isolate = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc"]
        user, group = words_after("USER")[0].split(":")
        # A change of user makes the kernel forget who is to be killed with whom, so setpriv says it again.
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--pdeathsig=KILL"]
        enter = ["/usr/sbin/chroot", root, *become]
        self.process = subprocess.Popen(
            [*isolate, *enter, *entry_point, *command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )

    def health(self):
        """The exit code of the image's HEALTHCHECK, run inside as an engine does."""
        command = json.loads(re.search(r"^HEALTHCHECK .* CMD (.*)$", runtime_stage(), re.MULTILINE).group(1))
        enter = ["/usr/bin/nsenter", f"--target={self.pid()}", "--pid", "--mount", "--root", "--wd=/"]
        run = subprocess.run([*enter, *command], env=self._environment, stderr=subprocess.DEVNULL, timeout=10)
        return run.returncode

    def pid(self):
        """The gateway's process, seen from outside."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int((file.read().split() or [self.process.pid])[0])


@pytest.fixture
def container(root, broker):
    default = json.loads(" ".join(words_after("CMD")))
    container = Container(
        root,
        default,
        GATEWAY_HTTP_ADDRESS=f"127.0.0.1:{free_port()}",
        GATEWAY_AMQP_URL=broker.url,
        GATEWAY_WIRE_FORMAT="python-socketio",
        GATEWAY_PYTHON_SOCKETIO_EXCHANGE="test.container",
        GATEWAY_API_KEY=KEY,
    )
    deadline = end_of_patience()
    while container.health() != 0:
        assert time.monotonic() < deadline and container.process.poll() is None, "not healthy in time"
        time.sleep(0.1)
    yield container
    container.process.kill()
    container.process.communicate(timeout=10)


def test_it_serves_as_nobody_and_as_the_first_process(container, broker):
    address = container._environment["GATEWAY_HTTP_ADDRESS"]
    with open(f"/proc/{container.pid()}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["NSpid"].split()[-1] == "1"
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65534"}

    assert container.health() == 0
    with Witness(broker.url, "test.container", "fanout") as witness:
        deadline = end_of_patience()
        while True:
            connection = http.client.HTTPConnection(address, timeout=PATIENCE)
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
            connection.request("POST", "/v1/emit", '{"event": "hello"}', headers)
            response = connection.getresponse()
            if response.status != 503 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert response.status == 200 and json.loads(response.read())["status"] == "confirmed"
        assert witness.take(1)[0].json["event"] == "hello"


@pytest.mark.parametrize("file", ["Dockerfile", "demo/Dockerfile"])
def test_the_users_are_numbers(file):
    """Kubernetes' `runAsNonRoot` refuses an image whose user is a name."""
    assert re.findall(r"^USER (.*)$", (REPOSITORY / file).read_text(), re.MULTILINE) == ["65534:65534"]


def test_an_old_librabbitmq_is_refused(root):
    check = re.search(r"if ! dpkg .*?\bfi\b", run_instruction(), re.DOTALL).group(0)
    (minimum,) = re.findall(r" ge (\S+);", check)
    assert minimum == "0.11.0-1+deb12u3"
    newer = run_inside(root, check.replace(minimum, "0.11.0-1+deb12u99"))
    assert (newer.returncode, newer.stderr) == (1, "librabbitmq4 is too old\n")
    assert run_inside(root, check).returncode == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal_although_it_is_the_first_process(container, how):
    assert words_after("STOPSIGNAL") == ["SIGTERM"]
    os.kill(container.pid(), how)
    assert container.process.wait(10) == 0


def test_without_a_key_it_is_open_to_nobody(root, broker):
    container = Container(root, ["serve"], GATEWAY_AMQP_URL=broker.url)
    try:
        line = json.loads(next(line for line in container.process.stderr if '"curl"' in line))
        assert "Bearer sgw_" in line["curl"]
    finally:
        container.process.kill()
        container.process.communicate(timeout=10)
