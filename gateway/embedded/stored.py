"""Rows as writes handle them: Python values under the columns' names, JSON decoded where it is needed."""

import uuid
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Column, ColumnElement, Connection, Table, insert, select, update

Row = dict[str, Any]


def load(
    connection: Connection,
    table: Table,
    *conditions: ColumnElement[bool],
    json: tuple[str, ...] = (),
    lock: bool = True,
) -> Row | None:
    """Read the row that fits, by default to change it; the columns named by `json` are decoded, other JSON stays text."""
    statement = select(table).where(*conditions).limit(1)
    found = connection.execute(statement.with_for_update() if lock else statement).mappings().first()
    if found is None:
        return None
    return {**found, **{name: from_json(found[name]) for name in json if found[name] is not None}}


def new_row(table: Table, **values: Any) -> Row:
    """Make a row that has an id of its own and every default, and in it the values that are given."""
    return {**{column.name: _default(column) for column in table.c}, "id": str(uuid.uuid4()), **values}


def _default(column: Column[Any]) -> Any:
    default: Any = column.default
    return default.arg(None) if default else None


def add(connection: Connection, table: Table, *rows: Row) -> None:
    """Insert rows."""
    connection.execute(insert(table), rows)


def change(connection: Connection, table: Table, id_: str, values: Row) -> bool:
    """Update columns of a row, and when it was updated; tell whether there is such a row."""
    return bool(connection.execute(update(table).where(table.c.id == id_).values(values)).rowcount)
