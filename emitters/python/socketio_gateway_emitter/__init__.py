"""Emits Socket.IO events through socketio-gateway.

    gateway = Gateway("http://127.0.0.1:8080", key="…")
    gateway.to("room").except_("other").emit("event", {"id": 42})

One file, no dependencies. What an answer and an error hold is the gateway's contract: `GET /openapi.yaml`, `GET /problems`.
"""

from __future__ import annotations

import base64
import http.client
import io
import itertools
import json
import os
import random
import secrets
import selectors
import ssl
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

__all__ = ["VERSION", "Batch", "Emitter", "Gateway", "GatewayError"]

VERSION = "0.2.0"
Room = str | int
Answer = dict[str, Any]
MOST_KEPT = 32  # connections
MOST_READ = 64 << 20  # bytes of an answer
LONGEST_PAUSE = 2.0  # seconds, unless `Retry-After` says more


class GatewayError(Exception):
    """What was asked for was not done, or nobody knows whether it was."""

    def __init__(self, status: int | None, code: str, detail: str, problem: Answer | None = None) -> None:
        problem = problem or {}
        super().__init__(f"{code}: {detail}")
        self.status = status
        """The HTTP status, or None without an answer."""
        self.code = code
        """One of the gateway's codes; `no_answer`, `bad_answer` (of something between, say), or `incomplete`."""
        self.detail = detail
        self.outcome: str | None = problem.get("outcome")
        """`unknown`: it may have been done all the same. Otherwise None, and nothing was done."""
        self.retryable: bool = bool(problem.get("retryable", False))
        """Whether the same may succeed later, and nothing was done."""
        self.errors: list[dict[str, str]] = problem.get("errors", [])
        self.request_id: str | None = problem.get("requestId")


