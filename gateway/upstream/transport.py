"""The ways to the bytes of the REST API: a remote server by its URL, or an ASGI app in this process."""

import logging
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Protocol

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

Reply = tuple[int, Mapping[str, str], bytes]

_CONNECT_TIMEOUT = 5.0

# Shorter than the 5 s after which uvicorn, and so Prefect, closes an idle connection: else requests race with the close.
_IDLE = 4.0

_log = logging.getLogger(__name__)


class TransportFault(Exception):
    """No whole answer came. The text is for the log: it may name internal addresses."""


class Unsent(TransportFault):
    """There was no connection, so the request was certainly not sent."""


class Lost(TransportFault):
    """The connection ended before an answer began: the request may have been carried out."""


class BrokenOff(TransportFault):
    """The answer began and did not end, or its encoding is broken."""


class Transport(Protocol):
    """Sends one request and returns the whole answer; the time it may take is the caller's business."""

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Return status, headers (their names in lower case, or found in any case) and the decoded bytes of the body.

        `path` is relative to the API's root, with its query string. Raises a `TransportFault`.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class HttpxTransport:
    """A transport over an `httpx.AsyncClient`; `root` is the URL of the API's root."""

    def __init__(self, client: httpx.AsyncClient, root: str) -> None:
        self._client = client
        self._root = root

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        # Not client.build_request: it would add the cookies that the upstream set for another caller.
        fields = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
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


def remote(url: str) -> Transport:
    """Return the transport to a server by the URL of its API, such as `http://127.0.0.1:4200/api`."""
    return HttpxTransport(http_client(), api_root(url))


def embedded(app: ASGIApp, prefix: str = "") -> Transport:
    """Return the transport to an ASGI app in this process whose API's root is at `prefix`."""
    asgi = httpx.ASGITransport(_logging(app), raise_app_exceptions=False)
    return HttpxTransport(httpx.AsyncClient(transport=asgi, trust_env=False), f"http://embedded{prefix}")


def http_client(timeout: float | None = None) -> httpx.AsyncClient:
    """Return a client for one upstream: connections kept alive, no redirects followed.

    `timeout` is in seconds, between bytes; without it only connecting has a limit.
    """
    return httpx.AsyncClient(
        verify=_tls(),
        timeout=httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=_IDLE),
        follow_redirects=False,
    )


@cache
def _tls() -> ssl.SSLContext:
    # One for the process: reading the authorities' certificates would be a good part of the start.
    return httpx.create_ssl_context()


def api_root(url: str) -> str:
    """Return the checked URL of an API's root without its trailing slash; raises ValueError with what to mend."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as invalid:
        raise ValueError(f"The upstream's URL is not valid: {invalid}") from invalid
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ValueError("The upstream's URL must look like http://127.0.0.1:4200/api.")
    if parts.userinfo:
        raise ValueError(
            "The upstream's URL holds a password: put it in PREFECT_GRAPHQL_API_AUTH_STRING (user:password) instead."
        )
    if parts.query or parts.fragment:
        raise ValueError("The upstream's URL must end with the path of the API's root, such as /api.")
    return str(parts).rstrip("/")


def _logging(app: ASGIApp) -> ASGIApp:
    """Log what the app raises: the transport makes a 500 of it and says nothing."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            _log.exception("the embedded server failed on %s %s", scope["method"], scope["path"])
            raise

    return logged
