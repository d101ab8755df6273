"""Starting and closing, in this process."""

import asyncio
import threading
import time

import socketio

from harness import FakeGateway
from socketio_gateway_responder import GatewayResponder, ThreadedGatewayResponder

NOBODY = "amqp://guest:guest@127.0.0.1:1/"


def test_async_starts_closes_and_starts_again(broker):
    sio = socketio.AsyncServer(async_mode="aiohttp")
    responder = GatewayResponder(sio, broker.url, exchange="life.async")
    names = set()

    async def live():
        assert await responder.start(timeout=5) and responder.connected
        assert await responder.start()  # twice is harmless
        names.add(responder.uid)
        await responder.close()
        await responder.close()
        assert not responder.connected
        assert len(asyncio.all_tasks()) == 1

    with FakeGateway(broker.url, "life.async") as gateway:
        for _ in range(2):
            asyncio.run(live())
        seen = [message["type"] for message in gateway.presence_within(0.3)]
    assert seen == [2, 13, 2, 13]
    assert len(names) == 2


def test_threads_start_close_and_start_again(broker):
    responder = ThreadedGatewayResponder(
        socketio.Server(async_mode="threading"), broker.url, exchange="life.threads"
    )
    before = threading.active_count()
    with FakeGateway(broker.url, "life.threads") as gateway:
        for _ in range(2):
            with responder:
                assert responder.start(timeout=5) and responder.connected
            assert not responder.connected
            assert threading.active_count() == before
        seen = [message["type"] for message in gateway.presence_within(0.3)]
    assert seen == [2, 13, 2, 13]


def test_starting_without_a_broker_returns_in_time_and_ends_with_its_loop():
    async def live():
        responder = GatewayResponder(socketio.AsyncServer(async_mode="aiohttp"), NOBODY)
        assert not await responder.start()
        assert not await responder.start(timeout=0.2)
        # Not closed: the end of the event loop must be enough.

    started = time.monotonic()
    asyncio.run(live())
    with ThreadedGatewayResponder(socketio.Server(async_mode="threading"), NOBODY) as responder:
        assert not responder.start(timeout=0.2)
    assert time.monotonic() - started < 3


def test_large_answers_let_the_event_loop_breathe(broker):
    """10,000 sockets; the loop is asked every few milliseconds how long it was away."""
    sio = socketio.AsyncServer(async_mode="aiohttp")
    for number in range(10_000):
        for room in (None, f"{number:05}", "all"):
            sio.manager.basic_enter_room(f"{number:05}", "/", room, eio_sid=f"e{number}")

    async def live():
        async with GatewayResponder(sio, broker.url, exchange="life.large") as responder:
            await responder.start(timeout=5)
            fetching = asyncio.get_running_loop().run_in_executor(None, ask)
            longest = 0.0
            while not fetching.done():
                before = time.monotonic()
                await asyncio.sleep(0.002)
                longest = max(longest, time.monotonic() - before)
            return await fetching, longest

    def ask():
        with FakeGateway(broker.url, "life.large") as gateway:
            return len(gateway.ask_one(7, {"opts": {"rooms": []}}, timeout=20)["sockets"])

    count, longest = asyncio.run(live())
    assert count == 10_000
    assert longest < 0.25
