"""Deployments as writes need them: with their pool, their limit, and the runs that wait to start."""

from typing import Any

from fastapi import HTTPException
from sqlalchemy import ColumnElement, Connection, delete, select, update

from gateway.embedded import stored
from gateway.embedded.concurrency.slots import add_limit, remove_limit
from gateway.embedded.deployments.events import tell_deployments
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.shapes import Row
from gateway.embedded.tables import CONCURRENCY_LIMITS, TABLES
from gateway.embedded.work.pools import POOLS, QUEUES, queue_in_pool, queue_without_pool
from schema.deployments import DeploymentStatus
from schema.states import StateType

DEPLOYMENTS, RUNS = TABLES["deployments"], TABLES["flow_runs"]
JSON = ("parameters", "parameter_openapi_schema", "job_variables", "labels", "tags")


def load_deployment(connection: Connection, id_: str, *, lock: bool = False) -> Row | None:
    """Read a deployment."""
    return stored.load(connection, DEPLOYMENTS, id_, json=JSON, lock=lock)


def pool_of(connection: Connection, deployment: Row) -> Row | None:
    """Read the work pool that hands out a deployment's runs."""
    if deployment["work_queue_id"] is None:
        return None
    pool = select(QUEUES.c.work_pool_id).where(QUEUES.c.id == deployment["work_queue_id"]).scalar_subquery()
    return stored.find(connection, POOLS, POOLS.c.id == pool, json=("base_job_template",), lock=False)


def queue_values(connection: Connection, values: dict[str, Any]) -> dict[str, Any]:
    """Replace the names of a pool and a queue by the queue's id; a queue that is not there is created."""
    pool, queue = values.get("work_pool_name"), values.get("work_queue_name")
    kept = {name: value for name, value in values.items() if name != "work_pool_name"}
    if pool:
        kept["work_queue_id"] = queue_in_pool(connection, pool, queue, create=True)
    elif queue and ("work_pool_name" not in values or values["work_pool_name"] is not None):
        kept["work_queue_id"] = queue_without_pool(connection, queue)
    return kept


def limit_values(connection: Connection, values: dict[str, Any]) -> dict[str, Any]:
    """Name the global limit that a deployment keeps to; its own limit is set by `set_limit`, once the deployment is there.

    Raises a 404 if there is no such limit.
    """
    kept = {
        name: value
        for name, value in values.items()
        if name not in {"concurrency_limit", "global_concurrency_limit_id"}
    }
    if "global_concurrency_limit_id" in values:
        limit = values["global_concurrency_limit_id"]
        known = select(CONCURRENCY_LIMITS.c.id).where(CONCURRENCY_LIMITS.c.id == limit)
        if limit and connection.scalar(known) is None:
            raise HTTPException(404, "Concurrency limit not found")
        kept["concurrency_limit_id"] = limit
    return kept


def set_limit(connection: Connection, deployment_id: str, limit: int | None) -> None:
    """Limit how many of a deployment's runs may run at once; None lifts the limit."""
    current = connection.scalar(select(DEPLOYMENTS.c.concurrency_limit_id).where(DEPLOYMENTS.c.id == deployment_id))
    if limit is None:
        if current:
            remove_limit(connection, current)
    elif current:
        stored.change(connection, CONCURRENCY_LIMITS, current, {"limit": limit})
    else:
        row = add_limit(connection, name=f"deployment:{deployment_id}", limit=limit)
        stored.change(connection, DEPLOYMENTS, deployment_id, {"concurrency_limit_id": row["id"]})


def delete_scheduled_runs(
    connection: Connection, deployment_id: str, *, scheduled_by_server: bool = False, future: bool = False
) -> None:
    """Delete a deployment's runs that wait for their first start; all, or those that a schedule made, or that are to come."""
    waiting = [
        RUNS.c.deployment_id == deployment_id,
        RUNS.c.state_type == StateType.SCHEDULED.value,
        RUNS.c.state_name != "AwaitingConcurrencySlot",
        RUNS.c.run_count == 0,
    ]
    if scheduled_by_server:
        waiting.append(RUNS.c.auto_scheduled.is_(True))
    if future:
        waiting.append(RUNS.c.next_scheduled_start_time > now())
    connection.execute(delete(RUNS).where(*waiting))


def pause(connection: Connection, id_: str, *, paused: bool) -> bool:
    """Pause a deployment or let it go on; tell whether it is there."""
    deployment = load_deployment(connection, id_, lock=True)
    if deployment and deployment["paused"] is not paused:
        stored.change(connection, DEPLOYMENTS, id_, {"paused": paused})
    return deployment is not None


def mark_ready(connection: Connection, asked: ColumnElement[bool]) -> None:
    """Note that somebody asks for runs of deployments; that is no change of the deployments themselves."""
    statuses = dict(connection.execute(select(DEPLOYMENTS.c.id, DEPLOYMENTS.c.status).where(asked)).all())
    if not statuses:
        return
    ids = list(statuses)
    ready = [id_ for id_, status in statuses.items() if status == DeploymentStatus.NOT_READY.value]
    polled = {"status": DeploymentStatus.READY.value, "last_polled": now(), "updated": DEPLOYMENTS.c.updated}
    connection.execute(update(DEPLOYMENTS).where(member(DEPLOYMENTS.c.id, ids)).values(polled))
    tell_deployments(connection, DeploymentStatus.READY.value, ready)


def delete_deployment(connection: Connection, id_: str) -> bool:
    """Delete a deployment with its limit and the runs that wait; tell whether it was there."""
    tell_deployments(connection, "deleted", [id_])
    delete_scheduled_runs(connection, id_)
    set_limit(connection, id_, None)
    return bool(connection.execute(delete(DEPLOYMENTS).where(DEPLOYMENTS.c.id == id_)).rowcount)
