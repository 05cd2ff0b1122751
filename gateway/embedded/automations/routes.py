"""The routes of automations that are not every collection's: created, replaced, enabled, deleted, found by a resource."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic_core import from_json
from sqlalchemy import Connection, delete, select

from gateway.embedded import stored
from gateway.embedded.automations import body, templates
from gateway.embedded.automations.actions import RunDeployment
from gateway.embedded.automations.body import AutomationCreate, AutomationPartialUpdate, AutomationUpdate
from gateway.embedded.automations.tables import AUTOMATIONS, RELATED
from gateway.embedded.deployments.rows import load_deployment, pool_of
from gateway.embedded.events import emit, lifecycle
from gateway.embedded.events.lifecycle import Change
from gateway.embedded.failures import Missing
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, MISSING, database_of
from gateway.embedded.rows import dump, read_by, read_rows
from gateway.embedded.runs.parameters import check_job_variables
from gateway.embedded.shapes import Row
from gateway.embedded.writes import answer, remove
from schema.automations import Automation

router = Router(tags=["automations"])

NOT_FOUND = "Automation not found"
TOLD = tuple(column.name for column in AUTOMATIONS.c)


def _read(connection: Connection, id_: UUID | str) -> Row:
    row = read_by(connection, "automations", id=str(id_))
    if row is None:
        raise Missing(NOT_FOUND)
    return row


def _tell(connection: Connection, change: Change, *rows: Row) -> None:
    """Tell of automations that were changed."""
    plain = (from_json(dump(row)) for row in rows)
    emit(connection, *(lifecycle("automation", change, row, *TOLD) for row in plain))


@router.post("/automations/", response_model=Automation, status_code=201)
async def create_automation(request: Request, automation: AutomationCreate) -> Response:
    """Create an automation."""

    def create(connection: Connection) -> tuple[int, Row]:
        _check_job_variables(connection, (each for each in _runs(automation) if each.job_variables))
        row = stored.new_row(AUTOMATIONS, **automation.values())
        stored.add(connection, AUTOMATIONS, row)
        _relate(connection, row["id"], automation)
        made = _read(connection, row["id"])
        _tell(connection, "created", made)
        return 201, made

    return await answer(request, create)


@router.put("/automations/{id:uuid}", status_code=204, responses=MISSING)
async def update_automation(request: Request, id: UUID, automation: AutomationUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change an automation: what is absent stays."""

    def replace(connection: Connection) -> tuple[int, None]:
        _check_job_variables(connection, (each for each in _runs(automation) if each.job_variables is not None))
        _change(connection, id, automation.values(given=True))
        _relate(connection, str(id), automation)
        return 204, None

    await answer(request, replace)


@router.patch("/automations/{id:uuid}", status_code=204, responses=MISSING)
async def enable_automation(request: Request, id: UUID, automation: AutomationPartialUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Enable or disable an automation."""

    def enable(connection: Connection) -> tuple[int, None]:
        there = from_json(dump(_read(connection, id)))
        try:
            body.Automation.model_validate({**there, "enabled": automation.enabled})
        except ValidationError as error:
            raise RequestValidationError(error.errors(), body=automation.model_dump()) from None
        _change(connection, id, automation.model_dump(exclude_unset=True))
        return 204, None

    await answer(request, enable)


def _change(connection: Connection, id_: UUID, values: Row) -> None:
    if not stored.change(connection, AUTOMATIONS, str(id_), values):
        raise Missing(NOT_FOUND)
    _tell(connection, "updated", _read(connection, id_))


@router.delete("/automations/{id:uuid}", status_code=204, responses=MISSING)
async def delete_automation(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete an automation."""

    def remove_one(connection: Connection) -> tuple[int, None]:
        row = _read(connection, id)
        remove(connection, "automations", str(id))
        _tell(connection, "deleted", row)
        return 204, None

    await answer(request, remove_one)


@router.get("/automations/{id:uuid}", response_model=Automation, responses=MISSING)
async def read_automation(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read an automation."""
    return JSON(await database_of(request).read(lambda connection: dump(_read(connection, id))))


@router.get("/automations/related-to/{resource_id}", response_model=list[Automation])
async def read_automations_related_to(request: Request, resource_id: str) -> Response:
    """Read the automations that act on a resource or belong to it."""
    ids = select(RELATED.c.automation_id).where(RELATED.c.resource_id == resource_id)
    statement = select(AUTOMATIONS).where(AUTOMATIONS.c.id.in_(ids)).order_by(AUTOMATIONS.c.created, AUTOMATIONS.c.id)
    return JSON(
        await database_of(request).read(lambda connection: dump(read_rows(connection, "automations", statement)))
    )


@router.delete("/automations/owned-by/{resource_id}", status_code=202)
async def delete_automations_owned_by(request: Request, resource_id: str) -> Response:
    """Delete the automations that belong to a resource."""
    owned = select(RELATED.c.automation_id).where(RELATED.c.resource_id == resource_id, RELATED.c.is_owner)

    def remove_all(connection: Connection) -> tuple[int, None]:
        connection.execute(delete(AUTOMATIONS).where(AUTOMATIONS.c.id.in_(owned)))
        return 202, None

    return await answer(request, remove_all)


@router.post("/automations/templates/validate", status_code=204, deprecated=True)
@router.post("/templates/validate", status_code=204)
async def validate_template(template: Annotated[str, Body()] = "") -> Response:
    """Tell whether a text is a template that automations can use."""
    try:
        templates.check(template)
    except templates.Invalid as error:
        return JSONResponse({"error": {"line": error.line, "message": error.message, "source": template}}, 422)
    return Response(status_code=204)


def _runs(automation: AutomationUpdate) -> list[RunDeployment]:
    """Return the actions that run a deployment that is selected."""
    return [each for each in automation.actions if isinstance(each, RunDeployment) and each.deployment_id]


def _check_job_variables(connection: Connection, actions: Iterable[RunDeployment]) -> None:
    for action in actions:
        deployment = load_deployment(connection, str(action.deployment_id))
        if deployment is None:
            raise HTTPException(404, "Deployment not found.")
        pool = pool_of(connection, deployment)
        given = (deployment["job_variables"], action.job_variables)
        if pool and any(given):
            check_job_variables(pool["base_job_template"], *given, doing="creating automation", complete=True)


def _relate(connection: Connection, id_: str, automation: AutomationUpdate) -> None:
    """Write down the deployments that it runs, and the resource that it belongs to."""
    of_this = RELATED.c.automation_id == id_
    connection.execute(delete(RELATED).where(of_this, ~RELATED.c.is_owner))
    owned = set(connection.scalars(select(RELATED.c.resource_id).where(of_this)))
    runs = {f"prefect.deployment.{action.deployment_id}" for action in _runs(automation)} - owned
    owner = automation.owner_resource if isinstance(automation, AutomationCreate) else None
    rows = [
        {"automation_id": id_, "resource_id": resource, "is_owner": resource == owner}
        for resource in sorted(runs | ({owner} if owner else set()))
    ]
    if rows:
        stored.add(connection, RELATED, *rows)
