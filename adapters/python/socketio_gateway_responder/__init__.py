"""Lets a python-socketio server answer the questions of socketio-gateway over RabbitMQ.

`GatewayResponder` stands beside a `socketio.AsyncServer`, `ThreadedGatewayResponder` beside a `socketio.Server`.
"""

from .asynchronous import GatewayResponder
from .threaded import ThreadedGatewayResponder
from .version import VERSION as __version__

__all__ = ["GatewayResponder", "ThreadedGatewayResponder", "__version__"]
