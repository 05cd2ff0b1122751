"""What Prefect's dashboard reads in 72 requests (PrefectHQ/prefect#21084) is one operation, the page's fourth example."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.execution.explain import explain
from gateway.http.page import examples
from gateway.settings import Settings
from schema.build import build
from tests.gateway.stack import Gateway, open_gateway

CALLS = Counter(
    {
        "POST /flow_runs/count": 6,  # four by state, that of late runs, and one that tells whether the latest runs have subflow runs
        "POST /flow_runs/filter": 4,  # the late, the latest, those of failing flows, those of pools
        "POST /flows/filter": 1,  # the failing
        "POST /flow_runs/history": 1,
        "POST /task_runs/history": 1,
        "POST /flow_runs/lateness": 1,
        "POST /flows/count": 1,
        "POST /work_pools/filter": 1,
        "POST /work_queues/filter": 1,
        "POST /ui/flow_runs/count-task-runs": 1,
    }
)
"""The calls of a dashboard, however many rows it shows, without reads by id."""

BY_ID = {"flows": 3, "deployments": 3}
"""The most reads by id: of the late runs, of the latest and of the pools', in one where they are read at the same time."""


def split(made: list[dict[str, Any]]) -> tuple[Counter[str], dict[str, list[list[str]]]]:
    """Name the calls; those that read rows by id are apart, by collection the ids of each."""
    named: Counter[str] = Counter()
    by_id: dict[str, list[list[str]]] = {}
    for call in made:
        match call["body"]:
            case {"flows": {"id": {"any_": ids}}, **others} if not others and call["path"] == "/flows/filter":
                by_id.setdefault("flows", []).append(ids)
            case {"deployments": {"id": {"any_": ids}}, **others} if not others:
                by_id.setdefault("deployments", []).append(ids)
            case _:
                named[f"{call['method']} {call['path']}"] += 1
    return named, by_id


def shown(data: Any, relation: str) -> set[str]:
    """Return the ids of the rows that runs belong to."""
    runs = [*data["late"]["nodes"], *data["latest"]["nodes"]]
    runs += [run for pool in data["workPools"]["nodes"] for run in pool["late"]["nodes"]]
    return {run[relation]["id"] for run in runs if run[relation]}


async def fill(gateway: Gateway, name: str) -> None:
    """Make a pool with a deployment, and flows each with a late, a failed and a completed run."""

    async def post(path: str, body: object) -> str:
        response = await gateway.http.post(f"/api{path}", json=body)
        assert response.is_success, response.text
        return response.json()["id"]

    await post("/work_pools/", {"name": name, "type": "process"})
    due = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    late = {"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": due}}
    for number in range(6):
        flow = await post("/flows/", {"name": f"{name}-{number}"})
        deployment = await post(
            "/deployments/",
            {"name": "nightly", "flow_id": flow, "work_pool_name": name, "enforce_parameter_schema": False},
        )
        await post(f"/deployments/{deployment}/create_flow_run", {"state": late})
        for state in ("FAILED", "COMPLETED"):
            run = await post("/flow_runs/", {"flow_id": flow, "deployment_id": deployment, "state": {"type": state}})
            await post("/task_runs/", {"flow_run_id": run, "task_key": "t", "dynamic_key": "0"})


async def test_the_dashboard_takes_the_same_calls_however_many_rows_it_shows(tmp_path: Path) -> None:
    tab = examples(datetime.now(UTC) + timedelta(minutes=1))[3]
    request = {"query": tab["query"], "variables": json.loads(tab["variables"])}
    async with open_gateway(upstream=None, database_url=f"sqlite:///{tmp_path / 'embedded.db'}") as gateway:
        await fill(gateway, "first")
        for pools, name in enumerate(("second", "third"), 2):
            await fill(gateway, name)
            response = await gateway.http.post("/graphql", json=request, headers={"X-Upstream-Trace": "1"})
            answer = response.json()
            assert "errors" not in answer
            data = answer["data"]
            runs = 6 * pools
            assert [data[key] for key in ("total", "completed", "failed")] == [3 * runs, runs, runs]
            assert data["late"]["totalCount"] == data["failing"]["totalCount"] == runs
            assert [len(pool["late"]["nodes"]) for pool in data["workPools"]["nodes"]] == [3] * pools
            made = answer["extensions"]["upstream"]
            named, by_id = split(made)
            assert named == CALLS
            known = {flow["id"] for flow in data["failing"]["nodes"]}
            for collection, most in BY_ID.items():
                asked = [id_ for ids in by_id[collection] for id_ in ids]
                assert len(by_id[collection]) <= most
                assert len(asked) == len(set(asked))  # no row is read twice
                visible = shown(data, collection.removesuffix("s"))
                assert visible - known <= set(asked) <= visible
            reads = explain(build(), Settings(), request["query"], request["variables"], None)
            assert {f"{call['method']} {call['path']}" for call in made} <= {
                f"{each.method} {each.path}" for each in reads
            }
