"""`socketio-gateway emit`, as a shell script sees it: what arrives, what is printed, and the exit status."""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from harness import VERSION, Amqp0Servers, SocketIOServer, Witness, binary, die_with_parent, run_command
from harness.patience import end_of_patience

CONFIRMED, NOT_PUBLISHED, UNROUTED, UNKNOWN, INVALID = 0, 1, 3, 4, 64
END = "end-of-test"


@pytest.fixture(scope="module")
def server(broker, exchange):
    with SocketIOServer(broker.url, exchange, namespaces=("/", "/chat")) as server:
        yield server


class Shell:
    """Keyword arguments become the environment, as with `Gateway`."""

    def __init__(self, amqp_url, **settings):
        settings = {"amqp_url": amqp_url, "wire_format": "python-socketio", **settings}
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        self._environment.update({f"GATEWAY_{k.upper()}": str(v) for k, v in settings.items()})

    def emit(self, *words, stdin=b""):
        """(exit status, receipt or None, what standard error says)"""
        result = subprocess.run(
            [binary(), "emit", *words],
            env=self._environment,
            input=stdin,
            capture_output=True,
            timeout=30,
            preexec_fn=die_with_parent,
        )
        output = result.stdout.decode()
        assert output.count("\n") <= 1, "at most one line"
        return result.returncode, json.loads(output) if output else None, result.stderr.decode()

    def must_emit(self, *words, routed=None, stdin=b""):
        """`routed` is what the receipt says, or the reason why nobody was there, which standard error says, too."""
        code, receipt, complaint = self.emit(*words, stdin=stdin)
        assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", receipt.pop("id"))
        if isinstance(routed, str):
            assert (code, receipt) == (UNROUTED, {"status": "confirmed", "routed": False, "reason": routed})
            assert complaint.startswith(f"socketio-gateway: {routed}: ") and complaint.count("\n") == 1
        else:
            assert (code, receipt, complaint) == (CONFIRMED, {"status": "confirmed", "routed": routed}, "")
        return complaint

    def must_fail(self, status, *words, stdin=b""):
        """The one line that says why."""
        code, receipt, complaint = self.emit(*words, stdin=stdin)
        assert (code, receipt) == (status, None), complaint
        assert complaint.startswith("socketio-gateway: ") and complaint.count("\n") == 1
        return complaint


@pytest.fixture
def shell(broker, exchange):
    return Shell(broker.url, python_socketio_exchange=exchange)


def test_members_of_the_room_receive_the_event(shell, server):
    member, other = server.client("user:42"), server.client("user:43")
    shell.must_emit("--room", "user:42", "order.paid", '{"id":42}', "0.1", '"é 😀"', "null", "[]")
    shell.must_emit(END)
    assert member.until(END) == [("order.paid", {"id": 42}, 0.1, "é 😀", None, [])]
    assert other.until(END) == []


def test_several_rooms_exceptions_and_a_namespace(shell, server):
    a, b, c = (server.client(room, namespace="/chat") for room in ("a", "b", "c"))
    main = server.client("a")
    shell.must_emit("--namespace", "/chat", "--room", "a", "--room", "b", "--except-socket", b.sid, "hello")
    for namespace in ("/", "/chat"):
        shell.must_emit("--namespace", namespace, END)
    assert [client.until(END) for client in (a, b, c, main)] == [[("hello",)], [], [], []]


def test_names_may_begin_with_a_dash(shell, server):
    client = server.client("-room")
    shell.must_emit("--room", "-room", "--except-socket", "-3kAQ1xYb_tWmPZ0AAAB", "hello")
    assert client.next() == ("hello",)


def test_standard_input_is_an_argument(shell, server):
    client = server.client()
    large = {"text": "0123456789abcdef" * 32_768}
    shell.must_emit("large", "1", "-", "--", "-2", stdin=json.dumps(large).encode() + b"\n")
    assert client.next() == ("large", 1, large, -2)


def test_bytes_arrive_as_bytes_where_they_are_asked_for(shell, server):
    client = server.client()
    marked = '{"file": {"$binary": "AAH/"}}'
    shell.must_emit("file", "--binary", marked)
    shell.must_emit("file", marked)
    assert client.next() == ("file", {"file": b"\x00\x01\xff"})
    assert client.next() == ("file", {"file": {"$binary": "AAH/"}})


def test_amqp0_servers_receive_it_and_say_whether_they_were_there(broker, exchange):
    shell = Shell(broker.url, wire_format="amqp0", amqp0_exchange=f"{exchange}.amqp0")
    with Amqp0Servers(broker.url, f"{exchange}.amqp0") as servers:
        both, banned = servers.socket("a", "b"), servers.socket("a", "banned")
        shell.must_emit("--room", "a", "--room", "b", "--except", "banned", "hello", "1", routed=True)
        shell.must_emit("--room", "nobody", "hello", routed="no_member")
        servers.deliver()
    assert both.received == [("hello", 1)] and banned.received == []


