"""What others hear of deployments: made, changed, deleted, ready or not, in the shape that Prefect gives it."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.events import Event, Labels, emit, labels, related
from gateway.embedded.events.differences import differences
from gateway.embedded.events.labels import ID, ROLE
from gateway.embedded.expressions import member
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.work.events import in_words, pool_labels

DEPLOYMENTS, FLOWS, QUEUES, POOLS = (TABLES[name] for name in ("deployments", "flows", "work_queues", "work_pools"))

JSON = (
    "tags",
    "parameters",
    "parameter_openapi_schema",
    "pull_steps",
    "job_variables",
    "labels",
    "concurrency_options",
)
TOLD = {
    **{name: name for name in ("description", "tags", "parameters", "parameter_openapi_schema", "pull_steps")},
    **{name: name for name in ("enforce_parameter_schema", "entrypoint", "path", "work_queue_id", "paused", "labels")},
    **{name: name for name in ("version", "concurrency_limit_id", "concurrency_options")},
    "job_variables": "infra_overrides",
}
"""What events tell of a change, each value by the name that it has in Prefect's events."""

DESCRIBED = (
    select(
        *(DEPLOYMENTS.c.id, DEPLOYMENTS.c.name, FLOWS.c.id, FLOWS.c.name, QUEUES.c.id, QUEUES.c.name),
        *(POOLS.c.id, POOLS.c.name, POOLS.c.type),
        *(DEPLOYMENTS.c.storage_document_id, DEPLOYMENTS.c.infrastructure_document_id),
        DEPLOYMENTS.c.concurrency_limit_id,
    )
    .outerjoin(FLOWS, DEPLOYMENTS.c.flow_id == FLOWS.c.id)
    .outerjoin(QUEUES, DEPLOYMENTS.c.work_queue_id == QUEUES.c.id)
    .outerjoin(POOLS, QUEUES.c.work_pool_id == POOLS.c.id)
    .order_by(DEPLOYMENTS.c.id)
)


def deployment_row(connection: Connection, id_: str) -> Row | None:
    """Read what events tell of a deployment."""
    found = stored.load(connection, DEPLOYMENTS, id_, json=JSON, lock=False)
    return found and {"id": id_, **{told: found[name] for name, told in TOLD.items()}}


def tell_deployments(connection: Connection, what: str, ids: list[str]) -> None:
    """Tell that deployments were `created`, are about to be `deleted`, or have a status from now on."""
    event = f"prefect.deployment.{in_words(what)}"
    emit(connection, *(Event(event, *described) for described in _described(connection, ids)))


def tell_deployment_change(connection: Connection, before: Row) -> None:
    """Tell what has become of a deployment that was changed."""
    after = deployment_row(connection, before["id"])
    if after and (payload := differences(before, after, TOLD.values())):
        for described in _described(connection, [before["id"]]):
            emit(connection, Event("prefect.deployment.updated", *described, payload))


def _described(connection: Connection, ids: list[str]) -> Iterator[tuple[Labels, list[Labels]]]:
    """Describe deployments, each with what belongs to it."""
    rows = connection.execute(DESCRIBED.where(member(DEPLOYMENTS.c.id, ids))) if ids else ()
    for id_, name, *around in rows:
        yield labels("deployment", id_, name), list(_around(*around))


def _around(
    *ids_and_names: str | None,
) -> Iterator[Labels]:
    flow, queue, pool, others = ids_and_names[:2], ids_and_names[2:4], ids_and_names[4:7], ids_and_names[7:]
    for kind, (other, name) in (("flow", flow), ("work-queue", queue)):
        if other:
            yield related(kind, other, name)
    if pool[0]:
        yield {**pool_labels(*pool), ROLE: "work-pool"}  # type: ignore[arg-type]  # a pool has all of them
    kinds = (("block-document", "storage"), ("block-document", "infrastructure"), *[("concurrency-limit",) * 2])
    for (kind, role), other in zip(kinds, others, strict=True):
        if other:
            yield {ID: f"prefect.{kind}.{other}", ROLE: role}
