"""The routes of concurrency limits by tag: global limits named `tag:...`, with the task runs that hold their slots."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from sqlalchemy import ColumnElement, Connection, func

from gateway.embedded import stored
from gateway.embedded.concurrency import leases
from gateway.embedded.concurrency.global_limits import LOCKED, Denied, Occupied, occupied
from gateway.embedded.concurrency.slots import (
    LIMITS,
    LONGEST_WAIT,
    TAG,
    add_limit,
    deadlock,
    read_limits,
    remove_limit,
    take,
    tell,
)
from gateway.embedded.expressions import member
from gateway.embedded.hot import Router
from gateway.embedded.reading.bodies import Page, page_limit
from gateway.embedded.reads import JSON, MISSING, database_of, found
from gateway.embedded.rows import dump
from gateway.embedded.shapes import Row
from gateway.embedded.writes import act, answer
from schema.concurrency_limits import ConcurrencyLimit, ConcurrencyLimitCreate

router = Router(prefix="/concurrency_limits", tags=["concurrency_limits"])

NOT_FOUND = "Concurrency limit not found"

OF_TAGS = func.substr(LIMITS.c.name, 1, len(TAG)) == TAG
Tags = Annotated[list[str], Body(description="The tags.")]
TaskRun = Annotated[UUID, Body(description="The task run that holds the slots.")]


def _of_tag(tag: str) -> ColumnElement[bool]:
    return LIMITS.c.name == f"{TAG}{tag}"


def _shown(connection: Connection, limits: list[Row]) -> list[Row]:
    """Return the rows of limits as REST shows them."""
    holders = leases.holders(connection, [limit["id"] for limit in limits])
    return [
        {
            **{name: limit[name] for name in ("id", "created", "updated")},
            "tag": limit["name"].removeprefix(TAG),
            "concurrency_limit": limit["limit"],
            "active_slots": holders.get(limit["id"], []),
        }
        for limit in limits
    ]


@router.post(
    "/", response_model=ConcurrencyLimit, status_code=201, responses={200: {"description": "It is there already."}}
)
async def create_limit(request: Request, limit: ConcurrencyLimitCreate) -> Response:
    """Create a concurrency limit, or change that of the tag."""

    def create(connection: Connection) -> tuple[int, Row]:
        there = stored.find(connection, LIMITS, _of_tag(limit.tag))
        if there:
            stored.change(connection, LIMITS, there["id"], {"limit": limit.concurrency_limit})
        row = there or add_limit(connection, name=f"{TAG}{limit.tag}", limit=limit.concurrency_limit)
        row |= {"limit": limit.concurrency_limit}
        tell(connection, "updated" if there else "created", row)
        (made,) = _shown(connection, [row])
        return (200 if there else 201), made

    return await answer(request, create)


async def _one(request: Request, *conditions: ColumnElement[bool]) -> Response:
    def read(connection: Connection) -> Row | None:
        row = stored.find(connection, LIMITS, *conditions, lock=False)
        return _shown(connection, [row])[0] if row else None

    return JSON(dump(found(await database_of(request).read(read), NOT_FOUND)))


@router.get("/{id:uuid}", response_model=ConcurrencyLimit, responses=MISSING)
async def read_limit(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read a concurrency limit."""
    return await _one(request, LIMITS.c.id == str(id), OF_TAGS)


@router.get("/tag/{tag}", response_model=ConcurrencyLimit, responses=MISSING)
async def read_limit_of_tag(request: Request, tag: str) -> Response:
    """Read the concurrency limit of a tag."""
    return await _one(request, _of_tag(tag))


@router.post("/filter", response_model=list[ConcurrencyLimit])
async def read_all(request: Request, query: Page | None = None) -> Response:
    """Read concurrency limits, by tag."""
    query = query or Page(limit=None, offset=None)
    limit, offset = page_limit(query.limit), query.offset or 0

    def read(connection: Connection) -> list[Row]:
        page = stored.find_all(connection, LIMITS, OF_TAGS, order=LIMITS.c.name, lock=False, limit=limit, offset=offset)
        return _shown(connection, page)

    return JSON(dump(await database_of(request).read(read)))


@router.post("/tag/{tag}/reset", response_model=None, responses=MISSING)
async def reset_limit(
    request: Request,
    tag: str,
    slot_override: Annotated[list[UUID] | None, Body(embed=True, description="Task runs that hold a slot.")] = None,
) -> None:
    """Give all slots of a tag back, and one to each of the task runs."""

    def reset(connection: Connection) -> bool:
        limit = stored.find(connection, LIMITS, _of_tag(tag))
        if limit is None:
            return False
        leases.forget(connection, limit["id"])
        holders = slot_override or []
        stored.change(connection, LIMITS, limit["id"], {"active_slots": len(holders)})
        for holder in holders:
            leases.begin(connection, [limit], 1, None, leases.task_run(str(holder)))
        return True

    await act(request, reset, NOT_FOUND)


async def _delete(request: Request, condition: ColumnElement[bool]) -> None:
    def delete(connection: Connection) -> bool:
        limit = stored.find(connection, LIMITS, condition)
        if limit:
            leases.forget(connection, limit["id"])
            tell(connection, "deleted", limit)
            remove_limit(connection, limit["id"])
        return limit is not None

    await act(request, delete, NOT_FOUND)


@router.delete("/{id:uuid}", response_model=None, responses=MISSING)
async def delete_limit(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a concurrency limit."""
    await _delete(request, LIMITS.c.id == str(id))


@router.delete("/tag/{tag}", response_model=None, responses=MISSING)
async def delete_limit_of_tag(request: Request, tag: str) -> None:
    """Delete the concurrency limit of a tag."""
    await _delete(request, _of_tag(tag))


def _limits(connection: Connection, tags: list[str]) -> list[Row]:
    return read_limits(connection, member(LIMITS.c.name, [f"{TAG}{tag}" for tag in tags]))


@router.post("/increment", response_model=list[Occupied], responses=LOCKED)
async def increment(request: Request, names: Tags, task_run_id: TaskRun) -> Response:
    """Take a slot of each tag for a task run, or none."""

    def run(connection: Connection) -> tuple[int, list[Row]]:
        asked = [f"{TAG}{tag}" for tag in names]
        limits = sorted(_limits(connection, names), key=lambda limit: asked.index(limit["name"]))
        if none := next((limit for limit in limits if limit["limit"] == 0), None):
            raise HTTPException(423, deadlock(none))
        active = [limit for limit in limits if limit["active"]]
        twice = any(asked.count(limit["name"]) > 1 for limit in active)  # as in Prefect, no run gets a slot twice
        if twice or not take(connection, active, 1):
            tag = active[0]["name"].removeprefix(TAG)
            raise Denied(LONGEST_WAIT, f"Concurrency limit for the {tag} tag has been reached")
        if active:
            leases.begin(connection, active, 1, None, leases.task_run(str(task_run_id)))
        return 200, [{**limit, "name": limit["name"].removeprefix(TAG)} for limit in occupied(active)]

    return await answer(request, run)


@router.post("/decrement", response_model=list[Occupied])
async def decrement(request: Request, names: Tags, task_run_id: TaskRun) -> Response:
    """Give the slots of a task run back."""

    def run(connection: Connection) -> tuple[int, list[Row]]:
        limits = _limits(connection, names)
        for lease in leases.held_by(connection, str(task_run_id), limits):
            leases.end(connection, lease)
        return 200, occupied(limits)

    return await answer(request, run)
