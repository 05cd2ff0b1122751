"""An upstream that fails costs the fields that it serves, with an error that says how, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.upstream import ways
from tests.gateway.stack import Gateway, Upstream, open_gateway, open_upstream, uuid
from tests.gateway.upstream.scripted import (
    Exchange,
    Step,
    after,
    answer,
    cut,
    drip,
    hang,
    hang_in_body,
    hang_up,
    refused_url,
    reset,
)

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """What an upstream does, and the error that a client sees."""

    step: Step
    code: str
    status: int | None


def refusal(status: str) -> Step:
    return answer({"detail": "It is refused"}, status)


FAULTS = {
    "hangs before the headers": Fault(hang, "UPSTREAM_TIMEOUT", None),
    "hangs in the body": Fault(hang_in_body, "UPSTREAM_TIMEOUT", None),
    "never ends": Fault(drip, "UPSTREAM_TIMEOUT", None),
    "hangs up": Fault(hang_up, "UPSTREAM_UNAVAILABLE", None),
    "resets the connection": Fault(reset, "UPSTREAM_UNAVAILABLE", None),
    "breaks off": Fault(cut, "UPSTREAM_ERROR", None),
    "400": Fault(refusal("400 Bad Request"), "BAD_USER_INPUT", 400),
    "401": Fault(refusal("401 Unauthorized"), "UNAUTHENTICATED", 401),
    "403": Fault(refusal("403 Forbidden"), "FORBIDDEN", 403),
    "404": Fault(refusal("404 Not Found"), "NOT_FOUND", 404),
    "404 of another server": Fault(answer(b"", "404 Not Found"), "UPSTREAM_ERROR", 404),
    "409": Fault(refusal("409 Conflict"), "CONFLICT", 409),
    "422": Fault(refusal("422 Unprocessable Entity"), "BAD_USER_INPUT", 422),
    "429": Fault(refusal("429 Too Many Requests"), "RATE_LIMITED", 429),
    "429 for a minute": Fault(answer({}, "429 Too Many Requests", {"retry-after": "60"}), "RATE_LIMITED", 429),
    "500": Fault(refusal("500 Internal Server Error"), "UPSTREAM_ERROR", 500),
    "502": Fault(refusal("502 Bad Gateway"), "UPSTREAM_UNAVAILABLE", 502),
    "503": Fault(refusal("503 Service Unavailable"), "UPSTREAM_UNAVAILABLE", 503),
    "504": Fault(refusal("504 Gateway Timeout"), "UPSTREAM_UNAVAILABLE", 504),
    "a redirect": Fault(answer(b"", "302 Found", {"location": "/login"}), "UPSTREAM_ERROR", 302),
    "HTML": Fault(answer(b"<html>log in</html>", headers={"content-type": "text/html"}), "UPSTREAM_ERROR", 200),
    "cut-off JSON": Fault(answer(b'[{"id": '), "UPSTREAM_ERROR", 200),
    "an empty body": Fault(answer(b""), "UPSTREAM_ERROR", 200),
    "null": Fault(answer(None), "UPSTREAM_ERROR", 200),
    "an object": Fault(answer({"results": []}), "UPSTREAM_ERROR", 200),
    "a string": Fault(answer("rows"), "UPSTREAM_ERROR", 200),
    "a list of strings": Fault(answer(["a", "b"]), "UPSTREAM_ERROR", 200),
    "a list with a null": Fault(answer([{"id": uuid(1), "name": "flow 1"}, None]), "UPSTREAM_ERROR", 200),
    "a list of lists": Fault(answer([[]]), "UPSTREAM_ERROR", 200),
}


@dataclass(frozen=True)
class Place:
    """A query, the route that fails, the fields that it costs, and one that stands."""

    query: str
    route: str
    costs: list[Path]
    stands: Path
    value: Any


PLACES = {
    "the root": Place(
        "{ flows { nodes { id name } } flowRunCount }",
        "/flows/filter",
        [("flows", "nodes")],
        ("flowRunCount",),
        6,
    ),
    "a count at the root": Place(
        "{ flowRunCount flows { nodes { name } } }",
        "/flow_runs/count",
        [("flowRunCount",)],
        ("flows", "nodes", 2, "name"),
        "flow 3",
    ),
    "parents": Place(
        "{ flowRuns { nodes { id flow { name } deployment { name } } } }",
        "/flows/filter",
        [("flowRuns", "nodes", n, "flow") for n in range(6)],
        ("flowRuns", "nodes", 5, "deployment", "name"),
        "deployment 3",
    ),
    "children": Place(
        "{ flows { nodes { id flowRuns { nodes { id } } deployments { nodes { name } } } } }",
        "/flow_runs/filter",
        [("flows", "nodes", n, "flowRuns", "nodes") for n in range(3)],
        ("flows", "nodes", 2, "deployments", "nodes", 0, "name"),
        "deployment 3",
    ),
    "the children of one": Place(
        "{ flows(first: 1) { nodes { id flowRuns { nodes { id } } deployments { nodes { name } } } } }",
        "/flow_runs/filter",
        [("flows", "nodes", 0, "flowRuns", "nodes")],
        ("flows", "nodes", 0, "deployments", "nodes", 0, "name"),
        "deployment 1",
    ),
    "counts of children": Place(
        "{ flows { nodes { id flowRuns { totalCount } deployments { nodes { name } } } } }",
        "/flow_runs/count",
        [("flows", "nodes", n, "flowRuns", "totalCount") for n in range(3)],
        ("flows", "nodes", 0, "deployments", "nodes", 0, "name"),
        "deployment 1",
    ),
}


def at(data: Any, path: Path) -> Any:
    """Read what is at a path, or null where something above it is null."""
    for step in path:
        data = data if data is None else data[step]
    return data


@pytest.fixture(scope="module", params=["httpx", "pyreqwest"])
def transport(request: pytest.FixtureRequest) -> Generator[str]:
    """The library by which the gateway reaches its upstream."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "httpx":
            patch.setattr(ways, "PyreqwestTransport", None)
        yield request.param


