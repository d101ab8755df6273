"""A python-socketio server with its responder, and clients that connect to it, for events.py. Prints JSON.

Argument: {"package", "url", "exchange", "connects"}. Prints a line when it is on the broker, waits for one, and prints what the connects
have cost.

The clients are ASGI requests in this process: a handshake, the connect packet, and a poll for its answer. That is all that python-engineio,
python-socketio, the application and the responder do for a client; bytes on sockets and HTTP are left out, which would only make the rest
look cheaper.
"""

import asyncio
import json
import sys
import time

settings = json.loads(sys.argv[1])
sys.path.insert(0, settings["package"])

import socketio  # noqa: E402

from socketio_gateway_responder import GatewayResponder  # noqa: E402

AT_ONCE = 50
SCOPE = {
    "type": "http", "path": "/socket.io/", "scheme": "http", "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    "headers": [(b"host", b"127.0.0.1"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
}  # fmt: skip


async def request(app, method, query, body=b""):
    """The body of the response."""
    chunks = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        chunks.append(message.get("body", b""))

    headers = [*SCOPE["headers"], (b"content-length", str(len(body)).encode())]
    scope = {**SCOPE, "method": method, "query_string": query.encode(), "headers": headers}
    await app(scope, receive, send)
    return b"".join(chunks)


async def connect(app, number):
    query = "EIO=4&transport=polling"
    query += "&sid=" + json.loads((await request(app, "GET", query))[1:])["sid"]
    assert await request(app, "POST", query, b'40{"number":%d}' % number) == b"OK"
    answer = await request(app, "GET", query)
    assert answer.startswith(b'40{"sid"'), answer


async def main():
    # The longest that a poll waits; nobody pings while this runs.
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=3600)
    responder = GatewayResponder(sio, settings["url"], exchange=settings["exchange"])

    @sio.event
    async def connect_(sid, environ, auth):
        number = auth["number"]
        for room in (f"user:{number}", f"room:{number % 500}", "all"):
            await sio.enter_room(sid, room)

    sio.on("connect", connect_)
    app = socketio.ASGIApp(sio)
    assert await responder.start(timeout=30)
    print(json.dumps({"is": "there"}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    numbers = iter(range(settings["connects"]))

    async def connect_some():
        for number in numbers:
            await connect(app, number)

    wall, before = time.perf_counter(), time.process_time()
    await asyncio.gather(*(connect_some() for _ in range(AT_ONCE)))
    await asyncio.sleep(0.5)  # what has been collected is told
    print(json.dumps({"cpu": time.process_time() - before, "wall": time.perf_counter() - wall}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await responder.close()


asyncio.run(main())
