"""The operator shapes of the REST API's filters: what can be asked of one field.

Prefect's 74 leaf filters have 26 shapes; a filter's field names its shape and never a class of its own.
"""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from pydantic import Field

from schema.scalars import Id
from schema.types import Input, absent, choice


@strawberry.enum(description="How the conditions of one filter are combined.")
class Operator(Enum):
    AND = choice("and_", "All of the conditions hold.")
    OR = choice("or_", "At least one of the conditions holds.")


def combined() -> Any:
    """Declare the field that combines a filter's conditions."""
    return Field(
        default_factory=lambda: Operator.AND,
        description="How the conditions of this filter are combined; AND by default.",
    )


@strawberry.pydantic.input(description="One of some ids.")
class AnyIdFilter(Input):
    any_: list[Id] | None = absent("One of these.")


@strawberry.pydantic.input(description="One of some ids, or none of some.")
class AnyIdExceptFilter(Input):
    any_: list[Id] | None = absent("One of these.")
    not_any_: list[Id] | None = absent("None of these.")


@strawberry.pydantic.input(description="One of some ids, or none set.")
class AnyIdOrNullFilter(Input):
    any_: list[Id] | None = absent("One of these.")
    is_null_: bool | None = absent("Whether it is unset.")


@strawberry.pydantic.input(description="One of some ids, combined by an operator.")
class CombinedIdFilter(Input):
    operator: Operator = combined()
    any_: list[Id] | None = absent("One of these.")


@strawberry.pydantic.input(description="One of some ids, or none set, combined by an operator.")
class NullableIdFilter(CombinedIdFilter):
    is_null_: bool | None = absent("Whether it is unset.")


@strawberry.pydantic.input(description="One of some strings.")
class AnyStringFilter(Input):
    any_: list[str] | None = absent("One of these.")


@strawberry.pydantic.input(description="One of some strings, or none of some.")
class AnyStringExceptFilter(AnyStringFilter):
    not_any_: list[str] | None = absent("None of these; rows without a value are left out.")


@strawberry.pydantic.input(description="One of some strings, or none set, combined by an operator.")
class NullableStringFilter(Input):
    operator: Operator = combined()
    any_: list[str] | None = absent("One of these.")
    is_null_: bool | None = absent("Whether it is unset.")


@strawberry.pydantic.input(description="All of some strings.")
class AllStringsFilter(Input):
    all_: list[str] | None = absent("All of these.")


@strawberry.pydantic.input(description="One of some names, or a part of one.")
class NameFilter(AnyStringFilter):
    like_: str | None = absent("A part of the name, case ignored; `%` and `_` are wildcards.")


@strawberry.pydantic.input(description="One of some keys, a part of one, or whether there is one.")
class KeyFilter(AnyStringFilter):
    like_: str | None = absent("A part of the key, case ignored; `%` and `_` are wildcards.")
    exists_: bool | None = absent("Whether there is a key.")


@strawberry.pydantic.input(description="One of some names, or how a name begins.")
class NamePrefixFilter(AnyStringFilter):
    startswith_: list[str] | None = absent("How the name begins: one of these.")


@strawberry.pydantic.input(description="A part of a name.")
class LikeFilter(Input):
    like_: str | None = absent("A part of the name, case ignored; `%` and `_` are wildcards.")


@strawberry.pydantic.input(description="The tags that a row has.")
class TagsFilter(Input):
    operator: Operator = combined()
    all_: list[str] | None = absent("All of these.")
    is_null_: bool | None = absent("Whether there are no tags.")


@strawberry.pydantic.input(description="The tags that a row has, all of some or any of some.")
class AnyTagsFilter(TagsFilter):
    any_: list[str] | None = absent("At least one of these.")


@strawberry.pydantic.input(description="A time before.")
class BeforeFilter(Input):
    before_: datetime | None = absent("At this time or before.")


@strawberry.pydantic.input(description="A time before or after.")
class TimeFilter(Input):
    before_: datetime | None = absent("At this time or before.")
    after_: datetime | None = absent("At this time or after.")


@strawberry.pydantic.input(description="A time before or after, or none set.")
class NullableTimeFilter(TimeFilter):
    is_null_: bool | None = absent("Whether it is unset.")


@strawberry.pydantic.input(description="An integer at least or at most.")
class RangeFilter(Input):
    ge_: int | None = absent("At least this.")
    le_: int | None = absent("At most this.")


@strawberry.pydantic.input(description="An integer at least or at most, or none set.")
class NullableRangeFilter(RangeFilter):
    is_null_: bool | None = absent("Whether it is unset.")


@strawberry.pydantic.input(description="A truth value.")
class EqualsFilter(Input):
    eq_: bool | None = absent("Equal to this.")


@strawberry.pydantic.input(description="Whether something exists.")
class ExistsFilter(Input):
    exists_: bool | None = absent("Whether it exists.")


@strawberry.pydantic.input(description="Whether something is unset.")
class IsNullFilter(Input):
    operator: Operator = combined()
    is_null_: bool | None = absent("Whether it is unset.")


@strawberry.pydantic.input(description="A search for words.")
class TextFilter(Input):
    query: str = Field(
        max_length=200, description='Words to find, `"a phrase"`, and `-word` or `!word` for what must not occur.'
    )


@strawberry.pydantic.input(description="Who created a row.")
class CreatorFilter(Input):
    operator: Operator = combined()
    id_: list[Id] | None = absent("Created by one of these ids.")
    type_: list[str] | None = absent("Created by one of these types, such as DEPLOYMENT.")
    is_null_: bool | None = absent("Whether the creator is unknown.")
