"""The proxies' configurations of docs/operating as they stand there; only addresses, ports and certificates are others."""

import http.client
import json
import os
import pwd
import ssl
import threading
import time
from pathlib import Path

from .certificates import Authority
from .gateway import Gateway, Response
from .pages import block, page
from .patience import PATIENCE
from .proxies import Caddy, HAProxy, Nginx, free_port

HOSTS = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]  # of the gateways, in the pages


def adapted(text, changes):
    """The text with each of these changes, which must be needed."""
    for old, new in changes.items():
        assert old in text, f"the page has no {old}"
        text = text.replace(old, str(new))
    return text


class Trio:
    """The pages' three gateways, which are 127.0.1.1 to 127.0.1.3 here, all at one port. A `with` statement waits until they are
    ready, or if not `ready`, until they listen."""

    def __init__(self, amqp_url, ready=True, **settings):
        self._ready = ready
        self._port = free_port()
        self.changes = {f"{host}:8080": f"127.0.1.{n}:{self._port}" for n, host in enumerate(HOSTS, 1)}
        settings = {"api_key": "k" * 32, "shutdown_delay": None, "trusted_proxies": "127.0.0.1", **settings}
        self.gateways = [Gateway(amqp_url, http_address=address, **settings) for address in self.changes.values()]

    def adapted_script(self, text):
        """A script of the pages that has the hosts alone."""
        hosts = {host: f"127.0.1.{n}" for n, host in enumerate(HOSTS, 1)}
        return adapted(text, {**hosts, ":8080": f":{self._port}"})

    def __enter__(self):
        for gateway in self.gateways:
            gateway.start(self._ready)
        return self

    def __exit__(self, *_):
        for gateway in self.gateways:
            gateway.kill()


class PageProxy:
    """What the three have in common. `secure` is the context of their clients, None without TLS."""

    def __init__(self, trio):
        super().__init__()
        self._changes = trio.changes
        self.secure = None

    def certificate(self):
        authority = Authority(self._dir / "tls")
        self.secure = ssl.create_default_context(cafile=authority.certificate)
        return authority.issue("gateway", ["IP:127.0.0.1"])

    def connect(self, timeout=PATIENCE, source="127.0.0.1"):
        options = {"timeout": timeout, "source_address": (source, 0)}
        if self.secure:
            return http.client.HTTPSConnection(*self.address, **options, context=self.secure)
        return http.client.HTTPConnection(*self.address, **options)

    def ask(self, method, path, body=None, headers=None, **options):
        """The answer to a request with the gateways' key."""
        connection = self.connect(**options)
        try:
            fields = {"Authorization": f"Bearer {'k' * 32}", "Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()


class PageNginx(PageProxy, Nginx):
    def configuration(self):
        certificate, key = self.certificate()
        changes = {"443 ssl": f"127.0.0.1:{self.address[1]} ssl", "/etc/nginx/gateway.pem": certificate, "/etc/nginx/gateway.key": key}
        text = adapted(block(page("docs/operating/nginx.md"), "nginx"), {**self._changes, **changes})
        folders = [f"{name}_temp_path {self._dir}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi")]
        # The rest is what the packages' nginx.conf has around it, but for the log.
        return f"""
            daemon off; user {pwd.getpwuid(os.geteuid()).pw_name}; worker_processes 2; pid {self._dir}/pid;
            error_log stderr warn;
            events {{ worker_connections 768; }}
            http {{ access_log off; client_body_temp_path {self._dir}/body; {" ".join(folders)} {text} }}
            """


class PageHAProxy(PageProxy, HAProxy):
    health = "/readyz"

    def configuration(self):
        certificate, key = self.certificate()
        both = self._dir / "both.pem"
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        changes = {":443": f"127.0.0.1:{self.address[1]}", "/etc/haproxy/gateway.pem": both, "/readyz": self.health}
        return adapted(block(page("docs/operating/haproxy.md"), "haproxy"), {**self._changes, **changes})


class PageCaddy(PageProxy, Caddy):
    """Without TLS: its certificate would come from an authority on the Internet."""

    health = "/readyz"

    def configuration(self):
        changes = {"gateway.example.com {": f"http://127.0.0.1:{self.address[1]} {{", "/readyz": self.health}
        text = adapted(block(page("docs/operating/caddy.md"), "caddyfile"), {**self._changes, **changes})
        return "{\n\tadmin off\n\tauto_https off\n}\n" + text


class RepeatedLoad:
    """Emits numbers from several threads, each twice with one `Idempotency-Key`, on kept connections, until it is left.

    `pairs` has (number, when it began, when it ended, whether the second was replayed), `failures` what else happened."""

    def __init__(self, proxy, threads=6):
        self._proxy = proxy
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self.pairs = []
        self.failures = []

    def _run(self):
        connection = self._proxy.connect()
        while not self._stopped.is_set():
            with self._lock:
                number = next(self._numbers)
            began = time.monotonic()
            try:
                answers = [self._emit(connection, number) for _ in range(2)]
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if [status for status, *_ in answers] != [200, 200]:
                self.failures.append(answers)
            self.pairs.append((number, began, time.monotonic(), answers[1][1]))

    def _emit(self, connection, number):
        headers = {
            "Authorization": f"Bearer {'k' * 32}", "Content-Type": "application/json", "Idempotency-Key": f"{id(self)}-{number}",
        }
        connection.request("POST", "/v1/emit", json.dumps({"event": "load", "data": number}), headers)
        response = connection.getresponse()
        return response.status, response.headers["Idempotent-Replayed"] == "true", response.read()[:200]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()
