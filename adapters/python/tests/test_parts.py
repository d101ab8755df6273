"""The small parts."""

import logging

import pytest
import socketio

from socketio_gateway_responder import GatewayResponder, ThreadedGatewayResponder
from socketio_gateway_responder.answers import acknowledgement, value_of_handler
from socketio_gateway_responder.backlog import Backlog
from socketio_gateway_responder.backoff import Backoff
from socketio_gateway_responder.failures import FailureLog
from socketio_gateway_responder.messages import Delivery
from socketio_gateway_responder.presence import NAMESPACE_LINGERS, Namespaces, can_be_announced


def test_backoff_grows_and_starts_again():
    backoff = Backoff(chance=lambda: 0)
    assert [backoff.next() for _ in range(6)] == [0.5, 1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next() == 0.5
    assert Backoff(chance=lambda: 1).next() == 0.25


def test_failures_are_logged_once_and_without_passwords(caplog):
    log = FailureLog(logging.getLogger("test"), "amqp://user:p%40ss@host/")
    for text in ("refused", "refused", "p@ss and p%40ss"):
        log.report(text)
    assert log.clear() and not log.clear()
    log.report("refused")
    assert [record.message for record in caplog.records] == ["refused", "*** and ***", "refused"]


def test_a_backlog_is_bounded_in_bytes():
    wakes = []
    backlog = Backlog(2000, lambda: wakes.append(1))
    large, small = Delivery(b"x" * 5000, None, None), Delivery(b"x", None, None)
    assert backlog.put(large)  # on its own, anything
    assert not backlog.put(small)
    assert backlog.take() is large
    assert [backlog.put(small) for _ in range(4)] == [True, True, True, False]
    assert len(wakes) == 4
    backlog.clear()
    assert backlog.take() is None and backlog.put(small)


@pytest.mark.parametrize("name", ["", "*", "x", "/a#b", "/" + "x" * 249, "/\ud800", None, 7])
def test_names_that_are_no_namespace(name):
    assert not can_be_announced(name)


def test_namespaces_are_added_at_once_and_linger():
    namespaces = Namespaces()
    assert namespaces.update(["/", "*", "/b"], now=0) == (["/", "/b"], [])
    assert namespaces.update(["/"], now=NAMESPACE_LINGERS) == ([], [])
    assert list(namespaces) == ["/", "/b"]
    assert namespaces.update(["/"], now=NAMESPACE_LINGERS + 1) == ([], ["/b"])
    assert namespaces.update(["/", "/b"], now=NAMESPACE_LINGERS + 2) == (["/b"], [])


def test_answers_of_clients_and_handlers():
    assert acknowledgement(()) == {"args": []}
    assert acknowledgement((None,)) == {"args": [None], "packet": None}
    assert value_of_handler(None) == {"packet": None}
    assert value_of_handler((1, b"\0")) == {"packet": [1, {"_placeholder": True, "num": 0}], "attachments": ["AA=="]}


@pytest.mark.parametrize(
    "options", [{"url": "http://x"}, {"exchange": ""}, {"interval": 0}, {"data": "sessions"}], ids=lambda o: str(o)
)
def test_options_that_can_never_work(options):
    with pytest.raises(ValueError):
        ThreadedGatewayResponder(socketio.Server(async_mode="threading"), **{"url": "amqp://x", **options})


def test_each_server_has_its_responder():
    with pytest.raises(TypeError):
        GatewayResponder(socketio.Server(async_mode="threading"), "amqp://x")
    with pytest.raises(TypeError):
        ThreadedGatewayResponder(socketio.AsyncServer(async_mode="aiohttp"), "amqp://x")
