"""What an operation selects under a field, read from its document."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)

Fragments = Mapping[str, FragmentDefinitionNode]


def fields(info: strawberry.Info) -> set[str]:
    """Name the fields selected under the current one, those of its fragments included."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001  Strawberry has no public way to the document
    return fields_under(raw.field_nodes, raw.fragments)


def fields_under(nodes: Iterable[FieldNode], fragments: Fragments) -> set[str]:
    """Name the fields selected under a field, given by its nodes, those of its fragments included."""
    return {node.name.value for node in _selections(nodes, fragments) if isinstance(node, FieldNode)}


def types(info: strawberry.Info) -> set[str]:
    """Name the types that fragments under the current field are conditioned on."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001  as above
    return types_under(raw.field_nodes, raw.fragments)


def types_under(nodes: Iterable[FieldNode], fragments: Fragments) -> set[str]:
    """Name the types that fragments under a field, given by its nodes, are conditioned on."""
    selected = list(_selections(nodes, fragments))
    inline = [node.type_condition for node in selected if isinstance(node, InlineFragmentNode) and node.type_condition]
    spread = [fragments[node.name.value].type_condition for node in selected if isinstance(node, FragmentSpreadNode)]
    return {condition.name.value for condition in inline + spread}


def leaves_under(nodes: Iterable[FieldNode], fragments: Fragments) -> set[str]:
    """Name the leaves selected under a field, given by its nodes, each by its path: "state.type"."""
    found = set()
    for node in _selections(nodes, fragments):
        if isinstance(node, FieldNode):
            name = node.name.value
            below = leaves_under([node], fragments)
            found |= {f"{name}.{leaf}" for leaf in below} if node.selection_set else {name}
    return found


def _selections(
    nodes: Iterable[FieldNode], fragments: Fragments
) -> Iterator[FieldNode | InlineFragmentNode | FragmentSpreadNode]:
    for node in nodes:
        if node.selection_set:
            yield from _flattened(fragments, node.selection_set)


def _flattened(
    fragments: Fragments, selected: SelectionSetNode
) -> Iterator[FieldNode | InlineFragmentNode | FragmentSpreadNode]:
    for node in selected.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield node
            yield from _flattened(fragments, node.selection_set)
        elif isinstance(node, FragmentSpreadNode):
            yield node
            yield from _flattened(fragments, fragments[node.name.value].selection_set)
