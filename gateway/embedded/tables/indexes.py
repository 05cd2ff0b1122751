"""The indexes: what filters find rows by and what sorts walk along, each sort closed by the id."""

from typing import Any

from sqlalchemy import ColumnElement, Index, Table

from gateway.embedded.expressions import nulls_low, start

LONGEST_NAME = 63
"""Characters in a name, in PostgreSQL."""

START = "start"
"""Stands for when a run started or is expected to."""

Keys = dict[str, list[tuple[str, ...]]]

UNIQUE: Keys = {
    "flows": [("name",)],
    # Not led by the flow: a key alone finds its run too.
    "flow_runs": [("idempotency_key", "flow_id")],
    # Not led by the flow run, or SQLite would find its task runs by this index and sort them.
    "task_runs": [("dynamic_key", "task_key", "flow_run_id")],
    "deployments": [("flow_id", "name")],
    "work_pools": [("name",)],
    "work_queues": [("work_pool_id", "name")],
    "artifact_collections": [("key",)],
    "variables": [("name",)],
    "block_types": [("slug",)],
    "block_schemas": [("checksum", "version")],
    "block_documents": [("block_type_id", "name")],
    "saved_searches": [("name",)],
    "flow_run_inputs": [("flow_run_id", "key")],
    "workers": [("work_pool_id", "name")],
    "concurrency_limits_v2": [("name",)],
}

SORTED: Keys = {
    "flows": [("created", "id"), ("updated", "id")],
    "flow_runs": [
        (START, "id", "state_type", "state_name"),
        ("state_type", START, "id"),
        ("state_name", START, "id"),
        ("flow_id", START, "id"),
        ("deployment_id", START, "id"),
        ("work_queue_id", START, "id"),
        ("work_queue_name", START, "id"),
        ("parent_task_run_id", START, "id"),
        ("expected_start_time", "id"),
        ("next_scheduled_start_time", "id"),
        ("end_time", "id"),
        ("name", "id"),
    ],
    "task_runs": [
        ("flow_run_id", "expected_start_time", "id"),
        ("state_type", "expected_start_time", "id"),
        ("expected_start_time", "id"),
        ("next_scheduled_start_time", "id"),
        ("end_time", "id"),
        ("name", "id"),
    ],
    "flow_run_states": [("flow_run_id", "timestamp")],
    "task_run_states": [("task_run_id", "timestamp")],
    "deployments": [("name", "id"), ("created", "id"), ("updated", "id"), ("work_queue_id",)],
    "logs": [("flow_run_id", "timestamp", "id"), ("task_run_id", "timestamp", "id"), ("timestamp", "id"), ("created",)],
    "work_queues": [("name", "id"), ("work_pool_id", "priority", "id")],
    "deployment_schedules": [("deployment_id",)],
    "artifacts": [
        ("key", "id"),
        ("flow_run_id", "id"),
        ("task_run_id", "id"),
        ("created", "id"),
        ("updated", "id"),
    ],
    "artifact_collections": [
        ("latest_id",),
        ("flow_run_id", "id"),
        ("task_run_id", "id"),
        ("created", "id"),
        ("updated", "id"),
    ],
    "variables": [("created", "id"), ("updated", "id")],
    "block_types": [("name", "id")],
    "block_schemas": [("created", "id"), ("block_type_id", "created", "id")],
    "block_documents": [("name", "id"), ("block_type_name", "name", "id"), ("block_schema_id",)],
    "block_schema_references": [("parent_id",), ("reference_id",)],
    "block_document_references": [("parent_id",), ("reference_id",)],
}

# Columns that most rows lack, and that are never asked for their absence: an index leaves those rows out.
SPARSE = frozenset(
    {
        ("flow_runs", "idempotency_key"),
        ("flow_runs", "work_queue_id"),
        ("flow_runs", "work_queue_name"),
        ("task_runs", "dynamic_key"),
    }
)

# Rows with tags, on PostgreSQL; SQLite has tables of tags beside those of runs (see `tags`).
TAGGED = ("flows", "flow_runs", "task_runs", "deployments")

ROWS = {"flow_runs": 1_000_000, "task_runs": 4_000_000, "logs": 10_000_000}
"""Rows that a table is taken to have; others `FEW_ROWS`."""
FEW_ROWS = 1_000

ALIKE = {
    "state_type": 8_000,
    "state_name": 4_000,
    "work_queue_id": 4_000,
    "work_queue_name": 4_000,
    "flow_id": 1_000,
    "deployment_id": 200,
    "dynamic_key": 100_000,
    "task_key": 10_000,
    "flow_run_id": 50,
    "task_run_id": 50,
    "name": 10,
    "next_scheduled_start_time": 10,
    "parent_task_run_id": 2,
}
"""Rows that are taken to have one value of a column; of others one row has it.

Fewer than there are: SQLite takes a list to have 25 values, and would rather walk along a sort than look for so many.
"""


def add_indexes(table: Table) -> None:
    """Add its indexes to a table, each with what SQLite's planner is told of it (see `database.planner`)."""
    for key in UNIQUE.get(table.name, ()):
        columns = [table.c[column] for column in key]
        name = f"uq_{table.name}__{'_'.join(key)}"
        Index(name, *columns, unique=True, info={"spread": _spread(table, key)}, **_given(table, columns))
    for key in SORTED.get(table.name, ()):
        keys = [_key(table, column) for column in key]
        name = f"ix_{table.name}__{'_'.join(key)}"[:LONGEST_NAME]
        spread = {"spread": _spread(table, key)}
        Index(name, *map(nulls_low, keys), info=spread, **_given(table, keys))
    if table.name in TAGGED:
        Index(f"ix_{table.name}__tags", table.c.tags, postgresql_using="gin", info={"dialect": "postgresql"})


def _key(table: Table, name: str) -> ColumnElement[Any]:
    return start(table) if name == START else table.c[name]


def _given(table: Table, columns: list[Any]) -> dict[str, Any]:
    """Leave rows out of an index; nulls are never equal, so that a unique one needs none either."""
    sparse = columns[0] if (table.name, getattr(columns[0], "name", "")) in SPARSE else None
    if sparse is None:
        return {}
    given = next(column for column in (sparse, columns[-1]) if column.nullable).is_not(None)
    return {"sqlite_where": given, "postgresql_where": given}


def _spread(table: Table, key: tuple[str, ...]) -> list[int]:
    """Return the rows of an index, and how many of them have the same first column, the same first two, and so on."""
    spread = [ROWS.get(table.name, FEW_ROWS)]
    for column in key:
        spread.append(min(spread[-1], ALIKE.get(column, 1)))
    return spread
