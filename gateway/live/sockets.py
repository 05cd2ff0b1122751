"""The upstream's websockets that tell of events and logs: of a remote server, or of an ASGI app in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from starlette.types import ASGIApp, Message
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from gateway.upstream import api_root
from gateway.upstream.credentials import token_of

OPENING = 10.0
"""Seconds that a handshake may take."""
LONGEST = 2**24
"""Bytes of a message."""
REFUSING = frozenset({1002, 1003, 1007, 1008})
"""Codes of a close by which a server says that it does not want this, not that it is going away (RFC 6455, 7.4.1)."""

Messages = AsyncIterator[dict[str, Any]]
Open = Callable[[str, dict[str, Any], str | None], AbstractAsyncContextManager[Messages]]
"""`open(path, filter, authorization)` connects and sends the filter; what it gives ends as the connection does."""


class Refused(Exception):
    """The server has no such socket, or lets nobody in; to ask again is of no use for a while."""


class Gone(Exception):
    """There is no connection, or it was lost."""


def remote(url: str) -> Open:
    """Return the way to the sockets of a server by the URL of its API."""
    scheme, *rest = urlsplit(api_root(url))
    root = urlunsplit(({"http": "ws", "https": "wss"}[scheme], *rest)).rstrip("/")

    @asynccontextmanager
    async def open_(path: str, filter_: dict[str, Any], authorization: str | None) -> AsyncIterator[Messages]:
        headers = {"authorization": authorization} if authorization else None
        try:
            connection = await connect(
                root + path,
                subprotocols=[Subprotocol("prefect")],
                additional_headers=headers,
                open_timeout=OPENING,
                max_size=LONGEST,
                compression=None,
                proxy=None,
            )
        except InvalidStatus as refusal:
            lasting = 400 <= refusal.response.status_code < 500
            raise (Refused if lasting else Gone)(str(refusal)) from refusal
        except (OSError, InvalidHandshake, TimeoutError) as lost:
            raise Gone(repr(lost)) from lost
        async with connection:
            shaken = connection.subprotocol == "prefect"
            yield _talk(connection.send, connection.recv, filter_, authorization, shaken=shaken)

    return open_


def in_process(app: ASGIApp) -> Open:
    """Return the way to the sockets of an app in this process."""

    @asynccontextmanager
    async def open_(path: str, filter_: dict[str, Any], authorization: str | None) -> AsyncIterator[Messages]:
        line = _Line()
        serving = asyncio.create_task(line.serve(app, path))
        try:
            yield _talk(line.say, line.hear, filter_, authorization, shaken=True)
        finally:
            line.to_app.put_nowait({"type": "websocket.disconnect", "code": 1001})
            serving.cancel()
            await asyncio.wait([serving])

    return open_


async def _talk(
    send: Callable[[str], Any],
    receive: Callable[[], Any],
    filter_: dict[str, Any],
    authorization: str | None,
    *,
    shaken: bool,
) -> Messages:
    """Authenticate, say what is wanted, and give each message; raises Refused or Gone at the end."""
    try:
        if shaken:
            await send(orjson.dumps({"type": "auth", "token": token_of(authorization)}).decode())
            await asyncio.wait_for(receive(), OPENING)
        await send(orjson.dumps({"type": "filter", "filter": filter_, "backfill": False}).decode())
        yield {}  # it is about to follow
        while True:
            message = orjson.loads(await receive())
            if not isinstance(message, dict):
                raise Gone("A message is no object.")
            yield message
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        raise (Refused if code in REFUSING else Gone)(str(closed)) from closed
    except (TimeoutError, orjson.JSONDecodeError) as lost:
        raise Gone(repr(lost)) from lost


class _Line:
    """The two ends of a websocket without a network between."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.to_us: asyncio.Queue[Message] = asyncio.Queue(100)
        self.to_app.put_nowait({"type": "websocket.connect"})

    async def serve(self, app: ASGIApp, path: str) -> None:
        try:
            await app(_scope(path), self.receive, self.send)
        finally:
            await self.to_us.put({"type": "websocket.close", "code": 1006})

    async def receive(self) -> Message:
        return await self.to_app.get()

    async def send(self, message: Message) -> None:
        await self.to_us.put(message)

    async def say(self, text: str) -> None:
        self.to_app.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> str:
        while (message := await self.to_us.get())["type"] != "websocket.send":
            if message["type"] == "websocket.close":
                raise (Refused if message.get("code") in REFUSING else Gone)(message.get("reason") or "closed")
        text: str = message["text"]
        return text


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"embedded"), (b"sec-websocket-protocol", b"prefect")],
        "subprotocols": ["prefect"],
        "server": ("embedded", 80),
        "client": ("127.0.0.1", 0),
    }
