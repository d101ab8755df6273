"""A python-socketio server which puts each client into the rooms of its `auth`. Prints {"port": …} when it listens.

Arguments: AMQP-URL CHANNEL aio-pika|kombu NAMESPACE…
"""

import asyncio
import json
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import socketio
from aiohttp import web


def say_port(port):
    print(json.dumps({"port": port}), flush=True)


async def serve_with_asyncio(url, channel, namespaces):
    sio = socketio.AsyncServer(
        async_mode="aiohttp", client_manager=socketio.AsyncAioPikaManager(url, channel), namespaces=namespaces
    )

    def joins_rooms_of(namespace):
        async def connect(sid, _, auth):
            for room in auth["rooms"]:
                await sio.enter_room(sid, room, namespace)

        return connect

    for namespace in namespaces:
        sio.on("connect", joins_rooms_of(namespace), namespace=namespace)
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say_port(runner.addresses[0][1])
    await asyncio.Event().wait()


def serve_with_threads(url, channel, namespaces):
    sio = socketio.Server(
        async_mode="threading",
        allow_upgrades=False,  # wsgiref cannot serve WebSocket
        client_manager=socketio.KombuManager(url, channel),
        namespaces=namespaces,
    )

    def joins_rooms_of(namespace):
        def connect(sid, _, auth):
            for room in auth["rooms"]:
                sio.enter_room(sid, room, namespace)

        return connect

    for namespace in namespaces:
        sio.on("connect", joins_rooms_of(namespace), namespace=namespace)

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Handler(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    server = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), Server, Handler)
    say_port(server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    amqp_url, channel_name, manager, *served = sys.argv[1:]
    if manager == "aio-pika":
        asyncio.run(serve_with_asyncio(amqp_url, channel_name, served))
    else:
        serve_with_threads(amqp_url, channel_name, served)
