"""The stack, assembled top-down: /graphql, its page, /api, /health, /ready."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.extensions import SchemaExtension

from gateway import embedded, upstream
from gateway.execution import Execution
from gateway.http.endpoint import GraphQLEndpoint, cross_origin
from gateway.http.noted import Noted
from gateway.http.origin import ANY, SameOrigin, allowed_origins, foreign
from gateway.http.page import Page, page_assets
from gateway.http.transport_ws import TransportWs
from gateway.live import Streams, sockets
from gateway.proxy import Proxy
from gateway.settings import Settings
from gateway.stopping import on_signals
from gateway.upstream import Upstream
from gateway.upstream.writes import Writes
from resolvers.context import Context
from resolvers.rest import Rest
from resolvers.rows import JsonRows
from schema.build import build

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger("gateway")

PATHS = ("/graphql", "/graphql/")
"""Where GraphQL is asked: a redirect from one to the other would lose a browser's preflight and a proxy's scheme."""

Fill = Callable[[Upstream], Coroutine[Any, Any, None]]
"""Fills the upstream once the server is up; `/ready` waits for it."""


def create_app(
    settings: Settings,
    fill: Fill | None = None,
    writes: Writes | None = None,
    extensions: Sequence[Callable[[], SchemaExtension]] = (),
) -> Starlette:
    """Make the gateway, an ASGI application: before the upstream of the settings, or over the embedded server.

    `writes` are those of all processes that serve the same clients. `extensions` are Strawberry's, as classes or what
    makes them; with any, operations are executed by Strawberry's `schema.execute`, but for subscriptions, which have none.
    """
    return Gateway(settings, fill, writes, extensions).app


class _App(Starlette):
    """Starlette's routes; `/graphql` is spared its router and error pages, which do nothing there and cost 7 us a request."""

    def __init__(self, graphql: ASGIApp, **options: Any) -> None:
        super().__init__(**options)
        self._graphql = graphql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Whoever adds middleware wants it before /graphql too.
        if scope["type"] == "http" and scope["path"] in PATHS and not self.user_middleware:
            await self._graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Gateway:
    """The parts of the running process and their lifetimes."""

    def __init__(
        self,
        settings: Settings,
        fill: Fill | None,
        writes: Writes | None,
        extensions: Sequence[Callable[[], SchemaExtension]],
    ) -> None:
        self._settings = settings
        self._fill = fill
        self._filling: asyncio.Task[None] | None = None
        self._api: FastAPI | Proxy
        if settings.upstream is None:
            self._api = embedded.create_configured_app(settings)
            self._upstream = Upstream(upstream.embedded(self._api), settings, writes)
        else:
            self._upstream = Upstream(upstream.remote(settings.upstream, settings.deadline), settings, writes)
            self._api = Proxy(settings.upstream, self._upstream, settings.deadline)
        execution = self._execution = Execution(build(extensions), self._upstream, settings, self._context)
        open_ = sockets.remote(settings.upstream) if settings.upstream else sockets.in_process(self._api)
        self._streams = Streams(execution, self._upstream, settings, open_)
        served = GraphQLEndpoint(execution, settings, page=Page(), streams=self._streams)
        self._origins = allowed_origins(settings.cors_origins)
        endpoint = cross_origin(served, self._origins)
        transport = self._transport = TransportWs(execution, self._streams, settings, self._untrusted)
        self.app = _App(
            endpoint,
            routes=[
                Mount("/graphql/assets", page_assets()),
                *(Route(path, endpoint) for path in PATHS),
                *(WebSocketRoute(path, transport) for path in PATHS),
                Mount("/api", SameOrigin(Noted(self._api, self._upstream), self._open_to_all)),
                Route("/health", self._health),
                Route("/ready", self._ready),
            ],
            lifespan=self._lifespan,
        )

    def _context(self, rest: Rest) -> Context:
        return Context(JsonRows(rest), page=self._settings.page_size, max_first=self._settings.max_first)

    def _untrusted(self, scope: Scope) -> bool:
        """Tell whether a foreign page would act by credentials that are not its visitor's."""
        allowed = {ANY, Headers(scope=scope).get("origin")} & {*self._origins}
        return self._open_to_all() and foreign(scope) and not allowed

    def _open_to_all(self) -> bool:
        """Tell whether callers of the REST API need no credentials: it is ours, or it is opened by the service's."""
        return not isinstance(self._api, Proxy) or self._upstream.authorization is not None

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if isinstance(self._api, Proxy):
                stack.push_async_callback(self._api.aclose)
            else:
                await stack.enter_async_context(self._api.router.lifespan_context(self._api))
            stack.push_async_callback(self._upstream.aclose)
            stack.push_async_callback(self._streams.aclose)
            stack.push_async_callback(self._execution.aclose)
            await self._begin()
            stack.enter_context(on_signals(self._stop))
            yield

    def _stop(self) -> None:
        """Let clients of subscriptions go: websockets first, which then tell of no error."""
        self._transport.stop()
        self._streams.stop()

    async def _begin(self) -> None:
        """Begin to fill the upstream; one that is down is told once, and the gateway serves."""
        readiness = await self._upstream.ready()
        if not readiness:
            logger.warning("The upstream does not answer yet: %s", readiness.reason)
        if self._fill is not None:
            self._filling = asyncio.create_task(self._fill(self._upstream))

    async def _health(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _request: Request) -> JSONResponse:
        """Tell whether the demo data is in and the upstream answers."""
        reason = self._unfilled() or (await self._upstream.ready()).reason
        if reason:
            return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)
        return JSONResponse({"status": "ready"})

    def _unfilled(self) -> str | None:
        if self._filling is None:
            return None
        if not self._filling.done():
            return "The demo data is being filled in."
        return None if self._filling.exception() is None else "The demo data could not be filled in; the log says why."
