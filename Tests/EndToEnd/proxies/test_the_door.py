"""A gateway that was started without a key, behind proxies: it is nobody's who does not know the key that it made."""

import re
import subprocess

import pytest

from harness import Caddy, Gateway, HAProxy, Nginx
from harness.questions import until

EMIT = '{"event":"hello"}'
JSON = {"Content-Type": "application/json"}
PROXIES = {
    "nginx's plain line": lambda address: Nginx(address),
    "nginx with kept connections": lambda address: Nginx(address, keepalive=8),
    "nginx that passes Host on": lambda address: Nginx(address, server="proxy_set_header Host $host;"),
    "nginx that says for whom": lambda address: Nginx(address, server="proxy_set_header X-Real-IP $remote_addr;"),
    "HAProxy": lambda address: HAProxy(address),
    "HAProxy that says for whom": lambda address: HAProxy(address, backend="    option forwardfor"),
    "Caddy": lambda address: Caddy(address),
}


@pytest.fixture(scope="module")
def keyless(broker):
    with Gateway(broker.url, allow_anonymous=None) as gateway:
        yield gateway


def made_key(gateway):
    line = next(line for line in gateway.log() if "curl" in line)
    return re.search(r"Bearer (sgw_[A-Za-z0-9_-]{43})'", line["curl"])[1]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_stranger_is_refused_and_the_owner_of_the_key_is_not(keyless, proxy):
    with PROXIES[proxy](keyless.address) as door:
        for method, path, body in [("POST", "/v1/emit", EMIT), ("GET", "/v1/sockets", None), ("DELETE", "/v1/sockets/x", None)]:
            status, _, _ = door.request(method, path, body, JSON)
            assert status == 401
        headers = {**JSON, "Authorization": f"Bearer {made_key(keyless)}"}
        assert door.request("POST", "/v1/emit", EMIT, headers)[0] == 200


def test_each_start_makes_another_key(broker, keyless):
    with Gateway(broker.url, allow_anonymous=None) as other:
        assert made_key(other) != made_key(keyless)
        assert other.post(EMIT, {"Authorization": f"Bearer {made_key(keyless)}"}).status == 401


def test_the_key_stays_when_the_configuration_is_read_again(broker, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("log: {level: info}\n")
    with Gateway(broker.url, allow_anonymous=None, config=path) as gateway:
        path.write_text("log: {level: debug}\n")
        gateway.signal(1)
        gateway.wait_until(lambda: any(line["message"] == "configuration reloaded" for line in gateway.log()), 9e9, "reload")
        assert gateway.post(EMIT).status == 401
        assert gateway.post(EMIT, {"Authorization": f"Bearer {made_key(gateway)}"}).status == 200


@pytest.mark.parametrize("level", ["info", "critical"])
def test_in_text_the_line_to_use_stands_by_itself(broker, level):
    gateway = Gateway(broker.url, allow_anonymous=None, log_format="text", log_level=level).launch()
    try:
        until(lambda: any("Bearer sgw_" in line for line in gateway.stderr), "the line")
        line = next(line for line in gateway.stderr if line.startswith("  curl "))
        answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=10)
        assert '"status":"confirmed"' in answer.stdout
    finally:
        gateway.kill()


def test_in_json_it_is_a_line_whatever_the_log_leaves_out(broker):
    gateway = Gateway(broker.url, allow_anonymous=None, log_level="critical").launch()
    try:
        until(lambda: any("curl" in line for line in gateway.log()), "the line")
        answer = subprocess.run(["sh", "-c", gateway.log()[0]["curl"]], capture_output=True, text=True, timeout=10)
        assert '"status":"confirmed"' in answer.stdout
    finally:
        gateway.kill()


@pytest.mark.parametrize("proxy", ["nginx that passes Host on", "nginx that says for whom", "HAProxy that says for whom", "Caddy"])
def test_an_anonymous_gateway_refuses_what_a_proxy_says_it_has_passed_on(broker, proxy):
    with Gateway(broker.url) as gateway:
        assert gateway.post(EMIT).status == 200
        with PROXIES[proxy](gateway.address) as door:
            status, _, body = door.request("POST", "/v1/emit", EMIT, {**JSON, "Host": "gateway.example"})
            assert status == 403 and (b"forwarded" in body or b"host_not_allowed" in body), body


def test_an_anonymous_gateway_says_who_may_do_what(broker):
    with Gateway(broker.url) as gateway:
        assert any("every program on this machine may do everything" in line["message"] for line in gateway.log())
    with Gateway(broker.url, http_address="0.0.0.0:0") as gateway:
        assert any("may do everything" in line["message"] and "whoever reaches" in line["message"] for line in gateway.log())
