"""The plans of the operations that come again."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any

import strawberry
from graphql import Node, OperationDefinitionNode, OperationType, VariableNode
from graphql.execution import Executor

from gateway.execution.compiled.arguments import children
from gateway.execution.compiled.compiler import Compiler, Operation
from gateway.execution.compiled.irregular import Unsupported
from gateway.execution.compiled.plan import Plan
from gateway.execution.compiled.shapes import Structs

MOST_OPERATIONS = 1_000
MOST_PLANS_OF_ONE = 32


@dataclass
class Known:
    """An operation that came before, and its plans by the values of its @skip and @include variables.

    None instead of a plan: these values came once; a text: the reason why it cannot be compiled.
    """

    operation: OperationDefinitionNode
    conditions: tuple[str, ...]
    plans: OrderedDict[tuple[Any, ...], Plan | str | None] = field(default_factory=OrderedDict)


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
        self._known: OrderedDict[int, Known] = OrderedDict()

    def of(self, executor: Executor[Any]) -> Plan | None:
        """Return the plan of an operation that graphql-core has prepared; None where there is none (yet)."""
        if executor.operation.operation is not OperationType.QUERY or executor.middleware_manager is not None:
            return None
        known = self._known_of(executor)
        values = executor.variable_values.coerced
        key = tuple(values.get(name) for name in known.conditions)
        if key not in known.plans:
            known.plans[key] = None
            _bound(known.plans, MOST_PLANS_OF_ONE)
            return None
        if known.plans[key] is None:
            known.plans[key] = self.compile(executor)
        plan = known.plans[key]
        return plan if isinstance(plan, Plan) else None

    def compile(self, executor: Executor[Any]) -> Plan | str:
        """Compile an operation; return the reason where it cannot be."""
        prepared = Operation(executor.operation, executor.fragments, executor.variable_values)
        try:
            return Compiler(self._schema, self._structs, prepared, self._most_first).compile()
        except Unsupported as reason:
            return str(reason)

    def _known_of(self, executor: Executor[Any]) -> Known:
        # By identity: the document is kept with its text, and an operation that is known here cannot be another's.
        place = id(executor.operation)
        if place not in self._known:
            nodes = [executor.operation, *(each.definition for each in executor.fragments.values())]
            names = set().union(*map(_conditions, nodes))
            self._known[place] = Known(executor.operation, tuple(sorted(names)))
            _bound(self._known, MOST_OPERATIONS)
        self._known.move_to_end(place)
        return self._known[place]


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


def _conditions(node: Node) -> set[str]:
    """Name the variables of @skip and @include under a node."""
    names: set[str] = set()
    for directive in getattr(node, "directives", None) or ():
        if directive.name.value in {"skip", "include"}:
            names |= {each.value.name.value for each in directive.arguments if isinstance(each.value, VariableNode)}
    return names.union(*map(_conditions, children(node)))
