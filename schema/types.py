"""What every GraphQL type of the schema is made with: resources, inputs, and their fields."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLResolveInfo
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from strawberry.federation.schema_directives import Key, Shareable, Tag
from strawberry.federation.types import FieldSet

from schema.scalars import Id

M = TypeVar("M", bound=BaseModel)

NAME_PATTERN = "^[^/%&><]+$"


ADDED: dict[str, Any] = {"x-added": True}
"""Marks, in a JSON schema, a key that the gateway adds to what REST answers."""


# Marks what Prefect keeps for its own UI and may change: an architect can leave it out of a contract.
INTERNAL = Tag(name="internal")

# Marks a field that other subgraphs may have copies of and give themselves (`@provides`).
Copied: Any = strawberry.field(directives=[Shareable()])


class Computed:
    """Marks a field of a row that is worked out when it is read and stored nowhere."""


@strawberry.pydantic.interface(description="An object with an id, which `node(id)` finds again.")
class Node(BaseModel):
    """An object with an id (https://graphql.org/learn/global-object-identification/)."""

    id: Id = Field(description="The row's UUID.")

    @classmethod
    def is_type_of(cls, row: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Tell whether a row is of this type: `node` and `_entities` write the type's name into it."""
        return isinstance(row, dict) and bool(row.get("__typename", cls.__name__) == cls.__name__)


class Part(BaseModel):
    """An object within a row, or one that no id finds."""

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Refuse what is no object: an upstream may send anything."""
        return isinstance(value, dict)


class _Stamps(BaseModel):
    created: datetime | None = Field(description="When the row was created.")
    updated: datetime | None = Field(description="When the row was last updated.")


class Dated(_Stamps, Node):
    """A row that knows when it was made and last changed."""


class Detached(_Stamps, Part):
    """A row that REST cannot read by its id."""

    id: Id = Field(description="The row's UUID.")


def resource(description: str, *keys: str, resolvable: bool = True) -> Callable[[type[M]], type[M]]:
    """Make a row model a GraphQL type that other subgraphs can refer to by its id, or by what else is unique (`keys`).

    A key is a set of fields, "name" or "name flow { name }". `resolvable=False` where REST cannot read a row by its id.
    """
    directives = [Key(fields=FieldSet(key), resolvable=resolvable) for key in ("id", *keys)]
    return strawberry.pydantic.type(description=description, directives=directives)


class Input(BaseModel):
    """An input: what it does not know is refused, what is absent stays unset."""

    model_config = ConfigDict(extra="forbid")


def absent(description: str, **constraints: Any) -> Any:
    """Declare a nullable field without a default, so that absent and null stay different."""
    return Field(default_factory=lambda: None, description=description, **constraints)


def dashed(name: str) -> AfterValidator:
    """Make the check of a name that is lowercase letters, numbers and dashes; a ValueError says what has to be."""

    def check(value: str | None) -> str | None:
        if value is not None and not re.match("^[a-z0-9-]*$", value):
            msg = f"{name} must only contain lowercase letters, numbers, and dashes."
            raise ValueError(msg)
        return value

    return AfterValidator(check)


def choice(value: str, description: str) -> Any:
    """Declare a value of an enum."""
    return strawberry.enum_value(value, description=description)
