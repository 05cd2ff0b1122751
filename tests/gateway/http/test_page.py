"""GraphiQL at `/graphql`: its files, and the page in a real browser without internet."""

import gzip
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import strawberry
from graphql import OperationDefinitionNode, build_schema, parse, validate
from playwright.async_api import Page as BrowserPage
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.page import Page, examples, page_assets
from gateway.http.page.offline import BUILT

NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, info: strawberry.Info) -> str:
        return f"hello {info.context.get('authorization', 'stranger')}"


SCHEMA = strawberry.Schema(Query)


async def answer(request: Request) -> JSONResponse:
    body = await request.json()
    name = body.get("operationName")
    result = await SCHEMA.execute(body["query"], body.get("variables"), request.headers, operation_name=name)
    errors = [error.formatted for error in result.errors or []]
    return JSONResponse({"data": result.data} | ({"errors": errors} if errors else {}))


PREFIX = "/behind/a/proxy"


def proxied(app: ASGIApp) -> ASGIApp:
    """Serve an app as behind a proxy that takes a prefix off the path, and tells the app nothing of it."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith(PREFIX)
        await app({**scope, "path": scope["path"].removeprefix(PREFIX), "raw_path": b""}, receive, send)

    return serve


def toy() -> Starlette:
    return Starlette(
        routes=[
            Route("/graphql", answer, methods=["POST"]),
            Mount("/graphql/assets", page_assets()),
            Route("/graphql", Page()),
        ]
    )


@pytest.fixture(scope="module")
async def url(serve) -> AsyncIterator[str]:
    async with serve(proxied(toy())) as base:
        yield f"{base}{PREFIX}/graphql"


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy()), base_url="http://gateway") as client:
        yield client


def operations(query: str) -> list[str]:
    nodes = [node for node in parse(query).definitions if isinstance(node, OperationDefinitionNode)]
    return [node.name.value for node in nodes if node.name]


QUERY_EDITOR = ".graphiql-query-editor .monaco-editor"
ANSWER = ".graphiql-response .view-lines"


async def new_query(page: BrowserPage, query: str) -> None:
    """Type a named query into a new tab, and wait until GraphiQL has read it."""
    await page.get_by_role("button", name="New tab").click()
    await page.locator(QUERY_EDITOR).first.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(query)
    await expect(page.get_by_role("tab").last).to_contain_text(operations(query)[0])


async def test_the_page_works_without_internet(url, visit):
    visited = await visit(url)
    page = visited.page
    await expect(page.get_by_role("tab")).to_contain_text([operations(tab["query"])[0] for tab in examples(NOW)])
    await expect(page.locator(QUERY_EDITOR).first).to_contain_text('tags: { all: ["database"] }')
    await new_query(page, "query Hello { hello }")
    await page.get_by_role("button", name="Execute query").click()
    await expect(page.locator(ANSWER)).to_contain_text('"hello": "hello stranger"')
    await page.get_by_role("button", name="Prettify query").click()
    await expect(page.locator(QUERY_EDITOR).first.locator(".view-line")).to_have_count(4)  # the last one is empty
    assert visited.outside == []
    assert visited.complaints == []


async def test_the_headers_of_the_editor_reach_the_gateway_and_are_not_stored(url, visit):
    page = (await visit(url)).page
    await new_query(page, "query Hello { hello }")
    await page.get_by_role("button", name="Headers").click()
    await page.locator(".graphiql-editor-tool .monaco-editor:visible").click()
    await page.keyboard.insert_text('{"Authorization": "Bearer me"}')
    await page.get_by_role("button", name="Execute query").click()
    await expect(page.locator(ANSWER)).to_contain_text('"hello": "hello Bearer me"')
    await page.wait_for_function("localStorage['graphiql:queries']?.includes('query Hello')")
    assert "Bearer me" not in json.dumps(await page.evaluate("Object.entries(localStorage)"))


async def test_the_explorer_shows_the_schema(url, visit):
    visited = await visit(url)
    await visited.page.get_by_role("button", name="GraphiQL Explorer").click()
    await expect(visited.page.locator(".graphiql-explorer-root")).to_contain_text("hello")
    assert visited.complaints == []


def test_examples_are_five_documents_that_say_what_they_show():
    tabs = examples(NOW)
    assert [operations(tab["query"])[0] for tab in tabs] == [
        "FlowsWithFailedRuns",
        "LatestFlowRuns",
        "WhyARunFailed",
        "Dashboard",
        "CreateFlow",
    ]
    assert all(tab["query"].startswith("# ") for tab in tabs)


def test_examples_are_valid_in_the_schema():
    schema = build_schema(
        (Path(__file__).parents[3] / "schema" / "schema.graphql").read_text("utf-8"), assume_valid_sdl=True
    )
    assert [error.message for tab in examples(NOW) for error in validate(schema, parse(tab["query"]))] == []


def test_examples_variables_are_those_of_their_operations():
    for tab in examples(NOW):
        declared = set(re.findall(r"\$(\w+):", tab["query"]))
        assert set(json.loads(tab.get("variables", "{}"))) == declared


def test_an_example_about_the_last_week_ends_now():
    variables = json.loads(examples(NOW)[3]["variables"])
    assert variables["historyStart"] == "2026-01-01T12:00:00+00:00"
    assert variables["historyEnd"] == "2026-01-08T12:00:00+00:00"


async def test_the_page_allows_nothing_from_elsewhere(client):
    response = await client.get("/graphql")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"


@pytest.mark.parametrize(
    ("path", "assets"), [("/graphql", "./graphql/assets/"), ("/", "./assets/"), ("/a/b/", "./assets/")]
)
async def test_the_page_finds_its_assets_under_any_path(path, assets):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Page()), base_url="http://gateway") as client:
        text = (await client.get(path)).text
    assert set(re.findall(r'(?:src|href)="(.*?assets/)', text)) == {assets}


async def test_an_example_cannot_end_the_script_element(client, monkeypatch, tmp_path):
    (tmp_path / "1.graphql").write_text("# </script><b>", "utf-8")
    monkeypatch.setattr("gateway.http.page.EXAMPLES", tmp_path)
    text = (await client.get("/graphql")).text
    assert "</script><b>" not in text
    assert "# \\u003c/script>\\u003cb>" in text


def assets() -> list[str]:
    return sorted(path.name.removesuffix(".gz") for path in (BUILT / "graphiql" / "assets").iterdir())


TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "ttf": "font/ttf",
    "svg": "image/svg+xml",
}


@pytest.mark.parametrize("name", assets())
async def test_an_asset_is_kept_for_good_and_has_its_type(client, name):
    response = await client.get(f"/graphql/assets/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"] == TYPES[name.rpartition(".")[2]]
    assert response.headers["content-encoding"] == "gzip"
    assert "immutable" in response.headers["cache-control"]
    assert b"sourceMappingURL=" not in response.content


async def test_an_asset_without_gzip_is_unpacked(client):
    name = next(name for name in assets() if name.endswith(".css"))
    response = await client.get(f"/graphql/assets/{name}", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in response.headers
    assert response.content == gzip.decompress((BUILT / "graphiql" / "assets" / f"{name}.gz").read_bytes())
    assert response.headers["vary"] == "Accept-Encoding"


async def test_an_asset_answers_head_and_refuses_the_rest(client):
    path = f"/graphql/assets/{assets()[0]}"
    head = await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert (await client.post(path)).status_code == 405
    again = await client.get(path, headers={"If-None-Match": head.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["", "unknown.js", "../index.html", "%2e%2e/index.html", "..%2flicenses.md", "a%00b", "x" * 300]
)
async def test_what_is_no_asset_is_not_found(client, name):
    assert (await client.get(f"/graphql/assets/{name}")).status_code == 404


def test_the_built_files_stay_small():
    assert sum(path.stat().st_size for path in BUILT.rglob("*") if path.is_file()) < 6_000_000
