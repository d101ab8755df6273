"""Refusals of long bodies, seen by the HTTP clients that other languages bring."""

import subprocess
from pathlib import Path

import pytest

from harness import Gateway

HERE = Path(__file__).parent
SIZES = [200_000, 2_000_000, 16_000_000]


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, api_key="k" * 32) as gateway:
        yield gateway


def statuses(gateway, command, size, framing, path="/v1/emit"):
    url = f"http://{gateway.address[0]}:{gateway.address[1]}{path}"
    run = subprocess.run([*command, url, str(size), framing], capture_output=True, text=True, timeout=120, cwd=HERE)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.split()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["announced", "chunked"])
def test_node_sees_them(gateway, framing, size):
    assert statuses(gateway, ["node", "refused.mjs"], size, framing) == ["401", "401"]
    assert statuses(gateway, ["node", "refused.mjs"], size, framing, "/v1/nothing") == ["404", "404"]


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    program = tmp_path_factory.mktemp("go") / "refused"
    environment = {"HOME": str(program.parent), "PATH": "/usr/local/bin:/usr/bin:/bin", "GO111MODULE": "off"}
    subprocess.run(["go", "build", "-o", program, HERE / "refused.go"], check=True, env=environment, timeout=300)
    return [program]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["announced", "chunked"])
def test_go_sees_them(gateway, go, framing, size):
    for _ in range(5):
        assert statuses(gateway, go, size, framing) == ["401"]


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    classes = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-d", classes, HERE / "Refused.java"], check=True, timeout=300)
    return ["java", "-cp", classes, "Refused"]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["announced", "chunked"])
def test_java_sees_them(gateway, java, framing, size):
    assert statuses(gateway, java, size, framing) == ["401"]
