"""Many emits with one answer: in order, each with its own outcome, and to nobody else's cost."""

import http.client
import json
import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import CuttingProxy, Gateway, SocketIOServer, Witness, assert_problem
from harness.load import assert_truthful
from harness.patience import PATIENCE, end_of_patience

ROOM = "room"
MANY = 10_000
MEBIBYTE = 1024**2
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange, loops=1) as gateway:
        yield gateway


@pytest.fixture
def own_broker(own_broker):
    own_broker.start()
    return own_broker


def numbered(count):
    return [{"event": "load", "data": number, "rooms": [ROOM]} for number in range(count)]


def post_ndjson(gateway, items):
    body = "".join(json.dumps(item) + "\n" for item in items).encode()
    return gateway.request("POST", "/v1/batch", body, NDJSON, timeout=60)


def events(witness):
    return [message.json["event"] for message in witness.waiting()]


def statuses(response):
    answer = response.json
    found = [result["status"] for result in answer["results"]]
    assert (answer["confirmed"], answer["failed"]) == (found.count(200), len(found) - found.count(200))
    assert response.status == status_of(answer["results"], set(found))
    return found


def status_of(results, statuses):
    """200 for all, 207 for some, and for none what they have in common, but for those of which nobody knows."""
    if statuses <= {200}:
        return 200
    if 200 in statuses:
        return 207
    if any("outcome" in result["problem"] for result in results):
        return 504
    return statuses.pop() if len(statuses) == 1 else 422


# Order and forms


@pytest.mark.parametrize("post", [Gateway.batch, post_ndjson], ids=["JSON", "NDJSON"])
def test_ten_thousand_emits_arrive_in_order_and_are_all_answered(gateway, witness, post):
    response = post(gateway, numbered(MANY))
    assert statuses(response) == [200] * MANY
    assert [message.json["data"] for message in witness.all()] == [[number] for number in range(MANY)]
    results = response.json["results"]
    assert all(set(result) == {"status", "id", "routed"} and result["routed"] is None for result in results)
    identifiers = [result["id"] for result in results]
    assert sorted(set(identifiers)) == identifiers


def test_lines_may_come_in_pieces_and_blank_ones_are_none(gateway, witness):
    pieces = [b'{"event":"a"}\r\n\n{"eve', b'nt":"b"}', b"\n \t\n", b'{"event":"c"}']
    connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
    connection.request("POST", "/v1/batch", iter(pieces), NDJSON, encode_chunked=True)
    response = connection.getresponse()
    assert [result["status"] for result in json.loads(response.read())["results"]] == [200] * 3
    connection.close()
    assert events(witness) == ["a", "b", "c"]


def test_arguments_are_on_the_wire_byte_for_byte(gateway, witness):
    text = '{"b": 0.1, "a": [1e21, 12345678901234567890123, 1.0, -0], "\\u00e9": "\\u0000\\/"}'
    body = '{"items": [{"event": "a"}, {"data": %s, "event": "b"}]}' % text
    assert gateway.post(body, path="/v1/batch").status == 200
    assert text.encode() in witness.take(2)[1].body


@pytest.mark.parametrize("manager", ["aio-pika", "kombu"])
def test_real_clients_receive_it_in_order(broker, exchange, gateway, manager):
    with SocketIOServer(broker.url, exchange, manager) as server:
        member, other = server.client(ROOM), server.client("another")
        items = [*numbered(500), {"event": "end"}]
        assert statuses(gateway.batch(items)) == [200] * 501
        assert member.until("end") == [("load", number) for number in range(500)]
        assert other.until("end") == []


def test_an_empty_batch_is_all_confirmed(gateway, witness):
    for response in (gateway.batch([]), post_ndjson(gateway, [])):
        assert response.status == 200
        assert response.json == {"results": [], "confirmed": 0, "failed": 0}
    assert events(witness) == []


# Items that are invalid, and bodies that are


