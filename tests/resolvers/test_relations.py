"""Nested connections, read for many parents at once, beside one plain REST call for each parent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.relations import HasMany
from schema import COLLECTIONS
from tests.resolvers.conftest import EXAMPLES, Place
from tests.resolvers.filters import bodies, graphql, groups_of, uses_or
from tests.resolvers.world import COLLECTIONS as KEPT
from tests.resolvers.world import PATHS, Row, World

TOTAL = {"ID_DESC", "DURATION_ASC", "DURATION_DESC"}
SORTED_BY: dict[str, Callable[[Row], Any]] = {
    "START_TIME": lambda row: row["start_time"] or row["expected_start_time"],
}
CONNECTION = """
fragment Found on {child}Connection {{
  nodes {{ id }}
  edges {{ cursor node {{ id }} }}
  pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
  totalCount
}}
"""
MANY = """
query ($parents: {parents}Filter{s}, $filter: {filter}, $sort: {sort}, $first: Int, $offset: Int, $after: String) {{
  parents: {roots}(filter: $parents, first: 200) {{
    nodes {{ id found: {field}(filter: $filter, sort: $sort, first: $first, offset: $offset, after: $after) {{ ...Found }} }}
  }}
}}
"""


@dataclass(frozen=True)
class ToMany:
    """A relation as the tests know it: where REST names a parent, and whose child a row is."""

    parents: str
    field: str
    child: str
    group: str
    leaf: str
    owner: Callable[[World, Row], str | None]
    by: str = "id"

    def one(self, body: Row, parent: Row) -> Row | None:
        """Select the children of one parent among those of a client's filter; None where that leaves the parent out."""
        own = body.get(self.group) or {}
        condition = own.get(self.leaf) or {}
        if parent[self.by] not in (condition.get("any_") or [parent[self.by]]) or condition.get("any_") == []:
            return None
        return {**body, self.group: {**own, self.leaf: {**condition, "any_": [parent[self.by]]}}}

    def __str__(self) -> str:
        return f"{self.parents}-{self.field}"


def key_of(name: str) -> Callable[[World, Row], str | None]:
    return lambda _, row: row[name]


RELATIONS = [
    ToMany("flows", "flowRuns", "flow_runs", "flows", "id", key_of("flow_id")),
    ToMany("flows", "deployments", "deployments", "flows", "id", key_of("flow_id")),
    ToMany("deployments", "flowRuns", "flow_runs", "deployments", "id", key_of("deployment_id")),
    ToMany("flow_runs", "taskRuns", "task_runs", "flow_runs", "id", key_of("flow_run_id")),
    ToMany("flow_runs", "subflowRuns", "flow_runs", "flow_runs", "parent_flow_run_id", World.owner),
    ToMany("flow_runs", "logs", "logs", "logs", "flow_run_id", key_of("flow_run_id")),
    ToMany("task_runs", "logs", "logs", "logs", "task_run_id", key_of("task_run_id")),
    ToMany("flow_runs", "artifacts", "artifacts", "flow_runs", "id", key_of("flow_run_id")),
    ToMany("flow_runs", "latestArtifacts", "artifact_collections", "flow_runs", "id", key_of("flow_run_id")),
    ToMany("task_runs", "artifacts", "artifacts", "task_runs", "id", key_of("task_run_id")),
    ToMany("task_runs", "latestArtifacts", "artifact_collections", "task_runs", "id", key_of("task_run_id")),
    ToMany("work_pools", "flowRuns", "flow_runs", "work_pools", "id", key_of("work_pool_id")),
    ToMany("work_pools", "deployments", "deployments", "work_pools", "name", key_of("work_pool_name"), by="name"),
    ToMany("work_queues", "flowRuns", "flow_runs", "work_pool_queues", "id", key_of("work_queue_id")),
    ToMany("work_queues", "deployments", "deployments", "work_pool_queues", "id", key_of("work_queue_id")),
]
every_relation = pytest.mark.parametrize("relation", RELATIONS, ids=str)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def pascal(name: str) -> str:
    return camel(f"_{name}").removesuffix("s")


