"""What the gateway is to reach, and whether it did."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.peers import OURS
from tests.bench.results import Results, cpu, rate

Measure = Callable[[Results], float | None]


@dataclass(frozen=True)
class Target:
    """A ratio that is at least, or where `most` is set at most, a number."""

    what: str
    measure: Measure
    bound: float
    most: bool = False

    def reached(self, value: float) -> bool:
        """Tell whether a value is on the right side."""
        return value <= self.bound if self.most else value >= self.bound


def _requests(operation: str, peer: str) -> Measure:
    return lambda results: results.ratio((OURS, operation), (peer, operation), rate)


def _cpu(operation: str, peer: str) -> Measure:
    return lambda results: results.ratio((peer, operation), (OURS, operation), cpu)


def _against_own(operation: str, other: str) -> Measure:
    return lambda results: results.ratio((OURS, operation), (OURS, other), cpu)


def _memory(operation: str, peer: str) -> Measure:
    """Compare what is resident in the first round, when little else has been asked yet: later, it is that of all queries."""

    def measure(results: Results) -> float | None:
        ours, others = results.of(OURS, operation), results.of(peer, operation)
        return ours[0]["memory"] / others[0]["memory"] if ours and others else None

    return measure


def _workers(results: Results) -> float | None:
    found = results.two_workers("1 worker", "2 workers")
    return found[1] if found else None


TARGETS = (
    Target("(a) requests/s against Tailcall", _requests("a", "tailcall"), 5),
    Target("(a) CPU against Tailcall", _cpu("a", "tailcall"), 5),
    Target("(a) requests/s against Hive Gateway", _requests("a", "hive"), 20),
    Target("(a) CPU against Hive Gateway", _cpu("a", "hive"), 20),
    Target("(a) requests/s against naive Strawberry", _requests("a", "naive"), 40),
    Target("(a) CPU against naive Strawberry", _cpu("a", "naive"), 40),
    Target("(e) CPU against Tailcall", _cpu("e", "tailcall"), 2.5),
    Target("(d1) CPU against Python by hand", _cpu("d1", "floor"), 3),
    Target("(g) CPU over that of (a)", _against_own("g", "a"), 5, most=True),
    Target("new document over graphql-core", Results.document_ratio, 1.3, most=True),
    Target("(a) memory over Hive Gateway's", _memory("a", "hive"), 0.25, most=True),
    Target("2 workers over 1, on free cores", _workers, 1.8),
)
