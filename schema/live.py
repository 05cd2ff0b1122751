"""Subscriptions: what changes, as it changes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.errors import BadUserInput
from resolvers.fields import filter_arguments, told
from resolvers.ids import canonical, id_argument
from resolvers.live import Latest, Summary, Told, Updates, subscription
from resolvers.reading import page
from resolvers.sources import canonical_json
from resolvers.topics import Changes, Span, Topic, rows_of
from schema.events import EVENTS, ID, EventFilter
from schema.flow_runs import FLOW_RUNS
from schema.history import HistoryInterval, HistoryState
from schema.logs import LOGS
from schema.task_runs import TASK_RUNS
from schema.types import Part

HAPPENING = Topic(EVENTS, "occurred", "since", "until", ("ASC", "DESC"), "received", closes=True)
LOGGING = Topic(LOGS, "timestamp", "after_", "before_", ("TIMESTAMP_ASC", "TIMESTAMP_DESC"), "created", silent=True)

PAUSE, EVERY, OFTEN = 1.0, 30.0, 5.0
"""Seconds between two counts, at least; until one without news; until the next where nothing tells of news."""
BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2170, 1, 1, tzinfo=UTC)
"""A time that all runs are in."""


@dataclass(frozen=True)
class _OfFamily(Topic):
    """The logs of a flow run and of the flow runs that it called, directly or not, read again and again: more may be called."""

    path = None

    async def read(self, context: Context, wanted: str, span: Span) -> AsyncIterator[list[Row]]:
        """Read the logs of a time."""
        own = orjson.loads(wanted)
        family = new = own["flow_run_id"]["any_"]
        while new:
            called = [
                row["id"]
                for start in range(0, len(new), context.page)
                for row in await _all(context, {"parent_flow_run_id": {"any_": new[start : start + context.page]}})
            ]
            new = [id_ for id_ in called if id_ not in {*family}]
            family = [*family, *new]
        for start in range(0, len(family), context.page):
            own["flow_run_id"] = {"any_": family[start : start + context.page]}
            async for rows in rows_of(context, LOGGING, canonical_json(own), span):
                yield rows


async def _all(context: Context, own: Row) -> list[Row]:
    """Read all flow runs that fit."""
    found: list[Row] = []
    while True:
        rows = await page(
            context.rows, FLOW_RUNS, {"flow_runs": own}, sort="ID_DESC", limit=context.page, offset=len(found) or None
        )
        found += rows
        if len(rows) < context.page:
            return found


@strawberry.pydantic.type(description="How many flow runs there are, in all and by state.")
class FlowRunCounts(Part):
    total: int = Field(description="How many flow runs there are; those without a state are left out.")
    states: list[HistoryState] = Field(description="The flow runs by state.")


def _counted(given: Row) -> Row:
    groups = FLOW_RUNS.body(given)
    groups = {"work_queues" if name == "work_pool_queues" else name: group for name, group in groups.items()}
    seconds = (END - BEGINNING).total_seconds()
    return {
        **groups,
        "history_start": BEGINNING.isoformat(),
        "history_end": END.isoformat(),
        "history_interval_seconds": seconds,
    }


async def _counts(context: Context, body: Row) -> Row:
    """Count in one call: a history of one interval."""
    intervals = await context.rows.read(HistoryInterval, "POST", "/flow_runs/history", body)
    states = [state for interval in intervals for state in interval["states"]]
    return {"total": sum(state.get("count_runs") or 0 for state in states), "states": states}


def _state_change(prefix: str, event: Row) -> Row | None:
    """Read what an event tells of a run: `prefect.resource.id` is its id after the prefix, the event's id its state's."""
    labels = event.get("resource")
    if not isinstance(labels, dict):
        return None
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


def _lagging(row: Row, update: Row) -> bool:
    """Tell whether a row's state is older than the one that an event tells."""
    state, told_ = row.get("state") or {}, update["state"]
    try:
        return datetime.fromisoformat(state["timestamp"]) < datetime.fromisoformat(told_["timestamp"])
    except (KeyError, TypeError, ValueError):
        return False


def _updates(collection: Collection, prefix: str) -> Updates:
    latest = Latest(Changes(collection, "EXPECTED_START_TIME_DESC", ("updated", "state_id")))
    told_by = {"event": {"prefix": [prefix]}}
    return Updates(collection, HAPPENING, told_by, partial(_state_change, prefix), _merged, _lagging, latest)


def _summary() -> Summary:
    told_by = {"event": {"prefix": ["prefect.flow-run."]}}
    seldom = Summary(None, {}, _counted, _counts, PAUSE, OFTEN)
    return Summary(HAPPENING, told_by, _counted, _counts, PAUSE, EVERY, seldom)


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value else None


def _own(given: Row) -> Row:
    chosen = given.get("filter")
    own: Row = chosen.model_dump(mode="json", exclude_unset=True) if chosen else {}
    return own


def _events(given: Row) -> tuple[Row, str | None]:
    own = _own(given)
    occurred = own.pop("occurred", None) or {}
    if occurred.get("until"):
        raise BadUserInput("`occurred.until` can't be used here: a subscription goes on until it is ended.")
    return own, occurred.get("since")


def _logs(given: Row) -> tuple[Row, str | None]:
    run = id_argument("flow_run_id", given["flow_run_id"])
    return {"flow_run_id": {"any_": [run]}}, _moment(given.get("since") or None)


FAMILY = _OfFamily(LOGS, "timestamp", "after_", "before_", ("TIMESTAMP_ASC", "TIMESTAMP_DESC"), "created", merges=True)


def subscriptions() -> dict[str, Any]:
    """Make the fields of Subscription."""
    return {**_runs(), **_journals()}


def _runs() -> dict[str, Any]:
    """Make the fields that tell of runs."""
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
        "flow_run_counts": subscription(
            _summary(),
            FlowRunCounts | None,
            filter_arguments(FLOW_RUNS),
            "How many flow runs there are by state: at once, and again when it has changed, at most once a second.",
        ),
    }


def _journals() -> dict[str, Any]:
    """Make the fields that tell what is written down."""
    return {
        "logs": subscription(
            Told(LOGGING, _logs, ("include_subflows", FAMILY)),
            LOGS.row | None,
            {
                "flow_run_id": (told(strawberry.ID, "The flow run."), ...),
                "since": (
                    told(datetime | None, "Begin with those logged at this time or after; now by default."),
                    UNSET,
                ),
                "include_subflows": (
                    told(bool | None, "Whether the logs of the flow runs that it calls come too, in order of time."),
                    False,
                ),
            },
            "What a flow run logs, its task runs included, as it does.",
        ),
        "events": subscription(
            Told(HAPPENING, _events),
            EVENTS.row | None,
            {"filter": (told(EventFilter | None, "Which events; `occurred.since` is now by default."), UNSET)},
            "Events as they happen, those of the past from `occurred.since` on first.",
        ),
    }
