"""The demo data: the same for the same seed, on the embedded server and on a real Prefect."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from gateway import embedded, upstream
from gateway.demo import SEED, FlowRun, plan
from gateway.demo import fill as fill_with
from gateway.settings import Settings
from gateway.upstream import Upstream

PROGRAM = Path(sys.executable).with_name("prefect-graphql")
STATES = {"SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING"}


def fill(*arguments: str) -> None:
    command = [PROGRAM, "demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


async def every(http: httpx.AsyncClient, collection: str) -> list[dict[str, Any]]:
    """Return all rows of a collection, a page after a page."""
    rows: list[dict[str, Any]] = []
    while page := (await http.post(f"/{collection}/filter", json={"sort": "NAME_ASC", "offset": len(rows)})).json():
        rows += page
    return rows


async def seen(http: httpx.AsyncClient) -> dict[str, Counter[Any]]:
    """Return what the demo is made of, ids and times aside."""
    counts = {name: (await http.post(f"/{name}/count", json={})).json() for name in ("task_runs", "deployments")}
    return {
        "runs": Counter((run["name"], run["state_type"], run["state_name"]) for run in await every(http, "flow_runs")),
        "flows": Counter((flow["name"], tuple(flow["tags"])) for flow in await every(http, "flows")),
        "rows": Counter(counts),
    }


async def filled(file: Path) -> dict[str, Counter[Any]]:
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
    assert first["flows"].total() == 12
    assert first["runs"].total() > 200


def courses() -> tuple[FlowRun, ...]:
    """Return one run of each course of states, and one with a subflow: a Prefect takes minutes for all runs."""
    different = {
        (*(state.name for state in run.states), any(task.subflow for task in run.task_runs)): run for run in plan(SEED)
    }
    return tuple(different.values())


async def test_a_real_prefect_is_filled_alike(prefect_server: str, tmp_path: Path) -> None:
    runs = courses()
    app = embedded.create_app(f"sqlite:///{tmp_path / 'a.db'}")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as ours,
        httpx.AsyncClient(base_url=prefect_server, timeout=60) as theirs,
    ):
        before = await seen(theirs)
        for transport in (upstream.embedded(app), upstream.remote(prefect_server)):
            server = Upstream(transport, Settings(upstream=prefect_server))
            await fill_with(server, runs, lambda: None)
            await server.aclose()
        assert subtracted(await seen(theirs), before) == await seen(ours)


def subtracted(after: dict[str, Counter[Any]], before: dict[str, Counter[Any]]) -> dict[str, Counter[Any]]:
    """Return what has come since."""
    return {name: counted - before[name] for name, counted in after.items()}
