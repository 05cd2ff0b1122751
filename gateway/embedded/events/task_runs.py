"""Task runs, recorded of the events in which their client tells of their states: Prefect 3 orchestrates them by itself."""

import logging
from datetime import timedelta
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.events.journal import Event
from gateway.embedded.events.labels import ID
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from schema.states import State, StateDetails
from schema.task_runs import TaskRun

FLOW_RUNS, RUNS, STATES = (TABLES[name] for name in ("flow_runs", "task_runs", "task_run_states"))

# What the server works out, or what the event itself says.
LEFT_OUT = frozenset({"id", "flow_run_id", "created", "updated", "total_run_time"}) | {
    column.name for column in RUNS.c if column.name.startswith("state")
}
COLUMNS = {column.name for column in RUNS.c}
KEY = ("flow_run_id", "task_key", "dynamic_key")
UNSAID: Row = {name: None for name, field in TaskRun.model_fields.items() if field.is_required()}
LENGTH = TypeAdapter(timedelta)

log = logging.getLogger(__name__)


def record(connection: Connection, event: Event) -> None:
    """Put a task run into the state that an event tells of, unless it has been in a later one; create it if it is new."""
    if not event.event.startswith("prefect.task-run") or event.resource.get("prefect.orchestration") != "client":
        return
    try:
        run = _task_run(event)
    except (KeyError, TypeError, ValueError) as unusable:
        reason = unusable.errors()[0]["msg"] if isinstance(unusable, ValidationError) else repr(unusable)
        log.warning("The event %s tells of no task run: %s", event.id, reason)
        return
    flow_run = run["flow_run_id"]
    if flow_run and stored.load(connection, FLOW_RUNS, flow_run, lock=False) is None:
        log.warning("The event %s tells of a task run of the flow run %s, which is not there", event.id, flow_run)
    else:
        _keep(connection, run)


def _task_run(event: Event) -> Row:
    """Read the columns of a task run that an event tells."""
    flow_run = event.related_in("flow-run")
    ids = {"id": _id_of(event.resource, "task-run"), "flow_run_id": _id_of(flow_run, "flow-run") if flow_run else None}
    told = {name: value for name, value in event.payload["task_run"].items() if name not in LEFT_OUT}
    valid = TaskRun.model_validate({**UNSAID, **told, **ids})
    values = {name: getattr(valid, name) for name in told.keys() & COLUMNS}
    dumped = valid.model_dump(mode="json", include={"empirical_policy"} & told.keys())
    if (total := event.payload["task_run"].get("total_run_time")) is not None:
        values["total_run_time"] = LENGTH.validate_python(total)
    return {**values, **dumped, **ids, **_state(event, ids)}


def _state(event: Event, ids: dict[str, str | None]) -> Row:
    """Read the columns of the state that a task run is in."""
    told = {**event.payload["validated_state"], "id": event.id, "timestamp": event.occurred}
    state = State.model_validate(told)
    details = state.state_details or StateDetails()
    details.task_run_id, details.flow_run_id = ids["id"], ids["flow_run_id"]  # type: ignore[assignment]  # ids are strings
    shown = {**state.model_dump(mode="json"), "state_details": details.model_dump(mode="json")}
    return {
        "state": shown,
        "state_id": event.id,
        "state_type": shown["type"],
        "state_name": shown["name"],
        "state_timestamp": event.occurred,
    }


def _id_of(resource: dict[str, str], kind: str) -> str:
    return str(UUID(resource[ID].removeprefix(f"prefect.{kind}.")))


def _keep(connection: Connection, run: Row) -> None:
    same = (RUNS.c[name] == run[name] for name in KEY)
    found = stored.find(connection, RUNS, *same) if run["flow_run_id"] else None
    known = found or stored.load(connection, RUNS, run["id"])
    if known is None:
        stored.add(connection, RUNS, stored.new_row(RUNS, **run))
    elif known["state_timestamp"] is None or known["state_timestamp"] < run["state_timestamp"]:
        stored.change(connection, RUNS, known["id"], {**run, "id": known["id"]})
    _keep_state(connection, run, known["id"] if known else run["id"])


def _keep_state(connection: Connection, run: Row, id_: str) -> None:
    if stored.load(connection, STATES, run["state_id"]) is not None:
        return
    state = {**run["state"], "state_details": {**run["state"]["state_details"], "task_run_id": id_}}
    row = {**state, "timestamp": run["state_timestamp"], "task_run_id": id_}
    stored.add(connection, STATES, stored.new_row(STATES, **row))
