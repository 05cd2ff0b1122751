"""The routes about the server itself, and the counts that Prefect's UI asks for many rows at once."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, Request, Response
from sqlalchemy import ColumnElement, exists, func, select

from gateway.embedded.expressions import member
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, database_of
from gateway.embedded.rows import dump
from gateway.embedded.tables import TABLES

API_VERSION = "0.8.4"
"""The version of the REST API that is spoken."""

PREFECT_VERSION = "3.9.1"
"""The version of Prefect whose REST API is spoken."""

Ids = Annotated[list[UUID], Body(embed=True, max_length=200)]

router = Router()


@router.get("/health", tags=["root"])
async def health() -> bool:
    """Tell that the server runs."""
    return True


@router.get("/ready", tags=["root"])
async def ready(request: Request) -> dict[str, str]:
    """Tell whether the database answers."""
    await database_of(request).read(lambda connection: connection.scalar(select(1)))
    return {"message": "OK"}


@router.get("/version", tags=["root"])
async def version() -> str:
    """Return the version of the REST API."""
    return API_VERSION


@router.get("/admin/version", tags=["root"])
async def prefect_version() -> str:
    """Return the version of Prefect whose API this is."""
    return PREFECT_VERSION


@router.post("/ui/flows/count-deployments", response_model=dict[UUID, int], tags=["flows"])
async def count_deployments(request: Request, flow_ids: Ids) -> Response:
    """Count the deployments of each flow."""
    return await _count_by(request, TABLES["deployments"].c.flow_id, flow_ids)


@router.post("/ui/flow_runs/count-task-runs", response_model=dict[UUID, int], tags=["flow_runs"])
async def count_task_runs(request: Request, flow_run_ids: Ids) -> Response:
    """Count the task runs of each flow run, without those that stand for subflow runs."""
    task_runs, subflows = TABLES["task_runs"], TABLES["flow_runs"]
    plain = ~exists(select(1).where(subflows.c.parent_task_run_id == task_runs.c.id))
    return await _count_by(request, task_runs.c.flow_run_id, flow_run_ids, plain)


async def _count_by(
    request: Request, key: ColumnElement[str], ids: list[UUID], *conditions: ColumnElement[bool]
) -> Response:
    wanted = [str(id_) for id_ in ids]
    statement = select(key, func.count()).where(member(key, wanted), *conditions).group_by(key)
    counts = await database_of(request).read(lambda connection: dict(connection.execute(statement).all()))
    return JSON(dump({id_: counts.get(id_, 0) for id_ in wanted}))
