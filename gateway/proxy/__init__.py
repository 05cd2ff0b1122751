"""The way for REST calls through the gateway to a remote server."""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from gateway.upstream import Upstream, api_root

if TYPE_CHECKING:
    from gateway.proxy.http import HttpProxy


class Proxy:
    """An ASGI app, mounted where the REST API shall be, that passes every request on to the API at `url`.

    Its client is made when the first request comes: a gateway that is asked for GraphQL alone does without its 9 MB.
    `timeout` is in seconds, between bytes. Websockets are closed. Raises ValueError when the URL cannot be right.
    """

    def __init__(self, url: str, upstream: Upstream, timeout: float) -> None:
        self._root = api_root(url)
        self._upstream = upstream
        self._timeout = timeout
        self._http: HttpProxy | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _hang_up(receive, send)
        else:
            await (self._http or await self._make())(scope, receive, send)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _make(self) -> "HttpProxy":
        module = await asyncio.to_thread(import_module, "gateway.proxy.http")
        # Another request may have come in the meantime.
        if self._http is None:
            self._http = module.HttpProxy(self._root, self._upstream, self._timeout)
        return self._http


async def _hang_up(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 1000, "reason": "The gateway passes no websockets on."})
