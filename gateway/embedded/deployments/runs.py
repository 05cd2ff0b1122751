"""The routes that make runs of a deployment, and that hand out those that are due."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from gateway.embedded.creator import Creator
from gateway.embedded.deployments.rows import DEPLOYMENTS, load_deployment, mark_ready, pool_of
from gateway.embedded.expressions import member
from gateway.embedded.hot import Router
from gateway.embedded.orchestration.states import State, proposed_state
from gateway.embedded.reading.bodies import page_limit
from gateway.embedded.reading.queries import order
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.rows import read_rows
from gateway.embedded.runs.flow_run_writes import add_flow_run, deployment_labels
from gateway.embedded.runs.parameters import check_job_variables, check_parameters
from gateway.embedded.runs.values import policy
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.pools import queue_in_pool
from gateway.embedded.writes import answer
from schema.deployment_runs import DeploymentFlowRunCreate
from schema.flow_runs import FlowRun, FlowRunPolicyInput
from schema.states import StateType

router = Router(prefix="/deployments", tags=["deployments"])

RUNS = TABLES["flow_runs"]
BULK_CREATE_LIMIT = 100


class Created(BaseModel):
    """What became of one of the runs to create."""

    flow_run_id: UUID | None
    status: Literal["CREATED", "FAILED"]
    error: str | None


class BulkCreated(BaseModel):
    """What became of the runs to create, in the order of the request."""

    results: list[Created]


def _load(connection: Connection, id_: UUID) -> Row:
    deployment = load_deployment(connection, str(id_))
    if deployment is None:
        raise HTTPException(404, NOT_FOUND["deployments"])
    return deployment


@router.post("/{id:uuid}/create_flow_run", response_model=FlowRun, status_code=201, responses=MISSING)
async def create_flow_run(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    flow_run: DeploymentFlowRunCreate,
    creator: Creator,
) -> Response:
    """Make a run of a deployment, scheduled for now unless it says otherwise."""
    return await answer(
        request, lambda connection: _create(connection, _load(connection, id), flow_run, creator=creator)
    )


@router.post("/{id:uuid}/create_flow_run/bulk", response_model=BulkCreated, responses=MISSING)
async def create_flow_runs(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    flow_runs: list[DeploymentFlowRunCreate],
    creator: Creator,
) -> Response:
    """Make runs of a deployment; one that cannot be made does not hinder the others."""
    if len(flow_runs) > BULK_CREATE_LIMIT:
        raise HTTPException(400, f"Cannot create more than {BULK_CREATE_LIMIT} flow runs at once.")

    def create(connection: Connection) -> tuple[int, Any]:
        deployment = _load(connection, id)
        return 200, {"results": [_create_one(connection, deployment, flow_run, creator) for flow_run in flow_runs]}

    return await answer(request, create)


def _create_one(
    connection: Connection, deployment: Row, flow_run: DeploymentFlowRunCreate, creator: Row | None
) -> dict[str, Any]:
    try:
        with connection.begin_nested():
            _, row = _create(connection, deployment, flow_run, "Parameter validation failed", creator)
    except HTTPException as error:
        return {"flow_run_id": None, "status": "FAILED", "error": error.detail}
    except IntegrityError as error:
        return {"flow_run_id": None, "status": "FAILED", "error": f"The run refers to what is not there: {error.orig}"}
    return {"flow_run_id": row and row["id"], "status": "CREATED", "error": None}


def _create(
    connection: Connection,
    deployment: Row,
    flow_run: DeploymentFlowRunCreate,
    refusal: str = "Error creating flow run",
    creator: Row | None = None,
) -> tuple[int, Row | None]:
    parameters = {**deployment["parameters"], **(flow_run.parameters or {})}
    enforced = flow_run.enforce_parameter_schema
    if deployment["enforce_parameter_schema"] if enforced is None else enforced:
        check_parameters(parameters, deployment["parameter_openapi_schema"], refusal=refusal)
    pool = pool_of(connection, deployment)
    if pool:
        variables = (deployment["job_variables"], flow_run.job_variables)
        check_job_variables(pool["base_job_template"], *variables, doing="creating flow run", complete=True)
    own = {"state", "parameters", "tags", "enforce_parameter_schema", "work_queue_name"}
    values = {
        "job_variables": {},
        **flow_run.model_dump(mode="json", exclude_unset=True, exclude=own),
        "flow_id": deployment["flow_id"],
        "deployment_id": deployment["id"],
        "deployment_version": deployment["version"],
        "created_by": creator,
        "parameters": parameters,
        "tags": list(dict.fromkeys([*deployment["tags"], *(flow_run.tags or ())])),
        "labels": deployment_labels(deployment, flow_run.labels),
        "empirical_policy": policy(flow_run.empirical_policy or FlowRunPolicyInput()),
        "infrastructure_document_id": flow_run.infrastructure_document_id or deployment["infrastructure_document_id"],
        **_queue(connection, deployment, pool, flow_run.work_queue_name),
    }
    first = proposed_state(flow_run.state) if flow_run.state else State(StateType.SCHEDULED)
    return add_flow_run(connection, values, first)


def _queue(connection: Connection, deployment: Row, pool: Row | None, name: str | None) -> dict[str, Any]:
    if not name:
        return {key: deployment[key] for key in ("work_queue_id", "work_queue_name")}
    if pool is None:
        raise HTTPException(
            400,
            f"Cannot create flow run in work queue {name} because deployment {deployment['id']} is not associated with a"
            " work pool. Please remove work_pool_name and try again.",
        )
    return {"work_queue_id": queue_in_pool(connection, pool["name"], name, create=True), "work_queue_name": name}


@router.post("/get_scheduled_flow_runs", response_model=list[FlowRun])
async def get_scheduled_flow_runs(
    request: Request,
    deployment_ids: Annotated[list[UUID], Body(embed=True)],
    scheduled_before: Annotated[datetime | None, Body(embed=True)] = None,
    limit: Annotated[int | None, Body(embed=True)] = None,
) -> Response:
    """Read the runs of deployments that are scheduled, those due first in front; who asks is ready to run them."""
    deployments = [str(id_) for id_ in deployment_ids]
    due = [RUNS.c.next_scheduled_start_time <= scheduled_before] if scheduled_before else []
    scheduled = RUNS.c.state_type == StateType.SCHEDULED.value
    statement = (
        select(RUNS)
        .where(member(RUNS.c.deployment_id, deployments), scheduled, *due)
        .order_by(*order("flow_runs", "NEXT_SCHEDULED_START_TIME_ASC"))
        .limit(page_limit(limit))
    )

    def read(connection: Connection) -> tuple[int, Any]:
        mark_ready(connection, member(DEPLOYMENTS.c.id, deployments))
        return 200, read_rows(connection, "flow_runs", statement)

    return await answer(request, read)