@dataclass(frozen=True)
class Emitter:
    """Whom it is for, and how. Every call that narrows it gives a new one, so one may be kept and used again."""

    _sink: Any = field(repr=False)
    _fields: tuple[tuple[str, Any], ...] = ()
    _seconds: float = 5.0
    _mode: str = "all"
    _key: str | None = None

    def of(self, namespace: str) -> Emitter:
        return self._with(namespace=namespace)

    def to(self, *rooms: Room) -> Emitter:
        """The union of these rooms and those before; a socket's id is a room, too. No room at all is refused by the gateway."""
        return self._more("rooms", rooms)

    in_ = to

    def except_(self, *rooms: Room) -> Emitter:
        return self._more("except", rooms)

    def except_sockets(self, *ids: str) -> Emitter:
        """For servers that can leave out sockets, but no rooms."""
        return self._more("exceptSockets", ids)

    @property
    def volatile(self) -> Emitter:
        return self._with(volatile=True)

    @property
    def unconfirmed(self) -> Emitter:
        """Answered before RabbitMQ has it: it may get lost."""
        return self._with(confirm="none")

    def compress(self, compress: bool) -> Emitter:
        return self._with(compress=compress)

    def timeout(self, seconds: float) -> Emitter:
        """How long acknowledgements, and the servers' answers to `server_side_emit_with_ack`, are waited for."""
        return Emitter(self._sink, self._fields, seconds, self._mode, self._key)

    @property
    def first(self) -> Emitter:
        """One acknowledgement is enough."""
        return Emitter(self._sink, self._fields, self._seconds, "first", self._key)

    def idempotency_key(self, key: str) -> Emitter:
        """For one emit that this program may repeat by itself, after a crash, say. Without it each emit makes its own."""
        return Emitter(self._sink, self._fields, self._seconds, self._mode, key)

    def emit(self, event: str, *args: Any) -> Answer:
        """`id`, `status`, `routed`, and `reason` if nobody was there. Bytes in the arguments arrive as bytes."""
        return self._call("/v1/emit", self._event(event, args))

    def emit_with_ack(self, event: str, *args: Any) -> Answer:
        """As `emit`, with `recipients`, `servers` and `acks`: `responses` (the arguments of each client), `expected`, `received`, `complete`."""
        ack = {"mode": self._mode, "timeoutMs": self._milliseconds()}
        return self._call("/v1/emit", {**self._event(event, args), "ack": ack}, self._seconds)

    def dry_run(self, event: str, *args: Any) -> Answer:
        """Checks an emit, and publishes nothing."""
        return self._call("/v1/emit", {**self._event(event, args), "dryRun": True}, 5)

    def server_side_emit(self, event: str, *args: Any) -> Answer:
        """An event for the servers themselves."""
        return self._call("/v1/servers/emit", self._event(event, args))

    def server_side_emit_with_ack(self, event: str, *args: Any) -> Answer:
        """`responses` (`server` and `value`), `complete`, `servers`."""
        body = {**self._event(event, args), "ack": {"timeoutMs": self._milliseconds()}}
        return self._call("/v1/servers/emit", body, self._seconds)

    def sockets_join(self, *rooms: Room) -> Answer:
        """Every socket in the rooms (without any: every socket) joins these rooms. `matched`, `complete`, `servers`."""
        return self._call("/v1/sockets/join", {**self._selection(), "rooms": list(rooms)}, 5)

    def sockets_leave(self, *rooms: Room) -> Answer:
        return self._call("/v1/sockets/leave", {**self._selection(), "rooms": list(rooms)}, 5)

    def disconnect_sockets(self, close: bool = False) -> Answer:
        """With `close` their connections end, in all namespaces."""
        return self._call("/v1/sockets/disconnect", {**self._selection(), "close": close}, 5)

    def fetch_sockets(self) -> list[Answer]:
        """`id`, `rooms`, `data` and `server` of each. Raises `incomplete` if a server has not answered."""
        sockets: list[Answer] = []
        body = dict(self._fields)
        while True:
            page = self._call("/v1/sockets/query", body, 5)
            if not page["complete"]:
                raise GatewayError(200, "incomplete", f"not all servers have answered: {page['servers']}", {"retryable": True})
            sockets += page["sockets"]
            if page["nextCursor"] is None:
                return sockets
            body["cursor"] = page["nextCursor"]

    def counts(self) -> Answer:
        """How many `sockets` the namespace has, and in `rooms` each of the emitter's."""
        return self._call("/v1/counts", dict(self._fields), 5)

    def _with(self, **fields: Any) -> Emitter:
        all_fields = tuple({**dict(self._fields), **fields}.items())
        return Emitter(self._sink, all_fields, self._seconds, self._mode, self._key)

    def _more(self, name: str, names: tuple[Room, ...]) -> Emitter:
        return self._with(**{name: [*dict(self._fields).get(name, []), *names]})

    def _event(self, event: str, args: tuple[Any, ...]) -> Answer:
        return {**dict(self._fields), "event": event, "args": list(args)}

    def _selection(self) -> Answer:
        # What does not fit, `volatile` or so, is passed on all the same: the gateway refuses it.
        fields = dict(self._fields)
        rooms = fields.pop("rooms", None)
        return {**fields, "all": True} if rooms is None else {**fields, "in": rooms}

    def _milliseconds(self) -> int:
        return round(self._seconds * 1000)

    def _call(self, path: str, body: Answer, wait: float = 0) -> Answer:
        answer: Answer = self._sink._call(path, body, wait, self._key)
        return answer


