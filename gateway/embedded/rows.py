"""Rows of the tables to the JSON of REST: stored JSON goes through as text, computed fields are filled in."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, func, select

from gateway.embedded.blocks.rows import complete_documents, complete_schemas
from gateway.embedded.expressions import member
from gateway.embedded.prepared import Prepared, values_of
from gateway.embedded.shapes import Row, shape_of
from gateway.embedded.tables import CONCURRENCY_LIMITS, DEPLOYMENT_SCHEDULES, TABLES
from gateway.embedded.tables.types import microseconds

POOL_SLOTS = ("PENDING", "RUNNING")
QUEUE_SLOTS = ("PENDING", "RUNNING", "CANCELLING")


def dump(value: Any) -> bytes:
    """Write rows as JSON, times as Prefect does: `2026-11-24T14:20:58.801726Z`, without a fraction where it is zero."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def read_rows(connection: Connection, collection: str, statement: Select[Any], **options: bool) -> list[Row]:
    """Run a SELECT of the whole table of a collection, and return its rows as REST shows them; the collection has the options."""
    return _shown(connection, collection, values_of(connection, statement), **options)


def read_row(connection: Connection, collection: str, *conditions: ColumnElement[bool]) -> Row | None:
    """Return the row of a collection that fits, as REST shows it, or None."""
    rows = read_rows(connection, collection, select(TABLES[collection]).where(*conditions).limit(1))
    return rows[0] if rows else None


def read_by(connection: Connection, collection: str, **key: str | None) -> Row | None:
    """Return the row of a collection with the values of a unique key, as REST shows it, or None."""
    nulls = frozenset(name for name, value in key.items() if value is None)
    rows = _shown(connection, collection, _by_key(collection, tuple(key), nulls).rows(connection, key))
    return rows[0] if rows else None


@cache
def _by_key(collection: str, key: tuple[str, ...], nulls: frozenset[str]) -> Prepared:
    columns = TABLES[collection].c
    equal = (columns[name].is_(None) if name in nulls else columns[name] == bindparam(name) for name in key)
    return Prepared(select(TABLES[collection]).where(*equal).limit(1))


def _shown(connection: Connection, collection: str, values: Sequence[Sequence[Any]], **options: bool) -> list[Row]:
    rows = _shaped(TABLES[collection], values)
    if rows and (complete := COMPLETE.get(collection)):
        complete(connection, rows, **options)
    return rows


def _shaped(table: Table, values: Sequence[Sequence[Any]]) -> list[Row]:
    return SHAPES[table.name](values, microseconds(datetime.now(UTC)))


SHAPES = {table.name: shape_of(table) for table in (*TABLES.values(), DEPLOYMENT_SCHEDULES, CONCURRENCY_LIMITS)}


QUEUES, POOLS, RUNS = TABLES["work_queues"], TABLES["work_pools"], TABLES["flow_runs"]

QUEUE_NAMES = Prepared(
    select(QUEUES.c.id, QUEUES.c.name, POOLS.c.id, POOLS.c.name)
    .join(POOLS, QUEUES.c.work_pool_id == POOLS.c.id)
    .where(member(QUEUES.c.id))
)
POOL_NAMES = Prepared(select(POOLS.c.id, POOLS.c.name).where(member(POOLS.c.id)))
RUNS_OF_POOLS = Prepared(
    select(QUEUES.c.work_pool_id, func.count())
    .join_from(RUNS, QUEUES, RUNS.c.work_queue_id == QUEUES.c.id)
    .where(member(RUNS.c.state_type, POOL_SLOTS), member(QUEUES.c.work_pool_id))
    .group_by(QUEUES.c.work_pool_id)
)
RUNS_OF_QUEUES = Prepared(
    select(RUNS.c.work_queue_id, func.count())
    .where(member(RUNS.c.state_type, QUEUE_SLOTS), member(RUNS.c.work_queue_id))
    .group_by(RUNS.c.work_queue_id)
)


def _queues(connection: Connection, rows: list[Row]) -> None:
    """Show the names that the work queue and its pool have now."""
    found = {queue: rest for queue, *rest in _by(connection, QUEUE_NAMES, _values(rows, "work_queue_id"))}
    for row in rows if found else ():
        if queue := found.get(row["work_queue_id"]):
            row["work_queue_name"], row["work_pool_id"], row["work_pool_name"] = queue


def _deployments(connection: Connection, rows: list[Row]) -> None:
    _queues(connection, rows)
    schedules = _grouped(connection, DEPLOYMENT_SCHEDULES, "deployment_id", [row["id"] for row in rows])
    limits = _grouped(connection, CONCURRENCY_LIMITS, "id", _values(rows, "concurrency_limit_id"))
    for row in rows:
        row.pop("work_pool_id", None)
        row["schedules"] = schedules.get(row["id"], [])
        row["global_concurrency_limit"] = next(iter(limits.get(row.pop("concurrency_limit_id"), ())), None)


def _grouped(connection: Connection, table: Table, key: str, values: list[str]) -> dict[str, list[Row]]:
    """Return the rows of a table by a key, the last updated first."""
    grouped: dict[str, list[Row]] = {}
    for row in _shaped(table, _by(connection, _last_updated(table, key), values)):
        grouped.setdefault(row[key], []).append(row)
    return grouped


@cache
def _last_updated(table: Table, key: str) -> Prepared:
    return Prepared(select(table).where(member(table.c[key])).order_by(table.c.updated.desc(), table.c.id))


def _work_pools(connection: Connection, rows: list[Row]) -> None:
    _fill_slots(rows, dict(_by(connection, RUNS_OF_POOLS, _limited(rows))))


def _work_queues(connection: Connection, rows: list[Row]) -> None:
    _fill_slots(rows, dict(_by(connection, RUNS_OF_QUEUES, _limited(rows))))
    names = dict(_by(connection, POOL_NAMES, _values(rows, "work_pool_id")))
    for row in rows:
        row["work_pool_name"] = names.get(row["work_pool_id"])


def _limited(rows: Iterable[Row]) -> list[str]:
    return [row["id"] for row in rows if row["concurrency_limit"] is not None]


def _fill_slots(rows: list[Row], slots: dict[str, int]) -> None:
    for row in rows:
        row["active_slots"] = None if row["concurrency_limit"] is None else slots.get(row["id"], 0)


def _values(rows: Iterable[Row], key: str) -> list[str]:
    return list({row[key] for row in rows} - {None})


def _by(connection: Connection, statement: Prepared, values: list[str]) -> Sequence[Any]:
    return statement.rows(connection, {"values": values}) if values else ()


COMPLETE: dict[str, Callable[..., None]] = {
    "block_schemas": complete_schemas,
    "block_documents": complete_documents,
    "flow_runs": _queues,
    "deployments": _deployments,
    "work_pools": _work_pools,
    "work_queues": _work_queues,
}
