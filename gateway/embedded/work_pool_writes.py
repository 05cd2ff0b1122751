"""The routes that create, change and delete work pools and work queues."""

from typing import Any

from fastapi import HTTPException, Request, Response
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.parameters import check_defaults, check_template
from gateway.embedded.reads import MISSING
from gateway.embedded.rows import read_row
from gateway.embedded.shapes import Row
from gateway.embedded.work_pools import (
    AGENT,
    DEFAULT_QUEUE,
    POOLS,
    QUEUES,
    create_pool,
    create_queue,
    default_pool,
    pool_named,
    status,
)
from gateway.embedded.writes import answer, remove
from schema.work_pools import WorkPool, WorkPoolCreate, WorkPoolUpdate
from schema.work_queues import WorkQueue, WorkQueueCreate

router = Router()

RESERVED = "Work pools starting with 'Prefect' are reserved for internal use"


def _is_reserved(name: str) -> bool:
    return name.lower().startswith("prefect")


@router.post("/work_pools/", response_model=WorkPool, status_code=201, tags=["work_pools"])
async def create_work_pool(request: Request, work_pool: WorkPoolCreate) -> Response:
    """Create a work pool with its default queue."""
    if _is_reserved(work_pool.name):
        raise HTTPException(403, f"{RESERVED}.")
    values = work_pool.model_dump(mode="json", exclude_unset=True)
    check_template(values)

    def create(connection: Connection) -> tuple[int, Row | None]:
        if connection.scalar(select(POOLS.c.id).where(POOLS.c.name == work_pool.name)):
            raise HTTPException(409, "A work pool with this name already exists.")
        check_defaults(values.get("base_job_template", {}))
        return 201, read_row(connection, "work_pools", POOLS.c.id == create_pool(connection, values))

    return await answer(request, create)


@router.patch("/work_pools/{name}", status_code=204, responses=MISSING, tags=["work_pools"])
async def update_work_pool(request: Request, name: str, work_pool: WorkPoolUpdate) -> None:
    """Change a work pool."""
    values = work_pool.model_dump(mode="json", exclude_unset=True)
    check_template(values)
    if _is_reserved(name) and values.keys() - {"is_paused", "concurrency_limit"}:
        raise HTTPException(403, f"{RESERVED} and can only be updated to set concurrency limits or pause.")

    def update(connection: Connection) -> tuple[int, None]:
        pool = pool_named(connection, name)
        paused = values.get("is_paused")
        changes = (
            values
            if paused is None or pool["type"] == AGENT
            else values | {"status": status(pool["type"], paused=paused)}
        )
        stored.change(connection, POOLS, pool["id"], changes)
        return 204, None

    await answer(request, update)


@router.delete("/work_pools/{name}", status_code=204, responses=MISSING, tags=["work_pools"])
async def delete_work_pool(request: Request, name: str) -> None:
    """Delete a work pool with its queues."""
    if _is_reserved(name):
        raise HTTPException(403, f"{RESERVED} and can not be deleted.")
    await answer(
        request, lambda connection: (204, remove(connection, "work_pools", pool_named(connection, name)["id"]))
    )


@router.post(
    "/work_pools/{work_pool_name}/queues",
    response_model=WorkQueue,
    status_code=201,
    responses=MISSING,
    tags=["work_pools"],
)
async def create_work_queue(request: Request, work_pool_name: str, work_queue: WorkQueueCreate) -> Response:
    """Create a work queue in a pool."""

    def create(connection: Connection) -> tuple[int, Any]:
        pool_id = pool_named(connection, work_pool_name)["id"]
        # Prefect's message has the placeholder in it, too.
        exists = "A work queue with this name already exists in work pool {work_pool_name!r}."
        return 201, _create(connection, pool_id, work_queue, exists)

    return await answer(request, create)


@router.post("/work_queues/", response_model=WorkQueue, status_code=201, tags=["work_queues"])
async def create_work_queue_without_pool(request: Request, work_queue: WorkQueueCreate) -> Response:
    """Create a work queue in the default pool."""

    def create(connection: Connection) -> tuple[int, Any]:
        made, pool_id = default_pool(connection)
        if made and work_queue.name == DEFAULT_QUEUE:
            return 201, read_row(connection, "work_queues", QUEUES.c.work_pool_id == pool_id)
        return 201, _create(connection, pool_id, work_queue, "A work queue with this name already exists.")

    return await answer(request, create)


def _create(connection: Connection, pool_id: str, work_queue: WorkQueueCreate, exists: str) -> Row | None:
    if connection.scalar(select(QUEUES.c.id).where(QUEUES.c.work_pool_id == pool_id, QUEUES.c.name == work_queue.name)):
        raise HTTPException(409, exists)
    values = work_queue.model_dump(mode="json", exclude_unset=True)
    return read_row(connection, "work_queues", QUEUES.c.id == create_queue(connection, pool_id, values))
