"""Answers that stay undecoded until somebody knows what to decode, and then are decoded once for all."""

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.upstream import Session, Upstream
from resolvers.errors import NotFound, Unavailable, UpstreamTimeout
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.scripted import after, answer, hang, scripted

FLOWS: tuple[str, str, dict[str, Any]] = ("POST", "/flows/filter", {"limit": 1})


class Row(msgspec.Struct):
    id: str


ROWS = msgspec.json.Decoder(list[Row])


def session(upstream: Upstream, seconds: float = 30, *, trace: bool = False) -> Session:
    return upstream.session(authorization=None, deadline=asyncio.get_running_loop().time() + seconds, trace=trace)


async def test_rows_are_decoded_once_for_all_who_share_the_answer(connect: Connect) -> None:
    go = asyncio.Event()
    async with scripted(after(go, answer([{"id": "1", "name": "a"}]))) as server, connect(server.url) as upstream:
        asked = [asyncio.create_task(session(upstream).answer(*FLOWS)) for _ in range(2)]
        await server.until(1)
        go.set()
        first, second = [(await task).rows(ROWS) for task in asked]
        assert first == [Row("1")]
        assert first is second
        assert asked[0].result().rows(msgspec.json.Decoder(list[Row])) is not first
        assert asked[0].result().json == [{"id": "1", "name": "a"}]


async def test_rows_that_do_not_fit_are_an_error_each_time(connect: Connect) -> None:
    async with scripted(answer([{"id": 1}])) as server, connect(server.url) as upstream:
        answered = await session(upstream).answer(*FLOWS)
        for _ in range(2):
            with pytest.raises(msgspec.ValidationError, match=r"\$\[0\]\.id"):
                answered.rows(ROWS)
        assert answered.rows(msgspec.json.Decoder(list[dict[str, int]])) == [{"id": 1}]


@pytest.mark.parametrize("trace", [False, True])
async def test_a_bad_answer_is_the_error_that_a_read_raises(connect: Connect, trace: bool) -> None:
    steps = (answer({"detail": "Flow not found"}, "404 Not Found"), answer({}, "503 Service Unavailable"))
    async with scripted(*steps) as server, connect(server.url, retries=0) as upstream:
        with pytest.raises(NotFound, match="404 Not Found: Flow not found"):
            await session(upstream, trace=trace).answer(*FLOWS)
        with pytest.raises(Unavailable, match="503"):
            await session(upstream, trace=trace).answer(*FLOWS)


async def test_an_undecoded_answer_is_recorded_with_its_rows(connect: Connect) -> None:
    steps = (answer([{"id": "1"}, {}]), answer({"a": 1}), answer(b"[{"), answer([1], "500 X"))
    async with scripted(*steps) as server, connect(server.url) as upstream:
        asked = session(upstream, trace=True)
        for _ in range(3):
            await asked.answer(*FLOWS)
        with pytest.raises(Exception, match="500"):
            await asked.answer(*FLOWS)
        assert [(call["status"], call["rows"]) for call in asked.calls] == [
            (200, 2),
            (200, None),
            (200, None),
            (500, None),
        ]


async def test_a_closed_session_stays_closed(connect: Connect) -> None:
    async with scripted(hang) as server, connect(server.url) as upstream:
        asked = session(upstream)
        reading = asyncio.create_task(asked.read(*FLOWS))
        await server.until(1)
        asked.close()
        for late in (reading, asked.read(*FLOWS)):
            with pytest.raises(UpstreamTimeout):
                await late
        assert len(server.requests) == 1
