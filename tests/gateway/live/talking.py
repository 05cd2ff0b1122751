"""Clients of subscriptions for tests, and a way to the upstream that can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass
class Client:
    """A client that speaks graphql-transport-ws."""

    socket: ClientConnection

    async def say(self, **message: Any) -> None:
        await self.socket.send(orjson.dumps(message).decode())

    async def hear(self) -> Any:
        return orjson.loads(await self.socket.recv())

    async def begin(self, **payload: Any) -> None:
        await self.say(type="connection_init", payload=payload)
        assert (await self.hear())["type"] == "connection_ack"

    async def subscribe(self, id_: str, query: str, **variables: Any) -> None:
        await self.say(type="subscribe", id=id_, payload={"query": query, "variables": variables})

    async def data(self) -> Any:
        """Return the one value of the next answer."""
        message = await self.hear()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        [value] = message["payload"]["data"].values()
        return value

    async def closed(self) -> int | None:
        await self.socket.wait_closed()
        return self.socket.close_code


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[Client]:
    """Connect to a gateway."""
    async with connect(f"ws{url.removeprefix('http')}/graphql", subprotocols=[PROTOCOL], **options) as socket:
        yield Client(socket)


@dataclass
class Relay:
    """A way to a server, which can be cut."""

    target: str
    url: str = ""
    up: bool = True
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self, *, up: bool) -> None:
        """Cut all connections; `up`: whether new ones can be made."""
        self.up = up
        for writer in self._writers:
            writer.transport.abort()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.target)
        if not self.up:
            writer.transport.abort()
            return
        theirs, ours = await asyncio.open_connection(parts.hostname, parts.port)
        self._writers |= {writer, ours}
        with suppress(OSError):
            await asyncio.gather(_copy(reader, ours), _copy(theirs, writer))
        self._writers -= {writer, ours}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65_536):
            writer.write(content)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def relay(target: str) -> AsyncIterator[Relay]:
    """Open a way to a server by its URL."""
    made = Relay(target)
    server = await asyncio.start_server(made.pass_on, "127.0.0.1", 0)
    made.url = "http://{}:{}".format(*server.sockets[0].getsockname()) + urlsplit(target).path
    try:
        yield made
    finally:
        server.close()
        made.cut(up=False)
