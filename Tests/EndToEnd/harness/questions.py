"""Questions to the servers through the gateway, and what they have in common."""

import threading
import time
from urllib.parse import urlencode

from .patience import PATIENCE, until
from .responding_server import RespondingServer


def asked(gateway, path, method="GET", timeout=PATIENCE, **parameters):
    """The response to a question whose fields are in the query; a list is a parameter again and again."""
    query = urlencode(parameters, doseq=True)
    return gateway.request(method, f"{path}?{query}" if query else path, timeout=timeout)


def ask(gateway, path, **parameters):
    """What was answered, which must be a success."""
    response = asked(gateway, path, **parameters)
    assert response.status == 200, (response.status, response.body)
    return response.json


def tell(gateway, path, **body):
    """What was answered to a POST, which must be a success. `in_=` and `except_=` stand for `in` and `except`."""
    response = gateway.post({name.rstrip("_"): value for name, value in body.items()}, path=path)
    assert response.status == 200, (response.status, response.body)
    return response.json


def all_pages(gateway, path, member, **parameters):
    """The pages of a list, each as it was answered."""
    pages = [ask(gateway, path, **parameters)]
    while (cursor := pages[-1]["nextCursor"]) is not None:
        pages.append(ask(gateway, path, cursor=cursor, **parameters))
        assert pages[-1][member], "a page with nothing on it"
    return pages


def tally(answer):
    """Whether the answer is complete, and how many servers were expected and have responded."""
    servers = answer["servers"]
    unanswered = servers["missing"] + servers["tooLarge"]
    assert answer.get("complete", not unanswered) is (not unanswered)
    assert len(unanswered) == servers["expected"] - servers["responded"]
    return not unanswered, servers["expected"], servers["responded"]


def known_servers(gateway, namespace=None):
    """The uids of the servers that the gateway knows."""
    parameters = {} if namespace is None else {"namespace": namespace}
    return {server["uid"] for server in ask(gateway, "/v1/servers", **parameters)["servers"]}


def wait_for_servers(gateway, count):
    """Their uids, when there are so many."""
    until(lambda: len(known_servers(gateway)) == count, f"{count} servers are known")
    return known_servers(gateway)


def in_flight(gateway):
    """How many requests are under way, but for the one that asks."""
    return gateway.metric("gateway_http_requests_in_flight") - 1


def unconfirmed(broker):
    """How many messages wait for the broker's confirm, of all connections."""
    return sum(int(line) for line in broker.ctl("list_channels", "messages_unconfirmed").split() if line.isdigit())


def start_servers(amqp_url, exchange, channel, managers, **options):
    """Servers with a responder each; see RespondingServer."""
    # Not side by side in threads: a process ends with the thread that has started it.
    servers = []
    try:
        for manager in managers:
            servers.append(RespondingServer(amqp_url, manager, exchange, channel, **options))
    except BaseException:
        for server in servers:
            server.close()
        raise
    return servers


class Asking:
    """A request in the background. `seconds`: how long it took."""

    def __init__(self, request, *args, **keywords):
        self._outcome = None
        self.seconds = None
        self._thread = threading.Thread(target=self._run, args=(request, args, keywords), daemon=True)
        self._began = time.monotonic()
        self._thread.start()

    @property
    def is_waiting(self):
        return self._thread.is_alive()

    def outcome(self, timeout=PATIENCE):
        """What the request returned."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "there is no answer yet"
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def _run(self, request, args, keywords):
        try:
            self._outcome = request(*args, **keywords)
        except BaseException as error:
            self._outcome = error
        self.seconds = time.monotonic() - self._began
