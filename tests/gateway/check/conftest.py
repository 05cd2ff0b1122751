"""The OpenAPI document of a real Prefect server."""

from typing import Any

import httpx
import pytest


@pytest.fixture(scope="session")
def document(prefect_server: str) -> Any:
    """Prefect's OpenAPI document."""
    return httpx.get(f"{prefect_server}/openapi.json", timeout=120, trust_env=False).json()
