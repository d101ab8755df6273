"""What the gateway takes for JSON is JSON for Python as well, and what arrives is what was sent: any text, for a minute."""

import http.client
import json
import math
import random
import time

import pytest

from harness import Gateway, Witness
from harness.patience import PATIENCE

SEED = 13
SECONDS = 60
LINES = 400
# All of them are boundaries, or mean something to a parser that is careless.
BYTES = [bytes([b]) for b in range(0x21)] + [
    *[bytes([b]) for b in b'{}[]",:\\0e-+.utfn\x7f\x80\xbf\xc0\xed\xff'],
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\\u0000", b"\\ud800", b"\\udc00",
    b"\\ud83d\\ude00", b"NaN", b"Infinity", b"1e999", b"-0", b"1" * 30, b"/**/", b"'",
]


class NotJSON(Exception):
    pass


def refuse(name):
    raise NotJSON(name)


def pairs(members):
    """An object, and what the gateway refuses in it although it is JSON."""
    keys = [key for key, _ in members]
    if len(set(keys)) < len(keys):
        raise Difference("a key twice")
    if any("\0" in key for key in keys):
        raise Difference("NUL in a key")
    return dict(members)


class Difference(Exception):
    """JSON that the gateway refuses, as it says in openapi.yaml."""


def strictly(text):
    """What Python reads, of JSON only."""
    try:
        return json.loads(text.decode(), parse_constant=refuse, object_pairs_hook=pairs)
    except (ValueError, NotJSON) as error:
        raise NotJSON(str(error)) from None


def json_text(body):
    """Of a body: a byte order mark may stand before it."""
    return body.removeprefix(b"\xef\xbb\xbf")


def depth(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def scalars(value):
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from scalars(element)
    else:
        yield value


def differs(value):
    """Why the gateway refuses this JSON; None if it must take it."""
    for scalar in scalars(value):
        if isinstance(scalar, str) and any(0xD800 <= ord(c) < 0xE000 for c in scalar):
            return "half a surrogate pair"
        if isinstance(scalar, (int, float)) and not isinstance(scalar, bool):
            try:
                if math.isinf(float(scalar)):
                    return "a number beyond a double"
            except OverflowError:
                return "a number beyond a double"
    return "too deep" if depth(value) > 64 else None


def random_value(dice, level=0):
    kind = dice.randrange(9 if level < 4 else 6)
    if kind < 2:
        return dice.choice([0, 8, -1, 0.5, 1e21, 2**53 + 1, 10**25, -7.25e-9])
    if kind < 4:
        return "".join(dice.choice("ab\"\\/\n\t\0é日😀{}[],: ") for _ in range(dice.randrange(6)))
    if kind < 6:
        return dice.choice([True, False, None])
    if kind == 6:
        return {random_value(dice, 9).__str__(): random_value(dice, level + 1) for _ in range(dice.randrange(4))}
    return [random_value(dice, level + 1) for _ in range(dice.randrange(4))]


def random_text(dice):
    """A body, most of them damaged."""
    value = random_value(dice)
    body = {"event": "e", dice.choice(["data", "data", "args"]): value}
    separators = dice.choice([(",", ":"), (", ", " : "), (" ,\t", ":\r")])
    text = json.dumps(body, ensure_ascii=dice.random() < 0.5, separators=separators).encode()
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        index = dice.randrange(len(text) + 1)
        match dice.randrange(4):
            case 0:
                text = text[:index] + text[index + 1 :]
            case 1:
                text = text[:index] + dice.choice(BYTES) + text[index + 1 :]
            case _:
                text = text[:index] + dice.choice(BYTES) + text[index:]
    return text


def arguments(body):
    """The event's arguments as they must arrive."""
    return body["args"] if "args" in body else [body["data"]] if "data" in body else []


class Run:
    def __init__(self, witness):
        self._witness = witness
        self.taken = self.refused = 0
        self.differences = {}

    def check(self, texts, answers):
        """`answers`: of each text its status and its code, if it is a problem."""
        arrived = iter(self._witness.all())
        for text, (status, code) in zip(texts, answers, strict=True):
            if status == 200:
                self.taken += 1
                self._check_taken(text, next(arrived))
            elif code in ("invalid_json", "duplicate_key", "too_deep"):
                self.refused += 1
                self._check_refused(text, code)
            else:
                # It is JSON, and no emit.
                assert status in (400, 422), (text, status, code)
                strictly(text)
        assert next(arrived, None) is None

    def _check_taken(self, text, message):
        sent = strictly(text)
        published = strictly(message.body)
        assert published["data"] == arguments(sent), text
        assert published["event"] == sent["event"], text

    def _check_refused(self, text, code):
        try:
            why = differs(strictly(text))
        except NotJSON:
            return
        except Difference as difference:
            why = str(difference)
        assert why is not None, f"{text} is JSON, and refused as {code}"
        self.differences[why] = self.differences.get(why, 0) + 1


@pytest.mark.slow
def test_any_text(broker, exchange):
    dice = random.Random(SEED)
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway, Witness(broker.url, exchange, "fanout") as witness:
        run = Run(witness)
        connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)

        def post(path, content_type, body):
            connection.request("POST", path, body, {"Content-Type": content_type})
            response = connection.getresponse()
            return response.status, response.read()

        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            lines = [text.replace(b"\n", b" ") for text in (random_text(dice) for _ in range(LINES))]
            status, body = post("/v1/batch", "application/x-ndjson", b"\n".join(lines))
            assert status in (200, 207), body
            results = json.loads(body)["results"]
            first, *rest = lines
            run.check(
                [json_text(first), *rest], [(r["status"], r.get("problem", {}).get("code")) for r in results]
            )
            # One by one, with line feeds in them.
            texts = [random_text(dice) for _ in range(LINES // 10)]
            answers = []
            for text in texts:
                status, body = post("/v1/emit", "application/json", text)
                answers.append((status, json.loads(body).get("code")))
            run.check([json_text(text) for text in texts], answers)
            # In a batch that is one text, of which every part counts.
            text = b'{"items":[%s]}' % b",".join(dice.sample(lines, 2))
            status, body = post("/v1/batch", "application/json", text)
            if b'"results"' in body:
                strictly(text)
            witness.waiting()
    print(f"{run.taken} taken, {run.refused} refused, {run.differences}")
    assert run.taken > 1_000 and run.refused > 1_000
    assert set(run.differences) <= {
        "a key twice", "NUL in a key", "half a surrogate pair", "a number beyond a double", "too deep",
    }
