"""The routes that create, change and delete work queues, in a pool by name and by id."""

from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.rows import read_row
from gateway.embedded.shapes import Row
from gateway.embedded.work.pools import DEFAULT_QUEUE, QUEUES, arrange, create_queue, default_pool, pool_named
from gateway.embedded.work.queues import change_queue, delete_queue, queue_named
from gateway.embedded.writes import answer
from schema.work_queues import WorkQueue, WorkQueueCreate, WorkQueueUpdate

router = Router()


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
        return 201, _add(connection, pool_id, work_queue, exists)

    return await answer(request, create)


@router.post("/work_queues/", response_model=WorkQueue, status_code=201, tags=["work_queues"])
async def create_work_queue_without_pool(request: Request, work_queue: WorkQueueCreate) -> Response:
    """Create a work queue in the default pool."""

    def create(connection: Connection) -> tuple[int, Any]:
        made, pool_id = default_pool(connection)
        if made and work_queue.name == DEFAULT_QUEUE:
            return 201, read_row(connection, "work_queues", QUEUES.c.work_pool_id == pool_id)
        return 201, _add(connection, pool_id, work_queue, "A work queue with this name already exists.")

    return await answer(request, create)


def _add(connection: Connection, pool_id: str, work_queue: WorkQueueCreate, exists: str) -> Row | None:
    if connection.scalar(select(QUEUES.c.id).where(QUEUES.c.work_pool_id == pool_id, QUEUES.c.name == work_queue.name)):
        raise HTTPException(409, exists)
    values = work_queue.model_dump(mode="json", exclude_unset=True)
    if work_queue.filter is not None:
        values["filter"] = work_queue.filter.model_dump(mode="json")
    return read_row(connection, "work_queues", QUEUES.c.id == create_queue(connection, pool_id, values))


@router.patch("/work_pools/{work_pool_name}/queues/{name}", status_code=204, responses=MISSING, tags=["work_pools"])
async def update_work_queue(request: Request, work_pool_name: str, name: str, work_queue: WorkQueueUpdate) -> None:
    """Change a work queue of a pool; where it takes the priority of another, that one makes way."""

    def update(connection: Connection) -> tuple[int, None]:
        queue = queue_named(connection, work_pool_name, name)
        change_queue(connection, queue, work_queue)
        if work_queue.priority is not None:
            arrange(connection, queue["work_pool_id"], first=queue["id"])
        return 204, None

    await answer(request, update)


@router.patch("/work_queues/{id:uuid}", status_code=204, responses=MISSING, tags=["work_queues"])
async def update_work_queue_by_id(request: Request, id: UUID, work_queue: WorkQueueUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a work queue."""

    def update(connection: Connection) -> tuple[int, None]:
        queue = stored.load(connection, QUEUES, str(id))
        if queue is None:
            raise HTTPException(404, f"Work Queue {id} not found")
        change_queue(connection, queue, work_queue)
        return 204, None

    await answer(request, update)


@router.delete("/work_pools/{work_pool_name}/queues/{name}", status_code=204, responses=MISSING, tags=["work_pools"])
async def delete_work_queue(request: Request, work_pool_name: str, name: str) -> None:
    """Delete a work queue of a pool; those behind it move up as far as others share their priority."""

    def delete(connection: Connection) -> tuple[int, None]:
        queue = queue_named(connection, work_pool_name, name)
        delete_queue(connection, queue)
        arrange(connection, queue["work_pool_id"])
        return 204, None

    await answer(request, delete)


@router.delete("/work_queues/{id:uuid}", status_code=204, responses=MISSING, tags=["work_queues"])
async def delete_work_queue_by_id(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a work queue."""

    def delete(connection: Connection) -> tuple[int, None]:
        queue = stored.load(connection, QUEUES, str(id))
        if queue is None:
            raise HTTPException(404, NOT_FOUND["work_queues"])
        delete_queue(connection, queue)
        return 204, None

    await answer(request, delete)
