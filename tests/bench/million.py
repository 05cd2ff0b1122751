"""A database of the embedded server with a million flow runs, in .cache: made once, then opened again."""

import asyncio
import json
import random
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

from gateway.embedded import stored
from gateway.embedded.database import open_database
from gateway.embedded.tables import METADATA, TABLES
from gateway.embedded.tables.types import microseconds
from tests.bench.processes import CACHE

FILE = CACHE / "million.db"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
"""The moment that "late" and "the last week" are told from."""

FLOWS, DEPLOYMENTS, POOLS, QUEUES = 200, 1_000, 5, 20
FLOW_RUNS, TASK_RUNS, LOGS = 1_000_000, 300_000, 300_000
PARENTS = 50_000
"""Flow runs that have task runs and logs."""

DAY = 86_400_000_000
STATES = {
    "Completed": ("COMPLETED", 880),
    "Failed": ("FAILED", 70),
    "Crashed": ("CRASHED", 15),
    "Cancelled": ("CANCELLED", 10),
    "Scheduled": ("SCHEDULED", 15),
    "Late": ("SCHEDULED", 4),
    "Running": ("RUNNING", 3),
    "Pending": ("PENDING", 2),
    "AwaitingRetry": ("SCHEDULED", 1),
}
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WORDS = ("amber", "brisk", "calm", "dapper", "eager", "fuzzy", "gentle", "hazel", "ivory", "jolly", "keen", "lucid")
ANIMALS = (
    "badger",
    "crane",
    "dingo",
    "egret",
    "ferret",
    "gecko",
    "heron",
    "ibex",
    "jackal",
    "koala",
    "lemur",
    "marten",
)

DERIVED = "SELECT type, name FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"

Raw = dict[str, Any]


def ids(kind: str, count: int) -> list[str]:
    """Return the ids of a kind of row, the same each time."""
    rng = random.Random(kind)  # noqa: S311 (test data)
    return [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)]


def time(after: float) -> str:
    """Return a time so many microseconds after the moment."""
    return (NOW + timedelta(microseconds=after)).isoformat()


class Writer:
    """Inserts many rows past SQLAlchemy, each the table's blank row with some values of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, table: Table, rows: Iterator[Raw] | list[Raw]) -> None:
        """Insert rows of values as they stand in the database."""
        names = [column.name for column in table.c]
        processors = [column.type.dialect_impl(sqlite.dialect()).bind_processor(sqlite.dialect()) for column in table.c]
        blank = [
            value if process is None else process(value)
            for value, process in zip(stored.new_row(table).values(), processors, strict=True)
        ]
        places = {name: place for place, name in enumerate(names)}

        def filled() -> Iterator[list[Any]]:
            for row in rows:
                values = blank.copy()
                for name, value in row.items():
                    values[places[name]] = value
                yield values

        marks = ", ".join("?" * len(names))
        self._connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', filled())  # noqa: S608 (our tables)


def flow_run(number: int, id_: str, rng: random.Random, known: dict[str, list[str]]) -> Raw:
    """Make a flow run: some of a flow alone, most of a deployment, spread over a year."""
    [name] = rng.choices(list(STATES), [share for _, share in STATES.values()])
    kind = STATES[name][0]
    expected = microseconds(NOW) - rng.randrange(365 * DAY)
    if name == "Scheduled":
        expected = microseconds(NOW) + rng.randrange(3 * DAY)
    elif name in {"Late", "Running", "Pending", "AwaitingRetry"}:
        expected = microseconds(NOW) - rng.randrange(DAY)
    started = expected + rng.randrange(60_000_000) if kind in (*ENDED, "RUNNING") else None
    length = rng.randrange(3_600_000_000)
    deployment = rng.randrange(DEPLOYMENTS) if number % 4 else None
    flow = number % FLOWS if deployment is None else deployment % FLOWS
    return {
        "id": id_,
        "created": expected - 60_000_000,
        "updated": expected + length,
        "name": f"{rng.choice(WORDS)}-{rng.choice(ANIMALS)}-{number % 977}",
        "tags": json.dumps(_tags(number, rng), separators=(",", ":")),
        "flow_id": known["flows"][flow],
        "deployment_id": None if deployment is None else known["deployments"][deployment],
        "work_queue_id": None if deployment is None else known["work_queues"][deployment % QUEUES],
        "work_queue_name": None if deployment is None else f"queue-{deployment % QUEUES}",
        "parent_task_run_id": known["task_runs"][number // 20] if number % 20 == 0 else None,
        "idempotency_key": f"key-{number}" if number % 3 == 0 else None,
        "state_id": id_,
        "state_type": kind,
        "state_name": name,
        "state_timestamp": expected + length,
        "state": json.dumps({"id": id_, "type": kind, "name": name, "message": "m" * 60, "state_details": {}}),
        "expected_start_time": expected,
        "next_scheduled_start_time": expected if kind == "SCHEDULED" else None,
        "start_time": started,
        "end_time": started + length if started and kind in ENDED else None,
        "total_run_time": length if started else 0,
        "run_count": 1 if started else 0,
    }


def _tags(number: int, rng: random.Random) -> list[str]:
    tags = [f"team-{rng.randrange(20)}"] if rng.random() < 0.7 else []
    if rng.random() < 0.4:
        tags.append("prod")
    if number % 10_000 == 0:
        tags.append("incident")
    return tags


def task_run(number: int, id_: str, rng: random.Random, runs: list[str]) -> Raw:
    """Make a task run of one of the parents."""
    expected = microseconds(NOW) - rng.randrange(365 * DAY)
    return {
        "id": id_,
        "created": expected,
        "updated": expected,
        "name": f"task-{number % 50}",
        "tags": '["prod"]' if number % 3 == 0 else "[]",
        "flow_run_id": runs[number % PARENTS],
        "task_key": "task",
        "dynamic_key": str(number // PARENTS),
        "state_type": "COMPLETED" if number % 20 else "FAILED",
        "state_name": "Completed" if number % 20 else "Failed",
        "state_timestamp": expected,
        "expected_start_time": expected,
        "start_time": expected,
        "end_time": expected + 1_000_000,
        "total_run_time": 1_000_000,
    }


def build(path: Path) -> None:
    """Make the database, indexes last; some minutes, and some gigabytes."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    asyncio.run(_create(part))
    raw = sqlite3.connect(part, isolation_level=None)
    # The server makes them again when it opens the database.
    for kind, name in raw.execute(DERIVED).fetchall():
        raw.execute(f'DROP {kind} "{name}"')
    raw.execute("PRAGMA journal_mode = OFF")
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("PRAGMA cache_size = -1000000")
    raw.execute("BEGIN")
    fill(Writer(raw))
    raw.execute("COMMIT")
    raw.close()
    part.rename(path)


