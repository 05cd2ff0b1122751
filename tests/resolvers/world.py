"""A server full of runs, made over REST from a seed: unevenly spread, with names, tags and times that collide often."""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

import schema
from tests.services import patiently

Row = dict[str, Any]

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAGS = ["a", "b", "database", "100%"]
NAMES = ["alpha", "Beta", "beta_1", "gam_ma", "ALPHABET"]
STATES = ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED"]
WORDS = ["error", "Error", "connection timeout", "debug", "100%"]

CROWD = 205
"""Runs of the first flow: more than one page of the API."""
COLLECTIONS = (
    *("flows", "flow_runs", "task_runs", "deployments", "work_pools", "work_queues"),
    *("logs", "artifacts", "artifact_collections", "variables"),
)
PATHS = {collection.name: collection.path for collection in schema.COLLECTIONS}


class Plain:
    """The REST API as one asks it by hand: a call, its JSON; a page after a page for what is longer."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, path: str, body: Any) -> Any:
        """Send a POST that must succeed; return its JSON."""
        response = await patiently(lambda: self.http.post(path, json=body))
        assert response.status_code in {200, 201}, f"{path} {body}: {response.status_code} {response.text}"
        return response.json()

    async def status(self, path: str, body: Any) -> int:
        """Return the status of a POST."""
        return (await self.http.post(path, json=body)).status_code

    async def get(self, path: str) -> Any:
        """Send a GET; return its JSON, None for a 404."""
        response = await self.http.get(path)
        assert response.status_code in {200, 404}, f"{path}: {response.status_code} {response.text}"
        return response.json() if response.status_code == 200 else None

    async def every(self, collection: str, body: Row) -> list[Row]:
        """Return all rows that a body selects, in the order of its sort."""
        rows: list[Row] = []
        while True:
            page = await self.post(f"{PATHS[collection]}/filter", {**body, "limit": 200, "offset": len(rows)})
            rows += page
            if len(page) < 200:
                return rows


class World:
    """The rows of a server, read back once it was filled."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.rows = rows
        self.by_id = {(name, row["id"]): row for name, some in rows.items() for row in some}

    def values(self, collection: str, key: str) -> list[Any]:
        """Return the different values of a key, in the order of the rows."""
        return list(dict.fromkeys(row[key] for row in self.rows[collection] if row[key] is not None))

    def owner(self, row: Row) -> str | None:
        """Return the flow run that called a flow run."""
        task_run = self.by_id.get(("task_runs", row["parent_task_run_id"]))
        return task_run["flow_run_id"] if task_run else None


async def fill(rest: Plain, seed: int) -> World:
    """Create the rows of a seed on an empty server."""
    rng = random.Random(seed)  # noqa: S311  test data
    queues = [
        await rest.post(f"/work_pools/{pool}/queues", {"name": name, "priority": number + 1})
        for pool in [
            (await rest.post("/work_pools/", {"name": f"pool {n}", "type": "process"}))["name"] for n in range(3)
        ]
        for number, name in enumerate(["fast", "slow"])
    ]
    flows = [await rest.post("/flows/", {"name": f"{rng.choice(NAMES)} {n}", "tags": _tags(rng)}) for n in range(15)]
    deployments = [await rest.post("/deployments/", _deployment(rng, flows, queues, n)) for n in range(14)]
    runs = [await rest.post("/flow_runs/", body) for body in _runs(rng, flows, deployments, queues)]
    task_runs = [await rest.post("/task_runs/", body) for body in _task_runs(rng, runs)]
    for parent in rng.sample(task_runs[150:300], 30):
        body = _flow_run(rng, rng.choice(flows), None, None)
        runs.append(await rest.post("/flow_runs/", {**body, "parent_task_run_id": parent["id"]}))
    await _go_on(rest, rng, runs, task_runs)
    await rest.http.delete(
        f"/deployments/{deployments[-1]['id']}"
    )  # its runs outlive it, but those that were scheduled
    await rest.post("/logs/", list(_logs(rng, runs, task_runs)))
    for body in _artifacts(rng, runs, task_runs):
        await rest.post("/artifacts/", body)
    for number in range(12):
        await rest.post(
            "/variables/", {"name": f"v_{number}", "value": rng.choice([1, "x", {}, None]), "tags": _tags(rng)}
        )
    return World({name: await rest.every(name, {}) for name in COLLECTIONS})


