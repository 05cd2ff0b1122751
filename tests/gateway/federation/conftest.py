"""The federated graph, one for all routers."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway import embedded
from gateway.execution.compiled import Plans
from tests.gateway.federation.graph import FOLDER, Asked, Router, fill, node
from tests.gateway.http.conftest import serving
from tests.gateway.stack import Gateway, open_gateway

APOLLO = (
    "graphql@16.15.0",
    "@apollo/gateway@2.14.4",
    "@apollo/subgraph@2.15.1",
    "@apollo/usage-reporting-protobuf@4.1.2",
)


@asynccontextmanager
async def counted(upstream: str) -> AsyncGenerator[tuple[Gateway, Counter[str]]]:
    """Serve the gateway; with it comes how often an operation was executed by a plan or by graphql-core."""
    counts: Counter[str] = Counter()

    class Counted(Plans):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.counts = counts

    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.execution.run.Plans", Counted)
            gateway = await stack.enter_async_context(open_gateway(upstream=upstream))
        yield gateway, counts


@pytest.fixture(scope="session")
async def router(npm: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Router]:
    modules = npm(*APOLLO)
    api = embedded.create_app(f"sqlite:///{tmp_path_factory.mktemp('federation') / 'prefect.db'}", services=False)
    asked = Asked(Starlette(routes=[Mount("/api", api)]))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(api.router.lifespan_context(api))
        rest = await stack.enter_async_context(serving(asked))
        gateway, executed = await stack.enter_async_context(counted(f"{rest}/api"))
        async with httpx.AsyncClient(base_url=f"{rest}/api", trust_env=False) as http:
            world = await fill(http, 50)
        started = node(FOLDER / "apollo.cjs", f"{gateway.url}/graphql", json.dumps(world.incidents), modules=modules)
        process = await stack.enter_async_context(started)
        assert process.stdout
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), 120))
        yield Router(told["apollo"], asked, world, f"{gateway.url}/graphql", told["supergraph"], executed)
