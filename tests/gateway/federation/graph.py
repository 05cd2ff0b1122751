"""A federated graph of real parts: routers, another subgraph, the gateway, and a Prefect API that tells what it was asked."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent


@dataclass
class Asked:
    """Passes requests on to an app and remembers them: "POST /flows/filter", and who asked."""

    app: ASGIApp
    calls: list[str] = field(default_factory=list)
    callers: set[str | None] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            self.calls.append(f"{scope['method']} {scope['path'].removeprefix('/api')}")
            self.callers.add(headers.get(b"authorization", b"").decode() or None)
        await self.app(scope, receive, send)


@dataclass
class World:
    """Rows of Prefect, and incidents of the other subgraph that refer to them."""

    flow: str
    runs: list[str]
    incidents: list[dict[str, Any]]


async def fill(rest: httpx.AsyncClient, number: int) -> World:
    """Make a flow, a deployment of it, a work pool, and runs, each with an incident."""

    async def create(path: str, **body: Any) -> str:
        answer = await rest.post(f"{path}/", json=body)
        assert answer.status_code < 300, answer.text
        created: str = answer.json()["id"]
        return created

    await create("/work_pools", name="pool", type="process")
    flow = await create("/flows", name="flow")
    deployment = await create("/deployments", name="deployment", flow_id=flow, work_pool_name="pool")
    runs = [await create("/flow_runs", name=f"run {at}", flow_id=flow) for at in range(number)]
    parts = {"flow": {"name": "flow"}, "deployment": {"name": "deployment", "flow": {"name": "flow"}}}
    parts |= {"workPool": {"name": "pool"}, "deploymentId": deployment}
    incidents = [{"id": f"incident {at}", "flowRun": {"id": id_}, **parts} for at, id_ in enumerate(runs)]
    none = {"flowRun": {"id": flow}, "flow": {"name": "none"}}
    none |= {"deployment": {"name": "deployment", "flow": {"name": "none"}}}
    return World(flow, runs, [*incidents, {"id": "incident of none", **none}])


@dataclass
class Router:
    """A router of the graph, and the requests that it leads to."""

    url: str
    asked: Asked
    world: World
    gateway: str
    """The URL of the gateway itself."""
    supergraph: str
    executed: Counter[str]
    """By which executor of the gateway."""

    async def ask(self, query: str, **headers: str) -> Any:
        """Send an operation; return the answer."""
        self.asked.calls.clear()
        self.asked.callers.clear()
        self.executed.clear()
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.post(self.url, json={"query": query}, headers={"authorization": "Bearer me", **headers})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def data(self, query: str) -> Any:
        """Send an operation that must succeed; return its data."""
        answer = await self.ask(query)
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]


@asynccontextmanager
async def node(
    script: Path, *arguments: str, modules: Path, folder: Path = FOLDER
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a script of Node.js with the packages of a folder; it is ended at last."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is missing")
    process = await asyncio.create_subprocess_exec(
        program,
        script,
        *arguments,
        env={**os.environ, "NODE_PATH": str(modules)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
