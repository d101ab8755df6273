"""Every bad request gets its own problem, and nothing of it is published."""

import json

import pytest

from harness import Gateway, Witness, assert_problem, converse, stream_chunks

KEY = {"X-API-Key": "the right key"}
GIBIBYTE = 1024**3
MEBIBYTE = 1024**2


@pytest.fixture(scope="module")
def gateway(broker, exchange, witness):
    with Gateway(broker.url, python_socketio_exchange=exchange, api_key=KEY["X-API-Key"]) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def witness(broker, exchange):
    with Witness(broker.url, exchange, "fanout") as witness:
        yield witness


@pytest.fixture(autouse=True)
def nothing_is_published(gateway, witness):
    """Around every test: only the good emit after it reaches the broker."""
    witness.waiting()  # what an earlier test may have left
    yield
    assert gateway.post({"event": "good"}, KEY).status == 200
    assert [message.json["event"] for message in witness.take()] == ["good"]


def nested(depth):
    return "[" * depth + "]" * depth


# What is not JSON, or not JSON that can be read in one way only.
UNREADABLE = {
    "nothing": (b"", "invalid_json"),
    "blanks": (b"  \n", "invalid_json"),
    "cut off": (b'{"event": "x"', "invalid_json"),
    "cut off in a string": (b'{"event": "x', "invalid_json"),
    "single quotes": (b"{'event': 'x'}", "invalid_json"),
    "a trailing comma": (b'{"event": "x",}', "invalid_json"),
    "something after the end": (b'{"event": "x"} {"event": "y"}', "invalid_json"),
    "not a number": (b'{"event": "x", "data": NaN}', "invalid_json"),
    "a leading zero": (b'{"event": "x", "data": 01}', "invalid_json"),
    "bytes that are not UTF-8": (b'{"event": "\xff\xfe"}', "invalid_json"),
    "an overlong NUL": (b'{"event": "\xc0\x80"}', "invalid_json"),
    "half a surrogate pair": (rb'{"event": "\ud83d"}', "invalid_json"),
    "a control character": (b'{"event": "a\x01b"}', "invalid_json"),
    "a form": (b"event=x", "invalid_json"),
    "a NUL in a key": (rb'{"event": "x", "data": {"a\u0000b": 1}}', "invalid_json"),
    "a NUL in a field's name": (rb'{"event": "x", "room\u0000s": ["a"]}', "invalid_json"),
    "a field twice": (b'{"event": "x", "event": "y"}', "duplicate_key"),
    "a field twice, once escaped": (rb'{"event": "x", "\u0065vent": "y"}', "duplicate_key"),
    "a key in the data twice": (b'{"event": "x", "data": [{"a": 1, "a": 1}]}', "duplicate_key"),
    "nesting beyond 64": (b'{"event": "x", "data": %s}' % nested(64).encode(), "too_deep"),
    "nesting without end": (b'{"event": "x", "data": ' + b"[" * 500_000, "too_deep"),
}


