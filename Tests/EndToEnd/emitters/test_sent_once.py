"""Whatever is lost on the way, an emitter's event is sent once, and it says so only if it was."""

import json
import socket
import time
from contextlib import contextmanager

import pytest

from harness import VERSION, CuttingProxy, Gateway, Middleman, create_key
from harness.certificates import Authority
from harness.patience import until

KEY = "key of the emitters"
ONCE = ["once", {"id": 42}]


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with a_gateway(broker.url, exchange) as gateway:
        yield gateway


def a_gateway(url, exchange, **settings):
    """Without questions to servers it has one connection to the broker, which a proxy holds whole."""
    return Gateway(url, python_socketio_exchange=exchange, api_key=KEY, cluster_enabled="false", loops=1, **settings)


def said(status, body, fields=""):
    """An answer of whoever it was."""
    text = body if isinstance(body, str) else json.dumps(body)
    return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{fields}Content-Length: {len(text)}\r\n\r\n{text}".encode()


def problem(code, **members):
    """As the gateway says it."""
    return {"type": f"/problems#{code}", "code": code, "detail": "d", "requestId": "r", "retryable": True, **members}


@contextmanager
def without_broker(broker, exchange):
    """A gateway that has lost its broker, and the proxy that gives it back."""
    with CuttingProxy(broker.url) as proxy, a_gateway(proxy.url, exchange) as gateway:
        proxy.cut()
        until(lambda: gateway.get("/readyz").status == 503, "the loss is noticed")
        yield gateway, proxy


@contextmanager
def held_broker(broker, exchange, confirm_timeout):
    """A gateway whose next message the broker gets only after `proxy.go_on()`."""
    with CuttingProxy(broker.url) as proxy, a_gateway(proxy.url, exchange, confirm_timeout=confirm_timeout) as gateway:
        assert gateway.post({"event": "known"}, {"X-API-Key": KEY}).status == 200
        proxy.hold_after(1)
        yield gateway, proxy


def sent(witness):
    return [[message.json["event"], *message.json["data"]] for message in witness.waiting()]


def error(result, *members):
    return tuple(result["error"][member] for member in members or ("status", "code", "outcome"))


@pytest.mark.parametrize("what", ["cut", "half", "502"])
def test_an_answer_that_is_lost_is_asked_for_again(start, gateway, witness, language, what):
    with Middleman(gateway.address, what, what) as middleman:
        answer = start(middleman.url, "once").result()
        assert (answer["status"], middleman.statuses()) == ("confirmed", [200] * 3)
        assert len(middleman.keys()) == 1 and len(middleman.keys().pop()) >= 16
        assert {request.headers["Authorization"] for request in middleman.requests} == {f"Bearer {KEY}"}
        assert {request.headers["User-Agent"] for request in middleman.requests} == {f"socketio-gateway-emitter-{language.name}/{VERSION}"}
    assert sent(witness) == [ONCE]


def test_each_emit_has_a_key_of_its_own_and_the_connection_is_kept(start, gateway, witness):
    with Middleman(gateway.address) as middleman:
        assert [answer["status"] for answer in start(middleman.url, "twice").result()] == ["confirmed"] * 2
        assert len(middleman.keys()) == 2
        assert {request.connection for request in middleman.requests} == {1}
    assert sent(witness) == [ONCE] * 2


def test_a_kept_connection_that_has_ended_is_no_loss(start, gateway, witness):
    with Middleman(gateway.address, "end") as middleman:
        assert [answer["status"] for answer in start(middleman.url, "twice").result()] == ["confirmed"] * 2
        assert [request.connection for request in middleman.requests][-1] == 2
    assert sent(witness) == [ONCE] * 2


def test_a_broker_that_comes_back(start, broker, exchange, witness):
    with without_broker(broker, exchange) as (gateway, proxy):
        with Middleman(gateway.address) as middleman:
            program = start(middleman.url, "once")
            until(lambda: middleman.statuses().count(503) >= 2, "it has tried again")
            proxy.mend()
            assert program.result()["status"] == "confirmed"
            assert middleman.statuses()[-1] == 200 and len(middleman.keys()) == 1
    assert sent(witness) == [ONCE]


def test_a_broker_that_stays_away_is_an_error_and_nothing_was_sent(start, broker, exchange, witness):
    with without_broker(broker, exchange) as (gateway, proxy):
        result = start("http://%s:%d" % gateway.address, "once", retry_for=0).result()
        assert error(result, "status", "code", "outcome", "retryable") == (503, "broker_unavailable", None, True)
    assert sent(witness) == []


