"""The arguments of a field, as its resolver would get them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLScalarType,
    Node,
    Undefined,
    VariableNode,
    get_nullable_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.types.arguments import convert_arguments

from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.shapes import definition_of
from gateway.execution.compiled.steps import Run
from gateway.execution.variables import children
from resolvers.collection import Row

Check = Callable[[Row], Any]
"""Makes what a field asks for of its arguments."""


@dataclass(frozen=True)
class Direct:
    """An argument that is a variable of a scalar: its value was coerced with the variables, and is taken as it is."""

    name: str
    variable: str
    default: Any
    required: bool

    def value(self, variables: VariableValues) -> Any:
        """Return the value; Undefined for none."""
        value = variables.coerced.get(self.variable, self.default)
        if self.required and (value is None or value is Undefined):
            raise Irregular(f"no value for {self.name}")
        return value


class Arguments:
    """Evaluates the arguments of a field once a run, and what no variable is in once for all."""

    def __init__(self, schema: strawberry.Schema, declared: GraphQLField, node: FieldNode, check: Check) -> None:
        self._converter = schema.schema_converter
        self._definition = definition_of(declared)
        self._node = node
        self._check = check
        direct = dict(self._directs(declared))
        self._direct = list(direct.values())
        self._rest = GraphQLField(
            declared.type, {name: arg for name, arg in declared.args.items() if name not in direct}
        )
        rest = [argument for argument in node.arguments or () if argument.name.value not in direct]
        self._varies = any(map(_has_variable, rest))
        self._kept: Row | None = None
        self._asked: tuple[Any] | None = None

    def __call__(self, run: Run) -> Any:
        """Return what is asked for; an argument that is wrong is Irregular: graphql-core words and places the error."""
        if self._asked:
            return self._asked[0]
        try:
            asked = self._check(self._values(run.variables))
        except (GraphQLError, ValueError, TypeError) as wrong:
            raise Irregular(str(wrong)) from wrong
        if not self._varies and not self._direct:
            self._asked = (asked,)
        return asked

    def _directs(self, declared: GraphQLField) -> Iterator[tuple[str, Direct]]:
        given = {argument.name.value: argument.value for argument in self._node.arguments or ()}
        naming = self._converter.config.name_converter
        python_names = {naming.from_argument(each): each.python_name for each in self._definition.arguments}
        for name, argument in declared.args.items():
            value = given.get(name)
            if isinstance(value, VariableNode) and isinstance(get_nullable_type(argument.type), GraphQLScalarType):
                required = isinstance(argument.type, GraphQLNonNull)
                yield name, Direct(python_names[name], value.name.value, coerce_default_value(argument), required)

    def _values(self, variables: VariableValues) -> Row:
        values = self._others(variables)
        if not self._direct:
            return values
        direct = ((each.name, each.value(variables)) for each in self._direct)
        return {**values, **{name: value for name, value in direct if value is not Undefined}}

    def _others(self, variables: VariableValues) -> Row:
        if self._kept is not None:
            return self._kept
        values = convert_arguments(
            get_argument_values(self._rest, self._node, variables),
            self._definition.arguments,
            self._converter.scalar_registry,
            self._converter.config,
            info=None,
        )
        if not self._varies:
            self._kept = values
        return values


def _has_variable(node: Node) -> bool:
    return isinstance(node, VariableNode) or any(map(_has_variable, children(node)))
