"""What is told before a query runs holds when it runs: the paths and levels are those of its calls, the bounds are kept."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError

from gateway.cli import _upstream
from gateway.demo import SEED as DEMO
from gateway.demo import fill_new
from gateway.execution.documents import Invalid
from gateway.execution.explain import Read, explain
from gateway.settings import Settings
from resolvers.errors import BadUserInput
from tests.gateway.execution.compiled.alike import BUILT, PATIENT, Executor, drawn_case
from tests.gateway.execution.compiled.test_alike import CASES, SEED
from tests.gateway.stack import Gateway, open_gateway

pytestmark = PATIENT

SCHEMA = BUILT

QUERIES = [
    "{ flowCount flowRuns(first: 0) { totalCount } }",
    "{ flowRuns(first: 50) { totalCount pageInfo { hasNextPage } nodes { name flow { name } deployment { name } } } }",
    "{ flowRuns(first: 200) { pageInfo { hasNextPage } nodes { id } } }",
    "{ flows(first: 5) { nodes { deployments(first: 3) { totalCount nodes { name workQueue { name } } } } } }",
    "{ flows(first: 10) { nodes { flowRuns(first: 2) { totalCount nodes { taskRuns(first: 4) { nodes { name } } } } } } }",
    "{ flowRuns(first: 3) { edges { node { ...R } } } } fragment R on FlowRun { logs(first: 5) { nodes { message } } }",
    "{ flowRuns(first: 4) { nodes { events(first: 2) { nodes { id } } artifacts { nodes { key } } } } }",
    "{ workPools { nodes { name workQueues { totalCount nodes { name } } } } }",
    "{ variables { nodes { name } } blockDocuments { nodes { name blockType { name } } } }",
    "query ($with: Boolean = false) { flows { nodes { id flowRuns @include(if: $with) { totalCount } } } }",
]


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    settings = Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}", services=False)
    async with _upstream(settings) as server:
        await fill_new(server, seed=DEMO)
    async with open_gateway(upstream=None, database_url=settings.database_url) as gateway:
        yield gateway


def told(query: str, **variables: Any) -> list[Read]:
    return explain(SCHEMA, Settings(), query, variables, None)


def fits(read: Read, call: dict[str, Any]) -> bool:
    path, _, _ = read.path.partition("?")
    pattern = re.sub(r"\\{\w+\\}", "[^/]*", re.escape(path).replace(r"\{id\}", "[0-9a-f-]{36}"))
    return read.method == call["method"] and bool(re.fullmatch(pattern, call["path"].partition("?")[0]))


def check_bounds(reads: list[Read], made: list[dict[str, Any]]) -> None:
    """Check that each call was told, and that there were no more calls and rows of a kind than was told."""
    for call in made:
        alike = [read for read in reads if fits(read, call)]
        assert alike, f"{call['method']} {call['path']} was not told"
        calls, rows = [read.calls for read in alike], [read.rows for read in alike]
        same = [each for each in made if any(fits(read, each) for read in alike)]
        told = f"{call['method']} {call['path']}: {alike}, {same}"
        assert None in calls or len(same) <= sum(each or 0 for each in calls), told
        if not call["path"].rpartition("/")[2].startswith("count"):
            assert None in rows or sum(each["rows"] or 0 for each in same) <= sum(each or 0 for each in rows), told


@pytest.mark.parametrize("query", QUERIES)
async def test_what_is_told_holds(query: str, gateway: Gateway) -> None:
    reads = told(query)
    answer = await gateway.ask(query)
    assert "errors" not in answer
    made = answer["extensions"]["upstream"]
    assert made
    check_bounds(reads, made)
    first = {read: next((at for at, call in enumerate(made) if fits(read, call)), None) for read in reads}
    for field in {read.field for read in reads}:
        assert any(at is not None for read, at in first.items() if read.field == field), f"{field} reads nothing"
    for above, at in first.items():
        for below, later in first.items():
            if below.field.startswith(f"{above.field}.") and None not in (at, later) and above.path != below.path:
                assert above.level < below.level
                assert at < later  # type: ignore[operator]  # neither is None


async def test_a_page_for_all_parents_is_told_with_its_worst_case() -> None:
    reads = told("query ($n: Int) { flows(first: $n) { nodes { flowRuns(first: 10) { nodes { id } } } } }", n=250)
    assert [(read.level, read.field, read.path, read.calls) for read in reads] == [
        (0, "flows", "/flows/filter", 2),
        (1, "flows.nodes.flowRuns", "/flow_runs/filter", 2 + 250),
    ]


async def test_random_operations_stay_within_what_is_told() -> None:
    explained = 0
    for seed in range(SEED, SEED + CASES // 4):
        case = drawn_case(seed)
        executor = Executor(case, compiled=bool(seed % 2))
        for situation in case.situations[:2]:
            traced = replace(situation, trace=True)
            outcomes = [await executor.outcome(traced) for _ in range(2)]
            operation = case.operation
            try:
                reads = explain(BUILT, case.settings, operation.text, situation.variables, operation.name)
            except (GraphQLError, Invalid):
                assert all(each.answer.errors for each in outcomes)
                continue
            for each in outcomes:
                check_bounds(reads, each.answer.extensions.get("upstream", []))
            explained += 1
    assert explained > CASES / 4


async def test_a_mutation_is_its_call_and_what_is_read_after_it(gateway: Gateway) -> None:
    deployment = (await gateway.data("{ deployments(first: 1) { nodes { id } } }"))["deployments"]["nodes"][0]["id"]
    for selected, paths in (("id", []), ("id tags flow { name }", ["/deployments/filter", "/flows/filter"])):
        mutation = f'mutation {{ updateDeployment(id: "{deployment}", input: {{paused: false}}) {{ {selected} }} }}'
        answer = await gateway.ask(mutation)
        assert "errors" not in answer
        made = answer["extensions"]["upstream"]
        reads = told(mutation)
        assert [(read.level, read.method, read.path) for read in reads] == [
            (0, "PATCH", "/deployments/{id}"),
            *((level, "POST", path) for level, path in enumerate(paths, 1)),
        ]
        assert [call["path"] for call in made[1:]] == paths
        check_bounds(reads, made)


async def test_entities_are_explained_by_their_keys(gateway: Gateway) -> None:
    flows = (await gateway.data("{ flows(first: 3) { nodes { id name deployments(first: 1) { nodes { name } } } } }"))[
        "flows"
    ]["nodes"]
    deployments = [(flow["name"], *flow["deployments"]["nodes"]) for flow in flows if flow["deployments"]["nodes"]]
    representations = [
        {"__typename": "Flow", "id": flows[0]["id"]},
        *({"__typename": "Flow", "name": flow["name"]} for flow in flows),
        *({"__typename": "Deployment", "name": each["name"], "flow": {"name": flow}} for flow, each in deployments),
        {"__typename": "BlockType", "slug": "secret"},
    ]
    query = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Flow { flowRuns(first: 2) { nodes { id } } } } }"
    answer = await gateway.ask(query, {"of": representations})
    assert "errors" not in answer
    check_bounds(told(query, of=representations), answer["extensions"]["upstream"])


async def test_what_cannot_be_explained_is_told() -> None:
    with pytest.raises(BadUserInput, match="Queries and mutations are explained"):
        told("subscription { flowRunUpdated { id } }")
    with pytest.raises(BadUserInput, match="MAX_FIRST"):
        told("{ flows(first: 1001) { nodes { id } } }")
    with pytest.raises(GraphQLError, match="not a UUID") as refused:
        told('{ flow(id: "x") { name } }')
    assert refused.value.locations
