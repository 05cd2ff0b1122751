"""How many REST calls a query makes, and which: a part of the contract."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from gateway.upstream import Transport
from gateway.upstream.transport import Reply
from resolvers.collection import Collection
from schema import COLLECTIONS
from tests.resolvers.conftest import Place
from tests.resolvers.world import UNKNOWN, Row, grouped

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def calls_of(answer: Row) -> list[Row]:
    """Return what was sent: the calls of an answer that used no other's."""
    return [call for call in answer["extensions"]["upstream"] if not call["shared"]]


def bodies_of(answer: Row) -> list[tuple[str, str, Any]]:
    return [(call["method"], call["path"], call["body"]) for call in calls_of(answer)]


def shown(place: Place, call: Row) -> str:
    """Write a call in one line, ids as what they are the ids of: `"any_":"3 flows"`."""
    kinds = {id_: name for name, id_ in place.world.by_id}
    path = UUID.sub(lambda match: kinds[match[0]], call["path"])

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(part) for key, part in value.items()}
        if isinstance(value, list) and value and value[0] in kinds:
            (kind,) = {kinds[id_] for id_ in value}
            assert len(set(value)) == len(value)
            return f"{len(value)} {kind}"
        return value

    body = "" if call["body"] is None else f" {orjson.dumps(named(call['body'])).decode()}"
    return f"{call['method']} {path}{body}"


def by_id(collection: Collection, kind: str) -> str:
    """Write the call that reads a row of a collection by the id of something of a kind."""
    if not collection.bulk:
        return f"GET {collection.path}/{kind}"
    own = {collection.own: {**collection.hidden, "id": {"any_": f"1 {kind}"}}}
    return f"POST {collection.path}/filter {orjson.dumps(own).decode()}"


FLOWS = 'POST /flows/filter {"sort":"NAME_ASC","limit":4}'
RUNS = 'POST /flow_runs/filter {"sort":"ID_DESC","limit":4}'
LONG = 'POST /flow_runs/filter {"sort":"ID_DESC","limit":200}'
TASKS = 'POST /task_runs/filter {"sort":"NAME_ASC","limit":200}'
RUNS_OF_FLOWS = 'POST /flow_runs/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"ID_DESC","limit":200}'
COUNT_OF_ONE = 'POST /flow_runs/count {"flows":{"id":{"any_":"1 flows"}}}'

