"""graphql-core's executor with plans: Strawberry's `execution_context_class`."""

import inspect
from collections.abc import Awaitable
from typing import Any, ClassVar, cast

import msgspec
from graphql import ExecutionResult, GraphQLError, located_error

from gateway.execution.compiled.plan import Outcome
from gateway.execution.compiled.plans import Plans
from gateway.execution.incremental import WholeExecutor
from resolvers.context import Context


class CompiledExecutor(WholeExecutor):
    """Executes an operation by its plan where it has one, for whoever calls Strawberry's `schema.execute`.

    `plans` is set once the schema that is built with this class is there; without it graphql-core executes all.
    """

    plans: ClassVar[Plans | None] = None

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Return the result, its data plain dicts and lists."""
        plans, context = self.plans, self.context_value
        resolving = self.middleware_manager and self.middleware_manager.middlewares
        if plans is None or resolving or not isinstance(context, Context):
            return super().execute_operation(serially)
        plan = plans.of(self.operation, self.fragment_definitions, self.variable_values)
        if plan is None:
            return super().execute_operation(serially)
        return self._plain(plans.execute(plan, context, self.variable_values, self.interpret))

    async def interpret(self, context: Context) -> ExecutionResult:
        """Return graphql-core's result."""
        self.context_value = context
        result = super().execute_operation()
        if inspect.isawaitable(result):
            result = await result
        return cast("ExecutionResult", result)

    async def _plain(self, work: Awaitable[Outcome | ExecutionResult]) -> ExecutionResult:
        result = await work
        if isinstance(result, ExecutionResult):
            return result
        return ExecutionResult(msgspec.json.decode(msgspec.json.encode(result.data)), errors_of(result) or None)


def errors_of(outcome: Outcome) -> list[GraphQLError]:
    """Return the errors of an outcome as graphql-core has them."""
    return [located_error(failure.error, failure.nodes, failure.path) for failure in outcome.failures()]
