"""Websockets pass through the gateway, and the embedded server has Prefect's own: events in, events out, logs out."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.http.origin import SameOrigin
from gateway.proxy import Proxy
from gateway.serving import rest_app
from gateway.settings import Settings
from gateway.upstream import Upstream, remote
from tests.gateway.stack import Quiet
from tests.gateway.upstream.scripted import refused_url

PREFECT = [Subprotocol("prefect")]

pytestmark = pytest.mark.usefixtures("no_environment")

DEFERRED_RUNS = "/task_runs/subscriptions/scheduled"

MANY = 60
"""Messages, more than all buffers on the way hold."""

Speak = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """Serve an app on a free port; yield the URL of its API, `ws://.../api`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Quiet(uvicorn.Config(app, log_config=None, lifespan="on"))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}/api"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def before(url: str, **settings: Any) -> AsyncIterator[str]:
    """Serve the proxy before the API at a URL; yield the URL of its websockets."""
    upstream = Upstream(remote(url), Settings(**settings))
    proxy = Proxy(url, upstream, 5)
    app = Starlette(routes=[Mount("/api", SameOrigin(proxy, lambda: upstream.authorization is not None))])
    async with served(app) as own:
        yield own
    await proxy.aclose()
    await upstream.aclose()


@asynccontextmanager
async def passing(speak: Speak, **settings: Any) -> AsyncIterator[str]:
    """Serve the proxy before an upstream that speaks so with each client; it knows the subprotocol `prefect`."""
    async with serve(speak, "127.0.0.1", 0, subprotocols=PREFECT, select_subprotocol=_chosen, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with before(f"http://127.0.0.1:{port}/api", **settings) as url:
            yield url


def _chosen(_connection: ServerConnection, offered: Any) -> Subprotocol | None:
    return next((name for name in offered if name in PREFECT), None)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def closed(connection: ClientConnection) -> tuple[int | None, str | None]:
    """Wait until the other side closes; return its code and reason."""
    await connection.wait_closed()
    return connection.close_code, connection.close_reason


async def test_messages_pass_both_ways_with_the_subprotocol_that_the_server_chose() -> None:
    sent: list[str | bytes] = ["text", b"bytes", "", "long " * 500_000]
    async with passing(echo) as url, connect(f"{url}/events/out", subprotocols=PREFECT, max_size=None) as client:
        assert client.subprotocol == "prefect"
        for message in sent:
            await client.send(message)
        assert [await client.recv() for _ in sent] == sent


async def test_a_client_without_a_subprotocol_gets_none() -> None:
    async with passing(echo) as url, connect(f"{url}/events/out") as client:
        assert client.subprotocol is None


async def test_the_address_and_headers_pass() -> None:
    async def tell(connection: ServerConnection) -> None:
        assert connection.request
        await connection.send(json.dumps([connection.request.path, connection.request.headers["authorization"]]))

    own = {"Authorization": "Bearer own"}
    async with passing(tell) as url, connect(f"{url}/events/a%2Fb?x=%20y", additional_headers=own) as client:
        assert json.loads(await client.recv()) == ["/api/events/a%2Fb?x=%20y", "Bearer own"]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1008, "Invalid token"), (4001, "its own")])
async def test_the_servers_close_passes(code: int, reason: str) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with passing(close) as url, connect(f"{url}/events/out") as client:
        assert await closed(client) == (code, reason)


