"""How soon servers are back after the broker was away, and how seldom they come where they are refused."""

import asyncio
import time

import pytest

from harness import FakeGateway, PrivateRabbitMQ, Server
from socketio_gateway_responder import async_link, thread_link
from socketio_gateway_responder.async_link import AsyncLink
from socketio_gateway_responder.thread_link import ThreadLink, Waker


def test_servers_are_back_within_two_seconds_of_the_broker():
    with PrivateRabbitMQ() as broker:
        with Server(broker.url, "aio-pika", "back", interval=60) as first, Server(
            broker.url, "kombu", "back", interval=60
        ) as second:
            with FakeGateway(broker.url, "back") as gateway:
                gateway.wait_for_servers(2)
            broker.kill()
            time.sleep(4)  # until they wait as long as they ever do
            broker.start()
            started = time.monotonic()
            with FakeGateway(broker.url, "back") as gateway:
                gateway.wait_for_servers(2)
            assert time.monotonic() - started < 2
            assert first.is_running and second.is_running


async def error_with_asyncio(url):
    link = AsyncLink("refused", print, print)
    try:
        await link.open(url, {}, ["key"])
    except Exception as error:
        return error
    finally:
        await link.close()


def error_with_threads(url):
    waker = Waker()
    link = ThreadLink("refused", print, print, waker)
    try:
        link.open(url, {}, ["key"])
    except Exception as error:
        return error
    finally:
        link.close()
        waker.close()


@pytest.mark.parametrize("what", ["password", "virtual host", "permission", "nothing", "no broker"])
def test_a_refusal_is_told_from_a_broker_that_is_away(broker, what):
    broker.ctl("add_user", f"user of {what}", "right")
    broker.ctl("set_permissions", f"user of {what}", ".*", "^$" if what == "permission" else ".*", ".*")
    password = "wrong" if what == "password" else "right"
    url = broker.url.replace("guest:guest", f"user%20of%20{what.replace(' ', '%20')}:{password}")
    url = url.replace("%2F", "none") if what == "virtual host" else url
    url = url.replace(str(broker.port), "1") if what == "no broker" else url
    asynchronous, threaded = asyncio.run(error_with_asyncio(url)), error_with_threads(url)
    if what == "nothing":
        assert asynchronous is threaded is None
    else:
        is_refusal = what != "no broker"
        assert async_link.was_refused(asynchronous) is is_refusal, repr(asynchronous)
        assert thread_link.was_refused(threaded) is is_refusal, repr(threaded)
