"""The queries that are measured."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.selection import Answer, Answers, Level
from tests.bench.world import PAGE, PAGES, World

MOST_ROWS = 10_000
TWELVE = (
    *("id", "name", "created", "updated", "flow_id", "deployment_id"),
    *("state_type", "state_name", "run_count", "start_time", "end_time", "total_run_time"),
)
SHORT = ("id", "name", "state_type", "start_time")
NAMED = ("id", "name")
CANCELLED = {"status": "ACCEPT", "state": {"type": "CANCELLED", "name": "Cancelled"}}


@dataclass(frozen=True)
class Query:
    """A query of rows; `pages` of them where each request asks for another page, so that nothing can be shared."""

    name: str
    title: str
    collection: str
    level: Level
    pages: int = 1

    @property
    def first(self) -> int:
        """How many rows are asked for."""
        return self.level.first or 0

    @property
    def offsets(self) -> range:
        """The offsets that requests ask for in turn."""
        return range(0, self.pages * PAGE, PAGE)

    def expected(self, answers: Answers, offset: int) -> Answer:
        """Return the right answer."""
        return answers.of(self.collection, self.level, offset)


@dataclass(frozen=True)
class Mutation:
    """A mutation: the first flow run is cancelled."""

    name: str
    title: str
    pages: int = 1
    first: int = 1
    offsets: range = range(1)

    def expected(self, _answers: Answers, _offset: int) -> Answer:
        """Return the right answer."""
        return Answer(CANCELLED)


Operation = Query | Mutation


def _run(first: int) -> Level:
    return Level(SHORT, {"flow": Level((*NAMED, "tags")), "deployment": Level(NAMED)}, first)


_FORBIDDEN = Level(SHORT, {"flow": Level((*NAMED, "tags")), "work_queue": Level(NAMED)}, PAGE)
_NESTED = Level(NAMED, {"flow_runs": Level(SHORT, {"task_runs": Level(SHORT, first=5)}, 5)}, 20)

MAIN: tuple[Operation, ...] = (
    Query("a", "50 runs with flow and deployment", "flow_runs", _run(PAGE)),
    Query("b", "20 flows, 5 runs of each, 5 task runs of each", "flows", _NESTED),
    Query("c", "1 run with flow and deployment", "flow_runs", _run(1)),
    Query("d", "1,000 runs of 12 fields", "flow_runs", Level(TWELVE, first=1_000)),
    Query("d1", "as (d), one request at a time, so that nothing is shared", "flow_runs", Level(TWELVE, first=1_000)),
    Query("e", "as (a), another page in each request, so that nothing is shared", "flow_runs", _run(PAGE), pages=PAGES),
    Mutation("f", "a mutation"),
    Query("g", "50 runs with flow and a forbidden relation", "flow_runs", _FORBIDDEN),
)

ROWS = tuple(
    Query(f"rows {first}", f"{first:,}", "flow_runs", Level(TWELVE, first=first))
    for first in (1, 10, 100, 1_000, MOST_ROWS)
)

_DEEPER: tuple[Callable[[Level | None], Level], ...] = (
    lambda below: Level(NAMED, {"flow_run": below} if below else {}, PAGE),
    lambda below: Level(NAMED, {"deployment": below} if below else {}),
    lambda below: Level(NAMED, {"flow": below} if below else {}),
    lambda below: Level(NAMED, {"deployments": below} if below else {}),
    lambda _: Level(NAMED, first=5),
)


def _deep(depth: int) -> Level:
    level: Level | None = None
    for wrap in reversed(_DEEPER[:depth]):
        level = wrap(level)
    assert level
    return level


DEPTH = tuple(Query(f"depth {depth}", f"{depth}", "task_runs", _deep(depth)) for depth in range(1, len(_DEEPER) + 1))
OPERATIONS = {operation.name: operation for operation in (*MAIN, *ROWS, *DEPTH)}


def first_run(world: World) -> str:
    """Return the id of the run that the mutation is about."""
    return str(world["flow_runs"][0]["id"])
