"""Shapes: what the driver gives of a table's rows to what JSON is written from, by one compiled expression a table.

A page of runs has thousands of values: a call a value would take longer than SQLite takes to find them.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import Boolean, Column, Table

from gateway.embedded.tables.columns import HIDDEN
from gateway.embedded.tables.types import EPOCH, Document, Duration, Timestamp
from schema.states import StateType

Row = dict[str, Any]
"""A row as REST shows it; values that were stored as JSON are `orjson.Fragment`s of it."""

Shape = Callable[[Sequence[Sequence[Any]], int], list[Row]]
"""Makes rows of the driver's, at a moment in microseconds since the epoch."""

TERMINAL = frozenset(
    {StateType.COMPLETED.value, StateType.FAILED.value, StateType.CANCELLED.value, StateType.CRASHED.value}
)

Spellings = tuple[tuple[type[Any], str], ...]

_PLAIN: Spellings = (
    (Timestamp, "None if {0} is None else EPOCH + timedelta(0, 0, {0})"),
    (Boolean, "None if {0} is None else bool({0})"),
)
SHOWN: Spellings = (
    *_PLAIN,
    (Document, "None if {0} is None else Fragment({0})"),
    (Duration, "{0} / 1_000_000"),
)
STORED: Spellings = (*_PLAIN, (Duration, "timedelta(0, 0, {0})"))

# Seconds that a run has been running until now; that it started late, or is late if it has not started and may yet.
_RUN = {
    "estimated_run_time": (
        "(total_run_time + now - state_timestamp if state_type == 'RUNNING' else total_run_time) / 1_000_000"
    ),
    "estimated_start_time_delta": (
        "0.0 if expected_start_time is None or (start_time is None and state_type in TERMINAL)"
        " else max(0, (now if start_time is None else start_time) - expected_start_time) / 1_000_000"
    ),
}
# Told by the queue, where there is one.
_POOL = {"work_pool_id": "None", "work_pool_name": "None"}
COMPUTED: dict[str, dict[str, str]] = {
    "flow_runs": {**_RUN, **_POOL},
    "task_runs": _RUN,
    "deployments": {"work_pool_name": "None"},
}
"""Fields that are worked out of a row's columns, which the expressions know by their names."""

# What a deployment's row is put together from.
PASSED = frozenset({"concurrency_limit_id"})


def shape_of(table: Table) -> Shape:
    """Compile the shape in which REST shows a table's rows, selected as a whole."""
    hidden = HIDDEN.get(table.name, {}).keys() - PASSED
    shown = {str(column.name): _spelled(column, SHOWN) for column in table.c if column.name not in hidden}
    return _compiled(table, shown | COMPUTED.get(table.name, {}))


def stored_shape(table: Table) -> Shape:
    """Compile the shape in which writes handle a table's rows: Python values, but JSON as text."""
    return _compiled(table, {str(column.name): _spelled(column, STORED) for column in table.c})


def _spelled(column: Column[Any], spellings: Spellings) -> str:
    """Spell a column's value; what the driver gives is mostly what is wanted."""
    spelling = next((text for kind, text in spellings if isinstance(column.type, kind)), "{0}")
    return spelling.format(column.name)


def _compiled(table: Table, fields: dict[str, str]) -> Shape:
    items = ", ".join(f"{name!r}: {expression}" for name, expression in fields.items())
    source = f"lambda rows, now: [{{{items}}} for {', '.join(str(column.name) for column in table.c)} in rows]"
    known = {"Fragment": orjson.Fragment, "EPOCH": EPOCH, "timedelta": timedelta, "TERMINAL": TERMINAL}
    shape: Shape = eval(compile(source, f"<shape of {table.name}>", "eval"), known)  # noqa: S307 (written above, of our own names)
    return shape
