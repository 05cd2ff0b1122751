"""The routes of global concurrency limits: read and changed, their slots taken and given back, leases renewed."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection

from gateway.embedded import stored
from gateway.embedded.concurrency import leases
from gateway.embedded.concurrency.slots import (
    LIMITS,
    add_limit,
    deny,
    give_back,
    read_limits,
    remove_limit,
    take,
    taken,
    tell,
)
from gateway.embedded.expressions import member
from gateway.embedded.failures import CONFLICT
from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.reading.bodies import Page, page_limit
from gateway.embedded.reads import JSON, MISSING, database_of, found
from gateway.embedded.rows import dump
from gateway.embedded.shapes import Row
from gateway.embedded.writes import act, answer
from resolvers.ids import canonical
from schema.global_concurrency_limits import (
    GlobalConcurrencyLimit,
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
)

router = Router(prefix="/v2/concurrency_limits", tags=["global_concurrency_limits"])

NOT_FOUND = "Concurrency Limit not found"
LOCKED: dict[int | str, dict[str, Any]] = {423: {"description": "Too few slots; ask again after `Retry-After` seconds"}}


class CreatedLimit(GlobalConcurrencyLimit):
    """A limit with what is told of it only when it is created."""

    denied_slots: int
    avg_slot_occupancy_seconds: float


class Occupied(BaseModel):
    """A limit whose slots were taken or given back."""

    id: UUID
    name: str
    limit: int


class Leased(BaseModel):
    """Slots that are held by a lease."""

    lease_id: UUID
    limits: list[Occupied]


class Holder(BaseModel, extra="forbid"):
    """Who holds a lease."""

    type: Literal["flow_run", "task_run", "deployment"]
    id: UUID


Names = Annotated[list[str], Body(min_length=1, description="Names of limits; those that are not there limit nothing.")]
Slots = Annotated[int, Body(gt=0, description="How many slots of each limit.")]
Mode = Annotated[Literal["concurrency", "rate_limit"], Body(description="What the slots are taken for.")]
Ignored = Annotated[bool | None, Body(deprecated=True, description="Ignored, as in Prefect.")]
Seconds = Annotated[float, Body(ge=60, le=86_400, description="Seconds until the lease ends unless it is renewed.")]


class Denied(HTTPException):
    """Slots were not free."""

    def __init__(self, seconds: float, detail: str | None = None) -> None:
        super().__init__(423, detail, {"Retry-After": str(seconds)})


def shown(limit: Row) -> Row:
    """Return a limit's row as REST shows it."""
    return {**{name: limit[name] for name in GlobalConcurrencyLimit.model_fields}, "active_slots": taken(limit, now())}


def occupied(limits: list[Row]) -> list[Row]:
    """Return what is told of limits whose slots were taken or given back."""
    return [{name: limit[name] for name in Occupied.model_fields} for limit in limits]


def _named(id_or_name: str) -> ColumnElement[bool]:
    """Find a limit by its id, or by its name if that is no id."""
    try:
        return LIMITS.c.id == canonical(id_or_name)
    except ValueError:
        return LIMITS.c.name == id_or_name


@router.post("/", response_model=CreatedLimit, status_code=201)
async def create_limit(request: Request, limit: GlobalConcurrencyLimitCreate) -> Response:
    """Create a global concurrency limit."""

    def create(connection: Connection) -> tuple[int, Row]:
        row = add_limit(connection, **limit.model_dump(exclude_unset=True))
        tell(connection, "created", row)
        return 201, {name: row[name] for name in CreatedLimit.model_fields}

    return await answer(request, create)


@router.get("/{id_or_name}", response_model=GlobalConcurrencyLimit, responses=MISSING)
async def read_limit(request: Request, id_or_name: str) -> Response:
    """Read a global concurrency limit by its id or its name."""
    named = _named(id_or_name)
    row = await database_of(request).read(lambda connection: stored.find(connection, LIMITS, named, lock=False))
    return JSON(dump(shown(found(row, NOT_FOUND))))


@router.post("/filter", response_model=list[GlobalConcurrencyLimit])
async def read_all(request: Request, query: Page | None = None) -> Response:
    """Read global concurrency limits, by name."""
    query = query or Page(limit=None, offset=None)
    limit, offset = page_limit(query.limit), query.offset or 0

    def read(connection: Connection) -> list[Row]:
        page = stored.find_all(connection, LIMITS, order=LIMITS.c.name, lock=False, limit=limit, offset=offset)
        return [shown(row) for row in page]

    return JSON(dump(await database_of(request).read(read)))


