"""What may be in flight when something breaks: one emit, told to the gateway in each of the ways that there are."""

import json
import tempfile
import uuid
from pathlib import Path

from .hooks import hook_entry
from .topology import ROOM, amqp0_gateway

HOOK = "emits"


def hooked_gateway(url, exchange, **settings):
    """A gateway for socket.io-amqp0 that takes emits through a hook, too."""
    file = Path(tempfile.mkdtemp(prefix="gateway-")) / "gateway.yaml"
    hook = hook_entry(HOOK, args=["{/data}"], deliveryId="{/id}")
    file.write_text(json.dumps({"hooks": [hook]}))
    return amqp0_gateway(url, exchange, config=file, **settings)


def _emit(gateway, event):
    response = gateway.post(event)
    return response.status, response.json


def _idempotent(gateway, event):
    response = gateway.post(event, {"Idempotency-Key": uuid.uuid4().hex})
    return response.status, response.json


def _batch(gateway, event):
    [result] = gateway.batch([event]).json["results"]
    return result["status"], result.get("problem", result)


def _hook(gateway, event):
    response = gateway.post({**event, "id": uuid.uuid4().hex}, path=f"/v1/hooks/{HOOK}")
    return response.status, response.json


# By name: posts `{"event", "data", "rooms"}`; the status and what was answered, or the problem.
KINDS = {"emit": _emit, "batch": _batch, "idempotent emit": _idempotent, "hook": _hook}


def numbered(number, filler=0):
    """An emit that `Topology.received` finds again."""
    event = {"event": "load", "data": number, "rooms": [ROOM]}
    return {**event, "data": f"{number}".ljust(filler, "x")} if filler else event
