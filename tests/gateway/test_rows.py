"""A bad value in a row costs its field where that is nullable, else its row, and never another one.

Every field of every row type is spoilt by every kind of bad value; so is every key of every relation.
"""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)
from pydantic import BaseModel

from resolvers.collection import Collection
from resolvers.relations import BelongsTo, HasMany, Listed
from schema import COLLECTIONS
from schema.names import Names
from tests.gateway.stack import SCHEMA, Gateway, Upstream, open_gateway, open_upstream, uuid
from tests.gateway.upstream.scripted import Exchange, answer

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

Models = tuple[type[BaseModel], ...]

ABSENT = object()
BAD = [
    None,
    ABSENT,
    {},
    [],
    [None],
    [[]],
    "nonsense",
    5,
    2**40,
    2**70,
    -(2**31) - 1,
    1.5,
    True,
    [5],
    ["nonsense"],
    {"nonsense": 1},
]
GOOD = {
    "ID": uuid(77),
    "String": "text",
    "Int": 7,
    "Float": 1.5,
    "Boolean": True,
    "DateTime": "2026-11-24T14:20:58Z",
    "JSON": {"a": 1},
}
WRONG: dict[str, tuple[Any, ...]] = {
    "ID": ({}, [], 1.5, {"nonsense": 1}),
    "String": ({}, [], {"nonsense": 1}),
    "Int": ({}, [], "nonsense", 2**40, 2**70, -(2**31) - 1, 1.5),
    "Float": ({}, [], "nonsense"),
    "Boolean": ({}, [], "nonsense"),
    "DateTime": ({}, [], 5, 1.5, True),
    "JSON": (),
    "list": ({}, "nonsense", 5, 1.5, True, {"nonsense": 1}),
    "object": ([], [None], "nonsense", 5, 1.5, True),
    "enum": ({}, [], "nonsense", 5, 1.5, True),
}
"""What is certainly no value of a kind; the rest of BAD may be one."""


def value_of(kind: Any, above: Models = ()) -> Any:
    """Make a good value of a type within objects of those above: a list of such objects again is empty."""
    kind = get_nullable_type(kind)
    if isinstance(kind, GraphQLList):
        inner = get_named_type(kind)
        again = isinstance(inner, GraphQLObjectType) and model_of(inner) in above
        return [] if again else [value_of(kind.of_type, above)]
    if isinstance(kind, GraphQLEnumType):
        value = next(iter(kind.values.values())).value
        return getattr(value, "value", value)
    if isinstance(kind, GraphQLObjectType):
        return row_of(model_of(kind), above)
    return GOOD[kind.name]


def model_of(kind: GraphQLObjectType) -> type[BaseModel]:
    model: type[BaseModel] = kind.extensions["strawberry-definition"].origin
    return model


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, str, GraphQLField]]:
    """Name each field of a row in REST and in GraphQL."""
    kind = SCHEMA.get_type(model.__name__)
    assert isinstance(kind, GraphQLObjectType)
    for key in model.model_fields:
        name = Names().apply_naming_config(key)
        yield key, name, kind.fields[name]


def row_of(model: type[BaseModel], above: Models = ()) -> dict[str, Any]:
    return {key: value_of(field.type, (*above, model)) for key, _, field in fields_of(model)}


@dataclass(frozen=True)
class Spot:
    """A field of a row, or of an object within it."""

    collection: Collection
    keys: tuple[str, ...]
    names: tuple[str, ...]
    fields: tuple[GraphQLField, ...]
    model: type[BaseModel]

    def __str__(self) -> str:
        return ".".join((self.collection.name, *self.names))

    @property
    def kind(self) -> str:
        kind = get_nullable_type(self.fields[-1].type)
        if isinstance(kind, GraphQLList):
            return "list"
        if isinstance(kind, GraphQLObjectType):
            return "object"
        return "enum" if isinstance(kind, GraphQLEnumType) else str(kind)

    @property
    def selection(self) -> str:
        inner = selection_of(get_named_type(self.fields[-1].type))
        for name in reversed(self.names):
            inner = f"{{ {name} {inner} }}"
        return inner[1:-1]

    @property
    def costs(self) -> tuple[str, ...]:
        """The names down to what a bad value makes null: empty for the row."""
        depth = len(self.fields)
        while depth and isinstance(self.fields[depth - 1].type, GraphQLNonNull):
            depth -= 1
        return self.names[:depth]

    def is_wrong(self, value: Any) -> bool:
        """Tell whether a value must be an error."""
        if value is None:
            return isinstance(self.fields[-1].type, GraphQLNonNull)
        if value is ABSENT:
            has_default = not self.model.model_fields[self.keys[-1]].is_required()
            return isinstance(self.fields[-1].type, GraphQLNonNull) and not has_default
        return any(type(value) is type(wrong) and value == wrong for wrong in WRONG[self.kind])

    def spoilt(self, row: dict[str, Any], value: Any) -> dict[str, Any]:
        row = deepcopy(row)
        place = row
        for key in self.keys[:-1]:
            place = place[key]
        place.pop(self.keys[-1])
        return row if value is ABSENT else (place.update({self.keys[-1]: value}) or row)