@pytest.mark.parametrize("plan, requests", [([], 1), (["cut"], 2)], ids=["as it is", "its answer lost"])
def test_what_nobody_knows_is_not_sent_again(start, broker, exchange, witness, plan, requests):
    with held_broker(broker, exchange, "500ms") as (gateway, proxy), Middleman(gateway.address, *plan) as middleman:
        program = start(middleman.url, "once")
        proxy.wait_until_held()
        assert error(program.result(), "status", "code", "outcome", "retryable") == (504, "confirm_timeout", "unknown", False)
        assert middleman.statuses() == [504] * requests
        proxy.go_on()
    assert sent(witness) in ([["known"]], [["known"], ONCE])


def test_an_emit_that_is_under_way_is_waited_for(start, broker, exchange, witness):
    with held_broker(broker, exchange, "30s") as (gateway, proxy), Middleman(gateway.address, "leave") as middleman:
        program = start(middleman.url, "once")
        until(lambda: 409 in middleman.statuses(), "the first is under way")
        proxy.go_on()
        assert program.result()["status"] == "confirmed"
        assert len(middleman.keys()) == 1
    assert sent(witness) == [["known"], ONCE]


def test_a_rate_is_kept_to(start, broker, exchange, witness, tmp_path):
    key = create_key("slow", "emit", rate="1/s", burst="1")
    (tmp_path / "gateway.yaml").write_text(f"keys:\n{key.entry}")
    with Gateway(broker.url, "--config", str(tmp_path / "gateway.yaml"), python_socketio_exchange=exchange) as gateway:
        with Middleman(gateway.address) as middleman:
            results = start(middleman.url, "twice", key=key.key).result()
            assert [answer["status"] for answer in results] == ["confirmed"] * 2
            assert middleman.statuses().count(429) == 1, "`Retry-After` was waited for"
    assert sent(witness) == [ONCE] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("scenario", ["once", "own_client"])
def test_a_redirection_is_not_followed(start, gateway, witness, language, scenario, status):
    if scenario == "own_client" and not language.takes_client:
        pytest.skip("it takes no client for HTTP of its user's own")
    with Middleman(gateway.address) as elsewhere:
        answer = said(status, "elsewhere", f"Location: {elsewhere.url}/v1/emit\r\n")
        with Middleman(gateway.address, answer) as middleman:
            result = start(middleman.url, scenario, retry_for=0).result()
            assert error(result, "status", "code", "outcome", "retryable") == (status, "bad_answer", "unknown", False)
            assert len(middleman.requests) == 1 and elsewhere.requests == []
    assert sent(witness) == []


FOREIGN = {
    "code": said(504, {"code": "GATEWAY_TIMEOUT", "message": "upstream"}),
    "number": said(502, {"code": 502, "message": "upstream"}),
    "whole": said(502, problem("upstream_failed", type="about:blank", retryable=False)),
    "typeless": said(503, {"code": "unavailable", "detail": "d", "retryable": False}),
    "untrue": said(503, problem("overloaded", retryable="no")),
    "text": said(503, problem("overloaded", detail={"a": 1}, requestId=7)),
    "errors": said(503, problem("overloaded", errors="none")),
    "item": said(503, problem("overloaded", errors=[7])),
    "outcome": said(503, problem("overloaded", outcome=7, retryable=False)),
}


@pytest.mark.parametrize("answer", FOREIGN.values(), ids=FOREIGN)
def test_a_code_of_something_between_is_not_the_gateways_word(start, gateway, witness, answer):
    with Middleman(gateway.address, answer, answer) as middleman:
        result = start(middleman.url, "once", retry_for=0).result()
        assert error(result, "code", "outcome", "retryable") == ("bad_answer", "unknown", False)
        assert start(middleman.url, "once").result()["status"] == "confirmed"
        assert len(middleman.requests) == 3 and len(middleman.keys()) == 2
    assert sent(witness) == [ONCE]


