"""A case: an operation over a random upstream, in several situations, and how both executors' answers are compared."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
import pytest
from strawberry.federation import Schema

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.settings import Settings
from gateway.upstream import Upstream
from resolvers.context import Context
from resolvers.rows import JsonRows
from schema.build import build
from tests.gateway.execution.compiled.faults import Faults, drawn
from tests.gateway.execution.compiled.operations import Operation, operation
from tests.gateway.execution.compiled.upstream import RandomUpstream, Request
from tests.gateway.execution.compiled.world import world

BUILT = build()
BASE = Settings(upstream=None, retries=0, api_key=None, api_auth_string=None)
FAR = 1e9
"""A deadline that never comes."""
TRACE = b',"extensions":{"upstream":'
LISTS = re.compile(r'"any_":\[(.*?)\]')
PAGE = re.compile(r',"(limit|offset)":\d+')
LONG = re.compile(rb"(?<![\d.])\d{20,}")
WORLDS = 16
MOST_ROWS = 200
"""A page that holds all rows of a world."""
PAGES = (2, 3, 5, MOST_ROWS, MOST_ROWS)
SCHEDULES = range(1, 9)
"""Other orders of the upstream's answers, tried where the answers to the first one differ."""

PATIENT = pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited:RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""graphql-core leaves coroutines behind where the argument of a nested @skip or @include is null."""


@dataclass(frozen=True)
class Situation:
    """What may change between two runs of an operation."""

    variables: dict[str, Any]
    faults: Faults = Faults()  # noqa: RUF009  frozen
    trace: bool = False
    authorization: str | None = None

    def request(self, operation: Operation) -> GraphQLRequest:
        return GraphQLRequest(
            operation.text, FAR, self.variables, operation.name, self.authorization, self.trace, read_only=True
        )


@dataclass(frozen=True)
class Case:
    """One operation, and the situations that it is run in."""

    seed: int
    operation: Operation
    situations: tuple[Situation, ...]
    page: int

    @cached_property
    def settings(self) -> Settings:
        return BASE.model_copy(update={"page_size": self.page})


def drawn_case(seed: int) -> Case:
    """Make the case of a seed: two situations with an upstream that is well, and three with one that is not."""
    rng = random.Random(seed)  # noqa: S311  test data
    operation_, variables = operation(rng, world(seed % WORLDS), 5, seed)
    situations = [
        Situation(values, drawn(rng, operation_.text) if number > 1 else Faults(), rng.random() < 0.1)
        for number, values in enumerate(variables)
    ]
    return Case(seed, operation_, tuple(situations), rng.choice(PAGES))


@dataclass(frozen=True)
class Outcome:
    """An answer, its bytes, and the REST calls behind it."""

    answer: Answer
    content: bytes
    calls: Counter[Request]

    @property
    def traced(self) -> bool:
        """Whether a trace, where there is one, tells the calls that were made."""
        trace = self.answer.extensions.get("upstream")
        if trace is None:
            return True
        bodies = [{} if call["body"] is None else call["body"] for call in trace]
        told = Counter(
            _canonical([call["method"], call["path"], body]) for call, body in zip(trace, bodies, strict=True)
        )
        return told == Counter(_canonical([call.method, call.path, call.json]) for call in self.calls.elements())

    def shown(self, *, exact: bool) -> tuple[Any, ...]:
        """What must be equal: all bytes, but for the order of the errors and a trace.

        Not `exact`, other bytes for the same JSON are equal.
        """
        content = self.content if exact else _rewritten(self.content)
        errors, rest = parts(content)
        return (Counter(errors), rest, self.answer.executed, self.answer.status, self.answer.well_formed)


def alike(expected: Outcome, found: Outcome, faults: Faults) -> bool:
    """Tell whether two answers are equal.

    A plan copies values of the scalar JSON as the upstream wrote them: these may be the same JSON in other bytes, or an
    integer of more than 64 bits where graphql-core has the float.
    """
    exact = not (faults.foreign or faults.answers or LONG.search(found.content))
    return expected.shown(exact=exact) == found.shown(exact=exact)


def _rewritten(content: bytes) -> bytes:
    def integer(digits: str) -> float:
        return float(digits) if LONG.search(digits.encode()) else int(digits)

    return json.dumps(json.loads(content, parse_int=integer), separators=(",", ":")).encode()


def parts(content: bytes) -> tuple[list[str], bytes]:
    """Split an answer into its errors, each as canonical JSON, and the bytes of all else but a trace."""
    begin = '{"errors":'
    errors, end, text = [], 0, content.decode()
    if text.startswith(begin):
        errors, end = json.JSONDecoder().raw_decode(text, len(begin))
    data, _, _ = (rest := text[end:].encode()).rpartition(TRACE)
    return [_canonical(error) for error in errors], data or rest


def _canonical(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def execution(upstream: RandomUpstream, settings: Settings, *, compiled: bool, built: Schema = BUILT) -> Execution:
    """Make an execution as the gateway has it."""
    chosen = settings.model_copy(update={"compiled": compiled})

    def context(session: Any) -> Context:
        return Context(JsonRows(session), page=chosen.page_size, max_first=chosen.max_first)

    return Execution(built, Upstream(upstream, chosen), chosen, context)


class Executor:
    """Runs a case by one of the executors, again and again over one upstream."""

    def __init__(self, case: Case, *, compiled: bool, schedule: int = 0, built: Schema = BUILT) -> None:
        self.operation = case.operation
        self.upstream = RandomUpstream(case.seed % WORLDS, schedule=schedule)
        self.execution = execution(self.upstream, case.settings, compiled=compiled, built=built)

    async def outcome(self, situation: Situation) -> Outcome:
        self.upstream.begin(situation.faults)
        answer = await self.execution.run(situation.request(self.operation))
        return Outcome(answer, answer.content(), Counter(self.upstream.calls))

    @property
    def counts(self) -> Counter[str]:
        """How often operations were compiled, replayed and interpreted."""
        return self.execution.plans.counts if self.execution.plans else Counter()


@dataclass(frozen=True)
class Difference:
    """Where the two executors differ."""

    what: str
    case: Case
    situation: Situation
    expected: Outcome
    found: Outcome
    answered: dict[Request, bytes | str]

    def __str__(self) -> str:
        situation, operation_ = self.situation, self.case.operation
        return "\n".join(
            [
                f"{self.what}: seed {self.case.seed}, page size {self.case.page}, {situation.faults}, trace {situation.trace}",
                f"--- operation {operation_.name or ''}\n{operation_.text}",
                f"--- variables\n{json.dumps(situation.variables)}",
                f"--- graphql-core\n{self.expected.content.decode()[:6_000]}",
                f"--- compiled\n{self.found.content.decode()[:6_000]}",
                *self._calls("calls that only graphql-core made", self.expected.calls - self.found.calls),
                *self._calls("calls that only the compiled executor made", self.found.calls - self.expected.calls),
                "--- the upstream's answers",
                *(f"{request}\n    {answer[:1_500]!r}" for request, answer in self.answered.items()),
            ]
        )

    def _calls(self, title: str, some: Counter[Request]) -> list[str]:
        return [f"--- {title}", *map(str, some.elements())] if some else []


def differs(faults: Faults, expected: Outcome, found: Outcome) -> str:
    """Tell what differs; empty where nothing does."""
    if not alike(expected, found, faults):
        return "The answers differ"
    if not (found.traced or found.answer.errors):  # an error ends calls that are not sent yet
        return "The trace differs from the calls"
    if not faults and expected.calls != found.calls:
        return "The REST calls differ"
    if any(number > max(1, expected.calls[request]) for request, number in found.calls.items()):
        return "A REST call was repeated"
    return ""


def batched(calls: Iterable[Request]) -> dict[str, set[str]]:
    """Return what was asked for by lists of ids or names, whichever calls they were asked in."""
    asked: dict[str, set[str]] = {}
    for request in calls:
        items = [item for some in LISTS.findall(str(request)) for item in some.split(",")]
        asked.setdefault(LISTS.sub("", PAGE.sub("", str(request))), set()).update(items)
    return asked


def _in_other_batches(page: int, faults: Faults, expected: Outcome, found: Outcome) -> bool:
    """Tell whether no more calls asked for the same, and other calls failed or none.

    A plan reads a level at once, graphql-core what is known to be needed at the moment. Where pages are small, what is
    asked for together may fill one, and is asked for again, each by itself.
    """
    if expected.calls == found.calls or batched(expected.calls) != batched(found.calls):
        return False
    failing = faults.calls or faults.answers or faults.lists
    few = page < MOST_ROWS or found.calls.total() <= expected.calls.total()
    return bool(failing) or (few and alike(expected, found, faults))


class Comparison:
    """Compares the executors on cases, and counts what they did; the compiled one executes the schema `built`.

    `racy` is where graphql-core itself gives another answer, or makes other calls, when the upstream answers in another
    order, or where the same was asked for by other calls (`_in_other_batches`).
    """

    def __init__(self, built: Schema = BUILT) -> None:
        self.runs = 0
        self.racy = 0
        self.seen: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self._built = built

    async def difference(self, case: Case) -> Difference | None:
        """Return the first difference of a case, None where there is none.

        Each situation comes twice, since an operation is compiled when it comes again.
        """
        interpreted, compiled = Executor(case, compiled=False), Executor(case, compiled=True, built=self._built)
        for situation in case.situations:
            expected = await interpreted.outcome(situation)
            for _ in range(2):
                found = await compiled.outcome(situation)
                what = differs(situation.faults, expected, found)
                if what and _in_other_batches(case.page, situation.faults, expected, found):
                    self.racy += 1
                elif what and not await self._by_another_order(case, situation, found):
                    answered = interpreted.upstream.answered | compiled.upstream.answered
                    return Difference(what, case, situation, expected, found, answered)
            self._count(situation, expected)
        self.counts += compiled.counts
        return None

    async def _by_another_order(self, case: Case, situation: Situation, found: Outcome) -> bool:
        """Tell whether graphql-core gives the same where the upstream answers in another order."""
        for schedule in SCHEDULES:
            expected = await Executor(case, compiled=False, schedule=schedule).outcome(situation)
            if not differs(situation.faults, expected, found):
                self.racy += 1
                return True
        return False

    def _count(self, situation: Situation, outcome: Outcome) -> None:
        self.runs += 1
        self.seen["refused" if not outcome.answer.executed else "erring" if outcome.answer.errors else "right"] += 1
        self.seen["faults" if situation.faults else "no faults"] += 1
        self.seen.update(codes(outcome.answer.errors))


def codes(errors: Iterable[dict[str, Any]]) -> list[str]:
    return [error["extensions"]["code"] for error in errors]
