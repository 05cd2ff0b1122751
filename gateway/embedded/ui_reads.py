"""The routes that Prefect's own UI asks: counts for many rows at once, next runs, points and bars of its charts."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from pydantic import Field
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, case, exists, func, select, type_coerce

from gateway.embedded.expressions import estimated_lateness, estimated_run_time, member, now, start
from gateway.embedded.hot import Router
from gateway.embedded.moments import in_utc
from gateway.embedded.reading import bodies
from gateway.embedded.reading.bodies import body, groups_of, sort_of
from gateway.embedded.reading.queries import conditions, order
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by
from gateway.embedded.shapes import TERMINAL, Row
from gateway.embedded.tables import TABLES
from gateway.embedded.tables.types import microseconds
from schema.flow_runs import FLOW_RUNS, FlowRunSort
from schema.states import StateType
from schema.task_runs import TASK_RUNS, TaskRun, TaskRunFilter
from schema.ui import FlowRunPoint, NextFlowRun, TaskRunBar
from schema.work_pools import WorkPoolFilter
from schema.work_queues import WorkQueueFilter

MOST_POINTS = 1_000
BARS = 20
FAILED = frozenset({"FAILED", "CRASHED"})

Ids = Annotated[list[UUID], Body(embed=True, max_length=200)]

router = Router(prefix="/ui")

FLOWS, RUNS, TASKS, DEPLOYMENTS = (TABLES[name] for name in ("flows", "flow_runs", "task_runs", "deployments"))


@router.post("/flows/count-deployments", response_model=dict[UUID, int], tags=["flows"])
async def count_deployments(request: Request, flow_ids: Ids) -> Response:
    """Count the deployments of each flow."""
    return await _count_by(request, DEPLOYMENTS.c.flow_id, flow_ids)


@router.post("/flow_runs/count-task-runs", response_model=dict[UUID, int], tags=["flow_runs"])
async def count_task_runs(request: Request, flow_run_ids: Ids) -> Response:
    """Count the task runs of each flow run, without those that stand for subflow runs."""
    plain = ~exists(select(1).where(RUNS.c.parent_task_run_id == TASKS.c.id))
    return await _count_by(request, TASKS.c.flow_run_id, flow_run_ids, plain)


async def _count_by(
    request: Request, key: ColumnElement[str], ids: list[UUID], *conditions: ColumnElement[bool]
) -> Response:
    wanted = [str(id_) for id_ in ids]
    statement = select(key, func.count()).where(member(key, wanted), *conditions).group_by(key)
    counts = await database_of(request).read(lambda connection: dict(connection.execute(statement).all()))
    return JSON(dump({id_: counts.get(id_, 0) for id_ in wanted}))


@router.post("/flows/next-runs", response_model=dict[UUID, NextFlowRun | None], tags=["flows"])
async def read_next_runs(request: Request, flow_ids: Ids) -> Response:
    """Read the flow run that is scheduled next of each flow."""
    wanted = [str(id_) for id_ in flow_ids]
    told = list(NextFlowRun.model_fields)
    scheduled = (member(RUNS.c.flow_id, wanted), RUNS.c.state_type == StateType.SCHEDULED.value)
    time = RUNS.c.next_scheduled_start_time
    next_ = select(RUNS.c.flow_id, func.min(time).label("time")).where(*scheduled).group_by(RUNS.c.flow_id).subquery()
    of_next = (RUNS.c.flow_id == next_.c.flow_id) & (time == next_.c.time)
    # Of runs at one time any is the next.
    statement = select(*(RUNS.c[name] for name in told)).join(next_, of_next).where(*scheduled).order_by(RUNS.c.id)

    def read(connection: Connection) -> dict[str, Any]:
        rows = (dict(zip(told, values, strict=True)) for values in connection.execute(statement))
        return {row["flow_id"]: row for row in rows}

    runs = await database_of(request).read(read)
    return JSON(dump({id_: runs.get(id_) for id_ in wanted}))


HistoryBody: Any = body(
    FLOW_RUNS,
    "PointsQuery",
    bodies.Page,
    {
        **{name: group for name, group in groups_of(FLOW_RUNS).items() if name != "work_pool_queues"},
        **sort_of(FLOW_RUNS),
        "limit": (int, Field(MOST_POINTS, le=MOST_POINTS, description="Runs at most.")),
    },
)


@router.post("/flow_runs/history", response_model=list[FlowRunPoint], tags=["flow_runs"])
async def read_points(request: Request, query: HistoryBody | None = None) -> Response:
    """Read flow runs as the points of a chart: when each started, how long it ran and how late it was."""
    query = query or HistoryBody()
    sort = query.sort or FlowRunSort.EXPECTED_START_TIME_DESC
    columns = (RUNS.c.id, RUNS.c.state_type, start(RUNS), *_times(RUNS))
    statement = select(*columns).where(*conditions("flow_runs", query.groups)).order_by(*order("flow_runs", sort.value))
    statement = statement.limit(max(query.limit, 0)).offset(query.offset or 0)
    return JSON(await database_of(request).read(lambda connection: dump(_points(connection, statement))))


def _times(runs: Any) -> tuple[ColumnElement[int], ColumnElement[int]]:
    return estimated_run_time(runs, now()), estimated_lateness(runs, now(), sorted(TERMINAL))


def _points(connection: Connection, statement: Select[Any]) -> list[Row]:
    return [
        {
            "id": id_,
            "state_type": state_type,
            "timestamp": timestamp,
            "duration": (duration or 0) / 1_000_000,
            "lateness": (lateness or 0) / 1_000_000,
        }
        for id_, state_type, timestamp, duration, lateness in connection.execute(statement)
    ]


BarsBody: Any = body(
    TASK_RUNS,
    "BarsQuery",
    bodies.Body,
    {
        **groups_of(TASK_RUNS),
        "task_runs": (TaskRunFilter, ...),
        "work_pools": (WorkPoolFilter | None, None),
        "work_queues": (WorkQueueFilter | None, None),
    },
)


@router.post("/task_runs/dashboard/counts", response_model=list[TaskRunBar], tags=["task_runs"])
async def read_bars(request: Request, query: BarsBody) -> Response:
    """Count the task runs that ended and that failed, by when they started, in twenty equal parts of a time."""
    span = query.task_runs.start_time
    if span is None or span.after_ is None:
        raise HTTPException(422, "task_runs.start_time.after_ is required")
    first = in_utc(span.after_).replace(second=0, microsecond=0)
    last = in_utc(span.before_ or datetime.now(UTC)).replace(second=59, microsecond=999_999)
    step = max((last - first) / BARS, timedelta(microseconds=1)) // timedelta(microseconds=1)
    begun = type_coerce(TASKS.c.start_time, BigInteger)
    bar = ((begun - microseconds(first)) // step).label("bar")
    failed = func.sum(case((member(TASKS.c.state_type, sorted(FAILED)), 1), else_=0))
    ended = member(TASKS.c.state_type, sorted(TERMINAL))
    groups = {**query.groups, "task_runs": query.task_runs.model_copy(update={"state": None})}
    groups["work_pool_queues"] = groups.pop("work_queues", None)
    statement = select(bar, func.count(), failed).where(ended, *conditions("task_runs", groups)).group_by(bar.name)
    rows = await database_of(request).read(lambda connection: connection.execute(statement).all())
    bars = [{"completed": 0, "failed": 0} for _ in range(BARS)]
    for number, count, failures in rows:
        if number is not None and 0 <= number < BARS:
            bars[number] = {"completed": count - failures, "failed": int(failures)}
    return JSON(dump(bars))


CountBody: Any = body(TASK_RUNS, "CountByStateQuery", bodies.Body, groups_of(TASK_RUNS))


@router.post("/task_runs/count", response_model=dict[StateType, int], tags=["task_runs"])
async def count_by_state(request: Request, query: CountBody | None = None) -> Response:
    """Count task runs by the kind of their state."""
    groups = (query or CountBody()).groups
    kind = TASKS.c.state_type
    statement = select(kind, func.count()).where(kind.is_not(None), *conditions("task_runs", groups)).group_by(kind)
    counts: dict[str, int] = await database_of(request).read(
        lambda connection: dict(connection.execute(statement).all())
    )
    return JSON(dump({state.value: counts.get(state.value, 0) for state in StateType}))


class NamedTaskRun(TaskRun):
    """A task run, and the name of its flow run."""

    flow_run_name: str | None = None


@router.get("/task_runs/{id:uuid}", response_model=NamedTaskRun, responses=MISSING, tags=["task_runs"])
async def read_task_run(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read a task run with the name of its flow run."""

    def read(connection: Connection) -> bytes:
        row = found(read_by(connection, "task_runs", id=str(id)), NOT_FOUND["task_runs"])
        name = connection.scalar(select(RUNS.c.name).where(RUNS.c.id == row["flow_run_id"]))
        return dump({**row, "flow_run_name": name})

    return JSON(await database_of(request).read(read))