@pytest.mark.parametrize("body, code", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_json_is_400(gateway, body, code):
    problem = assert_problem(gateway.post(body, KEY), 400, code)
    assert problem["retryable"] is False


EVENT = {"event": "x"}
HUNDRED = [f"room{number}" for number in range(100)]

# What is JSON, and not an emit: the body, and where the fault is (None: at one of several places).
INVALID = {
    "an array": ([], ""),
    "a string": (b'"x"', ""),
    "null": (None, ""),
    "no event": ({}, "/event"),
    "an empty event": ({"event": ""}, "/event"),
    "an event that is a number": ({"event": 5}, "/event"),
    "an event that is null": ({"event": None}, "/event"),
    **{
        f"the reserved event {name}": ({"event": name}, "/event")
        for name in ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
    },
    "args that are an object": ({**EVENT, "args": {}}, "/args"),
    "args that are null": ({**EVENT, "args": None}, "/args"),
    "both args and data": ({**EVENT, "args": [1], "data": 1}, None),
    "both, though null and empty": ({**EVENT, "args": [], "data": None}, None),
    "rooms that are an object": ({**EVENT, "rooms": {"room1": True}}, "/rooms"),
    "one room without a name": ({**EVENT, "rooms": ""}, "/rooms/0"),
    "one room that is no whole number": ({**EVENT, "rooms": 1.5}, "/rooms"),
    "rooms that are null": ({**EVENT, "rooms": None}, "/rooms"),
    "no rooms at all": ({**EVENT, "rooms": []}, "/rooms"),
    "an empty room name": ({**EVENT, "rooms": ["a", ""]}, "/rooms/1"),
    "a room that is no whole number": ({**EVENT, "rooms": [1, 1.5]}, "/rooms/1"),
    "a room that is null": ({**EVENT, "rooms": ["a", None]}, "/rooms/1"),
    "exceptions that are an object": ({**EVENT, "except": {}}, "/except"),
    "excluded sockets that are an object": ({**EVENT, "exceptSockets": {}}, "/exceptSockets"),
    "an excluded socket that is a number": ({**EVENT, "exceptSockets": ["a", 5]}, "/exceptSockets/1"),
    "an excluded socket without a name": ({**EVENT, "exceptSockets": [""]}, "/exceptSockets/0"),
    "a namespace that is a number": ({**EVENT, "namespace": 1}, "/namespace"),
    "a namespace without a slash": ({**EVENT, "namespace": "chat"}, "/namespace"),
    "an empty namespace": ({**EVENT, "namespace": ""}, "/namespace"),
    "a namespace with a hash": ({**EVENT, "namespace": "/a#b"}, "/namespace"),
    "volatile that is a string": ({**EVENT, "volatile": "true"}, "/volatile"),
    "compress that is a number": ({**EVENT, "compress": 1}, "/compress"),
    "binary that is null": ({**EVENT, "binary": None}, "/binary"),
    "an unknown confirm": ({**EVENT, "confirm": "later"}, "/confirm"),
    "a confirm that is a boolean": ({**EVENT, "confirm": False}, "/confirm"),
    "a misspelt room": ({**EVENT, "room": "a"}, "/room"),
    "a field in other letters": ({**EVENT, "Rooms": ["a"]}, "/Rooms"),
    "a field whose name must be escaped": ({**EVENT, "a/b~c": 1}, "/a~1b~0c"),
    "a room of 256 bytes": ({**EVENT, "rooms": ["x" * 256]}, "/rooms/0"),
    "a room of 128 characters and 256 bytes": ({**EVENT, "rooms": ["a", "ü" * 128]}, "/rooms/1"),
    "an excluded socket of 256 bytes": ({**EVENT, "exceptSockets": ["x" * 256]}, "/exceptSockets/0"),
    "more than 100 rooms": ({**EVENT, "rooms": [*HUNDRED, "one more"]}, None),
    "more than 100 names together": ({**EVENT, "rooms": HUNDRED, "exceptSockets": ["one more"]}, None),
}


@pytest.mark.parametrize("body, pointer", INVALID.values(), ids=INVALID)
def test_an_invalid_emit_is_422_and_says_where(gateway, body, pointer):
    problem = assert_problem(gateway.post(body, KEY), 422, "invalid_request", pointer)
    assert problem["errors"]
    assert problem["retryable"] is False


def test_all_faults_are_named_at_once(gateway):
    problem = assert_problem(gateway.post({"event": "", "rooms": [], "room": "a"}, KEY), 422, "invalid_request")
    assert {"/room", "/rooms"} <= {error["pointer"] for error in problem["errors"]}


ACKNOWLEDGED = {**EVENT, "rooms": ["a"]}
ACKS = {
    "null": (None, "/ack"),
    "true": (True, "/ack"),
    "a list": (["all"], "/ack"),
    "a mode": ("all", "/ack"),
    "an unknown mode": ({"mode": "some"}, "/ack/mode"),
    "a mode that is null": ({"mode": None}, "/ack/mode"),
    "no time": ({"timeoutMs": 0}, "/ack/timeoutMs"),
    "more than a minute": ({"timeoutMs": 60_001}, "/ack/timeoutMs"),
    "a part of a millisecond": ({"timeoutMs": 0.5}, "/ack/timeoutMs"),
    "a time that is a string": ({"timeoutMs": "5000"}, "/ack/timeoutMs"),
    "a misspelt field": ({"timeout": 5000}, "/ack/timeout"),
    "a field whose name must be escaped": ({"a/b": 1}, "/ack/a~1b"),
}


@pytest.mark.parametrize("ack, pointer", ACKS.values(), ids=ACKS)
def test_an_invalid_ack_is_422_and_says_where(gateway, ack, pointer):
    assert_problem(gateway.post({**ACKNOWLEDGED, "ack": ack}, KEY), 422, "invalid_request", pointer)


def test_what_waits_for_more_than_the_broker_cannot_be_unconfirmed(gateway):
    body = {**ACKNOWLEDGED, "ack": {}, "confirm": "none"}
    assert_problem(gateway.post(body, KEY), 422, "invalid_request", "/confirm")


def test_without_a_responder_acknowledgements_need_a_room(gateway):
    assert_problem(gateway.post({**EVENT, "ack": {"mode": "all"}}, KEY), 422, "not_expressible", "/rooms")


LONG = "x" * 256
MANY = [f"room{number}" for number in range(1_001)]
OF_ONE, OF_MANY = "/v1/sockets/id/join", "/v1/sockets/join"

# Bodies of questions: the path, the body, and where the fault is.
QUESTIONS = {
    "a query that is a list": ("/v1/sockets/query", [], ""),
    "a parameter's name": ("/v1/sockets/query", {"room": "a"}, "/room"),
    "no rooms to list": ("/v1/sockets/query", {"rooms": []}, "/rooms"),
    "rooms that are an object": ("/v1/sockets/query", {"rooms": {}}, "/rooms"),
    "rooms under both names": ("/v1/sockets/query", {"rooms": ["a"], "in": "a"}, "/in"),
    "a room that is no whole number": ("/v1/sockets/query", {"rooms": ["a", 1, 1.5]}, "/rooms/2"),
    "an excepted room of 256 bytes": ("/v1/sockets/query", {"except": ["a", LONG]}, "/except/1"),
    "more than 1,000 rooms": ("/v1/sockets/query", {"rooms": MANY}, "/rooms"),
    "an unknown field": ("/v1/sockets/query", {"fields": ["rooms", "auth"]}, "/fields/1"),
    "an unknown field among others": ("/v1/sockets/query", {"fields": "rooms,auth"}, "/fields"),
    "a page without sockets": ("/v1/sockets/query", {"limit": 0}, "/limit"),
    "a page that is too long": ("/v1/sockets/query", {"limit": 1_001}, "/limit"),
    "a limit that is a string": ("/v1/sockets/query", {"limit": "10"}, "/limit"),
    "a cursor that is null": ("/v1/sockets/query", {"cursor": None}, "/cursor"),
    "a cursor that is a number": ("/v1/sockets/query", {"cursor": 5}, "/cursor"),
    "more than a minute": ("/v1/sockets/query", {"timeoutMs": 60_001}, "/timeoutMs"),
    "a namespace with a hash": ("/v1/sockets/query", {"namespace": "/a#b"}, "/namespace"),
    "a room to count without a name": ("/v1/counts", {"rooms": [""]}, "/rooms/0"),
    "a limit to counts": ("/v1/counts", {"limit": 5}, "/limit"),
    "no rooms to join": (OF_ONE, {}, "/rooms"),
    "an empty list of rooms to join": (OF_ONE, {"rooms": []}, "/rooms"),
    "a room to join of 256 bytes": (OF_ONE, {"rooms": [LONG]}, "/rooms/0"),
    "others who are to join": (OF_ONE, {"rooms": ["a"], "in": ["b"]}, "/in"),
    "an id of 256 bytes": (f"/v1/sockets/{LONG}/join", {"rooms": ["a"]}, None),
    "a misspelt field for one": ("/v1/sockets/id/leave", {"rooms": ["a"], "room": "b"}, "/room"),
    "nobody named": (OF_MANY, {"rooms": ["a"]}, "/in"),
    "nobody at all": (OF_MANY, {"rooms": ["a"], "in": []}, "/in"),
    "not all": (OF_MANY, {"rooms": ["a"], "all": False}, "/all"),
    "all and some": (OF_MANY, {"rooms": ["a"], "all": True, "in": ["b"]}, "/all"),
    "all that is a string": (OF_MANY, {"rooms": ["a"], "all": "true"}, "/all"),
    "no rooms for many": ("/v1/sockets/leave", {"in": ["a"]}, "/rooms"),
    "exceptions that are null": ("/v1/sockets/leave", {"in": ["a"], "rooms": ["a"], "except": None}, "/except"),
    "everybody, by mistake": ("/v1/sockets/disconnect", {}, "/in"),
    "rooms to disconnect": ("/v1/sockets/disconnect", {"rooms": ["a"]}, "/rooms"),
    "close that is a number": ("/v1/sockets/disconnect", {"in": ["a"], "close": 1}, "/close"),
    "no event for servers": ("/v1/servers/emit", {}, "/event"),
    "an event that would break servers": ("/v1/servers/emit", {"event": "connection"}, "/event"),
    "data for servers": ("/v1/servers/emit", {"event": "e", "data": 1}, "/data"),
    "rooms of servers": ("/v1/servers/emit", {"event": "e", "rooms": ["a"]}, "/rooms"),
    "args that are an object": ("/v1/servers/emit", {"event": "e", "args": {}}, "/args"),
    "a mode for servers": ("/v1/servers/emit", {"event": "e", "ack": {"mode": "all"}}, "/ack/mode"),
    "an ack of servers that is true": ("/v1/servers/emit", {"event": "e", "ack": True}, "/ack"),
}


@pytest.mark.parametrize("path, body, pointer", QUESTIONS.values(), ids=QUESTIONS)
def test_an_invalid_question_is_422_and_says_where(gateway, path, body, pointer):
    assert_problem(gateway.post(body, KEY, path), 422, "invalid_request", pointer)


QUERIES = {
    "a field's name": ("GET", "/v1/sockets?rooms=a", "?rooms"),
    "an empty room": ("GET", "/v1/sockets?room=", "?room"),
    "a room without a value": ("GET", "/v1/sockets?room=a&room", "?room"),
    "a room of 256 bytes": ("GET", f"/v1/sockets?room={'%C3%BC' * 128}", "?room"),
    "an unknown field": ("GET", "/v1/sockets?fields=rooms,auth", "?fields"),
    "two limits": ("GET", "/v1/sockets?limit=1&limit=1", "?limit"),
    "a limit in words": ("GET", "/v1/sockets?limit=ten", "?limit"),
    "a limit beyond all numbers": ("GET", f"/v1/sockets?limit={10**30}", "?limit"),
    "two cursors": ("GET", "/v1/rooms?cursor=a&cursor=b", "?cursor"),
    "private that is 1": ("GET", "/v1/rooms?private=1", "?private"),
    "a room of rooms": ("GET", "/v1/rooms?room=a", "?room"),
    "a namespace without a slash": ("GET", "/v1/counts?namespace=chat", "?namespace"),
    "a limit to counts": ("GET", "/v1/counts?limit=5", "?limit"),
    "a limit to servers": ("GET", "/v1/servers?limit=5", "?limit"),
    "rooms of one socket": ("GET", "/v1/sockets/id?room=a", "?room"),
    "close in capitals": ("DELETE", "/v1/sockets/id?close=TRUE", "?close"),
    "close without a value": ("DELETE", "/v1/sockets/id?close", "?close"),
    "no time": ("DELETE", "/v1/sockets/id?timeoutMs=0", "?timeoutMs"),
    "rooms under both names": ("GET", "/v1/sockets?room=a&in=b", "?in"),
    "an id of 256 bytes": ("GET", f"/v1/sockets/{LONG}", "?id"),
}


@pytest.mark.parametrize("method, target, pointer", QUERIES.values(), ids=QUERIES)
def test_an_invalid_query_is_422_and_says_where(gateway, method, target, pointer):
    assert_problem(gateway.request(method, target, headers=KEY), 422, "invalid_request", pointer)


@pytest.mark.parametrize("text", ["%", "%4", "%zz", "%ff", "%C3", "%ED%A0%80"])
def test_broken_escapes_are_400(gateway, text):
    targets = [f"/v1/sockets?room={text}", f"/v1/counts?{text}=a", f"/v1/rooms?prefix={text}", f"/v1/sockets/{text}"]
    for target in targets:
        assert_problem(gateway.request("GET", target, headers=KEY), 400, "malformed_http")
    assert_problem(gateway.request("DELETE", f"/v1/sockets/{text}", headers=KEY), 400, "malformed_http")
    assert_problem(gateway.post({"rooms": ["a"]}, KEY, f"/v1/sockets/{text}/join"), 400, "malformed_http")


BINARY = {
    "not a string": ({"$binary": 1}, "/data/$binary"),
    "not base64": ({"$binary": "?"}, "/data/$binary"),
    "without padding": ({"$binary": "AQI"}, "/data/$binary"),
    "with another member": ({"$binary": "AQI=", "x": 1}, "/data"),
    "the servers' own placeholder": ([{"_placeholder": True, "num": 0}], "/data/0/_placeholder"),
}


@pytest.mark.parametrize("data, pointer", BINARY.values(), ids=BINARY)
def test_bad_binary_arguments_are_422(gateway, data, pointer):
    response = gateway.post({**EVENT, "data": data, "binary": True}, KEY)
    assert_problem(response, 422, "invalid_request", pointer)


MEDIA = {
    "text": {"Content-Type": "text/plain"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "lines of JSON": {"Content-Type": "application/x-ndjson"},
    "something that begins alike": {"Content-Type": "application/json5"},
    "an empty type": {"Content-Type": ""},
    "another charset": {"Content-Type": "application/json; charset=iso-8859-1"},
    "two charsets": {"Content-Type": "application/json; charset=utf-8; charset=utf-16"},
    "gzip": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    "no type": {},
}


@pytest.mark.parametrize("headers", MEDIA.values(), ids=MEDIA)
def test_what_is_not_said_to_be_plain_json_is_415(gateway, headers):
    response = gateway.request("POST", "/v1/emit", json.dumps(EVENT).encode(), {**KEY, **headers})
    assert_problem(response, 415, "unsupported_media_type")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINES = {"Content-Type": "application/x-ndjson"}
EMOJI = b'{"event": "x", "data": "a\\ud83d"}'
# What people do, and what they are told: (path, body, headers, status, words of the answer's `detail`).
MISTAKES = {
    "curl without a Content-Type": ("/v1/emit", EVENT, FORM, 415, "as curl says unless told; send -H 'Content-Type: application/json'"),
    "a batch without one": ("/v1/batch", {"items": []}, FORM, 415, "(with curl's --data-binary: -d drops line feeds)"),
    "a file that is empty": ("/v1/emit", b"", {}, 400, "the body is empty: JSON is expected"),
    "lines that curl -d has joined": ("/v1/batch", b'{"event":"x"}{"event":"x"}', LINES, 400, None),
    "lines sent as JSON": ("/v1/batch", b'{"event":"x"}\n{"event":"x"}', {}, 422, "as application/x-ndjson"),
    "several emits in one": ("/v1/emit", b'{"event":"x"}\n{"event":"x"}', {}, 400, "(many emits: POST /v1/batch)"),
    "PowerShell's UTF-16": ("/v1/emit", "\ufeff{}".encode("utf-16-le"), {}, 400, "the byte order mark of UTF-16: send UTF-8"),
    "half an emoji": ("/v1/emit", EMOJI, {}, 400, "half an emoji (an escaped surrogate without the other one of its pair) at line 1, column 26"),
    "a misspelt field": ("/v1/emit", {**EVENT, "room": "a"}, {}, 422, '/room: no such field; did you mean "rooms"?'),
    "two of them": ("/v1/emit", {**EVENT, "room": "a", "volatil": 1}, {}, 422, '/room: no such field; did you mean "rooms"? (and 1 more)'),
    "a path without v1": ("/emit", EVENT, {}, 404, "nothing is here; did you mean /v1/emit? (GET /openapi.yaml lists the routes)"),
    "a slash at the end": ("/v1/batch/", EVENT, {}, 404, "did you mean /v1/batch?"),
    "a query": ("/v1/emit?room=a", EVENT, {}, 422, "query parameters are not read here"),
}


@pytest.mark.parametrize("path, body, headers, status, words", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_what_to_do(gateway, path, body, headers, status, words):
    response = gateway.post(body, {**KEY, **headers}, path)
    assert response.status == status
    if words is None:
        # A line is an item: what is wrong with it stands in its result.
        (result,) = response.json["results"]
        assert "--data-binary" in result["problem"]["detail"]
    else:
        assert words in response.json["detail"]


def test_a_misspelt_parameter_is_named_as_one(gateway):
    problem = assert_problem(gateway.get("/v1/sockets?rom=a&limit=0", KEY), 422, "invalid_request", "?rom")
    assert problem["detail"] == "query parameter `limit`: must be a whole number from 1 to 1000 (and 1 more)"
    assert problem["errors"][1] == {"parameter": "rom", "detail": "no such parameter; did you mean `room`?"}


def test_no_answer_repeats_a_value(gateway):
    secret = "s3cret-value"
    for body in ({"event": 1, "rooms": [secret, None]}, {"event": "connect", "confirm": secret}, {**EVENT, "namespace": secret}):
        assert secret not in gateway.post(body, KEY).body.decode()
    assert secret not in gateway.get(f"/v1/sockets?limit={secret}&fields={secret}&token={secret}").body.decode()
    for header in ({"Authorization": secret}, {"Authorization": f"{secret} {secret}"}, {"X-API-Key": secret}):
        assert secret not in gateway.post(EVENT, header).body.decode()


def test_the_type_of_a_problem_is_a_page_of_the_gateway(gateway):
    path, _, heading = assert_problem(gateway.post({}, KEY), 422)["type"].partition("#")
    page = gateway.get(path)
    assert page.status == 200 and page.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert f"\n## {heading}\n" in page.body.decode()


MARK = b"\xef\xbb\xbf"
TOLERATED = {
    "one room": ("/v1/emit", {**EVENT, "rooms": "a"}, {}),
    "one number": ("/v1/emit", {**EVENT, "rooms": 7, "exceptSockets": "a"}, {}),
    "a byte order mark": ("/v1/emit", MARK + b'{"event": "x"}', {}),
    "one before a batch": ("/v1/batch", MARK + b'{"items": [{"event": "x"}]}', {}),
    "one before lines": ("/v1/batch", MARK + b'{"event": "x"}\n', LINES),
    "JSON by another name": ("/v1/emit", EVENT, {"Content-Type": "text/json"}),
    "something that is JSON": ("/v1/emit", EVENT, {"Content-Type": "application/vnd.api+json"}),
    "utf8": ("/v1/emit", EVENT, {"Content-Type": "application/json; charset=utf8"}),
    "lines by a second name": ("/v1/batch", EVENT, {"Content-Type": "application/ndjson"}),
    "lines by a third one": ("/v1/batch", EVENT, {"Content-Type": "application/jsonl; charset=UTF-8"}),
}


@pytest.mark.parametrize("path, body, headers", TOLERATED.values(), ids=TOLERATED)
def test_what_can_only_mean_one_thing_is_taken(gateway, witness, path, body, headers):
    assert gateway.post(body, {**KEY, **headers}, path).status == 200
    (message,) = witness.take()
    assert message.json["event"] == "x"
    rooms = body.get("rooms") if isinstance(body, dict) else None
    assert message.json["room"] == rooms


PATHS = ["/v1", "/v1/emit/", "//v1/emit", "/V1/emit", "/v1/emits", "/v1/../v1/emit"]
PATHS += ["/v1/sockets/", "/v1/sockets//join", "/v1/sockets/a/b", "/v1/sockets/a/join/", "/v1/rooms/lobby"]


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_path_is_404(gateway, path):
    assert_problem(gateway.post(EVENT, KEY, path=path), 404, "not_found")


@pytest.mark.parametrize(
    "path, methods, allowed",
    [
        ("/v1/emit", ["GET", "PUT", "PATCH", "DELETE", "BREW"], {"POST", "OPTIONS"}),
        ("/v1/batch", ["GET", "PUT", "PATCH", "DELETE", "BREW"], {"POST", "OPTIONS"}),
        ("/v1/sockets", ["POST", "PUT", "DELETE"], {"GET", "HEAD", "OPTIONS"}),
        ("/v1/sockets/id", ["POST", "PUT"], {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("/v1/sockets/query", ["GET", "HEAD", "DELETE"], {"POST", "OPTIONS"}),
        ("/v1/counts", ["PUT", "DELETE"], {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/livez", ["POST", "PUT", "DELETE"], {"GET", "HEAD", "OPTIONS"}),
        ("/metrics", ["POST"], {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(gateway, path, methods, allowed):
    for method in methods:
        response = gateway.request(method, path, headers=KEY)
        if method != "HEAD":
            assert_problem(response, 405, "method_not_allowed")
        assert response.status == 405
        assert allowed_methods(response) == allowed
    options = gateway.request("OPTIONS", path, headers=KEY)
    assert options.status == 204
    assert allowed_methods(options) == allowed


def test_head_of_a_path_without_get_is_405_and_has_no_body(gateway):
    response = gateway.request("HEAD", "/v1/emit", headers=KEY)
    assert response.status == 405
    assert response.body == b""
    assert allowed_methods(response) == {"POST", "OPTIONS"}


def allowed_methods(response):
    return {method.strip() for method in response.headers["Allow"].split(",")}


def test_options_of_an_unknown_path_is_404(gateway):
    assert_problem(gateway.request("OPTIONS", "/v1/emits", headers=KEY), 404, "not_found")


def test_two_credentials_are_400_even_if_both_are_right(gateway):
    headers = {**KEY, "Authorization": f"Bearer {KEY['X-API-Key']}"}
    assert_problem(gateway.post(EVENT, headers), 400, "ambiguous_credentials")


WRONG = {
    "none": {},
    "another": {"X-API-Key": "the wrong key"},
    "an empty one": {"X-API-Key": ""},
    "a part of it": {"X-API-Key": KEY["X-API-Key"][:-1]},
    "it and more": {"X-API-Key": KEY["X-API-Key"] + "s"},
    "another bearer": {"Authorization": "Bearer the wrong key"},
    "another scheme": {"Authorization": f"Basic {KEY['X-API-Key']}"},
    "no scheme": {"Authorization": KEY["X-API-Key"]},
}
FORMS = {
    "another scheme": "Authorization says 'Basic' instead of 'Bearer': send an API key as 'Authorization: Bearer KEY'",
    "no scheme": "Authorization has no 'Bearer ' before the key: ",
    "another": "this is no valid key: ",
    "none": "there is no key: ",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_is_401_and_says_how_to_authenticate(gateway, name):
    response = gateway.post(EVENT, WRONG[name])
    problem = assert_problem(response, 401, "unauthorized")
    assert problem["detail"].startswith(FORMS.get(name, ""))
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def head(*lines):
    fixed = "POST /v1/emit HTTP/1.1", "Host: localhost", f"X-API-Key: {KEY['X-API-Key']}", "Content-Type: application/json"
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


@pytest.mark.parametrize("length", [2 * MEBIBYTE, GIBIBYTE], ids=["2 MiB", "1 GiB"])
@pytest.mark.parametrize("more", [[], ["Expect: 100-continue"]], ids=["", "after asking"])
def test_a_body_that_says_it_is_too_large_is_413_before_it_is_sent(gateway, length, more):
    conversation = converse(gateway.address, head(f"Content-Length: {length}", *more), expect=1)
    assert conversation.statuses == [413]
    assert b'"payload_too_large"' in conversation.data


def test_a_length_beyond_all_numbers_is_413(gateway):
    conversation = converse(gateway.address, head(f"Content-Length: {10**30}"), expect=1)
    assert conversation.statuses == [413] and b"payload_too_large" in conversation.data


def test_a_chunked_body_that_becomes_too_large_is_cut_off_early(gateway):
    start = head("Transfer-Encoding: chunked")
    conversation = stream_chunks(gateway.address, start, b" " * 16384, limit=64 * MEBIBYTE)
    assert conversation.sent < 8 * MEBIBYTE
    assert conversation.statuses == [413]


def test_a_gateway_may_take_smaller_bodies(broker, exchange):
    with Gateway(broker.url, python_socketio_exchange=exchange, max_body_bytes=2000) as small:
        assert_problem(small.post({"event": "x", "data": "x" * 2000}), 413, "payload_too_large")


class TestWhatIsGoodAlthoughItLooksBad:
    @pytest.fixture(autouse=True)
    def nothing_is_published(self):
        """Here something is."""

    GOOD = {
        "nesting of 64": '{"event": "x", "data": %s}' % nested(63),
        "100 names, and some of them twice": json.dumps({**EVENT, "rooms": HUNDRED + HUNDRED, "exceptSockets": ["room0"]}),
        "a room of 255 bytes": json.dumps({**EVENT, "rooms": ["x" * 255]}),
        "data that is null": '{"event": "x", "data": null}',
        "exceptions that are empty": '{"event": "x", "except": [], "exceptSockets": []}',
        "white space all over": ' \r\n\t{ "event" :\n"x" , "args" : [ ] }\n',
        "a NUL in a string": r'{"event": "x", "data": "\u0000"}',
        "an escaped field": r'{"\u0065vent": "x"}',
        "an event named like a field": '{"event": "rooms"}',
    }

    @pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
    def test_it_is_emitted(self, gateway, witness, body):
        assert gateway.post(body, KEY).status == 200
        witness.take(1)

    @pytest.mark.parametrize(
        "media", ["application/json;charset=utf-8", "application/json; charset=UTF-8", "Application/JSON"]
    )
    def test_media_types_are_compared_as_they_should_be(self, gateway, witness, media):
        assert gateway.post(EVENT, {**KEY, "Content-Type": media}).status == 200
        witness.take(1)
