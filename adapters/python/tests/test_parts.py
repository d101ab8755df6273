"""The small parts."""

import json
import logging

import pytest
import socketio

from socketio_gateway_responder import GatewayResponder, ThreadedGatewayResponder, features
from socketio_gateway_responder.answers import acknowledgement, value_of_handler
from socketio_gateway_responder.backlog import Backlog
from socketio_gateway_responder.backoff import Backoff
from socketio_gateway_responder.failures import FailureLog
from socketio_gateway_responder.features import has_acks
from socketio_gateway_responder.limiting import AnswerLimit
from socketio_gateway_responder.messages import Delivery
from socketio_gateway_responder.presence import NAMESPACE_LINGERS, Namespaces, can_be_announced


def test_backoff_grows_and_starts_again():
    backoff = Backoff(chance=lambda: 0)
    assert [backoff.next() for _ in range(4)] == [0.25, 0.5, 1, 1]
    assert [backoff.next(refused=True) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.next() == 1  # it is only away now
    backoff.reset()
    assert backoff.next() == 0.25
    assert Backoff(chance=lambda: 1).next() == 0.125


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
    assert acknowledgement((float("nan"), "\ud800", {"\0": b"\1"})) == {
        "args": [None, "\ufffd", {"\ufffd": {"_placeholder": True, "num": 0}}], "packet": None, "attachments": ["AQ=="]
    }  # fmt: skip
    assert value_of_handler({"a\0": "\ud83d"}) == {"packet": {"a\ufffd": "\ufffd"}}
    with pytest.raises(TypeError, match="^set is nothing"):
        value_of_handler([{1}])
    assert value_of_handler((1, b"\0")) == {"packet": [1, {"_placeholder": True, "num": 0}], "attachments": ["AA=="]}


def test_the_broker_may_lower_the_limit_of_answers():
    limit = AnswerLimit(8000)
    assert limit.learn("PRECONDITION_FAILED - message size 70000 is larger than configured max size 5000") == 5000
    assert limit.learn("PRECONDITION_FAILED - message size 70000 is larger than max size 6000") == 6000
    assert limit.learn("ACCESS_REFUSED - read access to exchange 'max size 1' refused") is None
    assert limit.bytes == 5000
    with pytest.raises(ValueError):
        AnswerLimit(1023)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("5.15.1", True), ("5.18.1", True), ("6.0", True), ("10.0.0rc1", True), (None, True), ("5.15.0", False),
     ("5.15", False), ("5.9.9", False), ("4.99.99", False)],
)  # fmt: skip
def test_versions_that_can_do_acknowledgements(version, expected):
    assert has_acks(version) is expected


@pytest.mark.parametrize(("version", "expected"), [("5.14.3", []), ("5.18.1", ["acks"])])
def test_a_version_without_acknowledgements_is_warned_of_and_not_announced(monkeypatch, caplog, version, expected):
    monkeypatch.setattr(features, "installed_version", lambda: version)
    with ThreadedGatewayResponder(socketio.Server(async_mode="threading"), "amqp://127.0.0.1:1") as responder:
        assert json.loads(responder._heartbeat().body)["features"] == [*expected, "numbers", "events"]
    warnings = [record.message for record in caplog.records if "5.15.1 and later" in record.message]
    assert len(warnings) == (version == "5.14.3")


@pytest.mark.parametrize(
    "options", [{"max_answer_bytes": 1}, {"url": "http://x"}, {"exchange": ""}, {"interval": 0}, {"data": "sessions"}], ids=lambda o: str(o)
)
def test_options_that_can_never_work(options):
    with pytest.raises(ValueError):
        ThreadedGatewayResponder(socketio.Server(async_mode="threading"), **{"url": "amqp://x", **options})


def test_each_server_has_its_responder():
    with pytest.raises(TypeError):
        GatewayResponder(socketio.Server(async_mode="threading"), "amqp://x")
    with pytest.raises(TypeError):
        ThreadedGatewayResponder(socketio.AsyncServer(async_mode="aiohttp"), "amqp://x")