# A query -> its calls. `$flows`, `$runs` and `$flow` are ids: of three flows with few runs, of three flow runs without
# subflow runs, and of the flow with more runs than a page holds.
CALLS: dict[str, list[str]] = {
    # A root connection: one row more than asked for tells whether more follow, as long as it fits into the last page.
    "{ flows { totalCount } }": ["POST /flows/count {}"],
    "{ flowCount }": ["POST /flows/count {}"],
    "{ flows(first: 3) { nodes { id } } }": [FLOWS],
    "{ flows(first: 3) { edges { cursor node { id } } nodes { id } pageInfo { hasNextPage } } }": [FLOWS],
    "{ flows(first: 3, offset: 2) { nodes { id } } }": ['POST /flows/filter {"sort":"NAME_ASC","limit":4,"offset":2}'],
    "{ flows(filter: null, sort: null, first: null, after: null, offset: null) { nodes { id } } }": [
        'POST /flows/filter {"sort":"NAME_ASC","limit":21}'
    ],
    "{ flows(first: 3) { nodes { id } totalCount } }": [FLOWS, "POST /flows/count {}"],
    "{ flows(first: 100) { nodes { id } totalCount } }": ['POST /flows/filter {"sort":"NAME_ASC","limit":101}'],
    "{ flows(first: 0) { totalCount pageInfo { hasNextPage } } }": [
        'POST /flows/filter {"sort":"NAME_ASC","limit":1}',
        "POST /flows/count {}",
    ],
    "{ flowRuns(first: 200) { nodes { id } } }": [LONG],
    "{ flowRuns(first: 200) { nodes { id } pageInfo { endCursor } } }": [LONG],
    "{ flowRuns(first: 200) { nodes { id } pageInfo { hasNextPage } } }": [
        LONG,
        'POST /flow_runs/filter {"sort":"ID_DESC","limit":1,"offset":200}',
    ],
    "{ flowRuns(first: 201) { nodes { id } pageInfo { hasNextPage } } }": [
        LONG,
        'POST /flow_runs/filter {"sort":"ID_DESC","limit":2,"offset":200}',
    ],
    "{ flowRuns(first: 1000) { nodes { id } pageInfo { hasNextPage } totalCount } }": [
        LONG,
        'POST /flow_runs/filter {"sort":"ID_DESC","limit":200,"offset":200}',
    ],
    "{ logs(first: 1) { totalCount } }": [
        'POST /logs/filter {"limit":200}',
        'POST /logs/filter {"limit":200,"offset":200}',
        'POST /logs/filter {"limit":200,"offset":400}',
    ],
    # Aliases share what is equal; other arguments are another read.
    "{ a: flows(first: 3) { nodes { id } } b: flows(first: 3) { nodes { name } } }": [FLOWS],
    "{ a: flow(id: $flow) { id } b: flow(id: $flow) { name } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"1 flows"}}}'
    ],
    """{ flows(filter: {flows: {id: {any: $flows}}}, first: 3) { nodes {
      a: flowRuns { nodes { id } } b: flowRuns { totalCount } c: flowRuns(sort: NAME_ASC) { nodes { id } } } } }""": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"NAME_ASC","limit":4}',
        RUNS_OF_FLOWS,
        RUNS_OF_FLOWS.replace("ID_DESC", "NAME_ASC"),
        *[COUNT_OF_ONE] * 3,
    ],
    # A level of parents is one call, and none where its rows are known.
    "{ flows(first: 3) { nodes { flowRuns(first: 0) { nodes { flow { id } } } } } }": [FLOWS, RUNS_OF_FLOWS],
    "{ flows(filter: {flows: {id: {any: $flows}}}) { nodes { flowRuns { nodes { flow { name } } } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"NAME_ASC","limit":21}',
        RUNS_OF_FLOWS,
    ],
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { taskRuns(first: 1) { nodes { flowRun { id } } } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        'POST /task_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":200}',
    ],
    """{ flow(id: $flow) { flowRuns(filter: {flowRuns: {id: {any: $busy}}}, first: 2) { nodes { taskRuns(first: 1) { nodes {
      flowRun { name flow { name } } } } } } } }""": [
        'POST /flows/filter {"flows":{"id":{"any_":"1 flows"}}}',
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"2 flow_runs"}},"flows":{"id":{"any_":"1 flows"}},"sort":"ID_DESC","limit":3}',
        'POST /task_runs/filter {"flow_runs":{"id":{"any_":"2 flow_runs"}},"sort":"ID_DESC","limit":200}',
    ],
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { flow { id } deployment { id } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}}}',
    ],
    "{ workPools { nodes { defaultQueue { name workPool { name } } } } }": [
        'POST /work_pools/filter {"limit":21}',
        'POST /work_queues/filter {"work_queues":{"id":{"any_":"3 work_queues"}}}',
    ],
    "{ workPools { nodes { deployments(first: 1) { nodes { id } } } } }": [
        'POST /work_pools/filter {"limit":21}',
        'POST /deployments/filter {"work_pools":{"name":{"any_":["pool 0","pool 1","pool 2"]}},"sort":"NAME_ASC","limit":200}',
    ],
    "{ workQueues(first: 9) { nodes { deployments { nodes { workQueue { id } } } } } }": [
        'POST /work_queues/filter {"limit":10}',
        'POST /deployments/filter {"work_pool_queues":{"id":{"any_":"9 work_queues"}},"sort":"NAME_ASC","limit":200}',
    ],
    # Where only a leaf of the child's filter selects the parent; subflow runs name theirs through a task run.
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { logs(first: 1) { nodes { flowRun { id } } totalCount } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        'POST /logs/filter {"logs":{"flow_run_id":{"any_":"3 flow_runs"}},"sort":"TIMESTAMP_ASC","limit":200}',
    ],
    "{ flowRuns(filter: {flowRuns: {id: {any: $callers}}}, first: 2) { nodes { subflowRuns { nodes { parentFlowRun { id } } } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"2 flow_runs"}},"sort":"ID_DESC","limit":3}',
        'POST /flow_runs/filter {"flow_runs":{"parent_flow_run_id":{"any_":"2 flow_runs"}},"sort":"ID_DESC","limit":200}',
        'POST /task_runs/filter {"task_runs":{"id":{"any_":"2 task_runs"}}}',
    ],
    "{ flowRuns(filter: {flowRuns: {id: {any: $called}}}, first: 2) { nodes { parentTaskRun { id } parentFlowRun { id } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"2 flow_runs"}},"sort":"ID_DESC","limit":3}',
        'POST /task_runs/filter {"task_runs":{"id":{"any_":"2 task_runs"}}}',
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"2 flow_runs"}}}',
    ],
    # States are a GET for each run; a count or a second field costs none.
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { states { nodes { name } totalCount } last: states(first: 1) { nodes { id } } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        *["GET /flow_run_states/?flow_run_id=flow_runs"] * 3,
    ],
    # Counts: by one route where there is one, else each.
    "{ flows(filter: {flows: {id: {any: $flows}}}, first: 3) { nodes { deployments { totalCount } flowRuns { totalCount } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"NAME_ASC","limit":4}',
        'POST /ui/flows/count-deployments {"flow_ids":"3 flows"}',
        *[COUNT_OF_ONE] * 3,
    ],
    "{ flows(filter: {flows: {id: {any: $flows}}}, first: 3) { nodes { deployments(filter: {deployments: {paused: {eq: true}}}) { totalCount } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"NAME_ASC","limit":4}',
        *['POST /deployments/count {"deployments":{"paused":{"eq_":true}},"flows":{"id":{"any_":"1 flows"}}}'] * 3,
    ],
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { taskRuns { totalCount } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        'POST /flow_runs/count {"flow_runs":{"parent_flow_run_id":{"any_":"3 flow_runs"}}}',
        'POST /ui/flow_runs/count-task-runs {"flow_run_ids":"3 flow_runs"}',
    ],
    "{ flowRuns(filter: {flowRuns: {id: {any: $callers}}}, first: 2) { nodes { taskRuns { totalCount } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"2 flow_runs"}},"sort":"ID_DESC","limit":3}',
        'POST /flow_runs/count {"flow_runs":{"parent_flow_run_id":{"any_":"2 flow_runs"}}}',
        *['POST /task_runs/count {"flow_runs":{"id":{"any_":"1 flow_runs"}}}'] * 2,
    ],
    # More parents than an API's page has rows: two hundred a call.
    "{ taskRuns(filter: {taskRuns: {id: {any: $many}}}, first: 250) { nodes { logs(filter: {level: {ge: 99}}) { nodes { id } } } } }": [
        'POST /task_runs/filter {"task_runs":{"id":{"any_":"250 task_runs"}},"sort":"ID_DESC","limit":200}',
        'POST /task_runs/filter {"task_runs":{"id":{"any_":"250 task_runs"}},"sort":"ID_DESC","limit":51,"offset":200}',
        'POST /logs/filter {"logs":{"level":{"ge_":99},"task_run_id":{"any_":"200 task_runs"}},"sort":"TIMESTAMP_ASC","limit":200}',
        'POST /logs/filter {"logs":{"level":{"ge_":99},"task_run_id":{"any_":"50 task_runs"}},"sort":"TIMESTAMP_ASC","limit":200}',
    ],
    # A page that holds not all: fewer than half of the parents are done, so each is read by itself.
    "{ flows(filter: {flows: {id: {any: [$flow, $small]}}}) { nodes { flowRuns(first: 250) { nodes { id } totalCount } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"2 flows"}},"sort":"NAME_ASC","limit":21}',
        'POST /flow_runs/filter {"flows":{"id":{"any_":"2 flows"}},"sort":"ID_DESC","limit":200}',
        *['POST /flow_runs/filter {"flows":{"id":{"any_":"1 flows"}},"sort":"ID_DESC","limit":200}'] * 2,
        'POST /flow_runs/filter {"flows":{"id":{"any_":"1 flows"}},"sort":"ID_DESC","limit":51,"offset":200}',
    ],
    "{ flow(id: $flow) { flowRuns(first: 5, offset: 3) { nodes { id } pageInfo { hasNextPage } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"1 flows"}}}',
        'POST /flow_runs/filter {"flows":{"id":{"any_":"1 flows"}},"sort":"ID_DESC","limit":6,"offset":3}',
    ],
    # The client's own choice of parents: those that it leaves out are not asked for.
    "{ flows(filter: {flows: {id: {any: $flows}}}, first: 3) { nodes { flowRuns(filter: {flows: {id: {any: [$small]}}}) { nodes { id } } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"NAME_ASC","limit":4}',
        'POST /flow_runs/filter {"flows":{"id":{"any_":"1 flows"}},"sort":"ID_DESC","limit":21}',
    ],
    "{ flows(filter: {flows: {id: {any: $flows}}}, first: 3) { nodes { flowRuns(filter: {flows: {id: {any: []}}}) { nodes { id } totalCount } } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}},"sort":"NAME_ASC","limit":4}',
    ],
    # Rows by id alone: the collections that the fragments name, else all that can be read by id.
    "{ node(id: $flow) { ... on Flow { name } } }": ['POST /flows/filter {"flows":{"id":{"any_":"1 flows"}}}'],
    "query { node(id: $flow) { ...Name } } fragment Name on Flow { name }": [
        'POST /flows/filter {"flows":{"id":{"any_":"1 flows"}}}'
    ],
    "{ nodes(ids: $flows) { ... on Flow { name } ... on FlowRun { name } } }": [
        'POST /flows/filter {"flows":{"id":{"any_":"3 flows"}}}',
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flows"}}}',
    ],
    "{ node(id: $flow) { id } }": [by_id(collection, "flows") for collection in COLLECTIONS if collection.item],
    # Artifacts of a level are one call, as are those that the latest of their keys name.
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { artifacts { nodes { flowRun { id } } } latestArtifacts(first: 1) { nodes { id } } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        'POST /artifacts/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":200}',
        'POST /artifacts/latest/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":200}',
    ],
    "{ artifactCollections(first: 3, sort: KEY_ASC) { nodes { latest { key } } totalCount } artifactCollectionCount }": [
        'POST /artifacts/latest/filter {"sort":"KEY_ASC","limit":4}',
        'POST /artifacts/filter {"artifacts":{"id":{"any_":"3 artifacts"}}}',
        "POST /artifacts/latest/count {}",
    ],
    '{ latestArtifact(key: "none") { id } variable(name: "v_1") { name } }': [
        "GET /artifacts/none/latest",
        "GET /variables/name/v_1",
    ],
    # Inputs and graphs are a call for each run; inputs are read without an offset, which REST does not know.
    "{ flowRuns(filter: {flowRuns: {id: {any: $runs}}}, first: 3) { nodes { inputs(first: 2, offset: 1) { nodes { key } } graph { nodes { id } } } } }": [
        'POST /flow_runs/filter {"flow_runs":{"id":{"any_":"3 flow_runs"}},"sort":"ID_DESC","limit":4}',
        *['POST /flow_runs/flow_runs/input/filter {"prefix":"","limit":4}'] * 3,
        *["GET /flow_runs/flow_runs/graph-v2"] * 3,
    ],
    '{ flowRunInputs(flowRunId: $run, prefix: "a", excludeKeys: ["ab"], first: 2) { nodes { key } } flowRunGraph(id: $run) { rootNodeIds } }': [
        'POST /flow_runs/flow_runs/input/filter {"exclude_keys":["ab"],"prefix":"a","limit":3}',
        "GET /flow_runs/flow_runs/graph-v2",
    ],
    "{ flowRunLateness(filter: {flowRuns: {state: {type: {any: [COMPLETED]}}}}) }": [
        'POST /flow_runs/lateness {"flow_runs":{"state":{"type":{"any_":["COMPLETED"]}}}}'
    ],
    '{ flow(name: "nobody") { id } }': ["GET /flows/name/nobody"],
}


