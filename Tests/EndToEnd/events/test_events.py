"""GET /v1/events: what its readers get, who may read, and how a reader goes on where it was."""

import json
import signal
import socket
import subprocess
import time

import pytest

from harness import EventStream, Gateway, Heartbeats, ServerProcess, SimulatedServer, assert_problem, create_key
from harness.patience import PATIENCE, until
from harness.questions import wait_for_servers

SERVERS = {"type": "server.*"}


@pytest.fixture(scope="module")
def gateway(broker, exchange):
    with gateway_at(broker, exchange) as gateway:
        yield gateway


@pytest.fixture
def servers(broker, exchange):
    with Heartbeats(broker.url, exchange) as servers:
        yield servers


def gateway_at(broker, exchange, **settings):
    return Gateway(broker.url, cluster_exchange=exchange, loops=2, **{"wire_format": "cluster", **settings})


def told(event):
    return event["type"], event.get("server")


def test_it_is_a_stream_of_server_sent_events(gateway, servers):
    with EventStream(gateway) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store, no-transform"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Transfer-Encoding"] == "chunked" and headers["Content-Length"] is None
        assert stream.retry == 3000 and stream.last_id
        servers.up("a")
        servers.lost("a")
        up, lost = stream.events(2)
        assert (told(up), told(lost)) == (("server.up", "a"), ("server.lost", "a"))
        assert set(up) == {"id", "type", "time", "server"}
        assert abs(time.time() - parsed(up["time"])) < 60


def parsed(text):
    assert text[19] == "." and text[23:] == "Z", text
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def test_curl_reads_it(gateway, servers):
    url = "http://%s:%d/v1/events?type=server.*" % gateway.address
    with subprocess.Popen(["curl", "-sN", url], stdout=subprocess.PIPE, text=True) as curl:
        try:
            assert [curl.stdout.readline() for _ in range(3)][::2] == ["retry: 3000\n", "\n"]
            servers.up("curl")
            block = [curl.stdout.readline() for _ in range(4)]
            assert block[1] == "event: server.up\n" and json.loads(block[2].removeprefix("data: "))["server"] == "curl"
        finally:
            curl.kill()
    servers.lost("curl")


def test_a_server_that_comes_says_goodbye_or_falls_silent_is_told(gateway, broker, exchange):
    with EventStream(gateway, **SERVERS) as stream:
        with SimulatedServer(broker.url, exchange, uid="polite"):
            assert told(stream.event()) == ("server.up", "polite")
        assert told(stream.event()) == ("server.lost", "polite")


def test_a_server_that_is_killed_is_lost(gateway, broker, exchange):
    with EventStream(gateway, **SERVERS) as stream:
        with ServerProcess(broker.url, exchange, interval_ms=200) as server:
            kind, uid = told(stream.event())
            assert kind == "server.up"
            server.kill()
            assert told(stream.event()) == ("server.lost", uid)


def test_servers_that_were_there_already_are_no_news(broker, exchange):
    with SimulatedServer(broker.url, exchange, uid="old"), gateway_at(broker, exchange) as gateway:
        wait_for_servers(gateway, 1)
        with EventStream(gateway, **SERVERS) as stream, SimulatedServer(broker.url, exchange, uid="new"):
            assert told(stream.event()) == ("server.up", "new")


def test_all_readers_get_all_events_in_one_order(gateway, servers):
    streams = [EventStream(gateway) for _ in range(20)]
    for number in range(100):
        servers.up(f"s{number}")
    for number in range(100):
        servers.lost(f"s{number}")
    expected = [(kind, f"s{number}") for kind in ("server.up", "server.lost") for number in range(100)]
    ids = set()
    for stream in streams:
        events = stream.events(200)
        assert [told(event) for event in events] == expected
        ids.add(tuple(event["id"] for event in events))
        stream.close()
    assert len(ids) == 1


# Last-Event-ID


