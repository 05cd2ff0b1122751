"""`/graphql` as an ASGI application: HTTP in, one operation, bytes out."""

import asyncio
from collections.abc import Awaitable, Collection, Coroutine, Mapping
from typing import Any, TypeVar

import orjson
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.execution import Admitted, Answer, Answers, Execution, GraphQLRequest, Parts, run_batch
from gateway.execution.errors import formatted
from gateway.http import sse
from gateway.http.encoding import IDENTITY, Codings, Encoder, codings
from gateway.http.multipart import accepted, send_parts
from gateway.http.negotiation import GRAPHQL, HTML, JSON, preferred
from gateway.http.reading import Disconnected, Headers, check_batch, from_body, from_url, has_query, parameters
from gateway.http.refusal import Refusal
from gateway.http.sse import SSE
from gateway.live import Streams, Subscriber
from gateway.settings import Settings
from resolvers.errors import GatewayError

METHODS = "GET, HEAD, OPTIONS, POST"
MEDIA = (JSON, GRAPHQL)
STREAMING = (*MEDIA, SSE)
OR_PAGE = (*MEDIA, HTML)

Raw = list[tuple[bytes, bytes]]
T = TypeVar("T")

_EVERY: Raw = [(b"cache-control", b"no-store"), (b"vary", b"accept, accept-encoding, sec-fetch-mode")]
_TYPED: dict[str, Raw] = {
    media: [*_EVERY, (b"content-type", f"{media}; charset=utf-8".encode()), (b"x-content-type-options", b"nosniff")]
    for media in MEDIA
}


class GraphQLEndpoint:
    """GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), for one path.

    GET (queries only) and POST with a JSON body; `page` is shown to a browser that asks nothing yet.
    Every refusal is a JSON body `{"errors": [{"message", "extensions": {"code"}}]}`.
    """

    def __init__(
        self, execution: Execution, settings: Settings, page: ASGIApp | None = None, streams: Streams | None = None
    ) -> None:
        self._execution = execution
        self._streams = streams
        self._settings = settings
        self._page = page
        self._encoder = Encoder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "GraphQL is answered over HTTP only."})
            return
        deadline = asyncio.get_running_loop().time() + self._settings.deadline
        headers = Headers(scope)
        if self._page is not None and _wants_page(scope, headers):
            await self._page(scope, receive, send)
            return
        try:
            await self._respond(scope, headers, receive, send, deadline)
        except Refusal as refusal:
            await _send(send, refusal.status, _TYPED[JSON], orjson.dumps(refusal.body()), refusal.headers)
        except Disconnected:
            return

    async def _respond(self, scope: Scope, headers: Headers, receive: Receive, send: Send, deadline: float) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, 204, _EVERY, b"", {"allow": METHODS, "accept-post": JSON})
            return
        if method not in {"GET", "HEAD", "POST"}:
            raise Refusal(405, f"The method {method} is not allowed: use GET or POST.", allow=METHODS)
        streams = self._streams if method != "HEAD" else None
        media, wanted = _acceptable(headers, MEDIA if streams is None else STREAMING)
        if method == "POST":
            raw = await from_body(headers, receive, limit=self._settings.max_body, deadline=deadline)
        else:
            raw = from_url(scope)
        answer: Answer | Answers
        if isinstance(raw, list):
            media, wanted = _acceptable(headers, MEDIA)
            answer = await _while_connected(self._batch(raw, headers, deadline), receive)
        else:
            request = _request(headers, raw, deadline, read_only=method != "POST")
            if streams is not None and preferred(headers.get(b"accept"), (SSE,)):
                found = await self._execution.find(request)
                if media == SSE or (isinstance(found, Admitted) and found.subscribes):
                    await sse.respond(self._answers(found, streams), receive, send)
                    return
            in_parts = accepted(headers.get(b"accept")) if method != "HEAD" else None
            if in_parts is None:
                answer = await _while_connected(self._execution.run(request), receive)
            else:
                delivered = await _while_connected(self._execution.run_in_parts(request), receive)
                if isinstance(delivered, Parts):
                    await _while_connected(send_parts(send, delivered, in_parts, wanted.other, _EVERY), receive)
                    return
                answer = delivered
        coding, content = await self._encoder.encode(answer.content(), wanted)
        status = 200 if media == JSON and answer.well_formed else answer.status
        added = {} if coding is IDENTITY else {"content-encoding": coding.name}
        if status == 405:
            added["allow"] = "POST"
        await _send(send, status, _TYPED[media], content, added)

    def _answers(self, found: Admitted | Answer, streams: Streams) -> Subscriber | Awaitable[Answer] | Answer:
        if isinstance(found, Answer):
            return found
        return streams.subscribe(found) if found.subscribes else self._execution.whole(*found)

    async def _batch(self, raw: list[Any], headers: Headers, deadline: float) -> Answer | Answers:
        """Answer the requests of a batch, each that is malformed too; raises Refusal for what is no batch."""
        check_batch(raw, self._settings.max_batch)
        answers: list[Answer | None] = []
        requests = []
        for each in raw:
            try:
                requests.append(_request(headers, each, deadline, read_only=False))
                answers.append(None)
            except Refusal as refusal:
                answers.append(Answer(errors=refusal.body()["errors"], executed=False))
        try:
            executed = iter(await run_batch(self._execution, requests, self._settings))
        except GatewayError as beyond:
            return Answer(errors=[formatted(beyond)], executed=False, status=400, well_formed=False)
        return Answers([next(executed) if answer is None else answer for answer in answers])


