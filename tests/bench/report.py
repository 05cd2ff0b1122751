"""Shows the results in the terminal, and writes them into the README."""

import re
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from tests.bench import tables
from tests.bench.chart import chart
from tests.bench.peers import GATEWAYS
from tests.bench.processes import ROOT
from tests.bench.queries import MAIN
from tests.bench.results import Results

README = ROOT / "README.md"
RESULTS = Path(__file__).parent / "results.json"
DETAILS = RESULTS.with_suffix(".md")
CHART = ROOT / "deploy" / "readme" / "speed.svg"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"


def show(results: Results, console: Console) -> None:
    """Print all tables."""
    for table in tables.every(results):
        grid = Grid(title=table.title, title_justify="left", min_width=len(table.title))
        for index, head in enumerate(table.heads):
            grid.add_column(head, justify="right" if index else "left")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
    for cell, problem in results.wrong.items():
        console.print(f"† {cell}: {problem}", highlight=False, markup=False)


def write(results: Results, readme: Path = README, picture: Path = CHART, details: Path = DETAILS) -> None:
    """Put the table and the chart into the README, and all tables beside the results."""
    picture.write_text(chart(results))
    details.write_text(all_tables(results), "utf-8")
    readme.write_text(filled(readme.read_text("utf-8"), results), "utf-8")


def all_tables(results: Results) -> str:
    """Write every table as Markdown."""
    parts = [f"## {table.title}\n\n{tables.markdown(table)}\n" for table in tables.every(results)]
    return "\n".join(["# What `make bench` measured\n", f"{_circumstances(results)} {_HEADS}\n", *parts])


def filled(text: str, results: Results) -> str:
    """Replace what stands between the marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md must have {BEGIN.strip()} and {END} once each.")
    section = f"{BEGIN}{_section(results)}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: section, text, flags=re.DOTALL)


def _section(results: Results) -> str:
    latency = tables.under(results, MAIN[0])
    parts = [tables.markdown(tables.overview(results)), _notes(results)]
    if latency.rows:
        parts += [f"Latency, memory and upstream calls a request under {latency.title}:", tables.markdown(latency)]
    return "\n\n".join(parts)


def _notes(results: Results) -> str:
    brackets = "In brackets: how many times the processor time that a request takes here."
    return " ".join([_circumstances(results), brackets, *_wrong(results)])


_HEADS = "CPU, calls: of a request. Ours: how many times it is better, by the median of the rounds' ratios."


def _circumstances(results: Results) -> str:
    about = results.about
    return (
        f"Medians of {about['rounds']} rounds, {about['date']}, {about['cores']} cores ({about['processor']}), "
        f"Python {about['python']}; one core for the gateway, 32 connections."
    )


def _wrong(results: Results) -> list[str]:
    """Say which peers answered wrongly, and where."""
    found: dict[str, list[str]] = {}
    for cell in results.wrong:
        gateway, operation = cell.split()
        reason = "loses mutations that come at the same time" if operation == "f" else "answers with rows of others"
        found.setdefault(f"{GATEWAYS[gateway].title} {reason}", []).append(operation)
    return [f"† {what} ({', '.join(operations)})." for what, operations in found.items()]
