"""Who may use the gateway: its own machine, or whoever has the key."""

import re

import pytest

from harness import Gateway, assert_problem

EVENT = {"event": "hello"}
SECRET = "k3y-for-the-tests"


@pytest.fixture(scope="module")
def open_gateway(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def closed_gateway(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange, api_key=SECRET) as gateway:
        yield gateway


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "127.0.0.1:0"])
def test_without_a_key_it_makes_one(broker, exchange, address):
    with Gateway(broker.url, http_address=address, allow_anonymous=None, python_socketio_exchange=exchange) as gateway:
        assert_problem(gateway.post(EVENT), 401, "unauthorized")
        curl = next(line["curl"] for line in gateway.log() if "curl" in line)
        key = re.search(r"Bearer (\S+)'", curl)[1]
        assert gateway.post(EVENT, {"X-API-Key": key}).status == 200
        assert gateway.get("/v1/me", {"X-API-Key": key}).json["name"] == "made-at-start"
        assert_problem(gateway.get("/v1/me"), 401, "unauthorized")


def test_without_keys_whoever_asks_has_no_name_and_may_do_everything(open_gateway):
    me = open_gateway.get("/v1/me").json
    assert "emit" in me["scopes"] and "config:read" in me["scopes"]
    everything = {name: ["*"] for name in ("namespaces", "rooms", "sockets", "events")}
    assert me == {"name": None, "scopes": me["scopes"], **everything, "expires": None, "rate": None}
    assert open_gateway.get("/v1/config").json["keys"] == []


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080"])
def test_without_a_key_loopback_hosts_are_served(open_gateway, host):
    assert open_gateway.post(EVENT, {"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["example.com", "example.com:8080", "localhost.example.com", "127.0.0.1.example.com", "127.example.com", "10.0.0.1"],
)
@pytest.mark.parametrize("path", ["/v1/emit", "/v1/config", "/livez", "/metrics"])
def test_without_a_key_other_hosts_are_403(open_gateway, host, path):
    if path == "/v1/emit":
        response = open_gateway.post(EVENT, {"Host": host})
    else:
        response = open_gateway.get(path, {"Host": host})
    assert_problem(response, 403, "host_not_allowed")


@pytest.mark.parametrize("origin", ["http://example.com", "http://localhost", "null", ""])
def test_without_a_key_web_pages_are_403(open_gateway, origin):
    assert_problem(open_gateway.post(EVENT, {"Origin": origin}), 403, "origin_not_allowed")


def test_no_answer_lets_other_web_pages_read_it(open_gateway):
    for method in ("OPTIONS", "POST"):
        response = open_gateway.request(method, "/v1/emit", headers={"Origin": "http://example.com"})
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]


def test_anonymous_callers_may_be_allowed_everywhere(broker, exchange):
    with Gateway(broker.url, "--allow-anonymous", http_address="0.0.0.0:0", python_socketio_exchange=exchange) as gateway:
        assert gateway.post(EVENT, {"Host": "gateway.example.com"}).status == 200


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {SECRET}"}, {"Authorization": f"bearer {SECRET}"}, {"X-API-Key": SECRET}],
    ids=["Authorization", "Authorization in small letters", "X-API-Key"],
)
def test_the_key_opens_it_in_either_header(closed_gateway, headers):
    assert closed_gateway.post(EVENT, headers).status == 200


def test_with_a_key_host_and_origin_do_not_matter(closed_gateway):
    headers = {"X-API-Key": SECRET, "Host": "gateway.example.com", "Origin": "http://example.com"}
    assert closed_gateway.post(EVENT, headers).status == 200


def test_without_the_key_it_stays_closed(closed_gateway):
    response = closed_gateway.post(EVENT)
    assert_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.yaml", "/openapi.json", "/problems"])
def test_the_service_routes_need_no_key(closed_gateway, path):
    assert closed_gateway.get(path).status == 200


def test_the_key_may_be_in_a_file(broker, exchange, tmp_path):
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    with Gateway(broker.url, python_socketio_exchange=exchange, api_key_file=file) as gateway:
        assert gateway.post(EVENT).status == 401
        assert gateway.post(EVENT, {"X-API-Key": SECRET}).status == 200


def test_no_secret_is_logged(broker, exchange):
    gateway = Gateway(broker.url, python_socketio_exchange=exchange, api_key=SECRET, log_level="trace").start()
    gateway.post(EVENT, {"X-API-Key": SECRET})
    gateway.post(EVENT, {"Authorization": "Bearer other-" + SECRET})
    gateway.stop()
    output = "".join(gateway.stderr)
    assert output
    assert SECRET not in output
    assert "guest:guest" not in output
