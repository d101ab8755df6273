"""GET /v1/events through what stands before gateways, and in a browser; the programs of docs/events.md."""

import http.client
import json
import socket
import ssl
import subprocess
import sys

import pytest

from harness import (
    BrowserPage,
    Caddy,
    EventStream,
    Gateway,
    HAProxy,
    Heartbeats,
    Nginx,
    RespondingServer,
    create_key,
    page_server,
    pages,
)
from harness.certificates import Authority
from harness.patience import PATIENCE, until

PAGE = pages.page("docs/events.md")


@pytest.fixture
def servers(broker, exchange):
    with Heartbeats(broker.url, exchange) as servers:
        yield servers


def gateway_at(broker, exchange, **settings):
    return Gateway(broker.url, cluster_exchange=exchange, wire_format="cluster", loops=2, **settings)


def check_events_come(stream, servers):
    """One by one: nobody on the way keeps any back."""
    for name in ("a", "b", "c"):
        servers.up(name)
        event = stream.event()
        assert (event["type"], event["server"]) == ("server.up", name)
        servers.lost(name)
        assert stream.event()["type"] == "server.lost"


@pytest.mark.parametrize("proxy", [Nginx, HAProxy, Caddy])
def test_events_come_at_once_through_proxies_with_their_defaults(broker, exchange, servers, proxy):
    with gateway_at(broker, exchange, allow_anonymous=None, api_key="k") as gateway, proxy(gateway.address) as proxy:
        with EventStream(proxy, {"X-API-Key": "k"}) as stream:
            assert stream.response.headers["Content-Type"] == "text/event-stream"
            check_events_come(stream, servers)
            with EventStream(proxy, {"X-API-Key": "k", "Last-Event-ID": stream.last_id}) as again:
                check_events_come(again, servers)
        # HAProxy sees that its client has left when it next has something for it.
        if not isinstance(proxy, HAProxy):
            until(lambda: gateway.metric("gateway_event_streams") == 0, "the proxy has left, too")


def test_events_come_over_https_and_streams_that_rest_take_no_time(broker, exchange, servers, tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost", ["DNS:localhost"])
    settings = {"https_address": "127.0.0.1:0", "https_certificate_file": certificate, "https_key_file": key}
    context = ssl.create_default_context(cafile=authority.certificate)
    with gateway_at(broker, exchange, **settings) as gateway:
        port = int(gateway.wait_for_line("listening")["httpsAddress"].rsplit(":", 1)[1])

        def stream(**options):
            connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)
            return EventStream(gateway, connection=connection, **options)

        with stream() as first:
            check_events_come(first, servers)
            before = gateway.metric("process_cpu_seconds_total")
            assert not first.has_something(2)
            assert gateway.metric("process_cpu_seconds_total") - before < 0.15
        until(lambda: gateway.metric("gateway_event_streams") == 0, "it has left")
        with stream(method="HEAD") as head:
            assert head.status == 200 and head.response.read() == b""
        with stream() as last:
            gateway.stop()
            assert last.rest() == [] and last.retry == 1000


class UnixGateway(Gateway):
    def _find_address(self):
        return any(line.get("message") == "listening" for line in self.log())

    def wait_until_ready(self, timeout=PATIENCE):
        pass  # who listens has reached the broker


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def test_events_come_over_a_unix_socket(broker, exchange, servers, tmp_path):
    path = tmp_path / "gateway.sock"
    with UnixGateway(broker.url, http_address=f"unix:{path}", cluster_exchange=exchange, wire_format="cluster"):
        with EventStream(None, connection=UnixConnection(path)) as stream:
            check_events_come(stream, servers)


def test_a_page_in_a_browser_reads_them_as_the_document_says(broker, exchange, servers, tmp_path):
    key = create_key("page", "events:read", "rooms:read")
    path = tmp_path / "gateway.yaml"
    path.write_text("keys:\n" + key.entry)
    with (
        page_server() as origin,
        gateway_at(broker, exchange, config=path, allow_anonymous=None, cors_origins=origin) as gateway,
        BrowserPage(origin, tmp_path / "profile") as page,
    ):
        page.wait_for("document.title === 'A page'")
        reader = pages.block(PAGE, "js", "const GATEWAY")
        reader = reader.replace("https://gateway.example.com", "http://%s:%d" % gateway.address)
        reader = reader.replace("THE-PAGES-KEY", key.key)
        page.evaluate(
            reader.replace("const GATEWAY", "var GATEWAY") + "var seen = []; listen('/v1/events?type=server.*', (event) => seen.push(event)); undefined"
        )
        until(lambda: gateway.metric("gateway_event_streams") == 1, "the page listens")
        assert page.wait_for("seen.length") and json.loads(page.evaluate("JSON.stringify(seen)")) == [{"type": "reset"}]
        for number in range(50):
            servers.up(f"ü{number}")
        page.wait_for("seen.length === 51")
        told = json.loads(page.evaluate("JSON.stringify(seen.slice(1).map((event) => event.server))"))
        assert told == [f"ü{number}" for number in range(50)]
        # A gateway that is started anew has another epoch.
        page.evaluate("seen = []; undefined")
        port = gateway.address[1]
        gateway.stop()
        gateway._settings["http_address"] = f"127.0.0.1:{port}"
        gateway.start()
        page.wait_for("seen.length === 1 && seen[0].type === 'reset' && seen[0].reason === 'unknown_id'")
        for number in range(50):
            servers.lost(f"ü{number}")


