"""The REST calls that an operation will make, told before it makes them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import strawberry
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLInt,
    GraphQLObjectType,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution.bounds import Asking, Bounds, Way, times
from gateway.execution.compiled.arguments import Arguments
from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.shapes import definition_of
from gateway.execution.compiled.steps import Run
from gateway.execution.cost import Cost
from gateway.execution.documents import Documents, Invalid, graphql_schema
from gateway.settings import Settings
from resolvers.actions import Change
from resolvers.errors import BadUserInput
from resolvers.relations import BelongsTo, Via
from resolvers.roots import KeyedRoute, Route, by_id
from resolvers.selection import fields_under, types_under

Fields = Mapping[str, Sequence[FieldDetails]]


@dataclass(frozen=True)
class Read:
    """A kind of call that a field makes; `calls` and `rows` are the most of them, None where the operation sets no bound.

    Level 0 is the root's; the reads of a level begin when the rows above them are there. `field` is its path in the answer.
    """

    level: int
    field: str
    method: str
    path: str
    how: str
    calls: int | None
    rows: int | None


def explain(
    schema: strawberry.Schema, settings: Settings, query: str, variables: dict[str, Any], operation_name: str | None
) -> list[Read]:
    """Return the reads of an operation, those of a field before those below it.

    Raises Invalid, or a GraphQLError for an operation beyond a limit, with wrong arguments, or a subscription.
    """
    document = Documents(schema, settings).get(query)
    operation = document.operation(operation_name)
    if operation.operation is OperationType.SUBSCRIPTION:
        raise BadUserInput("Queries and mutations are explained: what a subscription reads depends on what happens.")
    core = graphql_schema(schema)
    coerced = get_variable_values(core, operation.variable_definitions or (), variables)
    if isinstance(coerced, list):
        raise Invalid(coerced)
    Cost(core, settings).check(operation, document.fragments, coerced.coerced)
    fragments = {name: FragmentDetails(definition) for name, definition in document.fragments.items()}
    walk = _Walk(schema, settings, operation, fragments, coerced)
    readers = {(each.path, each.field) for each in walk.reads(Counter())}
    return list(walk.reads(Counter(path for path, _ in readers)))


@dataclass(frozen=True)
class _Above:
    """What is known of the rows above a field: at most how many, and of how many batches' answers they are."""

    rows: int | None
    level: int = 0
    path: str = ""
    batches: int = 1

    def of(self, key: str) -> "_Above":
        """Return the same for a field of theirs."""
        return replace(self, path=f"{self.path}.{key}".lstrip("."))

    def below(self, rows: int | None, batches: int) -> "_Above":
        """Return the rows that this field reads."""
        return replace(self, rows=rows, level=self.level + 1, batches=batches)


