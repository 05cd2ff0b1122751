"""The scalars: ids are UUIDs, rows' datetimes stay the strings they are."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from graphql import GraphQLError
from pydantic import BeforeValidator, StrictBool, StrictFloat, StrictInt, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticKnownError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

_DATETIME = TypeAdapter(datetime)
_UUID = TypeAdapter(UUID)


def _id(value: object) -> str:
    """Read an id; what is none is refused as pydantic refuses it where a UUID is declared, which is so in Prefect."""
    try:
        return str(_UUID.validate_python(value))
    except ValidationError as refusal:
        error = refusal.errors()[0]
        raise PydanticKnownError(error["type"], error.get("ctx")) from None  # type: ignore[arg-type]  # a type of pydantic's


Id = Annotated[strawberry.ID, BeforeValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})]
Object = Annotated[dict[str, Any], strawberry.field(graphql_type=JSON)]
OptionalObject = Annotated[dict[str, Any] | None, strawberry.field(graphql_type=JSON | None)]
OptionalTexts = Annotated[dict[str, str] | None, strawberry.field(graphql_type=JSON | None)]
OptionalLabels = Annotated[
    dict[str, StrictBool | StrictInt | StrictFloat | str] | None,
    strawberry.field(graphql_type=JSON | None),
    WithJsonSchema({"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}]}),
]
Objects = Annotated[list[dict[str, Any]] | None, strawberry.field(graphql_type=list[JSON] | None)]
Value = Annotated[Any, strawberry.field(graphql_type=JSON | None)]


def _parse_datetime(value: object) -> datetime:
    """Read a moment, which is in UTC if it has no time zone; graphql-core tells where it stands if it is none."""
    msg = "a moment is written as 2026-11-24T14:20:58Z"
    if not isinstance(value, str):
        raise TypeError(msg)
    try:
        moment = _DATETIME.validate_python(value)
    except ValidationError:
        raise ValueError(msg) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _serialize_datetime(value: object) -> object:
    if not isinstance(value, str):
        msg = f"DateTime cannot represent {value!r}."
        raise GraphQLError(msg)
    return value


DATETIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A moment in time, as in RFC 3339: `2026-11-24T14:20:58.801726Z`.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=_serialize_datetime,
    parse_value=_parse_datetime,
)
