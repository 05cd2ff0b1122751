"""The two sides of every comparison, each made once: documents of servers and the declarations."""

from typing import Any

import httpx
import pytest

from gateway.check import Operations, declared
from gateway.check.operations import Json
from gateway.embedded import create_app


@pytest.fixture(scope="session")
def document(prefect_server: str) -> Any:
    """Prefect's OpenAPI document."""
    return httpx.get(f"{prefect_server}/openapi.json", timeout=120, trust_env=False).json()


@pytest.fixture(scope="session")
def embedded() -> Json:
    """The embedded server's OpenAPI document."""
    return create_app("sqlite://").openapi()


@pytest.fixture(scope="session")
def mirror() -> Operations:
    """What the GraphQL schema makes use of."""
    return declared()