@pytest.mark.parametrize("how", ["header", "query"])
def test_who_comes_again_gets_what_it_has_missed(gateway, servers, how):
    with EventStream(gateway, **SERVERS) as stream:
        servers.up("seen")
        assert told(stream.event()) == ("server.up", "seen")
    servers.lost("seen")
    servers.up("missed")
    until(lambda: gateway.metric("gateway_event_streams") == 0, "the stream is over")
    again = {"headers": {"Last-Event-ID": stream.last_id}} if how == "header" else {"lastEventId": stream.last_id}
    with EventStream(gateway, **SERVERS, **again) as stream:
        assert [told(event) for event in stream.events(2)] == [("server.lost", "seen"), ("server.up", "missed")]
        servers.lost("missed")
        assert told(stream.event()) == ("server.lost", "missed")


def test_a_reader_of_a_gateway_that_was_started_anew_is_told_that_events_are_missing(broker, exchange, servers):
    with gateway_at(broker, exchange) as gateway, EventStream(gateway) as stream:
        last_id = stream.last_id
    with gateway_at(broker, exchange) as gateway:
        with EventStream(gateway, headers={"Last-Event-ID": last_id}) as stream:
            reset = stream.event()
            assert (reset["type"], reset["reason"]) == ("reset", "unknown_id") and "/v1/rooms" in reset["detail"]
            servers.up("after")
            assert told(stream.event()) == ("server.up", "after")
            servers.lost("after")


def test_a_reader_whose_last_event_is_not_kept_any_more_is_told_that_events_are_missing(gateway, servers):
    with EventStream(gateway) as stream, EventStream(gateway) as other:
        for number in range(5_001):
            servers.up(f"s{number}")
            servers.lost(f"s{number}")
        while told(other.event()) != ("server.lost", "s5000"):
            pass
        with EventStream(gateway, headers={"Last-Event-ID": stream.last_id}) as again:
            assert again.event()["reason"] == "too_old"
            assert again.last_id == other.last_id


# Keys


def test_a_key_that_is_taken_away_or_expires_ends_its_streams_and_no_others(broker, exchange, servers, tmp_path):
    path = tmp_path / "gateway.yaml"
    keys = {name: create_key(name, "events:read") for name in ("kept", "gone", "narrowed", "widened", "soon")}
    kept, gone, narrowed, widened, soon = keys.values()
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6))
    limits = 'rooms: ["a"]'
    ending = with_member(soon.entry, f"expires: {ends}")
    before = [kept.entry, gone.entry, narrowed.entry, with_member(widened.entry, limits), ending]
    after = [kept.entry, with_member(narrowed.entry, limits), widened.entry, ending]
    path.write_text("keys:\n" + "".join(before))
    with gateway_at(broker, exchange, config=path, allow_anonymous=None) as gateway:
        streams = {name: EventStream(gateway, key.header) for name, key in keys.items()}
        path.write_text("keys:\n" + "".join(after))
        gateway.signal(signal.SIGHUP)
        for name in ("gone", "narrowed", "widened", "soon"):
            assert streams[name].rest() == [], name
        ended = until(lambda: len(found := ended_streams(gateway)) == 4 and found, "four lines at info")
        assert {line["key"]: line["ended"] for line in ended} == dict.fromkeys(keys.keys() - {"kept"}, "not admitted")
        assert EventStream(gateway, gone.header).status == 401
        # Who comes again goes on within its new reach.
        for name in ("narrowed", "widened"):
            last = {"Last-Event-ID": streams[name].last_id}
            streams[name] = EventStream(gateway, {**keys[name].header, **last})
        servers.up("later")
        for name in ("kept", "widened"):
            assert told(streams[name].event()) == ("server.up", "later")
        assert not streams["narrowed"].has_something(0.2)
        servers.lost("later")
        for stream in streams.values():
            stream.close()


def ended_streams(gateway):
    return [line for line in gateway.log() if line.get("route") == "/v1/events" and "ended" in line]


def with_member(entry, member):
    return entry.rstrip("\n") + f"\n    {member}\n"


