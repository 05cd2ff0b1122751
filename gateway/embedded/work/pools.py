"""Work pools and their queues as other writes need them: found by name, and created with what belongs to them."""

from itertools import count
from typing import Any

from fastapi import HTTPException
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.named_reads import DEFAULT_POOL
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.events import tell_new_status, tell_pool, tell_pool_status, tell_queues
from schema.work_pools import WorkPoolStatus
from schema.work_queues import WorkQueueStatus
from schema.workers import WorkerStatus

POOLS, QUEUES, WORKERS = TABLES["work_pools"], TABLES["work_queues"], TABLES["workers"]

AGENT = "prefect-agent"
"""The type of pools that take no part in the statuses of workers."""

DEFAULT_QUEUE = "default"
STORAGE = {"bundle_upload_step": None, "bundle_execution_step": None, "default_result_storage_block_id": None}


def is_reserved(name: str) -> bool:
    """Tell whether only Prefect itself makes a pool of this name."""
    return name.lower().startswith("prefect")


def pool_named(connection: Connection, name: str) -> Row:
    """Find a work pool by name; a 404 if there is none."""
    if pool := _pool(connection, name):
        return pool
    raise HTTPException(404, f'Work pool "{name}" not found.')


def _pool(connection: Connection, name: str) -> Row | None:
    return stored.find(connection, POOLS, POOLS.c.name == name, json=("base_job_template",))


def _queue_id(connection: Connection, pool_id: str, name: str) -> str | None:
    found: str | None = connection.scalar(
        select(QUEUES.c.id).where(QUEUES.c.work_pool_id == pool_id, QUEUES.c.name == name)
    )
    return found


def queue_in_pool(connection: Connection, pool_name: str, name: str | None, *, create: bool = False) -> str:
    """Find a work queue of a pool by name, or the pool's default queue, and return its id; create it if asked to.

    Raises a 404 if the pool or the queue is not there.
    """
    if not name:
        return str(pool_named(connection, pool_name)["default_queue_id"])
    if not create:
        pool_id = connection.scalar(select(POOLS.c.id).where(POOLS.c.name == pool_name))
        found = pool_id and _queue_id(connection, pool_id, name)
        if not found:
            raise HTTPException(404, f"Work pool queue '{pool_name}/{name}' not found.")
        return found
    pool = pool_named(connection, pool_name)
    if found := _queue_id(connection, pool["id"], name):
        return found
    return create_queue(connection, pool["id"], {"name": name})


def queue_without_pool(connection: Connection, name: str) -> str:
    """Find or create a work queue of the default pool, and return its id."""
    _, pool_id = default_pool(connection)
    return _queue_id(connection, pool_id, name) or create_queue(connection, pool_id, {"name": name, "priority": 1})


def default_pool(connection: Connection) -> tuple[bool, str]:
    """Find or make the pool where queues without a pool belong; tell whether it was made, and its id."""
    if pool := _pool(connection, DEFAULT_POOL):
        return False, str(pool["id"])
    return True, create_pool(connection, {"name": DEFAULT_POOL})


def create_pool(connection: Connection, values: dict[str, Any]) -> str:
    """Insert a work pool with its default queue, and return its id."""
    row = stored.new_row(POOLS, **{"type": AGENT, "storage_configuration": STORAGE, **values})
    if row["type"] != AGENT:
        row["status"] = (WorkPoolStatus.PAUSED if row["is_paused"] else WorkPoolStatus.NOT_READY).value
    stored.add(connection, POOLS, row)
    queue = {"name": DEFAULT_QUEUE, "description": "The work pool's default queue."}
    stored.change(connection, POOLS, row["id"], {"default_queue_id": create_queue(connection, row["id"], queue)})
    tell_pool(connection, "created", row["id"])
    if row["status"]:
        tell_new_status(connection, row)
    return str(row["id"])


def status(connection: Connection, pool: Row, *, paused: bool) -> WorkPoolStatus:
    """Tell the status of a pool that is paused or goes on."""
    if paused:
        return WorkPoolStatus.PAUSED
    online = select(WORKERS.c.id).where(
        WORKERS.c.work_pool_id == pool["id"], WORKERS.c.status == WorkerStatus.ONLINE.value
    )
    return WorkPoolStatus.NOT_READY if connection.scalar(online.limit(1)) is None else WorkPoolStatus.READY


def set_pool_status(connection: Connection, pool: Row, status: WorkPoolStatus) -> None:
    """Give a pool a status, and tell of it."""
    stored.change(connection, POOLS, pool["id"], {"status": status.value})
    tell_pool_status(connection, pool, status.value)


def create_queue(connection: Connection, pool_id: str, values: dict[str, Any]) -> str:
    """Insert a work queue at the priority asked for, or at the first that is free, and return its id."""
    priority = values.get("priority")
    if priority is None:
        ours = select(QUEUES.c.priority).where(QUEUES.c.work_pool_id == pool_id)
        taken = set(connection.scalars(ours))
        priority = next(place for place in count(1) if place not in taken)
    values = {**values, "description": values.get("description") or "", "priority": priority, "work_pool_id": pool_id}
    row = stored.new_row(QUEUES, status=WorkQueueStatus.NOT_READY.value, **values)
    stored.add(connection, QUEUES, row)
    arrange(connection, pool_id, first=row["id"])
    tell_queues(connection, "created", [row["id"]])
    return str(row["id"])


def arrange(connection: Connection, pool_id: str, *, first: str | None = None) -> None:
    """Let each queue of a pool have a priority of its own: `first` keeps the one it took, others make way."""
    ours = select(QUEUES.c.id, QUEUES.c.priority).where(QUEUES.c.work_pool_id == pool_id)
    last = 0
    for id_, priority in sorted(connection.execute(ours), key=lambda queue: (queue[1], queue[0] != first)):
        if priority <= last:
            stored.change(connection, QUEUES, id_, {"priority": last + 1})
        last = max(last + 1, priority)
