"""Work in steps, done by each of the two drivers in the same way."""

import asyncio
import logging
import time

import pytest
import socketio

from socketio_gateway_responder import async_driver
from socketio_gateway_responder.async_driver import AsyncDriver
from socketio_gateway_responder.steps import CHUNK, Aside, Brief, Pause
from socketio_gateway_responder.thread_driver import ThreadDriver

LOGGER = logging.getLogger("driver")


class Asyncio:
    """Functions of the server are coroutines."""

    def run(self, steps):
        async def all_of_it():
            driver = AsyncDriver(LOGGER)
            result = await driver.run(steps)
            while driver.background:
                await asyncio.wait(set(driver.background))
            return result

        return asyncio.run(all_of_it())

    def call(self, function):
        async def called():
            await asyncio.sleep(0.001)
            return function()

        return called()


class Threads:
    """Functions of the server return when they have done it."""

    def run(self, steps):
        sio = socketio.Server(async_mode="threading")
        tasks = []
        start, sio.start_background_task = sio.start_background_task, lambda *args: tasks.append(start(*args))
        result = ThreadDriver(sio, LOGGER).run(steps)
        for task in tasks:
            task.join(5)
        return result

    def call(self, function):
        return function()


@pytest.fixture(params=[Asyncio, Threads])
def kind(request):
    return request.param()


def fails():
    raise ValueError("as it should")


def test_a_step_gives_what_the_server_returns_or_raises(kind):
    def work():
        nothing = yield
        value = yield kind.call(lambda: 7)
        try:
            yield kind.call(fails)
        except ValueError as error:
            return nothing, value, str(error)

    assert kind.run(work()) == (None, 7, "as it should")


def test_what_the_work_raises_is_raised(kind):
    def work():
        yield kind.call(fails)

    with pytest.raises(ValueError):
        kind.run(work())


def test_a_pause_lasts(kind):
    def work():
        before = time.monotonic()
        yield Pause(0.05)
        return time.monotonic() - before

    assert 0.05 <= kind.run(work()) < 2


def test_what_is_aside_is_all_done_whatever_fails_of_it(kind, caplog):
    done = []

    def one(number):
        yield kind.call(lambda: None)
        if number == 1:
            fails()
        done.append(number)

    def work():
        yield Aside([one(number) for number in range(CHUNK + 3)])

    kind.run(work())
    assert sorted(done) == [number for number in range(CHUNK + 3) if number != 1]
    assert [record.message for record in caplog.records] == ["what a question has asked for failed"]


def test_in_an_event_loop_everything_aside_has_begun_when_the_work_goes_on():
    begun = []

    def one(number):
        begun.append(number)
        yield Pause(0.01)

    def work():
        yield Aside([one(number) for number in range(2 * CHUNK)])
        return len(begun)

    assert Asyncio().run(work()) == 2 * CHUNK


def test_what_is_brief_is_waited_for(kind):
    done = []

    def part():
        yield kind.call(lambda: done.append(1))

    def work():
        yield Brief(part())
        return list(done)

    assert kind.run(work()) == [1]


def test_in_an_event_loop_what_is_brief_is_not_waited_for_for_long(monkeypatch):
    monkeypatch.setattr(async_driver, "PATIENCE", 0.02)
    done = []

    def part():
        yield Pause(0.2)
        done.append(1)

    def work():
        yield Brief(part())
        return list(done)

    assert Asyncio().run(work()) == []
    assert done == [1]