async def _go_on(rest: Plain, rng: random.Random, runs: list[Row], task_runs: list[Row]) -> None:
    """Give some runs more states."""
    for name, some in (("flow_runs", runs), ("task_runs", task_runs)):
        for row in rng.sample(some, 12):
            for state in ("RUNNING", rng.choice(["COMPLETED", "FAILED"])):
                await rest.post(f"/{name}/{row['id']}/set_state", {"state": {"type": state}, "force": True})


def _tags(rng: random.Random) -> list[str]:
    return rng.sample(TAGS, rng.choice([0, 0, 1, 2, 3]))


def _state(rng: random.Random) -> Row:
    kind = rng.choice(STATES)
    details = {"scheduled_time": (START + timedelta(minutes=rng.randrange(5))).isoformat()}
    return {"type": kind, "state_details": details} if kind in {"SCHEDULED", "PAUSED"} else {"type": kind}


def _deployment(rng: random.Random, flows: list[Row], queues: list[Row], number: int) -> Row:
    queue = rng.choice([None, *queues])
    pooled = {"work_pool_name": queue["work_pool_name"], "work_queue_name": queue["name"]} if queue else {}
    return {
        "name": f"{rng.choice(NAMES)} {number % 4}" if number % 3 else f"only {number}",
        "flow_id": flows[number % 5 if number < 10 else 0]["id"],
        "tags": _tags(rng),
        "paused": rng.choice([True, False]),
        **pooled,
    }


def _runs(rng: random.Random, flows: list[Row], deployments: list[Row], queues: list[Row]) -> Iterator[Row]:
    for number in range(CROWD + 55):
        flow = flows[0] if number < CROWD else rng.choice(flows[1:-1])
        own = [None, *(row for row in deployments if row["flow_id"] == flow["id"])]
        yield _flow_run(rng, flow, rng.choice(own), rng.choice([None, *queues]))


def _flow_run(rng: random.Random, flow: Row, deployment: Row | None, queue: Row | None) -> Row:
    pooled = {"work_pool_name": queue["work_pool_name"], "work_queue_name": queue["name"]} if queue else {}
    return {
        "name": rng.choice(NAMES),
        "flow_id": flow["id"],
        "flow_version": rng.choice(["1", "2"]),
        "tags": _tags(rng),
        "state": _state(rng),
        "parameters": {"n": rng.randrange(3)},
        **({"deployment_id": deployment["id"]} if deployment else {}),
        **pooled,
    }


def _task_runs(rng: random.Random, runs: list[Row]) -> Iterator[Row]:
    """Half of them belong to three runs; some belong to none."""
    for number in range(300):
        run = rng.choice(runs[:3]) if number < 150 else rng.choice([*runs[3:60], *runs[-30:]])
        if number % 40 == 39:
            run = {"id": None}
        yield {
            "flow_run_id": run["id"],
            "name": rng.choice(NAMES),
            "task_key": "task",
            "dynamic_key": str(number),
            "tags": _tags(rng),
            "state": _state(rng),
        }


def _logs(rng: random.Random, runs: list[Row], task_runs: list[Row]) -> Iterator[Row]:
    crowd, some = runs[:2], runs[2:40]
    for number in range(450):
        task_run = rng.choice([None, *task_runs[:40]])
        run = {"id": task_run["flow_run_id"]} if task_run else rng.choice(crowd if number % 2 else some)
        yield {
            "name": rng.choice(["prefect.flow_runs", "prefect.task_runs"]),
            "level": rng.choice([10, 20, 40]),
            "message": " ".join(rng.sample(WORDS, 2)),
            "timestamp": (START + timedelta(minutes=rng.randrange(12))).isoformat(),
            "flow_run_id": run["id"],
            "task_run_id": task_run and task_run["id"],
        }


def _artifacts(rng: random.Random, runs: list[Row], task_runs: list[Row]) -> Iterator[Row]:
    """Most of one run, more than one page of the API; keys are used again or for the first time."""
    for number in range(CROWD + 20):
        task_run = rng.choice([None, *task_runs[:30]])
        run = runs[0] if number < CROWD else rng.choice(runs[1:20])
        yield {
            "key": rng.choice([None, f"key-{number}", f"key-{rng.randrange(60)}"]),
            "type": rng.choice(["markdown", "table", None]),
            "data": number,
            "flow_run_id": task_run["flow_run_id"] if task_run and number >= CROWD else run["id"],
            "task_run_id": task_run and task_run["id"],
        }


UNKNOWN = str(uuid.UUID(int=7))
"""The id of no row."""


def grouped(rows: list[Row], key: str) -> dict[str, list[Row]]:
    """Group rows by a key."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups
