"""The tools of frontends, the real ones: Relay's compiler, typed documents, and clients that page."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio.to_thread
import pytest

from tests.clients.conftest import Project
from tests.gateway.stack import Gateway, open_gateway

GRAPHQL = "graphql@16.15.0"
RELAY = ("relay-compiler@21.0.1", "relay-runtime@21.0.1", "meros@1.3.2")
RUNS, AT_ONCE = 1_000, 50

Make = Callable[..., Project]


def id_of(manifest: Path, name: str) -> str:
    [id_] = [id_ for id_, text in json.loads(manifest.read_text()).items() if text.startswith(f"query {name}(")]
    return str(id_)


async def check_trusted(manifest: Path, name: str) -> None:
    """Ask a gateway that accepts nothing but a manifest for the query of it that has a name."""
    asked = {"documentId": id_of(manifest, name), "variables": {"first": 2}}
    async with open_gateway(
        upstream=None, database_url=f"sqlite:///{manifest.parent}/t.db", trusted_documents=manifest, trusted_only=True
    ) as opened:
        answer = await opened.http.post("/graphql", json=asked)
        refused = await opened.http.post("/graphql", json={"query": "{ flowCount }"})
    assert "errors" not in answer.json()
    assert refused.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_ONLY"


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway over the embedded server, with a thousand flow runs of one flow, and one of another kind."""
    path = tmp_path_factory.mktemp("paging") / "embedded.db"
    async with open_gateway(upstream=None, database_url=f"sqlite:///{path}") as opened:
        flow = (await opened.http.post("/api/flows/", json={"name": "nightly"})).json()["id"]

        async def make(number: int) -> int:
            run = {"flow_id": flow, "name": f"run-{number:04}", "tags": ["paged"]}
            return (await opened.http.post("/api/flow_runs/", json=run)).status_code

        for start in range(0, RUNS, AT_ONCE):
            assert set(await asyncio.gather(*map(make, range(start, start + AT_ONCE)))) == {201}
        assert (await opened.http.post("/api/flow_runs/", json={"flow_id": flow, "name": "other"})).status_code == 201
        yield opened


async def test_typed_documents_are_made_and_type_check(project: Make, gateway: Gateway) -> None:
    typed = project(
        "typescript", "@graphql-codegen/cli@7.4.3", "@graphql-codegen/client-preset@6.2.0", GRAPHQL, "typescript@5.9.3"
    )
    # The schema is read from the gateway, as most do: by introspection, with the tools' own HTTP client.
    config = (typed.path / "codegen.json").read_text()
    (typed.path / "codegen.json").write_text(config.replace("schema.graphql", f"{gateway.url}/graphql"))
    await anyio.to_thread.run_sync(typed.run, "graphql-codegen", "--config", "codegen.json")
    await anyio.to_thread.run_sync(typed.run, "tsc")
    manifest = typed.path / "src" / "gql" / "persisted-documents.json"
    documents = json.loads(manifest.read_text()).values()
    assert {document.split("(")[0] for document in documents} == {"query Board", "mutation Cancel"}
    await check_trusted(manifest, "Board")


async def test_apollo_client_and_urql_page_through_a_thousand_runs(project: Make, gateway: Gateway) -> None:
    paging = project(
        "paging",
        "@apollo/client@4.3.8",
        "@urql/core@6.0.3",
        "@urql/exchange-graphcache@9.0.2",
        GRAPHQL,
        "rxjs@7.8.2",
    )
    for client in ("apollo", "urql"):
        printed = await anyio.to_thread.run_sync(paging.run, "node", f"{client}.mjs", f"{gateway.url}/graphql")
        found = json.loads(printed)
        assert sorted(found["names"]) == [f"run-{number:04}" for number in range(RUNS)]
        assert found["total"] == RUNS


async def test_relay_compiles_pages_refetches_and_changes_lists(project: Make, gateway: Gateway) -> None:
    page = project("relay", *RELAY)
    artifacts = page.path / "artifacts"
    artifacts.mkdir()
    await anyio.to_thread.run_sync(page.run, "relay-compiler")
    names = {path.name.partition(".")[0] for path in artifacts.iterdir()}
    assert names >= {"RunsBoardQuery", "RunsBoardPaginationQuery", "RunsBoardRunQuery", "RunsBoardSubscription"}
    assert "node(id: $id)" in (artifacts / "FlowPageRunQuery.graphql.js").read_text()
    flow = (await gateway.http.get("/api/flows/name/nightly")).json()["id"]
    printed = await anyio.to_thread.run_sync(page.run, "node", "page.cjs", f"{gateway.url}/graphql", flow)
    found = json.loads(printed)
    listed = [name for _, name in found["listed"]]
    assert found["pages"] == 1 + RUNS // 100
    assert sorted(listed) == sorted(["other", *(f"run-{number:04}" for number in range(RUNS))])
    assert len({id_ for id_, _ in found["listed"]}) == len(listed)
    assert found["renamed"] == found["refetched"] == "renamed"
    assert found["deferred"] == 0
    assert (found["before"], found["made"], found["left"]) == (["nightly"], ["made here", "nightly"], ["nightly"])
    assert found["streamed"] == ["renamed", *listed[1:10]]


async def test_documents_that_relay_persists_are_trusted(project: Make) -> None:
    page = project("relay", *RELAY)
    (page.path / "artifacts").mkdir()
    await anyio.to_thread.run_sync(page.run, "relay-compiler", "persisted.config.json")
    await check_trusted(page.path / "persisted.json", "FlowPageFlowsQuery")
