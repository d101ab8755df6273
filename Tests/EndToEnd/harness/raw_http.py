"""HTTP by the byte: for requests that no HTTP library would send."""

import select
import socket
import time
from dataclasses import dataclass, field

from .patience import PATIENCE


@dataclass
class RawConversation:
    data: bytes = b""
    closed: bool = False  # by the server
    sent: int = 0
    statuses: list = field(default_factory=list)


def converse(address, data, timeout=PATIENCE, expect=None):
    """Sends exactly these bytes; reads until the server closes, `expect` responses are there, or `timeout` has passed."""
    with socket.create_connection(address, timeout=timeout) as connection:
        conversation = RawConversation(sent=_send(connection, data))
        _read(connection, conversation, time.monotonic() + timeout, expect)
    return conversation


def stream_chunks(address, head, chunk, limit, timeout=PATIENCE):
    """Sends `head`, then `chunk` again and again, until the server answers or closes, or `limit` bytes are sent."""
    with socket.create_connection(address, timeout=timeout) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # what is sent is nearly what has arrived
        conversation = RawConversation(sent=_send(connection, head))
        framed = b"%x\r\n%s\r\n" % (len(chunk), chunk)
        while conversation.sent < limit and not select.select([connection], [], [], 0)[0]:
            sent = _send(connection, framed)
            conversation.sent += sent
            if sent < len(framed):
                break
        _read(connection, conversation, time.monotonic() + timeout, expect=1)
    return conversation


def statuses(data):
    """The status codes of the responses in `data`, which must have a Content-Length each."""
    found = []
    while data.startswith(b"HTTP/1."):
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            break
        lines = head.split(b"\r\n")
        found.append(int(lines[0].split(b" ")[1]))
        length = next((int(v) for k, _, v in (x.partition(b":") for x in lines) if k.lower() == b"content-length"), 0)
        data = rest[length:]
    return found


def _send(connection, data):
    """How many bytes the server took before it closed."""
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent : sent + 65536])
    except OSError:
        pass
    return sent


def _read(connection, conversation, deadline, expect):
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            received = connection.recv(65536)
        except TimeoutError:
            return
        except OSError:
            received = b""
        conversation.data += received
        conversation.statuses = statuses(conversation.data)
        if not received:
            conversation.closed = True
            return
        if expect is not None and len(conversation.statuses) >= expect:
            return