ODD = {  # the scenario, and what it is answered
    "null": ("once", said(200, "null")),
    "list": ("once", said(200, [7])),
    "empty": ("once", said(200, {})),
    "status": ("once", said(200, {"status": 200})),
    "text": ("once", said(200, "<html>")),
    "deep list": ("once", said(200, "[" * 100_000)),
    "deep object": ("once", said(200, '{"a":' * 100_000)),
    "whole and deep": ("once", said(200, "[" * 100_000 + "]" * 100_000)),
    "results": ("once", said(503, {"results": 7})),
    "results of a batch": ("valid_batch", said(503, {"results": 7})),
    "results that succeed": ("valid_batch", said(200, {"results": 7})),
    "results without a result": ("valid_batch", said(503, {"results": [], "confirmed": 0, "failed": 0})),
    "results of numbers": ("valid_batch", said(503, {"results": [7], "confirmed": 0, "failed": 1})),
    "results with problems of others": ("valid_batch", said(503, {"results": [{"status": 503, "problem": {"retryable": False}}]})),
    "sockets": ("fetched", said(200, {"sockets": 7, "complete": True, "nextCursor": None, "servers": {}})),
    "no sockets": ("fetched", said(200, {"results": 7})),
    "cursor": ("fetched", said(200, {"sockets": [], "complete": True, "nextCursor": 7, "servers": {}})),
    "time": ("once", "HTTP/1.1 503 X\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n".encode("latin-1")),
}


@pytest.mark.parametrize("scenario, answer", ODD.values(), ids=ODD)
def test_an_answer_of_another_shape_is_no_success_and_no_other_error(start, gateway, scenario, answer):
    with Middleman(gateway.address, answer) as middleman:
        result = start(middleman.url, scenario, retry_for=0).result()
        assert error(result, "code", "outcome", "retryable") == ("bad_answer", "unknown", False)
        assert len(middleman.requests) == 1


@pytest.mark.parametrize("fields", ["Content-Length: 99999999999999999999999", "Content-Length: -5", "Content-Length: x"])
def test_a_length_that_is_none_is_no_other_error(start, gateway, fields):
    broken(start, gateway, f"{fields}\r\n\r\n{{}}")


@pytest.mark.parametrize("size", ["ffffffffffffffffffff", "7fffffffffffffff", "zz", "", "-5"])
def test_a_chunk_without_a_true_size_is_no_other_error(start, gateway, size):
    broken(start, gateway, f"Transfer-Encoding: chunked\r\n\r\n{size}\r\nabc")


@pytest.mark.parametrize("framing", ["Content-Length: {0}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n{0:x}\r\n"], ids=["length", "chunk"])
def test_an_answer_without_end_is_not_read_to_its_end(start, gateway, framing):
    text = '{"status": "confirmed", "more": "' + "a" * (65 << 20) + '"}'
    answer = f"HTTP/1.1 200 OK\r\n{framing.format(len(text))}{text}\r\n0\r\n\r\n".encode()
    with Middleman(gateway.address, answer) as middleman:
        result = start(middleman.url, "once", retry_for=0).result()
        assert error(result, "status", "code", "outcome") == (200, "bad_answer", "unknown")


def broken(start, gateway, rest):
    """Whether that is an answer at all, the languages' libraries say."""
    with Middleman(gateway.address, f"HTTP/1.1 200 OK\r\n{rest}".encode()) as middleman:
        result = start(middleman.url, "once", timeout=0.5, retry_for=0).result()
        assert error(result, "code", "outcome", "retryable") in (("bad_answer", "unknown", False), ("no_answer", "unknown", False))


def test_no_time_to_wait_is_no_reason_to_ask_without_a_pause(start, gateway, witness):
    at_once = said(503, problem("broker_unavailable"), "Retry-After: 0\r\n")
    with Middleman(gateway.address, *[at_once] * 10_000) as middleman:
        result = start(middleman.url, "once", retry_for=1).result()
        assert error(result, "status", "code", "outcome", "retryable") == (503, "broker_unavailable", None, True)
        assert 2 <= len(middleman.requests) < 10
    assert sent(witness) == []


def test_without_an_answer_nobody_knows(start, gateway, witness):
    with Middleman(gateway.address, *["silent"] * 100) as middleman:
        result = start(middleman.url, "once", timeout=0.3, retry_for=1).result()
        assert error(result, "status", "code", "outcome", "retryable") == (None, "no_answer", "unknown", False)
        assert len(middleman.requests) >= 2 and len(middleman.keys()) == 1
    assert sent(witness) == []


@pytest.mark.parametrize("what", ["slow", "slow body"])
def test_the_time_is_for_the_whole_answer(start, gateway, witness, what):
    with Middleman(gateway.address, what) as middleman:
        asked = time.monotonic()
        result = start(middleman.url, "once", timeout=1, retry_for=0).result()
        assert error(result, "status", "code", "outcome") == (None, "no_answer", "unknown")
        assert time.monotonic() - asked < 4
    assert sent(witness) == [ONCE]


def test_without_a_connection_nothing_was_sent(start):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = "http://127.0.0.1:%d" % unused.getsockname()[1]
    result = start(url, "once", retry_for=0.5).result()
    assert error(result, "status", "code", "outcome", "retryable") == (None, "no_answer", None, True)


