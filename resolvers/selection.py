"""What an operation selects under a field, read from its document."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode


def fields(info: strawberry.Info) -> set[str]:
    """Name the fields selected under the current one, those of its fragments included."""
    return {node.name.value for node in _selections(_document(info)) if isinstance(node, FieldNode)}


def types(info: strawberry.Info) -> set[str]:
    """Name the types that fragments under the current field are conditioned on."""
    raw = _document(info)
    selected = list(_selections(raw))
    inline = [node.type_condition for node in selected if isinstance(node, InlineFragmentNode) and node.type_condition]
    spread = [
        raw.fragments[node.name.value].type_condition for node in selected if isinstance(node, FragmentSpreadNode)
    ]
    return {condition.name.value for condition in inline + spread}


def _document(info: strawberry.Info) -> GraphQLResolveInfo[Any]:
    return info._raw_info  # noqa: SLF001  Strawberry has no public way to the document


def _selections(info: GraphQLResolveInfo[Any]) -> Iterator[FieldNode | InlineFragmentNode | FragmentSpreadNode]:
    for node in info.field_nodes:
        if node.selection_set:
            yield from _flattened(info, node.selection_set)


def _flattened(
    info: GraphQLResolveInfo[Any], selected: SelectionSetNode
) -> Iterator[FieldNode | InlineFragmentNode | FragmentSpreadNode]:
    for node in selected.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield node
            yield from _flattened(info, node.selection_set)
        elif isinstance(node, FragmentSpreadNode):
            yield node
            yield from _flattened(info, info.fragments[node.name.value].selection_set)
