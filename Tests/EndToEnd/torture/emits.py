"""Emits in every form that the gateway takes, each with a number, and what an answer says of each of them.

An emit is told by its argument, `n:NUMBER:LENGTH;` and LENGTH times `x` and a full stop: who finds it in a message knows
whose it is, and whether it is whole.
"""

import json
import re
from dataclasses import dataclass

AMQP0, CLUSTER = "amqp0", "cluster"
AMQP0_EXCHANGE, CLUSTER_EXCHANGE = "torture", "torture.cluster"
EVERYONE = "broadcast"  # amqp0's routing key
ROOMS = ["a", "b", "c"]
# A room that members enter and leave all the time, and one that never has any.
RESTLESS, EMPTY = "restless", "nobody"
STEADY = {EVERYONE, *ROOMS}
ONCE = "once"  # instead of a routing key: the message of the wire format `cluster` goes to everybody by itself
HOOK = "hook"
DELIVERIES = (f"/v1/hooks/{HOOK}", "/v1/cloudevents")  # whose senders repeat them under the same id

JSON = "application/json"
NDJSON = "application/x-ndjson"
CLOUDEVENT = "application/cloudevents+json"

# Outcomes. Of those in `NEVER` nothing may arrive; of those in `PERHAPS` each message at most once.
ROUTED, UNROUTED = "routed", "unrouted"
UNKNOWN, FAILED, REFUSED = "unknown", "failed", "refused"
ACCEPTED, CHECKED, REPEATED = "accepted", "dry run", "duplicate"
UNREACHED, UNANSWERED = "unreached", "unanswered"
NEVER = {UNROUTED, FAILED, REFUSED, CHECKED, UNREACHED}
PERHAPS = {UNKNOWN, ACCEPTED, UNANSWERED}

_MARK = re.compile(rb"n:(\d+):(\d+);(x*)\.")


def mark(number, length):
    return f"n:{number}:{length};{'x' * length}."


def found_in(body):
    """The number of the emit in this message, and whether it is whole; (None, False) if there is none."""
    match = _MARK.search(body)
    if match is None:
        return None, False
    return int(match[1]), len(match[3]) == int(match[2])


@dataclass
class Emit:
    """`keys`: what its messages are told apart by, if it is routed."""

    number: int
    form: str
    fields: dict
    keys: tuple


@dataclass
class Request:
    """A POST, and the emits in it. With `is_batch` the answer has a result for each."""

    path: str
    body: bytes
    headers: dict
    emits: list
    is_batch: bool = False


