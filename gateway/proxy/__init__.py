"""The way for REST calls through the gateway to a remote server."""

import asyncio
from pkgutil import resolve_name

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.upstream import Upstream, api_root

WAYS = {"http": "gateway.proxy.http:HttpProxy", "websocket": "gateway.proxy.websocket:WebSocketProxy"}


class Proxy:
    """An ASGI app, mounted where the REST API shall be, that passes requests and websockets on to the API at `url`.

    Each client is made when it is first needed: a gateway that is asked for GraphQL alone does without their 9 MB.
    `timeout` is in seconds, between bytes. Raises ValueError when the URL cannot be right.
    """

    def __init__(self, url: str, upstream: Upstream, timeout: float) -> None:
        self._root = api_root(url)
        self._upstream = upstream
        self._timeout = timeout
        self._made: dict[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = self._made.get(scope["type"]) or await self._make(scope["type"])
        await way(scope, receive, send)

    async def aclose(self) -> None:
        """Close the connections."""
        for way in self._made.values():
            if hasattr(way, "aclose"):
                await way.aclose()

    async def _make(self, kind: str) -> ASGIApp:
        made = await asyncio.to_thread(resolve_name, WAYS[kind])
        # Another request may have come in the meantime.
        if kind not in self._made:
            self._made[kind] = made(self._root, self._upstream, self._timeout)
        return self._made[kind]
