"""deploy/systemd: what the gateway says to systemd, and what systemd says of the unit."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
import yaml

from harness import REPOSITORY, Gateway, binary, run_command
from harness.patience import PATIENCE

UNIT = "socketio-gateway.service"


@pytest.fixture(params=["in a file", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """A socket that hears what systemd would."""
    name = f"@socketio-gateway-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(PATIENCE)
        yield manager


def heard(manager):
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def test_systemd_hears_when_it_serves_reloads_and_ends(broker, exchange, manager, tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text("log: {level: info}\n")
    gateway = Gateway(broker.url, config=config, python_socketio_exchange=exchange).launch()
    try:
        ready = heard(manager)
        assert ready["READY"] == "1"
        host, port = ready["STATUS"].removeprefix("listening on ").rsplit(":", 1)
        gateway.address = (host, int(port))
        assert gateway.get("/livez").status == 200
        for text, status in [("log: {level: debug}\n", "reloaded"), ("log: {level: loud}\n", "not valid")]:
            config.write_text(text)
            gateway.signal(signal.SIGHUP)
            reloading = heard(manager)
            assert reloading["RELOADING"] == "1" and reloading["MONOTONIC_USEC"].isdigit()
            again = heard(manager)
            assert again["READY"] == "1" and status in again["STATUS"]
        gateway.stop()
        assert heard(manager)["STOPPING"] == "1"
    finally:
        gateway.kill()


def test_who_is_not_listened_to_says_nothing(broker, exchange, monkeypatch):
    for name in ("", "relative", "@" + "x" * 200, "/nobody/is/there"):
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
            assert gateway.get("/livez").status == 200


def test_a_manager_that_does_not_read_holds_up_nothing_for_long(broker, exchange, manager):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        manager.setblocking(False)
        # The kernel keeps no more than some ten datagrams for it.
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as other, contextlib.suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"full", manager.getsockname())
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("configuration reloaded")
        gateway.stop()


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What `make install PREFIX=/opt/gateway` installs, below a folder."""
    tree = tmp_path_factory.mktemp("install")
    subprocess.run([REPOSITORY / "scripts/install.sh", binary(), "/opt/gateway", tree], check=True, timeout=60)
    return tree / "opt/gateway"


def test_all_is_below_the_prefix(tree):
    found = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert found == {
        "bin/socketio-gateway",
        "etc/socketio-gateway/gateway.yaml",
        f"lib/systemd/system/{UNIT}",
        "share/bash-completion/completions/socketio-gateway",
        "share/fish/vendor_completions.d/socketio-gateway.fish",
        "share/man/man1/socketio-gateway.1.gz",
        "share/zsh/site-functions/_socketio-gateway",
    }
    assert [path.name for path in tree.parent.parent.iterdir()] == ["opt"]
    assert (tree / "etc/socketio-gateway/secrets").stat().st_mode & 0o777 == 0o700
    unit = (tree / "lib/systemd/system" / UNIT).read_text()
    assert "@" not in re.sub(r"@\w[\w-]* ?|~@.*|SystemCallFilter=.*", "", unit)
    assert "ExecStart=/opt/gateway/bin/socketio-gateway serve --config /opt/gateway/etc/" in unit


def test_a_configuration_that_is_there_stays(tree):
    file = tree / "etc/socketio-gateway/gateway.yaml"
    before = file.read_text()
    file.write_text("wireFormat: cluster\n")
    try:
        subprocess.run([REPOSITORY / "scripts/install.sh", binary(), "/opt/gateway", tree.parent.parent], check=True, timeout=60)
        assert file.read_text() == "wireFormat: cluster\n"
    finally:
        file.write_text(before)


def test_the_configuration_sets_nothing_and_is_valid_with_every_line_taken_in(tree, tmp_path):
    text = (tree / "etc/socketio-gateway/gateway.yaml").read_text()
    assert yaml.safe_load(text) is None
    status, output, complaint = run_command("config", "check", "--config", tree / "etc/socketio-gateway/gateway.yaml")
    assert (status, complaint) == (0, "") and "without a key, serve makes one" in output

    # Every setting has its line, and its default is that of the program.
    settings = text.partition("\n# Secrets, as the service")[0]
    taken = yaml.safe_load(re.sub(r"^( *)#([a-zA-Z])", r"\1\2", settings, flags=re.MULTILINE))
    printed = yaml.safe_load(run_command("config", "print")[1])
    assert taken.pop("loops") is None and printed.pop("loops")
    for place, name in [(taken, "apiKeyFile"), (taken["amqp"], "urlFile")]:
        assert place.pop(name) == ""
    assert (taken.pop("apiKey"), taken.pop("keys"), taken.pop("hooks"), taken.pop("cloudEvents")) == ("", [], [], {})
    taken["amqp"]["url"] = taken["amqp"]["url"].replace("guest@", "***@", 1)
    assert taken == printed


def analyze(*words):
    assert shutil.which("systemd-analyze"), "run scripts/setup.sh container"
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60)


def test_systemd_finds_no_mistake_in_the_unit(tree, tmp_path):
    unit = (tree / "lib/systemd/system" / UNIT).read_text()
    # The program and the manual's page are not on this machine.
    unit = unit.replace("/opt/gateway/bin", str(tree / "bin")).replace("Documentation=man:socketio-gateway(1)\n", "")
    (tmp_path / UNIT).write_text(unit)
    run = analyze("verify", tmp_path / UNIT)
    about = [line for line in (run.stdout + run.stderr).splitlines() if "socketio-gateway" in line]
    assert (run.returncode, about) == (0, []), run.stderr
    (tmp_path / UNIT).write_text(unit.replace("RestartSec", "RestartSecs"))
    assert "RestartSecs" in analyze("verify", tmp_path / UNIT).stderr


def test_the_service_is_exposed_to_little(tree):
    run = analyze("security", "--offline=true", "--threshold=15", "--json=short", tree / "lib/systemd/system" / UNIT)
    assert run.returncode == 0, [each for each in json.loads(run.stdout) if each.get("exposure")]


def test_there_is_time_for_the_shutdown(tree):
    unit = (tree / "lib/systemd/system" / UNIT).read_text()
    shutdown = yaml.safe_load(run_command("config", "print")[1])["shutdown"]
    needed = sum(float(shutdown[name].rstrip("s")) for name in ("delay", "timeout")) + 2
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1]) > needed


def test_the_manual_has_every_command_and_option(tree):
    words = ["man", "-l", "--warnings", tree / "share/man/man1/socketio-gateway.1.gz"]
    environment = {"PATH": os.environ["PATH"], "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}
    page = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert (page.returncode, page.stderr) == (0, "")
    for words in (["serve"], ["emit"], ["config", "check"], ["keys", "create"], ["hooks", "test"], ["healthcheck"]):
        options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", run_command(*words, "--help")[1], re.MULTILINE)
        assert options and " ".join(words) in page.stdout
        assert [option for option in options if option not in page.stdout] == []
