"""The foreman, a service: workers that fell silent are offline, and what nobody asks for runs any more is not ready."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, select, update

from gateway.embedded import stored
from gateway.embedded.database import Database
from gateway.embedded.deployments.events import tell_deployments
from gateway.embedded.deployments.rows import DEPLOYMENTS
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.services import Service
from gateway.embedded.work.pools import POOLS, QUEUES, WORKERS, set_pool_status
from gateway.embedded.work.queues import POLLED_WITHIN, set_queue_status
from schema.deployments import DeploymentStatus
from schema.work_pools import WorkPoolStatus
from schema.work_queues import WorkQueueStatus
from schema.workers import WorkerStatus

MISSED = 3
"""Heartbeats in a row that a worker misses before it is taken for gone."""

INTERVAL = 30
"""Seconds between the heartbeats of a worker that does not tell."""

EVERY = 15.0


async def look_after(database: Database) -> None:
    """Give workers, pools, queues and deployments the status that they have by now."""
    if await database.read(_is_anything_ready):
        await database.write(_look_after)


def _is_anything_ready(connection: Connection) -> bool:
    ready = (
        select(WORKERS.c.id).where(WORKERS.c.status == WorkerStatus.ONLINE.value),
        select(POOLS.c.id).where(POOLS.c.status == WorkPoolStatus.READY.value),
        select(QUEUES.c.id).where(QUEUES.c.status == WorkQueueStatus.READY.value),
        select(DEPLOYMENTS.c.id).where(DEPLOYMENTS.c.status == DeploymentStatus.READY.value),
    )
    return any(connection.scalar(each.limit(1)) for each in ready)


def _look_after(connection: Connection) -> None:
    _mark_silent_workers(connection)
    online = exists(
        select(1).where(WORKERS.c.work_pool_id == POOLS.c.id, WORKERS.c.status == WorkerStatus.ONLINE.value)
    )
    deserted = (POOLS.c.status == WorkPoolStatus.READY.value, ~online)
    for pool in stored.find_all(connection, POOLS, *deserted, order=POOLS.c.id):
        set_pool_status(connection, pool, WorkPoolStatus.NOT_READY)
    long_ago = now() - POLLED_WITHIN
    _mark_deployments(connection, long_ago)
    unasked = (QUEUES.c.status == WorkQueueStatus.READY.value, QUEUES.c.last_polled < long_ago)
    ids = list(connection.scalars(select(QUEUES.c.id).where(*unasked)))
    set_queue_status(connection, ids, WorkQueueStatus.NOT_READY)


def _mark_silent_workers(connection: Connection) -> None:
    columns = (WORKERS.c.id, WORKERS.c.last_heartbeat_time, WORKERS.c.heartbeat_interval_seconds)
    online = connection.execute(select(*columns).where(WORKERS.c.status == WorkerStatus.ONLINE.value))
    moment = now()
    for id_, heard, interval in online.all():
        if moment - heard > MISSED * timedelta(seconds=INTERVAL if interval is None else interval):
            offline = update(WORKERS).where(WORKERS.c.id == id_, WORKERS.c.last_heartbeat_time == heard)
            connection.execute(offline.values(status=WorkerStatus.OFFLINE.value))


def _mark_deployments(connection: Connection, long_ago: datetime) -> None:
    asked = exists(select(1).where(QUEUES.c.id == DEPLOYMENTS.c.work_queue_id, QUEUES.c.last_polled >= long_ago))
    unasked = (DEPLOYMENTS.c.status == DeploymentStatus.READY.value, DEPLOYMENTS.c.last_polled < long_ago, ~asked)
    not_ready = {"status": DeploymentStatus.NOT_READY.value, "updated": DEPLOYMENTS.c.updated}
    ids = list(connection.scalars(select(DEPLOYMENTS.c.id).where(*unasked)))
    connection.execute(update(DEPLOYMENTS).where(member(DEPLOYMENTS.c.id, ids)).values(not_ready))
    tell_deployments(connection, DeploymentStatus.NOT_READY.value, ids)


SERVICES = (Service("foreman", EVERY, look_after),)
