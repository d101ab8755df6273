"""Prints {"uid": …} when it is there. Argument: the arguments of SimulatedServer, as JSON."""

import json
import sys
import time
import uuid
from pathlib import Path

import pika

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.simulated_server import SimulatedServer

uid = uuid.uuid4().hex
options = json.loads(sys.argv[1])
has_said = False
while True:
    try:
        server = SimulatedServer(uid=uid, **options)
    except (pika.exceptions.AMQPError, OSError):
        time.sleep(0.2)
        continue
    if not has_said:
        print(json.dumps({"uid": uid}), flush=True)
        has_said = True
    server.wait()
