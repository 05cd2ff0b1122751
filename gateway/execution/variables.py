"""Which variables of a document decide what."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from graphql import ArgumentNode, FragmentDefinitionNode, Node, OperationDefinitionNode, VariableNode


def variables_of(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode], arguments: AbstractSet[str]
) -> set[str]:
    """Name the variables that stand as the values of arguments of these names, those of directives included."""
    names: set[str] = set()
    stack: list[Node] = [operation, *fragments.values()] if operation.variable_definitions else []
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
