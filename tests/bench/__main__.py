"""The benchmark's commands: `python -m tests.bench run`, `report`, `install`."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.bench import install as installation
from tests.bench import report as reports
from tests.bench.load import require_wrk
from tests.bench.measure import SECTIONS, Plan, cells_of, check_all, measure_all
from tests.bench.peers import GATEWAYS, OURS
from tests.bench.processes import CACHE, Unusable, clean_environment, pinned
from tests.bench.queries import MAIN
from tests.bench.results import Results
from tests.bench.stand import Cores, Stand, open_stand

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=True)
console = Console(width=None if sys.stdout.isatty() else 140)
ALL = ",".join([*(operation.name for operation in MAIN), *SECTIONS])


@app.command()
def run(
    queries: Annotated[str, typer.Option(help="Which queries and sections, by commas.")] = ALL,
    peers: Annotated[str, typer.Option(help="Which peers, by commas.")] = ",".join(list(GATEWAYS)[1:]),
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of a run.")] = 6,
    port: Annotated[int, typer.Option(help="The first of the ports that are used.")] = 9100,
    output: Annotated[Path, typer.Option(help="Where the results go.")] = CACHE / "results.json",
) -> None:
    """Measure, and print the tables."""
    with _told():
        require_wrk()
        names, compared = _names(queries, ALL.split(",")), [OURS, *_names(peers, list(GATEWAYS)[1:])]
        plan = Plan(tuple(cells_of(set(names), compared)), rounds, seconds)
        options = {"queries": names, "rounds": rounds, "seconds": seconds}
        results = _measured(plan, port, options, documents="documents" in names)
        results.save(output)
        reports.show(results, console)
        console.print(f"Results: {output}")


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="The results that it is made of.")] = reports.RESULTS,
) -> None:
    """Make README's table and chart."""
    reports.write(Results.load(results))


@app.command()
def install() -> None:
    """Install the peers."""
    with _told():
        installation.install()


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is in the way in a line."""
    try:
        yield
    except Unusable as problem:
        console.print(f"[bold red]Error:[/] {problem}", highlight=False)
        raise typer.Exit(1) from None


def _names(given: str, known: list[str]) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: known are {', '.join(known)}.")
    return names


def _measured(plan: Plan, port: int, options: dict[str, Any], *, documents: bool) -> Results:
    cores = Cores.of_machine()
    with _progress() as progress, open_stand(plan.gateways, port, cores) as stand:
        _tell_missing(plan, stand)
        plan = plan.of(stand)
        task = progress.add_task("", total=len(plan.cells) * (plan.rounds + 2))

        def advance(description: str) -> None:
            progress.update(task, description=description, advance=1)

        spent = _documents(stand) if documents else {}
        before = check_all(stand, plan, advance)
        samples = list(measure_all(stand, plan, advance))
        after = check_all(stand, plan, advance)
    return Results({**_about(cores), **options}, samples, {**before, **after}, spent)


def _progress() -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console)


def _tell_missing(plan: Plan, stand: Stand) -> None:
    for gateway in plan.gateways:
        if gateway.name not in stand.pids:
            console.print(f"{gateway.title} is not installed: {gateway.how}", highlight=False)


def _documents(stand: Stand) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "tests.bench.documents", f"{stand.upstream}/api"]
    done = subprocess.run(
        pinned(command, stand.cores.gateway), env=clean_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unusable(f"New documents could not be measured: {done.stderr.strip()[-500:]}")
    spent: dict[str, list[float]] = json.loads(done.stdout)
    return {name: [round(each, 1) for each in times] for name, times in spent.items()}


def _about(cores: Cores) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": {"gateway": list(cores.gateway), "load": list(cores.load)},
        "python": platform.python_version(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    app()
