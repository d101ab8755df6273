"""The pages nginx.md, haproxy.md, caddy.md and upgrade.md of docs/operating: their configurations before three gateways."""

import contextlib
import json
import os
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import die_with_parent
from harness.page_proxies import PageCaddy, PageHAProxy, PageNginx, RepeatedLoad, Trio
from harness.pages import block, page
from harness.patience import until

PROXIES = {"nginx": PageNginx, "HAProxy": PageHAProxy, "Caddy": PageCaddy}
UPGRADE = page("docs/operating/upgrade.md")
MIB = 1 << 20


@pytest.fixture(scope="module")
def trio(broker, exchange):
    with Trio(broker.url, python_socketio_exchange=exchange, log_level="debug") as trio:
        yield trio


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, trio):
    with PROXIES[request.param](trio) as proxy:
        proxy.name = request.param
        yield proxy


def seen(trio):
    """The lines of requests in each gateway's log."""
    return [[line for line in gateway.log() if line["message"] == "request"] for gateway in trio.gateways]


def reached(trio, before, path):
    """How many requests for the path each gateway has had since then."""
    return [sum(line["path"] == path for line in now[len(then) :]) for then, now in zip(before, seen(trio), strict=True)]


def settle(trio, before, path, count):
    until(lambda: sum(reached(trio, before, path)) == count, "all lines")
    return reached(trio, before, path)


def test_requests_without_a_key_are_spread_over_all(trio, proxy):
    before = seen(trio)
    for _ in range(60):
        assert proxy.ask("POST", "/v1/emit", '{"event": "e"}').status == 200
    assert min(settle(trio, before, "/v1/emit", 60)) >= 5


def test_a_key_comes_to_one_gateway_and_keys_are_spread(trio, proxy):
    before = seen(trio)
    for number in range(30):
        key = {"Idempotency-Key": f"{proxy.name}-{number}"}
        answers = [proxy.ask("POST", "/v1/emit", '{"event": "e"}', key) for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
        assert [answer.headers["Idempotent-Replayed"] for answer in answers] == [None, "true", "true"]
    assert min(settle(trio, before, "/v1/emit", 90)) >= 3


@pytest.mark.parametrize("path", ["/v1/hooks/github", "/v1/cloudevents"])
def test_a_senders_webhooks_come_to_one_gateway(trio, proxy, path):
    before = seen(trio)
    for _ in range(12):
        assert proxy.ask("POST", path, "{}").status in (400, 404, 415, 422)
    assert sorted(settle(trio, before, path, 12)) == [0, 0, 12]


def test_a_batch_as_long_as_the_gateway_takes_comes_through_and_a_longer_one_is_its_413(proxy):
    def batch(size):
        items = [{"event": "e", "data": "x" * MIB} for _ in range(15)]
        rest = size - len(json.dumps({"items": [*items, {"event": "e", "data": ""}]}))
        return json.dumps({"items": [*items, {"event": "e", "data": "x" * rest}]})

    longest = proxy.ask("POST", "/v1/batch", batch(16 * MIB))
    assert (longest.status, longest.json["confirmed"]) == (200, 16)
    if proxy.name != "Caddy":  # which stops reading its client when it is answered early: test_refusals_arrive.py
        refused = proxy.ask("POST", "/v1/batch", batch(16 * MIB + 1))
        assert (refused.status, refused.json["code"]) == (413, "payload_too_large")


def test_the_client_is_the_proxys_client_whatever_it_says_itself(trio, proxy):
    before = seen(trio)
    forged = {"X-Forwarded-For": "203.0.113.9"}
    assert proxy.ask("GET", "/v1/nothing", headers=forged, source="127.0.0.2").status == 404
    settle(trio, before, "/v1/nothing", 1)
    lines = [line for then, now in zip(before, seen(trio), strict=True) for line in now[len(then) :]]
    assert [line["client"] for line in lines if line["path"] == "/v1/nothing"] == ["127.0.0.2"]


def test_metrics_are_not_for_everyone(trio, proxy):
    assert trio.gateways[0].get("/metrics").status == 200
    assert proxy.ask("GET", "/metrics").status == 404
    assert proxy.ask("GET", "/livez").status == 200


@pytest.mark.slow
@pytest.mark.usefixtures("witness")  # without a queue of servers nobody is waited for
def test_an_answer_that_takes_a_minute_comes_through(trio):
    """Through all three at the same time. Acknowledgements of python-socketio's clients are waited for as long as that."""
    body = json.dumps({"event": "e", "rooms": ["patient"], "ack": {"timeoutMs": 60_000}})
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(make(trio)) for make in PROXIES.values()]
        began = time.monotonic()
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda proxy: proxy.ask("POST", "/v1/emit", body, timeout=90), proxies))
    assert [answer.status for answer in answers] == [200] * 3
    assert time.monotonic() - began > 59


