"""What has arrived, kept by a queue that forgets nothing.

The gateway's messages are transient, and a broker that restarts drops those in its queues: then what is missing proves nothing. A stream
keeps them all the same. It writes every message down before it is confirmed, whatever its delivery mode is, gives it an offset, and
keeps it when it is read. So a broker may be killed at any time, and the stream is read once, at the end. Its exchange and bindings are durable, too.
"""

import time
from collections import namedtuple

import pika

from emits import AMQP0_EXCHANGE, CLUSTER_EXCHANGE, EVERYONE, ONCE, RESTLESS, ROOMS, found_in

QUEUE = "torture.witness"
AT_A_TIME = 500
PROBE = b"is the witness there?"

Message = namedtuple("Message", "offset number key is_whole")


def declare(channel):
    """All of it, or what is missing. The exchange of the cluster is declared as its members do it: it does not outlive the broker."""
    channel.exchange_declare(AMQP0_EXCHANGE, "direct", durable=True)
    channel.exchange_declare(CLUSTER_EXCHANGE, "direct", durable=False, auto_delete=False)
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "stream"})
    for key in (EVERYONE, RESTLESS, *ROOMS):
        channel.queue_bind(QUEUE, AMQP0_EXCHANGE, key)
    for key in ("/", "/#static"):
        channel.queue_bind(QUEUE, CLUSTER_EXCHANGE, key)
    await_queue(channel, ROOMS[0])


def await_queue(channel, key, timeout=30):
    """A stream takes nothing for a moment after its broker has started, and messages to it are returned."""
    channel.confirm_delivery()
    deadline = time.monotonic() + timeout
    while True:
        try:
            return channel.basic_publish(AMQP0_EXCHANGE, key, PROBE, mandatory=True)
        except pika.exceptions.UnroutableError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def messages(connection, quiet=2):
    """Every message that is an emit, in their order, until none has come for so many seconds."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=4 * AT_A_TIME)
    found, last = [], time.monotonic()

    def take(_channel, method, properties, body):
        nonlocal last
        last = time.monotonic()
        number, is_whole = found_in(body)
        # The cluster's members ask each other, too.
        if number is not None or (method.exchange == AMQP0_EXCHANGE and body != PROBE):
            key = ONCE if method.exchange == CLUSTER_EXCHANGE else method.routing_key
            found.append(Message(properties.headers["x-stream-offset"], number, key, is_whole))
        if method.delivery_tag % AT_A_TIME == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)

    channel.basic_consume(QUEUE, take, arguments={"x-stream-offset": "first"})
    while time.monotonic() - last < quiet:
        connection.process_data_events(time_limit=0.5)
    return found


def open_connection(url):
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0  # it must outlive a broker that is paused
    return pika.BlockingConnection(parameters)
