#!/usr/bin/env python3
"""A small Socket.IO server on RabbitMQ, as an application would have it, which also serves the demo's page.

A client names its rooms when it connects: `?room=orders&room=stock` in the address, or `auth: {rooms: ["orders"]}`.
Any number of these servers may run; they find each other over the broker, and all of them answer the gateway.
"""

import argparse
import ipaddress
import json
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

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


def is_loopback(host):
    """Whether a `Host` field names this machine by a loopback address."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def page_with(gateway, key):
    """The page, with what it has to know: the gateway's address and a key for it, or `None`."""
    settings = json.dumps({"gateway": gateway, "key": key}).replace("<", "\\u003c")  # nothing ends the script early
    return (HERE / "index.html").read_text().replace("{{settings}}", settings)


def make_app(amqp_url, gateway, key):
    sio = socketio.AsyncServer(async_mode="aiohttp", client_manager=socketio.AsyncAioPikaManager(amqp_url))
    responder = GatewayResponder(sio, amqp_url)

    @sio.event
    async def connect(sid, environ, auth):
        for room in rooms_of(environ, auth):
            await sio.enter_room(sid, room)

    async def answer_the_gateway(_):
        async with responder:
            yield

    async def page(request):
        # A page with a key is for this machine: a name that somebody else gave to 127.0.0.1 (DNS rebinding) must not get it.
        if key and not is_loopback(request.host):
            raise web.HTTPForbidden(text=f"This page has a key: open it as http://127.0.0.1:{request.url.port}/\n")
        return web.Response(text=page_with(gateway, key), content_type="text/html", headers={"Cache-Control": "no-store"})

    async def browser_client(_):
        return web.FileResponse(BROWSER_CLIENT, headers={"Content-Type": "text/javascript"})

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/socket.io.min.js", browser_client)])
    app.cleanup_ctx.append(answer_the_gateway)
    sio.attach(app)
    return app


def main():
    parser = argparse.ArgumentParser(
        description="The demo's Socket.IO server.",
        epilog="GATEWAY_API_KEY, if the gateway has one, is put into the page: fit for a demo on a loopback address only.",
    )
    parser.add_argument("--amqp-url", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--gateway", default=DEFAULT_GATEWAY, help="where the page sends events")
    options = parser.parse_args()
    web.run_app(
        make_app(options.amqp_url, options.gateway, os.environ.get("GATEWAY_API_KEY")),
        host=options.host,
        port=options.port,
        print=None,
        shutdown_timeout=1,
    )


if __name__ == "__main__":
    main()