class Gateway(Emitter):
    """The gateway at a URL. May be used by several threads at once, and after a fork. Close it when it is no longer needed, or use `with`.

    `timeout`: seconds for opening a connection, and for an answer (on top of what the servers are given).
    `retry_for`: seconds in which an attempt that failed is followed by another, with the same `Idempotency-Key`: a lost
    connection, and what the gateway says may be sent again. What has an unknown outcome for the gateway, too, is not.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        key: str | None = None,
        *,
        timeout: float = 10.0,
        retry_for: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(_Client(url, key, timeout, retry_for, ssl_context))

    def batch(self) -> Batch:
        """Collects emits: `batch.to("room").emit(…)`, then `batch.send()`."""
        return Batch(_Collector(self._sink))

    def close(self) -> None:
        self._sink.close()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Batch(Emitter):
    """Emits that are sent together, in their order. Nothing leaves before `send`."""

    def send(self, idempotency_key: str | None = None) -> Answer:
        """`results` (`status`, with `id` and `routed`, or `problem`), `confirmed`, `failed`: an item that fails raises nothing."""
        answer: Answer = self._sink.send(idempotency_key)
        return answer


class _Collector:
    def __init__(self, client: _Client) -> None:
        self._client = client
        self._items: list[Answer] = []

    def _call(self, path: str, body: Answer, wait: float, key: str | None) -> Answer:
        if path != "/v1/emit" or "ack" in body or key is not None:
            raise ValueError("a batch takes emits alone, without acknowledgements or keys of their own")
        _encoded(body)  # what cannot be sent is refused where it was written
        self._items.append(body)
        return {"status": "collected"}

    def send(self, key: str | None) -> Answer:
        items, self._items = self._items, []
        return self._client._call("/v1/batch", {"items": items}, 5, key)


class _Client:
    """Attempts, and connections that are kept."""

    def __init__(self, url: str, key: str | None, timeout: float, retry_for: float, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not the URL of a gateway: {url}")
        self._address = parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._headers = {"Content-Type": "application/json", "User-Agent": f"socketio-gateway-emitter-python/{VERSION}"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {_checked(key)}"
        self._timeout, self._retry_for = timeout, retry_for
        self._idle: list[http.client.HTTPConnection] = []
        self._owner = os.getpid()

    def _call(self, path: str, body: Answer, wait: float, key: str | None) -> Answer:
        data = _encoded(body)
        headers = dict(self._headers)
        if not path.endswith(("/query", "/counts")):  # which do nothing: asked again, they answer anew
            headers["Idempotency-Key"] = _checked(secrets.token_hex(16) if key is None else key)
        end = time.monotonic() + self._retry_for
        unsettled = False  # an attempt was lost: it may have got through
        for attempt in itertools.count():
            pause = min(0.1 * 2 ** min(attempt, 10), LONGEST_PAUSE) * random.uniform(0.5, 1)
            try:
                status, fields, answer = self._exchange(path, data, headers, self._timeout + wait)
            except _Lost as lost:
                unsettled |= lost.sent
                again = lost.again
                error = GatewayError(None, "no_answer", lost.reason, {"retryable": again})
            else:
                if 200 <= status < 300 and _is_answer(path, answer):
                    return answer  # type: ignore[no-any-return]
                problem = _problem(answer)
                if path == "/v1/batch" and (problems := _problems(answer)):
                    if not all(problem and problem["retryable"] for problem in problems):
                        return answer  # type: ignore[no-any-return]
                    problem = problems[0]
                if problem:
                    error = GatewayError(status, problem["code"], problem["detail"], problem)
                    again = error.retryable
                else:  # of something between, which may have passed it on
                    error = GatewayError(status, "bad_answer", f"the status is {status}")
                    again = status in (408, 429, 502, 503, 504)
                    unsettled |= again or status >= 500 or status < 400
                unsettled |= error.code == "idempotency_key_in_flight"
                after = fields.get("Retry-After") or ""
                if after.isascii() and after.isdigit():
                    pause = max(pause, float(after))
            if not again or time.monotonic() + pause > end:
                if unsettled:
                    error.outcome, error.retryable = "unknown", False
                raise error
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _exchange(self, path: str, data: bytes, headers: dict[str, str], timeout: float) -> tuple[int, http.client.HTTPMessage, Any]:
        connection = self._kept() or self._opened()
        try:
            assert connection.sock is not None
            end = time.monotonic() + timeout
            connection.sock.settimeout(timeout)
            connection.response_class = lambda sock, **options: _Response(sock, end, **options)  # type: ignore[assignment]
            connection.request("POST", self._path + path, data, headers)
            response, text = _read(connection)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _Lost(f"the connection was lost: {error!r}", sent=True) from error
        except BaseException:
            connection.close()  # an answer to nobody would be the next one's
            raise
        if text is None or len(text) > MOST_READ:
            connection.close()
            return response.status, response.headers, None
        if connection.sock is not None and len(self._idle) < MOST_KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        try:
            return response.status, response.headers, json.loads(text)
        except (ValueError, RecursionError):
            return response.status, response.headers, None

    def _kept(self) -> http.client.HTTPConnection | None:
        if self._owner != os.getpid():  # after a fork they are the parent's
            self._idle, self._owner = [], os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.sock is not None and not _is_readable(connection.sock):
                return connection
            connection.close()  # the gateway has ended it

    def _opened(self) -> http.client.HTTPConnection:
        if self._context is not None:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(*self._address, timeout=self._timeout, context=self._context)
        else:
            connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            again = not isinstance(error, ssl.SSLCertVerificationError)
            raise _Lost(f"there is no connection to the gateway: {error}", sent=False, again=again) from error
        return connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Lost(Exception):
    def __init__(self, reason: str, sent: bool, again: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.sent, self.again = reason, sent, again


def _is_readable(connection: Any) -> bool:
    """Nothing is awaited: what can be read is the end."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


