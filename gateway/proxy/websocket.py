"""The way for websockets through the gateway: messages are passed on both ways, one at a time, until either side closes."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from gateway.proxy.hop import LEADS_OUT, OF_REQUESTS, leads_out, passed_on, target_below
from gateway.upstream import Upstream
from gateway.upstream.credentials import token_of

# What each of the two connections says for itself.
OWN = OF_REQUESTS | frozenset(
    b"sec-websocket-key sec-websocket-version sec-websocket-extensions sec-websocket-protocol".split()
)
LONGEST = 2**24
"""Bytes of a message, as the server that we run under takes them."""

ABSENT = frozenset({1005, 1006, 1015})
"""Codes that stand for none and are never sent (RFC 6455, section 7.4.1)."""
GOING_AWAY, BAD_GATEWAY = 1001, 1014


class WebSocketProxy:
    """An ASGI app that passes websockets on to the API at `root`.

    The subprotocol that the server chooses, the codes and reasons of closes and refusals before the connection are passed
    on. A side that reads slowly makes the other wait. `timeout` is in seconds, for the connection to be made. A client of
    the subprotocol `prefect` that authenticates without a token does so with the service's.
    """

    def __init__(self, root: str, upstream: Upstream, timeout: float) -> None:
        scheme, *rest = urlsplit(root)
        self._root = urlunsplit(({"http": "ws", "https": "wss"}[scheme], *rest)).rstrip("/")
        self._upstream = upstream
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if leads_out(scope):
            await _refuse(scope, send, 400, LEADS_OUT.encode())
            return
        try:
            connection = await self._connect(scope)
        except InvalidStatus as refusal:
            await _refuse(scope, send, refusal.response.status_code, bytes(refusal.response.body or b""))
        except TimeoutError:
            await _refuse(scope, send, 504, b"The Prefect API did not answer in time.")
        except (OSError, InvalidHandshake):
            await _refuse(scope, send, 503, b"The Prefect API cannot be reached.")
        else:
            async with connection:
                await send({"type": "websocket.accept", "subprotocol": connection.subprotocol})
                await self._relay(connection, receive, send)

    async def _connect(self, scope: Scope) -> ClientConnection:
        return await connect(
            self._root + target_below(scope).decode("ascii"),
            subprotocols=[Subprotocol(name) for name in scope["subprotocols"]] or None,
            additional_headers=list(self._headers(scope)),
            user_agent_header=None,
            open_timeout=self._timeout,
            max_size=LONGEST,
            compression=None,
            proxy=None,
        )

    def _headers(self, scope: Scope) -> Iterator[tuple[str, str]]:
        names = {name for name, _ in scope["headers"]}
        for name, value in passed_on(scope["headers"], OWN):
            yield name.decode("latin-1"), value.decode("latin-1")
        if b"authorization" not in names and self._upstream.authorization:
            yield "authorization", self._upstream.authorization

    async def _relay(self, connection: ClientConnection, receive: Receive, send: Send) -> None:
        both = [
            asyncio.create_task(self._to_upstream(connection, receive)),
            asyncio.create_task(_to_client(connection, send)),
        ]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        for task in done:
            task.result()

    async def _to_upstream(self, connection: ClientConnection, receive: Receive) -> None:
        first = connection.subprotocol == "prefect"
        while (message := await receive())["type"] != "websocket.disconnect":
            content = _content(message)
            try:
                await connection.send(self._authenticated(content) if first else content)
            except ConnectionClosed:
                # Whoever reads the connection tells the client.
                await asyncio.Event().wait()
            first = False
        code = message.get("code", GOING_AWAY)
        await connection.close(GOING_AWAY if code in ABSENT else code, message.get("reason") or "")

    def _authenticated(self, content: str | bytes) -> str | bytes:
        """Put the service's token into a message that authenticates without one."""
        token = token_of(self._upstream.authorization)
        try:
            message = orjson.loads(content)
        except orjson.JSONDecodeError:
            return content
        lacks = isinstance(message, dict) and message.get("type") == "auth" and not message.get("token")
        return orjson.dumps({**message, "token": token}).decode() if lacks and token else content


def _content(message: Message) -> str | bytes:
    text: str | None = message.get("text")
    data: bytes = message.get("bytes") or b""
    return data if text is None else text


async def _to_client(connection: ClientConnection, send: Send) -> None:
    with suppress(ConnectionClosed):
        async for content in connection:
            await send({"type": "websocket.send", "text" if isinstance(content, str) else "bytes": content})
    code, reason = connection.close_code, connection.close_reason
    closed = {1005: 1000, 1006: BAD_GATEWAY, 1015: BAD_GATEWAY}.get(code or 1006, code)
    await send({"type": "websocket.close", "code": closed, "reason": reason or ""})


async def _refuse(scope: Scope, send: Send, status: int, detail: bytes) -> None:
    """Answer the request for a websocket, where the server that we run under lets us; else it is a 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    headers: Any = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(detail)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": detail})
