"""A little HTTP server that answers byte for byte as a test says, faults included."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

Step = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request, and the way to answer it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Wait for the client to close the connection."""
        with suppress(ConnectionError):
            await self.reader.read(1)
        self.writer.close()


@dataclass
class Server:
    """Answers the n-th request by the n-th step, and all beyond by the last."""

    steps: tuple[Step, ...]
    url: str = ""
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, count: int) -> None:
        """Wait for the `count`-th request."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                await self._exchange(await _read(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _exchange(self, exchange: Exchange) -> None:
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        async with self.arrived:
            self.requests.append(exchange)
            self.arrived.notify_all()
        await step(exchange)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.strip().split("\r\n")
    method, target, _ = line.split(" ")
    headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Exchange(method, target, headers, body, reader, writer)


@asynccontextmanager
async def scripted(*steps: Step, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    """Run a server with these steps; its `url` is the API's root."""
    server = Server(steps)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connected, host, 0, ssl=tls)
    scheme, name = "https" if tls else "http", f"[{host}]" if ":" in host else host
    server.url = f"{scheme}://{name}:{listening.sockets[0].getsockname()[1]}/api"
    try:
        yield server
    finally:
        listening.close()
        for task in (left := list(tasks)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def raw(status: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a whole answer."""
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def answer(body: Any, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> Step:
    """Answer by JSON, or by the bytes given."""
    data = raw(status, body if isinstance(body, bytes) else orjson.dumps(body), headers)
    return lambda exchange: exchange.send(data)


def closing(step: Step) -> Step:
    """Close the connection after the step without having said so."""

    async def closed(exchange: Exchange) -> None:
        await step(exchange)
        exchange.writer.close()

    return closed


def after(event: asyncio.Event, step: Step) -> Step:
    """Take the step once the event is set."""

    async def gated(exchange: Exchange) -> None:
        await event.wait()
        await step(exchange)

    return gated


async def no_content(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 204 No Content\r\n\r\n")


async def hang(exchange: Exchange) -> None:
    await exchange.until_gone()


async def hang_in_body(exchange: Exchange) -> None:
    await exchange.send(raw("200 OK", b"[{}]")[:-2])
    await exchange.until_gone()


async def drip(exchange: Exchange) -> None:
    """Send the body byte by byte, without end."""
    await exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    with suppress(ConnectionError):
        while not exchange.writer.is_closing():
            await exchange.send(b"1\r\n[\r\n")
            await asyncio.sleep(0)


async def cut(exchange: Exchange) -> None:
    await exchange.send(raw("200 OK", b"[{}]")[:-2])
    exchange.writer.close()


async def hang_up(exchange: Exchange) -> None:
    exchange.writer.close()


async def reset(exchange: Exchange) -> None:
    exchange.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


def refused_url() -> str:
    """The URL of a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/api"