def test_without_servers_it_says_that_nobody_was_there(broker):
    shell = Shell(broker.url, python_socketio_exchange="test.of.nobody.shell")
    assert shell.must_emit("hello", routed="no_exchange") == (
        "socketio-gateway: no_exchange: there is no exchange 'test.of.nobody.shell' in the virtual host '/' "
        "(wire format python-socketio)\n"
    )


def test_options_win_over_the_environment_and_secrets_come_from_files(broker, exchange, server, tmp_path):
    file = tmp_path / "url"
    file.write_text(broker.url + "\n")
    client = server.client()
    shell = Shell("", amqp_url_file=file, python_socketio_exchange="wrong", wire_format="amqp0")
    shell.must_emit("--python-socketio-exchange", exchange, "--wire-format", "python-socketio", "hello")
    assert client.next() == ("hello",)


@pytest.mark.parametrize(
    "words, reason",
    [
        (["e", "1", "hello"], "argument 2: is not JSON"),
        (["e", "{'id':42}"], "argument 1: is not JSON"),
        (["e", "-"], "argument 1: is not JSON"),
        (["--room", "", "e"], "--room (1): an empty name"),
        (["--except", "room1", "e"], "--except: python-socketio servers can leave out sockets but not rooms"),
        (["connect"], "EVENT: 'connect' is reserved"),
        (["--confirm-timeout", "soon", "e"], "--confirm-timeout is 'soon'"),
    ],
)
def test_what_is_not_valid_is_said_and_not_published(broker, exchange, shell, words, reason):
    with Witness(broker.url, exchange, "fanout") as witness:
        assert reason in shell.must_fail(INVALID, *words)
        shell.must_emit(END)
        assert [message.json["event"] for message in witness.take()] == [END]


def test_a_word_without_quotes_is_explained(shell):
    assert "'\"text\"'" in shell.must_fail(INVALID, "e", "hello")


@pytest.mark.parametrize("words", [[], ["--rooms", "a", "e"], ["e", "-1"]])
def test_usage_errors_have_their_usual_status(shell, words):
    code, receipt, complaint = shell.emit(*words)
    assert (code, receipt) == (INVALID, None)
    assert "socketio-gateway emit --help" in complaint


def test_help_documents_every_exit_status():
    text = subprocess.run([binary(), "emit", "--help"], capture_output=True, text=True, check=True).stdout
    for status in (CONFIRMED, NOT_PUBLISHED, UNROUTED, UNKNOWN, INVALID):
        assert re.search(rf"^  {status} ", text, re.MULTILINE)


@pytest.mark.timed
def test_without_a_broker_it_fails_at_once():
    start = time.monotonic()
    reason = Shell("amqp://user:secret@127.0.0.1:1/").must_fail(NOT_PUBLISHED, "e")
    assert reason.endswith("127.0.0.1:1, virtual host /: connection refused\n") and "secret" not in reason
    assert time.monotonic() - start < 2


def test_a_wrong_password_is_said_but_not_shown(broker):
    reason = Shell(broker.url.replace("guest:guest", "guest:wrong-one")).must_fail(NOT_PUBLISHED, "e")
    assert "login refused: wrong user or password (ACCESS_REFUSED)" in reason and "wrong-one" not in reason


def test_a_virtual_host_that_does_not_exist_is_said(broker):
    reason = Shell(broker.url.replace("%2F", "nowhere")).must_fail(NOT_PUBLISHED, "e")
    assert "there is no virtual host 'nowhere'" in reason


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"])
def test_what_answers_and_is_no_broker_is_said(answer):
    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(8)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        reason = Shell(f"amqp://127.0.0.1:{listener.getsockname()[1]}").must_fail(NOT_PUBLISHED, "e")
        thread.join()
    assert "is this RabbitMQ's port for AMQP" in reason


@pytest.mark.timed
def test_it_is_done_within_half_a_second_and_leaves_politely(own_broker):
    shell = Shell(own_broker.url)
    shell.emit("warm-up")
    before = own_broker.log_tail(100_000).count("unexpectedly")
    times = []
    for _ in range(5):
        start = time.monotonic()
        shell.must_emit("hello", routed="no_exchange")
        times.append(time.monotonic() - start)
    assert sorted(times)[2] < 0.5, times
    assert own_broker.log_tail(100_000).count("unexpectedly") == before


