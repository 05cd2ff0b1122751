"""Rows as writes handle them: Python values under the columns' names, JSON decoded where it is needed."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, Table, bindparam, insert, select, update

from gateway.embedded.prepared import Prepared, values_of
from gateway.embedded.shapes import Row, Shape, stored_shape

COMBINATIONS = 1_024
"""Statements that are kept: one for each set of columns that is written."""


def load(
    connection: Connection, table: Table, id_: str | None, *, json: tuple[str, ...] = (), lock: bool = True
) -> Row | None:
    """Read the row with an id, by default to change it; the columns named by `json` are decoded, other JSON stays text."""
    return _first(table, _by_id(table, lock).rows(connection, {"row_id": id_}), json)


def find(
    connection: Connection,
    table: Table,
    *conditions: ColumnElement[bool],
    json: tuple[str, ...] = (),
    lock: bool = True,
) -> Row | None:
    """Read the row that fits, as `load` does."""
    statement = select(table).where(*conditions).limit(1)
    return _first(table, values_of(connection, statement.with_for_update() if lock else statement), json)


def find_all(
    connection: Connection,
    table: Table,
    *conditions: ColumnElement[bool],
    order: ColumnElement[Any],
    limit: int | None = None,
    offset: int = 0,
    lock: bool = True,
) -> list[Row]:
    """Read the rows that fit, by default to change them: who changes several takes them in one order; JSON stays text."""
    statement = select(table).where(*conditions).order_by(order).limit(limit).offset(offset)
    return _stored(table)(values_of(connection, statement.with_for_update() if lock else statement), 0)


def _first(table: Table, found: Sequence[Sequence[Any]], json: tuple[str, ...]) -> Row | None:
    if not found:
        return None
    row = _stored(table)(found, 0)[0]
    return {**row, **{name: from_json(row[name]) for name in json if row[name] is not None}}


def new_row(table: Table, **values: Any) -> Row:
    """Make a row that has an id of its own and every default, and in it the values that are given."""
    blank, defaults = _defaults(table)
    made = {name: make(None) for name, make in defaults if name not in values}
    return {**blank, "id": str(uuid.uuid4()), **made, **values}


def add(connection: Connection, table: Table, *rows: Row) -> None:
    """Insert rows, each with the same columns."""
    _insert(table, tuple(rows[0])).run(connection, *rows)


def change(connection: Connection, table: Table, id_: str, values: Row) -> bool:
    """Update columns of a row, and when it was updated; tell whether there is such a row."""
    changed = {**values, "updated": datetime.now(UTC)} if "updated" in table.c else values
    return bool(_update(table, tuple(changed)).run(connection, {**changed, "row_id": id_}))


@cache
def _by_id(table: Table, lock: bool) -> Prepared:
    statement = select(table).where(table.c.id == bindparam("row_id"))
    return Prepared(statement.with_for_update() if lock else statement)


@lru_cache(COMBINATIONS)
def _insert(table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table), *columns)


@lru_cache(COMBINATIONS)
def _update(table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(update(table).where(table.c.id == bindparam("row_id")), *columns, "row_id")


@cache
def _stored(table: Table) -> Shape:
    return stored_shape(table)


@cache
def _defaults(table: Table) -> tuple[Row, list[tuple[str, Callable[[None], Any]]]]:
    """Return the row of nulls, and the columns that have a default, each with what makes it."""
    made: list[tuple[str, Any]] = [(column.name, column.default) for column in table.c if column.default]
    return {column.name: None for column in table.c}, [(name, default.arg) for name, default in made]