@pytest.fixture(scope="session")
def named_ids(place: Place) -> dict[str, str]:
    """The ids that the queries name, as GraphQL literals."""
    rows = place.world.rows
    runs = sorted(grouped(rows["flow_runs"], "flow_id").items(), key=lambda item: len(item[1]))
    owners = [place.world.owner(row) for row in rows["flow_runs"]]
    called = {
        owner: row for owner, row in zip(owners, rows["flow_runs"], strict=True) if owner and owners.count(owner) == 1
    }
    quiet = {row["flow_id"]: row for row in rows["flow_runs"] if not row["deployment_id"] and row["id"] not in owners}
    crowd = {
        row["id"] for row in runs[-1][1] if sum(task["flow_run_id"] == row["id"] for task in rows["task_runs"]) < 9
    }
    chosen = {
        "flows": [flow for flow, _ in runs[:3]],
        "runs": [row["id"] for row in quiet.values()][:3],
        "callers": list(called)[:2],
        "called": [row["id"] for row in called.values()][:2],
        "many": [row["id"] for row in rows["task_runs"]][:250],
        "busy": list(dict.fromkeys(row["flow_run_id"] for row in rows["task_runs"] if row["flow_run_id"] in crowd))[:2],
        "small": runs[0][0],
        "run": next(iter(quiet.values()))["id"],
        "flow": runs[-1][0],
    }
    return {name: orjson.dumps(ids).decode() for name, ids in chosen.items()}


