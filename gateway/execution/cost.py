"""The most rows that an operation could return, known before its first upstream call."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cachetools import LRUCache
from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    type_from_ast,
)
from graphql.utilities.coerce_input_value import coerce_default_value

from gateway.execution.limits import beyond
from gateway.execution.variables import variables_of
from gateway.settings import Settings
from resolvers.errors import BadUserInput

# What a connection answers without reading a row.
ROWLESS = frozenset({"totalCount", "__typename"})

MOST_KNOWN = 2_000
"""Operations whose cost is known for the sizes of their variables."""

Fields = dict[tuple[str, str], tuple[GraphQLNamedType, list[FieldNode]]]


class Cost:
    """Counts and bounds the rows of operations on one schema.

    A connection (a field with a `first` argument) makes `first` rows, a list by ids one row an id, each times the
    rows of what encloses it; a list of the introspection makes as many as the schema has on average. A deferred
    fragment counts as a row.
    """

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._introspection = _introspection_sizes(schema)
        self._known: LRUCache[int, tuple[OperationDefinitionNode, set[str]]] = LRUCache(MOST_KNOWN)
        self._counted: LRUCache[tuple[Any, ...], tuple[OperationDefinitionNode, int]] = LRUCache(MOST_KNOWN)

    def check(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> None:
        """Refuse more rows than `settings.max_rows` (QueryTooComplex) or a `first` over `settings.max_first` (BadUserInput)."""
        rows = self.rows(operation, fragments, variables)
        if rows > self._settings.max_rows:
            raise beyond("rows", rows, self._settings.max_rows)

    def rows(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> int:
        """Count the rows; raises BadUserInput for a `first` over `settings.max_first`.

        The operation is valid and within `check_limits`; `variables` are coerced.
        """
        deciding = self._deciding(operation, fragments)
        sizes = (id(operation), *((name, _size(name, value, deciding)) for name, value in variables.items()))
        if sizes not in self._counted:
            self._counted[sizes] = operation, self._rows(operation, fragments, variables)
        return self._counted[sizes][1]

    def _deciding(
        self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> set[str]:
        """Name the variables whose value decides the number of rows, beside the lists."""
        known = self._known.get(id(operation))
        if known is None:
            names = variables_of(operation, fragments, {"first", "if"})
            known = self._known[id(operation)] = (operation, names)
        return known[1]

    def _rows(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> int:
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            return 0
        walk = _Walk(self._schema, self._settings, self._introspection, fragments, variables)
        return walk.rows_of([operation.selection_set], root)


def _size(name: str, value: Any, deciding: set[str]) -> Any:
    """Return what of a variable's value the number of rows can depend on."""
    if isinstance(value, list | tuple):
        return (len(value),)
    return value if name in deciding else None


