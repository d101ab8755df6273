"""socket.io-amqp0 servers with two namespaces, whose adapters take the same queues unless they are told not to."""

import pytest

from harness import Amqp0Servers, Gateway
from harness.questions import until

NAMESPACES = ("/", "/chat")
EVENTS = [("hello", number) for number in range(10)]


def emit_to_chat(gateway, rooms):
    """What the gateway said of ten emits."""
    fields = {"rooms": rooms} if rooms else {}
    return [gateway.emit(namespace="/chat", event=event, data=data, **fields)["routed"] for event, data in EVENTS]


def received(broker, exchange, rooms, **options):
    """What a socket of each namespace receives of what is emitted to `/chat`, and what the gateway said."""
    settings = {"amqp0_exchange": exchange, "amqp0_namespaces": ",".join(NAMESPACES)}
    with (
        Amqp0Servers(broker.url, exchange, namespaces=NAMESPACES, **options) as servers,
        Gateway(broker.url, wire_format="amqp0", **settings) as gateway,
    ):
        main, chat = (servers.socket("room1", namespace=namespace) for namespace in NAMESPACES)
        routed = emit_to_chat(gateway, rooms)
        servers.deliver()
        return main.received, chat.received, routed


@pytest.fixture(params=[[], ["room1"]], ids=["everyone", "a room"])
def rooms(request):
    return request.param


def test_with_an_exchange_and_a_queue_prefix_for_each_all_arrive_where_they_should(broker, exchange, rooms):
    main, chat, routed = received(broker, exchange + "{namespace}", rooms, queue_prefix="socket.io{namespace}")
    assert (main, chat) == ([], EVENTS)
    assert routed == [True] * 10


def test_without_the_queue_prefix_each_namespace_takes_half_of_what_is_for_the_other(broker, exchange, rooms):
    """The adapter's own fault, which the gateway cannot see; so it warns (below)."""
    main, chat, routed = received(broker, exchange + "{namespace}", rooms)
    assert (len(main), len(chat)) == (5, 5) and sorted(main + chat) == EVENTS
    assert routed == [True] * 10


@pytest.mark.parametrize("prefix, most", [("socket.io", 5), ("socket.io{namespace}", 10)], ids=["neither", "a queue prefix alone"])
def test_on_one_exchange_what_is_for_one_namespace_reaches_the_other(broker, exchange, rooms, prefix, most):
    """Which is why the gateway emits to none but `/` there, and cannot help it."""
    with (
        Amqp0Servers(broker.url, exchange, namespaces=NAMESPACES, queue_prefix=prefix) as servers,
        Gateway(broker.url, wire_format="amqp0", amqp0_exchange=exchange) as gateway,
    ):
        main, chat = (servers.socket("room1", namespace=namespace) for namespace in NAMESPACES)
        for event, data in EVENTS:
            gateway.emit(event=event, data=data, **({"rooms": rooms} if rooms else {}))
        servers.deliver()
        assert (len(main.received), len(chat.received)) == (most, most)


def warnings(gateway):
    return [line["message"] for line in gateway.log() if line["level"] == "warning"]


def test_several_namespaces_are_a_warning_at_start_that_names_what_servers_need(broker, exchange):
    settings = {"wire_format": "amqp0", "amqp0_exchange": exchange + "{namespace}"}
    with Gateway(broker.url, amqp0_namespaces="/,/chat", **settings) as gateway:
        until(lambda: warnings(gateway), "a warning")
        [warning] = [line for line in warnings(gateway) if "exchangeName" in line]
        assert "exchangeName" in warning and "queuePrefix" in warning
    for namespaces in ("/", "/chat"):
        with Gateway(broker.url, amqp0_namespaces=namespaces, **settings) as gateway:
            assert not [line for line in warnings(gateway) if "exchangeName" in line]
