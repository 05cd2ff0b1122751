"""`/graphql` as an ASGI application: HTTP in, one operation, bytes out."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.http.negotiation import GRAPHQL, HTML, JSON, preferred
from gateway.http.reading import Disconnected, Parameters, from_body, from_url, has_query
from gateway.http.refusal import Refusal
from gateway.settings import Settings

METHODS = "GET, HEAD, OPTIONS, POST"
TRACE = "x-upstream-trace"


class GraphQLEndpoint:
    """GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), for one path.

    GET (queries only) and POST with a JSON body; `page` is shown to a browser that asks nothing yet.
    Every refusal is a JSON body `{"errors": [{"message", "extensions": {"code"}}]}`.
    """

    def __init__(self, execution: Execution, settings: Settings, page: ASGIApp | None = None) -> None:
        self._execution = execution
        self._settings = settings
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "GraphQL is answered over HTTP only."})
            return
        deadline = asyncio.get_running_loop().time() + self._settings.deadline
        if self._page is not None and _wants_page(scope):
            await self._page(scope, receive, send)
            return
        try:
            await self._respond(scope, receive, send, deadline)
        except Refusal as refusal:
            await _send(send, refusal.status, JSON, orjson.dumps(refusal.body()), refusal.headers)
        except Disconnected:
            return

    async def _respond(self, scope: Scope, receive: Receive, send: Send, deadline: float) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, 204, None, b"", {"allow": METHODS, "accept-post": JSON})
            return
        if method not in {"GET", "HEAD", "POST"}:
            raise Refusal(405, f"The method {method} is not allowed: use GET or POST.", allow=METHODS)
        media = preferred(Headers(scope=scope).get("accept"), (JSON, GRAPHQL))
        if media is None:
            raise Refusal(406, f"Answers are {JSON} or {GRAPHQL}: accept one of them.")
        if method == "POST":
            parameters = await from_body(scope, receive, limit=self._settings.max_body, deadline=deadline)
        else:
            parameters = from_url(scope)
        work = self._execution.run(_request(scope, parameters, deadline))
        await _send_answer(send, media, await _while_connected(work, receive))


def _wants_page(scope: Scope) -> bool:
    if scope["method"] not in {"GET", "HEAD"} or has_query(scope):
        return False
    accept = Headers(scope=scope).get("accept")
    return preferred(accept, (JSON, GRAPHQL, HTML)) == HTML


def _request(scope: Scope, parameters: Parameters, deadline: float) -> GraphQLRequest:
    headers = Headers(scope=scope)
    return GraphQLRequest(
        query=parameters.query,
        deadline=deadline,
        variables=parameters.variables,
        operation_name=parameters.operation_name,
        authorization=headers.get("authorization"),
        trace=headers.get(TRACE) == "1",
        read_only=scope["method"] != "POST",
    )


async def _while_connected(work: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
    """Return the answer, or cancel the work and raise Disconnected when nobody waits for it any more."""
    task, watch = asyncio.create_task(work), asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Disconnected
    finally:
        for pending in (task, watch):
            pending.cancel()
            with suppress(asyncio.CancelledError):
                await pending


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_answer(send: Send, media: str, answer: Answer) -> None:
    status = 200 if media == JSON and answer.well_formed else answer.status
    await _send(send, status, media, answer.content(), {"allow": "POST"} if status == 405 else {})


async def _send(send: Send, status: int, media: str | None, content: bytes, headers: Mapping[str, str]) -> None:
    every = {"content-length": str(len(content)), "cache-control": "no-store", "vary": "accept", **headers}
    if media is not None:
        every |= {"content-type": f"{media}; charset=utf-8", "x-content-type-options": "nosniff"}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})