def test_after_a_loss_the_gateway_that_does_not_know_settles_nothing(start, broker, exchange, witness):
    with without_broker(broker, exchange) as (gateway, proxy):
        with Middleman(gateway.address, "silent") as middleman:
            result = start(middleman.url, "once", timeout=0.5, retry_for=1.5).result()
            assert error(result, "status", "outcome", "retryable") == (503, "unknown", False)
    assert sent(witness) == []


def test_over_tls_too_and_never_to_somebody_else(start, gateway, witness, tmp_path):
    ours = Authority(tmp_path)
    certificate = ours.issue("localhost", ["DNS:localhost"])
    with Middleman(gateway.address, "pass", "cut", certificate=certificate) as middleman:
        answers = start(middleman.url, "twice", authority=ours.certificate).result()
        assert [answer["status"] for answer in answers] == ["confirmed"] * 2
        assert [request.connection for request in middleman.requests] == [1, 1, 2]
        asked = time.monotonic()
        result = start(middleman.url, "once", retry_for=60).result()
        assert error(result, "status", "code", "outcome", "retryable") == (None, "no_answer", None, False)
        assert time.monotonic() - asked < 30 and len(middleman.requests) == 3, "a certificate does not mend by waiting"
    assert sent(witness) == [ONCE] * 2


def test_what_is_refused_is_not_sent_again(start, gateway, witness):
    with Middleman(gateway.address) as middleman:
        assert error(start(middleman.url, "once", key="another").result()) == (401, "unauthorized", None)
        assert middleman.statuses() == [401]
    assert sent(witness) == []


@pytest.mark.parametrize("plan", [["pass"], ["cut"]])
def test_a_batch_is_sent_once_and_says_what_became_of_each(start, gateway, witness, plan):
    with Middleman(gateway.address, *plan) as middleman:
        answer = start(middleman.url, "batch").result()
        assert [result["status"] for result in answer["results"]] == [200, 200, 422]
        assert (answer["confirmed"], answer["failed"], len(middleman.keys())) == (2, 1, 1)
        assert answer["results"][2]["problem"]["code"] == "invalid_request"
        items = json.loads(middleman.requests[0].body)["items"]
        assert items[1] == {"event": "second", "rooms": ["b"], "args": [{"$binary": "AP8="}], "binary": True}
    assert len(witness.waiting()) == 2


def test_a_batch_waits_for_the_broker(start, broker, exchange, witness):
    with without_broker(broker, exchange) as (gateway, proxy), Middleman(gateway.address) as middleman:
        program = start(middleman.url, "valid_batch")
        until(lambda: 503 in middleman.statuses(), "it was told")
        proxy.mend()
        assert program.result()["confirmed"] == 2
        assert len(middleman.keys()) == 1
    assert sent(witness) == [["first", 1], ["second", 2]]


def test_many_at_once_are_each_sent_once(start, gateway, witness):
    with Middleman(gateway.address, *["pass", "cut", "half", "502", "end"] * 20) as middleman:
        assert start(middleman.url, "many").result() == ["confirmed"] * 100
        assert len(middleman.keys()) == 100
    assert sorted(event[1] for event in sent(witness)) == list(range(100))


def test_after_a_fork_nobody_uses_the_connection_of_another(start, gateway, witness, language):
    if not language.forks:
        pytest.skip("programs of this language do not fork")
    with Middleman(gateway.address) as middleman:
        assert start(middleman.url, "forked").result() == 0
        assert len({request.connection for request in middleman.requests}) == 2
    assert sorted(event[1] for event in sent(witness)) == [*range(20), *range(101, 120)]


def test_a_key_that_is_none_is_refused_at_once_and_not_repeated(start):
    bad = ["", "secret\n", "\nsecret", "secret\r\nX-More: 1", " secret", "secret ", "\tsecret", "sec\0ret", "secr\u00e9t", "secret\u2028", "secret\x7f"]
    complaints = start("http://127.0.0.1:9", "keys", key=json.dumps([*bad, "a secret"])).result()
    assert complaints == [*complaints[:1] * len(bad), None]
    assert "printable ASCII" in complaints[0] and "secret" not in complaints[0]


def test_mistakes_are_told_where_they_are_made(start, gateway, witness):
    with Middleman(gateway.address) as middleman:
        complaints = start(middleman.url, "mistakes").result()
        assert complaints and all(complaints) and middleman.requests == []
    assert sent(witness) == []