class Author:
    """Writes requests for a gateway of this wire format, with numbers from `first` on."""

    def __init__(self, wire_format, dice, first):
        self._is_cluster = wire_format == CLUSTER
        self._dice = dice
        self._next = first
        singles = {
            "all": 8, "room": 14, "rooms": 10, "except": 6, "large": 1, "empty room": 2, "restless room": 4,
            "confirm none": 3, "dry run": 1, "invalid": 1, "acknowledged": 2,
        }
        if self._is_cluster:
            singles["binary"] = 5
        self._singles, self._weights = list(singles), list(singles.values())
        self._batched = [form for form in self._singles if form not in ("confirm none", "acknowledged")]
        self._batched_weights = [singles[form] for form in self._batched]

    def request(self):
        wrap = self._dice.choices(
            [self._plain, self._keyed, self._batch, self._ndjson, self._hook, self._cloudevent], [60, 24, 2, 2, 6, 6])[0]
        return wrap()

    def _emit(self, form, prefix=""):
        number, dice = self._next, self._dice
        self._next += 1
        length = 200_000 + dice.randrange(400_000) if form == "large" else dice.choice([0, 10, 100, 2_000])
        fields = {"event": "torture", "data": mark(number, length)}
        keys = (EVERYONE,)
        match form:
            case "room" | "invalid" | "dry run":
                keys = (dice.choice(ROOMS),)
            case "rooms":
                keys = tuple(dice.sample([*ROOMS, RESTLESS, EMPTY], dice.randrange(2, 5)))
            case "except":
                keys = (dice.choice(ROOMS),)
                fields["except"] = ["left out"]
            case "empty room":
                keys = (EMPTY,)
            case "restless room":
                keys = (RESTLESS,)
            case "acknowledged":
                keys = (dice.choice(ROOMS),)
                fields["ack"] = {"mode": dice.choice(["all", "first"]), "timeoutMs": 500}
            case "binary":
                fields["binary"] = True
                fields["args"] = [fields.pop("data"), {"$binary": "AAEC/w=="}]
            case "confirm none":
                fields["confirm"] = "none"
        if form == "dry run":
            fields["dryRun"] = True
        if keys != (EVERYONE,):
            fields["rooms"] = list(keys)
        if form == "invalid":
            fields["room"] = "misspelt"
        if self._is_cluster or form == "acknowledged":
            keys = (ONCE,)
        return Emit(number, prefix + form, fields, tuple(key for key in keys if key != EMPTY))

    def _any(self):
        return self._emit(self._dice.choices(self._singles, self._weights)[0])

    def _plain(self):
        emit = self._any()
        return Request("/v1/emit", json.dumps(emit.fields).encode(), {"Content-Type": JSON}, [emit])

    def _keyed(self):
        request = self._plain()
        emit = request.emits[0]
        emit.form = f"key, {emit.form}"
        request.headers["Idempotency-Key"] = f"key-{emit.number}"
        return request

    def _items(self, prefix):
        forms = self._dice.choices(self._batched, self._batched_weights, k=self._dice.choice([1, 5, 20, 100]))
        # One that is large is enough.
        forms[1:] = ["room" if form == "large" else form for form in forms[1:]]
        return [self._emit(form, prefix) for form in forms]

    def _batch(self):
        items = self._items("batch, ")
        body = json.dumps({"items": [item.fields for item in items]}).encode()
        headers = {"Content-Type": JSON}
        if self._dice.random() < 0.3:
            headers["Idempotency-Key"] = f"key-{items[0].number}"
        return Request("/v1/batch", body, headers, items, is_batch=True)

    def _ndjson(self):
        items = self._items("ndjson, ")
        body = "\n".join(json.dumps(item.fields) for item in items).encode()
        return Request("/v1/batch", body, {"Content-Type": NDJSON}, items, is_batch=True)

    def _hook(self):
        emit = self._emit("room", "hook, ")
        body = json.dumps({**emit.fields, "id": f"delivery-{emit.number}"}).encode()
        return Request(f"/v1/hooks/{HOOK}", body, {"Content-Type": JSON}, [emit])

    def _cloudevent(self):
        emit = self._emit("room", "cloudevent, ")
        event = {"specversion": "1.0", "id": f"{emit.number}", "source": "/torture", "type": "torture"}
        event |= {"subject": emit.fields["rooms"][0], "data": emit.fields["data"]}
        return Request("/v1/cloudevents", json.dumps(event).encode(), {"Content-Type": CLOUDEVENT}, [emit])


def outcome(status, answer):
    """What became of one emit, by the status and the answer, or the result, of it; and the code of the problem."""
    if status == 202:
        return ACCEPTED, None
    if status == 200 and "routed" in answer:
        return {True: ROUTED, False: UNROUTED}[answer["routed"]], None
    if status == 200:
        # Of a batch, the status of a result is a number.
        return (REPEATED if answer["status"] == "duplicate" else CHECKED), None
    if answer.get("outcome") == "unknown":
        return UNKNOWN, answer["code"]
    return (REFUSED if status < 500 else FAILED), answer["code"]


def outcomes(request, status, answer):
    """Those of all emits in a request: a list of (outcome, code)."""
    if not request.is_batch or "results" not in answer:
        return [outcome(status, answer)] * len(request.emits)
    results = answer["results"]
    assert len(results) == len(request.emits), (len(results), len(request.emits))
    return [outcome(result["status"], result.get("problem", result)) for result in results]
