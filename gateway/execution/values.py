"""Bounds on the values that a client sends, in the document and in its variables, checked before anything reads them."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    ValueNode,
    VariableDefinitionNode,
)

from gateway.settings import Settings
from resolvers.errors import BadUserInput

# Below what the JSON encoder takes on the way upstream (254), above what parameters of runs look like.
MAX_NESTING = 100


_COMPOUND = (list, dict, ListValueNode, ObjectValueNode)
_Way = tuple["_Way", str | int] | None


class NestedTooDeeply(BadUserInput):
    """A value nested beyond what any later step could take."""


def check_variables(variables: dict[str, Any], settings: Settings) -> None:
    """Refuse variables with a list over `settings.max_list` or nesting over MAX_NESTING; BadUserInput names the place.

    The representations of entities are bounded as the rows that they stand for, since a router cannot ask for them in parts.
    """
    for name, value in variables.items():
        _check(f'Variable "${name}"', value, settings.max_list)


def check_literals(document: DocumentNode, settings: Settings) -> None:
    """Refuse arguments and defaults written in the document, as `check_variables` does."""
    stack: list[tuple[str, Node]] = [("the query", document)]
    while stack:
        owner, node = stack.pop()
        if isinstance(node, ArgumentNode):
            _check(f'Argument "{node.name.value}" of {owner}', node.value, settings.max_list)
        elif isinstance(node, ValueNode):
            _check(f"The default of {owner}", node, settings.max_list)
        else:
            inner = _name(node) or owner
            stack.extend((inner, child) for child in _nodes(node))


def _name(node: Node) -> str | None:
    if isinstance(node, VariableDefinitionNode):
        return f'variable "${node.variable.name.value}"'
    return f'"{node.name.value}"' if isinstance(node, FieldNode) else None


def _nodes(node: Node) -> Iterator[Node]:
    for key in node.keys:
        value = getattr(node, key, None)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple | list):
            yield from value


def _check(where: str, value: Any, max_list: int) -> None:
    """Go down level by level; a value's way from the top is a chain of pairs, made into words only for a refusal."""
    level: list[tuple[_Way, Any]] = [(None, value)]
    for _ in range(MAX_NESTING):
        below: list[tuple[_Way, Any]] = []
        for way, current in level:
            parts = _parts(current)
            if isinstance(parts, list) and len(parts) > max_list and not _representations(parts):
                raise BadUserInput(
                    f"{where} has a list of {len(parts)} items{_at(way)}, more than {max_list} (PREFECT_GRAPHQL_MAX_LIST)."
                )
            named = parts.items() if isinstance(parts, dict) else enumerate(parts)
            below += [((way, name), part) for name, part in named if isinstance(part, _COMPOUND)]
        if not below:
            return
        level = below
    raise NestedTooDeeply(f"{where} is nested more than {MAX_NESTING} levels deep.")


def _representations(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and "__typename" in item for item in items)


def _parts(value: Any) -> list[Any] | dict[Any, Any]:
    if isinstance(value, dict | list):
        return value
    if isinstance(value, ListValueNode):
        return list(value.values)
    return {field.name.value: field.value for field in value.fields} if isinstance(value, ObjectValueNode) else []


def _at(way: "_Way") -> str:
    names: list[str] = []
    while way is not None:
        way, name = way
        names.append(str(name))
    return f" at {'.'.join(reversed(names))}" if names else ""
