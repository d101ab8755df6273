"""The root, where balancers look whether a gateway is there, and people what it is; and request lines in other forms."""

import pytest

from harness import Gateway, converse

KEY = "k" * 32


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, api_key=KEY) as gateway:
        yield gateway


def test_the_root_says_what_this_is(gateway):
    response = gateway.get("/")
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    assert response.json["name"] == "socketio-gateway" and response.json["version"]
    for path in response.json["links"].values():
        assert gateway.get(path).status == 200
    head = gateway.request("HEAD", "/")
    assert (head.status, head.body) == (200, b"")


def test_a_browser_gets_a_page(gateway):
    response = gateway.get("/", {"Accept": "text/html,application/xhtml+xml"})
    assert response.status == 200 and response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<h1>socketio-gateway" in response.body and b"/openapi.yaml" in response.body


def line(gateway, request_line, *headers):
    head = b"\r\n".join([request_line, *headers, b"", b""])
    return converse(gateway.address, head, expect=1)


def test_a_target_in_absolute_form_is_its_path(gateway):
    assert line(gateway, b"GET http://gateway.example/livez HTTP/1.1", b"Host: gateway.example").statuses == [200]
    assert line(gateway, b"GET HTTP://gateway.example:80/livez?x=1 HTTP/1.1", b"Host: x").statuses == [200]
    assert line(gateway, b"GET http://gateway.example HTTP/1.1", b"Host: x").statuses == [200]
    assert line(gateway, b"GET http://gateway.example/nothing HTTP/1.1", b"Host: x").statuses == [404]


def test_its_host_counts_and_not_the_header(broker):
    with Gateway(broker.url) as anonymous:
        assert line(anonymous, b"GET http://localhost/livez HTTP/1.1", b"Host: evil.example").statuses == [200]
        assert line(anonymous, b"GET http://evil.example/livez HTTP/1.1", b"Host: localhost").statuses == [403]


def test_a_hook_s_headers_are_read_in_absolute_form_too(broker, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text('hooks: [{name: h, scheme: bearer, secrets: ["0123456789abcdef"], event: e, everyone: true}]')
    with Gateway(broker.url, config=path) as gateway:
        headers = [b"Host: x", b"Authorization: Bearer 0123456789abcdef", b"Content-Type: application/json", b"Content-Length: 2"]
        answer = converse(
            gateway.address, b"\r\n".join([b"POST http://x/v1/hooks/h HTTP/1.1", *headers, b"", b"{}"]), timeout=3, expect=1)
        assert answer.statuses == [200], answer.data


def test_options_of_everything(gateway):
    answer = line(gateway, b"OPTIONS * HTTP/1.1", b"Host: x")
    assert answer.statuses == [204] and b"Allow: DELETE, GET, HEAD, OPTIONS, POST\r\n" in answer.data
    assert line(gateway, b"GET * HTTP/1.1", b"Host: x").statuses == [404]
