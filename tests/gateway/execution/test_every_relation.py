"""Every relation of every collection, over pages of the API that do not hold all: what is found, and by which calls.

Also that a client's `operator: OR` is never combined with what selects the parents.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from graphql import GraphQLField, GraphQLInputObjectType, get_named_type, is_required_argument

from gateway.execution import GraphQLRequest
from gateway.execution.compiled.shapes import definition_of
from resolvers.collection import Collection
from resolvers.relations import BelongsTo, HasMany, Listed, Via
from resolvers.sources import Gathered, Named, Tokens, Whole
from schema import COLLECTIONS
from tests.gateway.execution.compiled.alike import BASE, FAR, execution
from tests.gateway.execution.compiled.upstream import RandomUpstream, Request
from tests.gateway.execution.compiled.values import Row, object_type
from tests.gateway.execution.compiled.world import BY_NAME, RELATIONS, World
from tests.gateway.stack import SCHEMA

CALLS = Path(__file__).with_name("calls_of_relations.txt").read_text()
"""Of each relation its name, then, indented, the calls for three parents, or for 205 rows: how many, and ids as what they
are ids of.
"""
SIZE, CROWD = 330, 205
"""Rows of a collection, and how many belong to the first parent: more than a page of the API holds."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Declared:
    """A field that relates rows of a collection to others."""

    collection: Collection
    name: str
    field: GraphQLField

    @cached_property
    def relation(self) -> Any:
        return definition_of(self.field).metadata.get("relation")

    @cached_property
    def source(self) -> Any:
        return definition_of(self.field).metadata.get("source")

    def __str__(self) -> str:
        return f"{self.collection.row.__name__}.{self.name}"


def declared() -> Iterator[Declared]:
    for collection in COLLECTIONS:
        for name, field in object_type(collection.row.__name__).fields.items():
            each = Declared(collection, name, field)
            if each.relation or each.source:
                yield each


ALL = list(declared())
TO_ONE = [each for each in ALL if isinstance(each.relation, BelongsTo)]
TO_MANY = [each for each in ALL if each not in TO_ONE]


class Related(World):
    """A world whose rows belong all to few parents (`crowded`), or each to another."""

    def __init__(self, seed: int, *, crowded: bool) -> None:
        super().__init__(seed, dict.fromkeys(BY_NAME, SIZE))
        for number, pool in enumerate(self.rows["work_pools"]):
            pool["name"] = f"pool {number}"
        for collection, relation in RELATIONS:
            if isinstance(relation, BelongsTo) and isinstance(relation.key, str):
                self._spread(collection, relation.key, relation.collection, relation.by, crowded=crowded)
            elif isinstance(relation, HasMany) and isinstance(relation.key, str):
                self._spread(relation.collection, relation.key, collection, relation.by, crowded=crowded)
        for queue in self.rows["work_queues"]:
            queue["work_pool_name"] = "pool 0"
        task_runs = [row["id"] for row in self.rows["task_runs"]]
        for limit in self.rows["concurrency_limits"]:
            limit["active_slots"] = task_runs[:CROWD]
        self.by_id = {(name, row["id"]): row for name, rows in self.rows.items() for row in rows if "id" in row}

    def _spread(self, children: Collection, key: str, parents: Collection, by: str, *, crowded: bool) -> None:
        known = [row.get(by) for row in self.rows[parents.name]]
        for number, row in enumerate(self.rows[children.name] if key != "id" else ()):
            place = (0 if number < CROWD else 1 + number % 2) if crowded else number
            row[key] = known[place]


@pytest.fixture(scope="module")
def crowded() -> Related:
    return Related(2, crowded=True)


@pytest.fixture(scope="module")
def spread() -> Related:
    return Related(2, crowded=False)


async def ask(world: World, query: str, variables: Row | None = None) -> tuple[Row, list[Request]]:
    """Execute an operation over a world; return the answer and the calls."""
    upstream = RandomUpstream(world.seed, worlds=lambda _: world)
    run = execution(upstream, BASE, compiled=False)
    answer = await run.run(GraphQLRequest(query, FAR, variables or {}))
    return json.loads(answer.content()), upstream.calls


def shown(world: World, calls: list[Request]) -> list[str]:
    """Write and count calls, ids and names of work pools in them as what they belong to."""
    kinds = {id_: name for name, id_ in world.by_id} | {row["name"]: "names" for row in world.rows["work_pools"]}

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(part) for key, part in value.items()}
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            found = {kinds.get(each, UUID.sub("<id>", each)) for each in value}
            return f"{len(value)} {' '.join(sorted(found))}"
        return value

    def path(call: Request) -> str:
        text = re.sub(r"page-token=\w+", "page-token=<token>", call.path)
        text = UUID.sub(lambda match: kinds.get(match[0], "<id>"), text)
        return re.sub(r"(?<=/work_pools/)[^/]+(?=/)", "<name>", text)

    bodies = (f" {json.dumps(named(call.json))}" if call.body else "" for call in calls)
    texts = Counter(f"{call.method} {path(call)}{body}" for call, body in zip(calls, bodies, strict=True))
    return [f"{number} {text}" for text, number in sorted(texts.items())]


def calls_told() -> dict[str, list[str]]:
    """Read the calls of every relation."""
    parts = [part.split("\n  ") for part in re.split(r"\n(?=\S)", CALLS.rstrip())]
    return {name: calls for name, *calls in parts}


TOLD = calls_told()


def parents_of(world: World, each: Declared) -> list[Row]:
    """Return the parent of many, and two others."""
    return world.rows[each.collection.name][:3]


