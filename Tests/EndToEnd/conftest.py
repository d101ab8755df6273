"""One broker for the whole run; a test that breaks its broker starts its own."""

import pytest

from harness import PrivateRabbitMQ


@pytest.fixture(scope="session")
def broker():
    with PrivateRabbitMQ() as broker:
        yield broker


@pytest.fixture(scope="module")
def exchange(request):
    """The name of an exchange that no other module uses."""
    return f"test.{request.module.__name__}"
