"""What operators see: health, metrics, the contract, request ids, start and end."""

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness import REPOSITORY, Gateway, Witness, assert_problem, create_key, read_contract, webhooks
from harness.patience import end_of_patience, until
from harness.rabbitmq import free_ports

SERVICE_PATHS = ["/livez", "/readyz", "/metrics", "/openapi.yaml", "/openapi.json", "/problems"]


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def contract():
    return read_contract()


def assert_valid(contract, schema, instance):
    root = {"$ref": f"#/components/schemas/{schema}", "components": contract["components"]}
    Draft202012Validator(root).validate(instance)


def test_it_is_alive(gateway):
    response = gateway.get("/livez")
    assert (response.status, response.json) == (200, {"status": "alive"})


def test_it_is_ready(gateway, broker):
    response = gateway.get("/readyz")
    assert (response.status, response.json) == (200, {"status": "ready", "brokers": [f"127.0.0.1:{broker.port}"]})


SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(\{([a-zA-Z_]\w*="(\\.|[^"\\])*",?)*\})? (NaN|[+-]?Inf|[-+\d.eE]+)$')


def samples(gateway):
    response = gateway.get("/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = response.body.decode()
    assert text.endswith("\n")
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        assert SAMPLE.match(line), line
        series, _, value = line.rpartition(" ")
        assert series not in found, line
        found[series] = float(value)
    return found


def test_metrics_are_prometheus_text_and_count_emits(gateway):
    before = samples(gateway)
    for _ in range(7):
        gateway.emit(event="hello")
    after = samples(gateway)
    assert [name for name in after if after[name] - before.get(name, 0) == 7]


def test_every_metric_says_its_type(gateway):
    text = gateway.get("/metrics").body.decode()
    typed = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram|summary|untyped)$", text, re.MULTILINE))
    for series in samples(gateway):
        name = series.split("{")[0]
        assert name in typed or re.sub(r"_(bucket|sum|count)$", "", name) in typed, name


def promtool():
    found = shutil.which("promtool") or REPOSITORY / ".cache" / "promtool"
    assert Path(found).exists(), "run scripts/setup.sh run"
    return found


def complaints(metrics):
    check = subprocess.run([promtool(), "check", "metrics"], input=metrics, capture_output=True, timeout=30)
    return (check.stdout + check.stderr).decode()


def test_prometheus_has_nothing_to_say_about_the_metrics(broker, exchange, tmp_path):
    config = tmp_path / "gateway.yaml"
    keys = [create_key("ever", "*"), create_key("year.2040", "*", expires="2040-01-01")]
    hook = {"name": "a.b-c_d~e", "scheme": "github", "secrets": ["s"], "event": "e", "rooms": ["r"]}
    config.write_text("keys:\n" + "".join(key.entry for key in keys) + f"hooks: [{json.dumps(hook)}]\n")
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, loops=2) as gateway:
        header = keys[1].header
        assert gateway.post({"event": "e"}, header).status == 200
        assert gateway.post({"event": "e"}, header, path="/v1/cloudevents").status == 415
        assert gateway.batch([{"event": "e"}, {}], header).status == 207
        assert gateway.request("GET", "/v1/rooms", headers=header).status == 503
        assert gateway.request("PUT", "/nothing").status == 404
        for secret, status in [("s", 200), ("t", 401)]:
            headers = {**webhooks.github(secret, b"{}"), "Content-Type": "application/json"}
            assert gateway.request("POST", "/v1/hooks/a.b-c_d~e", b"{}", headers).status == status
        metrics = gateway.get("/metrics").body
        assert complaints(metrics) == ""
        found = samples(gateway)
        assert found['gateway_key_expiry_timestamp_seconds{key="year.2040"}'] == 2_209_075_200  # to the end of that day
        assert len([series for series in found if series.startswith("gateway_key_expiry")]) == 1
        assert found['gateway_batch_items_total{outcome="confirmed"}'] == 1
        assert found['gateway_batch_items_total{outcome="failed"}'] == 1
        assert found['gateway_hook_deliveries_total{hook="a.b-c_d~e",outcome="emitted"}'] == 1
        assert found['gateway_hook_deliveries_total{hook="a.b-c_d~e",outcome="not_authentic"}'] == 1
        assert found['gateway_cloudevents_total{outcome="refused"}'] == 1
    # It looks.
    assert "no help text" in complaints(metrics.replace(b"# HELP gateway_info", b"# HELP another"))