def cross_origin(endpoint: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Let pages of other origins (`allowed_origins`) use an endpoint; without any it is as it was, and costs nothing.

    Credentials are a header that a page has to know, never a cookie: none are allowed to be sent along.
    """
    if not origins:
        return endpoint
    return CORSMiddleware(endpoint, origins, allow_methods=("GET", "HEAD", "POST"), allow_headers=("*",), max_age=7200)


def _wants_page(scope: Scope, headers: Headers) -> bool:
    if scope["method"] not in {"GET", "HEAD"} or has_query(scope):
        return False
    return preferred(headers.get(b"accept"), OR_PAGE) == HTML


def _acceptable(headers: Headers, offers: tuple[str, ...]) -> tuple[str, Codings]:
    """Return the media type and the codings of the answer; raises Refusal before anything is done.

    JSON goes before a stream of events wherever it is accepted: some clients list all that they know.
    """
    accept = headers.get(b"accept")
    media = preferred(accept, MEDIA) or (JSON if accepted(accept) else preferred(accept, offers))
    if media is None:
        raise Refusal(406, f"Answers are {' or '.join(offers)}: accept one of them.")
    wanted = codings(headers.get(b"accept-encoding"), headers.get(b"sec-fetch-mode") is not None)
    if wanted is None:
        raise Refusal(406, "Answers are encoded with zstd, br, gzip or identity: accept one of them.")
    return media, wanted


def _request(headers: Headers, raw: Any, deadline: float, *, read_only: bool) -> GraphQLRequest:
    """Make a request of its decoded parameters; raises Refusal."""
    asked = parameters(raw)
    return GraphQLRequest(
        query=asked.query,
        deadline=deadline,
        variables=asked.variables,
        operation_name=asked.operation_name,
        authorization=headers.get(b"authorization"),
        trace=headers.get(b"x-upstream-trace") == "1",
        ftv1=headers.get(b"apollo-federation-include-trace") == "ftv1",
        read_only=read_only,
        id=asked.id,
        automatic=asked.automatic,
    )


async def _while_connected(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Return the result of work, or cancel the work and raise Disconnected when nobody waits for it any more."""
    # The request's own task does the work and the watch cancels it: a task for each would cost twice the time.
    request: Any = asyncio.current_task()
    watch = asyncio.create_task(_cancel_when_disconnected(request, receive))
    try:
        return await work
    except asyncio.CancelledError:
        if not watch.done():
            raise
        request.uncancel()
        raise Disconnected from None
    finally:
        watch.cancel()


async def _cancel_when_disconnected(request: "asyncio.Task[Any]", receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    request.cancel()


async def _send(send: Send, status: int, fixed: Raw, content: bytes, headers: Mapping[str, str]) -> None:
    raw = [*fixed, (b"content-length", b"%d" % len(content))]
    raw += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})
