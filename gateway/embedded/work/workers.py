"""The routes of workers: they tell that they are there, and are found by the pool that they ask."""

from typing import Annotated, Any

from fastapi import Body, HTTPException, Request, Response
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.reading.bodies import Page, body, groups_of, page_limit
from gateway.embedded.reading.queries import conditions, order
from gateway.embedded.reads import JSON, MISSING, database_of
from gateway.embedded.rows import dump, read_rows
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.pools import POOLS, pool_named, set_pool_status
from gateway.embedded.writes import answer, remove
from schema.work_pools import WorkPoolStatus
from schema.workers import WORKERS as COLLECTION
from schema.workers import Worker, WorkerStatus

router = Router(prefix=COLLECTION.path, tags=["work_pools"])

WORKERS = TABLES["workers"]
WorkersBody: Any = body(COLLECTION, "InPoolQuery", Page, groups_of(COLLECTION))


@router.post("/heartbeat", status_code=204, responses=MISSING)
async def heartbeat(
    request: Request,
    work_pool_name: str,
    name: Annotated[str, Body(description="The worker's name.")],
    heartbeat_interval_seconds: Annotated[int | None, Body(description="Seconds until it is heard of again.")] = None,
) -> None:
    """Note that a worker is there, and with it that somebody asks its pool for runs."""

    def note(connection: Connection) -> tuple[int, None]:
        hear_of(connection, work_pool_name, name, heartbeat_interval_seconds)
        return 204, None

    await answer(request, note)


def hear_of(connection: Connection, pool_name: str, name: str, interval: int | None) -> None:
    """Note that a worker of a pool is there, which is heard of again after `interval` seconds; a 404 if there is no pool."""
    pool = pool_named(connection, pool_name)
    _note(connection, pool["id"], name, interval)
    if pool["status"] == WorkPoolStatus.NOT_READY.value:
        set_pool_status(connection, pool, WorkPoolStatus.READY)


def _note(connection: Connection, pool_id: str, name: str, interval: int | None) -> None:
    values: Row = {"last_heartbeat_time": now(), "status": WorkerStatus.ONLINE.value}
    if interval is not None:
        values["heartbeat_interval_seconds"] = interval
    worker = stored.find(connection, WORKERS, WORKERS.c.work_pool_id == pool_id, WORKERS.c.name == name)
    if worker is None:
        stored.add(connection, WORKERS, stored.new_row(WORKERS, name=name, work_pool_id=pool_id, **values))
    else:
        stored.change(connection, WORKERS, worker["id"], values)


@router.post("/filter", response_model=list[Worker], responses=MISSING)
async def read_workers(request: Request, work_pool_name: str, query: WorkersBody | None = None) -> Response:
    """Read the workers of a pool, those heard of last in front."""
    query = query or WorkersBody()
    limit, offset = page_limit(query.limit), query.offset or 0

    def run(connection: Connection) -> list[Row]:
        pool = connection.scalar(select(POOLS.c.id).where(POOLS.c.name == work_pool_name))
        if pool is None:
            raise HTTPException(404, f'Work pool "{work_pool_name}" not found.')
        chosen = select(WORKERS).where(WORKERS.c.work_pool_id == pool, *conditions("workers", query.groups))
        return read_rows(connection, "workers", chosen.order_by(*order("workers")).limit(limit).offset(offset))

    return JSON(dump(await database_of(request).read(run)))


@router.delete("/{name}", status_code=204, responses=MISSING)
async def delete_worker(request: Request, work_pool_name: str, name: str) -> None:
    """Delete a worker."""

    def delete(connection: Connection) -> tuple[int, None]:
        pool_id = pool_named(connection, work_pool_name)["id"]
        worker = stored.find(connection, WORKERS, WORKERS.c.work_pool_id == pool_id, WORKERS.c.name == name)
        if worker is None:
            raise HTTPException(404, "Worker not found.")
        remove(connection, "workers", worker["id"])
        return 204, None

    await answer(request, delete)
