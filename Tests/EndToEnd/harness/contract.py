"""The contract, openapi.yaml."""

import yaml

from .rabbitmq import REPOSITORY


def read_contract():
    """By libyaml, which takes a tenth of the time."""
    return yaml.load((REPOSITORY / "openapi.yaml").read_text(), yaml.CSafeLoader)