@pytest.fixture(scope="module")
async def served(transport: str) -> AsyncGenerator[tuple[Upstream, Gateway, Gateway]]:
    """One upstream, and before it a patient gateway and one with a short deadline, which must survive every fault."""
    async with (
        open_upstream() as upstream,
        open_gateway(upstream=upstream.url, retries=1) as patient,
        open_gateway(upstream=upstream.url, retries=1, deadline=0.5) as hasty,
    ):
        yield upstream, patient, hasty


@pytest.fixture
def upstream(served: tuple[Upstream, Gateway, Gateway]) -> Generator[Upstream]:
    """The upstream, good again after each test."""
    upstream, _, _ = served
    upstream.requests.clear()
    yield upstream
    upstream.spoilt.clear()


@pytest.fixture
def patient(served: tuple[Upstream, Gateway, Gateway]) -> Gateway:
    return served[1]


@pytest.fixture
def hasty(served: tuple[Upstream, Gateway, Gateway]) -> Gateway:
    return served[2]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_fault_costs_the_fields_that_it_serves(
    upstream: Upstream, patient: Gateway, hasty: Gateway, place: Place, fault: Fault
) -> None:
    gateway = hasty if fault.code == "UPSTREAM_TIMEOUT" else patient
    upstream.spoilt[place.route] = fault.step
    answered = await gateway.ask(place.query)
    errors = answered["errors"]
    assert {error["extensions"]["code"] for error in errors} == {fault.code}
    for error in errors:
        assert error["extensions"]["upstream"] == {"status": fault.status, "method": "POST", "path": place.route}
    [message] = {error["message"] for error in errors}
    assert len(message) < 250
    assert upstream.url not in message
    assert {tuple(error["path"]) for error in errors} == set(place.costs)
    assert all(at(answered["data"], path) is None for path in place.costs)
    assert at(answered["data"], place.stands) == place.value
    upstream.spoilt.clear()
    assert "errors" not in await gateway.ask(place.query)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_slow_answer_in_time_is_an_answer(upstream: Upstream, patient: Gateway, place: Place) -> None:
    right = await patient.data(place.query)
    slowly = asyncio.Event()
    upstream.requests.clear()
    upstream.spoilt[place.route] = after(slowly, upstream.right)
    asked = asyncio.create_task(patient.data(place.query))
    await upstream.until_asked(place.route)
    slowly.set()
    assert await asked == right


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_an_upstream_that_is_down(place: Place) -> None:
    async with open_gateway(upstream=refused_url(), retries=1) as gateway:
        answered = await gateway.ask(place.query)
        assert answered["data"]
        assert all(value is None for value in answered["data"].values())
        assert {error["extensions"]["code"] for error in answered["errors"]} == {"UPSTREAM_UNAVAILABLE"}
        assert {error["extensions"]["upstream"]["status"] for error in answered["errors"]} == {None}


LEVELS = "{ flowRuns(first: 3) { nodes { id flow { id name } } } }"


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([3, 1, 2], [1, 2, 3]),
        ([1, 1, 2, 3, 3], [1, 2, 3]),
        ([3], [None, None, 3]),
        ([], [None, None, None]),
    ],
    ids=["reordered", "duplicate", "missing", "none"],
)
async def test_parents_are_matched_by_their_ids(
    upstream: Upstream, patient: Gateway, numbers: list[int], found: list[int | None]
) -> None:
    upstream.spoilt["/flows/filter"] = answer([upstream.rows["flows"][number - 1] for number in numbers])
    runs = (await patient.data(LEVELS))["flowRuns"]["nodes"]
    assert [run["flow"] for run in runs] == [n and {"id": uuid(n), "name": f"flow {n}"} for n in found]


