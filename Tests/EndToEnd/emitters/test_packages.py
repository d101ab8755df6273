"""What is published to the registries of the languages: built, checked as they check it, and used from there."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest

from harness import REPOSITORY, VERSION

pytestmark = pytest.mark.slow
EMITTERS = REPOSITORY / "emitters"
TOOLS = REPOSITORY / ".cache" / "packaging" / "bin"
FOLDERS = [*(REPOSITORY / "adapters" / name for name in ("node", "python")), *(EMITTERS / name for name in ("go", "node", "php", "python", "ruby"))]
# What is in the package of Python beside its modules, and what must be there when it is installed.
PYTHON = {"adapters/python": "socketio_gateway_responder", "emitters/python": "socketio_gateway_emitter"}
NODE = {"adapters/node": ["socketio-gateway/attach-gateway"], "emitters/node": ["socketio-gateway-emitter"]}


def run(*command, cwd, **environment):
    """Its standard output; a warning is a failure."""
    result = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
    said = result.stdout + result.stderr
    assert result.returncode == 0 and not re.search(r"\bwarn(ing)?\b", said, re.IGNORECASE), said
    return result.stdout


@pytest.fixture
def copied(tmp_path):
    """A copy of a folder: what is built leaves its traces."""

    def copied(folder):
        built = shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", "node_modules")
        return shutil.copytree(REPOSITORY / folder, tmp_path / "copy", ignore=built)

    return copied


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(REPOSITORY)))
def test_each_has_the_licence(folder):
    assert (folder / "LICENSE").read_text() == (REPOSITORY / "LICENSE").read_text()


@pytest.mark.parametrize("folder, module", PYTHON.items(), ids=PYTHON)
def test_python(copied, tmp_path, folder, module):
    copy, dist = copied(folder), tmp_path / "dist"
    command = [TOOLS / "python", "-W", "error", "-m", "build", "--no-isolation", "--outdir", dist, copy]
    run(*command, cwd=tmp_path, PYTHONDONTWRITEBYTECODE="")  # with it, it warns
    files = sorted(dist.iterdir())
    assert [file.suffix for file in files] == [".whl", ".gz"] and all(f"-{VERSION}" in file.name for file in files)
    run(TOOLS / "twine", "check", "--strict", *files, cwd=tmp_path)
    names = zipfile.ZipFile(files[0]).namelist()
    sources = {str(file.relative_to(copy)) for file in (copy / module).rglob("*.py")} | {f"{module}/py.typed"}
    assert sources <= set(names) and any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {module, f"{module}-{VERSION}.dist-info"}
    if module == "socketio_gateway_emitter":  # which needs nothing
        venv.create(tmp_path / "venv", with_pip=False)
        with zipfile.ZipFile(files[0]) as wheel:
            wheel.extractall(tmp_path / "installed")
        line = f"import sys; sys.path.insert(0, 'installed'); import {module}; print({module}.VERSION)"
        assert run(tmp_path / "venv" / "bin" / "python", "-I", "-W", "error", "-c", line, cwd=tmp_path) == f"{VERSION}\n"


@pytest.mark.parametrize("folder, imports", NODE.items(), ids=NODE)
def test_node(copied, tmp_path, folder, imports):
    copy = copied(folder)
    manifest = json.loads((copy / "package.json").read_text())
    run("npm", "pack", "--dry-run", "--offline", cwd=copy)
    run("npm", "pack", "--offline", "--silent", "--pack-destination", tmp_path, cwd=copy)
    place = tmp_path / "node_modules" / manifest["name"]
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as package:
        package.extractall(tmp_path, filter="data") if sys.version_info >= (3, 12) else package.extractall(tmp_path)
    place.parent.mkdir()
    (tmp_path / "package").rename(place)
    for entry in manifest["exports"].values():
        for file in entry.values() if isinstance(entry, dict) else [entry]:
            assert (place / file).is_file()
    assert (place / "LICENSE").is_file() and not (place / "test").exists()
    for name in imports:
        run("node", "--input-type=module", "-e", f'await import("{name}")', cwd=tmp_path)


def test_php():
    manifest = json.loads((EMITTERS / "php" / "composer.json").read_text())
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*", manifest["name"])
    assert "version" not in manifest  # a tag says it
    for file in manifest["autoload"]["classmap"]:
        run("php", "-l", file, cwd=EMITTERS / "php")


def test_ruby(copied, tmp_path):
    copy = copied("emitters/ruby")
    subprocess.run(["gem", "build", "--output", tmp_path / "built.gem"], cwd=copy, check=True, capture_output=True, timeout=60)
    home = {"GEM_HOME": str(tmp_path / "gems"), "GEM_PATH": str(tmp_path / "gems")}
    run("gem", "install", "--local", "--no-document", tmp_path / "built.gem", cwd=tmp_path, **home)
    assert run("ruby", "-W", "-e", 'require "socketio_gateway"; puts SocketIOGateway::VERSION', cwd=tmp_path, **home) == f"{VERSION}\n"


def test_go():
    settings = {"GOPROXY": "off", "GOTOOLCHAIN": "local"}
    assert run("gofmt", "-l", ".", cwd=EMITTERS / "go") == ""
    assert run("go", "vet", "./...", cwd=EMITTERS / "go", **settings) == ""
    assert run("go", "list", "-m", "all", cwd=EMITTERS / "go", **settings) == "socketio-gateway/emitter\n"