@pytest.mark.parametrize("post", [Gateway.batch, post_ndjson], ids=["JSON", "NDJSON"])
def test_an_invalid_item_stops_no_other(gateway, witness, post):
    items = [
        {"event": "first"},
        {"event": "a", "room": "r"},
        {"event": "second", "op": "emit"},
        {"event": "a", "rooms": []},
        {"event": "connect"},
        {"event": "a", "ack": {"mode": "all"}},
        {"event": "a", "confirm": "none"},
        {"event": "a", "op": "join"},
        {"event": "a", "except": ["room"]},
        5,
        {"event": "third", "confirm": "broker"},
    ]
    response = post(gateway, items)
    assert statuses(response) == [200, 422, 200, *[422] * 7, 200]
    problems = [result.get("problem") for result in response.json["results"]]
    pointers = [problem and [error["pointer"] for error in problem["errors"]] for problem in problems]
    expected = ["/room", "/rooms", "/event", "/ack", "/confirm", "/op", "/except", ""]
    assert pointers == [None, ["/room"], None, *[[pointer] for pointer in expected[1:]], None]
    codes = [problem and problem["code"] for problem in problems]
    assert codes == [None, "invalid_request", None, *["invalid_request"] * 5, "not_expressible", "invalid_request", None]
    assert {problem["requestId"] for problem in problems if problem} == {response.headers["X-Request-Id"]}
    assert events(witness) == ["first", "second", "third"]


def test_a_line_that_is_not_json_stops_no_other(gateway, witness):
    body = b'{"event":"first"}\n{"event"\n\xff\n{"event":"a","event":"a"}\n{"event":"second"}{}\n{"event":"third"}'
    response = gateway.post(body, NDJSON, "/v1/batch")
    assert statuses(response) == [200, 400, 400, 400, 400, 200]
    codes = [result.get("problem", {}).get("code") for result in response.json["results"]]
    assert codes == [None, "invalid_json", "invalid_json", "duplicate_key", "invalid_json", None]
    assert events(witness) == ["first", "third"]


ITEM = b'{"event":"x"}'
NOT_A_BATCH = {
    "nothing": (b"", 400, "invalid_json"),
    "cut off": (b'{"items":[%s' % ITEM, 400, "invalid_json"),
    "cut off in the last item": (b'{"items":[%s,{"event":"x"' % ITEM, 400, "invalid_json"),
    "a trailing comma": (b'{"items":[%s,]}' % ITEM, 400, "invalid_json"),
    "something after the end": (b'{"items":[%s]}%s' % (ITEM, ITEM), 400, "invalid_json"),
    "an item that is not JSON": (b'{"items":[%s,{"event":nul}]}' % ITEM, 400, "invalid_json"),
    "an item with a key twice": (b'{"items":[%s,{"event":"x","event":"x"}]}' % ITEM, 400, "duplicate_key"),
    "an item too deep": (b'{"items":[%s,{"event":"x","data":%s}]}' % (ITEM, b"[" * 64 + b"]" * 64), 400, "too_deep"),
    "the list twice": (b'{"items":[%s],"items":[]}' % ITEM, 400, "duplicate_key"),
    "lines, said to be JSON": (ITEM + b"\n" + ITEM, 422, "invalid_request"),
    "a list": (b"[%s]" % ITEM, 422, "invalid_request"),
    "an emit": (ITEM, 422, "invalid_request"),
    "no items": (b"{}", 422, "invalid_request"),
    "items that are no list": (b'{"items":%s}' % ITEM, 422, "invalid_request"),
    "another field": (b'{"items":[%s],"confirm":"none"}' % ITEM, 422, "invalid_request"),
}


@pytest.mark.parametrize("body, status, code", NOT_A_BATCH.values(), ids=NOT_A_BATCH)
def test_of_what_is_not_a_batch_nothing_is_published(gateway, witness, body, status, code):
    assert_problem(gateway.post(body, path="/v1/batch"), status, code)
    assert events(witness) == []


# Limits


@pytest.mark.parametrize("post", [Gateway.batch, post_ndjson], ids=["JSON", "NDJSON"])
def test_one_item_too_many_and_nothing_is_published(gateway, witness, post):
    problem = assert_problem(post(gateway, [{"event": "e"}] * (MANY + 1)), 413, "payload_too_large")
    assert "10000" in problem["detail"]
    assert events(witness) == []


