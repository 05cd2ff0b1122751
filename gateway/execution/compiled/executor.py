"""graphql-core's executor with plans: Strawberry's `execution_context_class`."""

import inspect
import logging
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
from graphql import ExecutionResult, GraphQLError, located_error
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.plan import Outcome, Plan
from gateway.execution.compiled.plans import Plans
from gateway.execution.compiled.recorded import Recorded
from resolvers.context import Context
from resolvers.rows import JsonRows

_log = logging.getLogger(__name__)


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes an operation by its plan, and whatever is irregular as graphql-core does.

    `plans` is set once the schema that is built with this class is there; without it graphql-core executes all.
    """

    plans: ClassVar[Plans | None] = None

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Return the result, its data plain dicts and lists."""
        plan = self._plan()
        return super().execute_operation(serially) if plan is None else self._plain(plan)

    async def execute(self) -> Outcome | ExecutionResult:
        """Return the outcome of the operation's plan, or graphql-core's result."""
        plan = self._plan()
        return await (self._interpreted() if plan is None else self._compiled(plan))

    def _plan(self) -> Plan | None:
        if self.plans is None or not hasattr(getattr(self.context_value, "rest", None), "answer"):
            return None
        plan = self.plans.of(self)
        if plan is None:
            self.plans.counts["interpreted"] += 1
        return plan

    async def _plain(self, plan: Plan) -> ExecutionResult:
        result = await self._compiled(plan)
        if isinstance(result, ExecutionResult):
            return result
        return ExecutionResult(msgspec.json.decode(msgspec.json.encode(result.data)), errors_of(result) or None)

    async def _interpreted(self) -> ExecutionResult:
        result = super().execute_operation()
        if inspect.isawaitable(result):
            result = await result
        if not isinstance(result, ExecutionResult):
            raise TypeError(f"The schema must not offer incremental delivery, got {type(result).__name__}.")
        return result

    async def _compiled(self, plan: Plan) -> Outcome | ExecutionResult:
        """Execute the plan; where that is irregular, graphql-core does it over the reads already made."""
        context: Context = self.context_value
        recorded = Recorded(context.rest)  # type: ignore[arg-type]  # seen in `_plan`
        try:
            outcome = await plan.run(context, recorded, self.variable_values)
        except Irregular:
            pass
        except Exception:  # noqa: BLE001  logged; a defect of a plan must not be the client's
            _log.warning("a compiled plan failed; graphql-core executes the operation", exc_info=True)
        else:
            self._count("compiled")
            return outcome
        self._count("replayed")
        self.context_value = replace(context, rows=JsonRows(recorded))
        return await self._interpreted()

    def _count(self, how: str) -> None:
        if self.plans is not None:
            self.plans.counts[how] += 1


def errors_of(outcome: Outcome) -> list[GraphQLError]:
    """Return the errors of an outcome as graphql-core has them."""
    return [located_error(failure.error, failure.nodes, failure.path) for failure in outcome.failures()]


def executor_class(plans: Plans | None) -> type[CompiledExecutor]:
    """Return an executor's class with these plans."""
    return type("Executor", (CompiledExecutor,), {"plans": plans})
