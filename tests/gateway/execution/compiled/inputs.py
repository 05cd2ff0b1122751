"""Random arguments: literals and variables of any input type, of values that a world has, with a few that are refused."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_nullable_type,
)

from gateway.execution.compiled.shapes import definition_of
from resolvers.cursors import encode_cursor
from resolvers.entities import KeyField
from resolvers.names import graphql_name
from schema.federation import entity
from tests.gateway.execution.compiled.values import JSONS, TEXTS, Row, moment, uuid
from tests.gateway.execution.compiled.world import BY_NAME, World, own_name
from tests.gateway.stack import SCHEMA

Way = tuple[str, ...]
"""The names from a root field down to a value: `("flows", "filter", "flows", "id", "any")`."""

INTS = {"first": [0, 1, 2, 3, 3, 5, 7, 12], "offset": [0, 1, 2, 5]}
ODD: dict[str, list[Any]] = {
    "first": [-1, 1_000, 1_001, 2**31 - 1],
    "offset": [-1, 40, 2**31 - 1],
    "historyIntervalSeconds": [0.5, 0, -1, 1e9, 3.7],
}
SECONDS = [86_400, 86_400.0, 3_600, 50_000.5]
MOST_FIRST = 1_000
NAME = re.compile(r"[_a-zA-Z]\w*", re.ASCII)
CURSORS = ["", "x", "MTA6YWJj", "LTE6YWJj", "😀"]
NAMES = {graphql_name(each.name): each.name for each in BY_NAME.values()} | {
    graphql_name(each.one): each.name for each in BY_NAME.values()
}
"""The collections by the names of their root fields."""
FORMS = [str.upper, lambda id_: id_.replace("-", ""), lambda id_: f"{{{id_}}}", lambda id_: f"urn:uuid:{id_}"]
BAD_IDS: list[Any] = ["", "nonsense", 5, str(UUID(int=0))[:-1], "😀"]
WRONG: list[Any] = [[], {}, "nonsense", 1.5, True, 2**40, 2**70, [None], None]


@dataclass(frozen=True)
class Variable:
    """A variable of an operation."""

    name: str
    kind: Any
    default: str | None
    way: Way

    def __str__(self) -> str:
        return f"${self.name}: {self.kind}" + (f" = {self.default}" if self.default else "")


class Inputs:
    """Writes the arguments of one document; the variables that it makes are in `variables`."""

    def __init__(self, rng: random.Random, world: World) -> None:
        self._rng = rng
        self._world = world
        self._ones = {name: rng.choice(rows) for name, rows in world.rows.items()}
        self.variables: dict[str, Variable] = {}
        self._leaves: dict[str, Callable[[Way], Any]] = {
            "Int": lambda way: rng.choice(INTS.get(way[-1], [0, 10, 20, 40, -1])),
            "Float": lambda _: rng.choice(SECONDS),
            "Boolean": lambda _: self.chance(0.5),
            "DateTime": lambda _: rng.choice([moment(rng), "2026-11-24T14:20:58", "2026-11-25"]),
            "ID": self._id,
            "_Any": lambda _: self._representation(),
            "JSON": lambda _: rng.choice(JSONS),
            "String": self._string,
        }

    def chance(self, probability: float) -> bool:
        return self._rng.random() < probability

    def written(self, kind: Any, way: Way, used: set[str]) -> str:
        """Write a value of a type: a literal or a variable, whose name is added to `used`, at any depth."""
        if self.chance(0.2):
            return self.variable(kind, way, used)
        if not isinstance(kind, GraphQLNonNull) and self.chance(0.05):
            return "null"
        return self.literal(get_nullable_type(kind), way, used)

    def literal(self, kind: Any, way: Way, used: set[str]) -> str:
        """Write a value of a type that is not null; variables may be inside."""
        if isinstance(kind, GraphQLList):
            if self.chance(0.1):  # an item stands for a list of it
                return self.literal(get_nullable_type(kind.of_type), way, used)
            items = [self.written(kind.of_type, way, used) for _ in range(self._length())]
            return f"[{', '.join(items)}]"
        if isinstance(kind, GraphQLInputObjectType):
            chosen = self._fields(kind, way)
            return (
                f"{{{', '.join(f'{name}: {self.written(field.type, (*way, name), used)}' for name, field in chosen)}}}"
            )
        value = self.leaf(kind, way)
        if kind.name == "_Any" and isinstance(value, dict) and self.chance(0.2):
            return f'{{__typename: "{value["__typename"]}", id: {self.variable(SCHEMA.type_map["ID"], way, used)}}}'
        return self._constant(value, kind)

    def variable(self, kind: Any, way: Way, used: set[str]) -> str:
        """Write a variable that may stand where a type is asked for: a new one, or one of the same kind."""
        strict = GraphQLNonNull(get_nullable_type(kind))
        same = [known for known in self.variables.values() if str(known.kind) in {str(kind), str(strict)}]
        if same and self.chance(0.3):
            used.add((known := self._rng.choice(same)).name)
            return f"${known.name}"
        default = None
        declared = strict if self.chance(0.2) else kind
        if self.chance(0.3):
            declared = get_nullable_type(kind) if self.chance(0.5) else declared
            default = self._constant(self.sample(GraphQLNonNull(get_nullable_type(kind)), way), kind)
        name = self._rng.choice(("v", "class", "_", "first")) + str(len(self.variables))
        self.variables[name] = Variable(name, declared, default, way)
        used.add(name)
        return f"${name}"

    def values(self, names: set[str]) -> dict[str, Any]:
        """Draw values for some variables: absent, null and the wrong type among them."""
        drawn: dict[str, Any] = {}
        for variable in (self.variables[name] for name in sorted(names)):
            needed = isinstance(variable.kind, GraphQLNonNull)
            if self.chance(0.01 if needed and not variable.default else 0.2):
                continue
            drawn[variable.name] = (
                self._rng.choice(WRONG) if self.chance(0.01) else self.sample(variable.kind, variable.way)
            )
        return {**drawn, **({"unknown": self._rng.choice(([1], 2**70))} if self.chance(0.03) else {})}

    def sample(self, kind: Any, way: Way) -> Any:
        """Draw a value of a type, as JSON."""
        if not isinstance(kind, GraphQLNonNull) and self.chance(0.1):
            return None
        kind = get_nullable_type(kind)
        if isinstance(kind, GraphQLList):
            return [self.sample(kind.of_type, way) for _ in range(self._length())]
        if isinstance(kind, GraphQLInputObjectType):
            return {name: self.sample(field.type, (*way, name)) for name, field in self._fields(kind, way)}
        return self.leaf(kind, way)

    def leaf(self, kind: Any, way: Way) -> Any:
        """Draw a scalar or an enum's name."""
        odd = ODD.get(way[-1])
        if odd and self.chance(0.03):
            return self._rng.choice(odd)
        if isinstance(kind, GraphQLEnumType):
            return self._rng.choice(list(kind.values))
        return self._leaves[kind.name](way)

    def cursor(self, kind: Any, name: str, order: str | None) -> str:
        """Draw an `after`: mostly one that fits the field without a filter, in an order."""
        if self.chance(0.1):
            return self._rng.choice(CURSORS)
        source = definition_of(kind.fields[name]).metadata["source"]
        sorts = source.collection.sort.__members__ if source.collection.sort else {}
        digest = source.asked({"sort": sorts.get(order)}, MOST_FIRST).digest
        return encode_cursor(self._rng.choice((0, 1, 2, 3, 5, 30)), digest)

    def _length(self) -> int:
        return self._rng.choice((0, 1, 1, 2, 3))

    def _fields(self, kind: GraphQLInputObjectType, way: Way) -> list[tuple[str, GraphQLInputField]]:
        most = self._rng.choice((0, 1, 1, 2, 3, 4)) if len(way) < 7 else 0
        chosen = set(self._rng.sample(list(kind.fields), min(most, len(kind.fields))))
        return [
            (name, field)
            for name, field in kind.fields.items()
            if name in chosen or isinstance(field.type, GraphQLNonNull)
        ]

    def _constant(self, value: Any, kind: Any) -> str:
        """Write a value as a literal of its type, without variables."""
        kind = get_nullable_type(kind)
        if value is None:
            return "null"
        if isinstance(value, list):
            return f"[{', '.join(self._constant(each, getattr(kind, 'of_type', kind)) for each in value)}]"
        if isinstance(value, dict):
            known = kind.fields if isinstance(kind, GraphQLInputObjectType) else {}
            parts = (
                (name, self._constant(part, known[name].type if known else None))
                for name, part in value.items()
                if NAME.fullmatch(name)  # JSON may have other keys
            )
            return f"{{{', '.join(f'{name}: {text}' for name, text in parts)}}}"
        if isinstance(kind, GraphQLEnumType):
            return str(value)
        if isinstance(value, str) and value.isalnum() and self.chance(0.05):
            return f'"""{value}"""'
        return json.dumps(value, ensure_ascii=self.chance(0.5))

    def _string(self, way: Way) -> str:
        if way[-1] == "after":
            return self._rng.choice(CURSORS)
        if self.chance(0.1):
            return self._rng.choice([*TEXTS[:9], ".", "..", "a/b", "%2e", "?", "#"])
        collection = next((NAMES[part] for part in reversed(way) if part in NAMES), "flows")
        one = self._ones[collection] if self.chance(0.6) else self._rng.choice(self._world.rows[collection])
        owner = NAMES.get(way[-1].removesuffix("Name"))
        if owner and owner != collection:
            key = f"{BY_NAME[owner].one}_id"
            collection, one = owner, self._world.by_id.get((owner, one.get(key)), self._ones[owner])
        return str(one.get(own_name(BY_NAME[collection])))

    def _id(self, way: Way) -> Any:
        if self.chance(0.015):
            return self._rng.choice(BAD_IDS)
        names = (NAMES[part] for part in (name.removesuffix("Id") for name in reversed(way)) if part in NAMES)
        collection = next(names, None) or self._rng.choice(list(self._world.rows))
        known = self._rng.choice(self._world.rows[collection]).get("id")
        id_ = uuid(self._rng) if known is None or self.chance(0.05) else known
        return self._rng.choice(FORMS)(id_) if self.chance(0.05) else id_

    def _representation(self) -> Any:
        kinds = SCHEMA.type_map["_Entity"].types
        kind = self._rng.choice([kind.name for kind in kinds])
        if self.chance(0.05):
            return self._rng.choice(
                [{"__typename": kind}, {"__typename": "Log", "id": "x"}, {"__typename": "", "id": 5}, 5]
            )
        names = [name for name, collection in BY_NAME.items() if collection.row.__name__ == kind]
        name = self._rng.choice(names or [*BY_NAME])
        keys = entity(BY_NAME[name]).keys
        if keys and self.chance(0.5):
            return {"__typename": kind, **self._key(name, self._rng.choice(keys))}
        return {"__typename": kind, "id": self._id((name,))}

    def _key(self, collection: str, fields: tuple[KeyField, ...]) -> Row:
        """Draw a key that some row has, mostly."""
        row, drawn = self._rng.choice(self._world.rows[collection]), {}
        for each in fields:
            owner, name = row, each.name
            if each.relation:
                owners = self._world.rows[each.relation.collection.name]
                owner = self._world.by_id.get((each.relation.collection.name, row.get(each.relation.key)), owners[0])
            value = owner.get(name) if self.chance(0.9) else self._rng.choice(TEXTS[:9])
            drawn[each.parent or name] = {name: value} if each.parent else value
        return drawn
