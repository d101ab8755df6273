"""A python-socketio server with its responder. Prints {"port": …} when it listens, and ends when its input does.

Argument: {"url", "manager": "aio-pika" | "kombu", "manager_options", "channel", "namespaces": […], "server_options", "options": {…of the responder}}.
Each client is put into the rooms of its `auth`, and its session is that of its `auth`. One with `refused` is refused then; for one that
`breaks` the disconnect handler raises.
"""

import asyncio
import json
import logging
import os
import sys
import threading
import time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import socketio
from aiohttp import web

from socketio_gateway_responder import GatewayResponder, ThreadedGatewayResponder


def say_port(port):
    print(json.dumps({"port": port}), flush=True)


def session_of(auth):
    session = auth.get("session")
    return {"unserialisable": object()} if session == "unserialisable" else session or {}


def count_callbacks(sio):
    return sum(len(callbacks) - 1 for callbacks in sio.manager.callbacks.values())


def raises(*_):
    raise RuntimeError("as it should")


HOSTILE = ["", "x" * 256, "\u00e4" * 128, "half \ud800", "half \udfff", "nul \0", 1.5, True, ("t",), 2**53 + 1]
"""Names of rooms that a gateway is not told, or not as they are."""


def steps_of(what, args):
    """What is done to rooms: whether to enter, and which."""
    if what == "enter hostile":
        return [(True, room) for room in (*HOSTILE, "\u00e4" * 127, 42, "42")]
    if what == "leave hostile":
        return [(False, HOSTILE[args[0]])]
    if what == "enter many":
        count, length = args
        return [(True, f"{number:0{length}}") for number in range(count)]
    if what == "churn":  # the first one comes and goes, the others go and come
        first, *others = args
        return [(True, first), (False, first), *((entering, room) for room in others for entering in (False, True))]
    return [(what == "enter", room) for room in args]


def handle_server_side_emits(responder, sio):
    responder.on("sum", lambda *numbers: sum(numbers))
    responder.on("raises", raises)
    responder.on("unserialisable", lambda: object())
    responder.on("callbacks", lambda: count_callbacks(sio))
    responder.on("echo", lambda value: value)
    responder.on("repeat", lambda text, times: text * times)
    responder.on("reversed bytes", lambda data: {"bytes": bytes(reversed(data)), "text": "t"})
    responder.on("where", lambda: os.getpid(), namespace="/chat")


async def serve_with_asyncio(url, channel, namespaces, options, server_options):
    sio = socketio.AsyncServer(
        async_mode="aiohttp", client_manager=socketio.AsyncAioPikaManager(url, channel), namespaces=namespaces, **server_options
    )
    responder = GatewayResponder(sio, **options)
    handle_server_side_emits(responder, sio)
    breaking = set()

    @responder.on("slow")
    async def slow(seconds):
        await asyncio.sleep(seconds)
        return "at last"

    def register(namespace):
        async def connect(sid, _, auth):
            await sio.save_session(sid, session_of(auth), namespace)
            for room in auth["rooms"]:
                await sio.enter_room(sid, room, namespace)
            if auth.get("breaks"):
                breaking.add(sid)
            return not auth.get("refused")

        async def disconnect(sid, reason):
            if sid in breaking:
                raise RuntimeError("as it should")

        async def do(sid, what, *args):
            if what == "emit":
                await sio.emit(*args, namespace=namespace)
            elif what == "emit to":
                await sio.emit(*args[1:], room=args[0], namespace=namespace)
            elif what == "disconnect":
                await sio.disconnect(*args, namespace=namespace)
            elif what == "enter for":
                await sio.enter_room(*args, namespace)
            elif what == "close room":
                await sio.close_room(*args, namespace)
            elif what == "call":
                return await sio.call(*args[1:], to=args[0], namespace=namespace, timeout=5)
            else:
                for is_entering, room in steps_of(what, args):
                    await (sio.enter_room if is_entering else sio.leave_room)(sid, room, namespace)

        sio.on("connect", connect, namespace=namespace)
        sio.on("disconnect", disconnect, namespace=namespace)
        sio.on("do", do, namespace=namespace)

    for namespace in namespaces if namespaces != "*" else ():
        register(namespace)
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await responder.start()
    say_port(runner.addresses[0][1])
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await responder.close()
    os._exit(0)


def serve_with_threads(url, channel, namespaces, options, server_options, manager_options):
    sio = socketio.Server(
        async_mode="threading",
        allow_upgrades=False,  # wsgiref cannot serve WebSocket
        client_manager=socketio.KombuManager(url, channel, **manager_options),
        namespaces=namespaces,
        ping_interval=2,  # over HTTP a client's goodbye may get lost; then it is soon missed
        ping_timeout=4,
        **server_options,
    )
    responder = ThreadedGatewayResponder(sio, **options)
    handle_server_side_emits(responder, sio)
    breaking = set()

    @responder.on("slow")
    def slow(seconds):
        time.sleep(seconds)
        return "at last"

    def register(namespace):
        def connect(sid, _, auth):
            sio.save_session(sid, session_of(auth), namespace)
            for room in auth["rooms"]:
                sio.enter_room(sid, room, namespace)
            if auth.get("breaks"):
                breaking.add(sid)
            return not auth.get("refused")

        def disconnect(sid, reason):
            if sid in breaking:
                raise RuntimeError("as it should")

        def do(sid, what, *args):
            if what == "emit":
                sio.emit(*args, namespace=namespace)
            elif what == "emit to":
                sio.emit(*args[1:], room=args[0], namespace=namespace)
            elif what == "disconnect":
                sio.disconnect(*args, namespace=namespace)
            elif what == "enter for":
                sio.enter_room(*args, namespace)
            elif what == "close room":
                sio.close_room(*args, namespace)
            elif what == "call":
                return sio.call(*args[1:], to=args[0], namespace=namespace, timeout=5)
            else:
                for is_entering, room in steps_of(what, args):
                    (sio.enter_room if is_entering else sio.leave_room)(sid, room, namespace)

        sio.on("connect", connect, namespace=namespace)
        sio.on("disconnect", disconnect, namespace=namespace)
        sio.on("do", do, namespace=namespace)

    for namespace in namespaces if namespaces != "*" else ():
        register(namespace)

    class HTTPServer(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 100

    class Handler(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    server = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), HTTPServer, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    responder.start()
    say_port(server.server_address[1])
    sys.stdin.read()
    responder.close()
    os._exit(0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    settings = json.loads(sys.argv[1])
    arguments = settings["url"], settings["channel"], settings["namespaces"], settings["options"], settings["server_options"]
    if settings["manager"] == "aio-pika":
        asyncio.run(serve_with_asyncio(*arguments))
    else:
        serve_with_threads(*arguments, settings["manager_options"])
