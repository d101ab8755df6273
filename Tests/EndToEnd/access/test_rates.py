"""How often a key may be used: over all event loops, and told with every answer."""

import http.client
import json
import time
from email.utils import parsedate_to_datetime

import pytest

from harness import Gateway, assert_problem, create_key
from harness.patience import PATIENCE

pytestmark = pytest.mark.timed

EVENT = {"event": "hello"}
BATCH = "/v1/batch"


@pytest.fixture(scope="module")
def keys():
    """Each is used up by one test only."""
    return {
        "slow": create_key("slow", "emit", rate="20/h"),
        "quick": create_key("quick", "emit", rate="2/s"),
        "batch": create_key("batch", "emit", rate="20/h"),
        "batch again": create_key("batch-again", "emit", rate="60/m", burst=3),
        "burst": create_key("burst", "emit", rate="1/h", burst=5),
        "refused": create_key("refused", "emit", rate="3/h"),
        "wide": create_key("wide", "emit", rate="1000/h"),
        "narrow": create_key("narrow", "emit", rate="100/h"),
        "free": create_key("free", "*"),
    }


@pytest.fixture(scope="module")
def gateway(broker, exchange, keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "gateway.yaml"
    path.write_text("keys:\n" + "".join(key.entry for key in keys.values()))
    with Gateway(broker.url, python_socketio_exchange=exchange, config=path, loops=2) as gateway:
        yield gateway


def limits(response):
    return tuple(int(response.headers[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


def test_answers_on_one_connection_tell_nothing_of_each_other(gateway, keys):
    connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
    requests, emits, told = set(), set(), []
    for turn in range(60):
        name = ("wide", "free", "narrow", "wide", "wide")[turn % 5]
        headers = {"Content-Type": "application/json", **keys[name].header}
        connection.request("POST", "/v1/emit", json.dumps(EVENT), headers)
        with connection.getresponse() as response:
            answer = json.loads(response.read())
            names = [header.lower() for header, _ in response.getheaders()]
            assert response.status == 200 and len(names) == len(set(names))
            assert abs(parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()) < 3
            told.append((name, response.headers["RateLimit-Limit"], response.headers["RateLimit-Remaining"]))
            requests.add(response.headers["X-Request-Id"])
            emits.add(answer["id"])
    connection.close()
    assert len(requests) == len(emits) == 60 and not requests & emits
    left = {"wide": 1_000, "narrow": 100}
    for name, limit, remaining in told:
        if name == "free":
            assert limit is remaining is None
        else:
            assert limit == {"wide": "1000", "narrow": "100"}[name]
            # At most one comes back in between.
            left[name] -= 1
            assert int(remaining) - left[name] in (0, 1)


def batch(gateway, key, count):
    return gateway.post({"items": [EVENT] * count}, key.header, BATCH)


def test_a_rate_holds_over_all_loops(gateway, keys):
    # Each on a connection of its own, which the kernel gives to one loop or the other.
    responses = [gateway.post(EVENT, keys["slow"].header) for _ in range(40)]
    assert [response.status for response in responses] == [200] * 20 + [429] * 20
    assert [limits(response)[:2] for response in responses] == [(20, max(0, 19 - n)) for n in range(40)]
    for response in responses:
        _, remaining, reset = limits(response)
        assert 3_600 * (20 - remaining) / 20 - 30 < reset <= 3_600 * (20 - remaining) / 20
    for response in responses[20:]:
        problem = assert_problem(response, 429, "rate_limited")
        assert problem["retryable"] is True
        assert 150 < int(response.headers["Retry-After"]) <= 180
    # Nobody else has less for it.
    assert gateway.post(EVENT, keys["free"].header).status == 200


def test_who_waits_as_told_is_served(gateway, keys):
    header = keys["quick"].header
    for _ in range(3):
        while (response := gateway.post(EVENT, header)).status == 200:
            pass
        assert response.status == 429
        wait = int(response.headers["Retry-After"])
        assert wait == 1
        time.sleep(wait)
        assert gateway.post(EVENT, header).status == 200


def test_every_item_of_a_batch_counts(gateway, keys):
    assert_problem(batch(gateway, keys["batch"], 21), 413, "payload_too_large")
    # That request has cost one.
    response = batch(gateway, keys["batch"], 10)
    assert (response.status, limits(response)[1]) == (200, 9)
    response = batch(gateway, keys["batch"], 10)
    assert_problem(response, 429, "rate_limited")
    # All of it, or nothing but the request.
    assert limits(response)[1] == 8
    response = batch(gateway, keys["batch"], 8)
    assert (response.status, limits(response)[1]) == (200, 0)


def test_a_batch_that_waits_as_told_is_taken(gateway, keys):
    assert batch(gateway, keys["batch again"], 3).status == 200
    waits = []
    while (response := batch(gateway, keys["batch again"], 3)).status == 429:
        waits.append(int(response.headers["Retry-After"]))
        time.sleep(waits[-1])
    assert response.status == 200
    # First it is told when there is one for the request: how many items it has is not known before it is read.
    assert waits == [1, 3]


def test_a_burst_may_be_more_than_the_rate(gateway, keys):
    statuses = [gateway.post(EVENT, keys["burst"].header).status for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


def test_what_is_refused_counts_and_what_is_unknown_does_not(gateway, keys):
    key = keys["refused"]
    assert gateway.post(EVENT, {"X-API-Key": key.key[:-1]}).status == 401
    assert_problem(gateway.get("/v1/rooms", key.header), 403, "insufficient_scope")
    response = gateway.post({}, key.header)
    assert (response.status, limits(response)[1]) == (422, 1)
    assert gateway.get("/livez", key.header).status == 200
    assert gateway.post(EVENT, key.header).status == 200
    assert gateway.post({}, key.header).status == 429


def test_without_a_rate_nothing_is_said_of_one(gateway, keys):
    response = gateway.post(EVENT, keys["free"].header)
    assert not [name for name in response.headers if name.lower().startswith("ratelimit")]


def test_a_refused_request_with_an_idempotency_key_may_come_again(broker, exchange, tmp_path):
    key = create_key("a", "emit", rate="2/s", burst=1)
    path = tmp_path / "gateway.yaml"
    path.write_text("keys:\n" + key.entry)
    with Gateway(broker.url, python_socketio_exchange=exchange, config=path) as gateway:
        assert gateway.post(EVENT, key.header).status == 200
        headers = {**key.header, "Idempotency-Key": "k"}
        assert gateway.post(EVENT, headers).status == 429
        time.sleep(1)
        response = gateway.post(EVENT, headers)
        assert response.status == 200 and "Idempotent-Replayed" not in response.headers
