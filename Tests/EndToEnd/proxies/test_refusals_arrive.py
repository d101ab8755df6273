"""Refusals of long bodies behind real proxies: a proxy that is cut off in the middle of a body answers 502."""

import pytest

from harness import Caddy, Gateway, HAProxy, Nginx

KEY = "k" * 32
JSON = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
REFUSALS = {
    "no key": ("/v1/emit", {"Content-Type": "application/json"}, 401),
    "no such path": ("/v1/nothing", JSON, 404),
    "too long": ("/v1/emit", JSON, 413),
    "not JSON": ("/v1/emit", {**JSON, "Content-Type": "text/html"}, 415),
}
PROXIES = {
    "nginx": lambda address: Nginx(address),
    "nginx, not buffering": lambda address: Nginx(address, buffering=False),
    "nginx, kept connections": lambda address: Nginx(address, buffering=False, keepalive=8),
    "HAProxy": lambda address: HAProxy(address),
    "Caddy": lambda address: Caddy(address),
}


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, api_key=KEY, max_body_bytes=100_000) as gateway:
        yield gateway


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, gateway):
    with PROXIES[request.param](gateway.address) as proxy:
        proxy.name = request.param
        yield proxy


def chunks(size, step=65536):
    while size > 0:
        yield b" " * min(step, size)
        size -= step


@pytest.mark.parametrize("size", [200_000, 2_000_000, 16_000_000])
@pytest.mark.parametrize("framing", ["announced", "chunked"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_arrives_through_a_proxy(proxy, refusal, framing, size):
    if proxy.name == "Caddy" and size > 2_000_000:
        pytest.skip("Caddy itself stops reading its client")
    path, headers, status = REFUSALS[refusal]
    for _ in range(3):
        body = b" " * size if framing == "announced" else chunks(size)
        seen, fields, _ = proxy.request("POST", path, body, headers, encode_chunked=framing == "chunked")
        assert (seen, fields["Content-Type"]) == (status, "application/problem+json"), proxy.log()
