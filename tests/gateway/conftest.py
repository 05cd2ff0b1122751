"""What tests of the whole gateway share: nothing of the environment, no waits, and no failure that nobody has seen."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import stamina


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting come from the environment."""
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_GRAPHQL_UPSTREAM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_backoff() -> Generator[None]:
    """Repeat reads without the waits between."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture(scope="module")
async def nothing_unseen() -> AsyncGenerator[None]:
    """Fail where a task or a future ended by an exception that nobody has read."""
    unseen: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: unseen.append(context))
    yield
    gc.collect()
    loop.set_exception_handler(before)
    assert unseen == []
