"""What others hear of a flow run that changed its state (`prefect.flow-run.Completed`), in the shape that Prefect gives it.

See https://docs.prefect.io/v3/concepts/events: resources are described by labels.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, select

from gateway.embedded.events import Event, Labels, labels, related, tags
from gateway.embedded.orchestration.states import State
from gateway.embedded.orchestration.transition import Row
from gateway.embedded.prepared import Prepared
from gateway.embedded.tables import TABLES
from schema.states import StateType

LONGEST_MESSAGE = 100_000
"""Characters of a state's message."""

CLOSE = timedelta(minutes=5)
"""How near two states must be for the later one's event to name the earlier's."""

RUNS, FLOWS, DEPLOYMENTS, QUEUES, POOLS, TASK_RUNS = (
    TABLES[name] for name in ("flow_runs", "flows", "deployments", "work_queues", "work_pools", "task_runs")
)
AROUND = Prepared(
    select(
        *(RUNS.c.tags, RUNS.c.created_by),
        *(FLOWS.c.id, FLOWS.c.name, FLOWS.c.tags),
        *(DEPLOYMENTS.c.id, DEPLOYMENTS.c.name, DEPLOYMENTS.c.tags),
        *(QUEUES.c.id, QUEUES.c.name, POOLS.c.id, POOLS.c.name, POOLS.c.type),
        *(TASK_RUNS.c.id, TASK_RUNS.c.name, TASK_RUNS.c.tags),
    )
    .select_from(RUNS)
    .outerjoin(FLOWS, RUNS.c.flow_id == FLOWS.c.id)
    .outerjoin(DEPLOYMENTS, RUNS.c.deployment_id == DEPLOYMENTS.c.id)
    .outerjoin(QUEUES, RUNS.c.work_queue_id == QUEUES.c.id)
    .outerjoin(POOLS, QUEUES.c.work_pool_id == POOLS.c.id)
    .outerjoin(TASK_RUNS, RUNS.c.parent_task_run_id == TASK_RUNS.c.id)
    .where(RUNS.c.id == bindparam("run_id"))
)
CREATORS = {"DEPLOYMENT": "deployment", "AUTOMATION": "automation"}


def state_change(connection: Connection, run: Row, initial: State | None, state: State) -> Event:
    """Return the event of a flow run that is in a new state; its id is that of the state, so that events stand in order."""
    resource = {
        **labels("flow-run", run["id"], run["name"]),
        "prefect.run-count": str(run["run_count"]),
        "prefect.state-message": _message(state),
        "prefect.state-name": state.name or "",
        "prefect.state-timestamp": state.timestamp.isoformat(),
        "prefect.state-type": state.type.value,
    }
    payload = {
        "intended": {"from": initial.type.value if initial else None, "to": state.type.value},
        "initial_state": _told(initial) if initial else None,
        "validated_state": _told(state),
    }
    return Event(
        event=f"prefect.flow-run.{state.name}",
        resource=resource,
        related=list(_around(connection, run["id"])),
        payload=payload,
        occurred=state.timestamp,
        id=state.id,
        follows=initial.id if initial and abs(state.timestamp - initial.timestamp) < CLOSE else None,
    )


def _message(state: State) -> str:
    message = state.message or ""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 3]}..."


def _told(state: State) -> dict[str, Any]:
    told = {"type": state.type.value, "name": state.name}
    if state.message:
        told["message"] = _message(state)
    if state.type is StateType.PAUSED:
        told["pause_reschedule"] = str(state.details.pause_reschedule).lower()
    return told


def _around(connection: Connection, run_id: str) -> Iterator[Labels]:
    """Find the resources that a flow run belongs to, its tags, and who made it."""
    ((run_tags, created_by, *rest),) = AROUND.rows(connection, {"run_id": run_id})
    flow, deployment, queue, pool, parent = rest[:3], rest[3:6], rest[6:8], rest[8:11], rest[11:]
    for kind, (id_, name, *_) in (("flow", flow), ("deployment", deployment), ("work-queue", queue)):
        if id_:
            yield related(kind, id_, name)
    if pool[0]:
        yield {**related("work-pool", *pool[:2]), "prefect.work-pool.type": pool[2]}
    if parent[0]:
        yield related("task-run", *parent[:2])
    yield from tags(run_tags, *(each[2] for each in (flow, deployment, parent)))
    creator = from_json(created_by) if created_by else None
    if creator and creator["type"] in CREATORS:
        yield related(CREATORS[creator["type"]], creator["id"], creator.get("display_value"), role="creator")
