"""REST calls pass through the gateway unchanged, streamed both ways."""

import asyncio
import gzip
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.http.noted import Noted
from gateway.proxy import Proxy
from gateway.settings import Settings
from gateway.upstream import Upstream, remote
from tests.gateway.upstream.scripted import (
    Exchange,
    Server,
    after,
    answer,
    closing,
    cut,
    hang,
    hang_in_body,
    hang_up,
    no_content,
    raw,
    refused_url,
    scripted,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def no_credential_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)


class Quiet(uvicorn.Server):
    """A uvicorn that leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def gateway(url: str, patience: float = 600, **settings: Any) -> AsyncGenerator[tuple[str, Upstream]]:
    """Serve a proxy before `url` at `/api` of a server of its own; yield that server's URL and the upstream beside it."""
    upstream = Upstream(remote(url), Settings(**settings))
    proxy = Proxy(url, upstream, patience)
    app = Starlette(routes=[Mount("/api", Noted(proxy, upstream))])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Quiet(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", upstream
        finally:
            server.should_exit = True
            await serving
            await proxy.aclose()
            await upstream.aclose()


@asynccontextmanager
async def through(*steps: Any, **options: Any) -> AsyncGenerator[tuple[Server, httpx.AsyncClient]]:
    """A scripted upstream and a client that reaches it through the gateway."""
    async with (
        scripted(*steps) as server,
        gateway(server.url, **options) as (url, _),
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield server, client


async def test_a_call_passes_unchanged() -> None:
    step = answer({"id": "1"}, "201 Created", {"X-Odd": "a, b", "ETag": '"7"', "set-cookie": "a=1"})
    async with through(step) as (server, client):
        headers = {
            "X-PREFECT-API-VERSION": "0.8.4",
            "Authorization": "Bearer mine",
            "X-Empty": "",
            "User-Agent": "cli/1",
        }
        response = await client.post("/api/flows/?x=%2F&y=a+b", json={"name": "ä"}, headers=headers)
        assert (response.status_code, response.json()) == (201, {"id": "1"})
        assert (response.headers["x-odd"], response.headers["etag"], response.cookies["a"]) == ("a, b", '"7"', "1")
        seen = server.requests[0]
        assert (seen.method, seen.target, seen.json) == ("POST", "/api/flows/?x=%2F&y=a+b", {"name": "ä"})
        assert seen.headers["x-prefect-api-version"] == "0.8.4"
        assert seen.headers["authorization"] == "Bearer mine"
        assert seen.headers["user-agent"] == "cli/1"
        assert seen.headers["host"] in server.url


async def test_fields_of_one_hop_end_with_it() -> None:
    step = answer([], headers={"connection": "x-hop", "x-hop": "1", "keep-alive": "timeout=5", "x-stays": "1"})
    async with through(step) as (server, client):
        sent = {
            "Connection": "X-Mine, keep-alive",
            "X-Mine": "1",
            "TE": "trailers",
            "Proxy-Authorization": "Basic x",
            "X-Stays": "1",
        }
        response = await client.get("/api/flows/1", headers=sent)
        seen = server.requests[0].headers
        assert {"x-mine", "te", "proxy-authorization"}.isdisjoint(seen)
        assert {"x-hop", "keep-alive"}.isdisjoint(response.headers)
        assert (seen["x-stays"], response.headers["x-stays"]) == ("1", "1")
        assert [name for name, _ in response.headers.multi_items()].count("date") == 1


@pytest.mark.parametrize(
    "target",
    ["/flows/name/a%2Fb%20c", "/flows/name/%C3%A4%7e", "/variables/name/x?q=[a]|%22&empty=", "/flows/", "/a//b"],
)
async def test_path_and_query_keep_their_very_bytes(target: str) -> None:
    async with through(closing(answer([]))) as (server, client):
        url = client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"GET /api{target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        assert server.requests[0].target == f"/api{target}"


async def test_segments_that_lead_out_of_the_api_are_refused() -> None:
    async with through(answer([])) as (server, client):
        for target in (b"/api/%2e%2e/admin", b"/api/flows/../../x"):
            response = await client.send(httpx.Request("GET", client.base_url, extensions={"target": target}))
            assert response.status_code == 400
        assert server.requests == []


@pytest.mark.parametrize(
    ("settings", "sent"),
    [({}, None), ({"api_key": "k"}, "Bearer k"), ({"api_auth_string": "a:b", "api_key": "k"}, "Basic YTpi")],
)
async def test_the_service_credential_serves_callers_without_one(settings: dict[str, str], sent: str | None) -> None:
    async with through(answer([]), **settings) as (server, client):
        await client.get("/api/flows/1")
        await client.get("/api/flows/1", headers={"Authorization": "Bearer mine"})
        assert [request.headers.get("authorization") for request in server.requests] == [sent, "Bearer mine"]


@pytest.mark.parametrize(
    "status", ["200 OK", "404 Not Found", "409 Conflict", "422 Unprocessable Entity", "500 Broken", "503 Busy"]
)
async def test_the_upstreams_verdict_is_the_clients(status: str) -> None:
    async with through(answer({"detail": "so"}, status)) as (server, client):
        response = await client.post("/api/flows/filter", json={})
        assert (response.status_code, response.json()) == (int(status[:3]), {"detail": "so"})
        assert len(server.requests) == 1


async def test_an_answer_without_a_body() -> None:
    async with through(no_content) as (_, client):
        response = await client.delete("/api/flows/1")
        assert (response.status_code, response.content) == (204, b"")


async def test_head_tells_the_length_and_sends_nothing() -> None:
    async def head(exchange: Exchange) -> None:
        await exchange.send(raw("200 OK", b"x" * 500)[:-500])

    async with through(head) as (server, client):
        response = await client.head("/api/health")
        assert (response.headers["content-length"], response.content) == ("500", b"")
        assert server.requests[0].method == "HEAD"


async def test_a_compressed_body_is_not_touched() -> None:
    packed = gzip.compress(b'{"a": 1}' * 1000)
    async with through(answer(packed, headers={"content-encoding": "gzip"})) as (server, client):
        async with client.stream("GET", "/api/flows/1", headers={"accept-encoding": "gzip;q=0.5"}) as response:
            assert b"".join([chunk async for chunk in response.aiter_raw()]) == packed
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["content-length"] == str(len(packed))
        assert server.requests[0].headers["accept-encoding"] == "gzip;q=0.5"


async def test_an_upload_of_a_mebibyte_arrives_whole() -> None:
    body = os.urandom(2**20)
    async with through(answer([])) as (server, client):
        await client.post("/api/logs/", content=body)
        assert server.requests[0].body == body
        assert "transfer-encoding" not in server.requests[0].headers


async def test_an_answer_is_streamed() -> None:
    go = asyncio.Event()

    async def in_two(exchange: Exchange) -> None:
        await exchange.send(CHUNKED + b"5\r\nfirst\r\n")
        await go.wait()
        await exchange.send(b"6\r\nsecond\r\n0\r\n\r\n")

    async with through(in_two) as (_, client), client.stream("GET", "/api/x") as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"first"
        go.set()
        assert await anext(chunks) == b"second"


async def test_a_request_is_streamed() -> None:
    arrived = asyncio.Event()

    async def in_two() -> AsyncIterator[bytes]:
        yield b"first"
        await arrived.wait()
        yield b"second"

    async def chunk(exchange: Exchange) -> bytes:
        size = int(await exchange.reader.readline(), 16)
        return (await exchange.reader.readexactly(size + 2))[:-2]

    async def reading(exchange: Exchange) -> None:
        first = await chunk(exchange)
        arrived.set()
        seen = [first, await chunk(exchange), await chunk(exchange)]
        await answer([part.decode() for part in seen])(exchange)

    async with through(reading) as (server, client):
        response = await client.post("/api/x", content=in_two())
        assert response.json() == ["first", "second", ""]
        assert server.requests[0].headers["transfer-encoding"] == "chunked"


async def test_a_redirect_within_the_api_leads_through_the_gateway() -> None:
    async def redirect(exchange: Exchange) -> None:
        location = (
            f"http://{exchange.headers['host']}/api/flows/"
            if exchange.target == "/api/flows"
            else "https://elsewhere/api/"
        )
        await answer(b"", "307 Temporary Redirect", {"location": location})(exchange)

    async with through(redirect) as (server, client):
        assert (await client.post("/api/flows")).headers["location"] == "/api/flows/"
        assert (await client.post("/api/other")).headers["location"] == "https://elsewhere/api/"
        assert len(server.requests) == 2


async def test_an_upstream_that_is_down_is_503() -> None:
    async with gateway(refused_url()) as (url, _), httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(f"{url}/api/flows/filter", json={})
        assert (response.status_code, response.json()) == (503, {"detail": "The Prefect API cannot be reached."})


async def test_an_upstream_that_hangs_up_is_502_and_is_not_asked_again() -> None:
    async with through(hang_up, answer([])) as (server, client):
        response = await client.post("/api/flows/", json={})
        assert response.status_code == 502
        assert "closed the connection" in response.json()["detail"]
        assert len(server.requests) == 1
        assert (await client.get("/api/flows/1")).json() == []


async def test_an_upstream_that_hangs_is_504() -> None:
    async with through(hang, answer([]), patience=0.1) as (_, client):
        response = await client.post("/api/flows/", json={})
        assert (response.status_code, response.json()) == (504, {"detail": "The Prefect API did not answer in time."})
        assert (await client.get("/api/flows/1")).json() == []


@pytest.mark.parametrize("step", [cut, hang_in_body])
async def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(step: Any) -> None:
    async with through(step, patience=0.1) as (_, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/api/flows/1")


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_goes_ends_the_upstreams_call(begun: bool) -> None:
    gone = asyncio.Event()

    async def watched(exchange: Exchange) -> None:
        if begun:
            await exchange.send(CHUNKED + b"5\r\nfirst\r\n")
        await hang(exchange)
        gone.set()

    async with through(watched, answer([])) as (server, client):
        call = asyncio.create_task(client.post("/api/flows/", json={"name": "a"}))
        await server.until(1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        async with asyncio.timeout(10):
            await gone.wait()
        assert (await client.get("/api/flows/1")).json() == []


async def test_a_client_that_goes_in_its_upload_ends_the_upstreams_call() -> None:
    gone, begun = asyncio.Event(), asyncio.Event()

    async def reading(exchange: Exchange) -> None:
        begun.set()
        await exchange.reader.read()
        exchange.writer.close()
        gone.set()

    async def endless() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async with through(reading, answer([])) as (_, client):
        call = asyncio.create_task(client.post("/api/flows/", content=endless()))
        await begun.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        async with asyncio.timeout(10):
            await gone.wait()
        assert (await client.get("/api/flows/1")).json() == []


@pytest.mark.parametrize(
    ("method", "ends"), [("POST", True), ("PATCH", True), ("DELETE", True), ("GET", False), ("HEAD", False)]
)
async def test_a_write_through_the_proxy_ends_the_sharing(method: str, ends: bool) -> None:
    old = asyncio.Event()

    async def by_path(exchange: Exchange) -> None:
        step = after(old, answer(["read"])) if exchange.target == "/api/read" else answer(b"")
        await step(exchange)

    async with (
        scripted(by_path) as server,
        gateway(server.url) as (url, upstream),
        httpx.AsyncClient(trust_env=False) as client,
    ):
        sessions = [
            upstream.session(authorization=None, deadline=asyncio.get_running_loop().time() + 30, trace=True)
            for _ in range(2)
        ]
        before = asyncio.create_task(sessions[0].read("GET", "/read"))
        await server.until(1)
        await client.request(method, f"{url}/api/flows/1")
        later = asyncio.create_task(sessions[1].read("GET", "/read"))
        await (server.until(3) if ends else asyncio.sleep(0))
        old.set()
        assert [await before, await later] == [["read"], ["read"]]
        assert [call["shared"] for asked in sessions for call in asked.calls] == [False, not ends]
