"""The recipes for TLS of the README, with the broker of the gateway's own tests, which here demands a client certificate."""

import pytest

from harness import TLS_PLUGIN, Authority, FakeGateway, PrivateRabbitMQ, Server, free_ports

CHANNEL = "tls"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def client(authority):
    """The files of a certificate whose user on the broker is `robot`."""
    return authority.issue("robot")


@pytest.fixture(scope="module")
def broker(authority):
    (port,) = free_ports(1)
    files = authority.issue("broker", ["DNS:localhost"])
    settings = authority.broker_settings(*files, port, demands_certificate=True)
    with PrivateRabbitMQ(plugins=[TLS_PLUGIN], settings=settings) as broker:
        broker.tls_port = port
        broker.ctl("add_user", "robot", "unused")
        broker.ctl("set_permissions", "robot", ".*", ".*", ".*")
        yield broker


def recipe(broker, manager, ca, client, credentials="guest:guest@", host="localhost", server_hostname="localhost"):
    """(URL, options of the connection) as the README has them; without credentials the certificate is the user."""
    certificate, key = map(str, client)
    url = f"amqps://{credentials}{host}:{broker.tls_port}//"
    if manager == "aio-pika":
        login = "" if credentials else "&auth=external"
        return f"{url}?cafile={ca}&certfile={certificate}&keyfile={key}{login}", {}
    options = {"ssl": {"ca_certs": str(ca), "certfile": certificate, "keyfile": key}}
    if server_hostname:
        options["ssl"]["server_hostname"] = server_hostname
    return url, options if credentials else {**options, "login_method": "EXTERNAL"}


def serve(broker, manager, url, options, exchange):
    """A server whose manager and responder both speak TLS; aio-pika's have all in the URL."""
    more = {"manager_options": {"connection_options": options}, "connection_options": options} if options else {}
    return Server(url, manager, exchange, CHANNEL, interval=0.5, **more)


def here_is_heard(here, there):
    """What the other client gets of an event that is emitted until it gets one."""
    for _ in range(30):
        here.call("do", "emit to", "room", "hello", 1)
        try:
            return there.next(timeout=1)
        except AssertionError:
            continue
    raise AssertionError("no event in half a minute")


@pytest.mark.parametrize("credentials", ["guest:guest@", ""], ids=["by password", "by certificate"])
def test_manager_and_responder_speak_tls(broker, authority, client, manager, credentials):
    exchange = f"tls.{manager}.{'password' if credentials else 'certificate'}"
    url, options = recipe(broker, manager, authority.certificate, client, credentials)
    with serve(broker, manager, url, options, exchange) as first, serve(broker, manager, url, options, exchange) as second:
        with FakeGateway(broker.url, exchange) as gateway:
            gateway.wait_for_servers(2)
            here, there = first.client("room"), second.client("room")
            # Over the managers' connections, from one server to the other's client. A manager makes its queue some time
            # after its server's first client: until then nothing comes.
            said = here_is_heard(here, there)
            assert said == ("hello", 1)
            rows = [row.split("\t") for row in broker.ctl("list_connections", "user", "ssl", "auth_mechanism").splitlines()]
            # One that is just being opened has no user yet.
            secured = [(user, mechanism) for user, ssl, mechanism in rows if user and ssl == "true"]
            assert set(secured) == {("guest", "PLAIN") if credentials else ("robot", "EXTERNAL")}
            assert len(secured) >= 3
            assert [row[1] for row in rows].count("false") == 1, "the test's own"


def responds_to(broker, manager, exchange, url, options):
    """A server without anything but its responder's connection over TLS."""
    more = {"connection_options": options} if options else {}
    return Server(broker.url, manager, exchange, CHANNEL, url=url, interval=0.5, **more)


def test_what_the_authority_has_not_signed_is_not_believed(broker, stranger, client, manager):
    url, options = recipe(broker, manager, stranger.certificate, client)
    with responds_to(broker, manager, f"stranger.{manager}", url, options) as server:
        assert "guest:guest" not in server.log_with("CERTIFICATE_VERIFY_FAILED", timeout=30)


def test_the_system_s_authorities_count_where_none_is_named(broker, client, manager):
    url = f"amqps://guest:guest@localhost:{broker.tls_port}//"
    with responds_to(broker, manager, f"system.{manager}", url, {}) as server:
        server.log_with("CERTIFICATE_VERIFY_FAILED", timeout=30)


def test_another_host_s_certificate_is_not_believed(broker, authority, client, manager):
    url, options = recipe(broker, manager, authority.certificate, client, host="127.0.0.1", server_hostname="127.0.0.1")
    with responds_to(broker, manager, f"host.{manager}", url, options) as server:
        server.log_with("CERTIFICATE_VERIFY_FAILED", timeout=30)


def test_kombu_believes_any_host_without_the_name_of_one(broker, authority, client):
    """What the README warns of."""
    url, options = recipe(broker, "kombu", authority.certificate, client, host="127.0.0.1", server_hostname=None)
    with responds_to(broker, "kombu", "any", url, options), FakeGateway(broker.url, "any") as gateway:
        gateway.wait_for_servers(1)
