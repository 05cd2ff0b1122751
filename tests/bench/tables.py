"""The tables of the benchmark, as text: for the terminal and for the README."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.peers import GATEWAYS, ONE_WORKER, OURS, RAISED, TWO_WORKERS
from tests.bench.queries import DEPTH, MAIN, ROWS, Operation
from tests.bench.results import Figures, Results
from tests.bench.targets import TARGETS

NOTHING = ""
WRONG = " †"
"""Follows a figure whose answers were wrong."""


@dataclass(frozen=True)
class Table:
    """A table: its title, its heads, its rows."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def number(value: float) -> str:
    """Write a figure with three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(value: float | None) -> str:
    """Write a ratio."""
    return NOTHING if value is None else f"{number(value)}x"


def every(results: Results) -> Iterator[Table]:
    """Make all tables that there is something to say in."""
    tables = (*(query(results, operation) for operation in MAIN), *plain(results), targets(results))
    return (table for table in tables if table.rows)


def plain(results: Results) -> tuple[Table, ...]:
    """Make the tables of our gateway alone."""
    return (
        growth(results, "Runs of 12 fields, one request at a time", "rows", RAISED.name, ROWS),
        growth(results, "Relations below 50 task runs, one request at a time", "levels", OURS, DEPTH),
        others(results),
    )


def query(results: Results, operation: Operation) -> Table:
    """Tell all of one query: ratios say how many times ours is better."""
    rows = []
    for gateway in results.gateways(operation.name):
        figures = results.figures(gateway, operation.name)
        if figures is None or gateway not in GATEWAYS:
            continue
        wrong = WRONG if f"{gateway} {operation.name}" in results.wrong else NOTHING
        faster, cheaper = (None, None) if gateway == OURS else results.faster(gateway, operation.name, OURS)
        rows.append((GATEWAYS[gateway].title + wrong, *_figures(figures), times(faster), times(cheaper)))
    heads = ("gateway", *_HEADS, "ours: requests/s", "ours: CPU")
    return Table(f"({operation.name}) {operation.title}", heads, rows)


_HEADS = ("requests/s", "CPU ms", "p50 ms", "p99 ms", "MiB", "calls", "failed")


def _figures(figures: Figures) -> tuple[str, ...]:
    shown = (figures.rate, figures.cpu, figures.p50, figures.p99, figures.memory, figures.calls)
    return (*map(number, shown), str(figures.failed) if figures.failed else NOTHING)


def growth(results: Results, title: str, what: str, gateway: str, operations: Iterable[Operation]) -> Table:
    """Tell how time grows."""
    rows = [
        (operation.title, number(figures.p50), number(figures.cpu), number(figures.calls))
        for operation in operations
        if (figures := results.figures(gateway, operation.name))
    ]
    return Table(title, (what, "p50 ms", "CPU ms", "calls"), rows)


def others(results: Results) -> Table:
    """Tell of workers and new documents."""
    rows = [
        (f"(e) {gateway.name}", f"{number(figures.rate)} requests/s, {number(figures.cpu)} ms of CPU")
        for gateway in (ONE_WORKER, TWO_WORKERS)
        if (figures := results.figures(gateway.name, "e"))
    ]
    if workers := results.two_workers(ONE_WORKER.name, TWO_WORKERS.name):
        rows.append(("2 workers over 1", f"{workers[0]:.2f}x here, {workers[1]:.2f}x on cores that nothing else uses"))
    if (documents := results.document_ratio()) is not None:
        rows.append(("first request of a new document of 30 fields", f"{documents:.2f}x of graphql-core's time"))
    return Table("Also", ("what", "seen"), rows)


def targets(results: Results) -> Table:
    """Tell which targets are reached."""
    rows = []
    for target in TARGETS:
        value = target.measure(results)
        if value is not None:
            bound = f"{'at most' if target.most else 'at least'} {target.bound:g}"
            rows.append((target.what, f"{value:.2f}", bound, "yes" if target.reached(value) else "NO"))
    return Table("Targets", ("ratio", "seen", "wanted", "reached"), rows)


def overview(results: Results) -> Table:
    """Compare all gateways on all queries: requests a second, and how many times our processor time a request takes."""
    shown = [name for name in GATEWAYS if name != "tailcall-by-id" and results.asked(name)]
    rows = []
    for operation in MAIN:
        cells = [_cell(results, name, operation) for name in shown]
        if any(cells):
            rows.append((f"({operation.name}) {operation.title}", *cells))
    return Table("", ("requests/s (CPU)", *(GATEWAYS[name].title for name in shown)), rows)


def under(results: Results, operation: Operation) -> Table:
    """Compare latency, memory and upstream calls of all gateways on a query."""
    full = query(results, operation)
    shown = [index for index, head in enumerate(full.heads) if head in ("gateway", "p50 ms", "p99 ms", "MiB", "calls")]
    heads = tuple(full.heads[index] for index in shown)
    return Table(full.title, heads, [tuple(row[index] for index in shown) for row in full.rows])


def _cell(results: Results, gateway: str, operation: Operation) -> str:
    figures = results.figures(gateway, operation.name)
    if figures is None:
        return NOTHING
    wrong = WRONG if f"{gateway} {operation.name}" in results.wrong else NOTHING
    if gateway == OURS:
        return f"**{number(figures.rate)}**"
    cheaper = results.faster(gateway, operation.name, OURS)[1]
    return f"{number(figures.rate)}{f' ({times(cheaper)})' if cheaper else NOTHING}{wrong}"


def markdown(table: Table) -> str:
    """Write a table as Markdown."""
    lines = [table.heads, tuple("---" for _ in table.heads), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
