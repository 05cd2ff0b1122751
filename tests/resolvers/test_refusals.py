"""Arguments that can't be used: BAD_USER_INPUT that names the argument, and no call where none is needed to tell."""

import base64
from typing import Any

import pytest

from tests.resolvers.conftest import Place
from tests.resolvers.test_relations import RELATIONS, ToMany, every_relation, parents_filter, query_of
from tests.resolvers.world import UNKNOWN, Row

HISTORY = 'historyStart: "2026-11-24T00:00:00Z", historyEnd: "2026-11-25T00:00:00Z", historyIntervalSeconds'

# A query -> what its error must say.
REFUSED = {
    "{ flows(first: -1) { totalCount } }": "`first` is -1",
    "{ flows(first: 1001) { nodes { id } } }": "is 1001, more than 1000 (PREFECT_GRAPHQL_MAX_FIRST)",
    "{ flows(offset: -5) { nodes { id } } }": "`offset` is -5",
    '{ flows(after: "nonsense") { nodes { id } } }': "`after` is not a cursor",
    '{ flows(after: "") { nodes { id } } }': "`after` is not a cursor",
    '{ flows(after: "é") { nodes { id } } }': "`after` is not a cursor",
    '{ flows(after: "MTI=") { nodes { id } } }': "`after` is not a cursor",
    '{ flows(after: "AAAA", offset: 3) { nodes { id } } }': "`after` and `offset`",
    f'{{ flowRunStates(flowRunId: "{UNKNOWN}", first: -1) {{ nodes {{ id }} }} }}': "`first` is -1",
    f'{{ flowRunStates(flowRunId: "{UNKNOWN}", after: "AAAA", offset: 0) {{ nodes {{ id }} }} }}': "`after` and `offset`",
    '{ flowRunStates(flowRunId: "7") { nodes { id } } }': "`flowRunId`: '7' is not a UUID",
    '{ flow(id: "7") { id } }': "`id`: '7' is not a UUID",
    '{ flowRun(id: "") { id } }': "`id`: '' is not a UUID",
    '{ node(id: "x") { id } }': "`id`: 'x' is not a UUID",
    f'{{ nodes(ids: ["{UNKNOWN}", "x"]) {{ ... on Flow {{ id }} }} }}': "`ids`: 'x' is not a UUID",
    '{ workers(workPoolName: "") { nodes { id } } }': "`workPoolName` is empty",
    "{ flow { id } }": "Give either `id` or `name`.",
    f'{{ flow(id: "{UNKNOWN}", name: "a") {{ id }} }}': "Give either `id` or `name`.",
    '{ deployment(name: "a") { id } }': "Give either `id` or `flowName` and `name`.",
    '{ flows(filter: {flows: {id: {any: ["x"]}}}) { nodes { id } } }': "filter.flows.id.any.0: Input should be a valid UUID",
    '{ flowCount(filter: {flowRuns: {parentFlowRunId: {any: ["x"]}}}) }': "filter.flowRuns.parentFlowRunId.any.0: Input should be a valid UUID",
    '{ logs(filter: {flowRunId: {any: ["x"]}}) { nodes { id } } }': "filter.flowRunId.any.0: Input should be a valid UUID",
    '{ flows(filter: {flows: {nmae: {any: ["x"]}}}) { nodes { id } } }': "nmae",
    "{ flows(sort: ID_DESC) { nodes { id } } }": "ID_DESC",
    '{ flowRuns(filter: {flowRuns: {startTime: {before: "noon"}}}) { nodes { id } } }': "a moment is written as",
    f'{{ flowRunHistory({HISTORY}: "1") {{ intervalStart }} }}': "Float cannot represent",
}


@pytest.mark.parametrize("query", REFUSED)
async def test_what_cannot_be_used_is_refused_without_a_call(place: Place, query: str) -> None:
    answer = await place.ask(query)
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert REFUSED[query] in error["message"]
    assert not any((answer.get("data") or {}).values())
    assert answer.get("extensions", {"upstream": []})["upstream"] == []


@pytest.mark.parametrize("interval", ["1", "0", "-5", "0.5"])
async def test_a_history_of_too_many_or_too_short_intervals(place: Place, interval: str) -> None:
    answer = await place.ask(f"{{ flowRunHistory({HISTORY}: {interval}) {{ intervalStart }} }}")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith(f"`historyIntervalSeconds` is {interval}")
    assert answer["extensions"]["upstream"] == []


