"""The plans of the operations that come again."""

import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from cachetools import LRUCache
from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues

from gateway.execution.compiled.compiler import Compiler, Operation
from gateway.execution.compiled.irregular import Irregular, Unsupported
from gateway.execution.compiled.plan import Outcome, Plan
from gateway.execution.compiled.shapes import Structs
from gateway.execution.recorded import Stopped
from gateway.execution.times import Times
from gateway.execution.variables import variables_of
from resolvers.context import Context

MOST_OPERATIONS = 1_000
MOST_PLANS_OF_ONE = 32

Fragments = Mapping[str, FragmentDefinitionNode]
Interpret = Callable[[Context], Coroutine[Any, Any, ExecutionResult]]
"""Executes an operation by graphql-core."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """An operation that came before, and its plans by the values of its @skip and @include variables.

    None instead of a plan: these values came once; a text: the reason why it cannot be compiled.
    """

    operation: OperationDefinitionNode
    conditions: tuple[str, ...]
    plans: LRUCache[tuple[Any, ...], Plan | str | None]


class Plans:
    """The plans of operations, bounded; the latest used are kept. An operation is compiled when it comes again.

    `counts` tells how often an operation was executed by a plan ("compiled"), by a plan and then by graphql-core over
    the same reads ("replayed"), by graphql-core alone ("interpreted").
    """

    def __init__(self, schema: strawberry.Schema, most_first: int) -> None:
        self.counts: Counter[str] = Counter()
        self._schema = schema
        self._most_first = most_first
        self._structs = Structs()
        self._known: LRUCache[int, Known] = LRUCache(MOST_OPERATIONS)

    def of(
        self,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: VariableValues,
        *,
        again: bool = False,
    ) -> Plan | None:
        """Return the plan of an operation whose variables are coerced; None where there is none (yet).

        `again` says that the operation comes again, whatever is known of it.
        """
        plan = (
            self._plan(operation, fragments, variables, again=again)
            if operation.operation is OperationType.QUERY
            else None
        )
        if plan is None:
            self.counts["interpreted"] += 1
        return plan

    async def execute(
        self,
        plan: Plan,
        context: Context,
        variables: VariableValues,
        interpret: Interpret,
        times: Times | None = None,
    ) -> Outcome | ExecutionResult:
        """Execute a plan; where that is irregular, `interpret` does it, over the reads that `context.rest` has kept."""
        try:
            outcome = await plan.run(context, variables, times)
        except (Irregular, Stopped, GraphQLError):  # an error of a whole field is graphql-core's to place
            pass
        except Exception:  # noqa: BLE001  logged; a defect of a plan must not be the client's
            _log.warning("a compiled plan failed; graphql-core executes the operation", exc_info=True)
        else:
            self.counts["compiled"] += 1
            return outcome
        self.counts["replayed"] += 1
        return await interpret(context)

    def _plan(
        self, operation: OperationDefinitionNode, fragments: Fragments, variables: VariableValues, *, again: bool
    ) -> Plan | None:
        known = self._known_of(operation, fragments)
        key = tuple([variables.coerced.get(name) for name in known.conditions])
        if key not in known.plans:
            known.plans[key] = None
            if not again:
                return None
        plan = known.plans[key]
        if plan is None:
            plan = known.plans[key] = self.compile(operation, fragments, variables)
        return plan if isinstance(plan, Plan) else None

    def compile(
        self, operation: OperationDefinitionNode, fragments: Fragments, variables: VariableValues
    ) -> Plan | str:
        """Compile an operation; return the reason where it cannot be."""
        if operation.operation is not OperationType.QUERY:
            return "only queries are compiled"
        details = {name: FragmentDetails(definition) for name, definition in fragments.items()}
        try:
            return Compiler(
                self._schema, self._structs, Operation(operation, details, variables), self._most_first
            ).compile()
        except (Unsupported, GraphQLError) as reason:
            return str(reason)

    def _known_of(self, operation: OperationDefinitionNode, fragments: Fragments) -> Known:
        # By identity: a document is kept with its text, and what is known here keeps its operation from being freed.
        known = self._known.get(id(operation))
        if known is None:
            names = variables_of(operation, fragments, {"if"})
            known = Known(operation, tuple(sorted(names)), LRUCache(MOST_PLANS_OF_ONE))
            self._known[id(operation)] = known
        return known