def test_each_route_says_how_long_its_requests_take(gateway):
    name, route = "gateway_http_request_duration_seconds", '{route="/v1/rooms"'
    before = samples(gateway).get(f"{name}_count{route}}}", 0)
    start = time.monotonic()
    for _ in range(3):
        assert gateway.get("/v1/rooms?timeoutMs=300").status == 503
    took = time.monotonic() - start
    after = samples(gateway)
    assert after[f"{name}_count{route}}}"] - before == 3
    assert after[f'{name}_bucket{route},le="+Inf"}}'] == after[f"{name}_count{route}}}"]
    assert 0 < after[f"{name}_sum{route}}}"] <= took + 1
    buckets = [value for series, value in after.items() if series.startswith(f"{name}_bucket{route},")]
    assert len(buckets) == 16 and buckets == sorted(buckets)
    # What nobody has asked for is not there.
    assert not any('route="/v1/servers/emit"' in series for series in after)


def test_a_queue_without_a_server_is_not_counted_as_one_that_wanted_the_event(broker, exchange):
    def counted(gateway):
        return {o: gateway.metric(f'gateway_publications_total{{outcome="{o}"}}') for o in ("queued", "routed", "unrouted")}

    with Gateway(broker.url, python_socketio_exchange=exchange + ".queued") as gateway:
        with Witness(broker.url, exchange + ".queued", "fanout"):
            assert gateway.emit(event="e")["routed"] is None
            assert counted(gateway) == {"queued": 1, "routed": 0, "unrouted": 0}
        assert gateway.emit(event="e")["routed"] is False
        assert counted(gateway) == {"queued": 1, "routed": 0, "unrouted": 1}
        assert gateway.metric('gateway_emits_unrouted_total{reason="no_server"}') == 1
    with Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange + ".amqp0") as gateway:
        assert gateway.emit(event="e", rooms=["r"])["routed"] is False
        assert gateway.metric('gateway_emits_unrouted_total{reason="no_exchange"}') == 1
        with Witness(broker.url, exchange + ".amqp0", "direct", ["r"]):
            deadline = end_of_patience()
            gateway.wait_until(lambda: gateway.emit(event="e", rooms=["r"])["routed"], deadline, "see the exchange")
            assert counted(gateway)["routed"] == 1


def test_metrics_say_what_the_process_takes(gateway):
    stat = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
    ticks, boot = 100, int(re.search(r"btime (\d+)", Path("/proc/stat").read_text())[1])
    assert abs(gateway.metric("process_start_time_seconds") - (boot + int(stat[19]) / ticks)) < 2
    assert abs(gateway.metric("process_cpu_seconds_total") - (int(stat[11]) + int(stat[12])) / ticks) < 1
    assert gateway.metric("process_virtual_memory_bytes") >= gateway.metric("process_resident_memory_bytes") > 1 << 20
    open_now = len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))
    # The scrape's own connection.
    assert abs(gateway.metric("process_open_fds") - open_now) <= 2
    limits = Path(f"/proc/{gateway.pid}/limits").read_text()
    assert gateway.metric("process_max_fds") == int(re.search(r"Max open files\s+(\d+)", limits)[1])


def test_it_serves_its_contract(gateway):
    response = gateway.get("/openapi.yaml")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("application/yaml")
    assert response.body == (REPOSITORY / "openapi.yaml").read_bytes()


def test_answers_are_those_of_the_contract(gateway, contract):
    assert_valid(contract, "EmitAnswer", gateway.post({"event": "hello"}).json)
    assert_valid(contract, "EmitAccepted", gateway.post({"event": "hello", "confirm": "none"}).json)
    assert_valid(contract, "Liveness", gateway.get("/livez").json)
    assert_valid(contract, "Readiness", gateway.get("/readyz").json)


