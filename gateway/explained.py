"""What an operation will read, as a table and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.execution.explain import Read, explain

__all__ = ["as_json", "explain", "print_table"]

UNBOUNDED = "no bound"
WIDE = 200
"""Columns where no terminal has its own: no cell is wrapped."""


def as_json(reads: Sequence[Read]) -> str:
    """Write `{reads: [...], calls, rows}`; null where the query sets no bound."""
    return json.dumps({"reads": [asdict(each) for each in reads], **_sums(reads)}, indent=2)


def print_table(reads: Sequence[Read]) -> None:
    """Print a line for each kind of call and under it how it is batched, its field indented by its level."""
    table = Table(box=None, pad_edge=False)
    for column in ("level", "field", "call", "calls", "rows"):
        table.add_column(column, justify="right" if column in {"calls", "rows"} else "left", overflow="fold")
    last = ""
    for each in reads:
        field = "" if each.field == last else f"{'  ' * each.level}{each.field.rpartition('.')[2]}"
        call = Text(f"{each.method} {each.path}\n").append(each.how, style="dim")
        table.add_row(str(each.level), field, call, _number(each.calls), _number(each.rows))
        last = each.field
    sums = _sums(reads)
    table.add_row("", "at most", "", _number(sums["calls"]), _number(sums["rows"]), style="bold")
    Console(width=None if Console().is_terminal else WIDE, highlight=False, markup=False).print(table)


def _sums(reads: Sequence[Read]) -> dict[str, int | None]:
    calls, rows = [each.calls for each in reads], [each.rows for each in reads]
    return {
        "calls": None if None in calls else sum(each or 0 for each in calls),
        "rows": None if None in rows else sum(each or 0 for each in rows),
    }


def _number(number: int | None) -> str:
    return UNBOUNDED if number is None else f"{number:,}"
