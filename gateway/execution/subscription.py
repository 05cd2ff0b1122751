"""One subscription: its document admitted, its arguments checked, and the answers that it makes of what is told."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, cast

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.execution import optimized_is_awaitable
from strawberry.types.arguments import convert_arguments

from gateway.execution.compiled import CompiledExecutor
from gateway.execution.compiled.shapes import definition_of
from gateway.execution.documents import Document, graphql_schema
from gateway.execution.errors import formatted
from gateway.execution.request import Answer, GraphQLRequest
from resolvers.collection import Row
from resolvers.context import Context
from resolvers.errors import BadUserInput
from resolvers.live import Following, Live, News, Summary
from resolvers.selection import leaves_under

# Strawberry's own test of awaitables, several times faster than graphql-core's.
EXECUTOR: dict[str, Any] = {"is_awaitable": optimized_is_awaitable}

Calls = list[dict[str, Any]] | None
"""The REST calls that were made, None where no trace is asked for."""

Open = Callable[[], AbstractAsyncContextManager[tuple[Any, Calls]]]
"""Gives the resolvers' context for what is read at one time, and the calls of these reads."""


class Subscription:
    """A subscription that is in order. Raises a GraphQLError where its arguments are not."""

    def __init__(
        self,
        context: Open,
        schema: strawberry.Schema,
        document: Document,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        variables: VariableValues,
    ) -> None:
        self.request = request
        self._context = context
        self._schema = graphql_schema(schema)
        self._document = document
        node = _field(operation.selection_set, document)
        declared = cast("GraphQLObjectType", self._schema.subscription_type).fields[node.name.value]
        definition = definition_of(declared)
        self.live: Live = definition.metadata["live"]
        self.latest_only = isinstance(self.live, Summary)
        self.selected = leaves_under([node], document.fragments)
        self.asked = self.live.check(_arguments(schema, declared, definition, node, variables))

    async def follow(self) -> Following:
        """Return what is to be followed."""
        async with self._context() as (context, _):
            return await self.live.follow(context, self.asked)

    async def answers(self, news: News, waits: Callable[[GraphQLError], bool]) -> list[Answer]:
        """Return the answers to news, read and resolved together; a failure is one answer for all of it.

        With a trace each of them tells the calls that all took. Raises a failure that `waits` says to wait for.
        """
        async with self._context() as (context, calls):
            answers = await self._answers(context, news, waits)
        return answers if calls is None else [replace(each, extensions={"upstream": calls}) for each in answers]

    async def _answers(self, context: Context, news: News, waits: Callable[[GraphQLError], bool]) -> list[Answer]:
        try:
            values = await self.live.values(context, self.asked, news)
        except GraphQLError as failure:
            if waits(failure):
                raise
            return [Answer(None, [formatted(failure)])]
        return list(await asyncio.gather(*(self._answer(context, value) for value in values)))

    async def _answer(self, context: Context, value: Any) -> Answer:
        executor = CompiledExecutor.build(
            self._schema,
            self._document.ast,
            value,
            context,
            self.request.variables,
            self.request.operation_name,
            **EXECUTOR,
        )
        if isinstance(executor, list):
            return Answer(None, [formatted(error) for error in executor])
        result = await cast("CompiledExecutor", executor).interpret(context)
        return Answer(result.data, [formatted(error) for error in result.errors or ()])


def _field(selected: SelectionSetNode, document: Document) -> FieldNode:
    """Return the one field at the root, which fragments may hold."""
    node: Any = selected.selections[0]
    while not isinstance(node, FieldNode):
        inner = document.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        node = inner.selection_set.selections[0]
    field: FieldNode = node
    return field


def _arguments(
    schema: strawberry.Schema, declared: Any, definition: Any, node: FieldNode, variables: VariableValues
) -> Row:
    converter = schema.schema_converter
    try:
        values = convert_arguments(
            get_argument_values(declared, node, variables),
            definition.arguments,
            converter.scalar_registry,
            converter.config,
            info=None,
        )
    except (ValueError, TypeError) as wrong:
        raise BadUserInput(str(wrong)) from wrong
    return {name: value for name, value in values.items() if value is not Undefined}
