"""The filling as a person at a terminal sees it: what begins, how far it is, what came of it."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from gateway.demo.filling import fill, is_unfilled
from gateway.demo.plan import FlowRun, plan
from gateway.upstream import Upstream
from resolvers.errors import UpstreamError

logger = logging.getLogger("gateway")


async def fill_and_tell(upstream: Upstream, seed: int) -> None:
    """Fill the server and tell about it on stderr; raises the `UpstreamError` of the request that failed."""
    planned = plan(seed)
    runs = [run for outermost in planned for run in outermost]
    typer.echo(f"Filling in the demo data, {_counts(runs)} ...", err=True)
    started = time.perf_counter()
    with _bar(len(runs)) as advance:
        await fill(upstream, planned, advance)
    typer.echo(f"The demo data is in, after {time.perf_counter() - started:.1f} s.", err=True)


async def fill_new(upstream: Upstream, seed: int) -> None:
    """Fill the server once it answers, where there are no flows yet; log what was in the way, and raise it."""
    while not await upstream.ready():  # noqa: ASYNC110  another program's state
        await asyncio.sleep(1)
    try:
        if await is_unfilled(upstream):
            await fill_and_tell(upstream, seed)
    except UpstreamError as error:
        logger.error("The demo data could not be filled in: %s", error.message)  # noqa: TRY400  a line, no traceback
        raise


def _counts(runs: list[FlowRun]) -> str:
    task_runs = [task_run for run in runs for task_run in run.task_runs]
    logs = [log for run in runs for log in run.logs] + [log for task_run in task_runs for log in task_run.logs]
    return f"{len(runs)} flow runs, {len(task_runs)} task runs and {len(logs)} logs"


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar where stderr is a terminal; yield what moves it."""
    from rich.console import Console  # noqa: PLC0415  every server loads this module, hardly one fills
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("Demo data"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        yield lambda: progress.advance(bar)
