"""The configuration is read again: on SIGHUP, and when a file has changed; and no request notices."""

import http.client
import json
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from harness import Gateway, assert_problem, create_key
from harness.patience import PATIENCE, end_of_patience

EVENT = {"event": "hello"}
RELOADED, REFUSED = "configuration reloaded", "configuration not reloaded; the one before stays"
WAITING = "some settings wait for a restart"


@pytest.fixture(scope="module")
def keys():
    return {name: create_key(name, "emit") for name in ("a", "b", "c")}


def text(*keys, more=""):
    return more + "keys:\n" + "".join(key.entry for key in keys)


class Reloading:
    """A gateway with a configuration file."""

    def __init__(self, gateway, path):
        self.gateway, self.path = gateway, path

    def opens(self, key):
        """Asked often enough for every loop."""
        statuses = {self.gateway.post(EVENT, key.header).status for _ in range(20)}
        assert len(statuses) == 1, statuses
        return statuses == {200}

    def lines(self, message):
        return [line for line in self.gateway.log() if line["message"] == message]

    def expect(self, message, action):
        """Runs the action; the one log line with the message that follows."""
        before = len(self.lines(message))
        action()
        deadline = end_of_patience()
        self.gateway.wait_until(lambda: len(self.lines(message)) > before, deadline, f"say '{message}'")
        return self.lines(message)[before]

    def hangup(self):
        self.gateway.signal(signal.SIGHUP)

    def rewrite(self, content):
        self.path.write_text(content)

    def replace(self, content):
        new = self.path.with_suffix(".new")
        new.write_text(content)
        os.rename(new, self.path)


