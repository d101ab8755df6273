"""A Unix socket as a listener, and an address of its own for operators."""

import http.client
import os
import socket
import stat
import subprocess

import pytest

from harness import Gateway, Nginx, assert_problem, binary
from harness.patience import PATIENCE, until
from harness.proxies import free_port


class UnixGateway(Gateway):
    """One that listens at a Unix socket; `file` is its path."""

    def _find_address(self):
        for line in self.log():
            if line.get("message") == "listening":
                self.file = line["address"].removeprefix("unix:")
                return True
        return False

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        self.address = ("localhost", 80)
        return super().request(method, path, body, headers, timeout)

    def wait_until_ready(self, timeout=PATIENCE):
        until(lambda: ask(self.file, "/readyz")[0] == 200, "readiness")


class Connection(http.client.HTTPConnection):
    def __init__(self, file):
        super().__init__("localhost", timeout=PATIENCE)
        self.file = file

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.file)


def ask(file, path="/livez", headers=None):
    connection = Connection(file)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def clients(gateway):
    return [line["client"] for line in gateway.log() if line["message"] == "request"]


def test_curl_nginx_and_the_health_check_reach_it(broker, tmp_path):
    file = str(tmp_path / "gateway.sock")
    with UnixGateway(broker.url, http_address=f"unix:{file}", loops=2, api_key="k" * 32) as gateway:
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o660
        for _ in range(20):
            assert ask(file)[0] == 200
        result = subprocess.run(["curl", "-sS", "--unix-socket", file, "http://localhost/livez"], capture_output=True)
        assert result.returncode == 0 and b"alive" in result.stdout
        assert subprocess.run([binary(), "healthcheck", "--http-address", f"unix:{file}"]).returncode == 0
        os.chmod(file, 0o666)
        with Nginx(f"unix:{file}:") as proxy:
            assert proxy.request("GET", "/livez", headers={"X-Forwarded-For": "203.0.113.9"})[0] == 200
        assert ask(file, "/nothing", {"X-Forwarded-For": "203.0.113.9"})[0] == 404
        until(lambda: clients(gateway) == ["unix"], "a line")
    assert not os.path.exists(file)


def served(file):
    """A connection that is kept; `None`: those before it count for a moment yet."""
    connection = Connection(file)
    try:
        connection.request("GET", "/livez")
        return connection if connection.getresponse().read() else None
    except OSError:
        connection.close()
        return None


def test_whoever_comes_through_it_is_believed_if_it_is_trusted_and_all_are_one_if_not(broker, tmp_path):
    file = str(tmp_path / "gateway.sock")
    with UnixGateway(broker.url, http_address=f"unix:{file}", trusted_proxies="unix") as gateway:
        assert ask(file, "/nothing", {"X-Forwarded-For": "203.0.113.9"})[0] == 404
        until(lambda: clients(gateway) == ["203.0.113.9"], "a line")
    with UnixGateway(broker.url, http_address=f"unix:{file}", max_connections_per_address=2):
        kept = [until(lambda: served(file), "a connection") for _ in range(2)]
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(file)
        for connection in kept:
            connection.close()


def test_what_a_killed_gateway_has_left_is_taken_over_and_what_another_has_is_not(broker, tmp_path):
    file = str(tmp_path / "gateway.sock")
    settings = {"http_address": f"unix:{file}", "socket_mode": "0600"}
    killed = UnixGateway(broker.url, **settings).start()
    second = UnixGateway(broker.url, **settings).launch()
    assert second.wait_for_exit() == 1
    assert any("somebody listens there already" in line for line in second.stderr)
    assert ask(file)[0] == 200
    killed.kill()
    assert os.path.exists(file)
    with UnixGateway(broker.url, **settings):
        assert ask(file)[0] == 200 and stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert os.listdir(tmp_path) == []


def test_who_is_killed_before_it_listens_leaves_nothing_and_what_was_left_is_replaced(broker, tmp_path):
    file = tmp_path / "gateway.sock"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        starting = UnixGateway("amqp://127.0.0.1:%d" % silent.getsockname()[1], http_address=f"unix:{file}").launch()
        silent.settimeout(PATIENCE)
        with silent.accept()[0]:  # it waits for the broker, and listens later
            starting.kill()
    assert os.listdir(tmp_path) == []
    # As one that was killed just when it began to listen.
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(f"{file}.new")
    with UnixGateway(broker.url, http_address=f"unix:{file}"):
        assert ask(str(file))[0] == 200 and os.listdir(tmp_path) == ["gateway.sock"]
    # Another's file is no such thing.
    (tmp_path / "gateway.sock.new").write_text("")
    other = UnixGateway(broker.url, http_address=f"unix:{file}").launch()
    assert other.wait_for_exit() == 1
    assert os.listdir(tmp_path) == ["gateway.sock.new"]


def test_operators_have_an_address_of_their_own(broker):
    port = free_port()
    with Gateway(broker.url, admin_address=f"127.0.0.1:{port}") as gateway:
        public = gateway.address
        for path in ("/livez", "/readyz", "/v1/me"):
            assert gateway.get(path).status == 200, path
        assert_problem(gateway.get("/metrics"), 404, "not_found")
        gateway.address = ("127.0.0.1", port)
        for path in ("/livez", "/readyz", "/metrics"):
            assert gateway.get(path).status == 200, path
        assert_problem(gateway.post({"event": "e"}), 404, "not_found")
        assert_problem(gateway.get("/v1/me"), 404, "not_found")
        gateway.address = public
