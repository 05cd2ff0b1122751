"""The arguments of a field, as its resolver would get them."""

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import FieldNode, GraphQLError, GraphQLField, Node, VariableNode
from graphql.execution.values import get_argument_values
from strawberry.types.arguments import convert_arguments

from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.shapes import definition_of
from gateway.execution.compiled.steps import Run
from gateway.execution.variables import children
from resolvers.collection import Row

Check = Callable[[Row, Run], Any]
"""Makes what a field asks for of its arguments."""


class Arguments:
    """Evaluates the arguments of a field once a run; once for all where no variable is in them."""

    def __init__(self, schema: strawberry.Schema, declared: GraphQLField, node: FieldNode, check: Check) -> None:
        self._converter = schema.schema_converter
        self._declared = declared
        self._arguments = definition_of(declared).arguments
        self._node = node
        self._check = check
        self._constant = not any(map(_has_variable, node.arguments or ()))
        self._kept: tuple[Any] | None = None

    def __call__(self, run: Run) -> Any:
        """Return what is asked for; an argument that is wrong is Irregular: graphql-core words and places the error."""
        if self._kept:
            return self._kept[0]
        try:
            asked = self._check(self._values(run), run)
        except (GraphQLError, ValueError, TypeError) as wrong:
            raise Irregular(str(wrong)) from wrong
        if self._constant:
            self._kept = (asked,)
        return asked

    def _values(self, run: Run) -> Row:
        coerced = get_argument_values(self._declared, self._node, run.variables)
        return convert_arguments(
            coerced, self._arguments, self._converter.scalar_registry, self._converter.config, info=None
        )


def _has_variable(node: Node) -> bool:
    if isinstance(node, VariableNode):
        return True
    return any(map(_has_variable, children(node)))
