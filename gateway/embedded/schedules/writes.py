"""The routes of the schedules of a deployment, and the one that makes runs of them now."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from pydantic_core import from_json
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.deployments.rows import DEPLOYMENTS, delete_scheduled_runs, load_deployment
from gateway.embedded.expressions import member
from gateway.embedded.failures import CONFLICT
from gateway.embedded.hot import Router
from gateway.embedded.reading.queries import order
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by, read_rows
from gateway.embedded.schedules.rows import TABLE, add_schedules, change_schedule, check_schedules
from gateway.embedded.schedules.scheduler import MAX_RUNS, MIN_RUNS, MIN_TIME, make_runs
from gateway.embedded.shapes import Row
from gateway.embedded.work.pools import QUEUES
from gateway.embedded.writes import answer
from schema.schedules import DeploymentSchedule, DeploymentScheduleCreate, DeploymentScheduleUpdate
from schema.work_queues import WorkQueue

router = Router(prefix="/deployments", tags=["deployments"])

COMPUTED = frozenset({"work_pool_name", "status", "active_slots"})
"""What a queue does not show where it is checked, as in Prefect."""

MISSING_DEPLOYMENT = "Deployment not found."


@router.get("/{id:uuid}/schedules", response_model=list[DeploymentSchedule], responses=MISSING)
async def read_schedules(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read the schedules of a deployment, the last changed first."""
    row = await database_of(request).read(lambda connection: read_by(connection, "deployments", id=str(id)))
    return JSON(dump(found(row, MISSING_DEPLOYMENT)["schedules"]))


@router.post("/{id:uuid}/schedules", response_model=list[DeploymentSchedule], status_code=201, responses=MISSING)
async def create_schedules(request: Request, id: UUID, schedules: list[DeploymentScheduleCreate]) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Give a deployment more schedules."""
    check_schedules(schedules)

    def create(connection: Connection) -> tuple[int, Any]:
        _load(connection, id)
        for slug in filter(None, (schedule.slug for schedule in schedules)):
            _check_slug(connection, id, slug)
        added = add_schedules(connection, str(id), schedules, limited=True)
        rows = {row["id"]: row for row in _schedules(connection, id)}
        return 201, [rows[id_] for id_ in added]

    return await answer(request, create)


def _load(connection: Connection, id_: UUID) -> None:
    if stored.load(connection, DEPLOYMENTS, str(id_)) is None:
        raise HTTPException(404, MISSING_DEPLOYMENT)


def _schedules(connection: Connection, id_: UUID) -> list[Row]:
    schedules: list[Row] = found(read_by(connection, "deployments", id=str(id_)), MISSING_DEPLOYMENT)["schedules"]
    return schedules


def _check_slug(connection: Connection, id_: UUID, slug: str, *, but: UUID | None = None) -> None:
    same = select(TABLE.c.id).where(TABLE.c.deployment_id == str(id_), TABLE.c.slug == slug)
    if {*connection.scalars(same)} - {str(but)}:
        raise HTTPException(409, CONFLICT)


def _find(connection: Connection, id_: UUID, schedule_id: UUID) -> Row:
    _load(connection, id_)
    ours = (TABLE.c.deployment_id == str(id_), TABLE.c.id == str(schedule_id))
    return found(stored.find(connection, TABLE, *ours), "Schedule not found.")


@router.patch("/{id:uuid}/schedules/{schedule_id:uuid}", status_code=204, responses=MISSING)
async def update_schedule(request: Request, id: UUID, schedule_id: UUID, schedule: DeploymentScheduleUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a schedule; the runs to come that schedules of the deployment made are made anew."""
    check_schedules([schedule])

    def update(connection: Connection) -> tuple[int, None]:
        _find(connection, id, schedule_id)
        if schedule.slug:
            _check_slug(connection, id, schedule.slug, but=schedule_id)
        change_schedule(connection, str(schedule_id), schedule)
        delete_scheduled_runs(connection, str(id), scheduled_by_server=True, future=True)
        return 204, None

    await answer(request, update)


@router.delete("/{id:uuid}/schedules/{schedule_id:uuid}", status_code=204, responses=MISSING)
async def delete_schedule(request: Request, id: UUID, schedule_id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a schedule, with the runs that schedules of the deployment made and that have not started."""

    def delete(connection: Connection) -> tuple[int, None]:
        schedule = _find(connection, id, schedule_id)
        connection.execute(TABLE.delete().where(TABLE.c.id == schedule["id"]))
        delete_scheduled_runs(connection, str(id), scheduled_by_server=True)
        return 204, None

    await answer(request, delete)


@router.post("/{id:uuid}/schedule")
async def schedule_runs(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    start_time: Annotated[datetime | None, Body(description="When the first run is due at the earliest.")] = None,
    end_time: Annotated[datetime | None, Body(description="When the last run is due at the latest.")] = None,
    min_time: Annotated[
        float | None,
        Body(
            description="Seconds after `start_time` that runs are made for.", json_schema_extra={"format": "time-delta"}
        ),
    ] = None,
    min_runs: Annotated[int | None, Body(description="Runs of each schedule at least.")] = None,
    max_runs: Annotated[int | None, Body(description="Runs of each schedule at most.")] = None,
) -> None:
    """Make runs of a deployment's schedules; a deployment that is not there has none."""
    until = MIN_TIME if min_time is None else timedelta(seconds=min_time)
    least, most = (MIN_RUNS if min_runs is None else min_runs), (MAX_RUNS if max_runs is None else max_runs)

    def schedule(connection: Connection) -> tuple[int, None]:
        make_runs(connection, str(id), start_time, end_time, until, least, most)
        return 200, None

    await answer(request, schedule)


@router.get("/{id:uuid}/work_queue_check", response_model=list[WorkQueue], responses=MISSING)
async def check_work_queues(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read the work queues that would hand out a deployment's runs by their filters of tags and deployments."""

    def read(connection: Connection) -> list[Row]:
        deployment = found(load_deployment(connection, str(id)), NOT_FOUND["deployments"])
        filters = connection.execute(select(QUEUES.c.id, QUEUES.c.filter)).all()
        fitting = [queue for queue, text in filters if _fits(from_json(text) if text else {}, deployment)]
        queues = select(QUEUES).where(member(QUEUES.c.id, fitting)).order_by(*order("work_queues"))
        return [
            {name: value for name, value in queue.items() if name not in COMPUTED}
            for queue in read_rows(connection, "work_queues", queues)
        ]

    return JSON(dump(await database_of(request).read(read)))


def _fits(filter_: Row, deployment: Row) -> bool:
    ids = filter_.get("deployment_ids")
    return {*(filter_.get("tags") or ())} <= {*deployment["tags"]} and (not ids or deployment["id"] in ids)