# Limits, metrics, the log


def test_of_101_streams_100_are_served_and_they_are_no_requests_under_way(broker, exchange, servers):
    with gateway_at(broker, exchange, max_in_flight=20) as gateway:
        streams = [EventStream(gateway) for _ in range(100)]
        full = gateway.get("/v1/events")
        assert_problem(full, 503, "overloaded")
        assert full.headers["Retry-After"] == "1"
        assert gateway.metric("gateway_event_streams") == 100
        gateway.wait_for_in_flight(0)
        servers.up("all")
        for stream in streams:
            assert told(stream.event()) == ("server.up", "all")
        assert gateway.metric("gateway_events_sent_total") == 100
        servers.lost("all")
        streams.pop().close()
        until(lambda: gateway.metric("gateway_event_streams") == 99, "one is over")
        with EventStream(gateway) as stream:
            assert stream.status == 200
        for stream in streams:
            stream.close()
        until(lambda: gateway.metric("gateway_event_streams") == 0, "all are over")


def test_the_log_has_a_line_when_a_stream_is_over(broker, exchange):
    with gateway_at(broker, exchange, log_level="debug") as gateway:
        with EventStream(gateway, headers={"X-Request-Id": "mine"}) as stream:
            read = len(f"retry: 3000\nid: {stream.last_id}\n\n")
            time.sleep(0.3)
            assert not lines(gateway, "mine")
        line = until(lambda: lines(gateway, "mine"), "a line")[0]
        assert (line["route"], line["status"], line["outcome"]) == ("/v1/events", "200", "client left")
        assert float(line["durationMs"]) >= 300 and int(line["bytes"]) == read


@pytest.mark.slow
def test_the_log_names_a_server_whose_list_of_rooms_cannot_be_read(broker, exchange):
    about = {"features": ["acks", "numbers", "events"]}
    name = exchange + "stuck"
    with SimulatedServer(broker.url, name, uid="stuck", probed=True, about=about), gateway_at(broker, name) as gateway:
        wait_for_servers(gateway, 1)
        with EventStream(gateway):
            # It is asked every ten seconds, and says nothing.
            line = until(lambda: find_line(gateway, "a server's list of rooms cannot be read"), "a line", 60)
            assert (line["level"], line["server"], line["namespace"]) == ("warning", "stuck", "/")


def find_line(gateway, message):
    return next((line for line in gateway.log() if line.get("message") == message), None)


def lines(gateway, request_id):
    return [line for line in gateway.log() if line.get("requestId") == request_id]


def test_head_is_answered_and_over(gateway):
    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
        connection.sendall(b"HEAD /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"\r\nContent-Type: text/event-stream" in head
    assert b"Content-Length" not in head and b"Transfer-Encoding" not in head and body == b""
    until(lambda: gateway.metric("gateway_event_streams") == 0, "none is open")


def test_it_is_turned_off_with_the_cluster(broker, exchange):
    with gateway_at(broker, exchange, cluster_enabled="false", wire_format="amqp0") as gateway:
        assert_problem(gateway.get("/v1/events"), 501, "turned_off")
        assert gateway.metric("gateway_event_streams") == 0


@pytest.mark.timeout(60)
def test_a_comment_comes_every_15_s_and_no_time_out_ends_a_stream(broker, exchange, servers):
    with gateway_at(broker, exchange, idle_timeout="1s", head_timeout="1s", body_timeout="1s") as gateway:
        with EventStream(gateway) as stream, EventStream(gateway, type="room.*") as other:
            servers.up("x")
            servers.lost("x")
            stream.events(2)
            began = time.monotonic()
            assert stream.block() == {"": ""}
            assert 14 < time.monotonic() - began < 20
            # It has not had the events, and is told the id all the same.
            assert other.block() == {"": "", "id": stream.last_id}
            servers.up("y")
            assert told(stream.event()) == ("server.up", "y")
            servers.lost("y")
