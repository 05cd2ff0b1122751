"""Statements that are translated once: SQLAlchemy writes the SQL, and from then on the text goes to the driver as it is."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

Parameters = tuple[Any, ...]
Bind = Callable[[Mapping[str, Any]], Any]
"""Makes a parameter for the driver of the values that are given."""


class Prepared:
    """A statement whose parameters have names, to be run many times.

    It goes past what SQLAlchemy does for a statement each time, which takes as long as SQLite takes to run it: column
    defaults are not filled in, and values come as the driver gives them.
    """

    def __init__(self, statement: Select[Any] | Insert | Update | Delete, *columns: str) -> None:
        """Take a statement; `columns` are those that an INSERT or UPDATE sets."""
        self._statement = statement
        self._columns = list(columns) or None
        self._translated: dict[str, tuple[str, list[Bind]]] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run it with one value for each parameter; return all rows."""
        text, binds = self._translation(connection.dialect)
        rows: Sequence[Sequence[Any]] = _send(connection, text, _bound(binds, values)).fetchall()
        return rows

    def run(self, connection: Connection, *values: Mapping[str, Any]) -> int:
        """Run it for each of some sets of values; return how many rows it is about."""
        text, binds = self._translation(connection.dialect)
        bound = [_bound(binds, each) for each in values]
        count: int = _send(connection, text, bound[0] if len(bound) == 1 else bound).rowcount
        return count

    def _translation(self, dialect: Dialect) -> tuple[str, list[Bind]]:
        known = self._translated.get(dialect.name)
        if known is None:
            compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
            known = (str(compiled), [_bind(compiled.binds[name], name, dialect) for name in compiled.positiontup])
            self._translated[dialect.name] = known
        return known


def values_of(connection: Connection, statement: Select[Any]) -> Sequence[Sequence[Any]]:
    """Run a SELECT that is not prepared; return all rows as the driver gives them."""
    result = connection.execute(statement)
    rows: Sequence[Sequence[Any]] = result.cursor.fetchall()
    result.close()
    return rows


def _bound(binds: list[Bind], values: Mapping[str, Any]) -> Parameters:
    return tuple([bind(values) for bind in binds])


def _bind(parameter: BindParameter[Any], name: str, dialect: Dialect) -> Bind:
    """Bind a parameter to the value of its name, or to the one that the statement has for it."""
    process = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    if not parameter.required:
        constant = parameter.value if process is None else process(parameter.value)
        return lambda _values: constant
    if process is None:
        return itemgetter(name)
    return lambda values: process(values[name])


def _send(connection: Connection, text: str, parameters: Parameters | list[Parameters]) -> Any:
    """Send a statement's text; return the cursor, or what stands for it. Raises SQLAlchemy's errors."""
    if connection.dialect.name != "sqlite":
        return connection.exec_driver_sql(text, parameters)
    driver: Any = connection.connection.driver_connection
    try:
        return (
            driver.executemany(text, parameters) if isinstance(parameters, list) else driver.execute(text, parameters)
        )
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, parameters, error, sqlite3.Error, hide_parameters=True) from error
