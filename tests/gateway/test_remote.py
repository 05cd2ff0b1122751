"""The gateway before a real Prefect: the same answers as plain REST, the caller's credentials, Prefect's own CLI."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.stack import Gateway, calls, open_gateway, open_upstream
from tests.gateway.upstream.scripted import refused_url
from tests.services import patiently

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")


@pytest.fixture(scope="module")
async def gateway(prefect_server: str) -> AsyncGenerator[Gateway]:
    async with open_gateway(upstream=prefect_server, deadline=60) as opened:
        yield opened


@pytest.fixture(scope="module")
async def tag(gateway: Gateway) -> str:
    """The tag of what these tests read: three flows with a deployment and four runs each, of which two failed."""
    tag = f"test-{uuid4()}"
    await post(gateway, "/work_pools/", {"name": f"pool-{tag}", "type": "process"})
    for number in range(3):
        flow = await post(gateway, "/flows/", {"name": f"{tag}-{number}", "tags": [tag, "database"]})
        body = {
            "name": f"deployment-{tag}-{number}",
            "flow_id": flow["id"],
            "tags": [tag],
            "work_pool_name": f"pool-{tag}",
        }
        deployment = await post(gateway, "/deployments/", body)
        for state in ("FAILED", "COMPLETED", "FAILED", "SCHEDULED"):
            body = {"name": f"run {number}", "tags": [tag], "state": {"type": state}, "parameters": {"n": number}}
            await post(gateway, f"/deployments/{deployment['id']}/create_flow_run", body)
    return tag


async def post(gateway: Gateway, path: str, body: Any) -> Any:
    """Send a REST call through the gateway."""
    response = await patiently(lambda: gateway.http.post(f"/api{path}", json=body))
    assert response.is_success, response.text
    return response.json()


async def test_the_example_of_the_documentation(gateway: Gateway, tag: str) -> None:
    answered = await gateway.ask(
        """query ($tag: String!) {
            flows(
                filter: {flows: {tags: {all: ["database", $tag]}}, flowRuns: {state: {type: {any: [FAILED]}}}}
                sort: NAME_ASC
                first: 20
            ) {
                nodes { id name flowRuns(first: 5, sort: ID_DESC) { nodes { id stateName } totalCount } }
                pageInfo { hasNextPage endCursor }
                totalCount
            }
        }""",
        {"tag": tag},
    )
    body = {"flows": {"tags": {"all_": ["database", tag]}}, "flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}}
    flows = await post(gateway, "/flows/filter", {**body, "sort": "NAME_ASC"})
    expected = []
    for flow in flows:
        runs = await post(gateway, "/flow_runs/filter", {"flows": {"id": {"any_": [flow["id"]]}}, "sort": "ID_DESC"})
        nodes = [{"id": run["id"], "stateName": run["state_name"]} for run in runs]
        expected.append({"id": flow["id"], "name": flow["name"], "flowRuns": {"nodes": nodes, "totalCount": 4}})
    found = answered["data"]["flows"]
    assert len(expected) == 3
    assert found["nodes"] == expected
    assert (found["pageInfo"]["hasNextPage"], found["totalCount"]) == (False, 3)
    assert calls(answered) == ["POST /flows/filter", "POST /flow_runs/filter"]


async def test_rows_are_the_upstreams(gateway: Gateway, tag: str) -> None:
    data = await gateway.data(
        """query ($tag: String!) {
            flowRuns(filter: {flowRuns: {tags: {all: [$tag]}}}) {
                nodes {
                    id created updated name flowId stateId stateType stateName tags parameters runCount startTime endTime
                    expectedStartTime totalRunTime autoScheduled deploymentId workPoolName workQueueName
                    state { id type name timestamp message } flow { id name } deployment { id name workPoolName }
                }
            }
            flowRunCount(filter: {flowRuns: {tags: {all: [$tag]}}})
            workPools(filter: {name: {any: [$pool]}}) { nodes { name type isPaused } }
        }""".replace("$tag: String!", "$tag: String!, $pool: String!"),
        {"tag": tag, "pool": f"pool-{tag}"},
    )
    rows = await post(gateway, "/flow_runs/filter", {"flow_runs": {"tags": {"all_": [tag]}}, "sort": "ID_DESC"})
    assert len(rows) == data["flowRunCount"] == 12
    for node, row in zip(data["flowRuns"]["nodes"], rows, strict=True):
        flow, deployment, state = node.pop("flow"), node.pop("deployment"), node.pop("state")
        assert {key: row[snake(key)] for key in node} == node
        assert {key: row["state"][key] for key in state} == state
        assert flow["id"] == row["flow_id"]
        assert deployment["workPoolName"] == f"pool-{tag}"
    assert data["workPools"]["nodes"] == [{"name": f"pool-{tag}", "type": "process", "isPaused": False}]


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


async def test_by_name_and_by_id(gateway: Gateway, tag: str) -> None:
    by_name = (await gateway.data("query ($name: String!) { flow(name: $name) { id name } }", {"name": f"{tag}-1"}))[
        "flow"
    ]
    read = await gateway.http.get(f"/api/flows/name/{tag}-1")
    assert by_name == {"id": read.json()["id"], "name": f"{tag}-1"}
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on Flow { name } } unknown: flow(id: $other) { id } }"
    query = query.replace("$id: ID!)", "$id: ID!, $other: ID!)", 1)
    data = await gateway.data(query, {"id": by_name["id"], "other": str(uuid4())})
    assert data == {"node": {"__typename": "Flow", **by_name}, "unknown": None}


@pytest.mark.parametrize(
    ("settings", "sent", "expected"),
    [
        ({}, {}, None),
        ({"api_key": "service"}, {}, "Bearer service"),
        ({"api_auth_string": "a:b"}, {}, "Basic YTpi"),
        ({"api_key": "service"}, {"authorization": "Bearer caller"}, "Bearer caller"),
        ({}, {"authorization": "Bearer caller"}, "Bearer caller"),
    ],
)
async def test_whose_credentials_go_upstream(
    settings: dict[str, str], sent: dict[str, str], expected: str | None
) -> None:
    async with open_upstream() as upstream, open_gateway(upstream=upstream.url, **settings) as gateway:
        await upstream.until_asked("/health")
        upstream.requests.clear()
        answered = await gateway.ask("{ flowRuns { nodes { flow { name } deployment { name } } } }", **sent)
        assert "errors" not in answered
        await gateway.http.post("/api/flows/filter", json={}, headers=sent)
        assert len(upstream.requests) == 4
        assert {request.headers.get("authorization") for request in upstream.requests} == {expected}


async def test_an_upstream_that_is_down_at_start(caplog: pytest.LogCaptureFixture) -> None:
    async with open_gateway(upstream=refused_url()) as gateway:
        assert (await gateway.http.get("/health")).status_code == 200
        ready = await gateway.http.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert "cannot be reached" in ready.json()["reason"]
        assert (await gateway.data("{ __typename }")) == {"__typename": "Query"}
        assert (await gateway.http.get("/api/health")).status_code == 503
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "does not answer yet" in warnings[0]


async def test_an_upstream_that_comes_up_later() -> None:
    async with open_upstream() as upstream, open_gateway(upstream=upstream.url) as gateway:
        await upstream.until_asked("/health")
        assert (await gateway.http.get("/ready")).status_code == 200


async def prefect(url: str, home: Path, *arguments: str) -> str:
    """Run Prefect's own CLI against an API; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
        "COLUMNS": "400",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prefect", *arguments),
        env=environment,
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode() + told.decode()
    return told.decode()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["flow", "ls", "--limit", "200"], "{tag}-2"),
        (["flow-run", "ls", "--limit", "200"], "run 2"),
        (["deployment", "ls"], "deployment-{tag}-2"),
        (["work-pool", "ls"], "pool-{tag}"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
async def test_prefects_own_cli(gateway: Gateway, tag: str, tmp_path: Path, command: list[str], shown: str) -> None:
    assert shown.format(tag=tag) in await prefect(f"{gateway.url}/api", tmp_path, *command)


async def test_prefects_own_cli_changes(gateway: Gateway, tag: str, tmp_path: Path) -> None:
    told = await prefect(
        f"{gateway.url}/api", tmp_path, "deployment", "inspect", f"{tag}-1/deployment-{tag}-1", "-o", "json"
    )
    deployment = json.loads(told)
    query = "query ($id: ID!) { deployment(id: $id) { flowRuns { totalCount } } }"
    assert (await gateway.data(query, {"id": deployment["id"]}))["deployment"]["flowRuns"]["totalCount"] == 4
    await prefect(f"{gateway.url}/api", tmp_path, "deployment", "run", "--id", deployment["id"])
    assert (await gateway.data(query, {"id": deployment["id"]}))["deployment"]["flowRuns"]["totalCount"] == 5
