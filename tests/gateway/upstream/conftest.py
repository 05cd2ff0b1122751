"""Upstreams before scripted servers, without the waits between repeated reads."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import stamina

from gateway.settings import Settings
from gateway.upstream import Upstream, remote

Connect = Callable[..., AbstractAsyncContextManager[Upstream]]


@pytest.fixture(autouse=True)
def no_backoff() -> Generator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Open an upstream at a URL with the given settings, and with none from the environment."""
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)

    @asynccontextmanager
    async def connected(url: str, **settings: Any) -> AsyncGenerator[Upstream]:
        upstream = Upstream(remote(url), Settings(**settings))
        try:
            yield upstream
        finally:
            await upstream.aclose()

    return connected
