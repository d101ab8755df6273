"""The Debian package: made, looked at, installed, upgraded and purged in fresh Debians."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import REPOSITORY, binary, create_key, die_with_parent, run_command
from harness.patience import PATIENCE

pytestmark = pytest.mark.slow  # a Debian is installed

# What apt knows in a Debian.
SOURCES = """\
deb http://deb.debian.org/debian {0} main
deb http://deb.debian.org/debian {0}-updates main
deb http://deb.debian.org/debian-security {0}-security main
"""
CONFIGURATION = "etc/socketio-gateway/gateway.yaml"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    made = subprocess.run([REPOSITORY / "scripts/deb.sh", binary(), folder], capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stdout + made.stderr
    return Path(made.stdout.strip().splitlines()[-1])


def field(package, name):
    return subprocess.check_output(["dpkg-deb", "--field", package, name], text=True).strip()


def test_lintian_finds_nothing(package):
    assert shutil.which("lintian"), "run scripts/setup.sh container"
    run = subprocess.run(["lintian", "--fail-on=error,warning", package], capture_output=True, text=True, timeout=600)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr


def test_it_wants_the_libraries_of_the_dockerfile(package):
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    depends = field(package, "Depends")
    for library in ("libmicrohttpd12", "librabbitmq4", "libjansson4", "libyaml-0-2", "libssl3"):
        assert library in dockerfile and re.search(rf"(^|, ){library}\b", depends), depends
    (minimum,) = re.findall(r" ge (\S+);", dockerfile)
    assert f"librabbitmq4 (>= {minimum})" in depends
    # Packed relocations, which older ones refuse.
    assert "libc6 (>= 2.36)" in depends
    assert field(package, "Version") == run_command("--version")[1].strip()


def test_it_is_made_twice_the_same(package, tmp_path):
    subprocess.run([REPOSITORY / "scripts/deb.sh", binary(), tmp_path], check=True, capture_output=True, timeout=600)
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


@pytest.fixture(scope="module")
def newer(package, tmp_path_factory):
    """The same with a higher version, and another configuration file."""
    folder = tmp_path_factory.mktemp("newer")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "tree"], check=True)
    control = (folder / "tree/DEBIAN/control").read_text()
    (folder / "tree/DEBIAN/control").write_text(re.sub(r"^Version: .*$", "Version: 99.0.0", control, flags=re.MULTILINE))
    file = folder / "tree" / CONFIGURATION
    file.write_text(file.read_text() + "# new\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder / "tree", folder / "newer.deb"], check=True, capture_output=True)
    return folder / "newer.deb"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def root(request, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    root = tmp_path_factory.mktemp("debian") / "root"
    made = subprocess.run(["debootstrap", "--variant=minbase", request.param, root], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:]
    (root / "etc/apt/sources.list").write_text(SOURCES.format(request.param))
    yield root
    shutil.rmtree(root, ignore_errors=True)


def entering(root, *words):
    """The command, run inside with a /proc, where Swift finds a program's arguments."""
    isolate = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc"]
    return [*isolate, "/usr/sbin/chroot", root, *words]


def inside(root, script):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
    run = subprocess.run(
        entering(root, "/bin/sh", "-ec", script), env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return run.stdout + run.stderr


def install(root, package):
    shutil.copy(package, root / "tmp/package.deb")
    (root / "tmp/package.deb").chmod(0o644)
    return inside(root, "apt-get -q update >/dev/null; apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install /tmp/package.deb")


def serve(root, is_last):
    """The unit's command, as a user without rights; what it has logged until a line for which `is_last` holds."""
    unit = (root / "lib/systemd/system/socketio-gateway.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
    enter = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=KILL"]
    environment = {"PATH": "/usr/bin:/bin", "GATEWAY_LOG_FORMAT": "json", "GATEWAY_HTTP_ADDRESS": "127.0.0.1:0"}
    process = subprocess.Popen(entering(root, *enter, *command), env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    lines = []
    try:
        for line in process.stderr:
            lines.append(json.loads(line))
            if is_last(lines[-1]):
                break
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
    return lines


def test_it_is_installed_upgraded_and_purged(root, package, newer):
    said = install(root, package)
    assert "systemctl enable --now socketio-gateway" in said
    # Neither started nor enabled.
    # The link would lead nowhere from out here, and a name that `glob` only looks up must lead somewhere.
    assert "socketio-gateway.service" not in [link.name for link in root.glob("etc/systemd/system/*.wants/*")]
    assert (root / "etc/socketio-gateway/secrets").stat().st_mode & 0o777 == 0o700
    assert inside(root, "socketio-gateway --version").strip() == field(package, "Version")
    assert "valid" in inside(root, f"socketio-gateway config check --config /{CONFIGURATION}")

    # As it comes it is nobody's, and says with which key it can be called.
    lines = serve(root, lambda line: "curl" in line)
    assert "Bearer sgw_" in lines[-1].get("curl", ""), lines

    # What an administrator has written outlives an upgrade.
    (root / CONFIGURATION).write_text("keys:\n" + create_key("mine", "emit").entry + create_key("other", "emit").entry)
    (root / "etc/socketio-gateway/secrets/amqp-url").write_text("amqp://127.0.0.1/")
    assert "systemctl enable" not in install(root, newer)
    assert inside(root, "dpkg-query -W -f '${Version}' socketio-gateway") == "99.0.0"
    assert "name: mine" in (root / CONFIGURATION).read_text()
    assert (root / "etc/socketio-gateway/secrets/amqp-url").exists()
    assert serve(root, lambda line: line["message"] == "listening")[-1]["keys"] == "2"

    inside(root, "dpkg --remove socketio-gateway")
    assert (root / CONFIGURATION).exists() and not (root / "usr/bin/socketio-gateway").exists()
    inside(root, "dpkg --purge socketio-gateway")
    left = inside(root, "find / -xdev -path /proc -prune -o -path /var/cache/apt -prune -o -name '*socketio-gateway*' -print")
    assert left.split() == []
    assert "socketio-gateway" not in inside(root, "dpkg -l")
