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
    "flow_runs": [("flow_id", "idempotency_key")],
    # Not led by the flow run, or SQLite would find its task runs by this index and sort them.
    "task_runs": [("dynamic_key", "task_key", "flow_run_id")],
    "deployments": [("flow_id", "name")],
    "work_pools": [("name",)],
    "work_queues": [("work_pool_id", "name")],
    "concurrency_limits_v2": [("name",)],
}

SORTED: Keys = {
    "flows": [("created", "id"), ("updated", "id")],
    "flow_runs": [
        (START, "id"),
        ("state_type", START, "id"),
        ("state_name", START, "id"),
        ("flow_id", START, "id"),
        ("deployment_id", START, "id"),
        ("work_queue_id", "state_type", "next_scheduled_start_time"),
        ("expected_start_time", "id"),
        ("next_scheduled_start_time", "id"),
        ("end_time", "id"),
        ("name", "id"),
        ("parent_task_run_id",),
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
    "logs": [("flow_run_id", "timestamp", "id"), ("task_run_id", "timestamp", "id"), ("timestamp", "id")],
    "work_queues": [("name", "id"), ("work_pool_id", "priority", "id")],
    "deployment_schedules": [("deployment_id",)],
}

# Rows with tags, on PostgreSQL; SQLite looks through the rows that the other conditions leave.
TAGGED = ("flows", "flow_runs", "task_runs", "deployments")


def add_indexes(table: Table) -> None:
    """Add its indexes to a table."""
    for key in UNIQUE.get(table.name, ()):
        columns = [table.c[column] for column in key]
        # Nulls are never equal; left out, the index doesn't tempt SQLite where another has the order too.
        given = columns[-1].is_not(None) if columns[-1].nullable else None
        Index(f"uq_{table.name}__{'_'.join(key)}", *columns, unique=True, sqlite_where=given, postgresql_where=given)
    for key in SORTED.get(table.name, ()):
        Index(f"ix_{table.name}__{'_'.join(key)}"[:LONGEST_NAME], *(nulls_low(_key(table, column)) for column in key))
    if table.name in TAGGED:
        Index(f"ix_{table.name}__tags", table.c.tags, postgresql_using="gin").ddl_if(dialect="postgresql")


def _key(table: Table, name: str) -> ColumnElement[Any]:
    return start(table) if name == START else table.c[name]
