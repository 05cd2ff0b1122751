"""What a document asks for, measured on its syntax tree alone, before validation spends any time on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from graphlib import CycleError, TopologicalSorter

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.settings import Settings
from resolvers.errors import BadUserInput, QueryTooComplex

SUMMED = ("aliases", "directives", "root_fields", "fields")
"""The measures that add up over the operations of a batch."""

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of one operation or fragment, everything that it spreads included.

    `fields` counts every selection once its fragments are expanded, and each fragment as one more, so that
    empty fragments are not free. Depth counts levels of fields; that below `__schema` and `__type` is apart.
    """

    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    fields: int = 0


@dataclass(frozen=True, slots=True)
class _Spread:
    name: str
    level: int
    introspecting: bool
    at_root: bool


@dataclass(slots=True)
class _Selections:
    """A selection set on the way down, `level` levels below its operation (or below `__schema`)."""

    node: SelectionSetNode
    level: int
    introspecting: bool
    at_root: bool

    def below(self, field: FieldNode) -> Iterator["_Selections"]:
        if field.selection_set is None:
            return
        enters = not self.introspecting and field.name.value in INTROSPECTION
        yield _Selections(
            field.selection_set, 1 if enters else self.level + 1, self.introspecting or enters, at_root=False
        )


def check_limits(document: DocumentNode, settings: Settings) -> None:
    """Refuse a document whose operations or fragments go beyond a limit (`Measures`, `settings.max_*`).

    Time is linear in the document's tokens, however its fragments multiply.
    Raises QueryTooComplex, or BadUserInput for fragments that form a cycle.
    """
    for measures in _measure(document):
        for field in fields(measures):
            value, limit = getattr(measures, field.name), getattr(settings, f"max_{field.name}")
            if value > limit:
                raise beyond(field.name, value, limit)


def check_sum(documents: Sequence[DocumentNode], rows: int, settings: Settings) -> None:
    """Refuse a batch of documents, each within its limits, that ask for more together than one may; raises QueryTooComplex.

    `rows` is how many they could return; of a document with several operations the largest counts.
    """
    largest = [_measure(document) for document in documents]
    sums = {name: sum(max(getattr(each, name) for each in measures) for measures in largest) for name in SUMMED}
    sums |= {"rows": rows, "tokens": sum(document.token_count for document in documents)}
    for name, value in sums.items():
        limit = getattr(settings, f"max_{name}")
        if value > limit:
            raise beyond(name, value, limit, whose="batch")


def beyond(measure: str, value: object, limit: int, *, whose: str = "query") -> QueryTooComplex:
    """Return the refusal of a document whose `measure` is over its setting `max_<measure>`."""
    setting = f"PREFECT_GRAPHQL_MAX_{measure.upper()}"
    noun = measure.replace("_", " ")
    verb = "are" if noun.endswith("s") else "is"
    return QueryTooComplex(f"The {whose}'s {noun} {verb} {value}, more than {limit} ({setting}).")


def _measure(document: DocumentNode) -> list[Measures]:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    own = {node.name.value: _own(node) for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    totals: dict[str, Measures] = {}
    try:
        order = list(
            TopologicalSorter({name: {s.name for s in spreads} for name, (_, spreads) in own.items()}).static_order()
        )
    except CycleError as error:
        cycle = " -> ".join(dict.fromkeys(error.args[1]))
        raise BadUserInput(f"Fragments can't spread themselves: {cycle}.") from None
    for name in order:
        if name in own:
            totals[name] = _expanded(*own[name], totals)
    return [*(_expanded(*_own(node), totals) for node in operations), *totals.values()]


def _own(definition: OperationDefinitionNode | FragmentDefinitionNode) -> tuple[Measures, list[_Spread]]:
    """Measure one definition without what it spreads; iterative, for the nesting is the client's."""
    depths = {False: 0, True: 0}
    variables = definition.variable_definitions or ()
    directives = len(definition.directives or ()) + sum(len(variable.directives or ()) for variable in variables)
    aliases = root_fields = count = 0
    spreads: list[_Spread] = []
    stack = [_Selections(definition.selection_set, 1, introspecting=False, at_root=True)]
    while stack:
        selections = stack.pop()
        for node in selections.node.selections:
            count += 1
            directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                depths[selections.introspecting] = max(depths[selections.introspecting], selections.level)
                aliases += node.alias is not None
                root_fields += selections.at_root
                stack.extend(selections.below(node))
            elif isinstance(node, FragmentSpreadNode):
                spreads.append(_Spread(node.name.value, selections.level, selections.introspecting, selections.at_root))
            elif isinstance(node, InlineFragmentNode):
                stack.append(
                    _Selections(node.selection_set, selections.level, selections.introspecting, selections.at_root)
                )
    return Measures(depths[False], depths[True], aliases, directives, root_fields, count), spreads


def _expanded(own: Measures, spreads: list[_Spread], totals: dict[str, Measures]) -> Measures:
    for spread in spreads:
        if part := totals.get(spread.name):
            own = _with(own, spread, part)
    return own


def _with(own: Measures, spread: _Spread, part: Measures) -> Measures:
    deepest = spread.level - 1 + part.depth
    return replace(
        own,
        depth=own.depth if spread.introspecting else max(own.depth, deepest),
        introspection_depth=max(
            own.introspection_depth, part.introspection_depth, deepest if spread.introspecting else 0
        ),
        aliases=own.aliases + part.aliases,
        directives=own.directives + part.directives,
        root_fields=own.root_fields + spread.at_root * part.root_fields,
        fields=own.fields + part.fields,
    )
