"""The private RabbitMQ of scripts/rabbitmq.py, which the demo uses too."""

import importlib.util
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]

_spec = importlib.util.spec_from_file_location("private_rabbitmq", REPOSITORY / "scripts" / "rabbitmq.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

PrivateRabbitMQ = _module.PrivateRabbitMQ
BrokerError = _module.BrokerError
die_with_parent = _module.die_with_parent
free_ports = _module.free_ports
stop_process = _module.stop_process
thread_states = _module.thread_states
