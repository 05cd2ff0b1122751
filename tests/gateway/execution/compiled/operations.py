"""Random operations, valid by the schema: they grow with it, for they are read from it."""

import random
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from tests.gateway.execution.compiled.inputs import Inputs, Way
from tests.gateway.execution.compiled.world import World
from tests.gateway.stack import SCHEMA

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType

ALIASES = [
    "class", "from", "None", "def", "lambda", "import", "async", "true_", "_", "_x", "__x", "__init__", "__class__",
    "self", "cls", "id", "name", "nodes", "node", "data", "rows", "row", "A", "a", "b", "state", "type", "upstream",
    "x" * 80, "print", "tags",
]  # fmt: skip
BIG = {"_service"}
LIKELIHOOD = {"first": 0.85, "after": 0.01, "offset": 0.15, "sort": 0.3, "filter": 0.4}
"""How often an argument that may be left out is given; others every other time."""


@dataclass(frozen=True)
class Operation:
    """A document, and which of its operations is meant."""

    text: str
    name: str | None


@dataclass
class Scope:
    """An operation or a fragment: the variables and the fragments that it uses itself."""

    variables: set[str] = field(default_factory=set)
    fragments: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Selected:
    """A field as it was selected; two of one response key must be the same."""

    name: str
    arguments: str
    variables: frozenset[str]


@dataclass(frozen=True)
class Fragment:
    """A named fragment."""

    name: str
    kind: Composite
    depth: int
    text: str
    scope: Scope


def operation(rng: random.Random, world: World, sets: int, number: int) -> tuple[Operation, list[dict[str, Any]]]:
    """Write an operation over the whole schema, and some sets of values for its variables.

    Its ids, names and cursors are mostly those of a world. Operations with numbers in sequence begin with one root field
    after the other.
    """
    return _Writer(rng, world, number).operation(sets)


