"""Prefect's own library keeps to the limits of the embedded server: those of tags, of deployments, global ones, rates."""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import httpx
import pytest
import uvicorn

from gateway.serving import rest_app
from gateway.settings import Settings
from tests.gateway.stack import Quiet

pytestmark = pytest.mark.long

PROGRAM = Path(__file__).with_name("sdk_concurrency.py")


async def test_the_library_keeps_to_limits(tmp_path: Path) -> None:
    app = rest_app(Settings(database_url=f"sqlite:///{tmp_path / 'embedded.db'}"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Quiet(uvicorn.Config(app, log_config=None, lifespan="on"))
        serving = asyncio.create_task(server.serve([listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
                route = "/v2/concurrency_limits/"
                for limit in (
                    {"name": "tag:single", "limit": 1, "active": True},
                    {"name": "guarded", "limit": 1},
                    {"name": "rate", "limit": 1, "slot_decay_per_second": 1},
                ):
                    assert (await http.post(route, json=limit)).status_code == 201
                seen = await run(url, tmp_path)
                left = (await http.post(f"{route}filter", json={})).json()
        finally:
            server.should_exit = True
            await serving
    assert seen == {
        "tagged": 1,
        "guarded": 1,
        "slots": 1,
        "leased": True,
        "result": [0, 1, 0, 1],
        "state": "Completed",
        "slots_at_end": 0,
    }
    assert {limit["name"]: limit["active_slots"] for limit in left if limit["name"] != "rate"} == {
        "tag:single": 0,
        "guarded": 0,
        next(limit["name"] for limit in left if limit["name"].startswith("deployment:")): 0,
    }


async def run(url: str, home: Path, program: Path = PROGRAM) -> object:
    """Run a program; return what it printed last, as JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_API_URL": url, "PREFECT_HOME": str(home), "PREFECT_LOGGING_TO_API_ENABLED": "false"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, env=environment, cwd=home, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out.decode().splitlines()[-1])
