"""Identical reads in flight share one call, and nobody misses a write because of it."""

import asyncio

import pytest

from gateway.upstream import Session, Upstream
from gateway.upstream.sharing import Flight
from resolvers.errors import UpstreamError
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.scripted import after, answer, hang, scripted

FLOWS = ("POST", "/flows/filter", {"limit": 1})


def session(upstream: Upstream, authorization: str | None = None, seconds: float = 30) -> Session:
    return upstream.session(
        authorization=authorization, deadline=asyncio.get_running_loop().time() + seconds, trace=True
    )


def started(asked: Session, *call: object) -> "asyncio.Task[object]":
    return asyncio.create_task(asked.read(*(call or FLOWS)))  # type: ignore[arg-type]  # any call of the test's


async def test_identical_reads_in_flight_are_one_call(connect: Connect) -> None:
    go = asyncio.Event()
    async with scripted(after(go, answer([{"id": "1"}]))) as server, connect(server.url) as upstream:
        sessions = [session(upstream) for _ in range(5)]
        reads = [started(asked) for asked in sessions]
        await server.until(1)
        late = session(upstream)
        reads.append(started(late))
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.gather(*reads) == [[{"id": "1"}]] * 6
        assert len(server.requests) == 1
        assert [call["shared"] for asked in [*sessions, late] for call in asked.calls] == [False, *[True] * 5]
        assert [(call["status"], call["rows"]) for call in late.calls] == [(200, 1)]


async def test_a_failure_is_shared_too_and_not_kept(connect: Connect) -> None:
    go = asyncio.Event()
    fails = after(go, answer({"detail": "no"}, "403 Forbidden"))
    async with scripted(fails, answer([])) as server, connect(server.url) as upstream:
        reads = [started(session(upstream)) for _ in range(3)]
        await server.until(1)
        go.set()
        errors = await asyncio.gather(*reads, return_exceptions=True)
        assert [str(error) for error in errors] == [
            "The Prefect API answered POST /flows/filter with 403 Forbidden: no."
        ] * 3
        assert len({id(error) for error in errors}) == 3
        assert await session(upstream).read(*FLOWS) == []
        assert len(server.requests) == 2


async def test_reads_one_after_the_other_are_not_shared(connect: Connect) -> None:
    async with scripted(answer([1]), answer([2])) as server, connect(server.url) as upstream:
        asked = session(upstream)
        assert [await asked.read(*FLOWS), await asked.read(*FLOWS)] == [[1], [2]]
        assert [call["shared"] for call in asked.calls] == [False, False]


@pytest.mark.parametrize(
    ("authorization", "call"),
    [
        ("Bearer b", FLOWS),
        (None, FLOWS),
        ("Bearer a", ("POST", "/flows/filter", {"limit": 2})),
        ("Bearer a", ("POST", "/flows/count", {"limit": 1})),
        ("Bearer a", ("GET", "/flows/filter", None)),
    ],
)
async def test_other_credentials_or_another_question_are_another_call(
    connect: Connect, authorization: str | None, call: tuple[str, str, object]
) -> None:
    go = asyncio.Event()
    async with scripted(after(go, answer([]))) as server, connect(server.url) as upstream:
        reads = [started(session(upstream, "Bearer a")), started(session(upstream, authorization), *call)]
        await server.until(2)
        go.set()
        await asyncio.gather(*reads)
        assert {request.headers.get("authorization") for request in server.requests} == {"Bearer a", authorization}


