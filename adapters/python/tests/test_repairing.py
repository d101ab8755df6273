"""Values that the gateway's parser would refuse."""

import json
import math
import random

import pytest

from socketio_gateway_responder.repairing import DEEPEST, repaired, to_json


def refuse(value):
    raise TypeError(type(value).__name__)


def nested(levels, innermost=0, key=None):
    value = innermost
    for _ in range(levels):
        value = [value] if key is None else {key: value}
    return value


def levels(value):
    return 1 + max(map(levels, value.values() if isinstance(value, dict) else value), default=0) if value != 0 else 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ud800", "\ufffd"),
        ("a\udfffb\ud83dc", "a\ufffdb\ufffdc"),
        ("\U0001f600 \0", "\U0001f600 \0"),
        ({"\ud83d": {"a\0b": 1}}, {"\ufffd": {"a\ufffdb": 1}}),
        ({"\0": 1, "\ufffd": 2}, {"\ufffd": 2}),
        ({1: 1, "1": 2}, {"1": 2}),
        ({True: 1, None: 2, 2.5: 3}, {"true": 1, "null": 2, "2.5": 3}),
        ((1, (2,)), [1, [2]]),
        (10**400, None),
        (-(2**1000), -(2**1000)),
    ],
)
def test_repairs(value, expected):
    assert repaired(value, refuse) == expected
    to_json(repaired(value, refuse))


@pytest.mark.parametrize("key", [None, "k"])
def test_what_lies_too_deep_is_null(key):
    assert repaired(nested(DEEPEST, key=key), refuse) == nested(DEEPEST, key=key)
    for more in (1, 60, 100_000):
        assert repaired(nested(DEEPEST + more, key=key), refuse) == nested(DEEPEST, None, key=key)


def test_what_contains_itself_is_null_there_and_what_comes_twice_is_not():
    twice = ["twice"]
    value = {"a": [1, twice], "b": twice}
    value["a"].append(value)
    assert repaired(value, refuse) == {"a": [1, ["twice"], None], "b": ["twice"]}


def test_what_is_unknown_is_replaced():
    unknown = []
    value = {"a": [object(), b"bytes", {1}], ("key",): 1, "nan": math.nan, "infinity": -math.inf, "b": 1}
    assert repaired(value, unknown.append) == {"a": [None, None, None], "nan": None, "infinity": None, "b": 1}
    assert [type(value).__name__ for value in unknown] == ["object", "bytes", "set", "tuple", "float", "float"]
    with pytest.raises(TypeError):
        repaired(value, refuse)


def test_bytes_are_placeholders_beside_attachments():
    attachments = []
    value = [b"a", {"b": bytearray(b"b")}, memoryview(b"c")]
    placeholders = [{"_placeholder": True, "num": number} for number in range(3)]
    assert repaired(value, refuse, attachments) == [placeholders[0], {"b": placeholders[1]}, placeholders[2]]
    assert attachments == ["YQ==", "Yg==", "Yw=="]


def test_whatever_it_is_it_becomes_json_that_can_travel():
    """Random values, with all that is odd in random places: the text is UTF-8, and no key of it is."""
    chance = random.Random(1)
    odd = ["\ud800", "\0", "x", "\udc00\ud800", 10**400, 2**60, math.nan, object(), b"", None, True, {1, 2}, 0.1]

    def value(depth):
        kind = chance.random()
        if depth == 0 or kind < 0.4:
            return chance.choice(odd)
        if kind < 0.7:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        keys = ("\ud800", "a\0", "b", 1, "1", None, 2.5, ("t",), math.inf)
        return {chance.choice(keys): value(depth - 1) for _ in range(chance.randrange(4))}

    def check(value):
        if isinstance(value, dict):
            assert all("\0" not in key for key in value)
        if isinstance(value, (dict, list)):
            for item in value.values() if isinstance(value, dict) else value:
                check(item)

    def distinct(pairs):
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    for _ in range(5000):
        text = to_json(repaired(value(6), lambda _: None)).decode("utf-8")
        check(json.loads(text, object_pairs_hook=distinct, parse_constant=refuse))
