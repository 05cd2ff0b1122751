"""The assembled application as others use it: with middleware of theirs, mounted in an application of theirs."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app import create_app
from gateway.settings import Settings


class Stamped:
    """Middleware that marks every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-stamp", b"1")]
            await send(message)

        await self._app(scope, receive, stamp)


def gateway() -> Starlette:
    return create_app(Settings(upstream="http://127.0.0.1:9/api"))


async def ask(app: ASGIApp, url: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.post(url, json={"query": "{ __typename }"}, **options)


@pytest.mark.parametrize("path", ["/graphql", "/health"])
async def test_middleware_stands_before_every_path(path: str) -> None:
    app = gateway()
    app.add_middleware(Stamped)
    assert (await ask(app, path)).headers["x-stamp"] == "1"


async def test_graphql_in_another_application() -> None:
    app = Starlette(routes=[Mount("/prefect", gateway())])
    assert (await ask(app, "/prefect/graphql")).json() == {"data": {"__typename": "Query"}}
    assert (await ask(app, "/graphql")).status_code == 404


async def test_a_slash_at_the_end_leads_to_the_same() -> None:
    response = await ask(gateway(), "/graphql/", follow_redirects=True)
    assert response.json() == {"data": {"__typename": "Query"}}