def padded(size):
    """A batch of exactly so many bytes, in items of about 100 kB."""
    count, rest = divmod(size, 100_000)
    return b"\n".join([ITEM.replace(b"x", b"x" * (100_000 - 14 + 1))] * count) + b"\n" + ITEM + b" " * (rest - 13)


def test_sixteen_mebibytes_are_taken_and_no_byte_more(gateway, witness):
    body = padded(16 * MEBIBYTE)
    assert len(body) == 16 * MEBIBYTE
    assert statuses(gateway.request("POST", "/v1/batch", body, NDJSON, timeout=60)) == [200] * 168
    assert len(witness.all()) == 168
    assert_problem(gateway.request("POST", "/v1/batch", b"", {**NDJSON, "Content-Length": str(len(body) + 1)}), 413)
    chunked = http.client.HTTPConnection(*gateway.address, timeout=60)
    chunked.request("POST", "/v1/batch", iter([body, b" "]), NDJSON, encode_chunked=True)
    assert chunked.getresponse().status == 413
    chunked.close()
    assert events(witness) == []


def test_a_chunked_batch_without_end_is_cut_off(gateway, witness):
    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
        connection.sendall(
            b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        line = ITEM + b" " * (65536 - 14) + b"\n"
        sent = 0
        while sent < 64 * MEBIBYTE and not select.select([connection], [], [], 0)[0]:
            connection.sendall(b"10000\r\n%s\r\n" % line)
            sent += len(line)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert 16 * MEBIBYTE <= sent < 32 * MEBIBYTE
    assert events(witness) == []


def test_an_item_may_be_as_long_as_an_emit(broker, exchange, witness):
    with Gateway(broker.url, python_socketio_exchange=exchange, max_body_bytes=2_000, max_batch_items=3) as small:
        items = [{"event": "e", "data": "x" * size} for size in (1_974, 1_975, 10)]
        assert [len(json.dumps(item)) for item in items[:2]] == [2_000, 2_001]
        response = small.batch(items)
        assert statuses(response) == [200, 413, 200]
        assert response.json["results"][1]["problem"]["code"] == "payload_too_large"
        assert_problem(small.batch([*items, {}]), 413, "payload_too_large")
        assert len(witness.take(2)) == 2


def test_the_bytes_of_a_batch_are_limited_by_option(broker, exchange, witness):
    with Gateway(broker.url, python_socketio_exchange=exchange, max_batch_bytes=1_024) as small:
        assert_problem(small.batch([{"event": "e", "data": "x" * 1_000}]), 413, "payload_too_large")
        assert small.post({"event": "e", "data": "x" * 1_100}).status == 200
        assert len(witness.take(1)) == 1


# Outcomes


def outcomes_of(response):
    """What was said of each number, in the words of `assert_truthful`."""
    statuses(response)
    outcomes = {}
    for number, result in enumerate(response.json["results"]):
        if result["status"] == 200:
            outcomes[number] = "routed" if result["routed"] else "unrouted"
        else:
            is_unknown = result["problem"].get("outcome") == "unknown"
            assert result["problem"]["status"] == result["status"] == (504 if is_unknown else 503)
            outcomes[number] = "unknown" if is_unknown else "failed"
    return outcomes


def amqp0_gateway(url, exchange, **settings):
    return Gateway(url, wire_format="amqp0", amqp0_exchange=exchange, loops=1, **settings)


def batch_in_background(gateway, proxy):
    """The answer to come to `MANY` items, of which the proxy holds back all but the first thousands."""
    gateway.emit(event="load", data=-1, rooms=["nobody"])
    proxy.hold_after(500_001)
    answer = ThreadPoolExecutor(1).submit(gateway.batch, numbered(MANY))
    proxy.wait_until_held()
    return answer


def numbers(witness):
    return [message.json["packet"]["data"][1] for message in witness.all()]


@pytest.mark.timed
def test_every_item_has_its_true_outcome_when_the_broker_stands_still_in_the_middle(own_broker):
    exchange = "batch.pause"
    with Witness(own_broker.url, exchange, "direct", [ROOM]) as witness, CuttingProxy(own_broker.url) as proxy:
        with amqp0_gateway(proxy.url, exchange, confirm_timeout="1s") as gateway:
            answer = batch_in_background(gateway, proxy)
            try:
                start = time.monotonic()
                while not answer.done():
                    asked = time.monotonic()
                    assert gateway.get("/livez").status == 200
                    assert time.monotonic() - asked < 1
                    time.sleep(0.05)
                outcomes = outcomes_of(answer.result())
                # A time-out for all of it, not for every window.
                assert time.monotonic() - start < 8
            finally:
                proxy.go_on()
            said = list(outcomes.values())
            assert [said.count(outcome) > 0 for outcome in ("routed", "unknown", "failed")] == [True] * 3
            # After the silence nothing more was tried.
            assert set(said[said.index("failed") :]) == {"failed"}
            gateway.wait_until_ready()
            time.sleep(1)
        received = numbers(witness)
    assert_truthful(outcomes, received)
    assert received == sorted(received)


def test_a_broker_that_says_nothing_from_the_start_costs_one_time_out(own_broker):
    with Witness(own_broker.url, "batch.silent", "direct", [ROOM]) as witness:
        with amqp0_gateway(own_broker.url, "batch.silent", confirm_timeout="1s") as gateway:
            own_broker.pause()
            try:
                start = time.monotonic()
                response = gateway.batch(numbered(MANY))
                assert time.monotonic() - start < 8
            finally:
                own_broker.resume()
            assert set(outcomes_of(response).values()) == {"failed"}
            gateway.wait_until_ready()
            assert gateway.batch(numbered(3)).status == 200
        assert numbers(witness) == [0, 1, 2]


def test_every_item_has_its_true_outcome_when_the_connection_is_lost_in_the_middle(own_broker):
    exchange = "batch.cut"
    with Witness(own_broker.url, exchange, "direct", [ROOM]) as witness, CuttingProxy(own_broker.url) as proxy:
        with amqp0_gateway(proxy.url, exchange) as gateway:
            gateway.emit(event="load", data=-1, rooms=[ROOM])
            proxy.cut_after(500_001)
            outcomes = outcomes_of(gateway.batch(numbered(MANY)))
            said = list(outcomes.values())
            assert [said.count(outcome) > 0 for outcome in ("routed", "unknown", "failed")] == [True] * 3
            proxy.mend()
            gateway.wait_until_ready()
            after = outcomes_of(gateway.batch([{"event": "load", "data": MANY, "rooms": [ROOM]}]))
        # What was under way may still be on its way from the broker's socket to the queue.
        time.sleep(1)
        received = numbers(witness)
    assert_truthful({-1: "routed", **outcomes, MANY: after[0]}, received)
    assert received == sorted(received)
    assert {"unrouted"} & set(said) == set()


def test_an_exchange_that_goes_in_the_middle_leaves_no_doubt_about_what_is_confirmed(own_broker):
    exchange = "batch.gone"
    with Witness(own_broker.url, exchange, "direct", [ROOM]) as witness, CuttingProxy(own_broker.url) as proxy:
        with amqp0_gateway(proxy.url, exchange, confirm_timeout="60s") as gateway:
            answer = batch_in_background(gateway, proxy)
            witness.delete_exchange()
            proxy.go_on()
            outcomes = outcomes_of(answer.result(timeout=PATIENCE))
        received = numbers(witness)
    assert_truthful(outcomes, received)
    assert received == sorted(received)
    said = list(outcomes.values())
    assert said[0] == "routed" and said[-1] == "unrouted" and "failed" not in said


def test_an_alarm_is_said_of_every_item(own_broker):
    with Witness(own_broker.url, "batch.alarm", "direct", [ROOM]) as witness:
        with amqp0_gateway(own_broker.url, "batch.alarm") as gateway:
            own_broker.ctl("set_vm_memory_high_watermark", "0")
            try:
                gateway.wait_until(lambda: gateway.get("/readyz").status == 503, end_of_patience(), "notice it")
                response = gateway.batch([{"event": ""}, *numbered(100)])
                assert statuses(response) == [422, *[503] * 100]
                codes = {result["problem"]["code"] for result in response.json["results"][1:]}
                assert codes == {"broker_blocked"}
            finally:
                own_broker.ctl("set_vm_memory_high_watermark", "0.4")
            gateway.wait_until_ready()
            assert statuses(gateway.batch(numbered(3))) == [200] * 3
        assert numbers(witness) == [0, 1, 2]


def test_without_servers_every_item_is_confirmed_and_reaches_nobody(broker):
    with amqp0_gateway(broker.url, "batch.of.nobody") as gateway:
        response = gateway.batch(numbered(1_000))
        assert statuses(response) == [200] * 1_000
        assert {result["routed"] for result in response.json["results"]} == {False}


def test_without_a_broker_every_item_fails_at_once():
    gateway = Gateway("amqp://127.0.0.1:1", loops=1).start(ready=False)
    start = time.monotonic()
    response = gateway.batch(numbered(MANY))
    assert time.monotonic() - start < 5
    assert {result["problem"]["code"] for result in response.json["results"]} == {"broker_unavailable"}
    assert statuses(response) == [503] * MANY
    gateway.stop()


def test_a_full_queue_is_said_of_the_items_that_it_refused(own_broker):
    full = {"x-max-length": 3, "x-overflow": "reject-publish"}
    with Witness(own_broker.url, "batch.full", "direct", [ROOM], arguments=full) as witness:
        with amqp0_gateway(own_broker.url, "batch.full") as gateway:
            response = gateway.batch(numbered(10))
        assert statuses(response) == [200] * 3 + [503] * 7
        assert {result["problem"]["code"] for result in response.json["results"][3:]} == {"broker_nack"}
        assert numbers(witness) == [0, 1, 2]


@pytest.mark.parametrize("how", ["time-out", "second signal"])
def test_at_the_end_of_the_gateway_a_batch_is_answered(own_broker, how):
    with Witness(own_broker.url, "batch.end", "direct", [ROOM]), CuttingProxy(own_broker.url) as proxy:
        settings = {"shutdown_timeout": "500ms" if how == "time-out" else "60s", "confirm_timeout": "60s"}
        gateway = amqp0_gateway(proxy.url, "batch.end", **settings).start()
        answer = batch_in_background(gateway, proxy)
        gateway.signal(signal.SIGTERM)
        if how == "second signal":
            gateway.wait_for_line("stopping")  # two signals that wait at the same time are one
            gateway.signal(signal.SIGTERM)
        said = list(outcomes_of(answer.result(timeout=PATIENCE)).values())
        assert len(said) == MANY and said[-1] == "failed" and "unknown" in said
        assert gateway.wait_for_exit() == 0
        assert gateway.log()[-1]["message"] == "stopped"


# Others


def test_single_emits_are_served_while_batches_are(broker, exchange, gateway, witness):
    """All on one event loop. Compared is what came between the first and the last message of the batches."""
    batches = [[{"event": "batch", "data": number} for number in range(MANY)] for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(gateway.batch, items) for items in batches]
        connection = http.client.HTTPConnection(*gateway.address, timeout=60)
        while not all(answer.done() for answer in answers):
            connection.request("POST", "/v1/emit", b'{"event":"single"}', {"Content-Type": "application/json"})
            response = connection.getresponse()
            assert (response.status, bool(response.read())) == (200, True)
        connection.close()
    assert [statuses(answer.result()) for answer in answers] == [[200] * MANY] * 2
    received = [message.json["event"] for message in witness.all()]
    first, last = received.index("batch"), len(received) - received[::-1].index("batch")
    # A single emit waits for a window of each at the most: without that there would be one or two.
    assert received[first:last].count("single") >= 10


def test_turns_are_taken_although_there_is_nothing_to_wait_for(broker):
    """Without servers every item is settled at once."""
    body = json.dumps({"items": numbered(MANY)}).encode()
    with amqp0_gateway(broker.url, "batch.of.nobody") as gateway, ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(gateway.post, body, None, "/v1/batch") for _ in range(12)]
        connection = http.client.HTTPConnection(*gateway.address, timeout=60)
        served = 0
        while not all(answer.done() for answer in answers):
            connection.request("GET", "/livez")
            assert connection.getresponse().read()
            served += 1
        connection.close()
    assert {answer.result().status for answer in answers} == {200}
    # Each batch has hundreds of turns; if it took only one, so would be the others'.
    assert served > 10 * len(answers), served