def query_of(each: Declared, arguments: str = "first: 500") -> str:
    return f"""query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {each.collection.row.__name__} {{
      id found: {each.name}({arguments}) {{ nodes {{ id }} pageInfo {{ hasNextPage }} }} }} }} }}"""


def children_of(world: World, each: Declared, parent: Row, calls: list[Request]) -> set[str]:
    """Return the ids of a parent's children, as the upstream knows them."""
    source, rows = each.source, world.rows[each.source.collection.name]
    if isinstance(each.relation, HasMany):
        return {row["id"] for row in rows if owner(world, each.relation.key, row) == parent[each.relation.by]}
    if isinstance(source, Named):
        return set(parent[source.by])
    if isinstance(source, Tokens):
        [body] = {call.body for call in calls if call.body and f"{source.prefix}{parent['id']}".encode() in call.body}
        return {row["id"] for row in world.selected(source.collection.name, json.loads(body))}
    number = crc32(parent[source.by].encode())
    return {row["id"] for row in rows if crc32(row["id"].encode(), number) % 3}


def is_known(each: Declared, parent: Row) -> bool:
    """Tell whether the upstream knows a parent, which it does not know each of by its path."""
    by_path = isinstance(each.source, Whole | Gathered) or isinstance(each.relation, Listed)
    return not by_path or bool(crc32(parent[each.source.by].encode()) % 9)


def owner(world: World, key: str | Via, row: Row) -> Any:
    if isinstance(key, str):
        return row[key]
    return world.by_id[key.collection.name, row[key.key]][key.target]


@pytest.mark.parametrize("each", TO_MANY, ids=str)
async def test_children_over_more_than_a_page_are_those_of_their_parent(crowded: Related, each: Declared) -> None:
    parents = parents_of(crowded, each)
    answer, calls = await ask(crowded, query_of(each), {"ids": [parent["id"] for parent in parents]})
    sizes = []
    for parent, node in zip(parents, answer["data"]["nodes"], strict=True):
        if not is_known(each, parent):
            continue
        found = [child["id"] for child in node["found"]["nodes"]]
        assert len(found) == len(set(found))
        assert set(found) == children_of(crowded, each, parent, calls)
        sizes.append(len(found))
    assert max(sizes) > 200
    assert shown(crowded, calls) == TOLD.get(str(each))


@pytest.mark.parametrize("each", TO_ONE, ids=str)
async def test_parents_of_more_rows_than_a_page_are_those_that_they_name(spread: Related, each: Declared) -> None:
    relation, rows = each.relation, root_of(spread, each.collection)
    own = relation.key if isinstance(relation.key, str) else relation.key.key
    parent = "id" if "id" in relation.collection.row.model_fields else "__typename"
    answer, calls = await ask(spread, f"{{ found: {rows} {{ nodes {{ id {each.name} {{ {parent} }} }} }} }}")
    nodes = answer["data"]["found"]["nodes"]
    assert len(nodes) == CROWD
    for node in nodes:
        row = spread.by_id[each.collection.name, node["id"]]
        value = owner(spread, relation.key, row)
        found = spread.rows[relation.collection.name] if parent == "id" else []
        expected = [known["id"] for known in found if known.get(relation.by) == value]
        assert ([node[each.name]["id"]] if parent == "id" else []) == expected
        assert node[each.name]
        assert row[own]
    assert shown(spread, calls) == TOLD.get(str(each))


def root_of(world: World, collection: Collection) -> str:
    """Return the root connection of a collection, its parent as an argument where it must have one."""
    assert SCHEMA.query_type
    wanted = f"{collection.row.__name__}Connection"
    name, field = next(
        (name, field) for name, field in SCHEMA.query_type.fields.items() if get_named_type(field.type).name == wanted
    )
    [required, *_] = [*(key for key, argument in field.args.items() if is_required_argument(argument)), ""]
    if not required:
        return f"{name}(first: {CROWD})"
    parent = world.rows["work_pools"][0]["name"] if required == "workPoolName" else world.rows["flow_runs"][0]["id"]
    return f'{name}({required}: "{parent}", first: {CROWD})'


def or_filters(field: GraphQLField) -> list[str]:
    """Write each filter of a field that combines something by OR."""
    argument = field.args.get("filter")
    if argument is None:
        return []
    kind = get_named_type(argument.type)
    assert isinstance(kind, GraphQLInputObjectType)
    own = ["{operator: OR}"] if "operator" in kind.fields else []
    groups = [
        name for name, each in kind.fields.items() if "operator" in getattr(get_named_type(each.type), "fields", ())
    ]
    return own or [f"{{{name}: {{operator: OR}}}}" for name in groups]


@pytest.mark.parametrize("each", [each for each in TO_MANY if or_filters(each.field)], ids=str)
async def test_or_is_never_combined_with_what_selects_the_parents(crowded: Related, each: Declared) -> None:
    parents = parents_of(crowded, each)
    ids = [parent["id"] for parent in parents]
    for filter_ in or_filters(each.field):
        answer, calls = await ask(crowded, query_of(each, f"filter: {filter_}"), {"ids": ids})
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        if "BAD_USER_INPUT" in codes:
            assert codes == {"BAD_USER_INPUT"}
            assert [node["found"] for node in answer["data"]["nodes"]] == [None] * 3
            continue
        groups = [group for call in calls for group in call.json.values() if isinstance(group, dict)]
        selecting = [group for group in groups if any(value in json.dumps(group) for value in ids)]
        assert "or_" not in [group.get("operator") for group in selecting]
        assert selecting or not isinstance(each.relation, HasMany)


def test_calls_are_told_of_every_relation_and_of_no_other() -> None:
    assert TOLD.keys() == {str(each) for each in ALL}