def test_a_refused_exchange_is_said_with_the_reason(own_broker, exchange):
    own_broker.ctl("add_user", "limited", "secret")
    own_broker.ctl("set_permissions", "limited", "^$", "^amq.default$", ".*")
    with Witness(own_broker.url, exchange, "fanout"):
        shell = Shell(own_broker.url.replace("guest:guest", "limited:secret"), python_socketio_exchange=exchange)
        reason = shell.must_fail(NOT_PUBLISHED, "e")
    assert exchange in reason and "refused for user 'limited'" in reason and "secret" not in reason


@pytest.mark.timed
def test_an_alarm_is_said_with_its_reason(own_broker):
    own_broker.ctl("set_vm_memory_high_watermark", "0")
    try:
        start = time.monotonic()
        assert "low on memory" in Shell(own_broker.url).must_fail(NOT_PUBLISHED, "e")
        assert time.monotonic() - start < 5
    finally:
        own_broker.ctl("set_vm_memory_high_watermark", "0.4")


class Meddler:
    """Stands between one client and the broker, and does `meddle` before the bytes with `sign` reach the broker.

    `meddle` gets the client's side of the connection. The bytes are passed on if it returns true.
    """

    def __init__(self, port, sign, meddle):
        self._sign, self._meddle = sign, meddle
        self._broker = socket.create_connection(("127.0.0.1", port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port = self._listener.getsockname()[1]
        self._client = None
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self):
        try:
            self._client, _ = self._listener.accept()
        except TimeoutError:
            return
        self._threads.append(threading.Thread(target=self._pump, args=(self._broker, self._client)))
        self._threads[1].start()
        self._pump(self._client, self._broker, self._sign)

    def _pump(self, source, target, sign=None):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if sign and sign in data and not self._meddle(self._client):
                    return
                target.sendall(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ends = [end for end in (self._client, self._broker) if end]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in [*ends, self._listener]:
            end.close()


@pytest.fixture
def meddled(own_broker, exchange):
    """Emits the event `doubtful`, with `meddle` in between; why the emit failed, and whether it was published."""

    def run(meddle):
        with Witness(own_broker.url, exchange, "fanout") as witness:
            with Meddler(own_broker.port, b"doubtful", meddle) as meddler:
                url = own_broker.url.replace(str(own_broker.port), str(meddler.port))
                shell = Shell(url, python_socketio_exchange=exchange, confirm_timeout="300ms")
                try:
                    reason = shell.must_fail(UNKNOWN, "doubtful")
                finally:
                    own_broker.resume()
                Shell(own_broker.url, python_socketio_exchange=exchange).must_emit(END)
                deadline, events = end_of_patience(), []
                while END not in events:
                    assert time.monotonic() < deadline
                    events += [message.json["event"] for message in witness.waiting()]
                return reason, "doubtful" in events

    return run


def test_a_broker_that_stands_still_leaves_the_outcome_unknown(own_broker, meddled):
    reason, _ = meddled(lambda client: own_broker.pause() or True)
    assert "has not confirmed in time" in reason and "may or may not" in reason


def test_a_connection_that_breaks_leaves_the_outcome_unknown(meddled):
    def hang_up(client):
        client.shutdown(socket.SHUT_RDWR)

    reason, is_published = meddled(hang_up)
    assert "the connection to RabbitMQ was lost before it confirmed" in reason and not is_published


def test_a_full_queue_leaves_the_outcome_unknown(own_broker, exchange):
    with Amqp0Servers(own_broker.url, exchange + ".full") as servers:
        servers.socket("room1")
        full = '{"max-length": 1, "overflow": "reject-publish"}'
        own_broker.ctl("set_policy", "full", ".*#room1$", full, "--apply-to", "queues")
        try:
            shell = Shell(own_broker.url, wire_format="amqp0", amqp0_exchange=exchange + ".full")
            codes = [shell.emit("--room", "room1", "e")[0] for _ in range(3)]
            assert UNKNOWN in codes and codes[0] == CONFIRMED, codes
        finally:
            own_broker.ctl("clear_policy", "full")


# The program


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["srve"], "there is no command 'srve'; did you mean 'serve'?\nUsage: socketio-gateway <"),
        (["config", "chek", "--loops", "2"], "there is no command 'chek'; did you mean 'check'?\nUsage: socketio-gateway config <"),
        (["keys", "x"], "there is no command 'x'; there is create or hash\nUsage: socketio-gateway keys <"),
    ],
)
def test_a_misspelt_command_is_answered_with_the_right_one(words, complaint):
    status, output, error = run_command(*words)
    assert (status, output) == (INVALID, "") and error.startswith(f"Error: {complaint}")


@pytest.mark.parametrize("words", [[], ["serve"], ["config", "check"]])
def test_every_command_tells_the_version(words):
    assert run_command(*words, "--version") == (0, f"{VERSION}\n", "")
