"""AMQP over TLS, with a real RabbitMQ: who is believed, and what is said when somebody is not."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from harness import Gateway, PrivateRabbitMQ, Witness
from harness.certificates import TLS_PLUGIN, Authority
from harness.command import run_command
from harness.patience import PATIENCE
from harness.rabbitmq import free_ports

ROOM, EXCHANGE = "room", "test.tls"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def client(authority):
    """The files of a client's certificate, whose user on the broker is `robot`."""
    return authority.issue("robot")


@contextmanager
def tls_broker(authority, certificate, key, demands_certificate=False):
    (port,) = free_ports(1)
    settings = authority.broker_settings(certificate, key, port, demands_certificate)
    with PrivateRabbitMQ(plugins=[TLS_PLUGIN], settings=settings) as broker:
        broker.tls_port = port
        broker.ctl("add_user", "robot", "unused")
        broker.ctl("set_permissions", "robot", ".*", ".*", ".*")
        yield broker


@pytest.fixture(scope="module")
def broker(authority):
    names = ["DNS:localhost", "DNS:rabbit.internal", "IP:127.0.0.1"]
    with tls_broker(authority, *authority.issue("broker", names)) as broker:
        yield broker


@pytest.fixture(scope="module")
def strict_broker(authority):
    """It lets nobody in who shows no certificate."""
    files = authority.issue("strict", ["DNS:localhost"])
    with tls_broker(authority, *files, demands_certificate=True) as broker:
        yield broker


def tls_url(broker, host="localhost", credentials="guest:guest@", query=""):
    return f"amqps://{credentials}{host}:{broker.tls_port}/%2F{query}"


def tls_gateway(url, **settings):
    return Gateway(url, wire_format="amqp0", amqp0_exchange=EXCHANGE, **settings)


def emit(url, *flags):
    """(exit status, standard error) of `socketio-gateway emit`, which connects, and emits if it can."""
    words = ["emit", "hello", "--room", ROOM, "--wire-format", "amqp0", "--amqp0-exchange", EXCHANGE, *flags]
    status, _, error = run_command(*words, amqp_url=url)
    return status, error


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_emit_goes_over_tls(broker, authority, host):
    with Witness(broker.url, EXCHANGE, "direct", [ROOM]) as witness:
        with tls_gateway(tls_url(broker, host), amqp_ca_file=authority.certificate) as gateway:
            for number in range(50):
                assert gateway.emit(event="e", data=number, rooms=[ROOM])["routed"] is True
        assert [message.json["packet"]["data"][1] for message in witness.take(50)] == list(range(50))


def test_messages_of_a_megabyte_arrive_as_they_are(broker, authority):
    texts = [chr(ord("a") + number) * 1_000_000 for number in range(20)]
    with Witness(broker.url, EXCHANGE, "direct", [ROOM]) as witness:
        with tls_gateway(tls_url(broker), amqp_ca_file=authority.certificate) as gateway:
            answer = gateway.batch([{"event": "e", "data": text, "rooms": [ROOM]} for text in texts[:15]])
            assert [result["status"] for result in answer.json["results"]] == [200] * 15
            for text in texts[15:]:
                assert gateway.emit(event="e", data=text, rooms=[ROOM])["routed"] is True
        assert [message.json["packet"]["data"][1] for message in witness.take(20)] == texts


def test_the_url_may_say_it_all(broker, authority, client):
    certificate, key = client
    query = f"?cacertfile={authority.certificate}&certfile={certificate}&keyfile={key}&verify=verify_peer"
    query += "&auth_mechanism=external&heartbeat=7&connection_timeout=5000&server_name_indication=rabbit.internal"
    with Witness(broker.url, EXCHANGE, "direct", [ROOM]):
        with tls_gateway(tls_url(broker, "127.0.0.1", "", query)) as gateway:
            assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
            rows = broker.ctl("list_connections", "user", "auth_mechanism", "timeout", "ssl", "ssl_protocol").splitlines()
    assert any(row.split("\t") == ["robot", "EXTERNAL", "7", "true", "tlsv1.3"] for row in rows), rows


def test_a_client_certificate_is_shown_where_one_is_wanted(strict_broker, authority, client):
    certificate, key = client
    settings = {"amqp_ca_file": authority.certificate, "amqp_certificate_file": certificate, "amqp_key_file": key}
    with Witness(strict_broker.url, EXCHANGE, "direct", [ROOM]):
        with tls_gateway(tls_url(strict_broker), **settings) as gateway:
            assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
    assert "certificate" in reason(tls_url(strict_broker), "--amqp-ca-file", authority.certificate)