class _Response(http.client.HTTPResponse):
    """An answer that is there until a point in time, or not at all: the socket's own limit is for each read."""

    def __init__(self, sock: Any, end: float, **options: Any) -> None:
        super().__init__(sock, **options)
        self.fp = io.BufferedReader(_Timed(sock, self.fp, end))


class _Timed(io.RawIOBase):
    def __init__(self, sock: Any, file: Any, end: float) -> None:
        self._sock, self._file, self._end = sock, file, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self._sock.settimeout(left)
        return int(self._sock.recv_into(buffer))

    def close(self) -> None:
        self._file.close()
        super().close()


def _read(connection: http.client.HTTPConnection) -> tuple[http.client.HTTPResponse, bytes | None]:
    """An answer and its body; None instead if that says that it is too large."""
    try:
        response = connection.getresponse()
        if response.length is None:
            return response, response.read(MOST_READ + 1)
        # To `read` with a number, a body that is too short is no error.
        return response, response.read() if response.length <= MOST_READ else None
    except ValueError as error:  # of a size below zero
        raise http.client.HTTPException(f"no answer of HTTP: {error}") from error


def _checked(key: str) -> str:
    """What a header can hold as it is. The error does not say it: it may be a secret."""
    if key == "" or key != key.strip() or not key.isascii() or not key.isprintable():
        raise ValueError("a key is printable ASCII, is not empty, and has no spaces or line ends around it")
    return key


def _problem(answer: Any) -> Answer | None:
    """The gateway's own word that something failed. What stands between has codes, too, which mean nothing here."""
    if not isinstance(answer, dict) or not all(isinstance(answer.get(name), str) for name in ("type", "code", "detail")):
        return None
    errors = answer.get("errors", [])
    is_ours = answer["type"].startswith("/problems#") and isinstance(answer.get("retryable"), bool)
    is_whole = answer.get("outcome", "unknown") == "unknown" and isinstance(answer.get("requestId", ""), str)
    return answer if is_ours and is_whole and isinstance(errors, list) and all(isinstance(error, dict) for error in errors) else None


def _problems(answer: Any) -> list[Answer | None] | None:
    """Of each item of a batch what failed, if anything; None if that is no answer to a batch."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not results:
        return None
    if not all(isinstance(result, dict) and isinstance(result.get("status"), int) for result in results):
        return None
    problems = [_problem(result["problem"]) if "problem" in result else None for result in results]
    return None if any("problem" in result and problem is None for result, problem in zip(results, problems)) else problems


def _is_answer(path: str, answer: Any) -> bool:
    """Whether it has what an answer of the gateway there always has: what stands between says 200, too."""
    if not isinstance(answer, dict):
        return False
    if path == "/v1/batch":
        return _problems(answer) is not None
    if path == "/v1/counts":
        return "sockets" in answer
    if path == "/v1/sockets/query":
        is_list = isinstance(answer.get("sockets"), list) and isinstance(answer.get("nextCursor"), (str, type(None)))
        return is_list and isinstance(answer.get("complete"), bool) and "nextCursor" in answer and "servers" in answer
    return isinstance(answer.get("status"), str) or (path == "/v1/servers/emit" and isinstance(answer.get("responses"), list))


def _encoded(body: Answer) -> bytes:
    """As JSON, with `{"$binary": …}` for bytes wherever they stand; `binary` is then set."""
    count = 0

    def encode(value: Any) -> Answer:
        nonlocal count
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"cannot be sent as JSON: {type(value).__name__}")
        count += 1
        return {"$binary": base64.b64encode(value).decode()}

    if "items" in body:
        return b'{"items": [' + b", ".join(map(_encoded, body["items"])) + b"]}"
    text = json.dumps(body, default=encode, allow_nan=False, ensure_ascii=False)
    if count:
        if text.count('"$binary":') != count:
            raise ValueError("data with a key '$binary' cannot go beside bytes")
        text = json.dumps({**body, "binary": True}, default=encode, allow_nan=False, ensure_ascii=False)
    return text.encode()
