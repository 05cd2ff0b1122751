"""Operations across two subgraphs, through a real `@graphql-hive/gateway` as `deploy/federation` sets it up."""

import asyncio
import shutil
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import stamina

from tests.deploy.test_federation import COMMANDS
from tests.gateway.federation.graph import Router, node
from tests.test_project import ROOT
from tests.test_readme import PROGRAM

pytestmark = pytest.mark.long  # half a gigabyte of packages

HIVE = ("graphql@16.15.0", "@graphql-hive/gateway@2.15.1", "@graphql-hive/router-runtime@1.4.23")
CONFIG = ROOT / "deploy" / "federation" / "gateway.config.ts"
ROUTER_RUNTIME = """
import { unifiedGraphHandler } from "@graphql-hive/router-runtime";
import { gatewayConfig as deployed } from "./gateway.config";
export const gatewayConfig = { ...deployed, unifiedGraphHandler };
"""


@asynccontextmanager
async def served(config: str, modules: Path, folder: Path) -> AsyncGenerator[str]:
    """Serve the graph of a folder's `supergraph.graphql`; gives the URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = folder / "node_modules" / ".bin" / "hive-gateway"
    options = ["supergraph", "--config-path", config, "--host", "127.0.0.1", "--port", str(port)]
    async with node(program, *options, modules=modules, folder=folder):
        async for attempt in stamina.retry_context(on=httpx.TransportError, attempts=None, timeout=120):
            with attempt:
                async with httpx.AsyncClient(trust_env=False) as http:
                    await http.get(f"http://127.0.0.1:{port}/healthcheck")
        yield f"http://127.0.0.1:{port}/graphql"


@pytest.fixture(params=["gateway.config.ts", "router-runtime.config.ts"])
async def hive(
    router: Router, npm: Callable[..., Path], tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncGenerator[Router]:
    """Hive Gateway by its own engine, and by that of Hive Router."""
    modules = npm(*HIVE)
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "supergraph.graphql").write_text(router.supergraph)
    shutil.copy(CONFIG, tmp_path)
    (tmp_path / "router-runtime.config.ts").write_text(ROUTER_RUNTIME)
    async with served(request.param, modules, tmp_path) as url:
        yield replace(router, url=url)


async def test_the_commands_of_the_example(router: Router, npm: Callable[..., Path], tmp_path: Path) -> None:
    """As `deploy/federation/README.md` tells them, but for the ports."""
    [packages] = [command[2:] for command in COMMANDS if command[:2] == ["npm", "install"]]
    [compose] = [command[2:] for command in COMMANDS if command[:2] == ["npx", "hive"]]
    [serve] = [command[2:] for command in COMMANDS if command[:2] == ["npx", "hive-gateway"]]
    modules = npm(*packages)
    (tmp_path / "node_modules").symlink_to(modules)
    shutil.copy(CONFIG, tmp_path)
    printing = await asyncio.create_subprocess_exec(PROGRAM, "schema", "--federation", stdout=asyncio.subprocess.PIPE)
    printed, _ = await printing.communicate()
    (tmp_path / "prefect.graphql").write_bytes(printed)
    compose[compose.index("--url") + 1] = router.gateway
    async with node(modules / ".bin" / "hive", *compose, modules=modules, folder=tmp_path) as composing:
        assert await composing.wait() == 0
    assert serve[:2] == ["supergraph", "--config-path"]
    async with served(serve[2], modules, tmp_path) as url:
        data = await replace(router, url=url).data("{ flows { nodes { name } } }")
    assert data == {"flows": {"nodes": [{"name": "flow"}]}}
    assert router.asked.callers == {"Bearer me"}


async def test_fifty_entities_are_one_call(hive: Router) -> None:
    data = await hive.data("{ incidents { nodes { id flowRun { name tags } } } }")
    assert [row["flowRun"]["name"] for row in data["incidents"]["nodes"]] == [f"run {at}" for at in range(50)]
    assert hive.asked.calls == ["POST /flow_runs/filter"]
    assert hive.asked.callers == {"Bearer me"}
    data = await hive.data("{ incidents { nodes { flow { id } deployment { paused } workPool { type } } } }")
    assert data["incidents"]["nodes"][0] == {
        "flow": {"id": hive.world.flow},
        "deployment": {"paused": False},
        "workPool": {"type": "process"},
    }
    assert sorted(hive.asked.calls) == ["POST /deployments/filter", "POST /flows/filter", "POST /work_pools/filter"]
    data = await hive.data("{ alarms { edges { node { deployment { name } runs { alarm } } } } }")
    assert data["alarms"]["edges"] == [
        {"node": {"deployment": {"name": "deployment"}, "runs": [{"alarm": "flow PENDING {}"}] * 50}}
    ]
    assert sorted({*hive.asked.calls}) == ["POST /deployments/filter", "POST /flow_runs/filter", "POST /flows/filter"]
    assert len(hive.asked.calls) == 3
    data = await hive.data("{ flowRuns(sort: NAME_ASC, first: 1) { nodes { headline flow { owner } } } }")
    assert data["flowRuns"]["nodes"] == [{"headline": "run 0: Pending", "flow": {"owner": "owner of flow"}}]
