"""The protocol graphql-transport-ws, message by message, and its npm client and that of GraphQL-SSE."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.http import transport_ws
from tests.gateway.live.talking import client
from tests.gateway.stack import Gateway, open_gateway

pytestmark = pytest.mark.usefixtures("no_environment")

COUNTS = "subscription { flowRunCounts { total } }"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    database = f"sqlite:///{tmp_path_factory.mktemp('live') / 'ws.db'}"
    async with open_gateway(ws="auto", database_url=database, max_subscriptions=2) as opened:
        yield opened


INIT: dict[str, Any] = {"type": "connection_init"}
SUBSCRIBE: dict[str, Any] = {"type": "subscribe", "id": "1", "payload": {"query": COUNTS}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([INIT, INIT], 4429),
        ([SUBSCRIBE], 4401),
        ([INIT, SUBSCRIBE, SUBSCRIBE], 4409),
        ([INIT, {"type": "start", "id": "1"}], 4400),
        ([INIT, {"id": "1"}], 4400),
        ([INIT, {"type": "subscribe"}], 4400),
        ([{"type": "connection_init", "payload": 7}], 4400),
    ],
)
async def test_what_breaks_the_protocol_closes_the_connection(
    gateway: Gateway, messages: list[dict[str, Any]], code: int
) -> None:
    async with client(gateway.url) as spoken:
        for message in messages:
            await spoken.say(**message)
        assert await spoken.closed() == code


@pytest.mark.parametrize("content", ["no JSON", "[]"])
async def test_what_is_no_message_closes_the_connection(gateway: Gateway, content: str) -> None:
    async with client(gateway.url) as spoken:
        await spoken.socket.send(content)
        assert await spoken.closed() == 4400


async def test_a_client_that_does_not_begin_is_left(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_ws, "INITIALISATION", 0.01)
    async with client(gateway.url) as spoken:
        assert await spoken.closed() == 4408


async def test_the_legacy_protocol_is_off(gateway: Gateway) -> None:
    url = f"ws{gateway.url.removeprefix('http')}/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-ws")]) as socket:
        await socket.wait_closed()
        assert socket.close_code == 4406


async def test_pings_are_answered(gateway: Gateway) -> None:
    async with client(gateway.url) as spoken:
        await spoken.say(type="ping", payload={"a": 1})
        assert await spoken.hear() == {"type": "pong", "payload": {"a": 1}}
        await spoken.say(type="pong")
        await spoken.begin()


@pytest.mark.parametrize("query", ["subscription {", "subscription { nothing }", "{ flow }", "", None])
async def test_what_is_wrong_is_an_error_for_its_own_id(gateway: Gateway, query: str | None) -> None:
    async with client(gateway.url) as spoken:
        await spoken.begin()
        await spoken.say(type="subscribe", id="bad", payload={"query": query})
        message = await spoken.hear()
        assert (message["type"], message["id"]) == ("error", "bad")
        assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await spoken.subscribe("good", "{ __typename }")
        assert (await spoken.hear())["payload"] == {"data": {"__typename": "Query"}}
        assert await spoken.hear() == {"type": "complete", "id": "good"}


async def test_operations_at_once_are_bounded(gateway: Gateway) -> None:
    async with client(gateway.url) as spoken:
        await spoken.begin()
        for id_ in ("1", "2"):
            await spoken.subscribe(id_, COUNTS)
            assert await spoken.data() == {"total": 0}
        await spoken.subscribe("3", COUNTS)
        message = await spoken.hear()
        assert (message["type"], message["id"]) == ("error", "3")
        assert "PREFECT_GRAPHQL_MAX_SUBSCRIPTIONS" in message["payload"][0]["message"]
        await spoken.say(type="complete", id="1")
        await spoken.subscribe("4", COUNTS)
        assert await spoken.data() == {"total": 0}


async def test_another_sites_page_needs_credentials_of_its_own(gateway: Gateway) -> None:
    async with client(gateway.url, origin="https://elsewhere.example") as spoken:
        await spoken.say(type="connection_init")
        assert await spoken.closed() == 4403
    async with client(gateway.url, origin="https://elsewhere.example") as spoken:
        await spoken.begin(Authorization="Bearer own")


async def node(npm: Callable[..., Path], package: str, script: str, url: str) -> str:
    modules = npm("graphql@16.15.0", package, "ws@8.18.3")
    if not shutil.which("node"):
        pytest.skip("node is missing")
    process = await asyncio.create_subprocess_exec(
        "node", HERE / script, url, env={**os.environ, "NODE_PATH": str(modules)}, stdout=-1, stderr=-1
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode().strip()


@pytest.mark.parametrize(("package", "script"), [("graphql-ws@6.4.2", "ws.cjs"), ("graphql-sse@2.6.1", "sse.cjs")])
async def test_the_client_of_npm(gateway: Gateway, npm: Callable[..., Path], package: str, script: str) -> None:
    assert await node(npm, package, script, gateway.url) == '{"flowRunCounts":{"total":0}} Query BAD_USER_INPUT'