async def test_a_server_that_vanishes_is_told_as_a_bad_gateway() -> None:
    async def vanish(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with passing(vanish) as url, connect(f"{url}/events/out") as client:
        assert (await closed(client))[0] == 1014


async def test_the_clients_close_passes() -> None:
    heard: asyncio.Future[tuple[int | None, str | None]] = asyncio.get_running_loop().create_future()

    async def listen(connection: ServerConnection) -> None:
        await connection.wait_closed()
        heard.set_result((connection.close_code, connection.close_reason))

    async with passing(listen) as url:
        async with connect(f"{url}/events/in") as client:
            await client.close(4002, "enough")
        assert await asyncio.wait_for(heard, 30) == (4002, "enough")


async def test_a_side_that_reads_slowly_makes_the_other_wait() -> None:
    sent = 0
    enough = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while True:
            await connection.send(b"x" * 2_000_000)
            sent += 1
            enough.set()

    async with (
        passing(flood) as url,
        connect(f"{url}/events/out", max_size=None, max_queue=1, compression=None) as client,
    ):
        await enough.wait()
        before = -1
        while before != sent < MANY:
            before = sent
            await asyncio.sleep(0.5)
        assert sent < MANY
        for _ in range(sent + 20):
            await client.recv()
        assert sent > before


async def test_a_refusal_passes_and_an_absent_server_is_told() -> None:
    async def forbid(connection: ServerConnection, _request: Any) -> Any:
        return connection.respond(401, "no")

    async with serve(echo, "127.0.0.1", 0, process_request=forbid) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with before(f"http://127.0.0.1:{port}/api") as url:
            assert await refused(f"{url}/events/out") == 401
    async with before(refused_url()) as url:
        assert await refused(f"{url}/events/out") == 503
        assert await refused(f"{url}/%2E%2E/events") == 400


async def refused(url: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url, **options)
    return refusal.value.response.status_code


@pytest.mark.parametrize(
    ("settings", "sent", "passed"),
    [
        ({"api_auth_string": "me:secret"}, None, "me:secret"),
        ({"api_key": "key"}, None, "key"),
        ({"api_key": "key"}, "own", "own"),
        ({}, None, None),
    ],
)
async def test_who_authenticates_without_a_token_does_so_with_the_services(
    settings: dict[str, str], sent: str | None, passed: str | None
) -> None:
    async with passing(echo, **settings) as url, connect(f"{url}/events/in", subprotocols=PREFECT) as client:
        for _ in range(2):
            await client.send(json.dumps({"type": "auth", "token": sent}))
        tokens = [json.loads(await client.recv())["token"] for _ in range(2)]
        assert tokens == [passed, sent]  # only the first message authenticates


async def test_a_page_of_another_site_opens_no_websocket() -> None:
    async with passing(echo, api_key="key") as url:
        assert await refused(f"{url}/events/out", origin="https://elsewhere.example") == 403


@pytest.fixture(scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    database = tmp_path_factory.mktemp("embedded") / "embedded.db"
    async with served(rest_app(Settings(database_url=f"sqlite:///{database}"))) as url:
        yield url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[ClientConnection]:
    """Open a websocket of the subprotocol `prefect`, with its handshake."""
    async with connect(url, subprotocols=PREFECT, open_timeout=60) as client:
        await client.send('{"type": "auth", "token": null}')
        assert json.loads(await client.recv()) == {"type": "auth_success"}
        yield client


def coffee(name: str = "coffee.made") -> dict[str, Any]:
    moment = datetime.now(UTC).isoformat()
    return {"id": str(uuid4()), "event": name, "occurred": moment, "resource": {"prefect.resource.id": "kitchen"}}


async def test_events_come_to_those_who_ask_for_them_from_the_past_and_as_they_come(embedded: str) -> None:
    past, other, new = coffee(), coffee("tea.made"), coffee()
    http = httpx.AsyncClient(base_url=embedded.replace("ws", "http"))
    async with http, opened(f"{embedded}/events/in") as sending:
        await http.post("/events", json=[past])
        async with opened(f"{embedded}/events/out") as client, opened(f"{embedded}/events/out") as without:
            wanted = {"type": "filter", "filter": {"event": {"prefix": ["coffee."]}}}
            await client.send(json.dumps(wanted))
            await without.send(json.dumps({**wanted, "backfill": False}))
            first = json.loads(await client.recv())
            assert (first["type"], first["event"]["id"]) == ("event", past["id"])
            await asyncio.sleep(0.3)  # the one without a past has begun to listen by now
            for event in (other, new):
                await sending.send(json.dumps(event))
            for each in (client, without):
                assert json.loads(await each.recv())["event"]["id"] == new["id"]


async def test_logs_come_to_those_who_ask_for_them(embedded: str) -> None:
    line = {"name": "n", "level": 40, "message": "wanted", "timestamp": "2026-01-01T00:00:00Z"}
    async with httpx.AsyncClient(base_url=embedded.replace("ws", "http")) as http:
        await http.post("/logs/", json=[{**line, "message": "past"}])
        async with opened(f"{embedded}/logs/out") as client:
            await client.send(json.dumps({"type": "filter", "filter": {"level": {"ge_": 30}}}))
            await asyncio.sleep(0.3)  # it has begun to listen by now
            await http.post("/logs/", json=[{**line, "level": 10}, line])
            received = json.loads(await client.recv())
            assert (received["type"], received["log"]["message"]) == ("log", "wanted")
            assert received["log"]["level"] == 40


@pytest.mark.parametrize(
    ("path", "messages", "code"),
    [
        ("/events/in", ["nothing"], 1007),
        ("/events/in", ['{"type": "filter"}'], 1008),
        ("/events/in", ['{"type": "auth"}', '{"event": 1}'], 1007),
        ("/events/out", ['{"type": "auth"}', '{"type": "auth"}'], 1002),
        ("/events/out", ['{"type": "auth"}', '{"type": "filter", "filter": {"nothing": 1}}'], 1002),
        ("/logs/out", ['{"type": "auth"}', '{"type": "filter", "filter": 1}'], 1002),
        (DEFERRED_RUNS, ['{"type": "auth"}', '{"type": "filter"}'], 4001),
        (DEFERRED_RUNS, ['{"type": "auth"}', '{"type": "subscribe", "keys": [], "client_id": "w"}'], 4001),
        (DEFERRED_RUNS, ['{"type": "auth"}', '{"type": "subscribe", "keys": ["k"]}'], 4001),
    ],
)
async def test_what_is_wrong_closes_the_websocket(embedded: str, path: str, messages: list[str], code: int) -> None:
    async with connect(f"{embedded}{path}", subprotocols=PREFECT) as client:
        for message in messages:
            await client.send(message)
        assert (await closed(client))[0] == code


DEFERRED = {"type": "SCHEDULED", "state_details": {"deferred": True}}


@asynccontextmanager
async def task_worker(url: str, *keys: str, client_id: str = "w") -> AsyncIterator[ClientConnection]:
    async with opened(f"{url}{DEFERRED_RUNS}") as client:
        await client.send(json.dumps({"type": "subscribe", "keys": keys, "client_id": client_id}))
        yield client


async def test_task_workers_are_handed_deferred_runs_once_each_in_order(embedded: str) -> None:
    async with httpx.AsyncClient(base_url=embedded.replace("ws", "http")) as http:

        async def run(key: str, state: Any = DEFERRED) -> str:
            body = {"name": "r", "task_key": key, "dynamic_key": str(uuid4()), "state": state}
            return str((await http.post("/task_runs/", json=body)).raise_for_status().json()["id"])

        async def received(client: ClientConnection, answer: str = "ack") -> str:
            found = json.loads(await client.recv())
            assert found["state"]["state_details"]["deferred"] is True
            await client.send(json.dumps({"type": answer}))
            return str(found["id"])

        async def known() -> list[str]:
            found = await http.post("/task_workers/filter", json={"task_worker_filter": {"task_keys": ["a"]}})
            return [each["identifier"] for each in found.json()]

        before, other, cancelled = await run("a"), await run("b"), await run("a")
        await run("a", {"type": "SCHEDULED"})
        await http.post(f"/task_runs/{cancelled}/set_state", json={"state": {"type": "CANCELLED"}})
        async with task_worker(embedded, "a") as client:
            assert await received(client) == before
            assert await known() == ["w"]
            after = await run("a")
            assert await received(client, "quit") == after
            assert await closed(client) == (1000, "")
        async with task_worker(embedded, "a") as vanishing:
            assert json.loads(await vanishing.recv())["id"] == after  # the one before did not take it
            vanishing.transport.abort()
        async with task_worker(embedded, "a", "b") as client:
            assert await received(client) == other
            assert await received(client) == after
        async with asyncio.timeout(30):
            while await known():  # noqa: ASYNC110  (nothing tells a client of workers that go)
                await asyncio.sleep(0.05)