CURSORS = {
    "flows(first: 1)": [
        "flowRuns(first: 1, after: $after)",
        "deployments(first: 1, after: $after)",
        "flows(first: 1, sort: NAME_DESC, after: $after)",
        'flows(first: 1, filter: {flows: {name: {like: "a"}}}, after: $after)',
        "flows(first: 1, filter: {flows: {operator: OR}}, after: $after)",
    ],
    "flowRuns(first: 1)": ["taskRuns(first: 1, after: $after)", "flowRuns(first: 1, sort: NAME_ASC, after: $after)"],
}


@pytest.mark.parametrize(("made", "used"), [(made, used) for made, some in CURSORS.items() for used in some])
async def test_a_cursor_goes_with_its_field_filter_and_sort(place: Place, made: str, used: str) -> None:
    first = await place.data(f"{{ found: {made} {{ pageInfo {{ endCursor }} }} }}")
    cursor = first["found"]["pageInfo"]["endCursor"]
    query = f"query ($after: String) {{ found: {used} {{ nodes {{ id }} }} again: {made.replace(')', ', after: $after)')} {{ nodes {{ id }} }} }}"
    answer = await place.ask(query, {"after": cursor})
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("BAD_USER_INPUT", ["found"])
    assert error["message"].startswith("`after` is a cursor of another query")
    assert len(answer["data"]["again"]["nodes"]) == 1
    assert len(answer["extensions"]["upstream"]) == 1


async def test_a_cursor_of_a_relation_is_none_of_the_root(place: Place) -> None:
    query = "{ flows(first: 1) { nodes { flowRuns(first: 1) { pageInfo { endCursor } } deployments(first: 1) { pageInfo { endCursor } } } } }"
    (node,) = (await place.data(query))["flows"]["nodes"]
    cursor = node["flowRuns"]["pageInfo"]["endCursor"]
    for field in (
        "flowRuns(first: 1, after: $after)",
        "flows(first: 1) { nodes { deployments(first: 1, after: $after)",
    ):
        closing = " } }" if "nodes" in field else ""
        answer = await place.ask(f"query ($after: String) {{ {field} {{ totalCount }}{closing} }}", {"after": cursor})
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("offset", ["-1", "9" * 30, "1e3"])
async def test_a_forged_cursor_is_refused(place: Place, offset: str) -> None:
    """What a cursor says is never sent on as it is."""
    real = (await place.data("{ flows(first: 1) { pageInfo { endCursor } } }"))["flows"]["pageInfo"]["endCursor"]
    digest = base64.urlsafe_b64decode(real).decode().partition(":")[2]
    forged = base64.urlsafe_b64encode(f"{offset}:{digest}".encode()).decode()
    answer = await place.ask("query ($after: String) { flows(after: $after) { nodes { id } } }", {"after": forged})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


GROUPS = {
    "flow_runs": "flowRuns",
    "task_runs": "taskRuns",
    "work_pools": "workPools",
    "work_pool_queues": "workPoolQueues",
}


@every_relation
async def test_an_or_beside_what_selects_the_parents_is_refused(place: Place, relation: ToMany) -> None:
    """Whatever else the filter holds; each field says so, and no child is read."""
    own = {"operator": "OR", **SOMETHING[relation.group]}
    group = GROUPS.get(relation.group, relation.group)
    await check_or(place, relation, own if relation.child == "logs" else {group: own}, f"`{group}`")


async def test_an_or_in_what_selects_the_parents_is_refused(place: Place) -> None:
    """Only one leaf has an operator of its own."""
    relation = next(each for each in RELATIONS if each.field == "subflowRuns")
    own = {"parentFlowRunId": {"operator": "OR", "any": [UNKNOWN]}}
    await check_or(place, relation, {"flowRuns": own}, "`flowRuns.parentFlowRunId`")


async def check_or(place: Place, relation: ToMany, filter_: Row, where: str) -> None:
    parents = place.world.rows[relation.parents][:2]
    variables = {"parents": parents_filter(relation, parents), "filter": filter_}
    answer = await place.ask(query_of(relation), variables)
    assert [node["found"] for node in answer["data"]["parents"]["nodes"]] == [None, None]
    assert [error["path"][-1] for error in answer["errors"]] == ["found", "found"]
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"].startswith(f"The filter on {where} can't use `operator: OR` here")
    assert len(answer["extensions"]["upstream"]) == 1


SOMETHING: dict[str, Any] = {
    "flows": {"name": {"like": "a"}},
    "deployments": {"name": {"like": "a"}},
    "flow_runs": {"name": {"like": "a"}},
    "task_runs": {"name": {"like": "a"}},
    "work_pools": {"type": {"any": ["process"]}},
    "work_pool_queues": {"name": {"any": ["fast"]}},
    "logs": {"level": {"ge": 20}},
}


def test_every_group_of_parents_is_tried() -> None:
    assert SOMETHING.keys() == {relation.group for relation in RELATIONS}
