"""Work queues as writes need them: found by name, changed, deleted, and marked as polled."""

from datetime import datetime, timedelta

from fastapi import HTTPException
from sqlalchemy import Connection, delete, select, update

from gateway.embedded import stored
from gateway.embedded.deployments.rows import DEPLOYMENTS, mark_ready
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.shapes import Row
from gateway.embedded.work.events import tell_queue_change, tell_queues
from gateway.embedded.work.pools import POOLS, QUEUES, pool_named
from schema.work_queues import WorkQueueStatus, WorkQueueUpdate

POLLED_WITHIN = timedelta(seconds=60)
"""For how long a queue is ready after somebody asked it for runs."""


def queue_named(connection: Connection, pool_name: str, name: str) -> Row:
    """Find a work queue of a pool by name, to change it; a 404 if there is none."""
    pool = pool_named(connection, pool_name)
    queue = stored.find(connection, QUEUES, QUEUES.c.work_pool_id == pool["id"], QUEUES.c.name == name)
    if queue is None:
        raise HTTPException(404, f"Work pool queue '{pool_name}/{name}' not found.")
    return queue


def change_queue(connection: Connection, queue: Row, given: WorkQueueUpdate) -> None:
    """Change what is given of a work queue, and its status where it is paused or goes on."""
    values = given.model_dump(exclude_unset=True, exclude={"filter"})
    if given.filter is not None:
        values["filter"] = given.filter.model_dump(mode="json")
    values = {name: value for name, value in values.items() if (name, value) != ("priority", None)}
    paused = queue["status"] == WorkQueueStatus.PAUSED.value
    if values.get("is_paused") and not paused:
        values["status"] = WorkQueueStatus.PAUSED.value
    elif values.get("is_paused") is False and paused:
        values["status"] = _status(values.get("last_polled", queue["last_polled"])).value
    stored.change(connection, QUEUES, queue["id"], values)
    tell_queue_change(connection, queue, values)
    if "status" in values:
        tell_queues(connection, values["status"], [queue["id"]])


def _status(last_polled: datetime | None) -> WorkQueueStatus:
    recent = last_polled is not None and now() - last_polled <= POLLED_WITHIN
    return WorkQueueStatus.READY if recent else WorkQueueStatus.NOT_READY


def delete_queue(connection: Connection, queue: Row) -> None:
    """Delete a work queue; a pool's default queue goes with its pool only, else 409."""
    if connection.scalar(select(POOLS.c.id).where(POOLS.c.default_queue_id == queue["id"])):
        raise HTTPException(409, "Can't delete a pool's default queue.")
    tell_queues(connection, "deleted", [queue["id"]])
    connection.execute(delete(QUEUES).where(QUEUES.c.id == queue["id"]))


def set_queue_status(connection: Connection, ids: list[str], status: WorkQueueStatus) -> None:
    """Give work queues a status, and tell of it."""
    if ids:
        connection.execute(update(QUEUES).where(member(QUEUES.c.id, ids)).values(status=status.value))
        tell_queues(connection, status.value, ids)


def mark_polled(connection: Connection, queues: list[Row]) -> None:
    """Note that somebody asks for runs of work queues, and with them of the deployments whose runs they hand out."""
    ids = [queue["id"] for queue in queues]
    these = member(QUEUES.c.id, ids)
    connection.execute(update(QUEUES).where(these).values(last_polled=now()))
    not_ready = WorkQueueStatus.NOT_READY.value
    if any(queue["status"] == not_ready for queue in queues):
        # Read once more: another who asks at the same time may have made it ready, and told of it.
        waiting = select(QUEUES.c.id).where(these, QUEUES.c.status == not_ready)
        set_queue_status(connection, list(connection.scalars(waiting)), WorkQueueStatus.READY)
    mark_ready(connection, member(DEPLOYMENTS.c.work_queue_id, ids))