@pytest.fixture
def reloading(broker, exchange, keys, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(text(keys["a"]))
    with Gateway(broker.url, python_socketio_exchange=exchange, config=path, loops=2) as gateway:
        yield Reloading(gateway, path)


def test_metrics_say_whether_the_configuration_was_taken_over(reloading, keys):
    gateway, start = reloading.gateway, int(time.time())

    def metrics():
        return [
            gateway.metric(name)
            for name in (
                'gateway_config_reloads_total{outcome="success"}',
                'gateway_config_reloads_total{outcome="failure"}',
                "gateway_config_last_reload_successful",
            )
        ]

    assert metrics() == [0, 0, 1]
    first = gateway.metric("gateway_config_last_reload_success_timestamp_seconds")
    assert start - 60 < first <= start
    reloading.expect(REFUSED, lambda: reloading.rewrite("keys: 1\n"))
    assert metrics() == [0, 1, 0]
    assert gateway.metric("gateway_config_last_reload_success_timestamp_seconds") == first
    reloading.expect(RELOADED, lambda: reloading.rewrite(text(keys["a"])))
    assert metrics() == [1, 1, 1]
    assert gateway.metric("gateway_config_last_reload_success_timestamp_seconds") >= start


# What makes it read again


@pytest.mark.parametrize("how", ["rewrite", "replace"])
def test_a_file_that_is_changed_is_read_again(reloading, keys, how):
    write = getattr(reloading, how)
    line = reloading.expect(RELOADED, lambda: write(text(keys["a"], keys["b"])))
    assert (line["level"], line["keys"]) == ("info", "2")
    # More than once: a head that came before is known again, and its key is looked up all the same.
    assert all(reloading.opens(keys["a"]) for _ in range(5)) and reloading.opens(keys["b"])
    reloading.expect(RELOADED, lambda: write(text(keys["b"])))
    assert not reloading.opens(keys["a"]) and reloading.opens(keys["b"])
    time.sleep(1.5)
    assert len(reloading.lines(RELOADED)) == 2, "once for each change"


def test_a_link_that_is_swapped_is_noticed(broker, exchange, keys, tmp_path):
    """As Kubernetes does it with a ConfigMap: file -> ..data/file, and ..data -> a directory with a date."""
    for name, key in (("..1", "a"), ("..2", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gateway.yaml").write_text(text(keys[key]))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "gateway.yaml").symlink_to("..data/gateway.yaml")
    with Gateway(broker.url, python_socketio_exchange=exchange, config=tmp_path / "gateway.yaml", loops=2) as gateway:
        reloading = Reloading(gateway, tmp_path / "gateway.yaml")
        assert reloading.opens(keys["a"])

        def swap():
            (tmp_path / "..new").symlink_to("..2")
            os.rename(tmp_path / "..new", tmp_path / "..data")

        reloading.expect(RELOADED, swap)
        assert not reloading.opens(keys["a"]) and reloading.opens(keys["b"])


def test_a_secret_beside_a_link_is_noticed_when_it_is_swapped(broker, exchange, tmp_path):
    """A ConfigMap or Secret of Kubernetes with both: the folder of the link stays, the one behind it goes."""
    for name, key in (("..1", "first"), ("..2", "second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gateway.yaml").write_text("apiKeyFile: key\n")
        (tmp_path / name / "key").write_text(key)
    (tmp_path / "..data").symlink_to("..1")
    for name in ("gateway.yaml", "key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    with Gateway(broker.url, python_socketio_exchange=exchange, config=tmp_path / "gateway.yaml") as gateway:
        assert gateway.post(EVENT, {"X-API-Key": "first"}).status == 200

        def swap():
            (tmp_path / "..new").symlink_to("..2")
            os.rename(tmp_path / "..new", tmp_path / "..data")
            shutil.rmtree(tmp_path / "..1")

        Reloading(gateway, None).expect(RELOADED, swap)
        assert gateway.post(EVENT, {"X-API-Key": "first"}).status == 401
        assert gateway.post(EVENT, {"X-API-Key": "second"}).status == 200


def test_a_hangup_before_it_listens_is_kept(tmp_path):
    """As long as a broker that says nothing keeps it from listening."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        gateway = Gateway(f"amqp://127.0.0.1:{mute.getsockname()[1]}").launch()
        try:
            mute.accept()
            gateway.signal(signal.SIGHUP)
            deadline = end_of_patience()
            gateway.wait_until(lambda: Reloading(gateway, None).lines(RELOADED), deadline, "reload")
            messages = [line["message"] for line in gateway.log() if line["message"] in (RELOADED, "listening")]
            assert messages == ["listening", RELOADED]
        finally:
            gateway.kill()


@pytest.mark.timed
def test_a_hangup_is_taken_at_once_and_ends_nothing(reloading, keys):
    reloading.expect(RELOADED, reloading.hangup)
    assert reloading.opens(keys["a"])
    began = time.monotonic()
    for _ in range(5):
        reloading.expect(RELOADED, reloading.hangup)
    assert time.monotonic() - began < 2


def test_a_hangup_without_a_file_is_harmless(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        reloading = Reloading(gateway, None)
        reloading.expect(RELOADED, reloading.hangup)
        assert gateway.post(EVENT).status == 200


def test_a_secret_in_a_file_of_its_own_is_noticed(broker, exchange, tmp_path):
    (tmp_path / "key").write_text("first")
    (tmp_path / "gateway.yaml").write_text(f"apiKeyFile: {tmp_path}/key\n")
    for settings in ({"api_key_file": tmp_path / "key"}, {"config": tmp_path / "gateway.yaml"}):
        (tmp_path / "key").write_text("first")
        with Gateway(broker.url, python_socketio_exchange=exchange, **settings) as gateway:
            reloading = Reloading(gateway, tmp_path / "key")
            assert gateway.post(EVENT, {"X-API-Key": "first"}).status == 200
            reloading.expect(RELOADED, lambda: reloading.rewrite("second"))
            assert gateway.post(EVENT, {"X-API-Key": "first"}).status == 401
            assert gateway.post(EVENT, {"X-API-Key": "second"}).status == 200
            reloading.expect(REFUSED, lambda: (tmp_path / "key").unlink())
            assert gateway.post(EVENT, {"X-API-Key": "second"}).status == 200
            reloading.expect(RELOADED, lambda: reloading.replace("third"))
            assert gateway.post(EVENT, {"X-API-Key": "third"}).status == 200


def test_a_secret_that_comes_later_than_the_file_that_names_it_is_noticed(reloading, tmp_path):
    secret = tmp_path / "late"
    line = reloading.expect(REFUSED, lambda: reloading.rewrite(f"apiKeyFile: {secret}\n"))
    assert str(secret) in line["reason"]
    reloading.expect(RELOADED, lambda: secret.write_text("late"))
    assert reloading.gateway.post(EVENT, {"X-API-Key": "late"}).status == 200


# A bad one


BAD = {
    "a misspelt setting": ("\nkees: []\n", "{path}:2: 'kees' is no setting; did you mean 'keys'?"),
    "no YAML": ("keys: [\n", "{path}:2: "),
    "a bad key": ("keys:\n- {name: x}\n", "{path}:2: keys[0] has no sha256"),
    "a value out of range": ("limits:\n  maxNames: 0\n", "{path}:2: limits.maxNames is '0'"),
    "nothing at all": ("", "no keys"),
    "no keys any more": ("wireFormat: amqp0\n", "no keys"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_changes_nothing_and_the_next_good_one_is_taken(reloading, keys, kind):
    content, reason = BAD[kind]
    line = reloading.expect(REFUSED, lambda: reloading.replace(content))
    assert line["level"] == "error" and reason.format(path=reloading.path) in line["reason"]
    assert reloading.opens(keys["a"])
    assert reloading.gateway.post(EVENT).status == 401
    time.sleep(1.5)
    assert len(reloading.lines(REFUSED)) == 1, "said once"
    reloading.expect(RELOADED, lambda: reloading.replace(text(keys["b"])))
    assert reloading.opens(keys["b"]) and not reloading.opens(keys["a"])


@pytest.mark.parametrize("kind", ["missing", "a directory", "a pipe", "unreadable"])
def test_a_file_that_cannot_be_read_changes_nothing(reloading, keys, kind):
    def spoil():
        reloading.path.unlink()
        match kind:
            case "a directory":
                reloading.path.mkdir()
            case "a pipe":
                os.mkfifo(reloading.path)
            case "unreadable":
                reloading.path.symlink_to(reloading.path)

    reloading.expect(REFUSED, spoil)
    assert reloading.opens(keys["a"])
    reloading.expect(REFUSED, reloading.hangup)
    if kind == "a directory":
        reloading.path.rmdir()
    reloading.expect(RELOADED, lambda: reloading.replace(text(keys["b"])))
    assert reloading.opens(keys["b"])


def test_no_key_is_in_what_is_said_of_a_bad_file(reloading):
    reloading.expect(REFUSED, lambda: reloading.rewrite("keys: [{name: a, sha256: hunter2, scopes: [emit]}]\n"))
    reloading.expect(REFUSED, lambda: reloading.rewrite("apiKey: [hunter2]\n"))
    assert "hunter2" not in "".join(reloading.gateway.stderr)


@pytest.mark.timed
def test_a_file_that_is_being_written_is_not_read(reloading, keys):
    content = text(keys["b"], keys["c"])
    with open(reloading.path, "w") as file:
        for piece in range(0, len(content), 20):
            file.write(content[piece : piece + 20])
            file.flush()
            time.sleep(0.1)
    deadline = end_of_patience()
    reloading.gateway.wait_until(lambda: reloading.lines(RELOADED), deadline, "read the file")
    assert len(reloading.lines(RELOADED)) == 1 and reloading.lines(REFUSED) == []
    assert reloading.opens(keys["b"]) and reloading.opens(keys["c"])


def test_without_keys_another_machine_is_never_served(broker, exchange, keys, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(text(keys["a"]))
    gateway = Gateway(broker.url, http_address="0.0.0.0:0", python_socketio_exchange=exchange, config=path)
    with gateway:
        reloading = Reloading(gateway, path)
        line = reloading.expect(REFUSED, lambda: reloading.replace("keys: []\n"))
        assert "there are no keys any more" in line["reason"]
        assert_problem(gateway.post(EVENT), 401, "unauthorized")
        # Not even if that is allowed now: a file that has come out empty would do the same.
        reloading.expect(REFUSED, lambda: reloading.replace("allowAnonymous: true\n"))
        assert_problem(gateway.post(EVENT), 401, "unauthorized")
        assert reloading.opens(keys["a"])


# What is taken over


def test_the_first_key_closes_a_gateway_that_was_open(broker, exchange, keys, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("")
    with Gateway(broker.url, python_socketio_exchange=exchange, config=path, loops=2) as gateway:
        reloading = Reloading(gateway, path)
        assert gateway.post(EVENT).status == 200
        reloading.expect(RELOADED, lambda: reloading.replace(text(keys["a"])))
        assert {gateway.post(EVENT).status for _ in range(20)} == {401}
        assert reloading.opens(keys["a"])


def test_rights_are_taken_over(reloading):
    wide = create_key("wide", "*")
    reloading.expect(RELOADED, lambda: reloading.replace(text(wide)))
    assert reloading.opens(wide)
    narrow = wide.entry.replace('["*"]', "[emit]") + "    rooms: ['user:*']\n"
    reloading.expect(RELOADED, lambda: reloading.replace("keys:\n" + narrow))
    assert_problem(reloading.gateway.post(EVENT, wide.header), 403, "beyond_reach", "/rooms")
    assert_problem(reloading.gateway.get("/v1/rooms", wide.header), 403, "insufficient_scope")
    assert reloading.gateway.post({**EVENT, "rooms": ["user:1"]}, wide.header).status == 200


def test_an_answer_is_not_given_again_to_a_key_that_may_not_have_it_any_more(reloading):
    key = create_key("key", "emit")
    reloading.expect(RELOADED, lambda: reloading.replace(text(key)))
    headers = {**key.header, "Idempotency-Key": "k"}
    assert reloading.gateway.post(EVENT, headers).status == 200
    reloading.expect(RELOADED, reloading.hangup)
    assert reloading.gateway.post(EVENT, headers).headers["Idempotent-Replayed"] == "true"
    reloading.expect(RELOADED, lambda: reloading.replace(text(key) + "    rooms: [a]\n"))
    assert_problem(reloading.gateway.post(EVENT, headers), 422, "idempotency_key_reused")


def test_rates_go_on(reloading):
    key = create_key("key", "emit", rate="5/h")
    reloading.expect(RELOADED, lambda: reloading.replace(text(key)))
    statuses = []
    for _ in range(8):
        statuses.append(reloading.gateway.post(EVENT, key.header).status)
        reloading.expect(RELOADED, reloading.hangup)
    assert statuses == [200] * 5 + [429] * 3
    reloading.expect(RELOADED, lambda: reloading.replace(text(key).replace("5/h", "6/h")))
    assert reloading.gateway.post(EVENT, key.header).status == 200


def test_settings_that_need_a_restart_are_named(reloading, keys):
    more = "loops: 1\nlimits: {maxNames: 1}\nlog: {format: text}\nallowAnonymous: true\n"
    line = reloading.expect(WAITING, lambda: reloading.replace(text(keys["b"], more=more)))
    assert line["level"] == "warning"
    # The variable of the test wins over the file's loops.
    assert line["settings"] == "limits.maxNames"
    assert reloading.opens(keys["b"])
    assert reloading.gateway.post({**EVENT, "rooms": ["a", "b"]}, keys["b"].header).status == 200
    before = len(reloading.lines(WAITING))
    reloading.expect(RELOADED, lambda: reloading.replace(text(keys["b"])))
    time.sleep(0.2)
    assert len(reloading.lines(WAITING)) == before


# Under load


def test_no_request_is_dropped_while_it_is_reloaded(reloading, keys):
    failures, counts, stop = [], [], threading.Event()

    def post(key):
        connection = http.client.HTTPConnection(*reloading.gateway.address, timeout=PATIENCE)
        headers = {"Content-Type": "application/json", **key.header}
        count = 0
        try:
            while not stop.is_set():
                connection.request("POST", "/v1/emit", json.dumps(EVENT), headers)
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or response.headers["Connection"] == "close":
                    failures.append((response.status, body))
                count += 1
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)
        finally:
            connection.close()
            counts.append(count)

    threads = [threading.Thread(target=post, args=(keys["a"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            if number % 5 == 4:
                content = text(keys["a"], *([keys["b"]] if number % 2 else []))
                reloading.expect(RELOADED, lambda: reloading.replace(content))
            else:
                reloading.expect(RELOADED, reloading.hangup)
            if number == 10:
                reloading.expect(REFUSED, lambda: reloading.replace("broken: ["))
                reloading.expect(RELOADED, lambda: reloading.replace(text(keys["a"])))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert min(counts) > 20
    assert len(reloading.lines(RELOADED)) >= 20


def test_a_request_that_is_under_way_is_finished_with_the_rights_that_it_came_with(reloading, keys):
    """Its body comes slowly, and its key is taken away meanwhile."""
    connection = http.client.HTTPConnection(*reloading.gateway.address, timeout=PATIENCE)
    body = json.dumps(EVENT).encode()
    connection.putrequest("POST", "/v1/emit")
    for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **keys["a"].header}.items():
        connection.putheader(name, value)
    connection.endheaders(body[:5])
    time.sleep(0.3)
    reloading.expect(RELOADED, lambda: reloading.replace(text(keys["b"])))
    connection.send(body[5:])
    assert connection.getresponse().status == 200
    connection.close()
    assert not reloading.opens(keys["a"])
