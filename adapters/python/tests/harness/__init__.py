"""Everything that the tests need around the responders: see the module of each name."""

from .client import Client
from .gateway import FakeGateway
from .rabbitmq import PACKAGE, PrivateRabbitMQ, die_with_parent
from .server import Server

__all__ = ["PACKAGE", "Client", "FakeGateway", "PrivateRabbitMQ", "Server", "die_with_parent"]
