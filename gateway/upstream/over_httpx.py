"""The transport to a remote server over httpx: everywhere, but several times the CPU of the one over pyreqwest."""

import ssl
from collections.abc import Mapping
from functools import cache

import httpx

from gateway.upstream.transport import CONNECT_TIMEOUT, IDLE, MAX_IDLE, BrokenOff, Lost, Reply, Unsent, fixed_headers


class HttpxTransport:
    """A transport over an `httpx.AsyncClient`; `root` is the URL of the API's root."""

    ends_cancelled = True

    def __init__(self, root: str) -> None:
        self._root = root
        self._headers = fixed_headers(root)
        self._client = http_client()

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        # Not client.build_request: it would add the cookies that the upstream set for another caller.
        fields = {**self._headers, **headers}
        response = await self._begin(httpx.Request(method, self._root + path, content=body, headers=fields))
        try:
            return response.status_code, response.headers, await response.aread()
        except httpx.HTTPError as broken:
            raise BrokenOff(repr(broken)) from broken
        finally:
            await response.aclose()

    async def _begin(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as refused:
            raise Unsent(repr(refused)) from refused
        except httpx.HTTPError as lost:
            raise Lost(repr(lost)) from lost

    async def aclose(self) -> None:
        await self._client.aclose()


def http_client(timeout: float | None = None) -> httpx.AsyncClient:
    """Return a client for one upstream: connections kept alive, no redirects followed.

    `timeout` is in seconds, between bytes; without it only connecting has a limit.
    """
    return httpx.AsyncClient(
        verify=tls(),
        timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=MAX_IDLE, keepalive_expiry=IDLE),
        follow_redirects=False,
    )


@cache
def tls() -> ssl.SSLContext:
    # One for the process: reading the authorities' certificates would be a good part of the start.
    return httpx.create_ssl_context()
