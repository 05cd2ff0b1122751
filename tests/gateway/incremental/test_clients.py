"""Apollo Client and urql read answers in parts: first what is quick, then all."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.incremental.test_incremental import QUERIES, SLOW
from tests.gateway.stack import Gateway, Upstream, open_gateway, open_upstream
from tests.gateway.upstream.scripted import after, answer

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff")

FOLDER = Path(__file__).parent
PACKAGES = ("@apollo/client@4.3.8", "@urql/core@6.0.3", "graphql@16.15.0", "rxjs@7.8.2")

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
async def served() -> AsyncGenerator[tuple[Upstream, Gateway]]:
    async with open_upstream() as upstream, open_gateway(upstream=upstream.url, retries=0) as gateway:
        yield upstream, gateway


@pytest.fixture(
    params=[
        ("apollo.cjs", "Defer20220824Handler"),
        ("apollo.cjs", "GraphQL17Alpha9Handler"),
        ("urql.cjs",),
    ],
    ids=["apollo-2022", "apollo", "urql"],
)
def ask(request: pytest.FixtureRequest, npm: Callable[..., Path], served: tuple[Upstream, Gateway]) -> Ask:
    """A function that asks a query by a client and gives its results, each when the client has it."""
    modules = npm(*PACKAGES)
    if not shutil.which("node"):
        pytest.skip("node is missing")
    script, *handler = request.param

    @asynccontextmanager
    async def asked(query: str) -> AsyncIterator[AsyncIterator[Any]]:
        process = await asyncio.create_subprocess_exec(
            *("node", FOLDER / script, f"{served[1].url}/graphql", query, *handler),
            env={**os.environ, "NODE_PATH": str(modules)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        assert process.stderr

        async def results() -> AsyncIterator[Any]:
            async for line in process.stdout:
                yield plain(json.loads(line))

        try:
            yield results()
            errors = await process.stderr.read()
            assert await process.wait() == 0, errors.decode()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return asked


def plain(value: Any) -> Any:
    """Leave out the `__typename`s that a client adds by itself."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != "__typename"}
    return [plain(each) for each in value] if isinstance(value, list) else value


async def test_clients_put_the_parts_together(served: tuple[Upstream, Gateway], ask: Ask) -> None:
    upstream, gateway = served
    slowly = asyncio.Event()
    upstream.spoilt["/deployments/filter"] = after(slowly, upstream.right)
    try:
        async with ask(SLOW) as results:
            first = await anext(results)
            assert first["data"]["flowRunCount"] == 6
            assert "deployments" not in first["data"]["flows"]["nodes"][0]
            slowly.set()
            assert [result async for result in results][-1] == {"data": await gateway.data(SLOW), "errors": []}
    finally:
        upstream.spoilt.clear()


async def test_clients_read_what_overlaps_and_what_is_streamed(served: tuple[Upstream, Gateway], ask: Ask) -> None:
    for name in ("overlapping", "within another", "a list but its first", "edges", "lists in rows", "a list in a list"):
        async with ask(QUERIES[name]) as results:
            last = [result async for result in results][-1]
        assert last == {"data": await served[1].data(QUERIES[name]), "errors": []}, name


async def test_clients_see_the_errors_of_parts(served: tuple[Upstream, Gateway], ask: Ask) -> None:
    upstream, _ = served
    upstream.spoilt["/deployments/filter"] = answer({"detail": "No"}, "403 Forbidden")
    try:
        async with ask(SLOW) as results:
            last = [result async for result in results][-1]
    finally:
        upstream.spoilt.clear()
    assert len(last["errors"]) == 3
    assert last["data"]["flowRunCount"] == 6
