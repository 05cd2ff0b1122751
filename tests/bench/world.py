"""The rows that the fake upstream serves, generated and always the same: shaped and sized like those of Prefect 3.9.1.

Every collection stands in its default order, which is the only one that the fake upstream knows.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

Row = dict[str, Any]
World = dict[str, list[Row]]

PAGE = 50
PAGES = 64
"""Pages of flow runs that have flows and deployments of their own, so that reads of two of them share nothing."""
FLOWS_A_PAGE = 20
RUNS, FLOWS, RUNS_A_FLOW = 10_000, 2_000, 5
TASK_RUNS_A_RUN = 5
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
OUTCOMES = (("COMPLETED", "Completed"), ("FAILED", "Failed"), ("RUNNING", "Running"), ("SCHEDULED", "Late"))


def make_world() -> World:
    """Return the rows of each collection.

    A flow has a deployment and five runs, of which every fifth is of no deployment. The runs of the first 20 flows have
    five task runs each.
    """
    chance = random.Random(9_000)  # noqa: S311 - rows, not secrets
    flows = [_flow(chance, number) for number in range(FLOWS)]
    deployments = [_deployment(chance, flow) for flow in flows]
    ids = sorted((_uuid(chance) for _ in range(RUNS)), reverse=True)
    runs = [
        _flow_run(chance, number, id_, flows[flow], None if number % 5 == 4 else deployments[flow])
        for number, (id_, flow) in enumerate(zip(ids, flows_of_runs(), strict=True))
    ]
    first = {flow["id"] for flow in flows[:FLOWS_A_PAGE]}
    parents = [run for run in runs if run["flow_id"] in first for _ in range(TASK_RUNS_A_RUN)]
    task_runs = [_task_run(chance, number, run) for number, run in enumerate(parents)]
    task_runs.sort(key=lambda row: str(row["id"]), reverse=True)
    return {"flows": flows, "deployments": deployments, "flow_runs": runs, "task_runs": task_runs}


def flows_of_runs() -> list[int]:
    """Return the number of each run's flow: the first `PAGES` pages have 20 flows each, other runs the rest."""
    head = [FLOWS_A_PAGE * page + run % FLOWS_A_PAGE for page in range(PAGES) for run in range(PAGE)]
    have = Counter(head)
    return head + [flow for flow in range(FLOWS) for _ in range(RUNS_A_FLOW - have[flow])]


def write_world(world: World, path: Path) -> None:
    """Write the rows where the fake upstream reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(world))


def _uuid(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


def _time(number: int, seconds: float = 0) -> str:
    return (BEGINNING + timedelta(minutes=number, seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _flow(chance: random.Random, number: int) -> Row:
    return {
        "id": _uuid(chance),
        "created": _time(number),
        "updated": _time(number, 0.000042),
        "name": f"flow-{number:04}",
        "tags": ["etl", "nightly"][: number % 3],
        "labels": {},
    }


def _deployment(chance: random.Random, flow: Row) -> Row:
    empty = (
        *("version", "description", "concurrency_limit", "global_concurrency_limit", "concurrency_options"),
        *("work_queue_name", "work_queue_id", "last_polled", "path", "entrypoint", "storage_document_id"),
        *("infrastructure_document_id", "created_by", "updated_by", "work_pool_name"),
    )
    return {
        "id": _uuid(chance),
        "created": flow["created"],
        "updated": flow["updated"],
        "name": f"production-{flow['name']}",
        "flow_id": flow["id"],
        "paused": False,
        "schedules": [],
        "job_variables": {},
        "parameters": {},
        "tags": ["production"],
        "labels": {"prefect.flow.id": flow["id"]},
        "parameter_openapi_schema": {},
        "pull_steps": [],
        "status": "NOT_READY",
        "enforce_parameter_schema": True,
        **dict.fromkeys(empty),
    }


def _state(chance: random.Random, number: int, **of: str) -> Row:
    kind, name = OUTCOMES[number % len(OUTCOMES)]
    empty = (
        *("flow_run_id", "task_run_id", "child_flow_run_id", "scheduled_time", "cache_key", "cache_expiration"),
        *("pause_timeout", "pause_key", "run_input_keyset", "refresh_cache", "retriable", "transition_id"),
        *("task_parameters_id", "traceparent", "deployment_concurrency_lease_id"),
    )
    details = {**dict.fromkeys(empty), "deferred": False, "untrackable_result": False, "pause_reschedule": False, **of}
    return {
        "id": _uuid(chance),
        "type": kind,
        "name": name,
        "timestamp": _time(number, 2.5),
        "message": "All states are as they should be.",
        "data": None,
        "state_details": details,
    }


def _run(number: int, state: Row) -> Row:
    ended = state["type"] in ("COMPLETED", "FAILED")
    return {
        "created": _time(number),
        "updated": _time(number, 2.5),
        "tags": ["nightly"],
        "state_id": state["id"],
        "state_type": state["type"],
        "state_name": state["name"],
        "run_count": 1,
        "expected_start_time": _time(number, 1),
        "next_scheduled_start_time": None,
        "start_time": _time(number, 1.25),
        "end_time": _time(number, 2.5) if ended else None,
        "total_run_time": 1.25,
        "estimated_run_time": 1.25,
        "estimated_start_time_delta": 0.25,
        "state": state,
    }


def _flow_run(chance: random.Random, number: int, id_: str, flow: Row, deployment: Row | None) -> Row:
    labels = {"prefect.flow.id": flow["id"]}
    if deployment:
        labels["prefect.deployment.id"] = deployment["id"]
    empty = (
        *("deployment_version", "flow_version", "idempotency_key", "parent_task_run_id", "infrastructure_document_id"),
        *("infrastructure_pid", "created_by", "work_pool_id", "work_pool_name"),
    )
    return {
        "id": id_,
        "name": f"run-{number:05}",
        "flow_id": flow["id"],
        "deployment_id": deployment and deployment["id"],
        "work_queue_id": _uuid(chance),
        "work_queue_name": "default",
        "parameters": {"x": number},
        "context": {},
        "empirical_policy": {
            "max_retries": 0,
            "retry_delay_seconds": 0.0,
            "retries": None,
            "retry_delay": None,
            "pause_keys": [],
            "resuming": False,
            "retry_type": None,
        },
        "labels": labels,
        "auto_scheduled": False,
        "job_variables": {},
        **dict.fromkeys(empty),
        **_run(number, _state(chance, number, flow_run_id=id_)),
    }


def _task_run(chance: random.Random, number: int, flow_run: Row) -> Row:
    id_ = _uuid(chance)
    return {
        "id": id_,
        "name": f"task-{number:05}",
        "flow_run_id": flow_run["id"],
        "task_key": "extract-1a2b3c4d",
        "dynamic_key": str(number % TASK_RUNS_A_RUN),
        "cache_key": None,
        "cache_expiration": None,
        "task_version": None,
        "empirical_policy": {
            "max_retries": 0,
            "retry_delay_seconds": 0.0,
            "retries": None,
            "retry_delay": None,
            "retry_jitter_factor": None,
        },
        "labels": {},
        "task_inputs": {},
        "flow_run_run_count": 1,
        **_run(number, _state(chance, number, flow_run_id=flow_run["id"], task_run_id=id_)),
    }
