"""A gateway with its console, keys of several kinds, and a real server with two namespaces."""

import pytest

from harness import ConsolePage, Gateway, create_key
from harness.questions import start_servers, until


@pytest.fixture(scope="module")
def keys():
    return {
        "all": create_key("all", "*"),
        "sender": create_key("sender", "emit", room="user:*", namespace="/"),
        "reader": create_key("reader", "emit", "rooms:read", "sockets:read", "servers:read", "tail", room=["user:*", "news"], namespace="/"),
        "metrics": create_key("metrics", "metrics"),
    }


@pytest.fixture(scope="module")
def running_server(broker, exchange):
    [server] = start_servers(broker.url, exchange, exchange + ".fanout", ["aio-pika"], namespaces=("/", "/chat"))
    yield server
    server.close()


class GatewayOfAll(Gateway):
    """What tests ask themselves is asked with the key that may do everything."""

    key = None

    def request(self, method, path, body=None, headers=None, timeout=15):
        return super().request(method, path, body, {**self.key.header, **(headers or {})}, timeout)

    @property
    def origin(self):
        return "http://%s:%d" % self.address


@pytest.fixture(scope="module")
def gateway(broker, exchange, running_server, keys, tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "gateway.yaml"
    config.write_text("console: true\nkeys:\n" + "\n".join(key.entry for key in keys.values()))
    gateway = GatewayOfAll(
        broker.url, cluster_exchange=exchange, python_socketio_exchange=exchange + ".fanout", config=config, loops=2
    )
    gateway.key = keys["all"]
    with gateway:
        until(lambda: gateway.get("/v1/counts").status == 200, "the server answers")
        # A python-socketio server takes emits from its first client on.
        running_server.client()
        until(lambda: gateway.post({"event": "hello"}).json["routed"] is None, "the server listens")
        running_server.disconnect_clients()
        yield gateway


@pytest.fixture(scope="module")
def pages(gateway, keys, tmp_path_factory):
    """Opens the console with a key of `keys`; each key has a browser of its own."""
    opened = {}

    def page(name="all"):
        if name not in opened:
            opened[name] = ConsolePage(gateway.origin, tmp_path_factory.mktemp("browser"), keys[name].key)
        return opened[name]

    yield page
    for one in opened.values():
        one.close()


@pytest.fixture
def page(pages, keys, server):
    """With all rights, as it is when it is loaded; nothing may have troubled it when the test is over."""
    page = pages()
    page.open("#key=" + keys["all"].key)
    page.evaluate("sessionStorage.removeItem('console.sent')")
    page.said.clear()
    yield page
    page.assert_untroubled("the server responded with a status of 4")
