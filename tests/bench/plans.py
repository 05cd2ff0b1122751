"""How SQLite finds what a UI asks the embedded server for, among a million flow runs: `python -m tests.bench.plans`."""

import asyncio
import json
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from fastapi import FastAPI
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from gateway.embedded import create_app
from tests.bench import million
from tests.bench.million import DAY
from tests.bench.processes import CACHE, Unusable

BIG = ("flow_runs", "task_runs", "logs")
WHOLE = re.compile(rf"SCAN ({'|'.join(BIG)})(_\d+)?( AS \w+)?$")
"""A table read from end to end, not even along an index."""

console = Console(width=None if sys.stdout.isatty() else 160)


@dataclass(frozen=True)
class Question:
    """A request of a UI, or of the gateway's relations."""

    title: str
    path: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """How it was answered: milliseconds, the best of some, and the plan of each statement."""

    question: Question
    milliseconds: float
    answer: str
    plans: list[str]

    @property
    def whole(self) -> bool:
        """Whether a big table was read from end to end."""
        return any(map(reads_whole_table, self.plans))


def reads_whole_table(line: str) -> bool:
    """Tell whether a line of a plan says that a big table is read from end to end."""
    return WHOLE.match(line.strip()) is not None


def at(days: float) -> str:
    """Return the time so many days from the moment of the database."""
    return million.time(days * DAY)


def runs(title: str, filter_: dict[str, Any], sort: str = "START_TIME_DESC", **more: Any) -> Question:
    """Ask for a page of flow runs."""
    return Question(title, "/flow_runs/filter", {"flow_runs": filter_, "sort": sort, "limit": 50, **more})


def count(title: str, filter_: dict[str, Any], **more: Any) -> Question:
    """Ask how many flow runs there are."""
    return Question(f"count: {title}", "/flow_runs/count", {"flow_runs": filter_, **more})


def _state(*types: str) -> dict[str, Any]:
    return {"state": {"type": {"any_": list(types)}}}


def _named(*names: str) -> dict[str, Any]:
    return {"state": {"name": {"any_": list(names)}}}


