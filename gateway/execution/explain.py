"""The REST calls that a query will make, told before it makes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    GraphQLField,
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
from resolvers.errors import BadUserInput
from resolvers.reading import filter_path, item_path
from resolvers.relations import BelongsTo, Via
from resolvers.selection import types_under

Fields = Mapping[str, Sequence[FieldDetails]]


@dataclass(frozen=True)
class Read:
    """A kind of call that a field makes; `calls` and `rows` are the most of them, None where the query sets no bound.

    Level 0 is the root's; the reads of a level begin when the rows above them are there.
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
    """Return the reads of a query, those of a field before those below it.

    Raises Invalid, or a GatewayError for an operation beyond a limit or one that is no query.
    """
    document = Documents(schema, settings).get(query)
    operation = document.operation(operation_name)
    if operation.operation is not OperationType.QUERY:
        raise BadUserInput(f"Only queries are explained, not a {operation.operation.value}.")
    core = graphql_schema(schema)
    coerced = get_variable_values(core, operation.variable_definitions or (), variables)
    if isinstance(coerced, list):
        raise Invalid(coerced)
    Cost(core, settings).check(operation, document.fragments, coerced.coerced)
    fragments = {name: FragmentDetails(definition) for name, definition in document.fragments.items()}
    try:
        return list(_Walk(schema, settings, operation, fragments, coerced).reads())
    except Irregular as wrong:
        raise BadUserInput(str(wrong)) from wrong


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

    def reads(self) -> Iterator[Read]:
        """Find the reads of all fields."""
        query = self._schema.query_type
        if query is not None:
            collected = collect_fields(self._schema, self._fragments, self._variables, query, self._operation)
            yield from self._of(query, collected.grouped_field_set, 1, 0, "")

    def _of(
        self, kind: GraphQLObjectType, fields: Fields, parents: int | None, level: int, within: str
    ) -> Iterator[Read]:
        for key, details in fields.items():
            declared = kind.fields.get(details[0].node.name.value)
            if declared is None:
                continue
            path = f"{within}.{key}".lstrip(".")
            metadata = definition_of(declared).metadata
            if "source" in metadata:
                yield from self._connection(metadata["source"], declared, details, parents, level, path)
            elif isinstance(relation := metadata.get("relation"), BelongsTo):
                yield from _told(self._parents(relation, parents), level, path)
                yield from self._below(declared, details, parents, level + 1, path)
            elif "root" in metadata:
                ways, rows = self._root(metadata["root"], declared, details)
                yield from _told(ways, level, path)
                yield from self._below(declared, details, rows, level + 1, path)
            else:
                yield from self._below(declared, details, parents, level, path)

    def _below(
        self, declared: GraphQLField, details: Sequence[FieldDetails], rows: int | None, level: int, path: str
    ) -> Iterator[Read]:
        kind = get_named_type(declared.type)
        kinds: Sequence[GraphQLObjectType] = [kind] if isinstance(kind, GraphQLObjectType) else []
        if is_abstract_type(kind):
            kinds = self._schema.get_possible_types(kind)
        for each in kinds:
            yield from self._of(each, self._fields(each, details), rows, level, path)

    def _fields(self, kind: GraphQLObjectType, details: Sequence[FieldDetails]) -> Fields:
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, list(details)
        )
        return collected.grouped_field_set

    def _connection(
        self,
        source: Any,
        declared: GraphQLField,
        details: Sequence[FieldDetails],
        parents: int | None,
        level: int,
        path: str,
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
        asking = Asking(asked.window, parents, rows, "totalCount" in names, more)
        yield from _told(self._bounds.of(source, asking), level, path)
        yield from self._of(kind, fields, times(parents, asked.window.first), level + 1, path)

    def _parents(self, relation: BelongsTo, rows: int | None) -> list[Way]:
        ways = self._by_key(relation.collection, rows)
        return [*self._by_key(relation.key.collection, rows), *ways] if isinstance(relation.key, Via) else ways

    def _by_key(self, collection: Any, keys: int | None) -> list[Way]:
        if collection.bulk:
            return [("POST", filter_path(collection), "by key, all in one", self._bounds.chunks(keys), keys)]
        return [("GET", item_path(collection, "ID").replace("ID", "{id}"), "by key, one each", keys, keys)]

    def _root(self, root: Any, declared: GraphQLField, details: Sequence[FieldDetails]) -> tuple[list[Way], int | None]:
        asked = self._asked(declared, details, root.check)
        nodes = [each.node for each in details]
        types = types_under(nodes, {name: each.definition for name, each in self._fragments.items()})
        if root.routes is None:
            raise BadUserInput(
                f'What "{nodes[0].name.value}" reads depends on more than the query; it is not explained.'
            )
        ways: list[Way] = []
        rows: int | None = 1
        for first, second in root.routes(asked, types):
            if isinstance(first, str):
                rows = None if is_list_type(get_nullable_type(declared.type)) else 1
                paged = first == "POST" and second.endswith("/filter")
                ways.append(
                    (
                        first,
                        second,
                        "counted by paging" if paged else "one call",
                        self._bounds.paged if paged else 1,
                        rows,
                    )
                )
            else:
                rows = second
                ways += self._by_key(first, second)
        return ways, rows

    def _asked(self, declared: GraphQLField, details: Sequence[FieldDetails], check: Any) -> Any:
        run: Any = Run(None, self._variables)  # type: ignore[arg-type]  # arguments need no context
        return Arguments(self._strawberry, declared, details[0].node, check)(run)


def _object(declared: GraphQLField) -> Any:
    return get_named_type(declared.type)


def _told(ways: Sequence[Way], level: int, path: str) -> Iterator[Read]:
    return (Read(level, path, *way) for way in ways)
