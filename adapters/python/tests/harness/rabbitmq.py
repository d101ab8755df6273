"""The private RabbitMQ of scripts/rabbitmq.py, and the certificates of the gateway's tests."""

import importlib.util
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
REPOSITORY = PACKAGE.parents[1]


def _load(name, *path):
    spec = importlib.util.spec_from_file_location(name, REPOSITORY.joinpath(*path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _load("private_rabbitmq", "scripts", "rabbitmq.py")
_certificates = _load("certificates", "Tests", "EndToEnd", "harness", "certificates.py")

PrivateRabbitMQ = _module.PrivateRabbitMQ
die_with_parent = _module.die_with_parent
free_ports = _module.free_ports
Authority = _certificates.Authority
TLS_PLUGIN = _certificates.TLS_PLUGIN
