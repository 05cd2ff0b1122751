"""The deferred task runs that no task worker has taken yet, in the database: every process hands them out."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Index, Table, delete, insert, select

from gateway.embedded.expressions import member
from gateway.embedded.moments import time_ordered_id
from gateway.embedded.shapes import Row
from gateway.embedded.tables import METADATA
from gateway.embedded.tables.types import STRING

QUEUE = Table(
    "task_queue",
    METADATA,
    Column("id", STRING, primary_key=True),
    Column("task_key", STRING, nullable=False),
    Column("task_run_id", STRING, nullable=False),
)
Index("ix_task_queue__task_key_id", QUEUE.c.task_key, QUEUE.c.id)


def put(connection: Connection, run: Row) -> None:
    """Add a task run at the end of the queue."""
    row = {"id": time_ordered_id(), "task_key": run["task_key"], "task_run_id": run["id"]}
    connection.execute(insert(QUEUE).values(row))


def is_waiting(connection: Connection, task_keys: Sequence[str]) -> bool:
    """Tell whether there is a run of these tasks in the queue."""
    waiting = select(QUEUE.c.id).where(member(QUEUE.c.task_key, list(task_keys))).limit(1)
    return connection.scalar(waiting) is not None


def take(connection: Connection, task_keys: Sequence[str]) -> Row | None:
    """Take the place of the run of these tasks that has waited longest out of the queue."""
    first = select(QUEUE).where(member(QUEUE.c.task_key, list(task_keys))).order_by(QUEUE.c.id).limit(1)
    found = connection.execute(first.with_for_update(skip_locked=True)).mappings().first()
    if found is None:
        return None
    connection.execute(delete(QUEUE).where(QUEUE.c.id == found["id"]))
    return dict(found)


def put_back(connection: Connection, place: Row) -> None:
    """Give a run its place in the queue again: whoever took it did not say that it has it."""
    connection.execute(insert(QUEUE).values(place))
