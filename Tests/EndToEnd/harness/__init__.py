"""Everything that the tests need around the gateway: see the module of each name."""

from . import webhooks
from .amqp0 import Amqp0Servers
from .browser import BrowserPage, page_server
from .cluster import ClusterServer
from .command import Key, create_key, run_command
from .console_page import ConsolePage
from .contract import read_contract
from .cutting_proxy import CuttingProxy
from .disturbed_relay import DisturbedRelay
from .disturbing_proxy import DisturbingProxy
from .event_stream import EventStream, Heartbeats, TailStream
from .gateway import VERSION, Gateway, assert_problem, binary
from .hooks import SIGNATURES, VERIFY_TOKEN, hook_entry
from .middleman import Middleman
from .proxies import Caddy, HAProxy, Nginx
from .rabbitmq import REPOSITORY, PrivateRabbitMQ, die_with_parent
from .raw_http import RawConversation, converse, stream_chunks
from .responding_server import AnsweringClient, RespondingServer
from .server_process import ServerProcess
from .simulated_server import SimulatedServer
from .socketio_client import SocketIOClient
from .socketio_server import SocketIOServer
from .witness import Witness

__all__ = [
    "REPOSITORY",
    "SIGNATURES",
    "VERIFY_TOKEN",
    "VERSION",
    "Amqp0Servers",
    "AnsweringClient",
    "BrowserPage",
    "Caddy",
    "ClusterServer",
    "ConsolePage",
    "CuttingProxy",
    "DisturbedRelay",
    "DisturbingProxy",
    "EventStream",
    "Gateway",
    "HAProxy",
    "Heartbeats",
    "Key",
    "Middleman",
    "Nginx",
    "PrivateRabbitMQ",
    "RawConversation",
    "RespondingServer",
    "ServerProcess",
    "SimulatedServer",
    "SocketIOClient",
    "SocketIOServer",
    "TailStream",
    "Witness",
    "assert_problem",
    "binary",
    "converse",
    "create_key",
    "die_with_parent",
    "hook_entry",
    "page_server",
    "read_contract",
    "run_command",
    "stream_chunks",
    "webhooks",
]
