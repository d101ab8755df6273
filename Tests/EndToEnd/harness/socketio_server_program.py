"""A python-socketio server which puts each client into the rooms of its `auth`. Prints {"port": …} when it listens.

Arguments: AMQP-URL CHANNEL aio-pika|kombu|RECIPE NAMESPACE…, where a recipe is Python that makes `sio` of `url`.
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


def server_of(url, channel, manager, namespaces):
    if manager == "aio-pika":
        managed = {"async_mode": "aiohttp", "client_manager": socketio.AsyncAioPikaManager(url, channel)}
        return socketio.AsyncServer(**managed, namespaces=namespaces)
    if manager == "kombu":
        managed = {"async_mode": "threading", "client_manager": socketio.KombuManager(url, channel)}
        return socketio.Server(**managed, namespaces=namespaces)
    known = {"socketio": socketio, "url": url}
    exec(manager, known)
    return known["sio"]


async def serve_with_asyncio(sio, namespaces):
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


def serve_with_threads(sio, namespaces):
    sio.eio.allow_upgrades = False  # wsgiref cannot serve WebSocket

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
    amqp_url, channel_name, manager_name, *served = sys.argv[1:]
    server = server_of(amqp_url, channel_name, manager_name, served)
    if isinstance(server, socketio.AsyncServer):
        asyncio.run(serve_with_asyncio(server, served))
    else:
        serve_with_threads(server, served)
