"""What is told before a query runs holds when it runs: the paths and levels are those of its calls, the bounds are kept."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.cli import _upstream
from gateway.demo import SEED, fill_new
from gateway.execution.explain import Read, explain
from gateway.settings import Settings
from resolvers.errors import BadUserInput
from schema.build import build
from tests.gateway.stack import Gateway, open_gateway

SCHEMA = build()

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
        await fill_new(server, seed=SEED)
    async with open_gateway(upstream=None, database_url=settings.database_url) as gateway:
        yield gateway


def told(query: str, **variables: Any) -> list[Read]:
    return explain(SCHEMA, Settings(), query, variables, None)


def fits(read: Read, call: dict[str, Any]) -> bool:
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(read.path))
    return read.method == call["method"] and bool(re.fullmatch(pattern, call["path"].partition("?")[0]))


@pytest.mark.parametrize("query", QUERIES)
async def test_what_is_told_holds(query: str, gateway: Gateway) -> None:
    reads = told(query)
    answer = await gateway.ask(query)
    assert "errors" not in answer
    made = answer["extensions"]["upstream"]
    assert made
    for call in made:
        alike = [read for read in reads if fits(read, call)]
        assert alike, f"{call['method']} {call['path']} was not told"
        calls, rows = [read.calls for read in alike], [read.rows for read in alike]
        same = [each for each in made if fits(alike[0], each)]
        assert None in calls or len(same) <= sum(each or 0 for each in calls)
        if "count" not in call["path"]:
            assert None in rows or sum(each["rows"] or 0 for each in same) <= sum(each or 0 for each in rows)
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


async def test_what_cannot_be_explained_is_told() -> None:
    with pytest.raises(BadUserInput, match="Only queries are explained"):
        told('mutation { deleteFlow(id: "3fa85f64-5717-4562-b3fc-2c963f66afa6") }')
    with pytest.raises(BadUserInput, match="_entities"):
        told("{ _entities(representations: []) { __typename } }")
    with pytest.raises(BadUserInput, match="MAX_FIRST"):
        told("{ flows(first: 1001) { nodes { id } } }")
