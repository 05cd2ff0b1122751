"""Random documents of the whole schema with `@defer` and `@stream` at random places, and the same without."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_nullable_type,
    is_list_type,
    parse,
    print_ast,
    validate,
    visit,
)

from gateway.execution.documents import RULES
from gateway.execution.incremental import DIRECTIVES
from gateway.execution.variables import children
from tests.gateway.execution.compiled.operations import Operation
from tests.gateway.stack import SCHEMA

TRIES = 8
COUNTS = (0, 0, 0, 1, 1, 2, 3, 9)


def alone(operation: Operation) -> Operation | None:
    """Return the operation that is meant, as a document of its own; None where none is."""
    document = parse(operation.text)
    meant = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (operation.name is None or (node.name and node.name.value == operation.name))
    ]
    if len(meant) != 1:
        return None
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    reached: dict[str, Node] = {}
    stack: list[Node] = [meant[0]]
    while stack:
        node = stack.pop()
        if isinstance(node, FragmentSpreadNode) and (name := node.name.value) not in reached:
            reached[name] = fragments[name]
            stack.append(fragments[name])
        stack += children(node)
    return replace(operation, text="\n".join(map(print_ast, [meant[0], *reached.values()])))


def directed(rng: random.Random, operation: Operation) -> Operation | None:
    """Put directives at random places of an operation that is alone; None where none of some tries is valid."""
    for _ in range(TRIES):
        document = parse(operation.text)
        rate = rng.choice((0.3, 0.6, 0.9))
        streams = TypeInfo(SCHEMA)
        placed = visit(document, TypeInfoVisitor(streams, _Streams(rng, rate, streams)))
        placed = visit(placed, _Defers(rng, rate))
        text = print_ast(_with_variables(rng, placed))
        if text != print_ast(document) and not validate(SCHEMA, parse(text), RULES):
            return replace(operation, text=text)
    return None


def undirected(text: str) -> str:
    """Leave the directives out, and the variables that only they use."""

    class Change(Visitor):
        def enter(self, node: Node, *_: object) -> object:
            ours = isinstance(node, DirectiveNode) and node.name.value in DIRECTIVES
            variable = getattr(getattr(node, "variable", None), "name", None)
            return REMOVE if ours or (variable and variable.value.startswith("parts_")) else None

    return print_ast(visit(parse(text), Change()))


class _Streams(Visitor):
    """Streams some of the lists."""

    def __init__(self, rng: random.Random, rate: float, types: TypeInfo) -> None:
        super().__init__()
        self._rng, self._rate, self._types = rng, rate, types

    def leave_field(self, node: FieldNode, *_: object) -> FieldNode | None:
        kind = self._types.get_type()
        if kind is None or not is_list_type(get_nullable_type(kind)) or self._rng.random() > self._rate:
            return None
        count = self._rng.choice(COUNTS)
        given = [f"initialCount: {count}"] if count or self._rng.random() < 0.3 else []
        return _with(node, _directive(self._rng, "stream", given))


class _Defers(Visitor):
    """Defers some of the fragments, and makes fragments of some selections, of which some stay outside too."""

    def __init__(self, rng: random.Random, rate: float) -> None:
        super().__init__()
        self._rng, self._rate = rng, rate

    def leave_selection_set(self, node: SelectionSetNode, *_: object) -> SelectionSetNode:
        selections: list[SelectionNode] = []
        for each in node.selections:
            deferred = self._rng.random() < self._rate / (4 if isinstance(each, FieldNode) else 1)
            selections += self._deferred(each, node.selections) if deferred else [each]
        return SelectionSetNode(selections=tuple(selections))

    def _deferred(self, node: SelectionNode, beside: tuple[SelectionNode, ...]) -> list[SelectionNode]:
        directive = _directive(self._rng, "defer", [])
        if not isinstance(node, FieldNode):
            return [_with(node, directive)]
        also = [each for each in beside if each is not node and self._rng.random() < 0.3]
        fragment = InlineFragmentNode(
            type_condition=None, directives=(directive,), selection_set=SelectionSetNode(selections=(node, *also))
        )
        return [fragment, node] if self._rng.random() < 0.3 else [fragment]


def _with(node: Any, directive: DirectiveNode) -> Any:
    return _changed(node, directives=(*(node.directives or ()), directive))


def _changed(node: Any, **parts: Any) -> Any:
    return type(node)(**({key: getattr(node, key, None) for key in node.keys} | parts))


def _directive(rng: random.Random, name: str, given: list[str]) -> DirectiveNode:
    if (roll := rng.random()) < 0.3:
        given = [
            *given,
            f"if: {rng.choice(('true', 'true', 'false', '$parts_yes', '$parts_yes', '$parts_no', '$parts_null'))}",
        ]
    if roll > 0.7:
        given = [*given, f'label: "{name} {rng.getrandbits(40)}"']
    text = f"@{name}({', '.join(given)})" if given else f"@{name}"
    field: Any = parse(f"{{ a {text} }}").definitions[0]
    directive: DirectiveNode = field.selection_set.selections[0].directives[0]
    return directive


VARIABLES = {"parts_yes": "Boolean! = true", "parts_no": "Boolean = false", "parts_null": "Boolean! = true"}


def _with_variables(rng: random.Random, document: DocumentNode) -> DocumentNode:
    """Declare what the directives use."""
    text = print_ast(document)
    used = [f"${name}: {kind}" for name, kind in VARIABLES.items() if f"${name}" in text]
    if not used:
        return document
    [declared] = parse(f"query ({', '.join(used)}) {{ a }}").definitions
    return DocumentNode(
        definitions=tuple(
            _changed(
                node,
                variable_definitions=(*(node.variable_definitions or ()), *declared.variable_definitions),  # type: ignore[attr-defined]
            )
            if isinstance(node, OperationDefinitionNode)
            else node
            for node in document.definitions
        )
    )


Place = Callable[[random.Random, Operation], Operation | None]
