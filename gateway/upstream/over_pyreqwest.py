"""The transport to a remote server over pyreqwest, an HTTP client in Rust."""

import atexit
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from urllib.request import getproxies, proxy_bypass

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BodyDecodeError,
    ConnectError,
    ConnectTimeoutError,
    ReadError,
    ReadTimeoutError,
    RequestError,
)
from pyreqwest.http import HeaderMap, Url
from pyreqwest.proxy import ProxyBuilder

from gateway.upstream.transport import (
    CONNECT_TIMEOUT,
    IDLE,
    MAX_IDLE,
    BrokenOff,
    Lost,
    Reply,
    TransportFault,
    Unsent,
    fixed_headers,
)

# hyper's words for what fails before there is a connection: pyreqwest's ConnectError is one that broke later, too.
_CONNECTING = "client error (Connect)"

_FIELDS = ("content-type", "retry-after")

# pyreqwest leaves this header out, without which some servers answer 411.
_EMPTY = {"content-length": "0"}


class PyreqwestTransport:
    """A transport over a `pyreqwest.client.Client`; `root` is the URL of the API's root.

    A call that is cancelled goes on unseen until it is answered, `longest` seconds at most: pyreqwest cannot end it.
    Raises ValueError where pyreqwest cannot work: it refuses the URL, or finds no certificates of authorities.
    """

    ends_cancelled = False

    def __init__(self, root: str, longest: float) -> None:
        self._root = root
        self._client = _client(root, longest)

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        request = self._client.request(method, self._root + path).headers(headers)
        if body:
            request = request.body_bytes(body)
        elif method not in {"GET", "DELETE"}:
            request = request.headers(_EMPTY)
        try:
            response = await request.build().send()
            return response.status, _fields(response.headers), bytes(await response.bytes())
        except RequestError as error:
            raise _fault(error) from error

    async def aclose(self) -> None:
        await self._client.close()


def _client(root: str, longest: float) -> Client:
    _let_the_thread_rest()
    builder = (
        ClientBuilder()
        .default_headers(fixed_headers(root))
        .follow_redirects(False)
        .timeout(timedelta(seconds=longest))
        .connect_timeout(timedelta(seconds=CONNECT_TIMEOUT))
        .pool_idle_timeout(timedelta(seconds=IDLE))
        .pool_max_idle_per_host(MAX_IDLE)
        .no_proxy()
    )
    proxy = _proxy(Url(root))
    return (builder.proxy(ProxyBuilder.all(proxy)) if proxy else builder).build()


def _proxy(root: Url) -> str | None:
    """Return the proxy that the environment names for the URL, as urllib reads it (pyreqwest ignores `no_proxy=*`)."""
    if proxy_bypass(root.authority):
        return None
    proxies = getproxies()
    proxy = proxies.get(root.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


@cache
def _let_the_thread_rest() -> None:
    # A thread of pyreqwest's that is about to wake a loop when the interpreter ends aborts the process (1 of 10 short ones).
    atexit.register(time.sleep, 0.05)


def _fields(headers: HeaderMap) -> dict[str, str]:
    fields = {}
    for name in _FIELDS:
        try:
            value = headers.get(name)
        except ValueError:  # beyond ASCII, so that it is nothing that we understand
            continue
        if value is not None:
            fields[name] = value
    return fields


def _fault(error: RequestError) -> TransportFault:
    causes = [cause["message"] for cause in error.details["causes"] or ()]
    told = ": ".join([error.message, *causes])
    if isinstance(error, BodyDecodeError | ReadError | ReadTimeoutError):
        return BrokenOff(told)
    if isinstance(error, ConnectError | ConnectTimeoutError) and _CONNECTING in causes:
        return Unsent(told)
    return Lost(told)
