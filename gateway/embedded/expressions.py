"""The few expressions that SQLite and PostgreSQL spell differently."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, Text

from gateway.embedded.tables.tags import TAGS
from gateway.embedded.tables.types import TextList, microseconds


class _Truth(FunctionElement[bool]):
    """A condition, spelled in parentheses."""

    type = Boolean()

    def self_group(self, against: OperatorType | None = None) -> "_Truth":  # noqa: ARG002 (SQLAlchemy's signature)
        """Stand as it is: SQLAlchemy would write `= 1` behind it in SQLite, and no index could serve it."""
        return self


class _OfList(_Truth):
    """A condition on a column and a list of strings, which is one parameter of any length.

    Without the list, it is the parameter `values` of the statement.
    """

    def __init__(self, column: ColumnElement[Any], values: Sequence[str] | None = None) -> None:
        later = values is None
        name, given = ("values", None) if later else (None, list(values or ()))
        super().__init__(column, bindparam(name, given, TextList(), unique=not later, required=later))


class _OfTags(_Truth):
    """A condition on the tags of a row whose table has a table of tags beside it (see `tags`)."""

    def __init__(self, column: ColumnElement[Any], values: Sequence[str]) -> None:
        table: Any = column.table
        names: tuple[ColumnElement[Any], ...] = (literal_column(TAGS[table.name].name), literal_column(table.name))
        super().__init__(column, bindparam(None, list(values), TextList(), unique=True), *names)


class member(_OfList):  # noqa: N801 (reads as the function that it is in SQL)
    """The column's text is one of the values."""

    inherit_cache = True


class has_any(_OfList):  # noqa: N801 (reads as the function that it is in SQL)
    """The column's list has at least one of the values."""

    inherit_cache = True


class has_all(_OfList):  # noqa: N801 (reads as the function that it is in SQL)
    """The column's list has all of the values."""

    inherit_cache = True


class tagged_any(_OfTags):  # noqa: N801 (reads as the function that it is in SQL)
    """The row has at least one of the tags."""

    inherit_cache = True


class tagged_all(_OfTags):  # noqa: N801 (reads as the function that it is in SQL)
    """The row has all of the tags."""

    inherit_cache = True


class like(_Truth):  # noqa: N801 (reads as the function that it is in SQL)
    """The column's text fits a pattern, the case of a to z ignored; `%` and `_` are wildcards and nothing escapes them."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], pattern: str) -> None:
        super().__init__(column, literal(pattern, Text()))


class greatest(FunctionElement[int]):  # noqa: N801 (reads as the function that it is in SQL)
    """The greater of two integers."""

    type = BigInteger()
    inherit_cache = True


class nulls_low(FunctionElement[Any]):  # noqa: N801 (reads as the function that it is in SQL)
    """A key of an index in which null is below every value, as in SQLite."""

    inherit_cache = True


class label(FunctionElement[str]):  # noqa: N801 (reads as the function that it is in SQL)
    """A label of a resource in an event, by its name; null where it has none."""

    type = Text()
    inherit_cache = True

    def __init__(self, labels: ColumnElement[Any], name: str) -> None:
        super().__init__(labels, literal(name.replace('"', ""), Text()))


class any_element(_Truth):  # noqa: N801 (reads as the function that it is in SQL)
    """A condition on `element.value` holds for one of the column's list of objects."""

    inherit_cache = True


SPELLINGS: tuple[tuple[type[FunctionElement[Any]], str, str], ...] = (
    (member, "({0} IN (SELECT value FROM json_each({1})))", "({0} = ANY ({1}))"),
    (
        has_any,
        "(EXISTS (SELECT 1 FROM json_each({0}) AS tag WHERE tag.value IN (SELECT value FROM json_each({1}))))",
        "({0} ?| {1})",
    ),
    (
        has_all,
        "(NOT EXISTS (SELECT 1 FROM json_each({1}) AS tag WHERE tag.value NOT IN (SELECT value FROM json_each({0}))))",
        "({0} ?& {1})",
    ),
    (
        tagged_any,
        "(EXISTS (SELECT 1 FROM {2} AS t WHERE t.tag IN (SELECT value FROM json_each({1})) AND t.id = {3}.id))",
        "({0} ?| {1})",
    ),
    (
        tagged_all,
        (
            "(NOT EXISTS (SELECT 1 FROM json_each({1}) AS tag WHERE NOT EXISTS"
            " (SELECT 1 FROM {2} AS t WHERE t.tag = tag.value AND t.id = {3}.id)))"
        ),
        "({0} ?& {1})",
    ),
    (like, "(lower({0}) LIKE lower({1}))", "({0} ILIKE {1} ESCAPE '')"),
    (label, """json_extract({0}, '$."' || {1} || '"')""", "({0} ->> {1})"),
    (
        any_element,
        "(EXISTS (SELECT 1 FROM json_each({0}) AS element WHERE {1}))",
        "(EXISTS (SELECT 1 FROM json_array_elements({0}) AS element WHERE {1}))",
    ),
    (greatest, "max({0}, {1})", "greatest({0}, {1})"),
    (nulls_low, "{0}", "{0} NULLS FIRST"),
)


def _spell(element: type[FunctionElement[Any]], dialect: str, template: str) -> None:
    @compiles(element, dialect)
    def _compile(expression: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
        return template.format(*(compiler.process(part, **options) for part in expression.clauses))


for _element, _sqlite, _postgres in SPELLINGS:
    _spell(_element, "sqlite", _sqlite)
    _spell(_element, "postgresql", _postgres)


def start(runs: FromClause) -> ColumnElement[Any]:
    """Return when a run started, or is expected to start."""
    return func.coalesce(runs.c.start_time, runs.c.expected_start_time)


def _integer(column: ColumnElement[Any]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def now() -> ColumnElement[int]:
    """Return the microseconds between the epoch and the moment at which the statement runs, each time it does."""
    return bindparam("now", callable_=lambda: microseconds(datetime.now(UTC)), type_=BigInteger, unique=True)


def estimated_run_time(runs: FromClause, now: ColumnElement[int]) -> ColumnElement[int]:
    """Return the microseconds that a run has been running until now, which is microseconds since the epoch."""
    total = _integer(runs.c.total_run_time)
    running = total + now - _integer(runs.c.state_timestamp)
    return case((runs.c.state_type == "RUNNING", running), else_=total)


def estimated_lateness(runs: FromClause, now: ColumnElement[int], terminal: Sequence[str]) -> ColumnElement[int]:
    """Return the microseconds that a run started late, or is late by now if it has not started and may yet."""
    expected, started = _integer(runs.c.expected_start_time), _integer(runs.c.start_time)
    late = started.is_(None) & runs.c.state_type.not_in(terminal) & (expected < now)
    return case(
        (started > expected, started - expected),
        (late, now - expected),
        else_=literal(0, BigInteger),
    )
