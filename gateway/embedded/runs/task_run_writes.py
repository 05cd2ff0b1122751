"""The routes that create, change and delete task runs."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Connection, delete

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.orchestration.runs import TASK_RUN, create_run
from gateway.embedded.orchestration.states import State, proposed_state
from gateway.embedded.reads import MISSING
from gateway.embedded.rows import read_by
from gateway.embedded.runs.values import labels, policy, run_name
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import Write, act, answer, hot, remove
from schema.states import StateType
from schema.task_runs import TaskRun, TaskRunCreate, TaskRunPolicyInput, TaskRunUpdate

router = Router(prefix="/task_runs", tags=["task_runs"])

FLOW_RUNS, RUNS, LOGS = TABLES["flow_runs"], TABLES["task_runs"], TABLES["logs"]
KEY = ("flow_run_id", "task_key", "dynamic_key")


@router.post("/", response_model=TaskRun, status_code=201, responses={200: {"description": "It is there already."}})
async def create_task_run(request: Request, task_run: TaskRunCreate) -> Response:
    """Create a task run, or return the one with the same flow run, task key and dynamic key."""
    return await answer(request, _creation(task_run))


def _creation(task_run: TaskRunCreate) -> Write:
    first = proposed_state(task_run.state) if task_run.state else State(StateType.PENDING)
    values = task_run.model_dump(mode="json", exclude_unset=True, exclude={"state"})
    values |= {"name": run_name(task_run.name), "cache_expiration": task_run.cache_expiration}
    if task_run.task_inputs:
        values["task_inputs"] = {name: _inputs(given) for name, given in task_run.task_inputs.items()}
    values["empirical_policy"] = policy(task_run.empirical_policy or TaskRunPolicyInput())
    if task_run.id is None:
        values.pop("id", None)
    key = {name: getattr(task_run, name) for name in KEY}

    def create(connection: Connection) -> tuple[int, Any]:
        if row := read_by(connection, "task_runs", **key):
            return 200, row
        values["labels"] = _labels(connection, task_run)
        run = stored.new_row(RUNS, **values)
        create_run(connection, TASK_RUN, run, first)
        return 201, read_by(connection, "task_runs", id=run["id"])

    return create


router.heat("POST /", hot(_creation, TaskRunCreate))


def _inputs(given: Any) -> Any:
    """Say of each input what kind it is, where that follows from the one key that it has."""
    if isinstance(given, list):
        return [_inputs(each) for each in given]
    kinds = {"id": "task_run", "name": "parameter", "type": "constant"}
    kind = next((kind for key, kind in kinds.items() if isinstance(given, dict) and key in given), None)
    return {"input_type": kind, **given} if kind else given


def _labels(connection: Connection, task_run: TaskRunCreate) -> dict[str, Any]:
    if task_run.flow_run_id is None:
        return labels(None, {}, task_run.labels)
    flow_run = stored.load(connection, FLOW_RUNS, task_run.flow_run_id, json=("labels",), lock=False)
    system = {"prefect.flow-run.id": task_run.flow_run_id}
    return labels(flow_run["labels"] if flow_run else None, system, task_run.labels)


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_task_run(request: Request, id: UUID, task_run: TaskRunUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a task run."""
    values = task_run.model_dump(mode="json", exclude_unset=True)
    if "name" in values:
        values["name"] = run_name(values["name"])
    await act(request, lambda connection: stored.change(connection, RUNS, str(id), values), "Task run not found")


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_task_run(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a task run and its logs."""

    def run(connection: Connection) -> bool:
        connection.execute(delete(LOGS).where(LOGS.c.task_run_id == str(id)))
        return remove(connection, "task_runs", str(id))

    await act(request, run, "Task not found")
