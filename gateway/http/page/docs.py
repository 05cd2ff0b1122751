"""Swagger UI for a REST API, from our own files: FastAPI's stock page loads it from a CDN."""

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from gateway.http.page.offline import BUILT, CompressedFiles, page_headers

# FastAPI's page starts Swagger UI in an inline script.
HEADERS = page_headers({"script-src": "'self' 'unsafe-inline'"})


def add_docs(app: FastAPI, path: str = "/docs") -> None:
    """Serve Swagger UI for the app's OpenAPI document at `path`, and its files below `path`.

    The addresses honour `root_path`, so the app may be mounted.

    Raises:
        ValueError: the app has FastAPI's own documentation pages, or no OpenAPI document.

    """
    if app.docs_url or app.redoc_url or not app.openapi_url:
        raise ValueError("add_docs needs an app made with docs_url=None, redoc_url=None and an openapi_url")
    assets = f"{path}/assets"
    openapi_url = app.openapi_url

    async def docs(request: Request) -> HTMLResponse:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        page = get_swagger_ui_html(
            openapi_url=root + openapi_url,
            title=f"{app.title}: REST API",
            swagger_js_url=f"{root}{assets}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{assets}/swagger-ui.css",
            swagger_favicon_url=f"{root}{assets}/favicon-32x32.png",
            # Swagger UI asks an online validator otherwise.
            swagger_ui_parameters={"validatorUrl": None},
        )
        page.headers.update(HEADERS)
        return page

    # The files keep their names from version to version: a browser asks whether they changed.
    app.mount(assets, CompressedFiles(BUILT / "swagger-ui" / "assets", cache="no-cache"))
    app.add_api_route(path, docs, methods=["GET", "HEAD"], include_in_schema=False)
