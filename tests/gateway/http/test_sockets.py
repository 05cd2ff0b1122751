"""What only a real connection shows: bodies that are never sent, clients that leave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from gateway.http.endpoint import GraphQLEndpoint
from gateway.settings import Settings
from tests.gateway import toy
from tests.gateway.http.conftest import serving

QUERY = {"query": "{ slow }"}
MUTATION = {"query": 'mutation { createFlow(input: {name: "ab"}) { id } }'}


@pytest.fixture
def waiting() -> toy.Upstream:
    """An upstream that answers nothing before its gate is opened."""
    return toy.Upstream()


@asynccontextmanager
async def served(
    upstream: toy.Upstream, request: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serving(GraphQLEndpoint(toy.execution(upstream), Settings())) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
        writer.write(request)
        yield reader, writer
        writer.close()


def post(*headers: str, body: bytes = b"") -> bytes:
    lines = ["POST /graphql HTTP/1.1", "Host: gateway", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_large_body_is_refused_before_it_is_sent() -> None:
    async with served(toy.upstream(), post("Content-Length: 10485760")) as (reader, _):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"PREFECT_GRAPHQL_MAX_BODY" in await reader.readuntil(b"}]}")


async def test_a_large_chunked_body_is_refused_on_the_way() -> None:
    async with served(toy.upstream(), post("Transfer-Encoding: chunked")) as (reader, writer):
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):
            writer.write(chunk)
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_ten_mebibytes_without_a_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    async with (
        serving(GraphQLEndpoint(toy.execution(toy.upstream()), Settings())) as url,
        httpx.AsyncClient() as client,
    ):
        response = await client.post(f"{url}/graphql", content=chunks(), headers={"content-type": "application/json"})
        after = await client.post(f"{url}/graphql", json={"query": "{ echo }"})
    assert response.status_code == 413
    assert after.json() == {"data": {"echo": ""}}


async def test_a_body_that_comes_late_and_in_parts() -> None:
    body = orjson.dumps({"query": "{ echo }"})
    async with served(toy.upstream(), post(f"Content-Length: {len(body)}", "Expect: 100-continue")) as (reader, writer):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(20) == b'{"data":{"echo":""}}'


async def test_a_client_that_leaves_cancels_its_query(waiting: toy.Upstream) -> None:
    body = orjson.dumps(QUERY)
    async with served(waiting, post(f"Content-Length: {len(body)}", body=body)) as (_, writer):
        await waiting.called.wait()
        writer.close()
        assert await waiting.ended.get() == "cancelled"


class Connection:
    """An ASGI connection whose client sends its body and leaves once the upstream was called."""

    def __init__(self, upstream: toy.Upstream, body: dict[str, Any]) -> None:
        self.upstream = upstream
        self.messages = [{"type": "http.request", "body": orjson.dumps(body), "more_body": False}]
        self.sent: list[Any] = []
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }

    async def receive(self) -> Any:
        if self.messages:
            return self.messages.pop()
        await self.upstream.called.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def test_a_mutation_that_has_begun_goes_on(waiting: toy.Upstream) -> None:
    connection = Connection(waiting, MUTATION)
    await GraphQLEndpoint(toy.execution(waiting), Settings())(connection.scope, connection.receive, connection.send)
    assert connection.sent == []
    assert waiting.ended.empty()
    waiting.gate.set()
    assert await waiting.ended.get() == "answered"


async def test_the_next_part_waits_until_the_client_took_the_one_before() -> None:
    upstream, taken, offered = toy.upstream(), asyncio.Event(), asyncio.Event()
    connection = Connection(toy.Upstream(), {"query": "{ flow { id ... @defer { flows { nodes { name } } } } }"})
    connection.scope["headers"] = [(b"content-type", b"application/json"), (b"accept", b"multipart/mixed")]

    async def send(message: Any) -> None:
        connection.sent.append(message)
        if message["type"] == "http.response.body":
            offered.set()
            await taken.wait()

    endpoint = GraphQLEndpoint(toy.execution(upstream), Settings())
    answering = asyncio.create_task(endpoint(connection.scope, connection.receive, send))
    await offered.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert [call["path"] for call in upstream.calls] == ["/flows/one"]
    taken.set()
    await answering
    assert [call["path"] for call in upstream.calls] == ["/flows/one", "/flows/filter"]
    assert [message.get("more_body") for message in connection.sent] == [None, True, False]


async def test_a_body_that_does_not_come(waiting: toy.Upstream) -> None:
    connection = Connection(waiting, QUERY)
    connection.messages = []
    await GraphQLEndpoint(toy.execution(waiting), Settings(deadline=0.01))(
        connection.scope, connection.receive, connection.send
    )
    assert connection.sent[0]["status"] == 408
    assert b"PREFECT_GRAPHQL_DEADLINE" in connection.sent[1]["body"]


async def test_a_client_that_leaves_while_sending_gets_nothing(waiting: toy.Upstream) -> None:
    connection = Connection(waiting, QUERY)
    connection.messages[0]["more_body"] = True
    waiting.called.set()
    await GraphQLEndpoint(toy.execution(waiting), Settings())(connection.scope, connection.receive, connection.send)
    assert connection.sent == []
    assert waiting.sessions == []
