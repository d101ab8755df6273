"""Two gateways behind a proxy are restarted in turn: no request fails."""

import http.client
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness import Gateway, Nginx
from harness.proxies import free_port


class Load:
    """Requests in a row on kept connections, from several threads, until it is stopped."""

    def __init__(self, address, threads=8):
        self.failures = []
        self.count = 0
        self._address = address
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self):
        connection = http.client.HTTPConnection(*self._address, timeout=15)
        while not self._stopped.is_set():
            try:
                connection.request("GET", "/livez")
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failures.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            self.count += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def gateways(broker, **settings):
    return [
        Gateway(broker.url, http_address=f"127.0.0.1:{free_port()}", **{"shutdown_delay": None, **settings}) for _ in range(2)
    ]


def restart_in_turn(pair, rounds, pause):
    for _ in range(rounds):
        for gateway in pair:
            gateway.stop()
            gateway.start()
            time.sleep(pause)


def run(broker, rounds, pause, proxy_options, **settings):
    pair = gateways(broker, api_key="k" * 32, **settings)
    for gateway in pair:
        gateway.start()
    try:
        with Nginx(*[gateway.address for gateway in pair], keepalive=16, **proxy_options) as proxy:
            with Load(proxy.address) as load:
                time.sleep(0.5)
                restart_in_turn(pair, rounds, pause)
            assert load.failures == [], (load.failures[:5], proxy.log()[-2000:])
            assert load.count > 300
    finally:
        for gateway in pair:
            gateway.kill()


def test_none_fails_behind_nginx_with_kept_connections(broker):
    run(broker, rounds=1, pause=0.5, proxy_options={"upstream": "max_fails=0"})


@pytest.mark.slow
def test_none_of_tens_of_thousands_fails_in_ten_restarts(broker):
    run(broker, rounds=5, pause=1, proxy_options={"upstream": "max_fails=0"})


@pytest.mark.slow
def test_none_fails_behind_nginx_as_it_comes_if_restarts_are_more_than_ten_seconds_apart(broker):
    run(broker, rounds=2, pause=11, proxy_options={})


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_none_of_many_new_connections_is_lost_where_the_kernel_passes_them_on():
    """Two gateways share a port in a network namespace of their own, where `net.ipv4.tcp_migrate_req` is 1."""
    script = Path(__file__).with_name("shared_port.py")
    prepare = "ip link set lo up && sysctl -qw net.ipv4.tcp_migrate_req=1 && exec \"$@\""
    command = ["unshare", "--net", "sh", "-c", prepare, "sh", sys.executable, str(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 failed" in run.stdout and int(run.stdout.split()[0]) > 1_000, run.stdout