@pytest.mark.parametrize("first", [1, 3], ids=["singly", "batched"])
@pytest.mark.parametrize("order", [[101, 102, 103], [203, 102, 101, 103]], ids=["missing", "reordered"])
async def test_children_are_matched_by_their_keys(
    upstream: Upstream, patient: Gateway, order: list[int], first: int
) -> None:
    rows = {row["id"]: row for row in upstream.rows["flow_runs"]}
    asked = [rows[uuid(number)] for number in order if number % 100 <= first]
    upstream.spoilt["/flow_runs/filter"] = answer(asked)
    flows = (await patient.data(f"{{ flows(first: {first}) {{ nodes {{ id flowRuns {{ nodes {{ id }} }} }} }} }}"))[
        "flows"
    ]
    for flow in flows["nodes"]:
        expected = [{"id": row["id"]} for row in asked if row["flow_id"] == flow["id"]]
        assert flow["flowRuns"]["nodes"] == expected


@pytest.mark.parametrize("first", [1, 3], ids=["singly", "batched"])
@pytest.mark.parametrize(
    ("query", "route", "place"),
    [
        (
            "{{ flows(first: {}) {{ nodes {{ flowRuns {{ nodes {{ id }} }} name }} }} }}",
            "/flow_runs/filter",
            "flowRuns",
        ),
        ("{{ flowRuns(first: {}) {{ nodes {{ flow {{ id }} name }} }} }}", "/flows/filter", "flow"),
    ],
    ids=["children", "parents"],
)
async def test_rows_that_were_not_asked_for_are_an_error(
    upstream: Upstream, patient: Gateway, query: str, route: str, place: str, first: int
) -> None:
    stranger = {"id": uuid(9), "name": "a stranger", "flow_id": uuid(9)}
    upstream.spoilt[route] = answer([*upstream.rows[route.split("/")[1]], stranger])
    answered = await patient.ask(query.format(first))
    [root] = answered["data"].values()
    assert [node[place] for node in root["nodes"]] == [None] * first
    assert all(node["name"] for node in root["nodes"])
    for error in answered["errors"]:
        assert error["extensions"]["code"] == "UPSTREAM_ERROR"
        assert error["extensions"]["upstream"] == {"status": 200, "method": "POST", "path": route}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ('{ flow(name: "x") { id } }', "/flows/name/x"),
        (
            f'{{ flowRunStates(flowRunId: "{uuid(1)}") {{ nodes {{ id }} }} }}',
            f"/flow_run_states/?flow_run_id={uuid(1)}",
        ),
    ],
)
async def test_an_answer_of_another_shape_names_the_call_that_gave_it(
    upstream: Upstream, patient: Gateway, query: str, path: str
) -> None:
    upstream.spoilt[path] = answer([1])
    answered = await patient.ask(query)
    (error,) = answered["errors"]
    assert error["extensions"]["code"] == "UPSTREAM_ERROR"
    assert error["extensions"]["upstream"] == {"status": 200, "method": "GET", "path": path}


async def test_those_who_share_a_call_that_fails_get_an_error_each(upstream: Upstream, hasty: Gateway) -> None:
    upstream.spoilt["/flows/filter"] = hang
    answers = await asyncio.gather(*(hasty.ask(PLACES["parents"].query) for _ in range(10)))
    for answered in answers:
        assert [error["extensions"]["code"] for error in answered["errors"]] == ["UPSTREAM_TIMEOUT"] * 6
        assert [run["deployment"] for run in answered["data"]["flowRuns"]["nodes"]].count(None) == 0
    assert upstream.asked().count("/flows/filter") < 10
    upstream.spoilt.clear()
    assert "errors" not in await hasty.ask(PLACES["parents"].query)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_client_that_leaves_does_not_hurt_others(upstream: Upstream, patient: Gateway, place: Place) -> None:
    right = await patient.data(place.query)
    slowly = asyncio.Event()
    upstream.requests.clear()
    upstream.spoilt[place.route] = after(slowly, upstream.right)
    leaving, staying = (asyncio.create_task(patient.data(place.query)) for _ in range(2))
    await upstream.until_asked(place.route)
    leaving.cancel()
    await asyncio.wait([leaving])
    slowly.set()
    assert await staying == right


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_the_calls_of_a_client_that_leaves_end(
    upstream: Upstream, patient: Gateway, hasty: Gateway, transport: str, place: Place
) -> None:
    # pyreqwest ends no call before the deadline.
    gateway = hasty if transport == "pyreqwest" else patient
    gone = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await hang(exchange)
        gone.set()

    upstream.spoilt[place.route] = wait
    leaving = asyncio.create_task(gateway.ask(place.query))
    await upstream.until_asked(place.route)
    leaving.cancel()
    await asyncio.wait_for(gone.wait(), timeout=5)
    upstream.spoilt.clear()
    assert "errors" not in await gateway.ask(place.query)