class _Writer:
    """Writes one document. Every response key of a type means the same in all of it, so that any two places merge."""

    def __init__(self, rng: random.Random, world: World, number: int) -> None:
        self._rng = rng
        self._number: int | None = number
        self._inputs = Inputs(rng, world)
        self._chance = self._inputs.chance
        self._left: float = rng.choice((3, 5, 8, 12, 20, 40))
        self._keys: dict[tuple[str, str], Selected] = {}
        self._shapes = {"id": "ID!"}
        self._abstract = self._chance(0.35)
        self._fragments: dict[str, Fragment] = {}
        self._count = 0

    def operation(self, sets: int) -> tuple[Operation, list[dict[str, Any]]]:
        assert SCHEMA.query_type
        written = []
        for number in range(self._rng.choice((1, 1, 1, 1, 1, 2, 3))):
            scope = Scope()
            selected = self._selections(SCHEMA.query_type, self._rng.choice((0, 1, 2, 3, 4, 5)), scope, ())
            written.append((f"Q{number}", scope, selected))
        alone = len(written) == 1 and self._chance(0.5)
        parts = [self._head("" if alone else name, self._uses(scope)) + body for name, scope, body in written]
        reached = {name for _, scope, _ in written for name in self._reached(scope)}
        parts += [self._fragments[name].text for name in sorted(reached)]
        if not alone and self._chance(0.05):
            parts.append('mutation M { deleteFlow(id: "x") }')
        self._rng.shuffle(parts)
        chosen, scope, _ = self._rng.choice(written)
        used = self._uses(scope)
        named = len(parts) - len(reached) > 1 or (not alone and self._chance(0.5))
        name = ("Nobody" if self._chance(0.01) else chosen) if named else None
        return Operation("\n".join(parts), name), [self._inputs.values(used) for _ in range(sets)]

    def _head(self, name: str, used: set[str]) -> str:
        declared = ", ".join(str(self._inputs.variables[each]) for each in sorted(used))
        if not (name or declared) and self._chance(0.5):
            return ""
        return f"query {name}{f'({declared})' if declared else ''} "

    def _reached(self, scope: Scope) -> set[str]:
        below = (self._reached(self._fragments[name].scope) for name in scope.fragments)
        return scope.fragments.union(*below)

    def _uses(self, scope: Scope) -> set[str]:
        return scope.variables.union(*(self._fragments[name].scope.variables for name in self._reached(scope)))

    def _selections(self, kind: Composite, depth: int, scope: Scope, way: Way) -> str:
        sizes = (1, 2, 3, 4, 6, 9) if _is_row(kind) else (1, 1, 2, 3)
        size = self._rng.choice(sizes) if self._left > 0 else self._rng.choice((1, 2))
        parts = [self._selection(kind, depth, scope, way) for _ in range(size)]
        return "{ " + self._rng.choice((" ", "\n ", ", ")).join(parts) + " }"

    def _selection(self, kind: Composite, depth: int, scope: Scope, way: Way) -> str:
        roll = self._rng.random() * (0.4 if is_abstract_type(kind) else 1)
        if self._left > 0 and roll < 0.12:
            return self._inline(kind, depth, scope, way)
        if self._left > 0 and roll < 0.22:
            return self._spread(kind, depth, scope, way)
        return self._field(kind, depth, scope, way)

    def _condition(self, kind: Composite) -> Composite:
        """Choose a type that a fragment inside another may be conditioned on: itself, its interface, one of its kinds."""
        if not is_abstract_type(kind):
            interfaces = kind.interfaces if isinstance(kind, GraphQLObjectType) and self._abstract else ()
            return self._rng.choice(interfaces) if interfaces and self._chance(0.3) else kind
        if self._chance(0.1):
            return kind
        return self._rng.choice([*SCHEMA.get_possible_types(kind), SCHEMA.type_map["Node"]])

    def _inline(self, kind: Composite, depth: int, scope: Scope, way: Way) -> str:
        condition = self._condition(kind)
        on = "" if condition is kind and self._chance(0.3) else f" on {condition}"
        return f"...{on}{self._directives(scope)} {self._selections(condition, depth, scope, way)}"

    def _spread(self, kind: Composite, depth: int, scope: Scope, way: Way) -> str:
        condition = self._condition(kind)
        known = [each for each in self._fragments.values() if each.kind is condition and each.depth <= depth]
        if known and self._chance(0.5):
            fragment = self._rng.choice(known)
        else:
            own = Scope()
            body = self._selections(condition, depth, own, way)
            name = self._rng.choice(("F", "class", "_f", "Flow")) + str(len(self._fragments))
            text = f"fragment {name} on {condition} {body}"
            fragment = self._fragments[name] = Fragment(name, condition, depth, text, own)
        scope.fragments.add(fragment.name)
        return f"...{fragment.name}{self._directives(scope)}"

    def _field(self, kind: Composite, depth: int, scope: Scope, way: Way) -> str:
        name = self._chosen(kind, depth)
        if name == "__typename":
            return name + self._directives(scope)
        assert not isinstance(kind, GraphQLUnionType)
        declared = kind.fields[name]
        key, selected = self._key(kind, name, declared, (*way, name))
        scope.variables |= selected.variables
        alias = "" if key == name else f"{key}: "
        text = f"{alias}{name}{selected.arguments}{self._directives(scope)}"
        inner = get_named_type(declared.type)
        if is_leaf_type(inner):
            self._left -= 0.3
            return text
        self._left -= 1
        below = depth - 1 if kind is SCHEMA.query_type or "first" in declared.args or _is_row(inner) else depth
        return f"{text} {self._selections(inner, below, scope, (*way, name))}"

    def _chosen(self, kind: Composite, depth: int) -> str:
        """Choose a field: one with fields of its own rather often, as far as the depth goes."""
        if isinstance(kind, GraphQLUnionType) or self._chance(0.04):
            return "__typename"
        fields = kind.fields
        if kind is SCHEMA.query_type:
            roots = [
                name for name in fields if self._abstract or not is_abstract_type(get_named_type(fields[name].type))
            ]
            if self._number is not None:
                number, self._number = self._number, None
                return roots[number % len(roots)]
            roots += [name for name in roots if "first" in fields[name].args or "id" in fields[name].args]
            return self._rng.choice([name for name in roots if name not in BIG or self._chance(0.1)])
        leaves = [name for name, field in fields.items() if is_leaf_type(get_named_type(field.type))]
        branches = [name for name in fields if name not in leaves]
        if kind.name.endswith(("Connection", "Edge")):
            return self._rng.choice([*branches, *(name for name in branches if name != "pageInfo"), *branches, *leaves])
        deeper = [name for name in branches if depth > 0 or "first" not in fields[name].args]
        if deeper and self._left > 0 and self._chance(0.45):
            return self._rng.choice(deeper)
        return self._rng.choice(leaves or ["__typename"])

    def _key(self, kind: Any, name: str, declared: GraphQLField, way: Way) -> tuple[str, Selected]:
        """Choose the response key and the arguments: those of an earlier selection, or new ones."""
        known = [(key, each) for (owner, key), each in self._keys.items() if owner == kind.name and each.name == name]
        if known and self._chance(0.3 if declared.args else 0.8):
            return self._rng.choice(known)
        used: set[str] = set()
        selected = Selected(name, self._arguments(kind, name, declared, way, used), frozenset(used))
        wanted = [self._rng.choice(ALIASES) for _ in range(3)] if self._chance(0.15) else [name]
        for key in wanted if not isinstance(kind, GraphQLInterfaceType) or wanted == [name] else []:
            if self._fits(kind, key, declared) and self._keys.setdefault((kind.name, key), selected) == selected:
                return key, selected
        self._count += 1
        self._keys[kind.name, f"k{self._count}"] = selected
        return f"k{self._count}", selected

    def _fits(self, kind: Composite, key: str, declared: GraphQLField) -> bool:
        """Tell whether a key can mean a field of a type whose rows may stand beside those of other types."""
        if not self._abstract or not _is_row(kind):
            return True
        return self._shapes.setdefault(key, str(declared.type)) == str(declared.type)

    def _arguments(self, kind: Any, name: str, declared: GraphQLField, way: Way, used: set[str]) -> str:
        written: dict[str, str] = {}
        follows = "after" in declared.args and self._chance(0.12)
        left_out, given = {"filter", "after"} if follows else set(), set()
        if follows and self._chance(0.9):
            left_out.add("offset")
        required = {each for each, known in declared.args.items() if isinstance(known.type, GraphQLNonNull)}
        named = {each for each, known in declared.args.items() if str(known.type) == "String" and each != "after"}
        if named and "id" in declared.args.keys() - required and self._chance(0.95):  # by its id or by its names
            left_out, given = (named, {"id"}) if self._chance(0.5) else ({"id"}, named)
        for argument, known in declared.args.items():
            needed = argument in required | given
            if argument not in left_out and (needed or self._chance(LIKELIHOOD.get(argument, 0.5))):
                written[argument] = self._inputs.written(known.type, (*way, argument), used)
        if follows:
            order = written.get("sort")
            if order is None and "sort" in declared.args:
                order = getattr(declared.args["sort"].default_value, "value", None)
            written["after"] = f'"{self._inputs.cursor(kind, name, order)}"'
        return f"({', '.join(f'{argument}: {text}' for argument, text in written.items())})" if written else ""

    def _directives(self, scope: Scope) -> str:
        if not self._chance(0.1):
            return ""
        some = self._rng.choice((["skip"], ["include"], ["skip", "include"]))
        kind = GraphQLNonNull(SCHEMA.type_map["Boolean"])
        values = {
            name: self._inputs.variable(kind, (name,), scope.variables)
            if self._chance(0.6)
            else ("true" if self._chance(0.5) else "false")
            for name in some
        }
        return "".join(f" @{name}(if: {value})" for name, value in values.items())


def _is_row(kind: Any) -> bool:
    """Tell whether a type is one whose rows `node` finds, or their interface."""
    return kind.name == "Node" or any(each.name == "Node" for each in getattr(kind, "interfaces", ()))
