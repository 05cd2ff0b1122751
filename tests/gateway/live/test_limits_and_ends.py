"""Operations asked for by their ids over both transports, how many subscriptions there may be, and how they end with the process."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.execution.texts import hash_of
from tests.gateway.live.talking import client
from tests.gateway.stack import Gateway, open_gateway

pytestmark = pytest.mark.usefixtures("no_environment")

COUNTS = "subscription { flowRunCounts { total } }"
TRUSTED = "subscription Trusted { flowRunCounts { total states { stateName } } }"
PROGRAM = Path(sys.executable).with_name("prefect-graphql")


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("live")
    (folder / "documents.json").write_text(json.dumps({"counts": TRUSTED}))
    async with open_gateway(
        ws="auto",
        database_url=f"sqlite:///{folder / 'live.db'}",
        trusted_documents=folder / "documents.json",
        max_subscribers=2,
    ) as opened:
        yield opened


async def first_event(gateway: Gateway, **body: Any) -> Any:
    """Return the first answer of a stream of events."""
    headers = {"accept": "text/event-stream"}
    async with gateway.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                return json.loads(line.removeprefix("data: "))
    return None


async def first_message(gateway: Gateway, **payload: Any) -> Any:
    """Return the first answer over a websocket."""
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.say(type="subscribe", id="1", payload=payload)
        answer = (await listener.hear())["payload"]
        return {"errors": answer} if isinstance(answer, list) else answer


@pytest.mark.parametrize("first", [first_event, first_message])
async def test_subscriptions_by_their_ids(gateway: Gateway, first: Any) -> None:
    assert await first(gateway, documentId="counts") == {"data": {"flowRunCounts": {"total": 0, "states": []}}}
    query = f"{COUNTS} # {first.__name__}"
    hashed = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(query)}}}
    [error] = (await first(gateway, **hashed))["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    assert await first(gateway, query=query, **hashed) == {"data": {"flowRunCounts": {"total": 0}}}
    assert await first(gateway, **hashed) == {"data": {"flowRunCounts": {"total": 0}}}


async def test_all_subscriptions_are_bounded(gateway: Gateway) -> None:
    async with client(gateway.url) as listener, client(gateway.url) as other:
        await listener.begin()
        for id_ in ("1", "2"):
            await listener.subscribe(id_, COUNTS)
            assert await listener.data() == {"total": 0}
        [error] = (await first_event(gateway, query=COUNTS))["errors"]
        assert "PREFECT_GRAPHQL_MAX_SUBSCRIBERS" in error["message"]
        await other.begin()
        await other.subscribe("1", COUNTS)
        message = await other.hear()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
        await listener.say(type="complete", id="1")
        await listener.subscribe("3", COUNTS)
        assert await listener.data() == {"total": 0}
    assert await first_event(gateway, query=COUNTS) == {"data": {"flowRunCounts": {"total": 0}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { a: flowRunCounts { total } b: flowRunCounts { total } }", "BAD_USER_INPUT"),
        ("subscription { flowRunCounts @skip(if: true) { total } }", "BAD_USER_INPUT"),
        ("subscription { __typename }", "BAD_USER_INPUT"),
        ("subscription { flowRunUpdated { taskRuns(first: 5000) { nodes { id } } } }", "BAD_USER_INPUT"),
        (
            "subscription { flowRunUpdated { " + "flow { flowRuns { nodes { " * 9 + "id" + " } } }" * 9 + " } }",
            "QUERY_TOO_COMPLEX",
        ),
    ],
)
async def test_what_is_wrong_is_told_over_both_transports(gateway: Gateway, query: str, code: str) -> None:
    for first in (first_event, first_message):
        answer = await first(gateway, query=query)
        assert "data" not in answer
        assert {error["extensions"]["code"] for error in answer["errors"]} == {code}


async def test_subscribers_are_let_go_when_the_process_ends(tmp_path: Path) -> None:
    command = [PROGRAM, "serve", "--embedded", "--database", f"sqlite:///{tmp_path / 'end.db'}", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        while "/graphql" not in (line := (await process.stdout.readline()).decode()):
            assert line
        url = line.split()[-1].removesuffix("/graphql")
        async with (
            client(url) as listener,
            httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http,
            http.stream(
                "POST", "/graphql", json={"query": COUNTS}, headers={"accept": "text/event-stream"}
            ) as response,
        ):
            await listener.begin()
            await listener.subscribe("1", COUNTS)
            assert await listener.data() == {"total": 0}
            lines = response.aiter_lines()
            while not (await anext(lines)).startswith("data: {"):
                pass
            process.terminate()
            rest = "\n".join([line async for line in lines])
            assert await listener.closed() == 1001
        assert '"code":"UPSTREAM_UNAVAILABLE"' in rest
        assert "event: complete" in rest
        assert await process.wait() in {0, -15}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