@pytest.mark.parametrize("kind", PROXIES)
def test_without_a_broker_it_says_what_the_page_says(kind):
    with Trio("amqp://127.0.0.1:1", ready=False) as trio:
        with PROXIES[kind](trio) as proxy:
            if kind == "nginx":
                assert proxy.ask("POST", "/v1/emit", '{"event": "e"}').json["code"] == "broker_unavailable"
                return
            until(lambda: b"broker_unavailable" not in proxy.ask("POST", "/v1/emit", '{"event": "e"}').body, "its own")
            answer = proxy.ask("POST", "/v1/emit", '{"event": "e"}')
            assert (answer.status, answer.headers["Content-Type"] == "application/problem+json") == (503, False)
        with type("Live", (PROXIES[kind],), {"health": "/livez"})(trio) as proxy:
            time.sleep(3)  # for its checks to be wrong
            assert proxy.ask("POST", "/v1/emit", '{"event": "e"}').json["code"] == "broker_unavailable"


class Restarts:
    """Runs the page's loop. `ssh HOST sudo systemctl restart …` in it restarts that gateway here; `times` has from when to when."""

    def __init__(self, trio, folder):
        self._script = trio.adapted_script(block(UPGRADE, "sh", "for host in"))
        self._gateways = {gateway.address[0]: gateway for gateway in trio.gateways}
        self._folder = folder
        self.times = []

    def run(self):
        orders, done = self._folder / "orders", self._folder / "done"
        for pipe in (orders, done):
            os.mkfifo(pipe)
        ssh = self._folder / "ssh"
        ssh.write_text(f'#!/bin/sh\necho "$@" >{orders}\nread answer <{done}\n')
        ssh.chmod(0o755)
        environment = {"PATH": f"{self._folder}:{os.environ['PATH']}"}
        with subprocess.Popen(["sh", "-euc", self._script], env=environment, preexec_fn=die_with_parent) as script:
            # Not in another thread: its end would be the gateways'.
            for _ in self._gateways:
                host, *words = orders.read_text().split()
                assert words == ["sudo", "systemctl", "restart", "socketio-gateway"]
                self._restart(self._gateways[host])
                done.write_text("done\n")
            assert script.wait(60) == 0

    def _restart(self, gateway):
        began = time.monotonic()
        gateway.stop()
        gateway.start(ready=False)
        self.times.append((began, time.monotonic()))


@pytest.mark.slow
@pytest.mark.parametrize("kind, health", [("nginx", None), ("HAProxy", "/readyz"), ("HAProxy", "/livez"), ("Caddy", "/readyz")])
def test_no_request_fails_while_each_gateway_is_restarted(kind, health, broker, exchange, witness, tmp_path):
    """As upgrade.md says, under load. A repeated key is replayed, but for those that met the restart of their gateway."""
    with Trio(broker.url, python_socketio_exchange=exchange) as trio:
        with type(kind, (PROXIES[kind],), {"health": health})(trio) as proxy:
            restarts = Restarts(trio, tmp_path)
            with RepeatedLoad(proxy) as load:
                time.sleep(2)
                restarts.run()
            log = proxy.log()
    assert load.failures == [], (len(load.failures), len(load.pairs), load.failures[:5], log[-2000:])
    assert len(restarts.times) == 3 and len(load.pairs) > 1000
    again = {number for number, _, _, replayed in load.pairs if not replayed}
    received = Counter(message.json["data"][0] for message in witness.all())
    assert received == {number: 2 if number in again else 1 for number, *_ in load.pairs}
    # From the signal until the proxy has seen that it is back.
    met = [any(began < end + 3 and start < ended for start, end in restarts.times) for number, began, ended, _ in load.pairs if number in again]
    assert all(met), f"{met.count(False)} of {len(met)} repeated keys were not replayed, with no restart near"


@pytest.mark.parametrize("kind", PROXIES)
def test_what_a_gateway_that_is_suddenly_gone_costs(kind, broker, exchange):
    """Of requests that come after its end: nothing, but with Caddy 2.6, until it has noticed."""
    with Trio(broker.url, python_socketio_exchange=exchange) as trio, PROXIES[kind](trio) as proxy:

        def statuses():
            return {proxy.ask("POST", "/v1/emit", '{"event": "e"}', {"Idempotency-Key": f"{n}"}).status for n in range(30)}

        until(lambda: statuses() == {200}, "its first checks")
        trio.gateways[1].kill()
        if kind == "Caddy":
            assert statuses() <= {200, 502}
            until(lambda: statuses() == {200}, "the next check")
        assert [statuses() for _ in range(5)] == [{200}] * 5
