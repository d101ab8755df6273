"""`close: true` with clients that poll, and are busy: none of them may take it for a broken line, and come back."""

import threading
import time

from harness import FakeGateway, Server
from harness.gateway import opts

CLIENTS = 12  # more would not get to what is meant for them in their two seconds, all in one process


class Traffic:
    """Clients that send all the time, and are sent to all the time."""

    def __init__(self, gateway, clients):
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(client,)) for client in clients]
        self._gateway = gateway

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        for _ in range(100):
            self.emit()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def emit(self):
        self._gateway.tell(3, {"packet": {"type": 2, "data": ["tick", "x" * 1000]}, "opts": opts("a")})

    def _send(self, client):
        while not self._over.wait(0.05):
            try:
                client.send("noise", "x")
            except Exception:  # it has been disconnected
                return


def test_busy_clients_that_poll_do_not_come_back(broker, manager):
    exchange = f"closing.{manager}"
    with Server(broker.url, manager, exchange, namespaces=["/", "/chat"]) as server:
        with FakeGateway(broker.url, exchange) as gateway:
            gateway.wait_for_servers(1)
            clients = [
                server.client(
                    "a", also="/chat" if number % 3 == 0 else None, returns=True, transports=["polling"],
                    leaves_slowly=number % 2 == 0,
                )
                for number in range(CLIENTS)
            ]  # fmt: skip
            with Traffic(gateway, clients) as traffic:
                request = gateway.question(6, {"opts": opts("a"), "close": True})
                for _ in range(20):
                    traffic.emit()
                ((_, answer),) = gateway.answers(request, 1, timeout=10)
            assert answer["matched"] == CLIENTS
            for client in clients:
                assert client.disconnected.wait(5)
            time.sleep(1)  # ten times what they would wait before they come back
            assert [client.connections for client in clients] == [1] * CLIENTS
            assert gateway.fetch(count=True)["count"] == gateway.fetch("/chat", count=True)["count"] == 0


def test_a_client_that_takes_nothing_is_closed_in_time_and_holds_up_nobody(broker, manager):
    exchange = f"silent.{manager}"
    with Server(broker.url, manager, exchange) as server, FakeGateway(broker.url, exchange) as gateway:
        gateway.wait_for_servers(1)
        polite = server.client("a", returns=True, transports=["polling"])
        for _ in range(5):
            server.silent_client("a")
        assert gateway.fetch(opts=opts("a"), count=True)["count"] == 6
        started = time.monotonic()
        request = gateway.question(6, {"opts": opts("a"), "close": True})
        assert polite.disconnected.wait(1)
        assert gateway.fetch(count=True)["count"] == 0
        ((_, answer),) = gateway.answers(request, 1, timeout=10)
        assert answer["matched"] == 6
        assert 1.5 < time.monotonic() - started < 4
        assert polite.connections == 1


def test_all_namespaces_of_a_connection_are_told_before_it_is_closed(server, gateway):
    """Else a browser connects again for those that were not."""
    poll = server.silent_client("a", namespaces=["/", "/chat"])
    request = gateway.question(6, {"opts": opts("a"), "close": True})
    assert poll() == ["41", "41/chat,"]
    assert poll() == ["1"]
    assert [data["matched"] for _, data in gateway.answers(request, 1)] == [1]
    assert "ession" in poll()[0]  # there is none any more
    assert gateway.fetch(count=True)["count"] == gateway.fetch("/chat", count=True)["count"] == 0
