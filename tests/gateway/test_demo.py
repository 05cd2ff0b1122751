"""The demo data: the same for the same seed, on the embedded server and on a real Prefect."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from gateway import embedded, upstream
from gateway.demo import SEED, plan
from gateway.demo import fill as fill_with
from gateway.settings import Settings
from gateway.upstream import Upstream
from tests.services import run_prefect

PROGRAM = Path(sys.executable).with_name("prefect-graphql")
STATES = {"SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING"}


def fill(*arguments: str) -> None:
    command = [PROGRAM, "demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


async def seen(http: httpx.AsyncClient) -> dict[str, Any]:
    """Return what the demo is made of, ids and times aside."""
    runs: list[dict[str, Any]] = []
    while page := (await http.post("/flow_runs/filter", json={"sort": "NAME_ASC", "offset": len(runs)})).json():
        runs += page
    flows = (await http.post("/flows/filter", json={})).json()
    counts = {name: (await http.post(f"/{name}/count", json={})).json() for name in ("task_runs", "deployments")}
    return {
        "runs": Counter((run["name"], run["state_type"], run["state_name"]) for run in runs),
        "flows": sorted((flow["name"], tuple(flow["tags"])) for flow in flows),
        **counts,
    }


async def filled(file: Path) -> dict[str, Any]:
    fill("--embedded", "--database", f"sqlite:///{file}")
    app = embedded.create_app(f"sqlite:///{file}")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as http,
    ):
        return await seen(http)


async def test_two_fillings_are_equal_and_have_every_state(tmp_path: Path) -> None:
    first, second = await filled(tmp_path / "a.db"), await filled(tmp_path / "b.db")
    assert first == second
    assert {type_ for _, type_, _ in first["runs"]} == STATES
    assert len(first["flows"]) == 12
    assert sum(first["runs"].values()) > 200


async def test_a_real_prefect_is_filled_alike(tmp_path: Path) -> None:
    """A quarter of the runs: a Prefect takes minutes for all of them."""
    runs = plan(SEED)[::4]
    app = embedded.create_app(f"sqlite:///{tmp_path / 'a.db'}")
    (tmp_path / "prefect").mkdir()
    with run_prefect(tmp_path / "prefect") as url:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as ours,
            httpx.AsyncClient(base_url=url, timeout=60) as theirs,
        ):
            await theirs.get("/health")
            for transport in (upstream.embedded(app), upstream.remote(url)):
                server = Upstream(transport, Settings(upstream=url))
                await fill_with(server, runs, lambda: None)
                await server.aclose()
            assert await seen(theirs) == await seen(ours)
