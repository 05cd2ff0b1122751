"""`@defer` and `@stream` through the whole gateway: what comes when, by which REST calls, and what ends early."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.upstream import ways
from tests.gateway.incremental.merged import NEW, OLD, Merged, Part, parts_of
from tests.gateway.stack import Gateway, Upstream, open_gateway, open_upstream, uuid
from tests.gateway.upstream.scripted import Exchange, after, answer, hang

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

SLOW = '{ flows { nodes { id ... @defer(label: "slow") { deployments { nodes { name } } } } } flowRunCount }'
QUERIES = {
    "a relation": SLOW,
    "a named fragment": "{ flowRuns { nodes { id ...f @defer } } } fragment f on FlowRun { name flow { name } }",
    "at the root": '{ flowRunCount ... @defer { flows { nodes { name } } } ... @defer(label: "b") { flowCount } }',
    "overlapping": """{ flows { nodes { id
        ... @defer(label: "a") { name deployments { nodes { name } } }
        ... @defer(label: "b") { name deployments { totalCount } } } } }""",
    "within another": "{ flows { nodes { id ... @defer { name ... @defer { deployments { nodes { name } } } } } } }",
    "a list": "{ flowRuns { nodes @stream { id flow { name } } } }",
    "a list but its first": '{ flowRuns { nodes @stream(initialCount: 2, label: "s") { id flow { name } } } }',
    "a list shorter than its first": "{ flows { nodes @stream(initialCount: 9) { name } } }",
    "edges": "{ flowRuns { edges @stream(initialCount: 1) { cursor node { id flow { id ... @defer { name } } } } } }",
    "lists in rows": "{ flows { nodes { id flowRuns { nodes @stream(initialCount: 1) { name } } } } }",
    "a list in a list": "{ flows { nodes @stream { id flowRuns { nodes @stream(initialCount: 1) { name } } } } }",
    "a list that is deferred": "{ flows { nodes { ... @defer { deployments { nodes @stream { name flow { name } } } } } } }",
    "nothing in the end": "query ($no: Boolean = false) { flows { nodes @stream(if: $no) { id ... @defer(if: $no) { name } } } }",
}
WHOLE = {"a list shorter than its first", "nothing in the end"}


@pytest.fixture(scope="module")
async def served() -> AsyncGenerator[tuple[Upstream, Gateway, Gateway]]:
    """An upstream that shows when a call is ended, and before it a patient gateway and one with a short deadline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "PyreqwestTransport", None)  # it ends no call before the deadline
        async with (
            open_upstream() as upstream,
            open_gateway(upstream=upstream.url, retries=0) as patient,
            open_gateway(upstream=upstream.url, retries=0, deadline=0.5) as hasty,
        ):
            for gateway in (patient, hasty):
                await gateway.http.get("/ready")  # they ask the upstream when they start
            yield upstream, patient, hasty


@pytest.fixture
def upstream(served: tuple[Upstream, Gateway, Gateway]) -> Generator[Upstream]:
    """The upstream, good again after each test."""
    upstream, _, _ = served
    upstream.requests.clear()
    yield upstream
    upstream.spoilt.clear()


@pytest.fixture
def gateway(served: tuple[Upstream, Gateway, Gateway]) -> Gateway:
    return served[1]


@pytest.fixture
def hasty(served: tuple[Upstream, Gateway, Gateway]) -> Gateway:
    return served[2]


@asynccontextmanager
async def streamed(gateway: Gateway, query: str, accept: str = NEW, **headers: str) -> AsyncIterator[httpx.Response]:
    headers = {"accept": f"{accept}, application/json", **headers}
    async with gateway.http.stream("POST", "/graphql", json={"query": query}, headers=headers) as response:
        assert response.status_code == 200
        yield response


async def parts(gateway: Gateway, query: str, accept: str = NEW, **headers: str) -> list[Part]:
    async with streamed(gateway, query, accept, **headers) as response:
        assert response.headers["content-type"] == f'multipart/mixed; boundary="-"; {accept.partition(";")[2]}'
        return [part async for part in parts_of(response)]


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - WHOLE))
async def test_parts_make_the_whole_answer_by_the_same_calls(upstream: Upstream, gateway: Gateway, name: str) -> None:
    whole = await gateway.http.post("/graphql", json={"query": QUERIES[name]}, headers={"accept": "application/json"})
    calls = sorted((exchange.target, exchange.body) for exchange in upstream.requests)
    for accept in (NEW, OLD):
        upstream.requests.clear()
        got = await parts(gateway, QUERIES[name], accept)
        assert {"data": Merged(got).data} == whole.json()
        assert sorted((exchange.target, exchange.body) for exchange in upstream.requests) == calls


