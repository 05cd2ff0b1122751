"""What a query will read, as a table and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from gateway.execution.explain import Read, explain

__all__ = ["as_json", "explain", "print_table"]

UNBOUNDED = "no bound"


def as_json(reads: Sequence[Read]) -> str:
    """Write `{reads: [...], calls, rows}`; null where the query sets no bound."""
    return json.dumps({"reads": [asdict(each) for each in reads], **_sums(reads)}, indent=2)


def print_table(reads: Sequence[Read]) -> None:
    """Print a line for each kind of call, its field indented by its level."""
    table = Table(box=None, pad_edge=False)
    for column in ("field", "call", "batched", "calls at most", "rows at most"):
        table.add_column(column, justify="right" if column.endswith("most") else "left")
    for each in reads:
        field = f"{'  ' * each.level}{each.field.rpartition('.')[2]}"
        table.add_row(field, f"{each.method} {each.path}", each.how, _number(each.calls), _number(each.rows))
    sums = _sums(reads)
    table.add_row("in all", "", "", _number(sums["calls"]), _number(sums["rows"]))
    Console(width=140 if not Console().is_terminal else None, highlight=False, markup=False).print(table)


def _sums(reads: Sequence[Read]) -> dict[str, int | None]:
    calls, rows = [each.calls for each in reads], [each.rows for each in reads]
    return {
        "calls": None if None in calls else sum(each or 0 for each in calls),
        "rows": None if None in rows else sum(each or 0 for each in rows),
    }


def _number(number: int | None) -> str:
    return UNBOUNDED if number is None else f"{number:,}"
