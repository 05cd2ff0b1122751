"""What is sent upstream, on whose behalf, how much at once, and what is recorded of it."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.settings import Settings
from gateway.upstream import Session, Upstream, api_root, embedded
from resolvers.errors import BadUserInput, UpstreamError
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.scripted import Exchange, after, answer, scripted


def session(upstream: Upstream, authorization: str | None = None, *, trace: bool = True) -> Session:
    return upstream.session(authorization=authorization, deadline=asyncio.get_running_loop().time() + 30, trace=trace)


CREDENTIALS = {
    "none": ({}, None, None),
    "the caller's": ({}, "Bearer caller", "Bearer caller"),
    "the caller's before the service's": ({"api_key": "k"}, "Basic Y2FsbGVy", "Basic Y2FsbGVy"),
    "a key": ({"api_key": "pnu_1"}, None, "Bearer pnu_1"),
    "an auth string": ({"api_auth_string": "admin:päss"}, None, "Basic YWRtaW46cMOkc3M="),
    "the auth string before the key": ({"api_auth_string": "a:b", "api_key": "k"}, None, "Basic YTpi"),
}


@pytest.mark.parametrize(("settings", "caller", "sent"), CREDENTIALS.values(), ids=CREDENTIALS)
async def test_the_callers_credential_goes_before_the_services(
    connect: Connect, settings: dict[str, str], caller: str | None, sent: str | None
) -> None:
    async with scripted(answer([])) as server, connect(server.url, **settings) as upstream:
        await session(upstream, caller).read("GET", "/flows/1")
        assert server.requests[0].headers.get("authorization") == sent


def test_a_key_that_no_header_carries_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="line break") as refused:
        Upstream(embedded(Starlette()), Settings(api_key="secret\n"))
    assert "secret" not in str(refused.value)


async def test_a_request_is_what_the_api_expects(connect: Connect) -> None:
    async with scripted(answer([])) as server, connect(server.url + "/") as upstream:
        asked = session(upstream)
        await asked.read("POST", "/flows/filter", {"sort": "ID_DESC"})
        await asked.read("GET", "/flows/name/a%2Fb%20c?x=%C3%A4")
        post, get = server.requests
        assert (post.method, post.target, post.json) == ("POST", "/api/flows/filter", {"sort": "ID_DESC"})
        assert (post.headers["content-type"], post.headers["accept"]) == ("application/json", "application/json")
        assert (get.method, get.target, get.body) == ("GET", "/api/flows/name/a%2Fb%20c?x=%C3%A4", b"")
        assert "content-type" not in get.headers
        assert "x-prefect-api-version" not in post.headers


async def test_cookies_of_one_caller_do_not_reach_another(connect: Connect) -> None:
    step = answer([], headers={"set-cookie": "session=first; Path=/"})
    async with scripted(step) as server, connect(server.url) as upstream:
        for caller in ("Bearer first", "Bearer second"):
            await session(upstream, caller).read("GET", "/flows/1")
        assert [request.headers.get("cookie") for request in server.requests] == [None, None]


@pytest.mark.parametrize("path", ["/flows/name/..", "/flows/name/%2e%2E", "/flows/./x?a=b", "/flows/name/a\\..\\b"])
async def test_a_name_cannot_change_the_address(connect: Connect, path: str) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        with pytest.raises(BadUserInput):
            await session(upstream).read("GET", path)
        assert server.requests == []


@pytest.mark.parametrize("path", ["/flows/name/a.b", "/flows/name/...", "/flows/name/a%2e%2e", "/flows/1?x=/../y"])
async def test_a_name_may_hold_dots(connect: Connect, path: str) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        assert await session(upstream).read("GET", path) == []
        assert server.requests[0].target.startswith("/api/flows/")


async def test_a_credential_beyond_ascii_is_none(connect: Connect) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        with pytest.raises(BadUserInput, match="Authorization"):
            await session(upstream, "Bearer \xe4").read("GET", "/flows/1")
        assert server.requests == []


async def test_an_integer_that_json_cannot_hold_is_the_clients_to_mend(connect: Connect) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        with pytest.raises(BadUserInput, match="64-bit"):
            await session(upstream).write("POST", "/flows/", {"x": 2**70})
        assert server.requests == []


async def test_every_call_is_recorded_when_asked(connect: Connect) -> None:
    async with (
        scripted(answer([{}, {}]), answer(7), answer({"detail": "no"}, "409 Conflict")) as server,
        connect(server.url) as upstream,
    ):
        asked = session(upstream)
        await asked.read("POST", "/flows/filter", {"limit": 2})
        await asked.read("POST", "/flows/count", {})
        with pytest.raises(UpstreamError):
            await asked.write("DELETE", "/flows/1")
        times = [call.pop("milliseconds") for call in asked.calls]
        assert all(isinstance(time, float) and time > 0 for time in times)
        starts = [call.pop("started") for call in asked.calls]
        assert starts == sorted(starts)
        assert all(later >= start + took for later, start, took in zip(starts[1:], starts, times, strict=False))
        assert asked.calls == [
            {
                "method": "POST",
                "path": "/flows/filter",
                "body": {"limit": 2},
                "status": 200,
                "rows": 2,
                "shared": False,
            },
            {"method": "POST", "path": "/flows/count", "body": {}, "status": 200, "rows": None, "shared": False},
            {"method": "DELETE", "path": "/flows/1", "body": None, "status": 409, "rows": None, "shared": False},
        ]


async def test_nothing_is_recorded_unasked(connect: Connect) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        asked = session(upstream, trace=False)
        assert await asked.read("GET", "/flows/1") == []
        assert asked.calls == []


async def test_a_collection_is_asked_so_much_at_once_and_does_not_hold_up_another(connect: Connect) -> None:
    go, running, most = asyncio.Event(), 0, 0

    async def counted(exchange: Exchange) -> None:
        nonlocal running, most
        if "/flows/" in exchange.target:
            running += 1
            most = max(most, running)
            await go.wait()
            running -= 1
        await answer([])(exchange)

    async with scripted(counted) as server, connect(server.url, max_concurrency=3) as upstream:
        reads = [asyncio.create_task(session(upstream).read("GET", f"/flows/{n}")) for n in range(10)]
        await server.until(3)
        assert await session(upstream).read("GET", "/deployments/1") == []
        go.set()
        await asyncio.gather(*reads)
        assert (most, len(server.requests)) == (3, 11)


async def test_a_server_that_wants_csrf_tokens_gets_one(connect: Connect) -> None:
    tokens: dict[str, str] = {}
    done: list[Any] = []

    async def guarded(exchange: Exchange) -> None:
        path, _, query = exchange.target.partition("?client=")
        client = exchange.headers.get("prefect-csrf-client", query)
        if path == "/api/csrf-token":
            tokens[client] = f"token {len(tokens)}"
            await answer({"token": tokens[client]})(exchange)
        elif "prefect-csrf-token" not in exchange.headers:
            await answer({"detail": "Missing CSRF token."}, "403 Forbidden")(exchange)
        elif exchange.headers["prefect-csrf-token"] != tokens.get(client):
            await answer({"detail": "Invalid CSRF token or client identifier."}, "403 Forbidden")(exchange)
        else:
            done.append(exchange.json)
            await answer({"id": "1"})(exchange)

    async with scripted(guarded) as server, connect(server.url, api_auth_string="a:b") as upstream:
        asked = session(upstream)
        writes = (asked.write("POST", "/flows/", {"name": name}) for name in "abc")
        assert await asyncio.gather(*writes) == [{"id": "1"}] * 3
        tokens.clear()
        assert await asked.write("POST", "/flows/", {"name": "d"}) == {"id": "1"}
        assert sorted(body["name"] for body in done) == ["a", "b", "c", "d"]
        asked_for = [request for request in server.requests if "csrf-token" in request.target]
        assert [request.headers["authorization"] for request in asked_for] == ["Basic YTpi"] * 2


async def test_an_app_in_the_process_is_an_upstream_as_any_other(caplog: pytest.LogCaptureFixture) -> None:
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse({"path": request.url.path, "body": await request.json()})

    async def broken(request: Request) -> JSONResponse:
        raise RuntimeError("secret")

    routes = [Route("/api/flows/filter", echo, methods=["POST"]), Route("/api/broken", broken)]
    upstream = Upstream(embedded(Starlette(routes=routes), "/api"), Settings())
    asked = session(upstream)
    assert await asked.read("POST", "/flows/filter", {"limit": 1}) == {
        "path": "/api/flows/filter",
        "body": {"limit": 1},
    }
    with pytest.raises(UpstreamError, match="500 Internal Server Error") as failure:
        await asked.read("GET", "/broken")
    assert "secret" not in failure.value.message
    assert [record.message for record in caplog.records] == ["the embedded server failed on GET /api/broken"]
    await upstream.aclose()


async def test_an_app_in_the_process_that_hangs_meets_the_deadline() -> None:
    ended = asyncio.Event()

    async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    upstream = Upstream(embedded(hanging), Settings())
    with pytest.raises(UpstreamError, match="deadline"):
        await upstream.session(authorization=None, deadline=asyncio.get_running_loop().time() + 0.1).read("GET", "/x")
    await ended.wait()
    await upstream.aclose()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:4200/api", "must look like"),
        ("ftp://host/api", "must look like"),
        ("http:///api", "must look like"),
        ("http://a:b@host/api", "AUTH_STRING"),
        ("http://host/api?x=1", "path of the API's root"),
        ("http://host/api#", "path of the API's root"),
        ("http://host:port/api", "invalid port"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused_at_the_start(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        api_root(url)


async def test_the_wait_for_a_turn_ends_with_the_turn(connect: Connect) -> None:
    go = asyncio.Event()
    async with (
        scripted(after(go, answer([1])), answer([2])) as server,
        connect(server.url, max_concurrency=1) as upstream,
    ):
        first = asyncio.create_task(session(upstream).read("GET", "/flows/1"))
        await server.until(1)
        second = asyncio.create_task(session(upstream).read("GET", "/flows/2"))
        go.set()
        assert [await first, await second] == [[1], [2]]