async def test_one_who_leaves_does_not_take_the_others_call(connect: Connect) -> None:
    go = asyncio.Event()
    async with scripted(after(go, answer([7]))) as server, connect(server.url) as upstream:
        first, second = started(session(upstream)), started(session(upstream))
        await server.until(1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go.set()
        assert await second == [7]
        assert len(server.requests) == 1


async def test_one_who_runs_out_of_time_does_not_take_the_others_call(connect: Connect) -> None:
    go = asyncio.Event()
    async with scripted(after(go, answer([7]))) as server, connect(server.url) as upstream:
        hasty, patient = started(session(upstream, seconds=0.1)), started(session(upstream))
        with pytest.raises(UpstreamError, match="deadline"):
            await hasty
        go.set()
        assert await patient == [7]
        assert len(server.requests) == 1


async def test_when_all_have_left_the_call_is_ended(connect: Connect) -> None:
    gone = asyncio.Event()

    async def watched(exchange: object) -> None:
        await hang(exchange)  # type: ignore[arg-type]  # the step's own argument
        gone.set()

    async with scripted(watched, answer([8])) as server, connect(server.url, longest=0.5) as upstream:
        reads = [started(session(upstream)) for _ in range(2)]
        await server.until(1)
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        assert await session(upstream).read(*FLOWS) == [8]
        await gone.wait()


async def test_a_read_that_comes_after_a_write_has_begun_is_a_new_call(connect: Connect) -> None:
    old, written = asyncio.Event(), asyncio.Event()
    steps = (after(old, answer(["old"])), after(written, answer({})), answer(["new"]))
    async with scripted(*steps) as server, connect(server.url) as upstream:
        before = started(session(upstream))
        await server.until(1)
        write = asyncio.create_task(session(upstream).write("POST", "/flows/", {"name": "a"}))
        await server.until(2)
        assert await session(upstream).read(*FLOWS) == ["new"]
        written.set()
        old.set()
        assert await write == {}
        assert await before == ["old"]


async def test_a_read_that_comes_after_a_write_has_ended_joins_none_from_during_it(connect: Connect) -> None:
    written, during = asyncio.Event(), asyncio.Event()
    steps = (after(written, answer({})), after(during, answer(["during"])), answer(["new"]))
    async with scripted(*steps) as server, connect(server.url) as upstream:
        write = asyncio.create_task(session(upstream).write("POST", "/flows/", {"name": "a"}))
        await server.until(1)
        read = started(session(upstream))
        await server.until(2)
        written.set()
        await write
        assert await session(upstream).read(*FLOWS) == ["new"]
        during.set()
        assert await read == ["during"]


async def test_a_failed_write_ends_the_sharing_too(connect: Connect) -> None:
    written, during = asyncio.Event(), asyncio.Event()
    steps = (after(written, answer({}, "500 X")), after(during, answer(["during"])), answer(["new"]))
    async with scripted(*steps) as server, connect(server.url) as upstream:
        write = asyncio.create_task(session(upstream).write("POST", "/flows/", {"name": "a"}))
        await server.until(1)
        read = started(session(upstream))
        await server.until(2)
        written.set()
        with pytest.raises(UpstreamError):
            await write
        assert await session(upstream).read(*FLOWS) == ["new"]
        during.set()
        assert await read == ["during"]


async def test_identical_writes_are_never_one(connect: Connect) -> None:
    go = asyncio.Event()
    async with scripted(after(go, answer({}))) as server, connect(server.url) as upstream:
        writes = [asyncio.create_task(session(upstream).write("POST", "/flows/", {"name": "a"})) for _ in range(2)]
        await server.until(2)
        go.set()
        assert await asyncio.gather(*writes) == [{}, {}]


async def test_closing_ends_what_is_in_flight(connect: Connect) -> None:
    async with scripted(hang) as server:
        async with connect(server.url) as upstream:
            read = started(session(upstream))
            await server.until(1)
        with pytest.raises(asyncio.CancelledError):
            await read


async def test_a_write_closes_every_table_of_flights_at_its_start_and_its_end(connect: Connect) -> None:
    written, go = asyncio.Event(), asyncio.Event()

    async def flown(flight: Flight[str]) -> str:
        await go.wait()
        return "flown"

    async with scripted(after(written, answer({}))) as server, connect(server.url) as upstream:
        table = upstream.flights()

        def joined() -> "asyncio.Task[tuple[str, bool]]":
            return asyncio.create_task(table.join("query", 1.0, flown))

        before = [joined(), joined()]
        await asyncio.sleep(0)
        write = asyncio.create_task(session(upstream).write("POST", "/flows/", {"name": "a"}))
        await server.until(1)
        during = [joined(), joined()]
        await asyncio.sleep(0)
        written.set()
        await write
        afterwards = joined()
        await asyncio.sleep(0)
        go.set()
        shared = [(await task)[1] for task in (*before, *during, afterwards)]
        assert shared == [False, True, False, True, False]
