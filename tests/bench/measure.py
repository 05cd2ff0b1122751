"""The measurements: which gateway is asked what, in which order, and what is noted of each run."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench import load
from tests.bench.load import Load
from tests.bench.peers import GATEWAYS, ONE_WORKER, OURS, RAISED, TWO_WORKERS, Gateway
from tests.bench.processes import CACHE, Unusable
from tests.bench.queries import DEPTH, MAIN, ROWS, Operation
from tests.bench.stand import Stand
from tests.bench.usage import settle, usage

CONNECTIONS = 32
ENOUGH = 10
"""Answers for each connection, below which what is begun and not ended would count."""
LONGEST = 12
ALONE = {"d1": 1}
"""Connections of the queries that do not have `CONNECTIONS` of them."""
SECTIONS = ("rows", "depth", "workers", "documents")
"""What is measured beside the queries."""


@dataclass(frozen=True)
class Cell:
    """A gateway, what it is asked, and over how many connections."""

    gateway: Gateway
    operation: Operation
    connections: int = CONNECTIONS
    share: float = 1
    """The part of a run's seconds that it needs."""

    @property
    def name(self) -> str:
        """Name the cell for people."""
        return f"{self.operation.name}: {self.gateway.title}"


@dataclass(frozen=True)
class Sample:
    """One run: requests, seconds of it and of processor time, latencies in milliseconds, memory in bytes.

    `busiest` is the share of the processor time that one process had: workers should share it evenly.
    """

    gateway: str
    operation: str
    round: int
    requests: int
    seconds: float
    cpu: float
    p50: float
    p99: float
    memory: int
    busiest: float
    calls: int
    failed: int


@dataclass(frozen=True)
class Plan:
    """All cells, each measured in every round, one after the other."""

    cells: tuple[Cell, ...]
    rounds: int
    seconds: float

    @property
    def gateways(self) -> list[Gateway]:
        """The gateways that must run."""
        return list({cell.gateway.name: cell.gateway for cell in self.cells}.values())

    def of(self, stand: Stand) -> "Plan":
        """Leave out the gateways that are not installed."""
        return Plan(tuple(cell for cell in self.cells if cell.gateway.name in stand.pids), self.rounds, self.seconds)


def cells_of(names: set[str], peers: list[str]) -> Iterator[Cell]:
    """Make the cells of some queries and sections, for our gateway and some peers."""
    for operation in MAIN:
        if operation.name in names:
            able = (GATEWAYS[peer] for peer in peers if operation.name[0] in GATEWAYS[peer].operations)
            yield from (Cell(gateway, operation, ALONE.get(operation.name, CONNECTIONS)) for gateway in able)
    if "rows" in names:
        yield from (Cell(RAISED, operation, connections=1, share=0.5) for operation in ROWS)
    if "depth" in names:
        yield from (Cell(GATEWAYS[OURS], operation, connections=1, share=0.5) for operation in DEPTH)
    if "workers" in names:
        [different] = (operation for operation in MAIN if operation.name == "e")
        yield from (Cell(gateway, different) for gateway in (ONE_WORKER, TWO_WORKERS))


def check_all(stand: Stand, plan: Plan, advance: Callable[[str], None]) -> dict[str, str]:
    """Check each cell's answers; return what is wrong with the peers'. Ours must be right."""
    wrong = {}
    for cell in plan.cells:
        advance(f"checking {cell.name}")
        problem = stand.check(cell.gateway, cell.operation)
        if problem and cell.gateway.dialect is GATEWAYS[OURS].dialect:
            raise Unusable(f"{cell.name} answers wrongly: {problem}")
        if problem:
            wrong[f"{cell.gateway.name} {cell.operation.name}"] = problem
    return wrong


def measure_all(stand: Stand, plan: Plan, advance: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Measure each cell in each round: gateways take turns, so that a busy moment of the machine meets all of them."""
    for turn in range(plan.rounds):
        for cell in plan.cells:
            advance(f"round {turn + 1}, {cell.name}")
            yield asdict(measure(stand, cell, turn, plan.seconds * cell.share))


def measure(stand: Stand, cell: Cell, turn: int, seconds: float) -> Sample:
    """Warm a cell up, then measure it, for longer where it is so slow that it would end few requests."""
    pid = stand.pids[cell.gateway.name]
    warm = _post(stand, cell, min(1.0, seconds))
    needed = ENOUGH * cell.connections * warm.seconds / max(warm.requests, 1)
    seconds = min(max(seconds, needed), max(seconds, LONGEST))
    settle(pid)
    calls, before = stand.calls(), usage(pid)
    seen = _post(stand, cell, seconds)
    after, made = usage(pid), stand.calls() - calls
    cpu = after.since(before)
    settle(pid)
    return Sample(
        gateway=cell.gateway.name,
        operation=cell.operation.name,
        round=turn,
        requests=seen.requests,
        seconds=seen.seconds,
        cpu=sum(cpu),
        p50=seen.p50,
        p99=seen.p99,
        memory=after.memory,
        busiest=max(cpu) / (sum(cpu) or 1),
        calls=made,
        failed=seen.failed,
    )


def _post(stand: Stand, cell: Cell, seconds: float) -> Load:
    body = cell.gateway.dialect.body(cell.operation, 0, stand.run)
    return load.post(
        stand.url(cell.gateway, cell.operation),
        load.script(body, "offset", cell.operation.offsets),
        CACHE,
        connections=cell.connections,
        seconds=seconds,
        cores=stand.cores.load,
    )
