"""The transport to an app in this process: what the app sees, and what becomes of what it does."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.upstream import embedded
from gateway.upstream.transport import BrokenOff

START: Message = {"type": "http.response.start", "status": 201, "headers": [(b"Content-Type", b"application/json")]}


async def asked(app: ASGIApp, body: bytes | None = None, path: str = "/x") -> tuple[int, dict[str, str], bytes]:
    status, headers, answered = await embedded(app, "/api").send("POST", path, body, {"accept": "application/json"})
    return status, dict(headers), answered


async def test_the_app_sees_a_request_as_over_a_socket() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        assert await receive() == {"type": "http.request", "body": b"{}", "more_body": False}
        await send(START)
        await send({"type": "http.response.body", "body": b"[1]"})

    assert await asked(app, b"{}", "/flows/name/a%2Fb%20c?x=%C3%A4") == (
        201,
        {"content-type": "application/json"},
        b"[1]",
    )
    [scope] = seen
    assert (scope["type"], scope["method"], scope["root_path"]) == ("http", "POST", "")
    assert (scope["path"], scope["raw_path"]) == ("/api/flows/name/a/b c", b"/api/flows/name/a%2Fb%20c")
    assert scope["query_string"] == b"x=%C3%A4"
    assert dict(scope["headers"]) == {b"host": b"embedded", b"accept": b"application/json", b"content-length": b"2"}


async def test_an_answer_in_parts_is_one() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for part in (b"[1", b",2"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"]"})

    assert (await asked(app))[2] == b"[1,2]"


async def test_the_client_is_gone_once_the_answer_is_complete() -> None:
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def listen() -> None:
            await receive()
            order.append((await receive())["type"])

        listening = asyncio.create_task(listen())
        await send(START)
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.sleep(0.01)
        order.append("answered")
        await send({"type": "http.response.body"})
        await listening

    assert (await asked(app))[0] == 201
    assert order == ["answered", "http.disconnect"]


@pytest.mark.parametrize(
    "sent", [[], [START], [START, {"type": "http.response.body", "body": b"[", "more_body": True}]]
)
async def test_an_app_that_raises_before_the_end(sent: list[Message], caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in sent:
            await send(message)
        raise RuntimeError("broken")

    if sent:
        with pytest.raises(BrokenOff):
            await asked(app)
    else:
        assert await asked(app) == (500, {}, b"")
    assert [record.message for record in caplog.records] == ["the embedded server failed on POST /api/x"]
    assert "RuntimeError: broken" in caplog.text


async def test_an_app_that_raises_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_request: Request) -> Response:
        raise RuntimeError("broken")

    # Starlette answers 500, and raises for the server's log.
    status, _, body = await asked(Starlette(routes=[Route("/api/x", broken, methods=["POST"])]))
    assert (status, body) == (500, b"Internal Server Error")
    assert "RuntimeError: broken" in caplog.text


@pytest.mark.parametrize("sent", [[], [START]])
async def test_an_app_that_does_not_finish(sent: list[Message]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in sent:
            await send(message)

    with pytest.raises(BrokenOff):
        await asked(app)


async def test_cancelling_a_call_cancels_the_app() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    call = asyncio.create_task(asked(app))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()


async def test_what_listens_for_the_client_to_leave_works() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"[1"
        await asyncio.sleep(0)
        yield b"]"

    async def streamed(_request: Request) -> Response:
        return StreamingResponse(chunks(), media_type="application/json")

    async def echo(request: Request) -> Response:
        return JSONResponse(await request.json())

    async def passing(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    routes = [Route("/api/streamed", streamed, methods=["POST"]), Route("/api/echo", echo, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=passing)])
    assert (await asked(app, path="/streamed"))[2] == b"[1]"
    assert (await asked(app, b'{"a":1}', "/echo"))[2] == b'{"a":1}'