class _Walk:
    """One operation's fields, merged as the execution merges them; recursion is bounded by the depth's limit."""

    def __init__(
        self,
        schema: GraphQLSchema,
        settings: Settings,
        introspection: dict[str, int],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> None:
        self.schema = schema
        self.settings = settings
        self.introspection = introspection
        self.fragments = fragments
        self.variables = variables

    def rows_of(self, selection_sets: Iterable[SelectionSetNode], parent: GraphQLNamedType) -> int:
        fields: Fields = {}
        spread: set[tuple[str, str]] = set()
        deferred = sum(self._collect(selection_set, parent, fields, spread) for selection_set in selection_sets)
        return deferred + sum(self._rows(owner, nodes) for owner, nodes in fields.values())

    def _collect(
        self,
        part: SelectionSetNode | InlineFragmentNode | FragmentDefinitionNode,
        parent: GraphQLNamedType,
        fields: Fields,
        spread: set[tuple[str, str]],
    ) -> int:
        """Add the fields of a selection set, or of a fragment under its own type, by their owner and response key.

        Return how many fragments within may be deferred: each is a part of the answer by itself, and as dear as a row.
        """
        deferred = 0
        if not isinstance(part, SelectionSetNode):
            if part.type_condition:
                parent = type_from_ast(self.schema, part.type_condition) or parent
            part = part.selection_set
        for node in part.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                key = (parent.name, (node.alias or node.name).value)
                fields.setdefault(key, (parent, []))[1].append(node)
            elif isinstance(node, InlineFragmentNode):
                deferred += _deferred(node) + self._collect(node, parent, fields, spread)
            elif isinstance(node, FragmentSpreadNode):
                deferred += _deferred(node)
                if (parent.name, node.name.value) not in spread:
                    spread.add((parent.name, node.name.value))
                    deferred += self._collect(self.fragments[node.name.value], parent, fields, spread)
        return deferred

    def _included(self, node: Any) -> bool:
        for directive in node.directives or ():
            if directive.name.value in {"skip", "include"}:
                condition = next(argument.value for argument in directive.arguments if argument.name.value == "if")
                value = (
                    condition.value
                    if isinstance(condition, BooleanValueNode)
                    else self.variables.get(condition.name.value)
                )
                if value is not (directive.name.value == "include"):
                    return False
        return True

    def _rows(self, parent: GraphQLNamedType, nodes: list[FieldNode]) -> int:
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return 0
        field = self.schema.get_field(parent, nodes[0].name.value)
        selection_sets = [node.selection_set for node in nodes if node.selection_set]
        if field is None or not selection_sets:
            return 0
        items = self._items(parent, field, nodes[0])
        if "first" in field.args and not self._makes_rows(selection_sets):
            return 0
        inner = self.rows_of(selection_sets, get_named_type(field.type))
        return inner if items is None else items * (1 + inner)

    def _makes_rows(self, selection_sets: list[SelectionSetNode]) -> bool:
        selected = (node for selection_set in selection_sets for node in selection_set.selections)
        return any(not isinstance(node, FieldNode) or node.name.value not in ROWLESS for node in selected)

    def _items(self, parent: GraphQLNamedType, field: GraphQLField, node: FieldNode) -> int | None:
        """Return how many rows a field makes each time it is asked for, None where it is no list of rows."""
        if "first" in field.args:
            return self._first(field.args["first"], node)
        if not is_list_type(get_nullable_type(field.type)):
            return None
        if parent.name.startswith("__"):
            return self.introspection.get(node.name.value)
        lists = [len(value) for name in field.args if isinstance(value := self._value(node, name), list | tuple)]
        return max(lists, default=None)

    def _first(self, argument: GraphQLArgument, node: FieldNode) -> int:
        first = self._value(node, "first")
        if first is None:
            default = coerce_default_value(argument)
            first = self.settings.max_first if default in {None, Undefined} else default
        if first > self.settings.max_first:
            raise BadUserInput(
                f'Argument "first" of "{node.name.value}" is {first}, more than {self.settings.max_first} (PREFECT_GRAPHQL_MAX_FIRST).'
            )
        return max(int(first), 0)

    def _value(self, node: FieldNode, name: str) -> Any:
        given = next((argument.value for argument in node.arguments or () if argument.name.value == name), None)
        return _literal(given, self.variables)


def _deferred(node: InlineFragmentNode | FragmentSpreadNode) -> bool:
    return any(directive.name.value == "defer" for directive in node.directives or ())


def _literal(node: ValueNode | None, variables: dict[str, Any]) -> Any:
    """Return the value of what `_items` counts by: a variable's, an integer's, a list's items; None for all else."""
    if isinstance(node, VariableNode):
        return variables.get(node.name.value)
    if isinstance(node, IntValueNode):
        return int(node.value)
    return node.values if isinstance(node, ListValueNode) else None


def _introspection_sizes(schema: GraphQLSchema) -> dict[str, int]:
    """Return how many items each list of the introspection has: exactly at its root, on average below, rounded up."""
    types = list(schema.type_map.values())
    composite = [type_ for type_ in types if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)]
    fields = [field for type_ in composite for field in type_.fields.values()]

    def mean(sizes: Iterator[int], owners: int) -> int:
        return -(-sum(sizes) // max(owners, 1))

    return {
        "types": len(types),
        "directives": len(schema.directives),
        "fields": mean((len(type_.fields) for type_ in composite), len(types)),
        "args": mean((len(field.args) for field in fields), len(fields)),
        "inputFields": mean((len(type_.fields) for type_ in types if is_input_object_type(type_)), len(types)),
        "enumValues": mean((len(type_.values) for type_ in types if is_enum_type(type_)), len(types)),
        "interfaces": mean((len(type_.interfaces) for type_ in composite), len(types)),
        "possibleTypes": mean(
            (len(schema.get_possible_types(type_)) for type_ in types if is_abstract_type(type_)), len(types)
        ),
    }
