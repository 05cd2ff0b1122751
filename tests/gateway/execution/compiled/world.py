"""A small random world: rows of every collection, related as the schema says, and what REST selects of them."""

import random
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any
from zlib import crc32

import orjson
from graphql import GraphQLObjectType, get_nullable_type, is_list_type

from gateway.execution.compiled.shapes import definition_of
from resolvers.collection import DECLARED, Collection
from resolvers.reading import parameters
from resolvers.relations import BelongsTo, HasMany, Relation, Via
from schema.federation import entity
from tests.gateway.execution.compiled.values import TEXTS, Row, keys_of, object_type, relation_of, row_of, uuid

SIZES = {"flows": 5, "deployments": 7, "flow_runs": 14, "task_runs": 14, "logs": 16, "work_pools": 3, "work_queues": 5}
"""How many rows of a collection; of the others, 12."""
BY_NAME = {collection.name: collection for collection in DECLARED}
Key = Callable[[Row], Any]


def relations_of(kind: GraphQLObjectType) -> list[Relation]:
    """Return the relations that rows of a type have."""
    return [relation for field in kind.fields.values() if (relation := relation_of(field))]


RELATIONS = [
    (collection, relation) for collection in DECLARED for relation in relations_of(object_type(collection.row.__name__))
]


def own_name(collection: Collection) -> str:
    """Return the key of the name by which a row is read."""
    last = [*parameters(collection.named or ""), "name"][-1]
    return last if last in collection.row.model_fields else "name"


class World:
    """Rows of every collection by its name."""

    def __init__(self, seed: int, sizes: Mapping[str, int] = SIZES) -> None:
        self.seed = seed
        rng = random.Random(seed)  # noqa: S311  test data
        self.rows: dict[str, list[Row]] = {
            collection.name: [_row(collection, rng) for _ in range(sizes.get(collection.name, 12))]
            for collection in DECLARED
        }
        self._relate(rng)
        self.by_id = {(name, row["id"]): row for name, rows in self.rows.items() for row in rows if "id" in row}
        self._places = {name: dict(self._places_of(collection)) for name, collection in BY_NAME.items()}

    def _relate(self, rng: random.Random) -> None:
        for collection, relation in RELATIONS:
            if isinstance(relation, BelongsTo) and isinstance(relation.key, str):
                self._point(rng, self.rows[collection.name], relation.key, relation.collection, relation.by)
            elif isinstance(relation, HasMany) and isinstance(relation.key, str):
                self._point(rng, self.rows[relation.collection.name], relation.key, collection, relation.by)
        for collection in DECLARED:
            for source in _sources_by_lists(object_type(collection.row.__name__)):
                self._name(rng, self.rows[collection.name], source.by, self.rows[source.collection.name])

    def _point(self, rng: random.Random, rows: list[Row], key: str, parents: Collection, by: str) -> None:
        """Let rows name their parents: few of them often, now and then none or one that there isn't."""
        known = [parent.get(by) for parent in self.rows[parents.name]]
        for row in rows if key != "id" else ():
            roll = rng.random()
            row[key] = None if roll < 0.1 else uuid(rng) if roll < 0.15 else rng.choice(known[: rng.choice((2, 99))])

    def _name(self, rng: random.Random, rows: list[Row], key: str, others: list[Row]) -> None:
        """Let rows name others by a list of ids, one that there isn't among them."""
        known = [*(row["id"] for row in others), uuid(rng)]
        for row in rows:
            row[key] = rng.sample(known, rng.choice((0, 1, 2, 3)))

    def named(self, collection: str, name: str) -> list[Row]:
        """Return the rows of a name; the collection may be told by its parameter in a route, `flow_name`."""
        known = next((each for each in DECLARED if collection in {each.name, f"{each.one}_name"}), None)
        return [row for row in self.rows[known.name] if row.get(own_name(known)) == name] if known else []

    def pointed(self, kind: GraphQLObjectType, row: Row, rng: random.Random) -> Row:
        """Let an object that is no collection's row name parents that there are."""
        for relation in relations_of(kind):
            if isinstance(relation, BelongsTo) and isinstance(relation.key, str):
                self._point(rng, [row], relation.key, relation.collection, relation.by)
        return row

    def _places_of(self, collection: Collection) -> list[tuple[tuple[str, str], Key]]:
        """Where a body names keys or parents of rows, and what a row has there."""
        own = {relation.by for _, relation in RELATIONS if isinstance(relation, BelongsTo)} | {"id"}
        own |= {each.name for key in entity(collection).keys for each in key if each.relation is None}
        places: list[tuple[tuple[str, str], Key]] = [((collection.own, by), _value(by)) for by in own]
        for _, relation in RELATIONS:
            if isinstance(relation, HasMany) and relation.collection is collection:
                places.append((relation.place, self._key(relation.key)))
        return places

    def _key(self, key: str | Via) -> Key:
        if isinstance(key, str):
            return _value(key)
        between = key.collection.name
        return lambda row: self.by_id.get((between, row.get(key.key)), {}).get(key.target)

    def selected(self, collection: str, body: Row) -> list[Row]:
        """Return the rows that a body selects, in its order: by ids as REST does, by all else some, always the same."""
        groups = deepcopy({name: group for name, group in body.items() if isinstance(group, dict)})
        rows = self.rows[collection]
        for place, key in self._places[collection].items():
            chosen = _taken(groups, place)
            if chosen is not None:
                rows = [row for row in rows if key(row) in chosen]
        left = orjson.dumps(_pruned(groups), option=orjson.OPT_SORT_KEYS)
        if left != b"{}":
            rows = [row for row in rows if crc32(row["id"].encode(), crc32(left)) % 5]
        order = crc32(str(body.get("sort")).encode())
        return sorted(rows, key=lambda row: crc32(row["id"].encode(), order))


def _sources_by_lists(kind: GraphQLObjectType) -> Iterator[Any]:
    """Find the connections of rows that a row names by a list of ids."""
    keys = keys_of(kind)
    for field in kind.fields.values():
        source = definition_of(field).metadata.get("source")
        by = getattr(source, "by", "id")
        if source and by in keys and is_list_type(get_nullable_type(keys[by].type)):
            yield source


def _row(collection: Collection, rng: random.Random) -> Row:
    row = row_of(object_type(collection.row.__name__), rng)
    for key in {"name", own_name(collection)} & row.keys():
        row[key] = f"{rng.choice(TEXTS)[:20]}{rng.randrange(100)}"
    return row


def _value(key: str) -> Key:
    return lambda row: row.get(key)


def _taken(groups: Row, place: tuple[str, str]) -> list[Any] | None:
    """Take the list of ids, or of names, out of a body's groups."""
    name, leaf = place
    condition = (groups.get(name) or {}).get(leaf) or {}
    return condition.pop("any_", None) if isinstance(condition, dict) else None


def _pruned(value: Any) -> Any:
    """Leave out objects without content, and how nothing is combined."""
    if not isinstance(value, dict):
        return value
    kept = {name: _pruned(part) for name, part in value.items()}
    kept = {name: part for name, part in kept.items() if part not in ({}, None)}
    return {} if kept.keys() <= {"operator"} else kept


@cache
def world(seed: int) -> World:
    """Return the world of a seed, made once: its rows are read, never changed."""
    return World(seed)
