"""Which variables of a document decide what."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from graphql import ArgumentNode, Node, VariableNode


def variables_of(nodes: Iterable[Node], arguments: AbstractSet[str]) -> set[str]:
    """Name the variables that stand as the values of arguments of these names, those of directives included."""
    names: set[str] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, ArgumentNode) and isinstance(node.value, VariableNode) and node.name.value in arguments:
            names.add(node.value.name.value)
        stack += children(node)
    return names


def children(node: Node) -> Sequence[Node]:
    """Return the nodes right below a node."""
    parts: list[Node] = []
    for key in node.keys:
        value = getattr(node, key, None)
        if isinstance(value, Node):
            parts.append(value)
        elif isinstance(value, list | tuple):
            parts += value
    return parts