def selection_of(kind: Any, above: tuple[Any, ...] = ()) -> str:
    """Select all of a type, but not those above within it again."""
    if is_leaf_type(kind):
        return ""
    inner = ((name, get_named_type(field.type)) for _, name, field in fields_of(model_of(kind)))
    above = (*above, kind)
    return f"{{ {' '.join(f'{name} {selection_of(each, above)}' for name, each in inner if each not in above)} }}"


def spots(collection: Collection) -> Iterator[Spot]:
    def within(model: type[BaseModel], above: Spot | None) -> Iterator[Spot]:
        for key, name, field in fields_of(model):
            keys, names, fields = (above.keys, above.names, above.fields) if above else ((), (), ())
            spot = Spot(collection, (*keys, key), (*names, name), (*fields, field), model)
            yield spot
            kind = get_nullable_type(field.type)
            if isinstance(kind, GraphQLObjectType):
                yield from within(model_of(kind), spot)

    return within(collection.row, None)


SPOTS = [spot for collection in COLLECTIONS for spot in spots(collection)]


def root_of(collection: Collection) -> str:
    """Name the root field with its arguments."""
    name = Names().apply_naming_config
    parents = re.findall(r"{(\w+)}", route_of(collection))
    arguments = ", ".join(f'{name(parent)}: "{uuid(1)}"' for parent in parents)
    return f"{name(collection.name)}({arguments})" if arguments else name(collection.name)


def route_of(collection: Collection) -> str:
    return collection.listed or collection.within or f"{collection.path}/filter"


def path_of(collection: Collection, parent: int = 1) -> str:
    return re.sub(r"{\w+}", uuid(parent), route_of(collection))


def page_of(collection: Collection, rows: list[Any]) -> Any:
    """Make the upstream's answer of rows."""
    return {collection.name: rows, "total": len(rows), "next_page": None} if collection.tokens else rows


@pytest.fixture(scope="module")
async def served() -> AsyncGenerator[tuple[Upstream, Gateway]]:
    async with open_upstream() as upstream, open_gateway(upstream=upstream.url) as gateway:
        yield upstream, gateway


@pytest.mark.parametrize("spot", SPOTS, ids=str)
async def test_a_bad_value_costs_its_field_or_its_row(served: tuple[Upstream, Gateway], spot: Spot) -> None:
    upstream, gateway = served
    good = row_of(spot.collection.row)
    rows = [spot.spoilt(good | {"id": uuid(number)}, value) for number, value in enumerate(BAD, 100)]
    upstream.spoilt = {
        path_of(spot.collection): answer(json.dumps(page_of(spot.collection, [good, *rows, good])).encode())
    }
    answered = await gateway.ask(f"{{ {root_of(spot.collection)} {{ nodes {{ {spot.selection} }} }} }}")
    [root] = answered["data"].values()
    before, *nodes, after = root["nodes"]
    assert before == after is not None
    errors: dict[int, list[Any]] = {}
    for error in answered.get("errors", []):
        assert error["extensions"]["code"] == "UPSTREAM_ERROR"
        assert len(error["message"]) < 250
        assert error["path"][1] == "nodes"
        assert tuple(error["path"][3 : 3 + len(spot.names)]) == spot.names
        errors.setdefault(error["path"][2] - 1, []).append(error)
    for index, (value, node) in enumerate(zip(BAD, nodes, strict=True)):
        assert (index in errors) >= spot.is_wrong(value), f"{value} was taken"
        if spot.is_wrong(value):
            assert null_at(node, spot.costs), f"{value} did not cost {spot.costs}"
        elif index not in errors:
            assert node is not None