def filled(query: str, named_ids: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda match: named_ids[match[1]], query)


@pytest.mark.parametrize("query", CALLS)
async def test_a_query_makes_these_calls(place: Place, named_ids: dict[str, str], query: str) -> None:
    answer = await place.ask(filled(query, named_ids))
    assert "errors" not in answer, answer["errors"]
    assert sorted(shown(place, call) for call in calls_of(answer)) == sorted(CALLS[query])


EXAMPLE = """{
  flows(filter: {flows: {tags: {all: ["database"]}}, flowRuns: {state: {type: {any: [FAILED]}}}}, sort: NAME_ASC, first: 20) {
    nodes { id name flowRuns(first: 5, sort: START_TIME_DESC) { nodes { id stateName } totalCount } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}"""


async def test_the_query_of_the_design(place: Place) -> None:
    groups = {"flows": {"tags": {"all_": ["database"]}}, "flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}}
    flows = await place.rest.post("/flows/filter", {**groups, "sort": "NAME_ASC"})
    failed = {row["flow_id"] for row in place.world.rows["flow_runs"] if row["state_type"] == "FAILED"}
    expected = [flow for flow in place.world.rows["flows"] if "database" in flow["tags"] and flow["id"] in failed]
    assert [flow["id"] for flow in flows] == [flow["id"] for flow in sorted(expected, key=lambda flow: flow["name"])]
    answer = await place.ask(EXAMPLE)
    assert "errors" not in answer, answer["errors"]
    found = answer["data"]["flows"]
    assert [(node["id"], node["name"]) for node in found["nodes"]] == [(flow["id"], flow["name"]) for flow in flows]
    assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (len(flows), False)
    runs = grouped(place.world.rows["flow_runs"], "flow_id")
    for node in found["nodes"]:
        body = {"flows": {"id": {"any_": [node["id"]]}}, "sort": "START_TIME_DESC", "limit": 5}
        started = [
            row["start_time"] or row["expected_start_time"] for row in await place.rest.post("/flow_runs/filter", body)
        ]
        own = {row["id"]: row for row in runs[node["id"]]}
        rows = [own[run["id"]] for run in node["flowRuns"]["nodes"]]
        assert [row["start_time"] or row["expected_start_time"] for row in rows] == started
        assert [run["stateName"] for run in node["flowRuns"]["nodes"]] == [row["state_name"] for row in rows]
        assert node["flowRuns"]["totalCount"] == len(own)
    children = {
        "flows": {"id": {"any_": sorted(flow["id"] for flow in flows)}},
        "sort": "START_TIME_DESC",
        "limit": 200,
    }
    calls = bodies_of(answer)
    assert calls[:2] == [
        ("POST", "/flows/filter", {**groups, "sort": "NAME_ASC", "limit": 21}),
        ("POST", "/flow_runs/filter", children),
    ]
    assert {path for _, path, _ in calls[2:]} <= {"/flow_runs/filter", "/flow_runs/count"}


async def test_the_example_of_the_rest_documentation(place: Place) -> None:
    """Flows tagged "database" with failed runs: one call."""
    groups = {"flows": {"tags": {"all_": ["database"]}}, "flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}}
    rows = await place.rest.post("/flows/filter", groups)
    query = """{ flows(filter: {flows: {tags: {all: ["database"]}}, flowRuns: {state: {type: {any: [FAILED]}}}}) {
      nodes { id name tags created updated labels } } }"""
    answer = await place.ask(query)
    assert rows
    assert sorted(node["id"] for node in answer["data"]["flows"]["nodes"]) == sorted(row["id"] for row in rows)
    by_id = {row["id"]: row for row in rows}
    assert all(node == {key: by_id[node["id"]][key] for key in node} for node in answer["data"]["flows"]["nodes"])
    assert bodies_of(answer) == [("POST", "/flows/filter", {**groups, "sort": "NAME_ASC", "limit": 21})]


async def test_a_full_page_goes_on_with_the_parents_that_it_did_not_finish(place: Place) -> None:
    """Deployments of five flows by pages of seven: each page from its start, for the flows that are left."""
    deployments = grouped(place.world.rows["deployments"], "flow_id")
    assert len(deployments) == 5
    query = """query ($ids: [ID!]) { flows(filter: {flows: {id: {any: $ids}}}, first: 5) {
      nodes { id deployments(first: 1) { nodes { id } } } } }"""
    answer = await place.ask(query, {"ids": list(deployments)}, page_size=7)
    _, *calls = bodies_of(answer)
    left = sorted(node["id"] for node in answer["data"]["flows"]["nodes"])
    while calls and len(left) > 1:
        body = {"flows": {"id": {"any_": left}}, "sort": "NAME_ASC", "limit": 7}
        assert calls.pop(0) == ("POST", "/deployments/filter", body)
        rows = grouped(await place.rest.post("/deployments/filter", body), "flow_id")
        full = sum(map(len, rows.values())) == 7
        after = [flow for flow in left if full and len(rows.get(flow, [])) < 2]
        few = 2 * (len(left) - len(after)) < len(left)
        left = after
        if few or not full:
            break
    alone = [{"flows": {"id": {"any_": [flow]}}, "sort": "NAME_ASC", "limit": 2} for flow in left]
    assert calls == [("POST", "/deployments/filter", body) for body in alone]


async def test_more_ids_than_a_page_are_two_calls_and_keep_their_order(place: Place) -> None:
    runs = [row["id"] for row in place.world.rows["flow_runs"]][:250]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on FlowRun { id } } }"
    answer = await place.ask(query, {"ids": [*runs, UNKNOWN, runs[0].upper()]})
    assert answer["data"]["nodes"] == [*({"id": run} for run in runs), None, {"id": runs[0]}]
    asked = sorted([*runs, UNKNOWN])
    assert bodies_of(answer) == [
        ("POST", "/flow_runs/filter", {"flow_runs": {"id": {"any_": ids}}}) for ids in (asked[:200], asked[200:])
    ]