@router.patch("/{id_or_name}", status_code=204, responses=MISSING)
async def update_limit(request: Request, id_or_name: str, limit: GlobalConcurrencyLimitUpdate) -> None:
    """Change a global concurrency limit."""
    changes = limit.model_dump(exclude_unset=True)

    def update(connection: Connection) -> bool:
        row = stored.find(connection, LIMITS, _named(id_or_name))
        if row and None in changes.values():
            raise HTTPException(409, CONFLICT)
        if row:
            stored.change(connection, LIMITS, row["id"], changes)
            tell(connection, "updated", {**row, **changes})
        return row is not None

    await act(request, update, NOT_FOUND)


@router.delete("/{id_or_name}", status_code=204, responses=MISSING)
async def delete_limit(request: Request, id_or_name: str) -> None:
    """Delete a global concurrency limit."""

    def delete(connection: Connection) -> bool:
        row = stored.find(connection, LIMITS, _named(id_or_name))
        if row:
            tell(connection, "deleted", row)
            remove_limit(connection, row["id"])
        return row is not None

    await act(request, delete, NOT_FOUND)


def _check(limits: list[Row], slots: int, mode: str) -> None:
    """Refuse what could never be granted."""
    active = [limit for limit in limits if limit["active"]]
    if any(limit["limit"] < slots for limit in active):
        raise HTTPException(422, "Slots requested is greater than the limit")
    lasting = ",".join(limit["name"] for limit in active if not limit["slot_decay_per_second"])
    if mode == "rate_limit" and lasting:
        raise HTTPException(
            422,
            "Only concurrency limits with slot decay can be used for rate limiting."
            f" The following limits do not have a decay configured: {lasting!r}",
        )


async def _taken(
    request: Request, names: list[str], slots: int, mode: str, content: Callable[[Connection, list[Row]], Any]
) -> Response:
    """Take slots, and answer what is told of them; a Denied is raised once it is noted that they were not free."""

    def run(connection: Connection) -> float | bytes:
        limits = read_limits(connection, member(LIMITS.c.name, names))
        _check(limits, slots, mode)
        if take(connection, limits, slots):
            return dump(content(connection, limits))
        return deny(connection, limits, slots)

    outcome = await database_of(request).write(run)
    if isinstance(outcome, float):
        raise Denied(outcome)
    return JSON(outcome)


@router.post("/increment", response_model=list[Occupied], responses=LOCKED)
async def increment(
    request: Request,
    slots: Slots,
    names: Names,
    mode: Mode = "concurrency",
    create_if_missing: Ignored = None,  # noqa: ARG001
) -> Response:
    """Take slots of all limits, or of none."""
    return await _taken(request, names, slots, mode, lambda _, limits: occupied(limits))


@router.post("/increment-with-lease", response_model=Leased, responses=LOCKED)
async def increment_with_lease(
    request: Request,
    slots: Slots,
    names: Names,
    mode: Mode = "concurrency",
    lease_duration: Seconds = 300,
    holder: Annotated[Holder | None, Body(description="Who holds the lease.")] = None,
) -> Response:
    """Take slots of all limits until a lease ends, or of none."""
    held_by = leases.Holder(holder.type, str(holder.id)) if holder else None

    def lease(connection: Connection, limits: list[Row]) -> Row:
        id_ = leases.begin(connection, limits, slots, lease_duration, held_by)
        return {"lease_id": id_, "limits": occupied(limits)}

    return await _taken(request, names, slots, mode, lease)


@router.post("/decrement", response_model=list[Occupied])
async def decrement(
    request: Request,
    slots: Slots,
    names: Names,
    occupancy_seconds: Annotated[float | None, Body(gt=0, description="How long the slots were taken.")] = None,
    create_if_missing: Ignored = None,  # noqa: ARG001
) -> Response:
    """Give slots of limits back."""

    def run(connection: Connection) -> tuple[int, list[Row]]:
        limits = read_limits(connection, member(LIMITS.c.name, names))
        give_back(connection, limits, slots, occupancy_seconds)
        return 200, occupied(limits)

    return await answer(request, run)


@router.post("/decrement-with-lease", status_code=204)
async def decrement_with_lease(request: Request, lease_id: Annotated[UUID, Body(embed=True)]) -> None:
    """Give the slots of a lease back, if it has not ended."""
    await database_of(request).write(lambda connection: leases.end(connection, str(lease_id), told=True))


@router.post("/leases/{lease_id}/renew", status_code=204, responses={410: {"description": "The lease has ended"}})
async def renew_lease(
    request: Request, lease_id: UUID, lease_duration: Annotated[Seconds, Body(embed=True)] = 300
) -> None:
    """Let a lease go on."""
    renew: Callable[[Connection], bool] = lambda connection: leases.renew(connection, str(lease_id), lease_duration)  # noqa: E731
    if not await database_of(request).write(renew):
        raise HTTPException(410, "Lease not found - it may have expired or been revoked")
