"""`events.exchange`: one of all gateways publishes what happens to a topic exchange."""

import contextlib
import json
import time

import pika
import pytest

from harness import Gateway, run_command
from harness.patience import PATIENCE, until
from harness.questions import start_servers, wait_for_servers

EVENTS = "socketio.events"


class Subscriber:
    """A queue on the exchange, as an application has it."""

    def __init__(self, url, exchange, *keys):
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._channel.exchange_declare(exchange, "topic", durable=True)
        self.queue = self._channel.queue_declare("", exclusive=True).method.queue
        for key in keys or ["#"]:
            self._channel.queue_bind(self.queue, exchange, key)

    def next(self, timeout=PATIENCE):
        """The next event, with its routing key."""
        for method, properties, body in self._channel.consume(self.queue, auto_ack=True, inactivity_timeout=timeout):
            assert method is not None, "no event has come"
            event = json.loads(body)
            assert properties.message_id == event["id"] and method.routing_key == event["type"]
            return event

    def until(self, kind, **members):
        """All events up to one like this."""
        seen = []
        deadline = time.monotonic() + PATIENCE
        while not seen or not (seen[-1]["type"] == kind and members.items() <= seen[-1].items()):
            assert time.monotonic() < deadline, seen
            seen.append(self.next())
        return seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()


@contextlib.contextmanager
def gateways(url, exchange, count, **settings):
    settings = {"cluster_exchange": exchange, "wire_format": "cluster", "events_exchange": EVENTS + exchange, **settings}
    with contextlib.ExitStack() as stack:
        running = []
        for _ in range(count):
            running.append(Gateway(url, **settings).start())
            # Some are killed by then.
            stack.callback(running[-1].kill)
        yield running


def senders(running):
    return [gateway for gateway in running if gateway.metric("gateway_events_sender") == 1]


def told(events, kind):
    return [event["room"] for event in events if event["type"] == kind]


def test_one_of_two_gateways_publishes_and_the_other_one_takes_over(broker, exchange):
    servers = start_servers(broker.url, exchange, exchange + ".fanout", ["aio-pika", "kombu", "aio-pika"], interval=0.5)
    try:
        with Subscriber(broker.url, EVENTS + exchange) as subscriber, gateways(broker.url, exchange, 2) as running:
            for gateway in running:
                wait_for_servers(gateway, 3)
            until(lambda: len(senders(running)) == 1, "one of them is the sender")
            (sender,) = senders(running)
            (standby,) = (gateway for gateway in running if gateway is not sender)
            subscriber.until("sync", reason="start")
            clients = [server.client("all", f"own:{number}") for number, server in enumerate(servers)]
            seen = []
            while sorted(set(told(seen, "room.occupied"))) != ["all", "own:0", "own:1", "own:2"]:
                seen.append(subscriber.next())
            assert len(told(seen, "room.occupied")) == 4
            sids = {client.sid for client in clients}
            while sids - {event.get("socket") for event in seen}:
                seen.append(subscriber.next())
            assert standby.metric("gateway_events_published_total") == 0
            sender.kill()
            killed = time.monotonic()
            state = subscriber.until("sync", reason="sender")
            assert time.monotonic() - killed < 1.5
            while sorted(told(state, "room.occupied")) != ["all", "own:0", "own:1", "own:2"]:
                state.append(subscriber.next())
            assert senders([standby]) == [standby]
            clients[0].close()
            assert told(subscriber.until("room.vacated"), "room.vacated") == ["own:0"]
    finally:
        for server in servers:
            server.close()


def test_subscribers_choose_by_type_and_nothing_comes_twice(broker, exchange):
    name = exchange + "types"
    servers = start_servers(broker.url, name, name + ".fanout", ["kombu"], interval=0.5)
    try:
        with (
            Subscriber(broker.url, EVENTS + name, "room.*") as rooms,
            Subscriber(broker.url, EVENTS + name, "sync") as syncs,
            gateways(broker.url, name, 1) as (gateway,),
        ):
            until(lambda: senders([gateway]), "it is the sender")
            syncs.until("sync")
            for number in range(50):
                servers[0].client(f"r{number}")
            seen = [rooms.next() for _ in range(50)]
            assert sorted(told(seen, "room.occupied")) == sorted(f"r{number}" for number in range(50))
            assert len({event["id"] for event in seen}) == 50
    finally:
        servers[0].close()


@pytest.mark.faults
def test_after_a_restart_of_the_broker_the_state_is_told_again(own_broker, exchange):
    servers = start_servers(own_broker.url, exchange, exchange + ".fanout", ["aio-pika"], interval=0.5)
    try:
        with gateways(own_broker.url, exchange, 2) as running:
            until(lambda: len(senders(running)) == 1, "one of them is the sender")
            servers[0].client("there")
            own_broker.stop()
            own_broker.start()
            with Subscriber(own_broker.url, EVENTS + exchange) as subscriber:
                until(lambda: len(senders(running)) == 1, "one of them is the sender again")
                seen = []
                while "there" not in told(seen, "room.occupied"):
                    seen.append(subscriber.next())
    finally:
        servers[0].close()


def test_an_exchange_of_another_type_is_logged_and_costs_nothing_else(broker, exchange):
    name = exchange + "fanout"
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    connection.channel().exchange_declare(EVENTS + name, "fanout", durable=True)
    servers = start_servers(broker.url, name, name + ".fanout", ["kombu"], interval=0.5)
    try:
        with gateways(broker.url, name, 1) as (gateway,):
            line = gateway.wait_for_line("broker closed a channel")
            assert "406" in json.dumps(line) and EVENTS + name in json.dumps(line)
            wait_for_servers(gateway, 1)
            assert gateway.metric("gateway_events_sender") == 0
    finally:
        servers[0].close()
        connection.close()


def test_a_name_that_is_too_long_is_refused():
    status, _, complaint = run_command("serve", "--events-exchange", "x" * 251)
    assert status != 0 and "at most 250 bytes" in complaint
