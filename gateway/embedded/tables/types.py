"""The column types: how times, durations, JSON and lists stand in SQLite and in PostgreSQL.

Results pass through one plain function, or none: a page of runs has thousands of values.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pydantic_core
from sqlalchemy import ARRAY, BigInteger, Dialect, Text, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import JSON, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Reader = Callable[[Any], Any] | None


def microseconds(moment: datetime) -> int:
    """Return the microseconds between the epoch and a moment, which is in UTC if it has no time zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND


def _moment(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(0, 0, value)


def _length(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(0, 0, value)


class Timestamp(TypeDecorator[datetime]):
    """A moment as whole microseconds since the epoch (BIGINT): exact to compare and to subtract in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else microseconds(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Reader:  # noqa: ARG002 (SQLAlchemy's signature)
        return _moment


class Duration(TypeDecorator[timedelta]):
    """A length of time as whole microseconds (BIGINT), so that it adds up with `Timestamp`."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else value // MICROSECOND

    def result_processor(self, dialect: Dialect, coltype: object) -> Reader:  # noqa: ARG002 (SQLAlchemy's signature)
        return _length


class TextList(TypeDecorator[list[str]]):
    """A list of strings as one parameter: a JSON text in SQLite, `text[]` in PostgreSQL. No column has this type.

    One parameter whatever the length: no limit on the number of parameters, and one cached statement.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else orjson.dumps(value).decode()


class Document(TypeDecorator[Any]):
    """JSON, written from a value and read as the text that was stored: who needs the value calls `orjson.loads`.

    In SQLite it is TEXT: a column declared JSON would turn the document `1` into a number.
    """

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return postgresql.JSON(none_as_null=True) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else dump_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Reader:  # noqa: ARG002 (SQLAlchemy's signature)
        return None


class Tags(Document):
    """A list of strings that filters look into, and therefore `jsonb` in PostgreSQL; `json` keeps a document as written."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return postgresql.JSONB(none_as_null=True) if dialect.name == "postgresql" else Text()


# Text compares by code point everywhere, so that both databases sort names alike.
STRING = Text().with_variant(Text(collation="C"), "postgresql")


def dump_json(value: Any) -> str:
    """Return the JSON text of a value; integers may have any length."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return pydantic_core.to_json(value).decode()
