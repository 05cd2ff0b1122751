"""Work pools and their queues as other writes need them: found by name, and created with what belongs to them."""

from typing import Any

from fastapi import HTTPException
from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.named_reads import DEFAULT_POOL
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES

POOLS, QUEUES = TABLES["work_pools"], TABLES["work_queues"]

AGENT = "prefect-agent"
"""The type of pools that take no part in the statuses of workers."""

DEFAULT_QUEUE = "default"
STORAGE = {"bundle_upload_step": None, "bundle_execution_step": None, "default_result_storage_block_id": None}


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
    pool = pool_named(connection, pool_name)
    if not name:
        return str(pool["default_queue_id"])
    if found := _queue_id(connection, pool["id"], name):
        return found
    if not create:
        raise HTTPException(404, f"Work pool queue '{pool_name}/{name}' not found.")
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
    row["status"] = status(row["type"], paused=row["is_paused"])
    stored.add(connection, POOLS, row)
    queue = {"name": DEFAULT_QUEUE, "description": "The work pool's default queue."}
    stored.change(connection, POOLS, row["id"], {"default_queue_id": create_queue(connection, row["id"], queue)})
    return str(row["id"])


def status(type_: str, *, paused: bool) -> str | None:
    """Tell a pool's status while no worker has asked it for runs."""
    if type_ == AGENT:
        return None
    return "PAUSED" if paused else "NOT_READY"


def create_queue(connection: Connection, pool_id: str, values: dict[str, Any]) -> str:
    """Insert a work queue at the priority asked for, or at the first that is free, and return its id."""
    taken = list(
        connection.execute(
            select(QUEUES.c.priority, QUEUES.c.id).where(QUEUES.c.work_pool_id == pool_id).order_by(QUEUES.c.priority)
        )
    )
    priority = values.get("priority")
    if priority is None:
        free = (place for place, (number, _) in enumerate(taken, 1) if number != place)
        priority = next(free, max((number for number, _ in taken), default=0) + 1)
    row = stored.new_row(QUEUES, **{"status": "NOT_READY", **values, "priority": priority, "work_pool_id": pool_id})
    stored.add(connection, QUEUES, row)
    _make_way(connection, taken, priority)
    return str(row["id"])


def _make_way(connection: Connection, taken: list[Any], priority: int) -> None:
    """Move the queues on whose places were taken, as far as there is no gap."""
    for number, id_ in taken:
        if number == priority:
            priority += 1
            stored.change(connection, QUEUES, id_, {"priority": priority})