@pytest.mark.parametrize("name", sorted(WHOLE))
async def test_where_nothing_is_left_the_answer_is_whole(gateway: Gateway, name: str) -> None:
    async with streamed(gateway, QUERIES[name]) as response:
        await response.aread()
    plain = await gateway.http.post("/graphql", json={"query": QUERIES[name]}, headers={"accept": "application/json"})
    if response.headers["content-type"].startswith("multipart"):
        pytest.fail(response.text)
    assert response.json() == plain.json()


@pytest.mark.parametrize("first", [0, 1, 10, 49])
@pytest.mark.parametrize(
    "field", ["nodes @stream(initialCount: %d) { id %s }", "edges @stream(initialCount: %d) { node { id %s } }"]
)
async def test_a_relation_of_a_streamed_list_is_one_call(
    upstream: Upstream, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, field: str, first: int
) -> None:
    runs = [{"id": uuid(n), "name": "run", "flow_id": uuid(n), "deployment_id": None} for n in range(1, 51)]
    flows = [{"id": uuid(n), "name": f"flow {n}"} for n in range(1, 51)]
    monkeypatch.setattr(upstream, "rows", {**upstream.rows, "flow_runs": runs, "flows": flows})
    selected = field % (first, "flow { name flowRuns(first: 1) { nodes { name } } }")
    got = await parts(gateway, f"{{ flowRuns(first: 50) {{ {selected} }} flowCount }}")
    rows = Merged(got).data["flowRuns"][field[:5]]
    assert len(rows) == 50
    assert sorted(upstream.asked()) == ["/flow_runs/filter", "/flow_runs/filter", "/flows/count", "/flows/filter"]
    [asked] = [each.json for each in upstream.requests if each.target.endswith("/flows/filter")]
    assert asked["flows"]["id"]["any_"] == [uuid(n) for n in range(1, 51)]


@pytest.mark.parametrize(
    "selected",
    [
        "nodes @stream { id ... @defer { flow { name } } }",
        "nodes { id ... @defer { deployment { name } ... @defer { flow { name } } } }",
        "nodes @stream(initialCount: 3) { id ... @defer { deployment { name } ... @defer { flow { name } } } }",
        "nodes @stream { id flow { name flowRuns(first: 1) { nodes @stream(initialCount: 1) { flow { name } } } } }",
    ],
)
async def test_a_relation_in_deferred_fragments_is_one_call(
    upstream: Upstream, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, selected: str
) -> None:
    runs = [
        {"id": uuid(n), "name": "run", "flow_id": uuid(n), "deployment_id": uuid(n) if n % 2 else None}
        for n in range(1, 151)
    ]
    flows = [{"id": uuid(n), "name": f"flow {n}"} for n in range(1, 151)]
    monkeypatch.setattr(upstream, "rows", {**upstream.rows, "flow_runs": runs, "flows": flows})
    got = await parts(gateway, f"{{ flowRuns(first: 150) {{ {selected} }} }}")
    assert len(Merged(got).data["flowRuns"]["nodes"]) == 150
    assert upstream.asked().count("/flows/filter") == 1


async def test_the_parts_are_written_as_multipart_says(gateway: Gateway) -> None:
    query = '{ flowCount ... @defer(label: "l") { flowRunCount } }'
    async with streamed(gateway, query, OLD, **{"accept-encoding": "identity"}) as response:
        written = b"".join([piece async for piece in response.aiter_raw()])
    head = b"\r\n---\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
    first = b'{"data":{"flowCount":3},"hasNext":true}'
    last = b'{"hasNext":false,"incremental":[{"data":{"flowRunCount":6},"path":[],"label":"l"}]}'
    assert written == head + first + head + last + b"\r\n-----\r\n"
    assert response.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
async def test_what_is_quick_comes_first_however_it_is_encoded(
    upstream: Upstream, gateway: Gateway, coding: str
) -> None:
    slowly = asyncio.Event()
    upstream.spoilt["/deployments/filter"] = after(slowly, upstream.right)
    query = SLOW.replace("flowRunCount", '... @defer(label: "quick") { flowRunCount }')
    async with streamed(gateway, query, OLD, **{"accept-encoding": coding}) as response:
        assert response.headers.get("content-encoding", "identity") == coding
        coming = parts_of(response)
        first, second = await anext(coming), await anext(coming)
        assert first["data"]["flows"]["nodes"][0] == {"id": uuid(1)}
        assert [each["label"] for each in second["incremental"]] == ["quick"]
        await upstream.until_asked("/deployments/filter")
        slowly.set()
        rest = [part async for part in coming]
    assert Merged([first, second, *rest]).data["flows"]["nodes"][2]["deployments"]["nodes"] == [
        {"name": "deployment 3"}
    ]