def query_of(relation: ToMany) -> str:
    composite = relation.parents not in {"work_pools", "work_queues"}
    child = pascal(relation.child)
    many = MANY.format(
        parents=pascal(relation.parents),
        s="s" if composite else "",
        filter=f"{child}Filter" if child == "Log" else f"{child}Filters",
        sort=f"{child}Sort",
        roots=camel(relation.parents),
        field=relation.field,
    )
    return many + CONNECTION.format(child=child)


def parents_filter(relation: ToMany, parents: list[Row]) -> Row:
    return graphql({relation.parents: {"id": {"any_": [parent["id"] for parent in parents]}}}, relation.parents)


def draw_parents(data: st.DataObject, place: Place, relation: ToMany) -> list[Row]:
    """Draw some parents, those with many children more often."""
    sizes: dict[str | None, int] = {}
    for row in place.world.rows[relation.child]:
        owner = relation.owner(place.world, row)
        sizes[owner] = sizes.get(owner, 0) + 1
    rows = sorted(place.world.rows[relation.parents], key=lambda row: -sizes.get(row[relation.by], 0))
    chosen: list[Row] = data.draw(
        st.lists(
            st.one_of(st.sampled_from(rows[:6]), st.sampled_from(rows)),
            min_size=1,
            max_size=6,
            unique_by=lambda r: r["id"],
        ),
        label="parents",
    )
    return chosen


def sort_key(sort: str) -> Callable[[Row], Any]:
    name = sort.rpartition("_")[0]
    return SORTED_BY.get(name, lambda row: row[name.lower()])


def is_exact(place: Place, sort: str) -> bool:
    return place.exact or sort in TOTAL


def check_window(place: Place, sort: str, ids: list[str], rows: list[Row], start: int, first: int) -> None:
    """Compare a window of a connection with all rows as plain REST sorts them."""
    expected = rows[start : start + first]
    if is_exact(place, sort):
        assert ids == [row["id"] for row in expected]
        return
    by_id = {row["id"]: row for row in rows}
    assert set(ids) <= by_id.keys()
    assert len(set(ids)) == len(ids)
    key = sort_key(sort)
    assert [key(by_id[id_]) for id_ in ids] == [key(row) for row in expected]


def sorts_of(child: str) -> list[str]:
    collection = next(each for each in COLLECTIONS if each.name == child)
    assert collection.sort
    return [sort.value for sort in collection.sort]


@every_relation
@EXAMPLES
@given(data=st.data())
async def test_children_are_those_of_one_call_a_parent(place: Place, relation: ToMany, data: st.DataObject) -> None:
    world = place.world
    parents = draw_parents(data, place, relation)
    body = data.draw(bodies(world, relation.child), label="body")
    sort = data.draw(st.sampled_from(sorts_of(relation.child)), label="sort")
    first = data.draw(st.sampled_from([0, 1, 2, 5, 7, 14, 20, 40, 205]), label="first")
    offset = data.draw(st.sampled_from([None, 0, 1, 3, 7, 30, 200]), label="offset")
    size = data.draw(st.sampled_from([7, 20, 200]), label="page size")
    variables = {
        "parents": parents_filter(relation, parents),
        "filter": graphql(body, relation.child),
        "sort": sort,
        "first": first,
        "offset": offset,
    }
    answer = await place.ask(query_of(relation), variables, page_size=size)
    nodes = answer["data"]["parents"]["nodes"]
    assert sorted(node["id"] for node in nodes) == sorted(parent["id"] for parent in parents)
    if uses_or(body, relation.group, relation.leaf):
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
        assert [node["found"] for node in nodes] == [None] * len(parents)
        assert len(answer["extensions"]["upstream"]) == 1
        return
    assert "errors" not in answer, answer["errors"]
    for parent in parents:
        found = next(node["found"] for node in nodes if node["id"] == parent["id"])
        one = relation.one(body, parent)
        rows = await place.rest.every(relation.child, {**one, "sort": sort}) if one else []
        assert {relation.owner(world, row) for row in rows} <= {parent[relation.by]}
        await check_connection(place, relation, sort, found, rows, offset or 0, first)
        count = (
            await place.rest.post(f"{PATHS[relation.child]}/count", one)
            if one and relation.child != "logs"
            else len(rows)
        )
        assert found["totalCount"] == count == len(rows)