async def _create(path: Path) -> None:
    await (await open_database(f"sqlite:///{path}", METADATA)).close()


def fill(writer: Writer) -> None:
    """Insert all rows."""
    rng = random.Random(1)  # noqa: S311 (test data)
    known = {
        name: ids(name, count)
        for name, count in {
            "flows": FLOWS, "deployments": DEPLOYMENTS, "work_pools": POOLS, "work_queues": QUEUES,
            "flow_runs": FLOW_RUNS, "task_runs": TASK_RUNS, "logs": LOGS,
        }.items()
    }  # fmt: skip
    now = microseconds(NOW)
    dated = {"created": now, "updated": now}
    runs = known["flow_runs"]

    def numbered(name: str) -> Iterator[tuple[int, Raw]]:
        return (
            (number, {"id": id_, "name": f"{name[:-1]}-{number}", **dated}) for number, id_ in enumerate(known[name])
        )

    pools, queues = known["work_pools"], known["work_queues"]
    writer.add(
        TABLES["work_pools"],
        [{**row, "type": "process", "base_job_template": "{}"} for _, row in numbered("work_pools")],
    )
    writer.add(
        TABLES["work_queues"],
        [{**row, "work_pool_id": pools[n % POOLS], "priority": n + 1} for n, row in numbered("work_queues")],
    )
    writer.add(TABLES["flows"], [{**row, "tags": '["prod"]'} for _, row in numbered("flows")])
    writer.add(
        TABLES["deployments"],
        [
            {**row, "flow_id": known["flows"][n % FLOWS], "work_queue_id": queues[n % QUEUES], "tags": '["prod"]'}
            for n, row in numbered("deployments")
        ],
    )
    writer.add(TABLES["flow_runs"], (flow_run(n, id_, rng, known) for n, id_ in enumerate(runs)))
    writer.add(TABLES["task_runs"], (task_run(n, id_, rng, runs) for n, id_ in enumerate(known["task_runs"])))
    writer.add(
        TABLES["logs"],
        (
            {
                "id": id_, "name": "prefect.flow_runs", "level": 20, "message": "It went on.", "timestamp": now - n * 1_000,
                "flow_run_id": runs[n % PARENTS], **dated,
            }
            for n, id_ in enumerate(known["logs"])
        ),
    )  # fmt: skip