@pytest.mark.parametrize("accept", [OLD, NEW])
async def test_a_failed_read_is_an_error_of_its_part(upstream: Upstream, gateway: Gateway, accept: str) -> None:
    upstream.spoilt["/deployments/filter"] = answer({"detail": "No"}, "403 Forbidden")
    got = await parts(gateway, SLOW, accept)
    assert "errors" not in got[0]
    assert {error["extensions"]["code"] for error in Merged(got).errors} == {"FORBIDDEN"}
    assert [error["path"] for error in Merged(got).errors] == [
        ["flows", "nodes", n, "deployments", "nodes"] for n in range(3)
    ]


@pytest.mark.parametrize("accept", [OLD, NEW])
async def test_a_part_that_cannot_be_null_fails_as_a_whole(
    upstream: Upstream, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setitem(upstream.rows, "flows", [{"id": uuid(1), "name": None}, {"id": uuid(2), "name": "two"}])
    got = await parts(gateway, '{ flows { nodes { id ... @defer(label: "l") { name } } } }', accept)
    merged = Merged(got)
    [error] = merged.errors
    assert (error["path"], error["extensions"]["code"]) == (["flows", "nodes", 0, "name"], "UPSTREAM_ERROR")
    assert merged.data["flows"]["nodes"] == [{"id": uuid(1)}, {"id": uuid(2), "name": "two"}]


async def test_the_deadline_ends_what_is_deferred(upstream: Upstream, hasty: Gateway) -> None:
    upstream.spoilt["/deployments/filter"] = hang
    got = await parts(hasty, SLOW)
    assert {error["extensions"]["code"] for error in Merged(got).errors} == {"UPSTREAM_TIMEOUT"}


async def test_a_client_that_leaves_ends_the_calls_and_leaves_nothing_behind(
    upstream: Upstream, gateway: Gateway
) -> None:
    gone = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await hang(exchange)
        gone.set()

    await parts(gateway, SLOW)
    before = asyncio.all_tasks()
    upstream.spoilt["/deployments/filter"] = wait
    async with streamed(gateway, SLOW) as response:
        await anext(parts_of(response))
        await upstream.until_asked("/deployments/filter")
    await asyncio.wait_for(gone.wait(), timeout=5)
    left = {task for task in asyncio.all_tasks() - before if "Server.serve" not in repr(task)}
    if left:
        assert (await asyncio.wait(left, timeout=5))[1] == set()
    upstream.spoilt.clear()
    assert Merged(await parts(gateway, SLOW)).errors == []


async def test_the_calls_are_told_in_the_first_and_the_last_part(gateway: Gateway) -> None:
    got = await parts(gateway, SLOW, **{"x-upstream-trace": "1"})
    told = [[call["path"] for call in part["extensions"]["upstream"]] for part in (got[0], got[-1])]
    assert sorted(told[0]) == ["/flow_runs/count", "/flows/filter"]
    assert told[1] == [*told[0], "/deployments/filter"]


async def test_other_clients_get_the_whole_answer(gateway: Gateway) -> None:
    for accept in (
        "application/json",
        "*/*",
        "multipart/mixed;subscriptionSpec=1.0, */*",
        f"{NEW};q=0, */*",
        f"{OLD};q=0.5, application/json",
        "multipart/mixed;deferSpec=20991231, */*",
    ):
        response = await gateway.http.post("/graphql", json={"query": SLOW}, headers={"accept": accept})
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.json()["data"]["flows"]["nodes"][0]["deployments"] == {"nodes": [{"name": "deployment 1"}]}
    params = {"query": SLOW}
    head = await gateway.http.head("/graphql", params=params, headers={"accept": f"{NEW}, */*"})
    assert head.headers["content-type"] == "application/json; charset=utf-8"
    for parameter in ("incrementalDeliverySpec=3283f8a", "incrementalDeliverySpec=20230621"):
        assert Merged(await parts(gateway, SLOW, f"multipart/mixed;{parameter}")).errors == []
    named = await gateway.http.get("/graphql", params=params, headers={"accept": "multipart/mixed"})
    assert named.headers["content-type"] == 'multipart/mixed; boundary="-"; deferSpec=20220824'
