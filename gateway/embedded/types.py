"""The column types: how times, durations, JSON and lists stand in SQLite and in PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pydantic_core
from sqlalchemy import ARRAY, BigInteger, Dialect, Text, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import TypeCompiler
from sqlalchemy.types import JSON, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return the microseconds between the epoch and a moment, which is in UTC if it has no time zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND


class Timestamp(TypeDecorator[datetime]):
    """A moment as whole microseconds since the epoch (BIGINT): exact to compare and to subtract in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Duration(TypeDecorator[timedelta]):
    """A length of time as whole microseconds (BIGINT), so that it adds up with `Timestamp`."""

    impl = BigInteger
    cache_ok = True
    zero = timedelta

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else value // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> timedelta | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else timedelta(microseconds=value)


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


class Document(JSON):
    """JSON, in SQLite as TEXT: a column declared JSON would turn the document `1` into a number."""


@compiles(Document, "sqlite")
def _text(type_: Document, compiler: TypeCompiler, **options: Any) -> str:  # noqa: ARG001 (SQLAlchemy's signature)
    return "TEXT"


# Text compares by code point everywhere, so that both databases sort names alike.
STRING = Text().with_variant(Text(collation="C"), "postgresql")
# `json` keeps a document as it was written; only what filters look into is `jsonb`.
DOCUMENT = Document(none_as_null=True)
TAGS = Document(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def dump_json(value: Any) -> str:
    """Return the JSON text of a value; integers may have any length."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return pydantic_core.to_json(value).decode()


def raw_json(text: str) -> str:
    """Return JSON as it was stored: a read hands it on unparsed, and who needs the value calls `orjson.loads`."""
    return text
