"""Upstreams before scripted servers, over each transport, without the waits between repeated reads."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import stamina

from gateway.settings import Settings
from gateway.upstream import Transport, Upstream, api_root
from gateway.upstream.over_httpx import HttpxTransport
from gateway.upstream.over_pyreqwest import PyreqwestTransport

Connect = Callable[..., AbstractAsyncContextManager[Upstream]]


@pytest.fixture(autouse=True)
def no_backoff() -> Generator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture(params=["httpx", "pyreqwest"])
def transport(request: pytest.FixtureRequest) -> Callable[[str, float], Transport]:
    """Open the transport to an API's root; no call lasts longer than the seconds, which only pyreqwest need know."""
    return PyreqwestTransport if request.param == "pyreqwest" else lambda root, _longest: HttpxTransport(root)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, transport: Callable[[str, float], Transport]) -> Connect:
    """Open an upstream at a URL with the given settings, and with none from the environment."""
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)

    @asynccontextmanager
    async def connected(url: str, longest: float = 60.0, **settings: Any) -> AsyncGenerator[Upstream]:
        upstream = Upstream(transport(api_root(url), longest), Settings(**settings))
        try:
            yield upstream
        finally:
            await upstream.aclose()

    return connected
