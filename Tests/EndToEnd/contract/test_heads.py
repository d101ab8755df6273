"""Heads that are long, and heads that libmicrohttpd does not understand: each gets one answer."""

import socket
from urllib.parse import urlencode

import pytest

from harness import Gateway, converse, create_key
from harness.patience import PATIENCE
from harness.questions import until

HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def gateway(broker):
    with Gateway(broker.url, loops=1) as gateway:
        yield gateway


def get(gateway, head, path=b"/livez"):
    request = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (path, head)
    return converse(gateway.address, request, expect=1)


@pytest.mark.parametrize("count", [1, 100, 170, 200, 500, 1_000, 1_001])
def test_any_number_of_query_parameters_is_answered(gateway, count):
    query = urlencode([("room", f"{number}") for number in range(count)])
    answer = converse(gateway.address, b"GET /v1/counts?%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % query.encode(), expect=1)
    # There is no server to ask; more than 1,000 names are too many.
    assert answer.statuses == [422 if count > 1_000 else 503], answer.data[:200]


@pytest.mark.parametrize(
    "query", [b"", b"a", b"a=b&c", b"&", b"a=%00", b"?", b"=", b"a=b?c=d", b"%", b"\xc3\xa9=1"], ids=lambda query: repr(query)
)
def test_what_stands_behind_the_question_mark_is_still_read(gateway, query):
    # /livez reads no query; the head must be taken for one whatever it is.
    assert get(gateway, b"", b"/livez?" + query).statuses == [200]


def test_parameters_arrive(gateway):
    answer = get(gateway, b"", b"/v1/rooms?limit=0")
    assert answer.statuses == [422] and b"limit" in answer.data


@pytest.mark.parametrize("size", [1_000, 5_500, 8_192, 9_500])
def test_cookies_of_8_kib_pass(gateway, size):
    cookies = b"; ".join(b"name%d=%s" % (number, b"v" * 40) for number in range(size // 50))
    assert get(gateway, b"Cookie: %s\r\n" % cookies).statuses == [200]


def test_two_cookie_headers_and_an_odd_one_pass(gateway):
    assert get(gateway, b'Cookie: a=b\r\ncookie: c="d\r\nCOOKIE: ;;;=\r\n').statuses == [200]


def test_a_head_that_is_too_long_is_said_to_be(gateway):
    answer = get(gateway, b"X: %s\r\n" % (b"x" * 11_000))
    assert answer.statuses == [431]


@pytest.mark.parametrize("head_bytes, fits, not_more", [("8192", 5_500, 8_000), ("65536", 60_000, 66_000)])
def test_how_long_a_head_may_be_is_a_setting(broker, head_bytes, fits, not_more):
    with Gateway(broker.url, head_bytes=head_bytes) as gateway:
        assert get(gateway, b"Cookie: %s\r\n" % (b"x" * fits)).statuses == [200]
        assert get(gateway, b"Cookie: %s\r\n" % (b"x" * not_more)).statuses == [431]


LENGTHS = {b"x": 400, b"-1": 400, b"1x": 400, b"": 400, b" ": 400, b"+1": 400, b"99999999999999999999": 413, b"0x10": 400, b"1,1": 400}


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: repr(length))
def test_a_length_that_is_none_gets_one_answer_and_it_is_ours(gateway, length):
    status = LENGTHS[length]
    for _ in range(5):
        answer = get(gateway, b"Content-Length: %s\r\n" % length)
        assert answer.data.count(b"HTTP/1.1") == 1 and answer.statuses == [status], answer.data
        assert b"application/problem+json" in answer.data and b"X-Request-Id" in answer.data


def test_it_is_the_right_one_among_many_slow_heads(gateway):
    slow = [socket.create_connection(gateway.address) for _ in range(50)]
    for number, connection in enumerate(slow):
        connection.sendall(HEAD + (b"Content-Length: 5\r\n" if number % 2 else b""))
    gateway.wait_for_connections(50)
    for _ in range(50):
        answer = get(gateway, b"Content-Length: x\r\n")
        assert answer.statuses == [400] and answer.data.count(b"HTTP/1.1") == 1
    for number, connection in enumerate(slow):
        connection.sendall(b"\r\n" + (b"abcde" if number % 2 else b""))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        connection.close()


def test_such_answers_are_counted_and_logged(gateway):
    counted = 'gateway_http_requests_total{route="other",method="other",status="%d"}'
    before = {status: metric(gateway, counted % status) for status in (400, 414, 505)}
    lines = requests(gateway)
    assert get(gateway, b"Content-Length: x\r\n").statuses == [400]
    assert get(gateway, b"", b"/" + b"x" * 13_000).statuses == [414]
    assert converse(gateway.address, b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", expect=1).statuses == [505]
    after = {status: metric(gateway, counted % status) for status in (400, 414, 505)}
    assert after == {status: count + 1 for status, count in before.items()}
    until(lambda: requests(gateway) == lines + 3, "a line each")


def requests(gateway):
    return len([line for line in gateway.log() if line["message"] == "request"])


def metric(gateway, name):
    try:
        return gateway.metric(name)
    except AssertionError:
        return 0


@pytest.mark.parametrize("framing", [b"5\n12345\n0\n\n", b"5;a=\n\r\n12345\r\n0\r\n\r\n", b"5\r\n12345\r\n0\r\n\r\n", b"0000005\r\n12345\r\n0\r\n\r\n"])
def test_nothing_behind_a_chunked_body_is_read_as_a_request(gateway, framing):
    head = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    before = gateway.metric('gateway_http_requests_total{route="/livez",method="GET",status="200"}')
    answer = converse(gateway.address, head + framing + HEAD + b"\r\n", timeout=2)
    assert len(answer.statuses) == 1 and answer.closed
    assert gateway.metric('gateway_http_requests_total{route="/livez",method="GET",status="200"}') == before


def test_it_is_the_one_whose_head_is_complete(gateway):
    unfinished = [socket.create_connection(gateway.address, timeout=PATIENCE) for _ in range(10)]
    for connection in unfinished:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: y\r\n")
    gateway.wait_for_connections(10)
    for _ in range(20):
        answer = get(gateway, b"Content-Length: x\r\n")
        assert answer.statuses == [400] and answer.data.count(b"HTTP/1.1") == 1, answer.data
    for connection in unfinished:
        connection.sendall(b"\r\n")
        data = connection.recv(4096)
        assert data.startswith(b"HTTP/1.1 400 ") and data.count(b"HTTP/1.1") == 1
        connection.close()


KNOWN = b"GET /livez?a=1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\nAuthorization: Bearer k\r\n\r\n"
# The same bytes as KNOWN once the parser has put NULs between the parts, but for what a client has done by itself.
LOOKALIKES = {
    "NULs for the end of a line": KNOWN.replace(b"\r\nAccept: ", b"\0\0Accept\0 "),
    "NULs for the end of the head": KNOWN.replace(b"\r\n\r\n", b"\0\0\r\n"),
    "NUL for a colon": KNOWN.replace(b"Accept:", b"Accept\0"),
    "LF and NUL": KNOWN.replace(b"localhost\r\n", b"localhost\n\0"),
    "two LF": KNOWN.replace(b"localhost\r\n", b"localhost\n\n"),
    "a folded line": KNOWN.replace(b"\r\nAccept", b"\r\n Accept"),
    "NUL in the target": KNOWN.replace(b"livez?", b"livez\0"),
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_looks_like_a_known_head_is_none(gateway, name):
    for _ in range(4):
        assert converse(gateway.address, KNOWN, expect=1).statuses == [200]
    answer = converse(gateway.address, LOOKALIKES[name], expect=1)
    # The second head is cut off by whatever ends the first one: never is it taken for KNOWN.
    assert answer.statuses[:1] in ([400], []), answer.data
    assert converse(gateway.address, KNOWN, expect=1).statuses == [200]


def test_a_known_head_is_told_from_one_with_another_query(gateway):
    def limit(number):
        return get(gateway, b"", b"/v1/rooms?limit=%d" % number)

    for _ in range(4):
        assert limit(1).statuses == [503]
    # Of the query, the parser's buffer has all but its first byte.
    assert get(gateway, b"", b"/v1/rooms?Limit=1").statuses == [422]
    assert limit(0).statuses == [422]
    assert limit(1).statuses == [503]


def test_each_caller_stays_itself_among_known_heads(broker, tmp_path):
    """Heads of the same length that differ in the key, more of them than are known at a time."""
    keys = {f"n{number:03}": create_key(f"n{number:03}", "*") for number in range(100)}
    config = tmp_path / "gateway.yaml"
    config.write_text("keys:\n" + "\n".join(key.entry for key in keys.values()))
    with Gateway(broker.url, loops=1, config=config) as gateway:
        for _ in range(3):
            for name, key in keys.items():
                head = b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % key.key.encode()
                answer = converse(gateway.address, head * 3, expect=3)
                assert answer.statuses == [200] * 3
                assert answer.data.count(b'"%s"' % name.encode()) == 3, answer.data
                assert converse(gateway.address, head.replace(b"sgw_", b"sgv_"), expect=1).statuses == [401]
