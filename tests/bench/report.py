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
CHART = ROOT / "deploy" / "readme" / "speed.svg"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"


def show(results: Results, console: Console) -> None:
    """Print all tables."""
    for table in tables.every(results):
        grid = Grid(title=table.title, title_justify="left")
        for index, head in enumerate(table.heads):
            grid.add_column(head, justify="right" if index else "left")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
    for cell, problem in results.wrong.items():
        console.print(f"† {cell}: {problem}", highlight=False, markup=False)


def write(results: Results, readme: Path = README, picture: Path = CHART) -> None:
    """Put the table and the chart into the README."""
    picture.write_text(chart(results))
    readme.write_text(filled(readme.read_text("utf-8"), results), "utf-8")


def filled(text: str, results: Results) -> str:
    """Replace what stands between the marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md must have {BEGIN.strip()} and {END} once each.")
    section = f"{BEGIN}{_section(results)}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: section, text, flags=re.DOTALL)


def _section(results: Results) -> str:
    parts = [tables.markdown(tables.overview(results)), _notes(results)]
    further = (tables.query(results, MAIN[0]), *tables.plain(results))
    parts += [f"{table.title}:\n\n{tables.markdown(table)}" for table in further if table.rows]
    return "\n\n".join(parts)


def _notes(results: Results) -> str:
    about = results.about
    notes = (
        f"Medians of {about['rounds']} rounds, {about['date']}, {about['cores']} cores ({about['processor']}), Python "
        f"{about['python']}; one core for the gateway, 32 connections. In brackets: how many times the processor time that "
        "a request takes here."
    )
    if not results.wrong:
        return notes
    return f"{notes} † Wrong: {'; '.join(_short(cell) for cell in results.wrong)}."


def _short(cell: str) -> str:
    gateway, operation = cell.split()
    reason = "loses mutations that come at the same time" if operation == "f" else "gives rows of other runs"
    return f"{GATEWAYS[gateway].title} {reason} ({operation})"
