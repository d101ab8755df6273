#!/usr/bin/env python3
"""A small Socket.IO server on RabbitMQ, as an application would have it, which also serves the demo's page.

A client names its rooms when it connects: `?room=orders&room=stock` in the address, or `auth: {rooms: ["orders"]}`.
Any number of these servers may run; they find each other over the broker, and all of them answer the gateway.
"""

import argparse
import sys
from pathlib import Path
from urllib.parse import parse_qs

import socketio
from aiohttp import web

HERE = Path(__file__).parent
# An application would install the package: pip install socketio-gateway-responder
sys.path.insert(0, str(HERE.parent / "adapters" / "python"))
from socketio_gateway_responder import GatewayResponder  # noqa: E402

BROWSER_CLIENT = HERE.parent / ".cache" / "socket.io.min.js"
DEFAULT_GATEWAY = "http://127.0.0.1:8080"


def rooms_of(environ, auth):
    rooms = parse_qs(environ.get("QUERY_STRING", "")).get("room", [])
    if isinstance(auth, dict):
        rooms += auth.get("rooms", [])
    return rooms


def make_app(amqp_url, gateway):
    sio = socketio.AsyncServer(async_mode="aiohttp", client_manager=socketio.AsyncAioPikaManager(amqp_url))
    responder = GatewayResponder(sio, amqp_url)

    @sio.event
    async def connect(sid, environ, auth):
        for room in rooms_of(environ, auth):
            await sio.enter_room(sid, room)

    async def answer_the_gateway(_):
        async with responder:
            yield

    async def page(_):
        html = (HERE / "index.html").read_text().replace(DEFAULT_GATEWAY, gateway)
        return web.Response(text=html, content_type="text/html")

    async def browser_client(_):
        return web.FileResponse(BROWSER_CLIENT, headers={"Content-Type": "text/javascript"})

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/socket.io.min.js", browser_client)])
    app.cleanup_ctx.append(answer_the_gateway)
    sio.attach(app)
    return app


def main():
    parser = argparse.ArgumentParser(description="The demo's Socket.IO server.")
    parser.add_argument("--amqp-url", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--gateway", default=DEFAULT_GATEWAY, help="what the page's curl line shows")
    options = parser.parse_args()
    web.run_app(
        make_app(options.amqp_url, options.gateway),
        host=options.host,
        port=options.port,
        print=None,
        shutdown_timeout=1,
    )


if __name__ == "__main__":
    main()
