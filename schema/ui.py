"""What Prefect's own UI asks for its charts; the REST API keeps it for itself (`/ui`), so it may change."""

from dataclasses import replace
from datetime import datetime

import strawberry
from pydantic import Field
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers.collection import lazy
from resolvers.fields import told
from resolvers.readings import Reading
from schema.flow_runs import FlowRunSort
from schema.scalars import Id
from schema.states import StateType
from schema.types import INTERNAL, Part, absent


@strawberry.pydantic.type(description="The flow run that is scheduled next of a flow.")
class NextFlowRun(Part):
    id: Id | None = absent("The flow run's id.")
    flow_id: Id | None = absent("The flow.")
    name: str | None = absent("The flow run's name.")
    state_name: str | None = absent("The name of its state.")
    state_type: StateType | None = absent("The kind of its state.")
    next_scheduled_start_time: datetime | None = absent("When it is scheduled to start.")


@strawberry.pydantic.type(description="A flow run as a point of a chart.")
class FlowRunPoint(Part):
    id: Id = Field(description="The flow run's id.")
    state_type: StateType | None = absent("The kind of its state.")
    timestamp: datetime | None = absent("When it started, or is expected to.")
    duration: float | None = absent("Seconds that it has been running.")
    lateness: float | None = absent("Seconds that it was late.")


@strawberry.pydantic.type(description="Task runs of a part of a time.")
class TaskRunBar(Part):
    completed: int | None = absent("How many ended well.")
    failed: int | None = absent("How many failed or crashed.")


def _filter(path: str, *, required: bool = False) -> tuple[object, object, str]:
    kind = lazy(path)
    return told(kind if required else kind | None, "Which rows."), ... if required else UNSET, "*"


_READS = {
    "ui_next_flow_runs": Reading(
        "POST",
        "/ui/flows/next-runs",
        JSON | None,
        "The flow run that is scheduled next of each flow, by the flow's id: null, or an object with `id`, `flow_id`, `name`, `state_name`, `state_type` and `next_scheduled_start_time`.",
        body={"flow_ids": (told(list[strawberry.ID], "The flows, at most 200."), ..., "flow_ids")},
    ),
    "ui_flow_run_points": Reading(
        "POST",
        "/ui/flow_runs/history",
        list[FlowRunPoint | None] | None,
        "Flow runs as points of a chart, at most 1000.",
        model=FlowRunPoint,
        many=True,
        body={
            "filter": _filter("schema.filters.FlowFilters"),
            "sort": (told(FlowRunSort | None, "The order; EXPECTED_START_TIME_DESC by default."), UNSET, "sort"),
            "limit": (told(int | None, "At most how many flow runs; 1000 by default and at most."), UNSET, "limit"),
            "offset": (told(int | None, "How many flow runs to skip."), UNSET, "offset"),
        },
    ),
    "ui_task_run_bars": Reading(
        "POST",
        "/ui/task_runs/dashboard/counts",
        list[TaskRunBar | None] | None,
        "Task runs that ended and that failed in twenty equal parts of a time, which starts at the filter's `taskRuns.startTime.after`.",
        model=TaskRunBar,
        many=True,
        body={"filter": _filter("schema.filters.TaskRunBarFilters", required=True)},
    ),
    "ui_task_run_counts": Reading(
        "POST",
        "/ui/task_runs/count",
        JSON | None,
        "How many task runs are in each kind of state, by its name.",
        body={"filter": _filter("schema.filters.TaskRunFilters")},
    ),
}
READS = {name: replace(reading, directives=[INTERNAL]) for name, reading in _READS.items()}
