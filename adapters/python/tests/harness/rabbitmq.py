"""The private RabbitMQ of scripts/rabbitmq.py."""

import importlib.util
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
REPOSITORY = PACKAGE.parents[1]

_spec = importlib.util.spec_from_file_location("private_rabbitmq", REPOSITORY / "scripts" / "rabbitmq.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

PrivateRabbitMQ = _module.PrivateRabbitMQ
die_with_parent = _module.die_with_parent
