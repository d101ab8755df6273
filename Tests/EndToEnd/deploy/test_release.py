"""All that is shipped, made at once: `make release`."""

import os
import shutil
import subprocess

import pytest

from harness import REPOSITORY, VERSION, binary

PACKAGES = {
    f"socketio_gateway_emitter-{VERSION}-py3-none-any.whl", f"socketio_gateway_emitter-{VERSION}.tar.gz",
    f"socketio_gateway_responder-{VERSION}-py3-none-any.whl", f"socketio_gateway_responder-{VERSION}.tar.gz",
    f"socketio-gateway-{VERSION}.tgz", f"socketio-gateway-emitter-{VERSION}.tgz", f"socketio-gateway-emitter-{VERSION}.gem",
    "SHA256SUMS",
}  # fmt: skip


@pytest.mark.slow
def test_everything_is_there_and_its_checksums_are_right(tmp_path):
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "of-an-earlier-time.deb").touch()
    run = subprocess.run([REPOSITORY / "scripts/release.sh", binary(), dist], capture_output=True, text=True, timeout=600)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    machine = subprocess.check_output(["uname", "-m"], text=True).strip()
    archive = f"socketio-gateway-{VERSION}-linux-{machine}"
    expected = PACKAGES | {f"socketio-gateway_{VERSION}_{architecture}.deb", f"{archive}.tar.gz", f"{archive}.cdx.json"}
    assert {file.name for file in dist.iterdir()} == expected
    assert all(name in run.stdout for name in expected)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=dist, check=True)
    named = {line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert named == expected - {"SHA256SUMS"}


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--shared", REPOSITORY, folder], check=True, capture_output=True)
    for name in ("Makefile", "scripts/version.py", "scripts/release.sh"):  # as they are now
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


def test_nothing_is_built_of_what_is_not_committed(clone):
    (clone / "README.md").write_text("changed\n")
    (clone / "new").touch()
    # Not as a part of the `make` that runs the tests.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    run = subprocess.run(["make", "release"], cwd=clone, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and run.stdout == ""
    assert "README.md: not committed" in run.stderr and "new: not committed" in run.stderr


def test_a_gateway_of_another_version_is_not_shipped(clone, tmp_path):
    other = tmp_path / "gateway"
    other.write_text("#!/bin/sh\necho 0.0.1\n")
    other.chmod(0o755)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/kept").touch()
    run = subprocess.run([clone / "scripts/release.sh", other, tmp_path / "dist"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and "0.0.1, not " in run.stderr
    assert (tmp_path / "dist/kept").exists()
