"""Good and bad values of the schema's types, as an upstream sends them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
)
from pydantic import BaseModel

from gateway.execution.compiled.shapes import definition_of
from resolvers.collection import paired
from resolvers.relations import Relation
from tests.gateway.stack import SCHEMA

Row = dict[str, Any]

MOST_DEPTH = 3
"""Objects within one another in a row."""
START = datetime(2026, 11, 24, 12, tzinfo=UTC)

TEXTS = [
    "text",
    "",
    " ",
    "null",
    'quo"te\\back/slash',
    "line\nend\r\ttab",
    "\x00\x01\x1f\x7f\x80\x9f",
    "\u2028\u2029\ufeff\u200b",
    "żółć 中文 עברית",
    "e\u0301 \u00e9",
    "😀👩‍👩‍👧",
    "\ud7ff\ue000\uffff\U0010ffff",
    "</script>&amp;<!--",
    "${x} %s {0}",
    "x" * 3_000,
    "é😀" * 700,
]
INTS = [0, 1, -1, 7, 200, 2**31 - 1, -(2**31)]
FLOATS = [0.0, -0.0, 1.5, 0.1 + 0.2, 1e15, 1e-7, 5e-324, 2.2250738585072014e-308, 3, -4]
HUGE = [1e16, 1e22, 123456789012345680.0, -1.7976931348623157e308]
JSONS: list[Any] = [
    {},
    [],
    {"a": 1, "b": [None, True, {"c": "d"}]},
    {"": "", "ключ": "😀", "a.b": {"$ref": "#/x"}, 'q"': "\u2028"},
    {"big": 2**53 + 1, "bigger": 2**63, "small": -(2**63), "float": 1e16, "zero": -0.0},
    [[[[[[[[[[1]]]]]]]]]],
    "text",
    7,
    1e-7,
    False,
    {"z": 1, "a": 2, "m": {"z": 1, "a": 2}},
    {"id": "not a row", "__typename": "Flow", "class": "x"},
]
BAD: list[Any] = [
    None,
    {},
    [],
    [None],
    [[]],
    [{}],
    [5],
    ["a", None],
    ["a", 5],
    {"nonsense": 1},
    {"id": None},
    "nonsense",
    "",
    "5",
    "1.5",
    "true",
    "COMPLETED",
    "completed",
    "2026-11-24",
    0,
    5,
    -1,
    2**31,
    -(2**31) - 1,
    2**53 + 1,
    2**63,
    2**64,
    2**70,
    1.5,
    3.0,
    1e16,
    1e300,
    -0.0,
    True,
    False,
    str(UUID(int=2**64)),
    str(UUID(int=2**100 + 7)).upper(),
]
"""What may be a value of one type and is none of another."""
NEAR: dict[type, list[Any]] = {
    int: [2**31, -(2**31) - 1, 2**40, 3.0, 1.5, True, "5", None],
    float: [3, 2**53 + 1, 2**70, "1.5", "", True, None],
    bool: [0, 1, 2, 1.0, "true", "", None],
    str: [5, 1.5, True, [], {}, "", "completed", None],
    dict: [None, [], [{}], "{}", 5],
    list: [None, {}, [None], ["a", None], [5], "[]"],
    type(None): ["", 0, False, [], {}],
}
"""What is nearly as good as a value of a type, or just not."""


def relation_of(field: GraphQLField) -> Relation | None:
    """Return the relation that a field of a row goes by."""
    relation: Relation | None = definition_of(field).metadata.get("relation")
    return relation


def keys_of(kind: GraphQLObjectType) -> dict[str, GraphQLField]:
    """Return the fields that are keys of a row, or of an object in it, by their names in REST."""
    named = {definition_of(field).python_name: field for field in kind.fields.values()}
    return {
        key: field for key, field in named.items() if not definition_of(field).metadata.keys() & {"relation", "source"}
    }


def _has_keys(kind: Any) -> TypeGuard[GraphQLObjectType]:
    """Tell whether a type is a row's, or that of an object in one."""
    definition = kind.extensions.get("strawberry-definition")
    return isinstance(kind, GraphQLObjectType) and issubclass(getattr(definition, "origin", object), BaseModel)


def model_of(kind: GraphQLObjectType) -> type[BaseModel]:
    """Return the model that a type was made of."""
    model: type[BaseModel] = kind.extensions["strawberry-definition"].origin
    return model


def uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128)))


def moment(rng: random.Random) -> str:
    """Write a time of a few days, in one of the forms that REST has."""
    time = START + timedelta(seconds=rng.randrange(400_000), microseconds=rng.choice([0, 1, 120_000, 999_999]))
    text = time.isoformat()
    return rng.choice([text, text.replace("+00:00", "Z")])


def good(kind: Any, rng: random.Random, depth: int = MOST_DEPTH) -> Any:
    """Make a value of a type; null now and then where it may be, and no object deeper than `depth` where none must be."""
    deep = depth == 0 and isinstance(get_named_type(kind), GraphQLObjectType)
    if not isinstance(kind, GraphQLNonNull) and (deep or rng.random() < 0.2):
        return None
    kind = get_nullable_type(kind)
    if isinstance(kind, GraphQLList):
        return [good(kind.of_type, rng, depth) for _ in range(0 if deep else rng.choice((0, 1, 1, 2, 3)))]
    if isinstance(kind, GraphQLEnumType):
        value = rng.choice(list(kind.values.values())).value
        return getattr(value, "value", value)
    if isinstance(kind, GraphQLObjectType):
        return row_of(kind, rng, depth - 1)
    return _leaf(kind.name, rng)


def row_of(kind: GraphQLObjectType, rng: random.Random, depth: int = MOST_DEPTH) -> Row:
    """Make a row, or an object in one; keys that may be null are absent now and then, as an older upstream has it."""
    row = {
        key: good(field.type, rng, depth)
        for key, field in keys_of(kind).items()
        if isinstance(field.type, GraphQLNonNull) or rng.random() > 0.03
    }
    return row | {key: [[uuid(rng), each] for each in row[key]] for key in paired(model_of(kind)) if row.get(key)}


def _leaf(name: str, rng: random.Random) -> Any:
    if name == "ID":
        return uuid(rng)
    if name == "DateTime":
        return moment(rng)
    if name == "Float" and rng.random() < 0.02:
        return rng.choice(HUGE)
    choices = {"String": TEXTS, "Int": INTS, "Float": FLOATS, "Boolean": [True, False], "JSON": JSONS}
    return rng.choice(choices[name])


def object_type(name: str) -> GraphQLObjectType:
    """Return an object type of the schema."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return kind


KEYS = sorted({key for kind in SCHEMA.type_map.values() if _has_keys(kind) for key in keys_of(kind)})
"""All keys of rows, and of the objects within them."""

REQUIRED = sorted(
    {
        key
        for kind in SCHEMA.type_map.values()
        if _has_keys(kind)
        for key, field in keys_of(kind).items()
        if isinstance(field.type, GraphQLNonNull) and key != "id"
    }
)
"""Those that cannot be null somewhere, but for `id`, without which there is no row."""
