"""Runs one scenario against the gateway of the environment and prints what came of it as JSON: Tests/EndToEnd/emitters judges."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from socketio_gateway_emitter import Gateway, GatewayError

SECONDS = {name: float(os.environ[name]) for name in ("TIMEOUT", "RETRY_FOR")}
gateway = Gateway(os.environ["URL"], os.environ["KEY"], timeout=SECONDS["TIMEOUT"], retry_for=SECONDS["RETRY_FOR"])


def attempt(call):
    try:
        return call()
    except GatewayError as e:
        return {"error": {"status": e.status, "code": e.code, "outcome": e.outcome, "retryable": e.retryable, "places": e.errors}}


def once():
    return attempt(lambda: gateway.to("room").emit("once", {"id": 42}))


def twice():
    return [once(), once()]


def batch():
    batch = gateway.batch()
    batch.to("a").emit("first", 1)
    batch.to("b").emit("second", b"\x00\xff")
    batch.emit("")
    return attempt(batch.send)


def valid_batch():
    batch = gateway.batch()
    batch.emit("first", 1)
    batch.emit("second", 2)
    return attempt(batch.send)


def fetched():
    return attempt(gateway.fetch_sockets)


def emits():
    room = gateway.to("a")  # may be used again
    room.to("b").emit("union", 0.1, {"z": None, "a": "ä"})
    room.emit("room")
    gateway.except_("b").emit("except")
    gateway.except_sockets("sid").emit("sockets")
    gateway.volatile.compress(False).emit("flags")
    gateway.of("/chat").in_(7).emit("number")
    gateway.emit("bytes", {"deep": [b"\x00\xff"]}, b"")
    return [gateway.unconfirmed.emit("unconfirmed"), gateway.dry_run("dry"), attempt(lambda: gateway.to().emit("nobody"))]


def questions():
    return {
        "acks": gateway.to("a").timeout(20).emit_with_ack("q", 1)["acks"],
        "first": gateway.first.timeout(20).emit_with_ack("q")["acks"]["complete"],
        "joined": gateway.in_("a").except_("b").sockets_join("c", 7)["matched"],
        "counts": gateway.in_("c", 7, "a").counts(),
        "left": gateway.in_("c").sockets_leave("a")["matched"],
        "fetched": gateway.in_("c").fetch_sockets(),
        "told": gateway.server_side_emit("tell", 1)["status"],
        "asked": [answer["value"] for answer in gateway.timeout(20).server_side_emit_with_ack("sum", 2, 3)["responses"]],
        "disconnected": gateway.in_("b").disconnect_sockets(close=True)["matched"],
        "all": gateway.counts()["sockets"],
        "refused": attempt(lambda: gateway.volatile.sockets_join("x")),
    }


def many():
    with ThreadPoolExecutor(8) as pool:
        return [answer["status"] for answer in pool.map(lambda number: attempt(lambda: gateway.emit("n", number)), range(100))]


def forked():
    gateway.emit("n", 0)
    child = os.fork()
    for number in range(1, 20):
        gateway.emit("n", number if child else 100 + number)
    if child == 0:
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def keys():
    complaints = []
    for key in json.loads(os.environ["KEY"]):
        try:
            Gateway(os.environ["URL"], key)
        except ValueError as e:
            complaints.append(str(e))
        else:
            complaints.append(None)
    return complaints


def mistakes():
    bad = [object(), float("nan"), [b"", {"$binary": ""}]]
    return [
        *(complains(gateway.emit, "once", data) for data in bad),
        complains(gateway.idempotency_key("k\n").emit, "once"),
        complains(gateway.idempotency_key("").emit, "once"),
        complains(gateway.batch().send, ""),
        complains(gateway.batch().emit_with_ack, "q"),
    ]


def complains(call, *args):
    try:
        call(*args)
    except (TypeError, ValueError):
        return True
    return False


print(json.dumps(globals()[sys.argv[1]]()))