class _Walk:
    """One operation, its fields merged as the executors merge them."""

    def __init__(
        self,
        schema: strawberry.Schema,
        settings: Settings,
        operation: Any,
        fragments: dict[str, FragmentDetails],
        variables: VariableValues,
    ) -> None:
        self._strawberry = schema
        self._schema = graphql_schema(schema)
        self._most = settings.max_first
        self._bounds = Bounds(settings.page_size, settings.max_first)
        self._operation = operation
        self._fragments = fragments
        self._variables = variables
        self._readers: Counter[str] = Counter()

    def reads(self, readers: Counter[str]) -> Iterator[Read]:
        """Find the reads of all fields; `readers` is how many fields read each route."""
        self._readers = readers
        root = self._schema.get_root_type(self._operation.operation)
        if root is not None:
            collected = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
            yield from self._of(root, collected.grouped_field_set, _Above(1))

    def _of(self, kind: GraphQLObjectType, fields: Fields, above: _Above) -> Iterator[Read]:
        for key, details in fields.items():
            declared = kind.fields.get(details[0].node.name.value)
            if declared is not None:
                yield from self._field(declared, details, above.of(key))

    def _field(self, declared: GraphQLField, details: Sequence[FieldDetails], above: _Above) -> Iterator[Read]:
        metadata = definition_of(declared).metadata
        if "source" in metadata:
            yield from self._connection(metadata["source"], declared, details, above)
        elif isinstance(relation := metadata.get("relation"), BelongsTo):
            routes = self._parents(relation, above)
            yield from _told(routes, above)
            # A row that another field has read is there at once, others come later: what is below is read in as many batches.
            batches = above.batches * max(1, *(self._readers[path] for _, path, *_ in routes))
            yield from self._below(declared, details, above.below(above.rows, batches))
        elif "root" in metadata:
            ways, rows = self._root(metadata["root"], declared, details)
            yield from _told(ways, above)
            yield from self._below(declared, details, above.below(rows, 1))
        elif "action" in metadata:
            yield from self._change(metadata["action"], declared, details, above)
        else:
            yield from self._below(declared, details, above)

    def _below(self, declared: GraphQLField, details: Sequence[FieldDetails], above: _Above) -> Iterator[Read]:
        kind = get_named_type(declared.type)
        kinds: Sequence[GraphQLObjectType] = [kind] if isinstance(kind, GraphQLObjectType) else []
        if is_abstract_type(kind):
            kinds = self._schema.get_possible_types(kind)
        for each in kinds:
            yield from self._of(each, self._fields(each, details), above)

    def _fields(self, kind: GraphQLObjectType, details: Sequence[FieldDetails]) -> Fields:
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, list(details)
        )
        return collected.grouped_field_set

    def _connection(
        self, source: Any, declared: GraphQLField, details: Sequence[FieldDetails], above: _Above
    ) -> Iterator[Read]:
        kind: Any = get_named_type(declared.type)
        asked = self._asked(declared, details, lambda given: source.asked(given, self._most))
        fields = self._fields(kind, details)
        names = {each[0].node.name.value: each for each in fields.values()}
        rows = bool({"nodes", "edges", "pageInfo"} & names.keys())
        more = "pageInfo" in names and "hasNextPage" in {
            each[0].node.name.value
            for each in self._fields(_object(kind.fields["pageInfo"]), names["pageInfo"]).values()
        }
        asking = Asking(asked.window, above.rows, above.batches, rows, "totalCount" in names, more)
        ways = self._bounds.of(source, asking)
        yield from _told(ways, above)
        # A parent that a batch finishes has its rows with the others', the rest come each by itself.
        yield from self._of(kind, fields, above.below(times(above.rows, asked.window.first), above.batches))

    def _parents(self, relation: BelongsTo, above: _Above) -> list[Way]:
        keys = [relation.key.collection] if isinstance(relation.key, Via) else []
        return [self._way(by_id(each, above.rows), above.batches) for each in (*keys, relation.collection)]

    def _way(self, route: Route, batches: int = 1) -> Way:
        if not isinstance(route, KeyedRoute):
            return route.method, route.path, "one call", 1, 1
        calls, how = route.keys, "by key, one each"
        if route.together:
            calls, how = self._bounds.chunks(route.keys, batches), "by key, all in one"
        return route.method, route.path, how, calls, route.keys

    def _root(self, root: Any, declared: GraphQLField, details: Sequence[FieldDetails]) -> tuple[list[Way], int | None]:
        asked = self._asked(declared, details, root.check)
        types = types_under([each.node for each in details], self._definitions())
        routes = root.routes(asked, types) if root.routes else []
        ways = [self._way(route) for route in routes]
        if not is_list_type(get_nullable_type(declared.type)):
            number = get_named_type(declared.type) in {GraphQLInt, GraphQLFloat}
            return ([(*way[:4], 0) for way in ways], 0) if number else (ways, 1)
        if not all(isinstance(route, KeyedRoute) for route in routes):
            return [(*way[:4], None) for way in ways], None
        return ways, len(asked)  # a list of keys, each of a row

    def _change(
        self, change: Change, declared: GraphQLField, details: Sequence[FieldDetails], above: _Above
    ) -> Iterator[Read]:
        self._asked(declared, details, lambda given: given)
        rows = None if is_list_type(get_nullable_type(declared.type)) else 1
        yield from _told([(change.action.method, change.route, "one call, once", 1, rows)], above)
        below = above.below(rows, 1)
        back = change.back(fields_under([each.node for each in details], self._definitions()))
        yield from _told([self._way(route) for route in back], below)
        yield from self._below(declared, details, below.below(rows, 1) if back else below)

    def _definitions(self) -> dict[str, Any]:
        return {name: each.definition for name, each in self._fragments.items()}

    def _asked(self, declared: GraphQLField, details: Sequence[FieldDetails], check: Any) -> Any:
        run: Any = Run(None, self._variables)  # type: ignore[arg-type]  # arguments need no context
        node = details[0].node
        try:
            return Arguments(self._strawberry, declared, node, check)(run)
        except Irregular as wrong:
            raise GraphQLError(str(wrong), node) from wrong


def _object(declared: GraphQLField) -> Any:
    return get_named_type(declared.type)


def _told(ways: Iterable[Way], above: _Above) -> Iterator[Read]:
    return (Read(above.level, above.path, *way) for way in ways)
