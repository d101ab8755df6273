"""HTTPS: clients, proxies, certificates that change, and those who never end their handshake."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import Gateway, HAProxy, Nginx, binary
from harness.certificates import Authority
from harness.patience import PATIENCE, until

JSON = {"Content-Type": "application/json"}


class HTTPSGateway(Gateway):
    """One that listens with TLS, too."""

    def _find_address(self):
        found = super()._find_address()
        if found:
            host, port = self.log_line("listening")["httpsAddress"].rsplit(":", 1)
            self.https = (host, int(port))
        return found

    def log_line(self, message):
        return next(line for line in self.log() if line.get("message") == message)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("localhost", ["DNS:localhost", "IP:127.0.0.1"])


def settings(pair, **others):
    certificate, key = pair
    return {
        "https_address": "127.0.0.1:0", "https_certificate_file": certificate, "https_key_file": key, "loops": 2, **others,
    }


@pytest.fixture(scope="module")
def gateway(broker, pair):
    with HTTPSGateway(broker.url, **settings(pair)) as gateway:
        yield gateway


def context(authority):
    return ssl.create_default_context(cafile=authority.certificate)


def connect(gateway, authority):
    """A connection that can be used again and again."""
    return http.client.HTTPSConnection("localhost", gateway.https[1], timeout=PATIENCE, context=context(authority))


def ask(connection, method="GET", path="/livez", body=None, headers=None):
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


def curl(gateway, authority, path, *options):
    url = f"https://localhost:{gateway.https[1]}{path}"
    return subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--cacert", authority.certificate, *options, url], capture_output=True, text=True
    )


def shown(gateway):
    """The certificate that is shown to new clients, DER."""
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(gateway.https, timeout=PATIENCE) as plain, nobody.wrap_socket(plain) as client:
        return client.getpeercert(binary_form=True)


def der(certificate):
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_speaks_both_versions(gateway, authority, version):
    result = curl(gateway, authority, "/livez", f"--tlsv{version}", "--tls-max", version, "-w", "%{http_code} %{http_version}")
    assert result.stdout.endswith("200 1.1"), result.stderr


def test_nothing_older_is_spoken(gateway, authority):
    assert curl(gateway, authority, "/livez", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0").returncode == 35


def test_openssl_believes_the_chain_and_the_name(gateway, authority):
    command = ["openssl", "s_client", "-connect", "%s:%d" % gateway.https, "-CAfile", authority.certificate,
               "-verify_return_error", "-verify_hostname", "localhost", "-alpn", "h2,http/1.1", "-brief"]  # fmt: skip
    result = subprocess.run(command, input="", capture_output=True, text=True, timeout=PATIENCE)
    assert "Verification: OK" in result.stderr, result.stderr


def test_connections_are_kept_and_plain_ones_go_on_beside_them(gateway, authority):
    connection = connect(gateway, authority)
    for _ in range(20):
        assert ask(connection)[0] == 200
        assert gateway.get("/livez").status == 200
    connection.close()
    gateway.wait_until_unused()


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_long_bodies(gateway, authority, framing):
    body = json.dumps({"event": "e", "args": ["x" * 1_000_000]}).encode()
    connection = connect(gateway, authority)
    for _ in range(3):
        connection.request("POST", "/v1/emit", body if framing == "length" else iter([body[:9], body[9:]]), JSON)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["status"]) == (200, "confirmed")


def test_refusals_of_bodies_that_are_too_long_arrive(gateway, authority, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 4_000_000)
    for framing in ([], ["-H", "Transfer-Encoding: chunked"]):
        result = curl(gateway, authority, "/v1/emit", "-H", JSON_LINE, *framing, "--data-binary", f"@{body}", "-w", "%{http_code}")
        assert result.stdout.endswith("413"), (result.stdout, result.stderr)


JSON_LINE = "Content-Type: application/json"


def test_a_length_that_is_none_has_one_answer(gateway, authority):
    with socket.create_connection(gateway.https, timeout=PATIENCE) as plain:
        with context(authority).wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n")
            answer = b""
            while data := client.recv(65536):
                answer += data
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1 and b"malformed_http" in answer


def test_healthcheck_asks_with_tls(gateway):
    address = "%s:%d" % gateway.https
    command = [binary(), "healthcheck", "--https", "--https-address", address]
    assert subprocess.run([*command, "--ready"], timeout=PATIENCE).returncode == 0
    plain = subprocess.run([*command[:-1], "%s:%d" % gateway.address], capture_output=True, text=True, timeout=PATIENCE)
    assert plain.returncode == 1 and "does not speak TLS" in plain.stderr


# Proxies as clients: they verify the chain and the name.


def nginx(gateway, authority, name):
    server = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {authority.certificate}; proxy_ssl_name {name}; proxy_ssl_server_name on;"
    # Without a key only this machine's names are served.
    server += " proxy_set_header Host localhost;"
    return Nginx(gateway.https, scheme="https", server=server, keepalive=4)


def haproxy(gateway, authority, name):
    return HAProxy(gateway.https, server=f"ssl verify required ca-file {authority.certificate} verifyhost {name} sni str({name})")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.mark.parametrize("make, bad", [(nginx, 502), (haproxy, 503)])
def test_proxies_that_verify(gateway, authority, stranger, make, bad):
    body = json.dumps({"event": "e", "args": ["x" * 1_000_000]}).encode()
    with make(gateway, authority, "localhost") as proxy:
        for _ in range(20):
            assert proxy.request("POST", "/v1/emit", body, JSON)[0] == 200
    with make(gateway, authority, "other.example") as proxy:
        assert proxy.request("GET", "/livez")[0] == bad
    with make(gateway, stranger, "localhost") as proxy:
        assert proxy.request("GET", "/livez")[0] == bad


# Certificates that change.


def replace(target, source):
    for old, new in zip(target, source):
        shutil.copy(new, f"{old}.new")
        os.replace(f"{old}.new", old)


def copied(folder, pair):
    target = folder / "certificate.pem", folder / "key.pem"
    replace(target, pair)
    return target


def test_a_new_certificate_is_shown_without_a_restart_and_a_bad_one_is_refused(broker, authority, pair, tmp_path):
    files = copied(tmp_path, pair)
    second, third = (authority.issue(name, ["DNS:localhost"]) for name in ("second", "third"))
    with HTTPSGateway(broker.url, **settings(files)) as gateway:
        kept = connect(gateway, authority)
        assert ask(kept)[0] == 200 and shown(gateway) == der(pair[0])
        replace(files, second)
        until(lambda: shown(gateway) == der(second[0]), "the new certificate")
        assert ask(kept)[0] == 200
        # A certificate whose key has not come yet.
        replace(files, (third[0], second[1]))
        line = gateway.wait_for_line("configuration not reloaded; the one before stays")
        assert "is not that of the first certificate" in line["reason"]
        assert shown(gateway) == der(second[0])
        replace(files, third)
        until(lambda: shown(gateway) == der(third[0]), "the third certificate")
        files[0].write_text("nothing")
        gateway.signal(signal.SIGHUP)
        until(lambda: len([line for line in gateway.log() if "not reloaded" in line["message"]]) > 1, "a refusal")
        assert shown(gateway) == der(third[0]) and ask(kept)[0] == 200


def test_one_that_has_expired_does_not_take_the_place_of_a_good_one(broker, authority, pair, tmp_path):
    files = copied(tmp_path, pair)
    late, later = (authority.issue(name, ["DNS:localhost"], days=-1) for name in ("late", "later"))
    with HTTPSGateway(broker.url, **settings(files)) as gateway:
        replace(files, late)
        line = gateway.wait_for_line("new certificate for HTTPS not taken; the one before stays")
        assert line["reason"].startswith("it has expired, at ") and line["level"] == "error"
        # All else is reloaded.
        gateway.wait_for_line("configuration reloaded")
        assert shown(gateway) == der(pair[0])
        good = authority.issue("good", ["DNS:localhost"])
        replace(files, good)
        until(lambda: shown(gateway) == der(good[0]), "the good one")
    # With none that is any better, it is taken, as at the start.
    replace(files, late)
    with HTTPSGateway(broker.url, **settings(files)) as gateway:
        until(lambda: any("HTTPS has expired" in line["message"] for line in gateway.log()), "a warning")
        replace(files, later)
        until(lambda: shown(gateway) == der(later[0]), "the new one")


def test_pairs_that_no_client_can_use_are_refused(broker, authority, pair, tmp_path):
    """Whose key and certificate belong together, and no handshake comes to its end."""
    files = copied(tmp_path, pair)
    with HTTPSGateway(broker.url, **settings(files)) as gateway:
        for count, useless in enumerate(useless_pairs(tmp_path), 1):
            result = check(useless)
            assert result.returncode != 0 and "no client can use the certificate in " in result.stderr, result.stderr
            replace(files, useless)
            message = "configuration not reloaded; the one before stays"
            until(lambda: len([line for line in gateway.log() if line["message"] == message]) >= count, "a refusal")
            assert shown(gateway) == der(pair[0])


def useless_pairs(folder):
    """One of DSA, one that may only sign other certificates, and one whose key is far too short."""
    parameters = folder / "dsa.parameters"
    subprocess.run(["openssl", "dsaparam", "-out", parameters, "1024"], check=True, capture_output=True)
    authority_only = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "keyUsage=critical,keyCertSign"]
    for name, words in [("dsa", ["-newkey", f"dsa:{parameters}"]), ("authority", authority_only), ("short", ["-newkey", "rsa:512"])]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        command = ["openssl", "req", "-x509", "-nodes", *words, "-subj", "/CN=localhost", "-keyout", key, "-out", certificate]
        subprocess.run(command, check=True, capture_output=True)
        yield certificate, key


def check(pair, **others):
    certificate, key = pair
    names = {"GATEWAY_HTTPS_ADDRESS": "127.0.0.1:8443", "GATEWAY_HTTPS_CERTIFICATE_FILE": str(certificate),
             "GATEWAY_HTTPS_KEY_FILE": str(key), "GATEWAY_ALLOW_ANONYMOUS": "true", **others}  # fmt: skip
    variables = {**{k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}, **names}
    return subprocess.run([binary(), "config", "check"], env=variables, capture_output=True, text=True, timeout=PATIENCE)


def test_config_check_says_what_is_wrong_with_a_pair(authority, pair, tmp_path):
    other = authority.issue("other", ["DNS:other"])
    assert check(pair).returncode == 0
    for wrong, words in [
        ((pair[0], other[1]), "is not that of the first certificate"),
        ((tmp_path / "none", pair[1]), "No such file"),
        ((pair[1], pair[1]), "there is no certificate (PEM) in it"),
        ((pair[0], pair[0]), "there is no key (PEM) in it"),
    ]:
        result = check(wrong)
        assert result.returncode != 0 and words in result.stderr, (words, result.stderr)
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", pair[1], "-out", locked, "-passout", "pass:secret"], check=True)
    assert "passphrase" in check((pair[0], locked)).stderr
    result = check(pair, GATEWAY_HTTPS_ADDRESS="")
    assert result.returncode != 0 and "no https.address" in result.stderr


def test_an_expired_certificate_is_a_warning(authority):
    result = check(authority.issue("late", ["DNS:localhost"], days=-1))
    assert result.returncode == 0 and "the certificate for HTTPS has expired" in result.stderr


# Those who never end their handshake, and those who leave.


def hello(authority):
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timed
@pytest.mark.parametrize("words", ["nothing", "five bytes", "a hello"])
def test_500_stalled_handshakes_cost_next_to_nothing_and_end(broker, pair, authority, words):
    said = {"nothing": b"", "five bytes": b"\x16\x03\x01\x02\x00", "a hello": hello(authority)}[words]
    with HTTPSGateway(broker.url, **settings(pair, head_timeout="6s")) as gateway:
        stalled = [socket.create_connection(gateway.https) for _ in range(500)]
        for connection in stalled:
            connection.sendall(said)
        time.sleep(0.5)
        before = seconds(gateway.pid)
        time.sleep(2)
        assert (seconds(gateway.pid) - before) / 2 < 0.05
        assert gateway.metric("gateway_http_connections") == 501
        connection = connect(gateway, authority)
        for _ in range(20):
            begin = time.monotonic()
            assert ask(connection)[0] == 200
            assert time.monotonic() - begin < 0.5
        connection.close()
        gateway.wait_until_unused()
        for connection in stalled:
            connection.close()


def test_connections_with_tls_count(broker, pair, authority):
    with HTTPSGateway(broker.url, **settings(pair, max_connections_per_address=3, trusted_proxies="127.0.0.1")) as gateway:
        sockets = [socket.create_connection(gateway.https, source_address=("127.0.0.2", 0)) for _ in range(3)]
        gateway.wait_for_connections(3)
        with socket.create_connection(gateway.https, source_address=("127.0.0.2", 0), timeout=PATIENCE) as one_more:
            assert one_more.recv(1) == b""
        for connection in sockets:
            connection.close()


def test_clients_that_leave_are_forgotten(gateway, authority):
    gateway.wait_until_unused()
    head = b"POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
    for said in (b"", b"GET /li", head, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        plain = socket.create_connection(gateway.https, timeout=PATIENCE)
        client = context(authority).wrap_socket(plain, server_hostname="localhost")
        client.sendall(said)
        client.close()
    for said in (b"", b"\x16\x03\x01\x02\x00", hello(authority), b"GET /livez HTTP/1.1\r\n\r\n"):
        with socket.create_connection(gateway.https) as connection:
            connection.sendall(said)
    gateway.wait_until_unused()


def test_it_ends_with_kept_idle_and_stalled_connections_at_hand(broker, pair, authority):
    gateway = HTTPSGateway(broker.url, **settings(pair, shutdown_timeout="3s")).start()
    kept = connect(gateway, authority)
    assert ask(kept)[0] == 200
    stalled = [socket.create_connection(gateway.https) for _ in range(20)]
    for connection in stalled[:10]:
        connection.sendall(hello(authority)[:100])
    answers = []
    emit = json.dumps({"event": "e"})
    busy = threading.Thread(target=lambda: answers.extend(ask(kept, "POST", "/v1/emit", emit, JSON) for _ in range(1)))
    busy.start()
    busy.join()
    begin = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begin < PATIENCE and answers[0][0] == 200
    # It was told, not cut.
    assert kept.sock is None or kept.sock.recv(1) == b""
    for connection in stalled:
        connection.close()
