"""Requests at once, many of them identical, are answered as each is alone: other callers and callers that leave change nothing."""

import asyncio
import random
from collections import Counter
from dataclasses import replace

from gateway.execution import Execution, run_batch
from gateway.settings import Settings
from tests.gateway.execution.compiled.alike import (
    PAGES,
    PATIENT,
    SCHEDULES,
    WORLDS,
    Case,
    Executor,
    Outcome,
    Situation,
    alike,
    drawn_case,
    execution,
)
from tests.gateway.execution.compiled.faults import Faults, drawn
from tests.gateway.execution.compiled.operations import operation
from tests.gateway.execution.compiled.test_alike import CASES, SEED
from tests.gateway.execution.compiled.upstream import RandomUpstream
from tests.gateway.execution.compiled.world import world

pytestmark = PATIENT

CALLERS = [None, None, "a", "bb"]
"""Credentials; their lengths choose the world that the upstream shows to them."""
WAVES = 3
SIZE = 10


def crowd(rng: random.Random, seed: int) -> list[Case]:
    """Draw requests over one upstream, each a case with one situation; some come more than once."""
    page = rng.choice(PAGES)
    operations = [operation(rng, world(seed % WORLDS), 2, 2 * seed + each) for each in range(2)]
    faults = drawn(rng, "".join(each.text for each, _ in operations)) if rng.random() < 0.5 else Faults()
    some = [
        Case(seed, each, (Situation(values, faults, rng.random() < 0.1, authorization),), page)
        for each, variables in operations
        for values in variables
        for authorization in CALLERS
    ]
    return rng.choices(some, k=SIZE)


class Alone:
    """What graphql-core answers to the requests of a crowd, each alone."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Outcome] = {}
        self._executors: dict[tuple[int, int], Executor] = {}

    async def answers(self, case: Case, found: Outcome) -> bool:
        """Tell whether graphql-core answers a request so, the upstream's answers coming in some order."""
        [situation] = case.situations
        for schedule in (0, *SCHEDULES):
            if alike(await self._outcome(case, schedule), found, situation.faults):
                return True
        return False

    async def _outcome(self, case: Case, schedule: int) -> Outcome:
        executor = self._executors.setdefault(
            (id(case.operation), schedule), Executor(case, compiled=False, schedule=schedule)
        )
        place = (id(case), schedule)
        if place not in self._known:
            self._known[place] = await executor.outcome(case.situations[0])
        return self._known[place]


async def test_requests_at_once() -> None:
    for seed in range(SEED, SEED + CASES // 10):
        rng = random.Random(seed)  # noqa: S311  test data
        requests = crowd(rng, seed)
        [situation] = requests[0].situations
        upstream = RandomUpstream(seed % WORLDS, situation.faults, schedule=seed)
        together, alone = execution(upstream, requests[0].settings, compiled=True), Alone()
        for _ in range(WAVES):
            for case, found in await wave(together, requests, rng):
                told = f"seed {seed}\n{case.operation}\n{case.situations}\n{found.content.decode()[:4_000]}"
                assert await alone.answers(case, found), told


async def test_a_batch_is_answered_as_each_is_alone_with_no_more_calls() -> None:
    saved = 0
    for seed in range(SEED, SEED + CASES // 10):
        settings, batch = one_batch(seed)
        upstream = RandomUpstream(seed % WORLDS)
        together = execution(upstream, settings, compiled=True)
        requests = [case.situations[0].request(case.operation) for case in batch]
        alone = [await Executor(case, compiled=False).outcome(case.situations[0]) for case in batch]
        for _ in range(2):
            upstream.begin(Faults())
            answers = await run_batch(together, requests, settings)
            for case, expected, answer in zip(batch, alone, answers, strict=True):
                found = Outcome(answer, answer.content(), Counter())
                assert alike(expected, found, Faults()), (
                    f"seed {seed}\n{case.operation}\n{found.content.decode()[:4_000]}"
                )
            fewer = sum(each.calls.total() for each in alone) - len(upstream.calls)
            assert fewer >= 0
            saved += fewer
    assert saved


def one_batch(seed: int) -> tuple[Settings, list[Case]]:
    """Draw several operations over one upstream, and one of them several times: both ways of executing a batch."""
    drawn_cases = [drawn_case(each) for each in (seed, seed + WORLDS, seed + 2 * WORLDS)]
    if seed % 2:
        drawn_cases = [replace(drawn_cases[0], situations=(each,)) for each in drawn_cases[0].situations[:2]]
    unbounded = dict.fromkeys(
        ("max_tokens", "max_aliases", "max_directives", "max_root_fields", "max_fields", "max_rows"), 10**9
    )
    settings = drawn_cases[0].settings.model_copy(update=unbounded)
    return settings, [replace(case, page=settings.page_size) for case in drawn_cases]


async def wave(executing: Execution, requests: list[Case], rng: random.Random) -> list[tuple[Case, Outcome]]:
    """Make the requests at once; let some of the callers leave. Return what the others were answered."""
    tasks = [asyncio.create_task(executing.run(each.situations[0].request(each.operation))) for each in requests]
    leaving = {number for number in range(SIZE) if rng.random() < 0.2}
    for _ in range(rng.randrange(8)):
        await asyncio.sleep(0)
    for number in leaving:
        tasks[number].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    found = []
    for number, (case, answer) in enumerate(zip(requests, answers, strict=True)):
        if isinstance(answer, BaseException):
            assert isinstance(answer, asyncio.CancelledError), repr(answer)
            assert number in leaving
        else:
            found.append((case, Outcome(answer, answer.content(), Counter())))
    return found