def null_at(node: Any, names: tuple[str, ...]) -> bool:
    """Tell whether what stands at the names is null, and all above it is not."""
    for name in names:
        if node is None:
            return False
        node = node[name]
    return node is None


@dataclass(frozen=True)
class Tie:
    """A relation of a row, and the key of the row that it goes by."""

    collection: Collection
    name: str
    key: str
    relation: BelongsTo | HasMany | Listed

    def __str__(self) -> str:
        return f"{self.collection.name}.{self.name}"


def ties(collection: Collection) -> Iterator[Tie]:
    kind = SCHEMA.get_type(collection.row.__name__)
    assert isinstance(kind, GraphQLObjectType)
    for name, field in kind.fields.items():
        relation = field.extensions["strawberry-definition"].metadata.get("relation")
        if isinstance(relation, BelongsTo):
            key = relation.key if isinstance(relation.key, str) else relation.key.key
            yield Tie(collection, name, key, relation)
        elif relation:
            yield Tie(collection, name, relation.by if isinstance(relation, HasMany) else "id", relation)


TIES = [tie for collection in COLLECTIONS for tie in ties(collection)]
KEYS = [None, ABSENT, {}, [], 5, 2**70, 1.5, True, ["nonsense"], {"nonsense": 1}]


async def related(exchange: Exchange) -> None:
    """Answer with a row for each id that is asked for, if the ids make sense."""
    path = exchange.target.removeprefix("/api")
    if exchange.method == "GET":
        return await answer([])(exchange)
    body = exchange.json
    asked = [found for group in body.values() if isinstance(group, dict) for found in anys(group)]
    if not all(isinstance(key, str) for key in asked):
        return await answer({"detail": "These are no ids"}, "422 Unprocessable Entity")(exchange)
    collection = next(collection for collection in COLLECTIONS if path_of(collection, parent=77) == path)
    own = next((key for key in body.get(collection.own) or {} if key in {"id", "name"}), None)
    rows = [row_of(collection.row) | {own: key} for key in asked] if own else []
    return await answer(rows)(exchange)


def anys(group: dict[str, Any]) -> list[Any]:
    return [key for leaf in group.values() if isinstance(leaf, dict) for key in leaf.get("any_", [])]


@pytest.mark.parametrize("tie", TIES, ids=str)
async def test_a_bad_key_costs_its_relation(served: tuple[Upstream, Gateway], tie: Tie) -> None:
    upstream, gateway = served
    good = row_of(tie.collection.row)
    rows = [good, *({**good, tie.key: value} for value in KEYS if value is not ABSENT), good]
    rows.insert(2, {key: value for key, value in good.items() if key != tie.key})
    upstream.spoilt = {
        **{path_of(collection, parent=77): related for collection in (*COLLECTIONS, tie.relation.collection)},
        f"/{tie.collection.name}/{uuid(77)}": answer(good),
        (tie.relation.collection.by_id or "").format(id=uuid(77)): answer(row_of(tie.relation.collection.row)),
    }
    asked = path_of(tie.collection)
    first = True

    async def rows_first(exchange: Exchange) -> None:
        nonlocal first
        step = answer(json.dumps(page_of(tie.collection, rows)).encode()) if first else related
        first = False
        await step(exchange)

    upstream.spoilt[asked] = rows_first
    key = "id" if "id" in tie.relation.collection.row.model_fields else "__typename"
    inner = key if isinstance(tie.relation, BelongsTo) else f"nodes {{ {key} }}"
    answered = await gateway.ask(f"{{ {root_of(tie.collection)} {{ nodes {{ {tie.name} {{ {inner} }} }} }} }}")
    [root] = answered["data"].values()
    before, *nodes, after = [node[tie.name] for node in root["nodes"]]
    assert before == after is not None
    assert nodes == [None] * len(KEYS)
    errors = answered.get("errors", [])
    assert {error["extensions"]["code"] for error in errors} == {"UPSTREAM_ERROR"}
    absent_is_good = isinstance(tie.relation, BelongsTo)
    expected = range(3 if absent_is_good else 1, len(KEYS) + 1)
    assert sorted(error["path"][2] for error in errors) == list(expected)