# Who is not believed


def reason(url, *flags):
    status, error = emit(url, *flags)
    assert status != 0
    assert "guest:guest" not in error
    return error


def test_an_authority_that_nobody_knows_is_not_believed(broker, stranger):
    words = reason(tls_url(broker))
    assert "the broker's certificate is not believed: self-signed certificate in certificate chain" in words
    words = reason(tls_url(broker), "--amqp-ca-file", stranger.certificate)
    assert "the broker's certificate is not believed" in words


def test_another_host_s_certificate_is_not_believed(broker, authority):
    words = reason(tls_url(broker), "--amqp-ca-file", authority.certificate, "--amqp-server-name", "elsewhere")
    assert "the broker's certificate is not believed: hostname mismatch" in words.lower()
    words = reason(tls_url(broker, "[::ffff:127.0.0.1]"), "--amqp-ca-file", authority.certificate)
    assert "the broker's certificate is not believed: ip address mismatch" in words.lower()


@contextmanager
def listening(context):
    """Somebody who speaks TLS, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(1)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_what_has_expired_is_not_believed(authority):
    files = authority.issue("expired", ["DNS:localhost"], days=-1)
    with listening(server_context(*files)) as port:
        words = reason(f"amqps://localhost:{port}", "--amqp-ca-file", authority.certificate)
    assert "the broker's certificate is not believed: certificate has expired" in words


def test_what_has_signed_itself_is_not_believed(stranger):
    with listening(server_context(stranger.certificate, stranger.key)) as port:
        words = reason(f"amqps://localhost:{port}")
    assert "the broker's certificate is not believed: self-signed certificate" in words


def test_tls_before_1_2_is_not_spoken(authority):
    context = server_context(*authority.issue("old", ["DNS:localhost"]))
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    with listening(context) as port:
        words = reason(f"amqps://localhost:{port}", "--amqp-ca-file", authority.certificate)
    assert "protocol version" in words or "unsupported protocol" in words


def test_with_verification_off_it_works_and_is_warned_of(broker):
    with Witness(broker.url, EXCHANGE, "direct", [ROOM]):
        with tls_gateway(tls_url(broker), amqp_verify="false") as gateway:
            assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
            warnings = [line["message"] for line in gateway.log() if line["level"] == "warning"]
    assert any("its certificate is not checked" in warning for warning in warnings), warnings


# Other mistakes


def test_ports_that_are_mixed_up_are_told_apart(broker, authority):
    ca = ["--amqp-ca-file", authority.certificate]
    assert "the port does not speak TLS" in reason(f"amqps://localhost:{broker.port}", *ca)
    assert "the port speaks TLS: the broker's URL must begin with amqps://" in reason(f"amqp://localhost:{broker.tls_port}")


def test_files_that_cannot_be_used_are_named(broker, authority, client, tmp_path):
    certificate, key = client
    other_key = authority.issue("other")[1]
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    url, ca = tls_url(broker), ["--amqp-ca-file", authority.certificate]
    assert f"the file of certificate authorities, '{tmp_path}/none', cannot be used: no such file" in reason(
        url, "--amqp-ca-file", tmp_path / "none"
    )
    assert "there is none in PEM form in it" in reason(url, "--amqp-ca-file", empty)
    words = reason(url, *ca, "--amqp-certificate-file", empty)
    assert f"the client certificate, '{empty}', cannot be used: there is none in PEM form in it" in words
    words = reason(url, *ca, "--amqp-certificate-file", certificate, "--amqp-key-file", other_key)
    assert f"the key in '{other_key}' does not belong to the certificate in '{certificate}'" in words
    words = reason(url, *ca, "--amqp-certificate-file", certificate)
    assert f"the key, '{certificate}', cannot be used: there is none in PEM form in it" in words
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-out", locked, "-aes256", "-passout", "pass:word"], check=True)
    words = reason(url, *ca, "--amqp-certificate-file", certificate, "--amqp-key-file", locked)
    assert f"the key, '{locked}', cannot be used: it has a passphrase, and must have none" in words
    assert "there is a key for TLS, and no certificate" in reason(url, *ca, "--amqp-key-file", key)


def test_a_log_in_that_fails_over_tls_says_why(broker, authority, client):
    ca = ["--amqp-ca-file", authority.certificate]
    assert "login refused: wrong user or password" in reason(tls_url(broker, credentials="guest:wrong@"), *ca)
    assert "there is no virtual host 'none'" in reason(tls_url(broker).replace("%2F", "none"), *ca)
    words = reason(tls_url(broker, query="?auth_mechanism=external"), *ca)
    assert "login refused: the broker knows no user for our client certificate, or saw none" in words


def test_settings_for_tls_without_tls_are_an_error(broker, authority):
    words = reason(broker.url, "--amqp-ca-file", authority.certificate)
    assert "asks for no TLS, and there are settings for it" in words


# As time goes by


def test_certificates_are_rotated_without_a_restart(broker, authority, stranger, tmp_path):
    """The files are read at each connect."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate.read_bytes())
    with tls_gateway(tls_url(broker), amqp_ca_file=ca, loops=1) as gateway:
        ca.write_bytes(stranger.certificate.read_bytes())
        broker.ctl("close_all_connections", "test")
        deadline = time.monotonic() + PATIENCE
        gateway.wait_until(lambda: "not believed" in "".join(gateway.stderr), deadline, "believe nobody")
        ca.write_bytes(authority.certificate.read_bytes())
        gateway.wait_until_ready()
        assert gateway.post({"event": "e", "rooms": [ROOM]}).status == 200


