"""What web pages of other origins may do: those of the list, and no others; with a real browser."""

import json

import pytest

from harness import BrowserPage, Gateway, Witness, converse, page_server

SECRET = "k3y-for-the-tests"
EVENT = {"event": "hello"}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@pytest.fixture(scope="module")
def origins():
    """An origin that is allowed, and another."""
    with page_server() as allowed, page_server() as other:
        yield allowed, other


@pytest.fixture(scope="module")
def open_gateway(broker, exchange, origins):
    with Witness(broker.url, exchange, "fanout"):
        with Gateway(broker.url, python_socketio_exchange=exchange, cors_origins=origins[0]) as gateway:
            yield gateway


@pytest.fixture(scope="module")
def closed_gateway(broker, exchange, origins):
    listed = f"https://app.example.com,{origins[0]}"
    with Gateway(broker.url, python_socketio_exchange=exchange, cors_origins=listed, api_key=SECRET) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def pages(origins, tmp_path_factory):
    allowed, other = origins
    with (
        BrowserPage(allowed, tmp_path_factory.mktemp("allowed")) as allowed,
        BrowserPage(other, tmp_path_factory.mktemp("other")) as other,
    ):
        for page in (allowed, other):
            page.wait_for("document.title === 'A page'")
        yield allowed, other


def fetch(page, gateway, path, body=None, headers=None, method=None, **more):
    """What the page's own `fetch` gets: status, headers that it may read, body; or the error's name."""
    options = {"method": method or ("GET" if body is None else "POST"), "headers": headers or {}, **more}
    if body is not None:
        options["headers"]["Content-Type"] = "application/json"
        options["body"] = json.dumps(body)
    url = json.dumps("http://%s:%d%s" % (*gateway.address, path))
    script = """fetch(%s, %s).then(
        async (r) => ({ status: r.status, headers: Object.fromEntries(r.headers), body: await r.text(), type: r.type }),
        (error) => error.name)""" % (url, json.dumps(options))
    result = page.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    return result["result"]["value"]


def test_a_page_of_an_allowed_origin_can_emit_and_read_the_answer(pages, open_gateway, closed_gateway):
    for gateway in (open_gateway, closed_gateway):
        headers = {"X-Request-Id": "from-a-page", "Idempotency-Key": f"{gateway.address}"}
        if gateway is closed_gateway:
            headers["Authorization"] = f"Bearer {SECRET}"
        answer = fetch(pages[0], gateway, "/v1/emit", EVENT, headers)
        assert (answer["status"], answer["type"]) == (200, "cors")
        assert json.loads(answer["body"])["status"] == "confirmed"
        assert answer["headers"]["x-request-id"] == "from-a-page"
        again = fetch(pages[0], gateway, "/v1/emit", EVENT, headers)
        assert again["headers"]["idempotent-replayed"] == "true"


def test_a_page_of_an_allowed_origin_can_read_errors(pages, open_gateway, closed_gateway):
    requests = [
        (open_gateway, 422, ("/v1/emit", {"event": ""})),
        (open_gateway, 404, ("/nowhere",)),
        (open_gateway, 405, ("/v1/emit", None, None, "DELETE")),
        (open_gateway, 503, ("/v1/sockets?room=a",)),
        (closed_gateway, 401, ("/v1/emit", EVENT, {"X-API-Key": "wrong"})),
    ]
    for gateway, status, request in requests:
        if status == 405:
            # What the path does not take the preflight does not allow.
            assert fetch(pages[0], gateway, *request) == "TypeError"
            continue
        answer = fetch(pages[0], gateway, *request)
        assert answer["status"] == status
        problem = json.loads(answer["body"])
        assert problem["status"] == status and problem["requestId"] == answer["headers"]["x-request-id"]
        assert (answer["headers"].get("retry-after") == "1") == (status == 503)


def test_a_page_of_an_allowed_origin_can_disconnect_a_socket(pages, open_gateway):
    assert fetch(pages[0], open_gateway, "/v1/sockets/nobody", method="DELETE")["status"] == 202


def test_a_page_of_another_origin_gets_nothing(pages, open_gateway, closed_gateway):
    for gateway in (open_gateway, closed_gateway):
        headers = {"X-API-Key": SECRET}
        before = gateway.metric('gateway_http_requests_total{route="/v1/emit",method="POST",status="200"}')
        assert fetch(pages[1], gateway, "/v1/emit", EVENT, headers) == "TypeError"
        assert fetch(pages[1], gateway, "/livez") == "TypeError"
        assert fetch(pages[1], gateway, "/nowhere") == "TypeError"
        after = gateway.metric('gateway_http_requests_total{route="/v1/emit",method="POST",status="200"}')
        assert after == before, "the emit must not have been done either"
        # To itself it can talk: its fetch is not simply broken.
        assert fetch_own(pages[1]) == 200


def fetch_own(page):
    script = "fetch(location.href).then((response) => response.status)"
    result = page.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    return result["result"]["value"]


def test_a_page_cannot_make_the_browser_add_credentials(pages, closed_gateway):
    assert fetch(pages[0], closed_gateway, "/livez")["status"] == 200
    assert fetch(pages[0], closed_gateway, "/livez", credentials="include") == "TypeError"


