"""The routes that create, change, pause and delete deployments."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.deployments.events import deployment_row, tell_deployment_change, tell_deployments
from gateway.embedded.deployments.rows import (
    DEPLOYMENTS,
    delete_deployment,
    delete_scheduled_runs,
    limit_values,
    pause,
    queue_values,
    set_limit,
)
from gateway.embedded.deployments.updates import check_limits, update_deployment_row
from gateway.embedded.hot import Router
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.rows import read_row
from gateway.embedded.runs.parameters import Nonconforming, check, check_job_variables, check_schema, invalid
from gateway.embedded.runs.values import labels
from gateway.embedded.schedules.rows import check_schedules, replace_schedules
from gateway.embedded.tables import TABLES
from gateway.embedded.work.pools import pool_named
from gateway.embedded.writes import BULK_LIMIT, Deleted, Limit, act, answer, chosen
from schema.deployments import DEPLOYMENTS as COLLECTION
from schema.deployments import Deployment, DeploymentCreate, DeploymentFilter, DeploymentUpdate

router = Router(prefix="/deployments", tags=["deployments"])

FLOWS, BLOCK_DOCUMENTS = TABLES["flows"], TABLES["block_documents"]
DEPLOYMENT_NOT_FOUND = NOT_FOUND["deployments"]


@router.post("/", response_model=Deployment, status_code=201, responses={200: {"description": "It is there already."}})
async def create_deployment(request: Request, deployment: DeploymentCreate) -> Response:
    """Create a deployment, or change the one of that flow and name, whose schedules are replaced."""
    _check(deployment)
    return await answer(request, lambda connection: _create(connection, deployment))


def _check(deployment: DeploymentCreate) -> None:
    given = deployment.model_dump(mode="json", exclude_unset=True)
    try:
        if deployment.enforce_parameter_schema and (schema := deployment.parameter_openapi_schema):
            check_schema(schema)
            check(deployment.parameters or {}, schema, complete=False, repair=False)
    except Nonconforming as error:
        raise invalid(str(error), given) from None
    check_limits(deployment)
    check_schedules(deployment.schedules or ())


def _create(connection: Connection, deployment: DeploymentCreate) -> tuple[int, Any]:
    given = deployment.model_dump(mode="json", exclude_unset=True, exclude={"schedules", "version_info"})
    if deployment.work_pool_name:
        pool = pool_named(connection, deployment.work_pool_name)
        variables = deployment.job_variables
        if variables:
            check_job_variables(pool["base_job_template"], variables, doing="creating deployment", complete=False)
    values = queue_values(connection, limit_values(connection, given))
    _check_blocks(connection, given)
    values |= {"parameters": deployment.parameters or {}, "labels": _labels(connection, deployment)}
    if deployment.concurrency_options:
        values["concurrency_options"] = deployment.concurrency_options.model_dump(mode="json")
    same = (DEPLOYMENTS.c.flow_id == deployment.flow_id, DEPLOYMENTS.c.name == deployment.name)
    there = stored.find(connection, DEPLOYMENTS, *same)
    before = deployment_row(connection, there["id"]) if there else None
    row = there or stored.new_row(DEPLOYMENTS, **{"parameter_openapi_schema": {}, "pull_steps": [], **values})
    if there:
        stored.change(connection, DEPLOYMENTS, row["id"], values)
        delete_scheduled_runs(connection, row["id"], scheduled_by_server=True, future=True)
    else:
        stored.add(connection, DEPLOYMENTS, row)
    replace_schedules(connection, row["id"], deployment.schedules or ())
    if "concurrency_limit" in given:
        set_limit(connection, row["id"], given["concurrency_limit"])
    if before:
        tell_deployment_change(connection, before)
    else:
        tell_deployments(connection, "created", [row["id"]])
    return (200 if there else 201), read_row(connection, "deployments", *same)


def _check_blocks(connection: Connection, given: dict[str, Any]) -> None:
    for kind in ("infrastructure", "storage"):
        id_ = given.get(f"{kind}_document_id")
        if id_ and stored.load(connection, BLOCK_DOCUMENTS, id_, lock=False) is None:
            raise HTTPException(
                409,
                f"Error creating deployment. Could not find {kind} block with id: {id_}. This usually occurs when applying a"
                " deployment specification that was built against a different Prefect database / workspace.",
            )


def _labels(connection: Connection, deployment: DeploymentCreate) -> dict[str, Any]:
    flow = stored.load(connection, FLOWS, deployment.flow_id, json=("labels",), lock=False)
    return labels(flow["labels"] if flow else None, {"prefect.flow.id": deployment.flow_id}, deployment.labels)


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_deployment(request: Request, id: UUID, deployment: DeploymentUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a deployment."""
    check_limits(deployment)
    check_schedules(deployment.schedules or ())
    await act(
        request, lambda connection: update_deployment_row(connection, str(id), deployment), "Deployment not found."
    )


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a deployment and its runs that have not started."""
    await act(request, lambda connection: delete_deployment(connection, str(id)), DEPLOYMENT_NOT_FOUND)


@router.post("/bulk_delete", response_model=Deleted)
async def delete_deployments(
    request: Request, deployments: Annotated[DeploymentFilter | None, Body()] = None, limit: Limit = BULK_LIMIT
) -> Response:
    """Delete deployments that a filter chooses."""

    def run(connection: Connection) -> tuple[int, Any]:
        ids = chosen(connection, COLLECTION, deployments, limit)
        return 200, {"deleted": [id_ for id_ in ids if delete_deployment(connection, id_)]}

    return await answer(request, run)


@router.post("/{id:uuid}/pause_deployment", responses=MISSING)
async def pause_deployment(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Let a deployment's schedules make no runs, and delete those that they made and that have not started."""

    def run(connection: Connection) -> bool:
        delete_scheduled_runs(connection, str(id), scheduled_by_server=True)
        return pause(connection, str(id), paused=True)

    await act(request, run, DEPLOYMENT_NOT_FOUND)


@router.post("/{id:uuid}/resume_deployment", responses=MISSING)
async def resume_deployment(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Let a deployment's schedules make runs again."""
    await act(request, lambda connection: pause(connection, str(id), paused=False), DEPLOYMENT_NOT_FOUND)