def test_without_verification_a_lost_connection_is_not_the_certificate_s_fault(broker):
    with tls_gateway(tls_url(broker), amqp_verify="false", loops=1) as gateway:
        broker.ctl("close_all_connections", "test")
        lost = "the broker closed the connection"
        gateway.wait_until(lambda: lost in "".join(gateway.stderr), time.monotonic() + PATIENCE, "lose it")
        gateway.wait_until_ready()
        assert "not believed" not in "".join(gateway.stderr)


def test_a_stop_in_the_middle_of_a_handshake_is_clean(authority):
    """OpenSSL would put its things away while a thread still uses them."""
    with listening(server_context(*authority.issue("closer", ["DNS:localhost"]))) as port:
        for number in range(20):
            gateway = tls_gateway(f"amqps://localhost:{port}", amqp_ca_file=authority.certificate, shutdown_timeout="0s")
            gateway.start(ready=False)
            time.sleep(number * 0.01)
            gateway.stop()


def test_questions_go_over_tls_too(broker, authority):
    with tls_gateway(tls_url(broker), amqp_ca_file=authority.certificate) as gateway:
        assert gateway.get("/v1/servers").status == 200
        rows = broker.ctl("list_connections", "ssl", "client_properties")
        assert rows.count("true") >= 2


def test_a_handshake_that_stalls_does_not_keep_the_gateway_from_another_broker(broker, authority):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_port = silent.getsockname()[1]
        url = f"amqps://guest:guest@localhost:{silent_port},localhost:{broker.tls_port}/"
        start = time.monotonic()
        with Witness(broker.url, EXCHANGE, "direct", [ROOM]):
            with tls_gateway(url, amqp_ca_file=authority.certificate) as gateway:
                assert gateway.emit(event="e", rooms=[ROOM])["routed"] is True
        assert time.monotonic() - start < 20


def test_config_check_tries_each_broker(broker, authority, client):
    certificate, key = client
    (closed,) = free_ports(1)
    query = f"?cacertfile={authority.certificate}&certfile={certificate}&keyfile={key}&auth_mechanism=external"
    settings = {"amqp_url": f"amqps://localhost:{closed},localhost:{broker.tls_port}/{query}"}
    status, output, error = run_command("config", "check", "--connect", "--allow-anonymous", **settings)
    said = output + error
    assert status == 0, said
    assert f"no connection to RabbitMQ at localhost:{closed}, virtual host /, TLS: " in said
    connected = f"connected to RabbitMQ at localhost:{broker.tls_port}, virtual host /, TLS, as the user of the client certificate"
    assert connected in said


def test_config_check_connects_over_tls(broker, authority):
    settings = {"amqp_url": tls_url(broker), "amqp_ca_file": authority.certificate}
    _, output, error = run_command("config", "check", "--connect", "--allow-anonymous", **settings)
    assert "connected to RabbitMQ at localhost" in output + error
