"""Subscriptions: what changes, as it changes."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import strawberry
from strawberry import UNSET

from resolvers.collection import Collection, Row
from resolvers.fields import filter_arguments, told
from resolvers.ids import canonical, id_argument
from resolvers.live import Told, Topic, Updates, subscription
from schema.events import EVENTS, ID, EventFilter
from schema.flow_runs import FLOW_RUNS
from schema.logs import LOGS
from schema.task_runs import TASK_RUNS

HAPPENING = Topic(EVENTS, "occurred", "since", "until", "ASC")
LOGGING = Topic(LOGS, "timestamp", "after_", None, "TIMESTAMP_ASC")


def _state_change(prefix: str, event: Row) -> Row | None:
    """Read what an event tells of a run: `prefect.resource.id` is its id after the prefix, the event's id its state's."""
    labels = event.get("resource") or {}
    kind = labels.get("prefect.state-type")
    try:
        id_ = canonical(str(labels.get(ID, "")).removeprefix(prefix))
    except ValueError:
        return None
    if not kind:
        return None
    name, message = labels.get("prefect.state-name"), labels.get("prefect.state-message")
    state = {"id": event.get("id"), "type": kind, "name": name, "message": message or None}
    state["timestamp"] = labels.get("prefect.state-timestamp") or event.get("occurred")
    return {"id": id_, "state_id": event.get("id"), "state_type": kind, "state_name": name, "state": state}


def _merged(row: Row, update: Row) -> Row:
    """Put the state that an event tells into the row; the row's own is whole where it is the same one."""
    state = row.get("state") or {}
    return {**row, **update, "state": state if state.get("id") == update["state_id"] else update["state"]}


def _updates(collection: Collection, prefix: str) -> Updates:
    return Updates(collection, HAPPENING, {"event": {"prefix": [prefix]}}, partial(_state_change, prefix), _merged)


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value else None


def _own(given: Row) -> Row:
    chosen = given.get("filter")
    own: Row = chosen.model_dump(mode="json", exclude_unset=True) if chosen else {}
    return own


def _events(given: Row) -> tuple[Row, str | None]:
    own = _own(given)
    return own, (own.get("occurred") or {}).get("since")


def _logs(given: Row) -> tuple[Row, str | None]:
    run = id_argument("flow_run_id", given["flow_run_id"])
    return {"flow_run_id": {"any_": [run]}}, _moment(given.get("since") or None)


def subscriptions() -> dict[str, Any]:
    """Make the fields of Subscription."""
    return {
        "flow_run_updated": subscription(
            _updates(FLOW_RUNS, "prefect.flow-run."),
            FLOW_RUNS.row | None,
            filter_arguments(FLOW_RUNS),
            "Flow runs as they change their state, each time with the state that it changed to. Whether a run fits the filter is asked when the change is heard of.",
        ),
        "task_run_updated": subscription(
            _updates(TASK_RUNS, "prefect.task-run."),
            TASK_RUNS.row | None,
            filter_arguments(TASK_RUNS),
            "Task runs as they change their state, as `flowRunUpdated`. What Prefect 3's engine tells; a state that is set by the API makes no event.",
        ),
        "logs": subscription(
            Told(LOGGING, _logs),
            LOGS.row | None,
            {
                "flow_run_id": (told(strawberry.ID, "The flow run."), ...),
                "since": (
                    told(datetime | None, "Begin with those logged at this time or after; now by default."),
                    UNSET,
                ),
            },
            "What a flow run logs, as it does.",
        ),
        "events": subscription(
            Told(HAPPENING, _events),
            EVENTS.row | None,
            {"filter": (told(EventFilter | None, "Which events; `occurred.since` is now by default."), UNSET)},
            "Events as they happen, those of the past from `occurred.since` on first.",
        ),
    }