def test_batches_leave_room_for_single_emits_while_the_broker_reads_nothing(own_broker):
    """What all share, 32 MiB for each loop, is not filled by batches alone, however many they are."""
    body = json.dumps({"items": [{"event": "e", "data": "x" * 500_000, "rooms": [ROOM]}] * 4}).encode()
    settings = {"confirm_timeout": "60s", "amqp_heartbeat": "0"}
    with Witness(own_broker.url, "batch.crowd", "direct", [ROOM]):
        with amqp0_gateway(own_broker.url, "batch.crowd", **settings) as gateway, ThreadPoolExecutor(41) as pool:
            gateway.emit(event="known", rooms=[ROOM])
            own_broker.pause()
            try:
                batches = [pool.submit(gateway.request, "POST", "/v1/batch", body, JSON, 60) for _ in range(40)]
                gateway.wait_for_in_flight(40)
                time.sleep(1)
                single = pool.submit(gateway.post, {"event": "single", "rooms": [ROOM]})
                gateway.wait_for_in_flight(41)
            finally:
                own_broker.resume()
            assert single.result().status == 200
            assert [statuses(batch.result()) for batch in batches] == [[200] * 4] * 40


def test_a_hundred_thousand_emits_leave_memory_where_it_was(gateway, witness):
    # Every other item is invalid, so that an answer is as large as the batch.
    items = [{"event": "e", "data": "x" * 100} if number % 2 else number for number in range(MANY)]
    response = gateway.batch(items)
    size, first = len(response.body), gateway.metric("process_resident_memory_bytes")
    for _ in range(9):
        assert statuses(gateway.batch(items)).count(200) == MANY / 2
    assert gateway.metric("process_resident_memory_bytes") - first < 4 * size


