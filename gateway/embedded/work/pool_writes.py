"""The routes that create, change and delete work pools."""

from fastapi import HTTPException, Request, Response
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.failures import CONFLICT
from gateway.embedded.hot import Router
from gateway.embedded.reads import MISSING
from gateway.embedded.rows import read_row
from gateway.embedded.runs.parameters import check_defaults, check_template
from gateway.embedded.shapes import Row
from gateway.embedded.work.events import pool_row, tell_pool, tell_pool_change, tell_queues
from gateway.embedded.work.pools import (
    AGENT,
    POOLS,
    QUEUES,
    STORAGE,
    create_pool,
    is_reserved,
    pool_named,
    set_pool_status,
    status,
)
from gateway.embedded.writes import answer, remove
from schema.work_pools import WorkPool, WorkPoolCreate, WorkPoolUpdate

router = Router(prefix="/work_pools", tags=["work_pools"])

RESERVED = "Work pools starting with 'Prefect' are reserved for internal use"


def _values(work_pool: WorkPoolCreate | WorkPoolUpdate) -> Row:
    """Return what is given of a work pool; where code and results are stored is said in full."""
    values: Row = work_pool.model_dump(mode="json", exclude_unset=True)
    check_template(values)
    if values.get("storage_configuration") is not None:
        values["storage_configuration"] = STORAGE | values["storage_configuration"]
    return values


@router.post("/", response_model=WorkPool, status_code=201)
async def create_work_pool(request: Request, work_pool: WorkPoolCreate) -> Response:
    """Create a work pool with its default queue."""
    if is_reserved(work_pool.name):
        raise HTTPException(403, f"{RESERVED}.")
    values = _values(work_pool)

    def create(connection: Connection) -> tuple[int, Row | None]:
        if connection.scalar(select(POOLS.c.id).where(POOLS.c.name == work_pool.name)):
            raise HTTPException(409, "A work pool with this name already exists.")
        check_defaults(values.get("base_job_template", {}))
        return 201, read_row(connection, "work_pools", POOLS.c.id == create_pool(connection, values))

    return await answer(request, create)


@router.patch("/{name}", status_code=204, responses=MISSING)
async def update_work_pool(request: Request, name: str, work_pool: WorkPoolUpdate) -> None:
    """Change a work pool."""
    values = _values(work_pool)
    if is_reserved(name) and values.keys() - {"is_paused", "concurrency_limit"}:
        raise HTTPException(403, f"{RESERVED} and can only be updated to set concurrency limits or pause.")

    def update(connection: Connection) -> tuple[int, None]:
        pool = pool_named(connection, name)
        if values.get("storage_configuration", STORAGE) is None:
            raise HTTPException(409, CONFLICT)
        before = pool_row(connection, pool["id"])
        stored.change(connection, POOLS, pool["id"], values)
        if before:
            tell_pool_change(connection, before)
        paused = values.get("is_paused")
        if paused is not None and pool["type"] != AGENT:
            set_pool_status(connection, pool, status(connection, pool, paused=paused))
        return 204, None

    await answer(request, update)


@router.delete("/{name}", status_code=204, responses=MISSING)
async def delete_work_pool(request: Request, name: str) -> None:
    """Delete a work pool with its queues."""
    if is_reserved(name):
        raise HTTPException(403, f"{RESERVED} and can not be deleted.")

    def delete(connection: Connection) -> tuple[int, None]:
        pool = pool_named(connection, name)
        queues = select(QUEUES.c.id).where(QUEUES.c.work_pool_id == pool["id"])
        tell_queues(connection, "deleted", connection.scalars(queues))
        tell_pool(connection, "deleted", pool["id"])
        remove(connection, "work_pools", pool["id"])
        return 204, None

    await answer(request, delete)
