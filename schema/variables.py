"""Variables: named values that flows and deployments read."""

import re
from enum import Enum
from typing import Annotated, Any

import orjson
import strawberry
from pydantic import AfterValidator, BeforeValidator, Field

from resolvers.actions import Action, changed_by_name, create, delete, given_input, name, update
from resolvers.collection import Collection
from schema.operators import AnyIdFilter, NameFilter, Operator, TagsFilter, combined
from schema.scalars import Value
from schema.types import Dated, Input, absent, choice, resource

LONGEST_NAME = 255
LONGEST_VALUE = 5_000
"""Bytes of a value, written as JSON."""


def _name(name: str) -> str:
    if not re.match("^[a-z0-9-_]*$", name):
        msg = "Variable name must only contain lowercase letters, numbers, and dashes or underscores."
        raise ValueError(msg)
    return name


def _value(value: Any) -> Any:
    try:
        length = len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        msg = "Variable value must be serializable to JSON"
        raise ValueError(msg) from None
    if length > LONGEST_VALUE:
        msg = f"Variable value must be less than {LONGEST_VALUE} characters"
        raise ValueError(msg)
    return value


Name = Annotated[str, AfterValidator(_name), Field(max_length=LONGEST_NAME)]
VariableValue = Annotated[Value, BeforeValidator(_value)]


@resource("A variable: a named value that flows and deployments read.", "name")
class Variable(Dated):
    name: str = Field(description="The variable's name, unique in the workspace.")
    value: Value = Field(description="The value.")
    tags: list[str] = Field(default_factory=list, description="The variable's tags.")


@strawberry.pydantic.input(description="Which variables.")
class VariableFilter(Input):
    operator: Operator = combined()
    id: AnyIdFilter | None = absent("The variable's id.")
    name: NameFilter | None = absent("The variable's name.")
    tags: TagsFilter | None = absent("The variable's tags.")


@strawberry.enum(description="Orders of variables. NAME_ASC and NAME_DESC are total: names are unique.")
class VariableSort(Enum):
    CREATED_DESC = choice("CREATED_DESC", "By when it was created, the latest first.")
    UPDATED_DESC = choice("UPDATED_DESC", "By when it was last updated, the latest first.")
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z.")


@strawberry.pydantic.input(description="A variable to create.")
class VariableCreate(Input):
    name: Name = Field(description="The variable's name: lowercase letters, numbers, dashes and underscores.")
    value: VariableValue = Field(description="The value, at most 5000 bytes of JSON.")
    tags: list[str] = absent("The variable's tags.")


@strawberry.pydantic.input(description="Changes to a variable.")
class VariableUpdate(Input):
    name: Name | None = absent("The variable's name: lowercase letters, numbers, dashes and underscores.")
    value: VariableValue = absent("The value, at most 5000 bytes of JSON.")
    tags: list[str] | None = absent("The variable's tags.")


ACTIONS = {
    "create_variable": create(Variable, VariableCreate),
    "update_variable": update(Variable, VariableUpdate),
    "update_variable_by_name": Action(
        "PATCH",
        "/name/{name}",
        changed_by_name,
        Variable | None,
        "Change the variable of a name: what is absent stays, null clears.",
        given_input(VariableUpdate),
    ),
    "delete_variable": delete(),
    "delete_variable_by_name": Action(
        "DELETE", "/name/{name}", name, str | None, "Delete the variable of a name; the name is returned."
    ),
}
VARIABLES = Collection(
    "variables",
    Variable,
    VariableFilter,
    VariableSort,
    VariableSort.NAME_ASC,
    actions=ACTIONS,
    named="/variables/name/{name}",
)
