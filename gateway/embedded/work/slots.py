"""The routes that tell how work pools and work queues fare: whose runs hold their slots, how late they are."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from sqlalchemy import ColumnElement, Connection, func, select

from gateway.embedded import stored
from gateway.embedded.expressions import member
from gateway.embedded.failures import Missing
from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.reading.bodies import page_limit
from gateway.embedded.reads import JSON, MISSING, database_of
from gateway.embedded.rows import POOL_SLOTS, QUEUE_SLOTS, dump
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.pools import POOLS, QUEUES
from schema.concurrency_status import WorkPoolConcurrencyStatus, WorkQueueConcurrencyStatus
from schema.work_queues import WorkQueueStatusDetail

router = Router()

RUNS = TABLES["flow_runs"]
SUMMARY = ("id", "name", "state_type", "state_name", "start_time", "state_timestamp")
POLICY = {"maximum_late_runs": 0, "maximum_seconds_since_last_polled": 60}

Page = Annotated[int, Body(ge=1, description="The page's number, from 1.")]
Limit = Annotated[int | None, Body(description="How many on a page; 200 by default and at most.")]


@router.post(
    "/work_pools/{name}/concurrency_status",
    response_model=WorkPoolConcurrencyStatus,
    responses=MISSING,
    tags=["work_pools"],
)
async def read_pool_concurrency(
    request: Request,
    name: str,
    page: Page = 1,
    limit: Limit = None,
    flow_run_limit: Annotated[int, Body(ge=0, le=200, description="Runs of each queue at most.")] = 10,
) -> Response:
    """Read which runs hold the slots of a pool, by a page of its queues."""
    size = page_limit(limit)

    def read(connection: Connection) -> Row:
        pool = stored.find(connection, POOLS, POOLS.c.name == name, lock=False)
        if pool is None:
            raise HTTPException(404, f"Work pool {name!r} not found.")
        ours = select(QUEUES.c.id, QUEUES.c.name, QUEUES.c.concurrency_limit).where(QUEUES.c.work_pool_id == pool["id"])
        queues = connection.execute(ours.order_by(QUEUES.c.priority, QUEUES.c.id)).all()
        held = {id_: _held(id_, POOL_SLOTS) for id_, *_ in queues}
        active = {id_: _count(connection, holding) for id_, holding in held.items()}
        shown = [
            {
                "queue_id": id_,
                "queue_name": queue_name,
                "active_slots": active[id_],
                "concurrency_limit": concurrency_limit,
                "flow_runs": _summaries(connection, held[id_], flow_run_limit, 0),
                "flow_run_count": active[id_],
            }
            for id_, queue_name, concurrency_limit in queues[(page - 1) * size : page * size]
        ]
        return {
            "active_slots": sum(active.values()),
            "concurrency_limit": pool["concurrency_limit"],
            "queues": shown,
            **_page(len(queues), size, page),
        }

    return JSON(dump(await database_of(request).read(read)))


@router.post(
    "/work_queues/{id:uuid}/concurrency_status",
    response_model=WorkQueueConcurrencyStatus,
    responses=MISSING,
    tags=["work_queues"],
)
async def read_queue_concurrency(request: Request, id: UUID, page: Page = 1, limit: Limit = None) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read which runs hold the slots of a queue, a page of them."""
    size = page_limit(limit)

    def read(connection: Connection) -> Row:
        queue = stored.load(connection, QUEUES, str(id), lock=False)
        if queue is None:
            raise HTTPException(404, "Work queue not found.")
        holding = _held(queue["id"], QUEUE_SLOTS)
        active = _count(connection, holding)
        return {
            "active_slots": active,
            "concurrency_limit": queue["concurrency_limit"],
            "flow_runs": _summaries(connection, holding, size, (page - 1) * size),
            **_page(active, size, page),
        }

    return JSON(dump(await database_of(request).read(read)))


def _page(count: int, size: int, page: int) -> dict[str, int]:
    return {"count": count, "limit": size, "pages": -(-count // size) if size else 0, "page": page}


def _held(queue_id: str, states: tuple[str, ...]) -> list[ColumnElement[bool]]:
    return [RUNS.c.work_queue_id == queue_id, member(RUNS.c.state_type, states)]


def _count(connection: Connection, holding: list[ColumnElement[bool]]) -> int:
    return connection.scalar(select(func.count()).select_from(RUNS).where(*holding)) or 0


def _summaries(
    connection: Connection, holding: list[ColumnElement[bool]], limit: int, offset: int
) -> list[dict[str, Any]]:
    runs = select(*(RUNS.c[name] for name in SUMMARY)).where(*holding).order_by(RUNS.c.id).limit(limit).offset(offset)
    moment = now()
    return [
        {**dict(zip(SUMMARY, run, strict=True)), "time_in_current_state": _seconds(run.state_timestamp, moment)}
        for run in connection.execute(runs)
    ]


def _seconds(since: datetime | None, moment: datetime) -> float | None:
    return None if since is None else (moment - since) / timedelta(seconds=1)


@router.get(
    "/work_queues/{id:uuid}/status", response_model=WorkQueueStatusDetail, responses=MISSING, tags=["work_queues"]
)
async def read_queue_status(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read how healthy a queue is."""

    def read(connection: Connection) -> Row:
        queue = stored.load(connection, QUEUES, str(id), lock=False)
        if queue is None:
            raise Missing(f"Work queue with id {id} not found")
        late = _count(connection, [RUNS.c.work_queue_id == queue["id"], RUNS.c.state_name == "Late"])
        polled = queue["last_polled"]
        longest = timedelta(seconds=POLICY["maximum_seconds_since_last_polled"])
        recent = polled is not None and now() - polled <= longest
        return {
            "healthy": late <= POLICY["maximum_late_runs"] and recent,
            "late_runs_count": late,
            "last_polled": polled,
            "health_check_policy": POLICY,
        }

    return JSON(dump(await database_of(request).read(read)))