def questions() -> Iterator[Question]:
    """What is asked."""
    flow_runs, flows = million.ids("flow_runs", million.FLOW_RUNS), million.ids("flows", million.FLOWS)
    deployments, task_runs = million.ids("deployments", 3), million.ids("task_runs", 200)
    week = {"after_": at(-7), "before_": at(0)}
    for sort in ("ID_DESC", "START_TIME_DESC", "START_TIME_ASC", "EXPECTED_START_TIME_DESC", "EXPECTED_START_TIME_ASC",
                 "NEXT_SCHEDULED_START_TIME_ASC", "END_TIME_DESC", "NAME_ASC", "NAME_DESC"):  # fmt: skip
        yield runs(f"all, {sort}", {}, sort)
    yield runs("all, page 200", {}, offset=10_000)
    yield runs("50 ids", {"id": {"any_": flow_runs[:50]}}, "ID_DESC")
    for title, filter_ in (
        ("state FAILED", _state("FAILED")),
        ("state PENDING", _state("PENDING")),
        ("states FAILED, CRASHED", _state("FAILED", "CRASHED")),
        ("states PENDING, PAUSED", _state("PENDING", "PAUSED")),
        ("states COMPLETED, FAILED, CANCELLED", _state("COMPLETED", "FAILED", "CANCELLED")),
        ("state name Late", _named("Late")),
        ("state names Late, AwaitingRetry", _named("Late", "AwaitingRetry")),
        ("late: Scheduled, expected before now", {**_named("Scheduled", "Late"), "expected_start_time": {"before_": at(0)}}),
        ("deployment", {"deployment_id": {"any_": deployments[:1]}}),
        ("3 deployments", {"deployment_id": {"any_": deployments}}),
        ("deployment, state FAILED", {"deployment_id": {"any_": deployments[:1]}, **_state("FAILED")}),
        ("no deployment", {"deployment_id": {"is_null_": True}}),
        ("tags all [prod]", {"tags": {"all_": ["prod"]}}),
        ("tags all [incident]", {"tags": {"all_": ["incident"]}}),
        ("tags all [prod, team-3]", {"tags": {"all_": ["prod", "team-3"]}}),
        ("tags any [team-3, team-4]", {"tags": {"any_": ["team-3", "team-4"]}}),
        ("tags any [incident, unknown]", {"tags": {"any_": ["incident", "unknown"]}}),
        ("tags all [unknown]", {"tags": {"all_": ["unknown"]}}),
        ("tags all [prod], state FAILED, a week", {"tags": {"all_": ["prod"]}, **_state("FAILED"), "start_time": week}),
        ("name like heron", {"name": {"like_": "heron"}}),
        ("name like heron-97", {"name": {"like_": "heron-97"}}),
        ("name like nothing", {"name": {"like_": "nothing like it"}}),
        ("started in a week", {"start_time": week}),
        ("a week, states FAILED, CRASHED", {"start_time": week, **_state("FAILED", "CRASHED")}),
        ("work queue's name", {"work_queue_name": {"any_": ["queue-3"]}}),
        ("subflow runs of 50 runs", {"parent_flow_run_id": {"any_": flow_runs[:50]}}),
        ("runs of 50 task runs", {"parent_task_run_id": {"any_": task_runs[:50]}}),
        ("no subflow runs", {"parent_task_run_id": {"is_null_": True}}),
        ("idempotency key", {"idempotency_key": {"any_": ["key-3"]}}),
    ):  # fmt: skip
        yield runs(title, filter_)
        yield count(title, filter_)
    yield count("all", {})
    yield runs("tags all [prod], ID_DESC", {"tags": {"all_": ["prod"]}}, "ID_DESC")
    yield runs("tags all [incident], EXPECTED", {"tags": {"all_": ["incident"]}}, "EXPECTED_START_TIME_DESC")
    yield runs("states FAILED, CRASHED, ID_DESC", _state("FAILED", "CRASHED"), "ID_DESC")
    yield runs("states FAILED, CRASHED, EXPECTED", _state("FAILED", "CRASHED"), "EXPECTED_START_TIME_DESC")
    yield runs("expected in a week", {"expected_start_time": week}, "EXPECTED_START_TIME_DESC")
    yield runs(
        "scheduled next", {**_state("SCHEDULED"), "next_scheduled_start_time": {"before_": at(1)}},
        "NEXT_SCHEDULED_START_TIME_ASC",
    )  # fmt: skip
    yield runs("of a flow", {}, flows={"id": {"any_": flows[:1]}})
    yield count("of a flow", {}, flows={"id": {"any_": flows[:1]}})
    yield runs("of 50 flows, 200", {}, limit=200, flows={"id": {"any_": flows[:50]}})
    yield runs("of a flow by name", {}, flows={"name": {"any_": ["flow-3"]}})
    yield runs("of flows with a tag", {}, flows={"tags": {"all_": ["prod"]}})
    yield count("of flows like", {}, flows={"name": {"like_": "flow-1"}})
    yield runs("of deployments with a tag", {}, deployments={"tags": {"any_": ["prod"]}})
    yield runs("of a work pool", {}, work_pools={"name": {"any_": ["work_pool-1"]}})
    yield runs("of a work queue", {}, work_pool_queues={"name": {"any_": ["work_queue-1"]}})
    yield runs("with task runs FAILED", {}, task_runs=_state("FAILED"))
    yield from _others(flow_runs, flows, week)


def _others(flow_runs: list[str], flows: list[str], week: dict[str, str]) -> Iterator[Question]:
    failed, tagged = _state("FAILED"), {"tags": {"all_": ["incident"]}}
    history = {"history_start": at(-7), "history_end": at(0), "history_interval_seconds": 3600}
    yield Question("history of a week", "/flow_runs/history", history)
    yield Question("history of a week, FAILED", "/flow_runs/history", {**history, "flow_runs": failed})
    yield Question("flows with failed runs", "/flows/filter", {"flow_runs": failed, "sort": "NAME_ASC", "limit": 50})
    yield Question("flows with tagged runs", "/flows/filter", {"flow_runs": tagged, "sort": "NAME_ASC", "limit": 50})
    yield Question(
        "flows like", "/flows/filter", {"flows": {"name": {"like_": "flow-1"}}, "sort": "NAME_ASC", "limit": 50}
    )
    yield Question(
        "deployments of 50 flows", "/deployments/filter", {"flows": {"id": {"any_": flows[:50]}}, "sort": "NAME_ASC"}
    )
    yield Question("work pools", "/work_pools/filter", {})
    of_run = {"flow_runs": {"id": {"any_": flow_runs[:1]}}}
    yield Question("task runs of a run", "/task_runs/filter", {**of_run, "sort": "EXPECTED_START_TIME_DESC"})
    yield Question("count: task runs of a run", "/task_runs/count", of_run)
    of_runs = {"flow_runs": {"id": {"any_": flow_runs[:50]}}}
    yield Question("task runs of 50 runs", "/task_runs/filter", {**of_runs, "sort": "ID_DESC"})
    yield Question(
        "task runs FAILED", "/task_runs/filter", {"task_runs": failed, "sort": "EXPECTED_START_TIME_DESC", "limit": 50}
    )
    yield Question(
        "task runs tagged",
        "/task_runs/filter",
        {"task_runs": {"tags": {"all_": ["prod"]}}, "sort": "ID_DESC", "limit": 50},
    )
    yield Question(
        "task runs of runs of a flow",
        "/task_runs/filter",
        {"flows": {"id": {"any_": flows[:1]}}, "sort": "ID_DESC", "limit": 50},
    )
    yield Question("counts of task runs", "/ui/flow_runs/count-task-runs", {"flow_run_ids": flow_runs[:50]})
    logs = {"flow_run_id": {"any_": flow_runs[:1]}}
    yield Question("logs of a run", "/logs/filter", {"logs": logs, "sort": "TIMESTAMP_ASC"})
    yield Question(
        "logs of 50 runs", "/logs/filter", {"logs": {"flow_run_id": {"any_": flow_runs[:50]}}, "sort": "TIMESTAMP_ASC"}
    )
    yield Question(
        "logs of a run by level", "/logs/filter", {"logs": {**logs, "level": {"ge_": 30}}, "sort": "TIMESTAMP_DESC"}
    )


