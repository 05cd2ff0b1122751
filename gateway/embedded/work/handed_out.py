"""The routes where workers ask for runs: of a pool by its queues' priorities, or of one queue."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Header, HTTPException, Request, Response
from sqlalchemy import ColumnElement, Connection, func, select

from gateway.embedded import stored
from gateway.embedded.expressions import member
from gateway.embedded.failures import Missing
from gateway.embedded.hot import Router
from gateway.embedded.reading.bodies import page_limit
from gateway.embedded.reading.filters import condition
from gateway.embedded.reads import MISSING
from gateway.embedded.rows import POOL_SLOTS, QUEUE_SLOTS, read_rows
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.pools import QUEUES, pool_named
from gateway.embedded.work.queues import mark_polled
from gateway.embedded.writes import answer
from schema.flow_runs import FlowRun, FlowRunFilter
from schema.handed_out import WorkerFlowRun
from schema.states import StateType

router = Router()

RUNS = TABLES["flow_runs"]
POOL = ("work_pool_id", "work_pool_name")
"""What a run that is handed out does not show, as in Prefect."""

Before = Annotated[datetime | None, Body(embed=True, description="When the runs are scheduled at the latest.")]
After = Annotated[datetime | None, Body(embed=True, description="When the runs are scheduled at the earliest.")]
Limit = Annotated[int | None, Body(embed=True, description="Runs at most; 200 by default and at most.")]
Names = Annotated[list[str] | None, Body(embed=True, description="The queues to take runs from; all by default.")]


@router.post(
    "/work_pools/{name}/get_scheduled_flow_runs",
    response_model=list[WorkerFlowRun],
    responses=MISSING,
    tags=["work_pools"],
)
async def get_scheduled_flow_runs(
    request: Request,
    name: str,
    work_queue_names: Names = None,
    scheduled_before: Before = None,
    scheduled_after: After = None,
    limit: Limit = None,
) -> Response:
    """Read the runs that a worker of a pool may start: by their queues' priorities, as far as there are slots."""
    most = page_limit(limit)
    due = _due(scheduled_before, scheduled_after)

    def read(connection: Connection) -> tuple[int, Any]:
        pool = pool_named(connection, name)
        queues = _queues(connection, pool, work_queue_names)
        taken = _taken(connection, pool)
        chosen = [] if pool["is_paused"] else _by_priority(connection, queues, taken, due, most)
        free = _free(pool, sum(taken.values()), most)
        mark_polled(connection, queues)
        return 200, [_handed_out(pool, run) for run in _in_order(connection, chosen[:free])]

    return await answer(request, read)


def _queues(connection: Connection, pool: Row, names: list[str] | None) -> list[Row]:
    columns = [QUEUES.c[name] for name in ("id", "name", "priority", "is_paused", "concurrency_limit", "status")]
    ours = connection.execute(select(*columns).where(QUEUES.c.work_pool_id == pool["id"])).mappings()
    by_name = {queue["name"]: dict(queue) for queue in ours}
    if not names:
        return list(by_name.values())
    if unknown := next((name for name in names if name not in by_name), None):
        raise HTTPException(404, f"Work pool queue '{pool['name']}/{unknown}' not found.")
    return [by_name[name] for name in dict.fromkeys(names)]


def _taken(connection: Connection, pool: Row) -> dict[str, int]:
    """Count the slots that are taken, by queue."""
    ours = select(QUEUES.c.id).where(QUEUES.c.work_pool_id == pool["id"])
    counted = (
        select(RUNS.c.work_queue_id, func.count())
        .where(member(RUNS.c.state_type, POOL_SLOTS), RUNS.c.work_queue_id.in_(ours))
        .group_by(RUNS.c.work_queue_id)
    )
    return dict(connection.execute(counted).all())


def _free(limited: Row, taken: int, most: int) -> int:
    limit = limited["concurrency_limit"]
    return most if limit is None else min(most, max(0, limit - taken))


def _by_priority(
    connection: Connection, queues: list[Row], taken: dict[str, int], due: list[ColumnElement[bool]], most: int
) -> list[str]:
    """Return the ids of the runs that the queues may hand out, those that go first in front."""
    retry = RUNS.c.empirical_policy["retry_type"].as_string()
    apart = retry.is_(None) | (retry != "in_process")
    chosen = []
    for queue in queues:
        if not queue["is_paused"] and (free := _free(queue, taken.get(queue["id"], 0), most)):
            runs = _scheduled(RUNS.c.work_queue_id == queue["id"], apart, *due).limit(free)
            chosen += [(queue["priority"], start, id_) for id_, start in connection.execute(runs)]
    return [id_ for _, _, id_ in sorted(chosen)]


def _due(before: datetime | None, after: datetime | None = None) -> list[ColumnElement[bool]]:
    start = RUNS.c.next_scheduled_start_time
    bounds = []
    if before is not None:
        bounds.append(start <= before)
    if after is not None:
        bounds.append(start >= after)
    return bounds


def _scheduled(*conditions: ColumnElement[bool]) -> Any:
    start = RUNS.c.next_scheduled_start_time
    scheduled = (RUNS.c.state_type == StateType.SCHEDULED.value, start.is_not(None))
    return select(RUNS.c.id, start).where(*scheduled, *conditions).order_by(start, RUNS.c.id)


def _in_order(connection: Connection, ids: list[str]) -> list[Row]:
    rows = {row["id"]: row for row in read_rows(connection, "flow_runs", select(RUNS).where(member(RUNS.c.id, ids)))}
    return [rows[id_] for id_ in ids]


def _handed_out(pool: Row, run: Row) -> Row:
    shown = {name: value for name, value in run.items() if name not in POOL}
    return {"work_pool_id": pool["id"], "work_queue_id": run["work_queue_id"], "flow_run": shown}


@router.post("/work_queues/{id:uuid}/get_runs", response_model=list[FlowRun], responses=MISSING, tags=["work_queues"])
async def get_runs(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    scheduled_before: Before = None,
    limit: Limit = None,
    x_prefect_ui: Annotated[bool, Header(description="Whether it is only a look: the queue is not polled.")] = False,
) -> Response:
    """Read the runs that a queue may hand out, as far as there are slots."""
    most = page_limit(limit)
    due = _due(scheduled_before)

    def read(connection: Connection) -> tuple[int, Any]:
        queue = stored.load(connection, QUEUES, str(id), json=("filter",))
        if queue is None:
            raise Missing(f"Work queue with id {id} not found.")
        ours, states = _runs_of(queue)
        holding = select(func.count()).select_from(RUNS).where(ours, member(RUNS.c.state_type, states))
        free = 0 if queue["is_paused"] else _free(queue, connection.scalar(holding) or 0, most)
        runs = [id_ for id_, _ in connection.execute(_scheduled(ours, *due).limit(free))]
        if not x_prefect_ui:
            mark_polled(connection, [queue])
        return 200, [run | dict.fromkeys(POOL) for run in _in_order(connection, runs)]

    return await answer(request, read)


def _runs_of(queue: Row) -> tuple[ColumnElement[bool], tuple[str, ...]]:
    """Return which runs a queue hands out, and the states in which they hold its slots."""
    if queue["filter"] is None:
        return RUNS.c.work_queue_id == queue["id"], QUEUE_SLOTS
    chosen = {
        "tags": {"all_": queue["filter"].get("tags")},
        "deployment_id": {"any_": queue["filter"].get("deployment_ids"), "is_null_": False},
    }
    return condition("flow_runs", FlowRunFilter.model_validate(chosen)), POOL_SLOTS
