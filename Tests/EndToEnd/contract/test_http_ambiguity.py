"""Requests that two HTTP parsers may read differently are refused, and never hide a second request."""

import json

import pytest

from harness import Gateway, Witness, converse


@pytest.fixture(scope="module")
def witness(broker, exchange):
    with Witness(broker.url, exchange, "fanout") as witness:
        yield witness


@pytest.fixture(scope="module")
def gateway(broker, exchange, witness):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        yield gateway


def body(event):
    return json.dumps({"event": event}).encode()


def post(*lines, content=b"", path="/v1/emit", host=("Host: localhost",), eol="\r\n"):
    head = f"POST {path} HTTP/1.1", *host, "Content-Type: application/json", *lines
    return eol.join([*head, "", ""]).encode("latin-1") + content


FIRST = body("first")
LENGTH = f"Content-Length: {len(FIRST)}"
HIDDEN = post(f"Content-Length: {len(body('hidden'))}", content=body("hidden"))


def chunked(content):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)


def ambiguous(content):
    """Requests with this body, each of which HTTP parsers have read in different ways."""
    chunks = chunked(content)
    length = f"Content-Length: {len(content)}"
    longer = f"Content-Length: {len(content + HIDDEN)}"
    return {
        "a length and chunks": post(f"Content-Length: {len(chunks)}", "Transfer-Encoding: chunked", content=chunks),
        "chunks and a length": post("Transfer-Encoding: chunked", f"Content-Length: {len(chunks)}", content=chunks),
        "chunks and a length of nothing": post("Content-Length: 0", "Transfer-Encoding: chunked", content=chunks),
        "two lengths": post(length, longer, content=content),
        "two lengths, the larger first": post(longer, length, content=content),
        "the same length twice": post(length, length, content=content),
        "two lengths in one line": post(f"{length}, {len(content + HIDDEN)}", content=content),
        "the same length twice in one line": post(f"{length}, {len(content)}", content=content),
        "a blank before the colon": post(f"Content-Length : {len(content)}", content=content),
        "a blank before the colon of chunks": post("Transfer-Encoding : chunked", content=chunks),
        "a length with a sign": post(f"Content-Length: +{len(content)}", content=content),
        "a negative length": post("Content-Length: -1", content=content),
        "a length in hexadecimal": post(f"Content-Length: 0x{len(content):x}", content=content),
        "a length that is empty": post("Content-Length:", content=content),
        "two hosts": post("Host: localhost", length, content=content),
        "two different hosts": post("Host: example.com", length, content=content),
        "no host": post(length, content=content, host=()),
        "another transfer coding": post("Transfer-Encoding: gzip", content=chunks),
        "a transfer coding on top of chunks": post("Transfer-Encoding: gzip, chunked", content=chunks),
        "chunks in chunks": post("Transfer-Encoding: chunked, chunked", content=chunks),
        "chunks said twice": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", content=chunks),
        "no transfer coding": post("Transfer-Encoding: identity", length, content=content),
        "something like chunks": post("Transfer-Encoding: xchunked", content=chunks),
        "a name with a parenthesis": post("X(y): 1", length, content=content),
        "a name with a blank": post("X y: 1", length, content=content),
        "a name with a control character": post("Content-Length\x0b: 1", length, content=content),
        "a name that is not ASCII": post("Xé: 1", length, content=content),
        "a name that is empty": post(": 1", length, content=content),
        "a request behind a name that is empty": post(": 1").removesuffix(b"\r\n"),
        "a line without a colon": post("nothing", length, content=content),
        "a folded line": post("X: 1", f" {length}", length, content=content),
        "lines that end in LF": post(length, content=content, eol="\n"),
        "one line that ends in LF": post(f"X: 1\n{length}", content=content),
    }


NAMES = list(ambiguous(FIRST))


@pytest.fixture(autouse=True)
def forget_earlier_messages(witness):
    witness.waiting()


def only_the_good_emit_is_published(gateway, witness):
    gateway.emit(event="good")
    return [message.json["event"] for message in witness.take()] == ["good"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [FIRST, HIDDEN], ids=["", "with a request in the body"])
def test_it_is_refused_and_what_follows_is_not_run(gateway, witness, content, name):
    conversation = converse(gateway.address, ambiguous(content)[name] + HIDDEN, timeout=2)
    assert conversation.closed, "the rest of the connection must not be believed"
    assert conversation.statuses in ([400], []), conversation.data
    assert only_the_good_emit_is_published(gateway, witness)


@pytest.mark.parametrize("path", ["/v1/emit%00", "/v1/emit%00/x", "/v1/emit\x00", "/%00/v1/emit", "/v1%00/emit"])
def test_a_nul_in_the_path_never_shortens_it(gateway, witness, path):
    conversation = converse(gateway.address, post(LENGTH, content=FIRST, path=path), expect=1)
    assert conversation.statuses in ([400], [404], [])
    assert only_the_good_emit_is_published(gateway, witness)


def test_two_plain_requests_at_once_are_both_run(gateway, witness):
    """The counterpart: without it the tests above could pass for a server that reads one request per connection."""
    conversation = converse(gateway.address, post(LENGTH, content=FIRST) + HIDDEN, expect=2)
    assert conversation.statuses == [200, 200]
    assert sorted(message.json["event"] for message in witness.take(2)) == ["first", "hidden"]


def test_a_chunked_request_is_run(gateway, witness):
    conversation = converse(gateway.address, post("Transfer-Encoding: chunked", content=chunked(FIRST)), expect=1)
    assert conversation.statuses == [200]
    assert witness.take()[0].json["event"] == "first"