@dataclass
class WithoutUi:
    """A server without the private routes that count for many at once."""

    ends_cancelled = True

    inner: Transport

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        if path.startswith("/ui/"):
            return 404, {"content-type": "application/json"}, b'{"detail":"Not Found"}'
        answer: Reply = await self.inner.send(method, path, body, headers)
        return answer

    async def aclose(self) -> None:
        await self.inner.aclose()


@pytest.mark.parametrize(
    "field", ["flows { nodes { id counted: deployments", "flowRuns { nodes { id counted: taskRuns"]
)
async def test_counts_are_right_where_the_route_for_many_is_missing(place: Place, field: str) -> None:
    query = f"{{ {field} {{ totalCount }} }} }} }}"
    expected = await place.data(query)
    answer = await replace(place, transport=WithoutUi(place.transport)).ask(query)
    assert answer["data"] == expected
    (rows,) = answer["data"].values()
    child = "deployments" if field.startswith("flows") else "task_runs"
    owned = grouped(place.world.rows[child], "flow_id" if child == "deployments" else "flow_run_id")
    assert [node["counted"]["totalCount"] for node in rows["nodes"]] == [
        len(owned.get(node["id"], [])) for node in rows["nodes"]
    ]
    assert [path for _, path, _ in bodies_of(answer)].count(f"/{child}/count") == len(rows["nodes"])
