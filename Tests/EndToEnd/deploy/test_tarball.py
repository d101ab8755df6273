"""The archive for /usr/local, the list of what the program is made of, and their checksums."""

import json
import re
import subprocess
import tarfile

import pytest

from harness import REPOSITORY, binary, run_command


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([REPOSITORY / "scripts/tarball.sh", binary(), folder], check=True, timeout=120)
    return folder


def test_the_archive_runs_where_it_is_unpacked(dist, tmp_path):
    (archive,) = dist.glob("*.tar.gz")
    _, version, _ = run_command("--version")
    assert archive.name.startswith(f"socketio-gateway-{version.strip()}-linux-")
    with tarfile.open(archive) as tar:
        assert {member.name.partition("/")[0] for member in tar.getmembers()} == {archive.name.removesuffix(".tar.gz")}
        # What an administrator has written is not in its way.
        assert not any("/etc" in member.name for member in tar.getmembers())
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tmp_path], check=True)
    program = tmp_path / archive.name.removesuffix(".tar.gz") / "bin/socketio-gateway"
    assert subprocess.check_output([program, "--version"], text=True) == version


def test_the_checksums_are_those_of_all_files(dist):
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=dist, check=True)
    named = {line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert named == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}


def test_the_list_has_all_that_is_linked_and_loaded(dist):
    (file,) = dist.glob("*.cdx.json")
    found = json.loads(file.read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.5")
    names = {component["name"] for component in found["components"]}
    manifest = (REPOSITORY / "Package.swift").read_text()
    assert set(re.findall(r'url: "https://.*/([\w-]+)\.git"', manifest)) <= names
    properties = [each for component in found["components"] for each in component.get("properties", [])]
    needed = re.findall(r"NEEDED.*\[(.*)\]", subprocess.check_output(["readelf", "-d", binary()], text=True))
    assert sorted(each["value"] for each in properties) == sorted(needed)
    assert all(component["version"] in component["purl"].replace("%2B", "+") for component in found["components"])
    (dependencies,) = found["dependencies"]
    assert set(dependencies["dependsOn"]) == {component["bom-ref"] for component in found["components"]}
