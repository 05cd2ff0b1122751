"""Operations across two subgraphs, through a real `@apollo/gateway`: each REST call is counted."""

import json
from typing import Any

import pytest

from tests.gateway.federation.graph import Router

Row = dict[str, Any]


async def test_fifty_entities_are_one_call(router: Router) -> None:
    data = await router.data("{ incidents { nodes { id flowRun { name tags } } } }")
    assert [row["flowRun"]["name"] for row in data["incidents"]["nodes"]] == [f"run {at}" for at in range(50)]
    assert router.asked.calls == ["POST /flow_runs/filter"]


async def test_types_are_a_call_each_whatever_their_keys(router: Router) -> None:
    data = await router.data(
        "{ incidents { nodes { flowRun { tags } flow { id } deployment { id paused } workPool { id type } } } }"
    )
    rows = data["incidents"]["nodes"]
    assert {row["flow"]["id"] for row in rows} == {router.world.flow}
    assert {row["deployment"]["paused"] for row in rows} == {False}
    assert {row["workPool"]["type"] for row in rows} == {"process"}
    assert sorted(router.asked.calls) == [
        "POST /deployments/filter",
        "POST /flow_runs/filter",
        "POST /flows/filter",
        "POST /work_pools/filter",
    ]


async def test_the_callers_credentials_reach_prefect(router: Router) -> None:
    await router.data("{ incidents { nodes { flowRun { tags } } } }")
    assert router.asked.callers == {"Bearer me"}


async def test_the_other_side_requires_and_provides_fields_of_ours(router: Router) -> None:
    data = await router.data(
        "{ flowRuns(sort: NAME_ASC, first: 1) { nodes { headline incidents { copy { name } } } } }"
    )
    assert data["flowRuns"]["nodes"] == [{"headline": "run 0: Pending", "incidents": [{"copy": {"name": "a copy"}}]}]
    assert router.asked.calls == ["POST /flow_runs/filter"]


async def test_rows_of_ours_have_fields_of_the_other_side(router: Router) -> None:
    data = await router.data("{ flows { nodes { owner } } }")
    assert data["flows"]["nodes"] == [{"owner": "owner of flow"}]


async def test_a_subgraph_of_federation_1_extends_rows_and_requires_what_is_nested_in_them(router: Router) -> None:
    data = await router.data(
        "{ alarms { edges { node { deployment { name flow { name label } } runs { name alarm } } } } }"
    )
    [edge] = data["alarms"]["edges"]
    assert edge["node"]["deployment"] == {"name": "deployment", "flow": {"name": "flow", "label": "flow "}}
    assert edge["node"]["runs"] == [{"name": f"run {at}", "alarm": "flow PENDING {}"} for at in range(50)]
    assert sorted(router.asked.calls) == [
        "POST /deployments/filter",
        "POST /flow_runs/filter",
        "POST /flows/filter",
    ]


async def test_changes_on_either_side_are_answered_by_both(router: Router) -> None:
    deployment = router.world.incidents[0]["deploymentId"]
    data = await router.data(f'mutation {{ createAlarm(deploymentId: "{deployment}") {{ deployment {{ name }} }} }}')
    assert data == {"createAlarm": {"deployment": {"name": "deployment"}}}
    assert router.asked.calls == ["POST /deployments/filter"]
    data = await router.data('mutation { createFlow(input: {name: "flow", tags: []}) { name alarms { id } } }')
    assert data == {"createFlow": {"name": "flow", "alarms": [{"id": "alarm"}]}}


async def test_a_row_that_is_not_there_is_null(router: Router) -> None:
    data = await router.data(
        '{ incident(id: "incident of none") { flowRun { tags } flow { tags } deployment { tags } } }'
    )
    assert data["incident"] == {"flowRun": None, "flow": None, "deployment": None}
    assert sorted(router.asked.calls) == ["POST /flow_runs/filter", "POST /flows/filter"]


async def traced(router: Router, query: str) -> Row:
    """Return the trace of an operation's one fetch from the gateway, as the router has it for its report."""
    (fetch,) = (await router.ask(query, **{"apollo-federation-include-trace": "ftv1"}))["fetches"]
    assert not fetch.get("traceParsingFailed")
    trace: Row = fetch["trace"]
    return trace


def tree(node: Row) -> Any:
    """Return the fields of a trace with what is within them; an item of a list stands under its index."""
    return {child.get("responseName", child.get("index")): tree(child) for child in node.get("child", ())}


@pytest.mark.parametrize("time", ["by graphql-core", "by a plan"])
async def test_a_router_that_asks_is_told_the_tree_of_fields(router: Router, time: str) -> None:
    query = "{ flows { nodes { called: name flowRuns(first: 2) { totalCount nodes { tags } } } } }"
    trace = await traced(router, query)
    assert router.executed == {"compiled" if time == "by a plan" else "interpreted": 1}
    run = {"tags": {}}
    assert tree(trace["root"]) == {
        "flows": {"nodes": {0: {"called": {}, "flowRuns": {"totalCount": {}, "nodes": {0: run, 1: run}}}}}
    }
    (flows,) = trace["root"]["child"]
    assert (flows["type"], flows["parentType"]) == ("FlowConnection", "Query")
    (name, runs) = flows["child"][0]["child"][0]["child"]
    assert (name["originalFieldName"], name["type"], name["parentType"]) == ("name", "String!", "Flow")
    assert 0 < flows["startTime"] < flows["endTime"] < runs["startTime"] < runs["endTime"] < trace["durationNs"]
    assert name["startTime"] == name["endTime"] == flows["endTime"]
    assert trace["endTime"]["seconds"] >= trace["startTime"]["seconds"] > 0


async def test_entities_are_in_the_tree_by_their_types(router: Router) -> None:
    trace = await traced(router, '{ incident(id: "incident 1") { flowRun { tags } } }')
    assert tree(trace["root"]) == {"_entities": {0: {"tags": {}}}}
    (entities,) = trace["root"]["child"]
    assert entities["child"][0]["child"][0]["parentType"] == "FlowRun"
    assert entities["endTime"] > entities["startTime"]


async def test_errors_are_in_the_tree_without_their_texts(router: Router) -> None:
    trace = await traced(router, '{ flow(id: "7") { id } }')
    (error,) = trace["root"]["child"][0]["error"]
    assert error["message"] == "<masked>"
    assert json.loads(error["json"])["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_nobody_else_is_told_it(router: Router) -> None:
    assert (await router.ask("{ flows { nodes { id } } }"))["fetches"] == []
