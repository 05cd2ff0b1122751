"""The routes that create, change and delete flow runs."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from sqlalchemy import Connection, delete

from gateway.embedded import stored
from gateway.embedded.deployments.rows import load_deployment, pool_of
from gateway.embedded.failures import Missing
from gateway.embedded.hot import Router
from gateway.embedded.orchestration.runs import FLOW_RUN, create_run
from gateway.embedded.orchestration.states import State, proposed_state
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.rows import read_by
from gateway.embedded.runs.parameters import check_job_variables
from gateway.embedded.runs.values import labels, policy, run_name
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.pools import queue_in_pool
from gateway.embedded.writes import BULK_LIMIT, Deleted, Limit, Write, act, answer, chosen, hot, remove
from schema.flow_runs import FLOW_RUNS, FlowRun, FlowRunCreate, FlowRunFilter, FlowRunPolicyInput, FlowRunUpdate
from schema.states import StateType

router = Router(prefix="/flow_runs", tags=["flow_runs"])

FLOWS, RUNS, LOGS = TABLES["flows"], TABLES["flow_runs"], TABLES["logs"]
RUN_NOT_FOUND = NOT_FOUND["flow_runs"]


@router.post("/", response_model=FlowRun, status_code=201, responses={200: {"description": "It is there already."}})
async def create_flow_run(request: Request, flow_run: FlowRunCreate) -> Response:
    """Create a flow run, or return the one of its flow with the same idempotency key."""
    return await answer(request, _creation(flow_run))


def _creation(flow_run: FlowRunCreate) -> Write:
    first = proposed_state(flow_run.state) if flow_run.state else State(StateType.PENDING)
    values = flow_run.model_dump(mode="json", exclude_unset=True, exclude={"state", "work_pool_name"})
    values["empirical_policy"] = policy(flow_run.empirical_policy or FlowRunPolicyInput())
    if flow_run.job_variables is None:
        # A run with an idempotency key has null where others have an empty object, in Prefect.
        values["job_variables"] = None if flow_run.idempotency_key else {}

    def create(connection: Connection) -> tuple[int, Any]:
        if flow_run.work_pool_name:
            values["work_queue_id"] = queue_in_pool(connection, flow_run.work_pool_name, flow_run.work_queue_name)
        values["labels"] = _labels(connection, flow_run)
        return add_flow_run(connection, values, first)

    return create


router.heat("POST /", hot(_creation, FlowRunCreate))


def add_flow_run(connection: Connection, values: dict[str, Any], first: State) -> tuple[int, Row | None]:
    """Insert a flow run unless its flow has one with its idempotency key; return the status and the row."""
    key = values.get("idempotency_key")
    if key and (row := read_by(connection, "flow_runs", flow_id=values["flow_id"], idempotency_key=key)):
        return 200, row
    run = stored.new_row(RUNS, **{**values, "name": run_name(values.get("name"))})
    create_run(connection, FLOW_RUN, run, first)
    return 201, read_by(connection, "flow_runs", id=run["id"])


def _labels(connection: Connection, flow_run: FlowRunCreate) -> dict[str, Any]:
    if flow_run.deployment_id and (deployment := load_deployment(connection, flow_run.deployment_id)):
        return deployment_labels(deployment, flow_run.labels)
    flow = stored.load(connection, FLOWS, flow_run.flow_id, json=("labels",), lock=False)
    return labels(flow["labels"] if flow else None, {"prefect.flow.id": flow_run.flow_id}, flow_run.labels)


def deployment_labels(deployment: Row, given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the labels of a run of a deployment."""
    system = {"prefect.flow.id": deployment["flow_id"], "prefect.deployment.id": deployment["id"]}
    return labels(deployment["labels"], system, given)


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_flow_run(request: Request, id: UUID, flow_run: FlowRunUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a flow run."""
    values = flow_run.model_dump(mode="json", exclude_unset=True)
    if "name" in values:
        values["name"] = run_name(values["name"])
    if flow_run.empirical_policy:
        values["empirical_policy"] = policy(flow_run.empirical_policy)

    def update(connection: Connection) -> bool:
        if flow_run.job_variables is not None:
            _check_job_variables(connection, str(id), flow_run.job_variables)
        return stored.change(connection, RUNS, str(id), values)

    await act(request, update, RUN_NOT_FOUND)


def _check_job_variables(connection: Connection, run_id: str, given: dict[str, Any]) -> None:
    run = FLOW_RUN.load(connection, run_id)
    if run is None:
        raise HTTPException(404, RUN_NOT_FOUND)
    if run["state_type"] != StateType.SCHEDULED.value:
        raise HTTPException(400, f"Job variables for a flow run in state {run['state_type']} cannot be updated")
    deployment = load_deployment(connection, run["deployment_id"]) if run["deployment_id"] else None
    if deployment is None:
        raise HTTPException(400, "A deployment for the flow run could not be found")
    if pool := pool_of(connection, deployment):
        doing = "updating flow run"
        check_job_variables(pool["base_job_template"], deployment["job_variables"], given, doing=doing, complete=True)


@router.patch("/{id:uuid}/labels", status_code=204, responses=MISSING)
async def update_labels(request: Request, id: UUID, labels: Annotated[dict[str, Any], Body()]) -> None:  # noqa: A002 (the parameter's name in the API)
    """Add labels to a flow run, or change them."""

    def update(connection: Connection) -> tuple[int, None]:
        run = stored.load(connection, RUNS, str(id), json=("labels",))
        if run is None:
            raise Missing(f"Flow run with id {id} not found")
        stored.change(connection, RUNS, str(id), {"labels": {**(run["labels"] or {}), **labels}})
        return 204, None

    await answer(request, update)


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_flow_run(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a flow run, its task runs and its logs."""
    await act(request, lambda connection: _delete(connection, str(id)), RUN_NOT_FOUND)


@router.post("/bulk_delete", response_model=Deleted)
async def delete_flow_runs(
    request: Request, flow_runs: Annotated[FlowRunFilter | None, Body()] = None, limit: Limit = BULK_LIMIT
) -> Response:
    """Delete flow runs that a filter chooses."""

    def run(connection: Connection) -> tuple[int, Any]:
        ids = chosen(connection, FLOW_RUNS, flow_runs, limit)
        return 200, {"deleted": [id_ for id_ in ids if _delete(connection, id_)]}

    return await answer(request, run)


def _delete(connection: Connection, id_: str) -> bool:
    connection.execute(delete(LOGS).where(LOGS.c.flow_run_id == id_))
    return remove(connection, "flow_runs", id_)
