"""What others hear of work pools and their queues: made, changed, deleted, ready or not, in the shape that Prefect gives it."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.events import Change, Event, Labels, emit, labels
from gateway.embedded.events.differences import differences
from gateway.embedded.events.labels import ID, ROLE
from gateway.embedded.events.tables import EVENTS
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from schema.work_pools import WorkPoolStatus

POOLS, QUEUES = TABLES["work_pools"], TABLES["work_queues"]

STORAGE = "default_result_storage_block_id"

CLOSE = timedelta(minutes=10)
"""How near two statuses of a pool must be for the later one's event to name the earlier's."""

OF_POOLS = ("description", "base_job_template", "concurrency_limit", "storage_configuration")
OF_QUEUES = ("name", "description", "concurrency_limit", "priority")
"""What events tell of a change."""


def in_words(status: str) -> str:
    """Return how the names of events tell a status."""
    return status.lower().replace("_", "-")


STATUSES = [f"prefect.work-pool.{in_words(status.value)}" for status in WorkPoolStatus]


def pool_row(connection: Connection, id_: str) -> Row | None:
    """Read a work pool as its events tell of it."""
    return stored.load(connection, POOLS, id_, json=("base_job_template", "storage_configuration"), lock=False)


def pool_labels(id_: str, name: str, type_: str) -> Labels:
    """Describe a work pool."""
    return {**labels("work-pool", id_, name), "prefect.work-pool.type": type_}


def _role(described: Labels, role: str) -> Labels:
    return {**described, ROLE: role}


def _of_pool(pool: Row) -> Labels:
    return pool_labels(pool["id"], pool["name"], pool["type"])


def tell_pool(connection: Connection, change: Change, id_: str) -> None:
    """Tell that a work pool was made, or is about to be deleted, with what belongs to it."""
    if pool := pool_row(connection, id_):
        related = [
            {ID: f"prefect.{kind}.{other}", ROLE: role}
            for kind, other, role in (
                ("work-queue", pool["default_queue_id"], "default-queue"),
                ("block-document", (pool["storage_configuration"] or {}).get(STORAGE), "result-storage"),
            )
            if other
        ]
        occurred = pool["created"] if change == "created" else now()
        event = f"prefect.work-pool.{change}"
        emit(connection, Event(event, _role(_of_pool(pool), "work-pool"), related, occurred=occurred))


def tell_pool_change(connection: Connection, before: Row) -> None:
    """Tell what has become of a work pool that was changed."""
    after = pool_row(connection, before["id"])
    if after and (payload := differences(before, after, OF_POOLS)):
        emit(connection, Event("prefect.work-pool.updated", _role(_of_pool(after), "work-pool"), payload=payload))


def tell_pool_status(connection: Connection, pool: Row, status: str) -> None:
    """Tell the status that a work pool has from now on."""
    resource, occurred = _of_pool(pool), now()
    before = (
        select(EVENTS.c.id)
        .where(
            EVENTS.c.resource_id == resource[ID],
            member(EVENTS.c.event, STATUSES),
            # As in Prefect, not the one that was told when the pool was made.
            EVENTS.c.occurred > max(occurred - CLOSE, pool["created"]),
        )
        .order_by(EVENTS.c.occurred.desc(), EVENTS.c.id.desc())
        .limit(1)
    )
    event = f"prefect.work-pool.{in_words(status)}"
    emit(connection, Event(event, resource, occurred=occurred, follows=connection.scalar(before)))


def tell_new_status(connection: Connection, pool: Row) -> None:
    """Tell the status of a work pool that was made just now."""
    event = f"prefect.work-pool.{in_words(pool['status'])}"
    emit(connection, Event(event, _of_pool(pool), occurred=pool["created"]))


def tell_queues(connection: Connection, change: Change | str, ids: Iterable[str]) -> None:
    """Tell that work queues were made, are about to be deleted, or have a status."""
    event = f"prefect.work-queue.{in_words(change)}"
    emit(connection, *(Event(event, *described) for described in _queues(connection, list(ids))))


def tell_queue_change(connection: Connection, before: Row, given: Iterable[str]) -> None:
    """Tell what has become of the values that were given for a work queue."""
    after: Any = stored.load(connection, QUEUES, before["id"], lock=False)
    if payload := differences(before, after, [name for name in OF_QUEUES if name in set(given)]):
        for described in _queues(connection, [before["id"]]):
            emit(connection, Event("prefect.work-queue.updated", *described, payload))


def _queues(connection: Connection, ids: list[str]) -> Iterator[tuple[Labels, list[Labels]]]:
    """Describe work queues, each with its pool."""
    if not ids:
        return
    columns = (QUEUES.c.id, QUEUES.c.name, POOLS.c.id, POOLS.c.name, POOLS.c.type)
    found = select(*columns).join(POOLS, QUEUES.c.work_pool_id == POOLS.c.id).where(member(QUEUES.c.id, ids))
    for id_, name, *pool in connection.execute(found.order_by(QUEUES.c.priority, QUEUES.c.id)):
        yield _role(labels("work-queue", id_, name), "work-queue"), [_role(pool_labels(*pool), "work-pool")]