def test_a_program_in_python_reads_them_as_the_document_says(broker, exchange, servers, tmp_path):
    with gateway_at(broker, exchange, allow_anonymous=None, api_key="k") as gateway:
        program = pages.block(PAGE, "python", "import http.client").replace("THE-BACKENDS-KEY", "k")
        program = program.replace("http://127.0.0.1:8080", "http://%s:%d" % gateway.address)
        program += "\n\nfor event in events('/v1/events?type=server.*'):\n    print(json.dumps(event), flush=True)\n"
        (tmp_path / "program.py").write_text(program)
        with subprocess.Popen([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True) as reader:
            try:
                assert json.loads(reader.stdout.readline()) == {"type": "reset"}
                servers.up("ü")
                assert json.loads(reader.stdout.readline())["server"] == "ü"
                servers.lost("ü")
                assert json.loads(reader.stdout.readline())["type"] == "server.lost"
                port = gateway.address[1]
                gateway.stop()
                gateway._settings["http_address"] = f"127.0.0.1:{port}"
                gateway.start()
                assert json.loads(reader.stdout.readline())["reason"] == "unknown_id"
            finally:
                reader.kill()


@pytest.fixture
def server(broker, exchange):
    with RespondingServer(broker.url, "aio-pika", exchange, interval=0.5) as server:
        yield server


def test_presence_in_python_is_as_the_document_says(broker, exchange, server, tmp_path):
    with gateway_at(broker, exchange, allow_anonymous=None, api_key="k") as gateway:
        server.client("user:there")
        until(lambda: gateway.metric("gateway_cluster_servers") == 1, "the server is known")
        program = pages.block(PAGE, "python", "import http.client").replace("THE-BACKENDS-KEY", "k")
        program = program.replace("http://127.0.0.1:8080", "http://%s:%d" % gateway.address)
        program += "\n\n" + pages.block(PAGE, "python", "online = set()")
        program = program.rstrip("\n") + "\n    print(json.dumps(sorted(online)), flush=True)\n"
        (tmp_path / "program.py").write_text(program)
        with subprocess.Popen([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True) as reader:
            try:
                check_presence(server, lambda: json.loads(reader.stdout.readline()))
            finally:
                reader.kill()


def check_presence(server, online):
    """`online`: who is, whenever something has come."""
    while online() != ["user:there"]:
        pass
    client = server.client("user:new", "other")
    while online() != ["user:new", "user:there"]:
        pass
    client.close()
    while online() != ["user:there"]:
        pass


def test_presence_in_a_browser_is_as_the_document_says(broker, exchange, server, tmp_path):
    key = create_key("page", "events:read", "rooms:read", room="user:*")
    path = tmp_path / "gateway.yaml"
    path.write_text("keys:\n" + key.entry)
    with (
        page_server() as origin,
        gateway_at(broker, exchange, config=path, allow_anonymous=None, cors_origins=origin) as gateway,
        BrowserPage(origin, tmp_path / "profile") as page,
    ):
        server.client("user:there")
        until(lambda: gateway.metric("gateway_cluster_servers") == 1, "the server is known")
        page.wait_for("document.title === 'A page'")
        program = pages.block(PAGE, "js", "const GATEWAY") + "\n" + pages.block(PAGE, "js", "let online")
        program = program.replace("https://gateway.example.com", "http://%s:%d" % gateway.address)
        program = program.replace("THE-PAGES-KEY", key.key)
        page.evaluate(program.replace("const GATEWAY", "var GATEWAY").replace("let online", "var online") + "; undefined")

        def online():
            page.wait_for("true")
            return json.loads(page.evaluate("JSON.stringify([...online].sort())"))

        check_presence(server, online)
