"""A request with an `Idempotency-Key` may be sent again: it is done once, and answered the same."""

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import CuttingProxy, Gateway, Witness, assert_problem, converse
from harness.patience import end_of_patience

EVENT = {"event": "once"}
ROOM = "room"
NDJSON = "application/x-ndjson"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange, loops=2) as gateway:
        yield gateway


@pytest.fixture
def key():
    """One that no other test has."""
    return {"Idempotency-Key": f"key {next(NUMBERS)}"}


def is_replayed(response):
    value = response.headers["Idempotent-Replayed"]
    assert value in (None, "true")
    return value == "true"


def test_over_all_loops_and_connections_it_is_published_once(gateway, witness, key):
    """Each request has a connection of its own: the kernel gives it to one of the two loops."""
    answers = [gateway.post(EVENT, key) for _ in range(24)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert [is_replayed(answer) for answer in answers] == [False] + [True] * 23
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 24
    gateway.emit(event="end")
    assert [message.json["event"] for message in witness.take(2)] == ["once", "end"]


def test_without_a_key_or_with_another_it_is_published_again(gateway, witness, key):
    for headers in (key, {}, {}, {"Idempotency-Key": "Key of another"}, {"Idempotency-Key": "key of another"}):
        response = gateway.post(EVENT, headers)
        assert (response.status, is_replayed(response)) == (200, False)
    assert len(witness.take(5)) == 5


def test_an_answer_without_confirm_is_given_again_too(gateway, witness, key):
    answers = [gateway.post({**EVENT, "confirm": "none"}, key) for _ in range(3)]
    assert [answer.status for answer in answers] == [202] * 3
    assert len({answer.body for answer in answers}) == 1
    gateway.emit(event="end")
    assert len(witness.take(2)) == 2


@pytest.mark.parametrize("media", ["application/json", NDJSON])
def test_a_batch_is_published_once(gateway, witness, key, media):
    items = [{"event": "a"}, {"event": "b", "room": "r"}, {"event": "c"}]
    body = json.dumps({"items": items}) if media != NDJSON else "\n".join(map(json.dumps, items))
    answers = [gateway.post(body, {**key, "Content-Type": media}, "/v1/batch") for _ in range(8)]
    assert {answer.status for answer in answers} == {207}
    assert len({answer.body for answer in answers}) == 1
    assert [is_replayed(answer) for answer in answers] == [False] + [True] * 7
    assert [message.json["event"] for message in witness.take(2)] == ["a", "c"]


def test_a_large_answer_is_given_again_whole(gateway, witness, key):
    body = json.dumps({"items": [EVENT] * 5_000})
    first, again = (gateway.post(body, key, "/v1/batch") for _ in range(2))
    assert (first.status, is_replayed(again)) == (200, True)
    assert first.body == again.body and len(first.json["results"]) == 5_000
    assert len(witness.all()) == 5_000


OTHERS = {
    "another body": ("/v1/emit", {"event": "twice"}, {}),
    "the same in other bytes": ("/v1/emit", b'{ "event": "once"}', {}),
    "another path": ("/v1/batch", EVENT, {}),
    "another path and media type": ("/v1/batch", EVENT, {"Content-Type": NDJSON}),
}


@pytest.mark.parametrize("path, body, headers", OTHERS.values(), ids=OTHERS)
def test_a_key_that_comes_with_another_request_is_422(gateway, witness, key, path, body, headers):
    assert gateway.post(EVENT, key).status == 200
    problem = assert_problem(gateway.post(body, {**key, **headers}, path), 422, "idempotency_key_reused")
    assert problem["retryable"] is False
    assert is_replayed(gateway.post(EVENT, {**key, "Content-Type": "application/json; charset=UTF-8"}))
    assert len(witness.take(1)) == 1


def test_an_invalid_request_leaves_its_key_free(gateway, witness, key):
    for body, path in (({"event": ""}, "/v1/emit"), (b"{", "/v1/emit"), ({"items": [1, {}]}, "/v1/batch")):
        response = gateway.post(body, key, path)
        assert response.status in (400, 422) and not is_replayed(response)
    assert gateway.post(EVENT, key).status == 200
    assert len(witness.take(1)) == 1


BAD_KEYS = {"an empty one": b"", "blanks": b"   ", "a long one": b"k" * 256, "not ASCII": "schlüssel".encode(), "latin-1": b"\xff"}


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_bad_key_is_422_and_nothing_is_published(gateway, witness, bad):
    head = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"
    conversation = converse(gateway.address, head + b"Idempotency-Key: " + bad + b'\r\n\r\n{"event":"once"}', expect=1)
    assert conversation.statuses == [422] and b'"invalid_request"' in conversation.data
    assert witness.waiting() == []


def test_two_keys_are_400(gateway, witness):
    head = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"
    two = b'Idempotency-Key: a\r\nidempotency-key: a\r\n\r\n{"event":"once"}'
    assert converse(gateway.address, head + two, expect=1).statuses == [400]
    assert witness.waiting() == []


@pytest.mark.parametrize("key", ["k" * 255, '"quoted"', "a b~", "!"])
def test_a_key_may_have_any_printable_character(gateway, witness, key):
    headers = {"Idempotency-Key": key}
    assert [is_replayed(gateway.post({"event": "e"}, headers)) for _ in range(2)] == [False, True]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("key", ["k", ""])
def test_where_nothing_is_done_a_key_is_ignored(gateway, method, key):
    for path in ("/livez", "/openapi.yaml"):
        for _ in range(2):
            response = gateway.request(method, path, headers={"Idempotency-Key": key})
            assert response.status == (204 if method == "OPTIONS" else 200)
            assert not is_replayed(response)


def test_without_the_api_key_nobody_gets_the_answer(broker, exchange, witness, key):
    with Gateway(broker.url, python_socketio_exchange=exchange, api_key="secret") as closed:
        assert closed.post(EVENT, {**key, "X-API-Key": "secret"}).status == 200
        response = closed.post(EVENT, {**key, "X-API-Key": "another"})
        assert_problem(response, 401, "unauthorized")
        assert not is_replayed(response)
        assert is_replayed(closed.post(EVENT, {**key, "Authorization": "Bearer secret"}))
    assert len(witness.take(1)) == 1


# With a broker that makes trouble


def amqp0_gateway(url, exchange, **settings):
    return Gateway(url, wire_format="amqp0", amqp0_exchange=exchange, loops=2, **settings)


TO_ROOM = {"event": "once", "rooms": [ROOM]}


def know_the_exchange(gateway):
    """On both loops: what waits to be looked up is not published while the broker stands still."""
    for _ in range(24):
        assert gateway.emit(event="known", rooms=[ROOM])["routed"] is True


def once(witness):
    return [message.json["packet"]["data"][0] for message in witness.all()].count("once")


def test_of_many_at_the_same_time_one_is_done_and_the_others_are_409(own_broker, key):
    with Witness(own_broker.url, "idempotency.race", "direct", [ROOM]) as witness:
        with amqp0_gateway(own_broker.url, "idempotency.race", confirm_timeout="30s") as gateway:
            know_the_exchange(gateway)
            own_broker.pause()
            try:
                with ThreadPoolExecutor(24) as pool:
                    asked = [pool.submit(gateway.post, TO_ROOM, key, "/v1/emit") for _ in range(24)]
                    deadline = end_of_patience()
                    while sum(answer.done() for answer in asked) < 23:
                        assert time.monotonic() < deadline, "more than one waits"
                        time.sleep(0.02)
                    own_broker.resume()
                    answers = [answer.result() for answer in asked]
            finally:
                own_broker.resume()
            assert sorted(answer.status for answer in answers) == [200] + [409] * 23
            for answer in answers:
                if answer.status == 409:
                    problem = assert_problem(answer, 409, "idempotency_key_in_flight")
                    assert problem["retryable"] is True and int(answer.headers["Retry-After"]) >= 1
            assert is_replayed(gateway.post(TO_ROOM, key))
        assert once(witness) == 1


def test_who_left_before_the_answer_gets_it_the_next_time(own_broker, key):
    with Witness(own_broker.url, "idempotency.left", "direct", [ROOM]) as witness:
        with amqp0_gateway(own_broker.url, "idempotency.left", confirm_timeout="30s") as gateway:
            know_the_exchange(gateway)
            own_broker.pause()
            try:
                with gateway.send(TO_ROOM, key):
                    gateway.wait_for_in_flight(1)
                assert_problem(gateway.post(TO_ROOM, key), 409, "idempotency_key_in_flight")
            finally:
                own_broker.resume()
            deadline = end_of_patience()
            while (response := gateway.post(TO_ROOM, key)).status == 409:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert (response.status, is_replayed(response), response.json["routed"]) == (200, True, True)
        assert once(witness) == 1


@pytest.mark.parametrize("path, body", [("/v1/emit", TO_ROOM), ("/v1/batch", {"items": [TO_ROOM] * 3})])
def test_an_unknown_outcome_stays_what_it_is(own_broker, key, path, body):
    exchange = f"idempotency.unknown{path}"
    with Witness(own_broker.url, exchange, "direct", [ROOM]) as witness:
        with amqp0_gateway(own_broker.url, exchange, confirm_timeout="500ms") as gateway:
            know_the_exchange(gateway)
            own_broker.pause()
            try:
                first = gateway.post(body, key, path)
            finally:
                own_broker.resume()
            gateway.wait_until_ready()
            answers = [gateway.post(body, {**key, "X-Request-Id": "again"}, path) for _ in range(6)]
            if path == "/v1/emit":
                assert_problem(first, 504, "confirm_timeout")
                for answer in answers:
                    assert assert_problem(answer, 504, "confirm_timeout")["outcome"] == "unknown"
            else:
                assert [result["status"] for result in first.json["results"]] == [504] * 3
                assert {answer.body for answer in answers} == {first.body}
            assert not is_replayed(first) and all(map(is_replayed, answers))
            assert {answer.headers["X-Request-Id"] for answer in answers} == {"again"}
            gateway.emit(event="end", rooms=[ROOM])
            time.sleep(0.5)
        # What the broker had got before it stood still it took afterwards: nobody could know.
        assert once(witness) in (0, 1 if path == "/v1/emit" else 3)


def test_after_a_certain_failure_the_key_is_free(own_broker, key):
    with CuttingProxy(own_broker.url) as proxy, amqp0_gateway(proxy.url, "idempotency.free") as gateway:
        proxy.cut()
        gateway.wait_until(lambda: gateway.get("/readyz").status == 503, end_of_patience(), "notice the loss")
        for path, body in (("/v1/emit", TO_ROOM), ("/v1/batch", {"items": [TO_ROOM]})):
            for _ in range(4):
                response = gateway.post(body, key, path)
                assert response.status == 503 and b"broker_unavailable" in response.body
                assert not is_replayed(response)
        proxy.mend()
        gateway.wait_until_ready()
        with Witness(own_broker.url, "idempotency.free", "direct", [ROOM]) as witness:
            assert [is_replayed(gateway.post(TO_ROOM, key)) for _ in range(4)] == [False, True, True, True]
            assert once(witness) == 1


# Bounds


@pytest.mark.timed
def test_an_answer_is_forgotten_when_its_time_has_come(broker, exchange, witness, key):
    with Gateway(broker.url, python_socketio_exchange=exchange, loops=2, idempotency_lifetime="1500ms") as gateway:
        start = time.monotonic()
        first = gateway.post(EVENT, key)
        answered = time.monotonic()
        while is_replayed(response := gateway.post(EVENT, key)):
            assert response.body == first.body
            assert time.monotonic() < answered + 5, "not forgotten"
            time.sleep(0.05)
        assert time.monotonic() - start >= 1.5, "forgotten early"
        assert response.status == 200 and response.json["id"] != first.json["id"]
        assert len(witness.take(2)) == 2
        # And may be another request then.
        time.sleep(1.6)
        assert gateway.post({"event": "another"}, key).status == 200


@pytest.mark.timed
def test_when_too_much_is_kept_new_keys_are_503_and_no_old_one_is_forgotten(broker, exchange, witness):
    settings = {"idempotency_bytes": 65_536, "idempotency_lifetime": "3s"}
    with Gateway(broker.url, python_socketio_exchange=exchange, loops=2, **settings) as gateway:
        start = time.monotonic()
        kept = 0
        while (response := gateway.post(EVENT, {"Idempotency-Key": f"k{kept}"})).status == 200:
            kept += 1
            assert kept < 500, "the store is not bounded"
        assert_problem(response, 503, "overloaded")
        assert int(response.headers["Retry-After"]) >= 1
        assert kept > 50
        published = kept
        large = {"items": [{"event": "e", "data": "x" * 70_000}]}
        assert_problem(gateway.post(large, {"Idempotency-Key": "large"}, "/v1/batch"), 503, "overloaded")
        assert gateway.post(EVENT).status == 200, "who wants no protection needs no room"
        replays = [gateway.post(EVENT, {"Idempotency-Key": f"k{number}"}) for number in (0, kept // 2, kept - 1)]
        assert time.monotonic() - start < 3, "this machine is too slow for the lifetime of this test"
        assert all(map(is_replayed, replays))
        deadline = end_of_patience()
        while gateway.post(EVENT, {"Idempotency-Key": "new"}).status == 503:
            assert time.monotonic() < deadline, "no room again"
            time.sleep(0.1)
    assert len(witness.all()) == published + 2
