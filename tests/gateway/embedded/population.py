"""A small world of rows whose values collide often, so that random filters find some of them."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from gateway.embedded.tables import TABLES

Row = dict[str, Any]
World = dict[str, list[Row]]

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAGS = ["a", "b", "database", "%"]
NAMES = ["alpha", "Beta", "beta_1", "gam%ma", "ALPHABET", "back\\slash"]
STATES = {"COMPLETED": "Completed", "FAILED": "Failed", "RUNNING": "Running", "SCHEDULED": "Late", "PENDING": "Pending"}
VERSIONS = ["1", "2", None]
KEYS = ["k1", "k2", "k3"]
WORDS = ["error", "Error", "connection timeout", "debug", "100%", 'a "quote"']
ORDER = ["work_pools", "work_queues", "flows", "deployments", "flow_runs", "task_runs", "logs"]


def make_world(seed: int) -> World:
    """Make rows of every collection, each a dict of what its columns hold."""
    rng = random.Random(seed)  # noqa: S311 (test data)
    world: World = {
        "work_pools": [
            _row(rng, name=f"pool {n}", type=rng.choice(["process", "docker"]), base_job_template={}) for n in range(3)
        ]
    }
    world["work_queues"] = [
        _row(
            rng,
            name=rng.choice(["default", "Default-2", "slow"]) + str(n),
            work_pool_id=rng.choice(world["work_pools"])["id"],
            priority=n + 1,
        )
        for n in range(5)
    ]
    world["flows"] = [_row(rng, name=f"{rng.choice(NAMES)} {n}", tags=_tags(rng)) for n in range(8)]
    world["deployments"] = [_deployment(rng, world, n) for n in range(8)]
    world["flow_runs"] = [_flow_run(rng, world, n) for n in range(40)]
    world["task_runs"] = [_task_run(rng, world, n) for n in range(60)]
    for run in rng.sample(world["flow_runs"], 15):
        run["parent_task_run_id"] = rng.choice(world["task_runs"])["id"]
    world["logs"] = [_log(rng, world) for _ in range(40)]
    return world


def fill(connection: Connection, world: World) -> None:
    """Insert a world; runs refer to task runs that come later, so that is said last."""
    for name in ORDER:
        connection.execute(
            insert(TABLES[name]),
            [{**row, "parent_task_run_id": None} if name == "flow_runs" else row for row in world[name]],
        )
    runs = TABLES["flow_runs"]
    for row in world["flow_runs"]:
        connection.execute(
            runs.update().where(runs.c.id == row["id"]).values(parent_task_run_id=row["parent_task_run_id"])
        )


def moment(rng: random.Random) -> datetime:
    """Return one of a few moments."""
    return START + timedelta(minutes=rng.randrange(12), microseconds=rng.choice([0, 1]))


def _row(rng: random.Random, **values: Any) -> Row:
    return {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "created": moment(rng),
        "updated": moment(rng),
        **values,
    }


def _tags(rng: random.Random) -> list[str]:
    return rng.sample(TAGS, rng.choice([0, 0, 1, 2, 3]))


def _maybe(rng: random.Random, value: Any) -> Any:
    return rng.choice([None, value])


def _deployment(rng: random.Random, world: World, number: int) -> Row:
    queue = rng.choice([None, *world["work_queues"]])
    return _row(
        rng,
        name=f"{rng.choice(NAMES)} {number}",
        flow_id=rng.choice(world["flows"][:5])["id"],
        tags=_tags(rng),
        paused=rng.choice([True, False]),
        work_queue_id=queue and queue["id"],
        work_queue_name=_maybe(rng, queue and queue["name"]),
    )


def _run(rng: random.Random, number: int) -> Row:
    state = rng.choice(list(STATES))
    started = moment(rng) if state in {"COMPLETED", "FAILED", "RUNNING"} else None
    return {
        "name": f"{rng.choice(NAMES)} {number % 7}",
        "tags": _tags(rng),
        "state_type": state,
        "state_name": rng.choice([STATES[state], "Retrying"]),
        "state_timestamp": moment(rng),
        "expected_start_time": moment(rng),
        "next_scheduled_start_time": _maybe(rng, moment(rng)),
        "start_time": started,
        "end_time": started and _maybe(rng, moment(rng)),
        "total_run_time": timedelta(seconds=rng.choice([0, 1, 2.5])),
    }


def _flow_run(rng: random.Random, world: World, number: int) -> Row:
    queue = rng.choice([None, *world["work_queues"]])
    creator = {
        "id": rng.choice(world["deployments"])["id"],
        "type": rng.choice(["DEPLOYMENT", "AUTOMATION"]),
        "display_value": None,
    }
    # A run may outlive its deployment.
    deployment = rng.choice([None, str(uuid.UUID(int=number)), *(row["id"] for row in world["deployments"])])
    return _row(
        rng,
        **_run(rng, number),
        flow_id=rng.choice(world["flows"])["id"],
        deployment_id=deployment,
        work_queue_id=queue and queue["id"],
        work_queue_name=queue and queue["name"],
        flow_version=rng.choice(VERSIONS),
        idempotency_key=_maybe(rng, f"{rng.choice(KEYS)}{number}" if number % 5 else KEYS[number % 3] + str(number)),
        created_by=_maybe(rng, creator),
        parent_task_run_id=None,
    )


def _task_run(rng: random.Random, world: World, number: int) -> Row:
    run = rng.choice([None, *world["flow_runs"][:25]])
    return _row(rng, **_run(rng, number), flow_run_id=run and run["id"], task_key="task", dynamic_key=str(number))


def _log(rng: random.Random, world: World) -> Row:
    task_run = rng.choice([None, *world["task_runs"]])
    run = rng.choice([None, *world["flow_runs"]])
    message = " ".join(rng.sample(WORDS, 2))
    return _row(
        rng,
        name=rng.choice(["prefect.flow_runs", "prefect.task_runs"]),
        level=rng.choice([10, 20, 40]),
        message=message,
        timestamp=moment(rng),
        flow_run_id=run and run["id"],
        task_run_id=task_run and task_run["id"],
    )