async def check_connection(
    place: Place, relation: ToMany, sort: str, found: Any, rows: list[Row], offset: int, first: int
) -> None:
    ids = [node["id"] for node in found["nodes"]]
    check_window(place, sort, ids, rows, offset, first)
    page = found["pageInfo"]
    assert page["hasNextPage"] == (len(rows) > offset + first)
    assert page["hasPreviousPage"] == (offset > 0)
    assert [edge["node"]["id"] for edge in found["edges"]] == ids
    cursors = [edge["cursor"] for edge in found["edges"]]
    assert [page["startCursor"], page["endCursor"]] == ([cursors[0], cursors[-1]] if cursors else [None, None])


@every_relation
@EXAMPLES
@given(data=st.data())
async def test_pages_read_together_go_on_in_pages_read_singly(
    place: Place, relation: ToMany, data: st.DataObject
) -> None:
    """By each cursor of a first page, in a relation without a total sort as far as the sort's keys tell."""
    parents = draw_parents(data, place, relation)
    sort = data.draw(st.sampled_from(sorts_of(relation.child)), label="sort")
    first = data.draw(st.sampled_from([1, 3, 7, 20]), label="first")
    size = data.draw(st.sampled_from([7, 20, 200]), label="page size")
    query = query_of(relation)
    variables = {"parents": parents_filter(relation, parents), "sort": sort, "first": first}
    nodes = (await place.data(query, variables, page_size=size))["parents"]["nodes"]
    for node in nodes[:2]:
        parent = next(parent for parent in parents if parent["id"] == node["id"])
        rows = await place.rest.every(relation.child, {**(relation.one({}, parent) or {}), "sort": sort})
        ids = [each["id"] for each in node["found"]["nodes"]]
        alone = {
            **variables,
            "parents": parents_filter(relation, [parent]),
            "after": node["found"]["pageInfo"]["endCursor"],
        }
        (other,) = (await place.data(query, alone, page_size=size))["parents"]["nodes"]
        ids += [each["id"] for each in other["found"]["nodes"]] if ids else []
        if is_exact(place, sort):
            assert ids == [row["id"] for row in rows[: 2 * first]]
        else:
            key, by_id = sort_key(sort), {row["id"]: row for row in rows}
            assert [key(by_id[id_]) for id_ in ids] == [key(row) for row in rows[: 2 * first]]


@every_relation
@pytest.mark.parametrize("operator", ["any_", "not_any_", "is_null_"])
async def test_a_client_may_choose_among_the_parents(place: Place, relation: ToMany, operator: str) -> None:
    """A condition on what selects the parents holds beside the gateway's own."""
    with_children = [relation.owner(place.world, row) for row in place.world.rows[relation.child]]
    parents = [row for row in place.world.rows[relation.parents] if row[relation.by] in with_children]
    chosen, other = parents[0], parents[1]
    condition = {operator: operator == "is_null_" or [chosen[relation.by]]}
    expected = {"any_": [chosen], "not_any_": [other], "is_null_": []}[operator]
    variables = {
        "parents": parents_filter(relation, [chosen, other]),
        "filter": graphql({relation.group: {relation.leaf: condition}}, relation.child),
        "first": 1,
    }
    answer = await place.ask(query_of(relation), variables)
    if operator not in operators_of(relation):
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
        return
    nodes = {node["id"]: node["found"] for node in answer["data"]["parents"]["nodes"]}
    for parent in (chosen, other):
        assert len(nodes[parent["id"]]["nodes"]) == (parent in expected)
        assert bool(nodes[parent["id"]]["totalCount"]) == (parent in expected)


def operators_of(relation: ToMany) -> set[str]:
    """Name the operators of what selects the parents."""
    leaf = groups_of(relation.child)[relation.group].model_fields[relation.leaf].annotation
    return {name for part in get_args(leaf) if part is not type(None) for name in part.model_fields}


def test_every_has_many_of_the_schema_is_tested() -> None:
    declared = {
        (collection.name, camel(field.python_name))
        for collection in COLLECTIONS
        for field in collection.row.__strawberry_definition__.fields  # type: ignore[attr-defined]
        if collection.name in KEPT and isinstance(field.metadata.get("relation"), HasMany)
    }
    assert declared == {(relation.parents, relation.field) for relation in RELATIONS}
