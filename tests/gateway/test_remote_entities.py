"""Entities of a federated graph by each of their keys, before a real Prefect and over the embedded server."""

from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.stack import Gateway, calls, open_gateway
from tests.services import patiently

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

Row = dict[str, Any]

QUERY = """query ($representations: [_Any!]!) { _entities(representations: $representations) {
  __typename
  ... on Flow { id name }
  ... on Deployment { id deploymentName: name flow { name } }
  ... on WorkPool { id poolName: name }
  ... on Variable { id variableName: name value }
  ... on BlockType { id slug }
  ... on ConcurrencyLimit { id tag }
  ... on GlobalConcurrencyLimit { id limitName: name limit }
} }"""

NAMES = ("flow", "pool", "limit", "other", "deploy")


@pytest.fixture(scope="module", params=["prefect", "embedded"])
async def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Gateway]:
    chosen: Row = {"upstream": request.getfixturevalue("prefect_server")} if request.param == "prefect" else {}
    chosen = chosen or {"database_url": f"sqlite:///{tmp_path_factory.mktemp('entities') / 'prefect.db'}"}
    async with open_gateway(deadline=60, **chosen) as opened:
        yield opened


@pytest.fixture(scope="module")
async def made(gateway: Gateway) -> dict[str, list[Row]]:
    """Two rows of each type that has a key beside its id; their names need quoting in a path."""
    word = f"ü? {uuid4()} #"

    async def create(path: str, bodies: list[Row]) -> list[Row]:
        created = []
        for body in bodies:
            answer = await patiently(lambda body=body: gateway.http.post(f"/api{path}/", json=body))
            assert answer.is_success, answer.text
            created.append(answer.json())
        return created

    flows = await create("/flows", [{"name": f"{word} {number}"} for number in range(2)])
    names = [f"{word} {number}" for number in range(2)]
    slugs = [f"slug-{uuid4()}" for _ in range(2)]
    return {
        "Flow": flows,
        "Deployment": await create("/deployments", [{"name": "same", "flow_id": flow["id"]} for flow in flows]),
        "WorkPool": await create("/work_pools", [{"name": slug, "type": "process"} for slug in slugs]),
        "Variable": await create(
            "/variables", [{"name": slug.replace("-", "_"), "value": {"of": slug}} for slug in slugs]
        ),
        "BlockType": await create("/block_types", [{"name": slug, "slug": slug} for slug in slugs]),
        "ConcurrencyLimit": await create(
            "/concurrency_limits", [{"tag": name, "concurrency_limit": 3} for name in names]
        ),
        "GlobalConcurrencyLimit": await create(
            "/v2/concurrency_limits", [{"name": name, "limit": 7} for name in names]
        ),
    }


KEYS: dict[str, Callable[[Row, Row], Row]] = {
    "Flow": lambda row, _: {"name": row["name"]},
    "Deployment": lambda row, flow: {"name": row["name"], "flow": {"name": flow["name"]}},
    "WorkPool": lambda row, _: {"name": row["name"]},
    "Variable": lambda row, _: {"name": row["name"]},
    "BlockType": lambda row, _: {"slug": row["slug"]},
    "ConcurrencyLimit": lambda row, _: {"tag": row["tag"]},
    "GlobalConcurrencyLimit": lambda row, _: {"name": row["name"]},
}
READS = {
    "Flow": ["POST /flows/filter"],
    "Deployment": ["POST /flows/filter", "POST /deployments/filter"],
    "WorkPool": ["POST /work_pools/filter"],
    "Variable": ["POST /variables/filter"],
    "BlockType": ["POST /block_types/filter"],
    "ConcurrencyLimit": ["POST /concurrency_limits/filter"],
    "GlobalConcurrencyLimit": ["POST /v2/concurrency_limits/filter"],
}


async def found(gateway: Gateway, representations: list[Row]) -> tuple[list[Row | None], list[str]]:
    """Ask twice, as an operation is compiled when it comes again: both times the same comes, by the same calls."""
    first, second = [await gateway.ask(QUERY, {"representations": representations}) for _ in range(2)]
    assert first["data"] == second["data"]
    assert "errors" not in first | second, first
    assert calls(first) == calls(second)
    return second["data"]["_entities"], calls(second)


@pytest.mark.parametrize("name", KEYS)
async def test_rows_are_found_by_another_key(gateway: Gateway, made: dict[str, list[Row]], name: str) -> None:
    pairs = zip(made[name], made["Flow"], strict=True)
    wanted = [{"__typename": name, **KEYS[name](row, flow)} for row, flow in pairs]
    rows, asked = await found(gateway, [wanted[1], wanted[0], wanted[1]])
    ids = [row["id"] for row in made[name]]
    assert [row and row["id"] for row in rows] == [ids[1], ids[0], ids[1]]
    assert {row and row["__typename"] for row in rows} == {name}
    assert asked == READS[name]


@pytest.mark.parametrize("name", KEYS)
async def test_an_unknown_name_is_null(gateway: Gateway, made: dict[str, list[Row]], name: str) -> None:
    (known, flow), (other, _) = zip(made[name], made["Flow"], strict=True)
    unknown = KEYS[name]({**other, "name": "none", "slug": "none", "tag": "none"}, flow)
    rows, _ = await found(gateway, [{"__typename": name, **unknown}, {"__typename": name, **KEYS[name](known, flow)}])
    assert [row and row["id"] for row in rows] == [None, known["id"]]
    rows, asked = await found(gateway, [{"__typename": name, **unknown}])
    assert (rows, len(asked)) == ([None], len(READS[name]))
