"""The way for HTTP requests through the gateway: streamed both ways, changed in nothing but what a hop must change."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress

import anyio
import httpx
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.proxy.hop import HOP_BY_HOP, LEADS_OUT, OF_REQUESTS, leads_out, passed_on, target_below
from gateway.upstream import Upstream
from gateway.upstream.over_httpx import http_client

# The server that we run under sends its own.
_RESPONSE_ONLY = HOP_BY_HOP | {b"date", b"server"}


class HttpProxy:
    """An ASGI app that passes every HTTP request on to the API at `root`.

    `timeout` is in seconds, between bytes: 504 before the answer has begun, a broken connection after. An upstream that
    cannot be reached is 503, one that hangs up 502, each as `{"detail": ...}`.
    """

    def __init__(self, root: str, upstream: Upstream, timeout: float) -> None:
        self._root = httpx.URL(root)
        self._upstream = upstream
        self._client = http_client(timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if leads_out(scope):
            await _refuse(400, LEADS_OUT, scope, receive, send)
        else:
            await self._relay_while_connected(scope, receive, send)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _relay_while_connected(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(body.when_disconnected, tasks.cancel_scope.cancel)
            await self._relay(scope, body, send)
            tasks.cancel_scope.cancel()

    async def _relay(self, scope: Scope, body: "_Body", send: Send) -> None:
        async with AsyncExitStack() as closing:
            try:
                response = await self._ask(scope, body)
                closing.push_async_callback(response.aclose)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
                await _refuse(503, "The Prefect API cannot be reached.", scope, body.receive, send)
            except httpx.TimeoutException:
                await _refuse(504, "The Prefect API did not answer in time.", scope, body.receive, send)
            except httpx.HTTPError:
                await _refuse(
                    502, "The Prefect API closed the connection before it answered.", scope, body.receive, send
                )
            else:
                await self._answer(scope, response, send)

    async def _ask(self, scope: Scope, body: "_Body") -> httpx.Response:
        try:
            return await self._client.send(self._request(scope, body), stream=True)
        finally:
            body.end()

    def _request(self, scope: Scope, body: "_Body") -> httpx.Request:
        fields = passed_on(scope["headers"], OF_REQUESTS)
        names = {name for name, _ in scope["headers"]}
        if b"authorization" not in names and self._upstream.authorization:
            fields.append((b"authorization", self._upstream.authorization.encode("latin-1")))
        has_body = b"content-length" in names or b"transfer-encoding" in names
        if not has_body:
            body.end()
        return httpx.Request(
            scope["method"],
            self._root,
            headers=fields,
            content=body.chunks() if has_body else None,
            # The very bytes of the path and the query: httpx.URL would normalise them.
            extensions={"target": self._target(scope)},
        )

    def _target(self, scope: Scope) -> bytes:
        target = self._root.raw_path.rstrip(b"/") + target_below(scope)
        return target if target.startswith(b"/") else b"/" + target

    async def _answer(self, scope: Scope, response: httpx.Response, send: Send) -> None:
        fields = [
            (name.lower(), self._here(scope, name, value))
            for name, value in passed_on(response.headers.raw, _RESPONSE_ONLY)
        ]
        await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
        # An answer that breaks off is not finished, so that the server that we run under breaks it off too.
        with suppress(httpx.HTTPError):
            async for chunk in response.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    def _here(self, scope: Scope, name: bytes, value: bytes) -> bytes:
        """Lead a redirect within the API through the gateway too."""
        root = str(self._root).encode()
        if name.lower() == b"location" and value.startswith(root + b"/"):
            return str(scope.get("root_path", "")).encode() + value.removeprefix(root)
        return value


class _Body:
    """The request's body, and the news that the client has gone, which come through the same channel."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self._read = anyio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; a client that goes in the middle of it ends it as a fault."""
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise httpx.ReadError("the client has gone")
            more = message.get("more_body", False)
            # Before the last chunk is handed on: nobody need ask for more than it.
            if not more:
                self.end()
            if message.get("body"):
                yield message["body"]

    def end(self) -> None:
        """Tell that nobody will ask for more of the body."""
        self._read.set()

    async def when_disconnected(self, do: Callable[[], None]) -> None:
        """Call `do` when the client goes after its body was read."""
        await self._read.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass
        do()


async def _refuse(status: int, detail: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": detail}, status)(scope, receive, send)
