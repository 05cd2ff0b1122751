"""Swagger UI at `/docs`: in a real browser without internet, mounted and not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.http.page.docs import add_docs


def api() -> FastAPI:
    app = FastAPI(title="Toy", docs_url=None, redoc_url=None)

    @app.get("/flows/count", summary="Count Flows")
    def count_flows() -> int:
        return 42

    add_docs(app)
    return app


def mounted() -> Starlette:
    return Starlette(routes=[Mount("/api", api())])


@pytest.fixture(scope="module")
async def url(serve) -> AsyncIterator[str]:
    async with serve(mounted()) as base:
        yield f"{base}/api/docs"


async def test_the_documentation_works_without_internet(url, visit):
    visited = await visit(url)
    operation = visited.page.locator(".opblock")
    await expect(operation).to_contain_text(["/flows/count"])
    await operation.click()
    await visited.page.get_by_role("button", name="Try it out").click()
    await visited.page.get_by_role("button", name="Execute").click()
    await expect(visited.page.locator(".live-responses-table")).to_contain_text("42")
    assert visited.outside == []
    assert visited.complaints == []


@pytest.mark.parametrize(("app", "root"), [(api(), ""), (mounted(), "/api")])
async def test_addresses_honour_the_root_path(app, root):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        text = (await client.get(f"{root}/docs")).text
        assert f"url: '{root}/openapi.json'" in text
        for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
            assert f'"{root}/docs/assets/{name}"' in text
            assert (await client.get(f"{root}/docs/assets/{name}")).status_code == 200


async def test_nothing_is_validated_online():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api()), base_url="http://gateway") as client:
        response = await client.get("/docs")
        head = await client.head("/docs")
    assert '"validatorUrl": null' in response.text
    assert "https://" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert head.status_code == 200


def test_the_documentation_is_no_operation_of_the_api():
    assert list(api().openapi()["paths"]) == ["/flows/count"]


@pytest.mark.parametrize(
    "app", [FastAPI(), FastAPI(docs_url=None), FastAPI(docs_url=None, redoc_url=None, openapi_url=None)]
)
def test_an_app_with_stock_pages_is_refused(app):
    with pytest.raises(ValueError, match="docs_url=None"):
        add_docs(app)
