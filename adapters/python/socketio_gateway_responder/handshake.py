"""The handshake of a connection, in the form of Socket.IO's own, from its WSGI environment."""

from __future__ import annotations

import inspect
import time
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

SECRET_HEADERS = frozenset({"cookie", "authorization", "proxy-authorization"})
ISSUED = "socketio_gateway_responder.issued"
"""The key of an environment under which the time of the connection is kept, in seconds since 1970."""


def handshake(environ: dict[str, Any]) -> dict[str, Any]:
    """Without `auth`, and without the headers that hold credentials. `time` and `issued` are null for a connection
    that is older than the responder."""
    headers = _headers(environ)
    issued = environ.get(ISSUED)
    query = environ.get("QUERY_STRING") or ""
    path = (environ.get("SCRIPT_NAME") or "") + (environ.get("PATH_INFO") or "")
    return {
        "headers": headers,
        "time": None if issued is None else datetime.fromtimestamp(issued, timezone.utc).isoformat(timespec="seconds"),
        "address": _address(environ),
        "xdomain": "origin" in headers,
        "secure": environ.get("wsgi.url_scheme") in ("https", "wss"),
        "issued": None if issued is None else round(issued * 1000),
        "url": f"{path}?{query}" if query else path,
        "query": {name: values[0] if len(values) == 1 else values for name, values in parse_qs(query, True).items()},
    }


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    headers.update({key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)})
    lowered = {key.lower().replace("_", "-"): str(value) for key, value in headers.items()}
    return {name: value for name, value in lowered.items() if name not in SECRET_HEADERS}


def _address(environ: dict[str, Any]) -> str:
    # The asyncio drivers of python-engineio put 127.0.0.1 into REMOTE_ADDR, whoever it is.
    if "aiohttp.request" in environ:
        return environ["aiohttp.request"].remote or ""
    if "asgi.scope" in environ:
        return (environ["asgi.scope"].get("client") or ("",))[0]
    if "sanic.request" in environ:
        return environ["sanic.request"].ip or ""
    return environ.get("REMOTE_ADDR") or ""


def note_time_of_connections(sio: Any) -> None:
    """From now on the server's connections carry the time at which they came."""
    connect = sio.eio.handlers.get("connect")
    if connect is None or getattr(connect, "notes_time", False):
        return

    def noting(transport_id: str, environ: dict[str, Any]) -> Any:
        environ.setdefault(ISSUED, time.time())
        return connect(transport_id, environ)

    async def noting_async(transport_id: str, environ: dict[str, Any]) -> Any:
        return await noting(transport_id, environ)

    wrapped: Any = noting_async if inspect.iscoroutinefunction(connect) else noting
    wrapped.notes_time = True
    sio.eio.on("connect", wrapped)