def test_a_browser_shows_no_answer_in_a_frame(pages, open_gateway):
    script = """new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.src = %s;
        frame.onload = () => { let read; try { read = frame.contentDocument?.URL } catch { } done(read ?? "opaque") };
        document.body.append(frame);
    })""" % json.dumps("http://%s:%d/livez" % open_gateway.address)
    pages[0].call("Page.enable")
    result = pages[0].call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    assert result["result"]["value"] == "opaque"
    frames = pages[0].call("Page.getFrameTree")["frameTree"]["childFrames"]
    assert [frame["frame"]["url"] for frame in frames] == ["chrome-error://chromewebdata/"]


@pytest.mark.parametrize("origin_index, status", [(0, 204), (1, 403)])
def test_without_a_key_a_preflight_is_answered_for_allowed_origins_only(open_gateway, origins, origin_index, status):
    headers = {"Origin": origins[origin_index], **PREFLIGHT}
    assert open_gateway.request("OPTIONS", "/v1/emit", headers=headers).status == status


def test_without_a_key_an_allowed_origin_does_not_make_up_for_the_host(open_gateway, origins):
    response = open_gateway.post(EVENT, {"Origin": origins[0], "Host": "gateway.example.com"})
    assert (response.status, response.json["code"]) == (403, "host_not_allowed")


def cors_headers(response):
    return {n: v for n, v in response.headers.items() if n.lower().startswith("access-control-") or n == "Vary"}


def test_the_headers_of_a_preflight_and_of_an_answer(closed_gateway, origins):
    preflight = closed_gateway.request("OPTIONS", "/v1/emit", headers={"Origin": origins[0], **PREFLIGHT})
    assert (preflight.status, preflight.body) == (204, b"")
    assert cors_headers(preflight) == {
        "Access-Control-Allow-Origin": origins[0],
        "Access-Control-Allow-Methods": "OPTIONS, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key, X-Request-Id, traceparent, "
        "tracestate, ce-specversion, ce-id, ce-source, ce-type, ce-subject, ce-time, ce-dataschema",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
    for key, status in ((SECRET, 200), ("wrong", 401)):
        response = closed_gateway.post(EVENT, {"Origin": "https://app.example.com", "X-API-Key": key})
        assert response.status == status
        assert cors_headers(response) == {
            "Access-Control-Allow-Origin": "https://app.example.com",
            "Access-Control-Expose-Headers": "X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, "
            "RateLimit-Reset, Idempotent-Replayed",
            "Vary": "Origin",
        }
    for headers in ({}, {"Origin": origins[1], **PREFLIGHT}):
        for method in ("OPTIONS", "GET", "POST"):
            response = closed_gateway.request(method, "/v1/emit", headers=headers)
            assert cors_headers(response) == {"Vary": "Origin"}


def test_a_large_head_of_a_page_leaves_room_for_the_answer(closed_gateway):
    statuses = set()
    # Beyond it libmicrohttpd has no memory left for any answer, with CORS or without.
    for size in range(7_000, 11_000, 50):
        lines = [
            "OPTIONS /v1/counts HTTP/1.1", "Host: localhost", "Origin: https://app.example.com",
            "Access-Control-Request-Method: POST", f"X-Padding: {'x' * size}", f"X-Request-Id: {'r' * 64}",
        ]
        answer = converse(closed_gateway.address, ("\r\n".join(lines) + "\r\n\r\n").encode(), expect=1)
        assert answer.statuses in ([204], [431]), size
        statuses.update(answer.statuses)
        if answer.statuses == [204]:
            assert b"Access-Control-Max-Age: 600\r\n" in answer.data
    assert statuses == {204, 431}


@pytest.mark.parametrize("text", ["*", "null", "https://app.example.com/", "https://app.example.com/a", "app.example.com"])
def test_what_is_no_origin_is_refused_at_start(broker, text):
    gateway = Gateway(broker.url, cors_origins=text).launch()
    assert gateway.wait_for_exit() != 0
    output = "".join(gateway.stderr)
    assert "GATEWAY_CORS_ORIGINS" in output and "https://app.example.com" in output
    assert len(gateway.stderr) <= 3, output


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/livez", {}, 200),
        ("HEAD", "/metrics", {}, 200),
        ("GET", "/openapi.yaml", {}, 200),
        ("OPTIONS", "/v1/emit", {}, 204),
        ("POST", "/v1/emit", {"X-API-Key": SECRET, "Content-Type": "application/json"}, 400),
        ("POST", "/v1/emit", {}, 401),
        ("GET", "/nowhere", {}, 404),
        ("PUT", "/v1/batch", {}, 405),
        ("GET", "/livez", {"Content-Length": str(10**9)}, 413),
        ("POST", "/v1/emit", {"X-API-Key": SECRET}, 415),
        ("GET", "/livez", {"X": "x" * 10_500}, 431),
        ("GET", "/v1/sockets", {"X-API-Key": SECRET}, 503),
    ],
)
def test_no_answer_is_one_that_a_browser_shows_or_a_cache_keeps(closed_gateway, method, path, headers, status):
    response = closed_gateway.request(method, path, headers=headers)
    assert response.status == status
    for name, value in HARMLESS.items():
        assert response.headers.get_all(name) == [value]


def test_of_a_post_that_succeeded_no_more_is_said_than_that_it_is_json(closed_gateway):
    response = closed_gateway.post({"event": "e"}, {"X-API-Key": SECRET})
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    assert {name: response.headers.get_all(name) for name in HARMLESS} == {
        "X-Content-Type-Options": ["nosniff"],
        "Cache-Control": None,
        "Content-Security-Policy": None,
    }
