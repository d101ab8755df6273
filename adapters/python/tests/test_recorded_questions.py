"""The recorded questions of Tests/Recorded/questions: what each responder answers, and what becomes of its sockets."""

import asyncio
import json
import logging
import time

import pytest
import socketio

from harness.recorded import RECORDED, Clients, comparable, in_order, with_bytes
from socketio_gateway_responder import GatewayResponder, ThreadedGatewayResponder
from socketio_gateway_responder.messages import Delivery

NOWHERE = "amqp://127.0.0.1:1"
PATIENCE = 5  # seconds
SILENCE = 0.05  # seconds in which nothing more may come
LOGGER = logging.getLogger("recorded")


def options_of(recorded):
    server = recorded["server"]
    data = {socket["id"]: socket.get("data") for socket in server.get("sockets", ())}
    options = {"data": lambda sid, *_: data[sid], "logger": LOGGER}
    if "maxAnswerBytes" in server:
        options["max_answer_bytes"] = server["maxAnswerBytes"]
    return options


def listen(responder, recorded):
    for event, listener in recorded["server"].get("listeners", {}).items():

        def handler(*args, listener=listener):
            assert list(args) == with_bytes(listener["takes"])
            return with_bytes(listener["returns"])

        responder.on(event, handler, namespace=recorded["question"]["nsp"])


def delivery_of(recorded):
    question = recorded["question"]
    return Delivery(json.dumps(question).encode(), "asker", question["data"]["requestId"], question["nsp"])


def await_events(responder, recorded):
    """There is no broker: what it tells stays where answers are."""
    if recorded["server"].get("tellsEvents"):
        responder._events.set_connected(True)
        responder._receive(Delivery(b'{"uid":"emitter","type":21,"data":{"intervalMs":5000}}', None, None, "#events-wanted"))


async def answers_of_asyncio(recorded):
    sio = socketio.AsyncServer(async_mode="aiohttp", namespaces="*")
    clients = Clients(sio, recorded["question"]["nsp"], recorded["server"].get("sockets", ()))

    async def send(transport_id, data):
        if (acknowledgement := clients.acknowledgement_of(transport_id, data)) is not None:
            await sio.manager.trigger_callback(*acknowledgement)

    sio.eio.send = send
    responder = GatewayResponder(sio, NOWHERE, **options_of(recorded))
    listen(responder, recorded)
    async with responder:
        await_events(responder, recorded)
        responder._receive(delivery_of(recorded))
        deadline, said = time.monotonic() + PATIENCE, []
        while len(said) < len(recorded["answers"]) and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
            said += taken(responder)
        await asyncio.sleep(SILENCE)
        return responder.uid, said + taken(responder), clients.rooms()


def answers_of_threads(recorded):
    sio = socketio.Server(async_mode="threading", namespaces="*")
    clients = Clients(sio, recorded["question"]["nsp"], recorded["server"].get("sockets", ()))

    def send(transport_id, data):
        if (acknowledgement := clients.acknowledgement_of(transport_id, data)) is not None:
            sio.manager.trigger_callback(*acknowledgement)

    sio.eio.send = send
    responder = ThreadedGatewayResponder(sio, NOWHERE, **options_of(recorded))
    listen(responder, recorded)
    with responder:
        await_events(responder, recorded)
        responder._receive(delivery_of(recorded))
        deadline, said = time.monotonic() + PATIENCE, []
        while len(said) < len(recorded["answers"]) and time.monotonic() < deadline:
            time.sleep(0.005)
            said += taken(responder)
        time.sleep(SILENCE)
        return responder.uid, said + taken(responder), clients.rooms()


def taken(responder):
    said = []
    while (publication := responder._outbox.take()) is not None:
        if publication.routing_key != "#events":
            said.append(publication)
    return said


KINDS = {"asyncio": lambda recorded: asyncio.run(answers_of_asyncio(recorded)), "threads": answers_of_threads}
NAMES = [name for name, recorded in RECORDED.items() if recorded.get("only") in (None, "python")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_question_is_answered_as_recorded(name, kind, caplog):
    recorded = RECORDED[name]
    uid, said, rooms = KINDS[kind](recorded)
    for publication in said:
        assert (publication.exchange, publication.routing_key) == ("", "asker")
        assert publication.correlation_id == recorded["question"]["data"]["requestId"]
    expected = [comparable({**answer, "uid": uid}) for answer in recorded["answers"]]
    assert [comparable(json.loads(publication.body)) for publication in said] == expected
    if "afterwards" in recorded:
        assert rooms == {sid: in_order(names) for sid, names in recorded["afterwards"].items()}
    too_large = recorded["answers"][-1]["data"].get("error") == "too_large"
    warnings = [record.message for record in caplog.records if record.name == LOGGER.name]
    assert len([text for text in warnings if "no connection" not in text]) == too_large, warnings