def main(
    details: Annotated[bool, typer.Option(help="Print the plans too.")] = False,
    only: Annotated[str, typer.Option(help="Only questions whose title has this.")] = "",
    output: Annotated[Path, typer.Option(help="Where the answers go.")] = CACHE / "plans.json",
) -> None:
    """Ask everything, and print how long it took; what reads a whole table is marked."""
    if not million.FILE.exists():
        console.print(f"Making {million.FILE}, once: a minute or two ...")
        million.FILE.parent.mkdir(parents=True, exist_ok=True)
        million.build(million.FILE)
    try:
        found = asyncio.run(ask([question for question in questions() if only in question.title]))
    except Unusable as problem:
        console.print(f"[bold red]Error:[/] {problem}", highlight=False)
        raise typer.Exit(1) from None
    for each in found:
        mark = "[bold red]whole table[/]" if each.whole else ""
        slow = "yellow" if each.milliseconds > 50 else "default"
        console.print(
            f"[{slow}]{each.milliseconds:9.1f} ms[/]  {escape(each.question.title):55} {each.answer:>9} {mark}"
        )
        if details:
            for line in each.plans:
                console.print(f"             {line}", style="dim", highlight=False, markup=False)
    rows = [
        {"title": f.question.title, "ms": round(f.milliseconds, 2), "whole": f.whole, "plans": f.plans} for f in found
    ]
    output.write_text(json.dumps(rows, indent=1) + "\n")
    console.print(f"{sum(each.whole for each in found)} of {len(found)} read a whole table. {output}")


async def ask(asked: list[Question]) -> list[Found]:
    """Ask a server over the database in this process."""
    app = create_app(f"sqlite:///{million.FILE}")
    found = []
    async with app.router.lifespan_context(app):
        with sqlite3.connect(million.FILE) as explaining, Progress(console=console, transient=True) as progress:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as client:
                for question in progress.track(asked):
                    progress.update(progress.task_ids[0], description=question.title)
                    found.append(await _ask(app, client, explaining, question))
    return found


async def _ask(app: FastAPI, client: httpx.AsyncClient, explaining: sqlite3.Connection, question: Question) -> Found:
    plans = await plans_of(app, client, explaining, question)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        response = await client.post(question.path, json=question.body, timeout=None)
        best = min(best, time.perf_counter() - began)
    answer = response.json()
    told = f"{len(answer)} rows" if isinstance(answer, list) else str(answer)
    return Found(question, best * 1000, told if len(told) < 10 else "", plans)


async def plans_of(
    app: FastAPI, client: httpx.AsyncClient, explaining: sqlite3.Connection, question: Question
) -> list[str]:
    """Ask a question, and return the plans of the statements that the server ran for it."""
    statements: list[str] = []
    sessions = app.state.database._sessions
    for session in sessions:
        session._driver.set_trace_callback(statements.append)
    response = await client.post(question.path, json=question.body, timeout=None)
    for session in sessions:
        session._driver.set_trace_callback(None)
    if response.status_code != 200:
        raise Unusable(f"{question.title}: {response.status_code} {response.text[:300]}")
    selects = (text for text in dict.fromkeys(statements) if text.startswith("SELECT"))
    return [line for text in selects for line in _explain(explaining, text)]


def _explain(connection: sqlite3.Connection, statement: str) -> list[str]:
    depth = {0: 0}
    lines = []
    for id_, parent, _, text in connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
        depth[id_] = depth[parent] + 1
        lines.append("  " * depth[parent] + text)
    return lines


if __name__ == "__main__":
    typer.run(main)
