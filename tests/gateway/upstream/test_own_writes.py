"""Whoever has written and then reads sees what was written, however calls overlap and are shared, in several workers too."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Settings
from gateway.upstream import Session, Upstream
from gateway.upstream.transport import Lost, Reply
from gateway.upstream.writes import Writes
from resolvers.errors import UpstreamError

CALLERS = ("Bearer a", "Bearer b")


class Database:
    """A server's state, a number that every write makes greater; each call takes two turns, to be done and to be answered."""

    ends_cancelled = True

    def __init__(self, random: Random) -> None:
        self.version = 0
        self.turns: list[asyncio.Future[None]] = []
        self._random = random

    async def send(self, _method: str, path: str, _body: bytes | None, _headers: Mapping[str, str]) -> Reply:
        await self._turn()
        if path == "/flows/":
            self.version += 1
        version = self.version
        await self._turn()
        if self._random.random() < 0.1:
            raise Lost(str(version))
        return 200, {}, b"%d" % version

    async def aclose(self) -> None:
        pass

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self.turns.append(turn)
        await turn

    def take_turn(self) -> None:
        """Let one of the calls go on."""
        self.turns = [turn for turn in self.turns if not turn.done()]
        if self.turns:
            self._random.choice(self.turns).set_result(None)


class Story:
    """Calls that overlap at random; `known` is the least version that a read which begins now must see."""

    def __init__(self, random: Random, workers: int) -> None:
        writes = Writes()
        self.random = random
        self.database = Database(random)
        self.known = 0
        self.calls: list[asyncio.Task[None]] = []
        self.shared = 0
        self._workers = [Upstream(self.database, Settings(), writes) for _ in range(workers)]
        self._queries = {worker: worker.flights() for worker in self._workers}

    def begin(self, kind: str) -> None:
        """Begin a read, a write or a whole query, on behalf of one of the callers by one of the workers."""
        worker, caller = self.random.choice(self._workers), self.random.choice(CALLERS)
        self.calls.append(asyncio.create_task(getattr(self, kind)(worker, caller)))

    async def write(self, worker: Upstream, caller: str) -> None:
        try:
            written = await self._session(worker, caller).write("POST", "/flows/", {})
        except UpstreamError:
            return
        self.known = max(self.known, written)

    async def read(self, worker: Upstream, caller: str) -> None:
        known, session = self.known, self._session(worker, caller)
        try:
            assert await session.read("POST", "/flows/filter", {}) >= known
        except UpstreamError:
            return
        self.shared += session.calls[0]["shared"]

    async def query(self, worker: Upstream, caller: str) -> None:
        async def execute(_flight: Any) -> int:
            first = await self._session(worker, caller).read("POST", "/flows/filter", {})
            return min(first, await self._session(worker, caller).read("POST", "/flows/filter", {}))

        known = self.known
        try:
            version, shared = await self._queries[worker].join(caller, self._deadline(), execute)
        except UpstreamError:
            return
        assert version >= known
        self.shared += shared

    def leave(self) -> None:
        """Cancel one of the calls."""
        self.random.choice(self.calls).cancel()

    async def end(self) -> None:
        """Let all calls come to their ends; raises what a call has found wrong."""
        while not all(call.done() for call in self.calls):
            self.database.take_turn()
            await settled()
        for call in self.calls:
            if not call.cancelled():
                call.result()
        for worker in self._workers:
            await worker.aclose()

    def _session(self, worker: Upstream, caller: str) -> Session:
        return worker.session(authorization=caller, deadline=self._deadline(), trace=True)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + 60


async def settled() -> None:
    """Let everything run that waits for no turn."""
    for _ in range(12):
        await asyncio.sleep(0)


async def told(seed: int, steps: list[str], workers: int) -> int:
    """Take the steps, whatever else happens by the seed; return how often a call was shared."""
    story = Story(Random(seed), workers)  # noqa: S311
    for step in steps:
        if step == "turn":
            story.database.take_turn()
        elif step == "leave" and story.calls:
            story.leave()
        elif step != "leave":
            story.begin(step)
        await settled()
    await story.end()
    return story.shared


_STEPS = ["read", "read", "query", "write", "turn", "turn", "turn", "leave"]
STEPS = st.lists(st.sampled_from(_STEPS), min_size=40, max_size=120)  # short ones seldom find what is wrong


@given(st.integers(0, 2**32), STEPS, st.integers(1, 2))
def test_a_read_is_no_older_than_what_was_written_before_it(seed: int, steps: list[str], workers: int) -> None:
    asyncio.run(told(seed, steps, workers))


def test_the_stories_do_share_calls() -> None:
    steps = ["read", "query", "turn", "read", "turn"] * 40
    assert asyncio.run(told(8, steps, 1)) > 20