def test_problems_are_those_of_the_contract(gateway, contract):
    responses = [
        gateway.post(b"{"),
        gateway.post({"event": "hello", "room": "a"}),
        gateway.post({"event": "hello", "except": ["a"]}),
        gateway.post({"event": "hello", "ack": {}}),
        gateway.post({"event": "hello"}, {"Content-Type": "text/plain"}),
        gateway.post({"event": "hello"}, {"Origin": "http://example.com"}),
        gateway.get("/nothing"),
        gateway.get("/v1/emit"),
    ]
    assert [response.status for response in responses] == [400, 422, 422, 422, 415, 403, 404, 405]
    for response in responses:
        assert_valid(contract, "Problem", assert_problem(response, response.status))


@pytest.mark.parametrize("path", SERVICE_PATHS)
def test_head_is_get_without_the_body(gateway, path):
    get, head = gateway.get(path), gateway.request("HEAD", path)
    assert head.status == get.status == 200
    assert head.body == b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    if path != "/metrics":  # whose length changes
        assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.body))


@pytest.mark.parametrize("request_id", ["a", "Checkout.7f3a_B-2", "x" * 64])
def test_a_good_request_id_is_taken(gateway, request_id):
    headers = {"X-Request-Id": request_id}
    assert gateway.get("/livez", headers).headers["X-Request-Id"] == request_id
    assert gateway.post({"event": "hello"}, headers).headers["X-Request-Id"] == request_id
    problem = assert_problem(gateway.post(b"{", headers), 400)
    assert problem["requestId"] == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, "a/b", "ü".encode().decode("latin-1"), 'a"b'])
def test_another_request_id_is_replaced(gateway, request_id):
    made = gateway.get("/livez", {"X-Request-Id": request_id}).headers["X-Request-Id"]
    assert made != request_id
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", made)


def test_every_request_without_an_id_gets_its_own(gateway):
    assert len({gateway.get("/livez").headers["X-Request-Id"] for _ in range(20)}) == 20


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_told_to(broker, exchange, how):
    gateway = Gateway(broker.url, python_socketio_exchange=exchange).start()
    gateway.emit(event="hello")
    gateway.stop(how)
    with pytest.raises(ConnectionRefusedError):
        gateway.get("/livez")


def test_idle_connections_do_not_keep_it_from_ending(broker, exchange):
    gateway = Gateway(broker.url, python_socketio_exchange=exchange).start()
    with socket.create_connection(gateway.address), socket.create_connection(gateway.address) as half:
        half.sendall(b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n")
        gateway.stop()


def test_a_port_that_is_taken_is_an_error(broker, gateway):
    second = Gateway(broker.url, http_address=f"127.0.0.1:{gateway.address[1]}").launch()
    assert second.wait_for_exit() != 0
    assert str(gateway.address[1]) in "".join(second.stderr)


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"wire_format": "carrier-pigeon"}, "GATEWAY_WIRE_FORMAT"),
        ({"http_address": "nonsense"}, "GATEWAY_HTTP_ADDRESS"),
        ({"amqp_url": "http://localhost"}, "GATEWAY_AMQP_URL"),
        ({"log_format": "xml"}, "GATEWAY_LOG_FORMAT"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(settings, named):
    gateway = Gateway(**{"amqp_url": "amqp://127.0.0.1:1", **settings}).launch()
    assert gateway.wait_for_exit() != 0
    assert named in "".join(gateway.stderr)


def test_of_gateways_that_start_together_on_one_port_only_one_listens(broker):
    (port,) = free_ports(1)
    gateways = [Gateway(broker.url, http_address=f"127.0.0.1:{port}").launch() for _ in range(4)]
    try:
        until(lambda: sum(g.has_ended() for g in gateways) >= 3, "three have ended")
        [listening] = [[g] for g in gateways if not g.has_ended()]
        listening[0].wait_for_line("listening")
        for gateway in gateways:
            if gateway not in listening:
                assert gateway.wait_for_exit() == 1
                assert "Address already in use" in "".join(gateway.stderr)
    finally:
        for gateway in gateways:
            gateway.kill()
