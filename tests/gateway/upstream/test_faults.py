"""What a client is told when the upstream fails, how often it was asked, and that the next request is healthy."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from gateway.upstream import Session, Upstream
from resolvers.errors import UpstreamError
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.scripted import (
    Step,
    after,
    answer,
    closing,
    cut,
    drip,
    hang,
    hang_in_body,
    hang_up,
    no_content,
    refused_url,
    reset,
    scripted,
)

HTML = answer(b"<!doctype html><title>Prefect</title>", headers={"content-type": "text/html"})
FILTER = ("POST", "/flows/filter", {"limit": 1})


def session(upstream: Upstream, seconds: float = 30) -> Session:
    return upstream.session(authorization=None, deadline=asyncio.get_running_loop().time() + seconds, trace=True)


def told(error: UpstreamError) -> tuple[Any, Any]:
    assert error.extensions is not None
    return error.extensions["code"], error.extensions["upstream"]


READS = {
    "500": (
        answer({"exception_message": "Internal Server Error"}, "500 Internal Server Error"),
        "UPSTREAM_ERROR",
        500,
        1,
    ),
    "501": (answer(b"", "501 Not Implemented"), "UPSTREAM_ERROR", 501, 1),
    "502": (answer(b"<html>bad gateway</html>", "502 Bad Gateway"), "UPSTREAM_UNAVAILABLE", 502, 4),
    "503": (
        answer({"exception_message": "Service Unavailable"}, "503 Service Unavailable"),
        "UPSTREAM_UNAVAILABLE",
        503,
        4,
    ),
    "503, then closed": (closing(answer({}, "503 Service Unavailable")), "UPSTREAM_UNAVAILABLE", 503, 4),
    "504": (answer(b"", "504 Gateway Timeout"), "UPSTREAM_UNAVAILABLE", 504, 4),
    "429": (answer({"detail": "slow down"}, "429 Too Many Requests"), "RATE_LIMITED", 429, 4),
    "429 with seconds": (answer({}, "429 Too Many Requests", {"retry-after": "0"}), "RATE_LIMITED", 429, 4),
    "429 beyond the deadline": (answer({}, "429 Too Many Requests", {"retry-after": "600"}), "RATE_LIMITED", 429, 1),
    "400": (answer({"detail": "no"}, "400 Bad Request"), "BAD_USER_INPUT", 400, 1),
    "401": (answer({"exception_message": "Unauthorized"}, "401 Unauthorized"), "UNAUTHENTICATED", 401, 1),
    "403": (answer({"detail": "not yours"}, "403 Forbidden"), "FORBIDDEN", 403, 1),
    "404": (answer({"detail": "Flow not found"}, "404 Not Found"), "NOT_FOUND", 404, 1),
    "404 of another server": (answer(b"404 page not found", "404 Not Found"), "UPSTREAM_ERROR", 404, 1),
    "405": (answer({"detail": "Method Not Allowed"}, "405 Method Not Allowed"), "UPSTREAM_ERROR", 405, 1),
    "409": (answer({"detail": "twice"}, "409 Conflict"), "CONFLICT", 409, 1),
    "418": (answer({"detail": "teapot"}, "418 I'm a teapot"), "UPSTREAM_ERROR", 418, 1),
    "unknown status": (answer({}, "599 Odd"), "UPSTREAM_ERROR", 599, 1),
    "redirect": (
        answer(b"", "307 Temporary Redirect", {"location": "http://10.9.8.7/login"}),
        "UPSTREAM_ERROR",
        307,
        1,
    ),
    "HTML": (HTML, "UPSTREAM_ERROR", 200, 1),
    "cut-off JSON": (answer(b'[{"id": "1", "na'), "UPSTREAM_ERROR", 200, 1),
    "NaN": (answer(b'[{"x": NaN}]'), "UPSTREAM_ERROR", 200, 1),
    "not UTF-8": (answer(b'["\xff\xfe"]'), "UPSTREAM_ERROR", 200, 1),
    "cut-off body": (cut, "UPSTREAM_ERROR", None, 4),
    "broken gzip": (answer(b"no gzip", headers={"content-encoding": "gzip"}), "UPSTREAM_ERROR", None, 4),
    "no HTTP": (closing(lambda exchange: exchange.send(b"SSH-2.0-OpenSSH\r\n\r\n")), "UPSTREAM_UNAVAILABLE", None, 4),
    "hang up": (hang_up, "UPSTREAM_UNAVAILABLE", None, 4),
    "reset": (reset, "UPSTREAM_UNAVAILABLE", None, 4),
}


@pytest.mark.parametrize(("step", "code", "status", "calls"), READS.values(), ids=READS)
async def test_a_read_that_fails_is_an_error_with_code_and_status(
    connect: Connect, step: Step, code: str, status: int | None, calls: int
) -> None:
    async with scripted(*[step] * calls, answer([])) as server, connect(server.url) as upstream:
        asked = session(upstream)
        with pytest.raises(UpstreamError) as failure:
            await asked.read(*FILTER)
        assert told(failure.value) == (code, {"status": status, "method": "POST", "path": "/flows/filter"})
        assert len([request for request in server.requests if request.method == "POST"]) == calls
        assert [(call["status"], call["rows"]) for call in asked.calls] == [(status, None)]
        assert all(secret not in failure.value.message for secret in ("127.0.0.1", "10.9.8.7", "Traceback"))
        assert await asked.read(*FILTER) == []


WRITES = {
    "503": (answer({}, "503 Service Unavailable"), "UPSTREAM_UNAVAILABLE", 503),
    "429": (answer({}, "429 Too Many Requests", {"retry-after": "0"}), "RATE_LIMITED", 429),
    "500": (answer({}, "500 Internal Server Error"), "UPSTREAM_ERROR", 500),
    "hang up": (hang_up, "UPSTREAM_UNAVAILABLE", None),
    "reset": (reset, "UPSTREAM_UNAVAILABLE", None),
    "cut-off body": (cut, "UPSTREAM_ERROR", None),
    "cut-off JSON": (answer(b"[{"), "UPSTREAM_ERROR", 200),
}


@pytest.mark.parametrize(("step", "code", "status"), WRITES.values(), ids=WRITES)
async def test_a_write_is_never_repeated(connect: Connect, step: Step, code: str, status: int | None) -> None:
    async with scripted(step, answer({"id": "1"}, "201 Created")) as server, connect(server.url) as upstream:
        with pytest.raises(UpstreamError) as failure:
            await session(upstream).write("POST", "/flows/", {"name": "a"})
        assert told(failure.value) == (code, {"status": status, "method": "POST", "path": "/flows/"})
        assert len(server.requests) == 1
        assert ("may or may not have happened" in failure.value.message) == (status != 429)
        assert await session(upstream).write("POST", "/flows/", {"name": "a"}) == {"id": "1"}


SLOW = {"before headers": hang, "in the body": hang_in_body, "drip": drip}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("verb", ["read", "write"])
async def test_the_deadline_holds_however_the_upstream_hangs(connect: Connect, step: Step, verb: str) -> None:
    async with scripted(step, answer([])) as server, connect(server.url) as upstream:
        with pytest.raises(UpstreamError) as failure:
            await getattr(session(upstream, 0.2), verb)(*FILTER)
        assert told(failure.value)[0] == "UPSTREAM_TIMEOUT"
        assert len(server.requests) == 1
        assert ("may or may not have happened" in failure.value.message) == (verb == "write")
        assert await session(upstream).read(*FILTER) == []


async def test_queueing_counts_towards_the_deadline(connect: Connect) -> None:
    async with scripted(hang) as server, connect(server.url, max_concurrency=1) as upstream:
        first = asyncio.create_task(session(upstream).read("GET", "/flows/1"))
        await server.until(1)
        with pytest.raises(UpstreamError) as failure:
            await session(upstream, 0.1).read("GET", "/flows/2")
        assert told(failure.value)[0] == "UPSTREAM_TIMEOUT"
        assert len(server.requests) == 1
        first.cancel()


async def test_a_call_that_nobody_waits_for_counts_until_it_ends(
    connect: Connect, request: pytest.FixtureRequest
) -> None:
    """Over httpx it ends at once, over pyreqwest when it is answered or has lasted the longest."""
    go = asyncio.Event()
    async with (
        scripted(after(go, answer([1])), answer([2])) as server,
        connect(server.url, max_concurrency=1) as upstream,
    ):
        first = asyncio.create_task(session(upstream).read("GET", "/flows/1"))
        await server.until(1)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(session(upstream).read("GET", "/flows/2"))
        if request.node.callspec.params["transport"] == "pyreqwest":
            await asyncio.sleep(0.1)
            assert len(server.requests) == 1
            go.set()
        assert await asyncio.wait_for(second, 5) == [2]


@pytest.mark.parametrize("verb", ["read", "write"])
async def test_nothing_is_sent_after_the_deadline(connect: Connect, verb: str) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        with pytest.raises(UpstreamError) as failure:
            await getattr(session(upstream, 0), verb)(*FILTER)
        assert told(failure.value)[0] == "UPSTREAM_TIMEOUT"
        assert await session(upstream).read("GET", "/version") == []
        assert [request.target for request in server.requests] == ["/api/version"]


@pytest.mark.parametrize("verb", ["read", "write"])
async def test_a_refused_connection_is_unavailable_and_the_write_certainly_not_done(
    connect: Connect, verb: str
) -> None:
    async with connect(refused_url()) as upstream:
        with pytest.raises(UpstreamError) as failure:
            await getattr(session(upstream), verb)(*FILTER)
        assert told(failure.value)[0] == "UPSTREAM_UNAVAILABLE"
        assert failure.value.message == "The Prefect API cannot be reached: POST /flows/filter was not sent."


@pytest.mark.parametrize("retries", [0, 2])
async def test_reads_are_repeated_as_often_as_set(connect: Connect, retries: int) -> None:
    async with (
        scripted(answer({}, "503 Service Unavailable")) as server,
        connect(server.url, retries=retries) as upstream,
    ):
        with pytest.raises(UpstreamError):
            await session(upstream).read(*FILTER)
        assert len(server.requests) == retries + 1


PASSING = {
    "503, then closed": closing(answer({}, "503 Service Unavailable")),
    "429 with a date": answer(
        {},
        "429 Too Many Requests",
        {"retry-after": format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)},
    ),
    "hang up": hang_up,
    "reset": reset,
    "cut-off body": cut,
}


@pytest.mark.parametrize("step", PASSING.values(), ids=PASSING)
async def test_a_read_outlives_a_passing_fault(connect: Connect, step: Step) -> None:
    async with scripted(step, answer([{"id": "1"}])) as server, connect(server.url) as upstream:
        asked = session(upstream)
        assert await asked.read(*FILTER) == [{"id": "1"}]
        assert [request.json for request in server.requests] == [FILTER[2]] * 2
        assert [(call["status"], call["rows"]) for call in asked.calls] == [(200, 1)]


async def test_a_connection_that_was_closed_while_idle_costs_no_error(connect: Connect) -> None:
    # One repetition: the news of the close may not have come when the next request is sent.
    async with scripted(closing(answer([]))) as server, connect(server.url, retries=1) as upstream:
        for _ in range(3):
            await session(upstream).read(*FILTER)
            await server.requests[-1].writer.wait_closed()
        assert server.connections == 3


async def test_a_healthy_connection_is_kept(connect: Connect) -> None:
    async with scripted(answer([])) as server, connect(server.url) as upstream:
        for _ in range(3):
            await session(upstream).read(*FILTER)
        assert server.connections == 1


WORDS = {
    "detail": ({"detail": "Flow run not found."}, "Flow run not found"),
    "where and what": (
        {
            "exception_message": "Invalid request received.",
            "exception_detail": [
                {"loc": ["body", "flows", "id", "any_", 0], "msg": "Input should be a valid UUID", "input": "x"},
                {"loc": ["body", "limit"], "msg": "Input should be less than 200", "input": 201},
            ],
            "request_body": {"limit": 201},
        },
        "Invalid request received: body.flows.id.any_.0: Input should be a valid UUID; body.limit: Input should be less than 200",
    ),
    "FastAPI's own": ({"detail": [{"loc": ["path", "id"], "msg": "bad id"}]}, "path.id: bad id"),
    "an object": ({"detail": {"reason": "x"}}, '{"reason":"x"}'),
    "a stack trace": ({"detail": "It failed.\nTraceback (most recent call last):\n  File x.py"}, "It failed"),
}


@pytest.mark.parametrize(("body", "words"), WORDS.values(), ids=WORDS)
async def test_the_upstreams_own_words_are_told(connect: Connect, body: Any, words: str) -> None:
    async with scripted(answer(body, "422 Unprocessable Entity")) as server, connect(server.url) as upstream:
        with pytest.raises(UpstreamError) as failure:
            await session(upstream).read(*FILTER)
        assert failure.value.message.endswith(f": {words}.")
        assert failure.value.message.startswith("The Prefect API answered POST /flows/filter with 422 Unprocessable")


async def test_the_words_are_bounded(connect: Connect) -> None:
    problems = [{"loc": ["body", "any_", n], "msg": f"{n} is no UUID"} for n in range(500)]
    bodies = ({"exception_detail": problems}, {"detail": "x" * 100_000})
    async with scripted(*(answer(body, "422 X") for body in bodies)) as server, connect(server.url) as upstream:
        messages = []
        for _ in bodies:
            with pytest.raises(UpstreamError) as failure:
                await session(upstream).read(*FILTER)
            messages.append(failure.value.message)
        assert "0 is no UUID" in messages[0]
        assert messages[0].endswith("and 497 more.")
        assert len(messages[1]) < 700


async def test_a_failed_servers_words_stay_with_it(connect: Connect) -> None:
    step = answer({"detail": "could not connect to postgresql://prefect:secret@10.0.0.7"}, "500 Internal Server Error")
    async with scripted(step) as server, connect(server.url) as upstream:
        with pytest.raises(UpstreamError) as failure:
            await session(upstream).read(*FILTER)
        assert failure.value.message == "The Prefect API answered POST /flows/filter with 500 Internal Server Error."


async def test_an_empty_answer_is_none(connect: Connect) -> None:
    async with scripted(no_content, answer(b"")) as server, connect(server.url) as upstream:
        assert await session(upstream).write("DELETE", "/flows/1") is None
        assert await session(upstream).read("GET", "/flows/1") is None


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (answer(True), None),
        (HTML, "HTML instead of JSON"),
        (answer({}, "503 Service Unavailable"), "503 Service Unavailable"),
        (hang_up, "closed the connection"),
    ],
)
async def test_readiness_is_asked_once(connect: Connect, step: Step, reason: str | None) -> None:
    async with scripted(step) as server, connect(server.url) as upstream:
        ready = await upstream.ready()
        assert bool(ready) == (reason is None)
        assert reason is None or reason in str(ready.reason)
        assert [(request.method, request.target) for request in server.requests] == [("GET", "/api/health")]


async def test_nobody_there_is_not_ready(connect: Connect) -> None:
    async with connect(refused_url()) as upstream:
        assert not await upstream.ready()


OLDER = {
    "a route": (
        answer({"detail": "Not Found"}, "404 Not Found"),
        "has no POST /flows/filter: the server's version is 2.8.7.",
    ),
    "a method": (answer({"detail": "Method Not Allowed"}, "405 Method Not Allowed"), "the server's version is 2.8.7."),
    "a key": (
        answer(
            {
                "exception_detail": [
                    {"loc": ["body", "flows", "x"], "msg": "not permitted", "type": "value_error.extra"}
                ]
            },
            "422 Unprocessable Entity",
        ),
        "body.flows.x: not permitted. The server's version is 2.8.7.",
    ),
    "a value": (
        answer(
            {"exception_detail": [{"loc": ["body", "sort"], "msg": "not one of", "type": "enum"}]},
            "422 Unprocessable Entity",
        ),
        "body.sort: not one of. The server's version is 2.8.7.",
    ),
}


@pytest.mark.parametrize(("step", "said"), OLDER.values(), ids=OLDER)
async def test_what_an_older_server_does_not_know_is_told_with_its_version_read_once(
    connect: Connect, step: Step, said: str
) -> None:
    async with scripted(step, answer("2.8.7"), step) as server, connect(server.url) as upstream:
        for _ in range(2):
            with pytest.raises(UpstreamError) as failure:
                await session(upstream).read(*FILTER)
            assert failure.value.message.endswith(said)
        assert [request.target for request in server.requests].count("/api/admin/version") == 1


async def test_a_refusal_for_another_reason_does_not_ask_for_the_version(connect: Connect) -> None:
    problem = {"loc": ["body", "offset"], "msg": "too small", "type": "greater_than_equal"}
    refused = answer({"exception_detail": [problem]}, "422 Unprocessable Entity")
    async with scripted(refused) as server, connect(server.url) as upstream:
        with pytest.raises(UpstreamError, match="too small"):
            await session(upstream).read(*FILTER)
        assert len(server.requests) == 1
