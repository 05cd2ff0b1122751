"""Makes a case that fails smaller: leaves out whatever it fails without."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from graphql import (
    REMOVE,
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from tests.gateway.execution.compiled.alike import Case
from tests.gateway.execution.compiled.faults import Faults

Fails = Callable[[Case], Awaitable[bool]]

PARTS = (
    FieldNode,
    InlineFragmentNode,
    FragmentSpreadNode,
    ArgumentNode,
    DirectiveNode,
    ObjectFieldNode,
    OperationDefinitionNode,
)
MOST = 1_000
"""Smaller cases that are tried."""


async def reduced(case: Case, fails: Fails) -> Case:
    """Return a case as small as can be that still fails."""
    tried = 0

    async def try_(smaller: Case) -> bool:
        nonlocal tried
        tried += 1
        return tried < MOST and await fails(smaller)

    for calmer in _calmer(case):
        if await try_(calmer):
            case = calmer
            break
    before = ""
    while case.operation.text != before:
        before = case.operation.text
        for edit in (_without, _unwrapped):
            case = await _edited(case, edit, try_)
    return case


async def _edited(case: Case, edit: Callable[[DocumentNode, int], DocumentNode | None], fails: Fails) -> Case:
    """Make an edit at each place of the document in turn, and keep what still fails."""
    number = 0
    while (less := edit(parse(case.operation.text), number)) is not None:
        smaller = replace(case, operation=replace(case.operation, text=print_ast(_emptied(less))))
        if smaller.operation.text != case.operation.text and await fails(smaller):
            case = smaller
        else:
            number += 1
    return case


def _calmer(case: Case) -> Iterator[Case]:
    """Make the cases with one situation, with fewer faults at first."""
    for situation in case.situations:
        rates = ("calls", "answers", "lists", "rows")
        fewer = [replace(situation.faults, **dict.fromkeys(set(rates) - {kind}, 0)) for kind in rates]
        for faults in (Faults(), *fewer, situation.faults):
            yield replace(case, situations=(replace(situation, faults=faults, trace=False),))
        yield replace(case, situations=(situation,))


def _without(document: DocumentNode, number: int) -> DocumentNode | None:
    """Leave out the part with a number; None where there are no more."""
    parts = list(_nodes(document, *PARTS))
    if number >= len(parts):
        return None
    return _changed(document, lambda node: REMOVE if node is parts[number] else None)


def _unwrapped(document: DocumentNode, number: int) -> DocumentNode | None:
    """Put the selections of the fragment with a number where it is selected; None where there are no more."""
    parts = list(_nodes(document, InlineFragmentNode, FragmentSpreadNode))
    if number >= len(parts):
        return None
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}

    def selections(node: SelectionNode) -> tuple[SelectionNode, ...]:
        if node is not parts[number]:
            return (node,)
        inner = node if isinstance(node, InlineFragmentNode) else fragments[node.name.value]  # type: ignore[attr-defined]
        return inner.selection_set.selections

    def change(node: Node) -> object:
        if not isinstance(node, SelectionSetNode) or all(each is not parts[number] for each in node.selections):
            return None
        return SelectionSetNode(selections=tuple(each for old in node.selections for each in selections(old)))

    return _changed(document, change)


def _emptied(document: DocumentNode) -> DocumentNode:
    """Leave out what has become empty or unused."""
    while True:
        spread = {node.name.value for node in _nodes(document, FragmentSpreadNode)}
        known = {node.name.value for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        declared = {id(node.variable) for node in _nodes(document, VariableDefinitionNode)}
        used = {node.name.value for node in _nodes(document, VariableNode) if id(node) not in declared}

        def change(node: Any, spread: set[str] = spread, known: set[str] = known, used: set[str] = used) -> object:
            empty = getattr(node, "selection_set", None) is not None and not node.selection_set.selections
            unused = isinstance(node, FragmentDefinitionNode) and node.name.value not in spread
            lost = isinstance(node, FragmentSpreadNode) and node.name.value not in known
            idle = isinstance(node, VariableDefinitionNode) and node.variable.name.value not in used
            return REMOVE if empty or unused or lost or idle else None

        less = _changed(document, change)
        if less == document:
            return less
        document = less


def _changed(document: DocumentNode, change: Callable[[Node], object]) -> DocumentNode:
    class Change(Visitor):
        def enter(self, node: Node, *_: object) -> object:
            return change(node)

    changed: DocumentNode = visit(document, Change())
    return changed


def _nodes(node: Node, *kinds: type[Node]) -> Iterator[Any]:
    """Find the nodes of some kinds under a node, in the order of the document."""
    if isinstance(node, kinds):
        yield node
    for key in node.keys:
        value = getattr(node, key, None)
        for child in value if isinstance(value, tuple | list) else [value]:
            if isinstance(child, Node):
                yield from _nodes(child, *kinds)
