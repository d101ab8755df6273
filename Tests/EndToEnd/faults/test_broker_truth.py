"""What the gateway says of an emit is true, whatever happens to the broker under it."""

import http.client
import json
import time

import pytest

from harness import DisturbingProxy, assert_problem
from harness.disturbing_proxy import BACK, TYPE
from harness.load import Load, assert_truthful
from harness.topology import ROOM, Topology, amqp0_gateway, eventually


@pytest.fixture
def exchange(request):
    return f"truth.{request.node.name}"


def answers_within_100_ms(gateway):
    start = time.monotonic()
    assert gateway.get("/livez").status == 200
    return time.monotonic() - start < 0.1


def test_a_message_that_the_broker_gives_back_is_a_failure(own_broker, exchange):
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    Topology(own_broker.url, exchange, queue_arguments=full)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        assert gateway.emit(event="fits", rooms=[ROOM])["routed"] is True
        for _ in range(3):
            assert_problem(gateway.post({"event": "too much", "rooms": [ROOM]}), 503, "broker_nack")


def test_a_nack_does_not_say_that_nobody_has_the_message(own_broker, exchange):
    """With a queue for each server, one that is full does not keep the others from taking it."""
    full = Topology(own_broker.url, exchange, queue_arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    with full.channel() as channel:
        channel.queue_declare(f"{exchange}.other")
        channel.queue_bind(f"{exchange}.other", exchange, ROOM)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        gateway.emit(event="fits", rooms=[ROOM])
        problem = assert_problem(gateway.post({"event": "half", "rooms": [ROOM]}), 503, "broker_nack")
    with full.channel() as channel:
        assert channel.queue_declare(f"{exchange}.other", passive=True).method.message_count == 2
    assert problem["outcome"] == "unknown" and problem["retryable"] is False


@pytest.mark.parametrize("part", range(3), ids=["method", "header", "body"])
def test_a_return_of_which_a_part_cannot_be_read_is_not_taken_for_success(own_broker, exchange, part):
    """librabbitmq says nothing of a frame whose type it does not know."""
    Topology(own_broker.url, exchange)
    with DisturbingProxy(own_broker.url) as proxy, amqp0_gateway(proxy.url, exchange, loops=1) as gateway:
        for seed in range(4):
            assert gateway.emit(event="known", rooms=["nobody"])["routed"] is False
            proxy.wait_until_quiet()  # what it asks the broker, whom there is, has been answered
            proxy.flip(BACK, after=part, octets=[TYPE])
            response = gateway.post({"event": "returned", "rooms": ["nobody"]})
            assert response.status == 504 or response.json["outcome"] == "unknown", response.json
            assert proxy.flipped == seed + 1
            gateway.wait_until_ready()


def test_an_exchange_that_comes_and_goes_is_noticed(own_broker, exchange):
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        assert gateway.emit(event="nobody", rooms=[ROOM])["routed"] is False
        topology = Topology(own_broker.url, exchange)
        assert gateway.emit(event="somebody", rooms=[ROOM])["routed"] is True
        topology.delete()
        for _ in range(20):
            assert gateway.emit(event="nobody", rooms=[ROOM])["routed"] is False


def test_everything_is_settled_truthfully_when_the_exchange_goes_under_load(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        with Load(gateway, [ROOM], clients=24) as load:
            for _ in range(6):
                load.wait_for(200)
                topology.delete()
                load.wait_for(20, "unrouted")
                topology.declare()
        assert_truthful(load.outcomes, topology.received())
        assert "failed" not in load.summary() and "unanswered" not in load.summary(), load.summary()


def test_everything_is_settled_truthfully_when_connections_break_under_load(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        with Load(gateway, [ROOM], clients=24) as load:
            for _ in range(4):
                load.wait_for(200)
                own_broker.ctl("close_all_connections", "a test breaks them")
        # What was under way on a broken connection may still be on its way from the broker's socket to the queue.
        time.sleep(1)
        assert_truthful(load.outcomes, topology.received())
        assert load.codes <= {"broker_unavailable", "confirm_timeout"}


@pytest.mark.timed
def test_a_restarted_broker_leaves_no_doubt_about_what_is_new(own_broker, exchange):
    """The queue does not outlive the broker, so only new emits can be compared; the old ones need true statuses."""
    Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        with Load(gateway, [ROOM], clients=8) as load:
            load.wait_for(200)
            own_broker.kill()
            load.wait_for(20, "failed")
            assert answers_within_100_ms(gateway)
            own_broker.start()
            topology = Topology(own_broker.url, exchange)
            load.wait_for(200, timeout=30)
        assert load.codes <= {"broker_unavailable", "confirm_timeout"}
        assert "unanswered" not in load.summary()
        received = topology.received()
        assert len(received) == len(set(received))


def test_a_refusal_names_the_exchange_and_causes_no_storm(own_broker, exchange):
    own_broker.ctl("add_user", "limited", "secret")
    own_broker.ctl("set_permissions", "limited", "^$", "^amq.default$", ".*")
    Topology(own_broker.url, exchange)
    url = own_broker.url.replace("guest:guest", "limited:secret")
    with amqp0_gateway(url, exchange) as gateway:
        start = time.monotonic()
        with Load(gateway, [ROOM], clients=8) as load:
            time.sleep(3)
        seconds = time.monotonic() - start
        assert set(load.summary()) == {"failed"} and load.codes == {"broker_refused"}
        problem = assert_problem(gateway.post({"event": "e", "rooms": [ROOM]}), 503, "broker_refused")
        assert exchange in problem["detail"] and "secret" not in problem["detail"]
        assert "limited" not in problem["detail"], "whose credentials the gateway uses is nobody's business"
        log = own_broker.log_tail(100_000)
        refusals = log.count(f"access to exchange '{exchange}' in vhost '/' refused")
        assert 1 <= refusals <= 12 * (seconds + 1)

        own_broker.ctl("set_permissions", "limited", "^$", ".*", ".*")
        eventually(lambda: gateway.post({"event": "e", "rooms": [ROOM]}).status == 200)


def test_an_internal_exchange_is_refused(own_broker, exchange):
    Topology(own_broker.url, exchange, internal=True)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        problem = assert_problem(gateway.post({"event": "e", "rooms": [ROOM]}), 503, "broker_refused")
        assert exchange in problem["detail"]


def test_an_exchange_declared_with_other_arguments_is_used_as_it_is(own_broker, exchange):
    """The exchange is the servers': its type and flags are none of our business."""
    topology = Topology(own_broker.url, exchange, kind="fanout", durable=True)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        assert gateway.emit(event="load", data=1, rooms=["anything"])["routed"] is True
    assert topology.received() == [1]
    topology.delete()


def alarm(broker, is_on):
    broker.ctl("set_vm_memory_high_watermark", "0" if is_on else "0.4")


@pytest.mark.timed
def test_an_alarm_is_noticed_by_an_idle_gateway_and_said(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        alarm(own_broker, True)
        try:
            blocked = b'gateway_broker_connections{state="blocked"} 2\n'
            eventually(lambda: blocked in gateway.get("/metrics").body)
            assert_problem(gateway.get("/readyz"), 503, "broker_blocked")
            for _ in range(20):
                response = gateway.post({"event": "load", "data": 1, "rooms": [ROOM]})
                assert_problem(response, 503, "broker_blocked")
                assert int(response.headers["Retry-After"]) >= 1
                assert answers_within_100_ms(gateway)
            late = amqp0_gateway(own_broker.url, exchange).start(ready=False)
            try:
                eventually(lambda: late.get("/readyz").json["code"] == "broker_blocked")
                assert_problem(late.post({"event": "load", "data": 2, "rooms": [ROOM]}), 503, "broker_blocked")
            finally:
                late.kill()
        finally:
            alarm(own_broker, False)
        gateway.wait_until_ready()
        assert gateway.emit(event="load", data=3, rooms=[ROOM])["routed"] is True
    assert topology.received() == [3], "what was refused was not published later"


def test_an_alarm_under_load_loses_nothing(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange, confirm_timeout="1s") as gateway:
        with Load(gateway, [ROOM], clients=8) as load:
            load.wait_for(200)
            alarm(own_broker, True)
            load.wait_for(20, "failed")
            alarm(own_broker, False)
            load.wait_for(200)
        assert load.codes <= {"broker_blocked", "confirm_timeout"}
        assert_truthful(load.outcomes, topology.received())


@pytest.mark.timed
def test_a_broker_that_stands_still_under_load_leaves_the_outcome_unknown(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange, confirm_timeout="500ms") as gateway:
        with Load(gateway, [ROOM], clients=8) as load:
            load.wait_for(200)
            own_broker.pause()
            try:
                load.wait_for(8, "unknown")
                for _ in range(10):
                    assert answers_within_100_ms(gateway)
            finally:
                own_broker.resume()
            load.wait_for(200)
        assert_truthful(load.outcomes, topology.received())
        assert set(load.summary()) <= {"routed", "unknown"}


def test_unconfirmed_emits_of_one_connection_keep_their_order(own_broker, exchange):
    """Also from the first on, while the exchange is looked up, and while others emit."""
    topology = Topology(own_broker.url, exchange)
    for _ in range(3):
        with amqp0_gateway(own_broker.url, exchange) as gateway, Load(gateway, ["another room"], clients=4):
            body = [json.dumps({"event": "load", "data": n, "rooms": [ROOM], "confirm": "none"}).encode() for n in range(400)]
            connection = http.client.HTTPConnection(*gateway.address)
            for text in body:
                connection.request("POST", "/v1/emit", text, {"Content-Type": "application/json"})
                response = connection.getresponse()
                assert (response.status, json.loads(response.read())["status"]) == (202, "accepted")
            connection.close()
            arrived = []
            eventually(lambda: arrived.extend(topology.received()) or len(arrived) == 400)
            assert arrived == list(range(400))


def test_unconfirmed_emits_arrive_too(own_broker, exchange):
    topology = Topology(own_broker.url, exchange)
    with amqp0_gateway(own_broker.url, exchange) as gateway:
        for number in range(200):
            assert gateway.emit(event="load", data=number, rooms=[ROOM], confirm="none")["status"] == "accepted"
        arrived = []
        eventually(lambda: arrived.extend(topology.received()) or len(arrived) == 200)
        assert sorted(arrived) == list(range(200))
