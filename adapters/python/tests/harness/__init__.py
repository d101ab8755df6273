"""Everything that the tests need around the responders: see the module of each name."""

from .client import Client
from .gateway import FakeGateway
from .goodbye import say_goodbye
from .rabbitmq import PACKAGE, TLS_PLUGIN, Authority, PrivateRabbitMQ, die_with_parent, free_ports
from .server import Server

__all__ = [
    "PACKAGE",
    "TLS_PLUGIN",
    "Authority",
    "Client",
    "FakeGateway",
    "PrivateRabbitMQ",
    "Server",
    "die_with_parent",
    "free_ports",
    "say_goodbye",
]
