"""Rows of the tables to the JSON of REST: stored JSON goes through as text, computed fields are filled in."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from gateway.embedded.expressions import member
from gateway.embedded.tables import CONCURRENCY_LIMITS, DEPLOYMENT_SCHEDULES, TABLES
from gateway.embedded.types import Document, Duration
from schema.states import StateType

Row = dict[str, Any]
"""A row as REST shows it; values that were stored as JSON are `orjson.Fragment`s of it."""

TERMINAL = frozenset(
    {StateType.COMPLETED.value, StateType.FAILED.value, StateType.CANCELLED.value, StateType.CRASHED.value}
)
POOL_SLOTS = ("PENDING", "RUNNING")
QUEUE_SLOTS = ("PENDING", "RUNNING", "CANCELLING")
ZERO = timedelta(0)


def dump(value: Any) -> bytes:
    """Write rows as JSON, times as Prefect does: `2026-11-24T14:20:58.801726Z`, without a fraction where it is zero."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def read_rows(connection: Connection, collection: str, statement: Select[Any]) -> list[Row]:
    """Run a SELECT of the whole table of a collection, and return its rows as REST shows them."""
    rows = _plain_rows(connection, TABLES[collection], statement)
    if rows and (complete := COMPLETE.get(collection)):
        complete(connection, rows)
    return rows


def read_row(connection: Connection, collection: str, *conditions: ColumnElement[bool]) -> Row | None:
    """Return the row of a collection that fits, as REST shows it, or None."""
    rows = read_rows(connection, collection, select(TABLES[collection]).where(*conditions).limit(1))
    return rows[0] if rows else None


def _plain_rows(connection: Connection, table: Table, statement: Select[Any]) -> list[Row]:
    names, json, durations = SHAPES[table.name]
    rows = [dict(zip(names, values, strict=True)) for values in connection.execute(statement)]
    for row in rows:
        for name in json:
            if (text := row[name]) is not None:
                row[name] = orjson.Fragment(text)
        for name in durations:
            row[name] = row[name].total_seconds()
    return rows


def _shape(table: Table) -> tuple[list[str], list[str], list[str]]:
    json = [str(column.name) for column in table.c if isinstance(column.type, Document)]
    durations = [str(column.name) for column in table.c if isinstance(column.type, Duration)]
    return [str(column.name) for column in table.c], json, durations


SHAPES = {table.name: _shape(table) for table in (*TABLES.values(), DEPLOYMENT_SCHEDULES, CONCURRENCY_LIMITS)}


def _runs(_connection: Connection, rows: list[Row]) -> None:
    now = datetime.now(UTC)
    for row in rows:
        since = row.pop("state_timestamp")
        running = now - since if row["state_type"] == "RUNNING" else ZERO
        row["estimated_run_time"] = row["total_run_time"] + running.total_seconds()
        row["estimated_start_time_delta"] = _lateness(row, now).total_seconds()


def _lateness(run: Row, now: datetime) -> timedelta:
    expected, started = run["expected_start_time"], run["start_time"]
    if expected is None or (started is None and run["state_type"] in TERMINAL):
        return ZERO
    late: timedelta = (started or now) - expected
    return max(ZERO, late)


def _flow_runs(connection: Connection, rows: list[Row]) -> None:
    _runs(connection, rows)
    _queues(connection, rows)


def _queues(connection: Connection, rows: list[Row]) -> None:
    """Show the names that the work queue and its pool have now."""
    queues, pools = TABLES["work_queues"], TABLES["work_pools"]
    joined = select(queues.c.id, queues.c.name, pools.c.id, pools.c.name).join(
        pools, queues.c.work_pool_id == pools.c.id
    )
    found = {queue: rest for queue, *rest in _by(connection, joined, queues.c.id, _values(rows, "work_queue_id"))}
    for row in rows:
        name, pool_id, pool_name = found.get(row["work_queue_id"], (row["work_queue_name"], None, None))
        row |= {"work_queue_name": name, "work_pool_id": pool_id, "work_pool_name": pool_name}


def _deployments(connection: Connection, rows: list[Row]) -> None:
    _queues(connection, rows)
    schedules = _grouped(connection, DEPLOYMENT_SCHEDULES, "deployment_id", [row["id"] for row in rows])
    limits = _grouped(connection, CONCURRENCY_LIMITS, "id", _values(rows, "concurrency_limit_id"))
    for row in rows:
        del row["work_pool_id"]
        row["schedules"] = schedules.get(row["id"], [])
        row["global_concurrency_limit"] = next(iter(limits.get(row.pop("concurrency_limit_id"), ())), None)


def _grouped(connection: Connection, table: Table, key: str, values: list[str]) -> dict[str, list[Row]]:
    """Return the rows of a table by a key, the last updated first."""
    grouped: dict[str, list[Row]] = {}
    statement = select(table).where(member(table.c[key], values)).order_by(table.c.updated.desc(), table.c.id)
    for row in _plain_rows(connection, table, statement) if values else ():
        grouped.setdefault(row[key], []).append(row)
    for hidden in ("denied_slots", "avg_slot_occupancy_seconds"):
        for row in (row for rows in grouped.values() for row in rows):
            row.pop(hidden, None)
    return grouped


def _work_pools(connection: Connection, rows: list[Row]) -> None:
    runs, queues = TABLES["flow_runs"], TABLES["work_queues"]
    limited = [row["id"] for row in rows if row["concurrency_limit"] is not None]
    counted = select(queues.c.work_pool_id, func.count()).join_from(runs, queues, runs.c.work_queue_id == queues.c.id)
    slots = dict(
        _by(
            connection,
            counted.where(runs.c.state_type.in_(POOL_SLOTS)).group_by(queues.c.work_pool_id),
            queues.c.work_pool_id,
            limited,
        )
    )
    _fill_slots(rows, slots)


def _work_queues(connection: Connection, rows: list[Row]) -> None:
    runs, pools = TABLES["flow_runs"], TABLES["work_pools"]
    limited = [row["id"] for row in rows if row["concurrency_limit"] is not None]
    counted = (
        select(runs.c.work_queue_id, func.count())
        .where(runs.c.state_type.in_(QUEUE_SLOTS))
        .group_by(runs.c.work_queue_id)
    )
    _fill_slots(rows, dict(_by(connection, counted, runs.c.work_queue_id, limited)))
    names = dict(_by(connection, select(pools.c.id, pools.c.name), pools.c.id, _values(rows, "work_pool_id")))
    for row in rows:
        row["work_pool_name"] = names.get(row["work_pool_id"])


def _fill_slots(rows: list[Row], slots: dict[str, int]) -> None:
    for row in rows:
        row["active_slots"] = None if row["concurrency_limit"] is None else slots.get(row["id"], 0)


def _states(_connection: Connection, rows: list[Row]) -> None:
    for row in rows:
        row.pop("flow_run_id", None)
        row.pop("task_run_id", None)


def _values(rows: Iterable[Row], key: str) -> list[str]:
    return list({row[key] for row in rows} - {None})


def _by(connection: Connection, statement: Select[Any], column: ColumnElement[Any], values: list[str]) -> Sequence[Any]:
    return connection.execute(statement.where(member(column, values))).all() if values else ()


COMPLETE: dict[str, Callable[[Connection, list[Row]], None]] = {
    "flow_runs": _flow_runs,
    "task_runs": _runs,
    "flow_run_states": _states,
    "task_run_states": _states,
    "deployments": _deployments,
    "work_pools": _work_pools,
    "work_queues": _work_queues,
}