def test_a_hundred_thousand_emits_at_once_are_taken(broker):
    with amqp0_gateway(broker.url, "batch.of.nobody") as gateway, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(gateway.batch, [numbered(MANY)] * 10))
    assert [statuses(answer) for answer in answers] == [[200] * MANY] * 10


def test_answers_that_nobody_reads_count_as_bytes_under_way(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange, loops=1, max_buffered_bytes=6_000_000) as gateway:
        # Of its nine megabytes the kernel takes four.
        body = json.dumps({"items": [{f"{number:060}": 0 for number in range(5)}] * MANY}).encode()
        with socket.create_connection(gateway.address) as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            head = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            lazy.sendall(head % len(body) + body)
            deadline = end_of_patience()
            while (response := gateway.post({"event": "e"})).status == 200:
                assert time.monotonic() < deadline, "the answer does not count"
            assert_problem(response, 503, "overloaded")
        while gateway.post({"event": "e"}).status != 200:
            assert time.monotonic() < deadline + 5, "the room is not given back"


def test_every_item_is_answered_when_the_broker_dies_in_the_middle(own_broker):
    lost_with_its_broker = Witness(own_broker.url, "batch.kill", "direct", [ROOM])  # noqa: F841
    with CuttingProxy(own_broker.url) as proxy, amqp0_gateway(proxy.url, "batch.kill") as gateway:
        answer = batch_in_background(gateway, proxy)
        own_broker.kill()
        proxy.go_on()
        said = list(outcomes_of(answer.result(timeout=PATIENCE)).values())
    assert said[0] == "routed" and said[-1] == "failed"
    # From the first that could not be published on, none was.
    assert set(said[said.index("failed") :]) == {"failed"}
