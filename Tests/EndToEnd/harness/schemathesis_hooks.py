"""What schemathesis does not know of the contract by itself; test_schemathesis.py has it loaded."""

import os
from itertools import count, cycle
from urllib.parse import quote, urlencode

import schemathesis

# "A head of more than about 10 KiB is 431 on any path", or, without memory for query arguments, not answered at all.
# Those have tests of their own: test_limits.py.
HEAD_BYTES, ARGUMENTS = 6_000, 100
NUMBERS = count()
# Of the names of hooks that are made out of the contract the gateway knows none. Each is used, and at last what was made.
HOOKS = ["open", "mapping", "github", None]
ASKED_BY_GET = "github"
# The keys that requests show, one after the other; none: as the command line says.
KEYS = cycle(os.environ["SCHEMATHESIS_KEYS"].split(",")) if "SCHEMATHESIS_KEYS" in os.environ else None


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # "`HEAD` works wherever `GET` does, and is answered with the same status and headers, without the body."
    shared = raw_schema["components"]["responses"]
    # An answer that goes on has no end to wait for: events/test_events.py, events/test_tail_streams.py.
    for path in ("/v1/events", "/v1/tail"):
        del raw_schema["paths"][path]
    for item in raw_schema["paths"].values():
        if get := item.get("get"):
            responses = {}
            for status, response in get["responses"].items():
                response = shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
                responses[status] = {name: value for name, value in response.items() if name != "content"}
            item["head"] = {**get, "operationId": f"{get['operationId']}Head", "responses": responses}


@schemathesis.hook
def filter_case(context, case):
    query = {name: _texts(value) for name, value in (case.query or {}).items()}
    head = urlencode(query, doseq=True) + "".join(quote(str(text)) for text in (case.path_parameters or {}).values())
    head += "".join(f"{name}: {value}" for name, value in (case.headers or {}).items())
    return len(head) <= HEAD_BYTES and sum(map(len, query.values())) <= ARGUMENTS


@schemathesis.hook
def map_case(context, case):
    # With the one key of the document's example every request but the first would be refused for having used it.
    if key := (case.headers or {}).get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = f"{key}{next(NUMBERS)}" if len(key) < 250 else key
    if case.operation.path == "/v1/hooks/{name}":
        hook = HOOKS[next(NUMBERS) % len(HOOKS)] if case.method == "POST" else ASKED_BY_GET
        if hook:
            case.path_parameters = {**(case.path_parameters or {}), "name": hook}
    if KEYS:
        case.headers = {**(case.headers or {}), "X-API-Key": next(KEYS)}
    return case


def _texts(value):
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
