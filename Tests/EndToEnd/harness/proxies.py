"""Real proxies before the gateway, with their defaults unless a test says otherwise; on loopback, as processes of their own."""

import http.client
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .patience import end_of_patience
from .rabbitmq import die_with_parent, free_ports


def free_port():
    return free_ports(1)[0]


class Proxy:
    """A proxy between `address` and the upstreams; `start` and `stop`, or a `with` statement."""

    def __init__(self, *upstreams, **options):
        self.address = ("127.0.0.1", free_port())
        self._upstreams = [address if isinstance(address, str) else "{}:{}".format(*address) for address in upstreams]
        self._options = options
        self._dir = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
        self._process = None

    def start(self):
        (self._dir / "configuration").write_text(self.configuration())
        with open(self._dir / "log", "wb") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._dir,
                env={"HOME": str(self._dir), "PATH": "/usr/sbin:/usr/bin:/bin"}, preexec_fn=die_with_parent,
            )
        deadline = end_of_patience()
        while True:
            try:
                socket.create_connection(self.address, timeout=1).close()
                return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, self.log()
                time.sleep(0.02)

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._dir, ignore_errors=True)

    def log(self):
        return (self._dir / "log").read_text(errors="replace")

    def request(self, method, path, body=None, headers=None, timeout=20, **arguments):
        """Status, headers and body of the answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {}, **arguments)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Nginx(Proxy):
    """Options: `buffering` of requests (on), `keepalive` connections kept for each worker (none), `upstream` for the lines of
    the upstream's servers, `server` for more of the server, `scheme` of the gateway's (http)."""

    def command(self):
        return ["nginx", "-e", "stderr", "-p", str(self._dir), "-c", str(self._dir / "configuration")]

    def configuration(self):
        keepalive = self._options.get("keepalive")
        parameters = self._options.get("upstream", "")
        servers = "\n".join(f"server {upstream} {parameters};" for upstream in self._upstreams)
        buffering = "on" if self._options.get("buffering", True) else "off"
        kept = 'proxy_http_version 1.1; proxy_set_header Connection "";' if keepalive else ""
        one_one = "proxy_http_version 1.1;" if buffering == "off" else ""
        target = "gateway" if keepalive or len(self._upstreams) > 1 or parameters else self._upstreams[0]
        return f"""
            daemon off; user {pwd.getpwuid(os.geteuid()).pw_name}; worker_processes 1; pid {self._dir}/pid;
            error_log stderr warn;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; client_max_body_size 0;
                client_body_temp_path {self._dir}/body; proxy_temp_path {self._dir}/proxy; fastcgi_temp_path {self._dir}/f;
                uwsgi_temp_path {self._dir}/u; scgi_temp_path {self._dir}/s;
                upstream gateway {{ {servers} {f"keepalive {keepalive};" if keepalive else ""} }}
                server {{
                    listen 127.0.0.1:{self.address[1]};
                    location / {{
                        proxy_pass {self._options.get("scheme", "http")}://{target};
                        proxy_request_buffering {buffering}; {kept or one_one}
                        {self._options.get("server", "")}
                    }}
                }}
            }}
            """


class HAProxy(Proxy):
    """Options: `backend` for more lines of the backend, `server` for more of each server's line."""

    def command(self):
        return ["haproxy", "-db", "-f", str(self._dir / "configuration")]

    def configuration(self):
        options = self._options.get("server", "")
        servers = "\n".join(f"    server s{number} {upstream} {options}" for number, upstream in enumerate(self._upstreams))
        return f"""
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
frontend front
    bind 127.0.0.1:{self.address[1]}
    default_backend gateways
backend gateways
{self._options.get("backend", "")}
{servers}
"""


class Caddy(Proxy):
    """Caddy's `reverse_proxy` as it comes."""

    def command(self):
        return ["caddy", "run", "--config", str(self._dir / "configuration"), "--adapter", "caddyfile"]

    def configuration(self):
        return f"""
{{
    admin off
    auto_https off
}}
http://:{self.address[1]} {{
    bind 127.0.0.1
    reverse_proxy {" ".join(self._upstreams)}
}}
"""
