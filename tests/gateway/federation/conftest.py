"""The federated graph, one for all routers."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway import embedded
from tests.gateway.federation.graph import FOLDER, Asked, Router, fill, node
from tests.gateway.http.conftest import serving
from tests.gateway.stack import open_gateway

APOLLO = (
    "graphql@16.15.0",
    "@apollo/gateway@2.14.4",
    "@apollo/subgraph@2.15.1",
    "@apollo/usage-reporting-protobuf@4.1.2",
)


@pytest.fixture(scope="session")
async def router(npm: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Router]:
    modules = npm(*APOLLO)
    api = embedded.create_app(f"sqlite:///{tmp_path_factory.mktemp('federation') / 'prefect.db'}", services=False)
    asked = Asked(Starlette(routes=[Mount("/api", api)]))
    async with api.router.lifespan_context(api), serving(asked) as rest, open_gateway(upstream=f"{rest}/api") as ours:
        async with httpx.AsyncClient(base_url=f"{rest}/api", trust_env=False) as http:
            world = await fill(http, 50)
        async with node(
            FOLDER / "apollo.cjs", f"{ours.url}/graphql", json.dumps(world.incidents), modules=modules
        ) as process:
            assert process.stdout
            told = json.loads(await asyncio.wait_for(process.stdout.readline(), 120))
            yield Router(told["apollo"], asked, world, told["supergraph"])
