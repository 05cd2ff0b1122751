"""Task runs."""

from datetime import datetime
from enum import Enum

import strawberry
from pydantic import BaseModel, Field, field_validator

from resolvers.actions import create, delete, update
from resolvers.collection import Collection
from resolvers.fields import belongs_to, has_many, involved_in, listed
from schema.artifacts import ARTIFACT_COLLECTIONS, ARTIFACTS
from schema.events import EVENTS
from schema.history import history
from schema.logs import LOGS
from schema.operators import (
    AnyIdFilter,
    ExistsFilter,
    NameFilter,
    NullableIdFilter,
    NullableTimeFilter,
    Operator,
    TagsFilter,
    TimeFilter,
    combined,
)
from schema.runs import Run
from schema.scalars import Id, Object, OptionalLabels, Value
from schema.set_state import set_state
from schema.states import TASK_RUN_STATES, StateCreate, TaskRunStateFilter
from schema.types import Input, Part, absent, choice, resource


class _TaskRunPolicy(BaseModel):
    max_retries: int = Field(default_factory=int, description="Deprecated in Prefect: see `retries`.")
    retry_delay_seconds: float = Field(default_factory=float, description="Deprecated in Prefect: see `retryDelay`.")
    retries: int | None = absent("How often the run is retried.")
    retry_delay: Value = absent("Seconds between retries: a number, or a list of one a retry.")
    retry_jitter_factor: float | None = absent("How much the delays vary.")


@strawberry.pydantic.type(description="How a task run is retried.")
class TaskRunPolicy(_TaskRunPolicy, Part):
    pass


@strawberry.pydantic.input(description="How a task run is retried.")
class TaskRunPolicyInput(_TaskRunPolicy, Input):
    @field_validator("retry_jitter_factor")
    @classmethod
    def _check_jitter(cls, factor: float | None) -> float | None:
        if factor is not None and factor < 0:
            raise ValueError("`retry_jitter_factor` must be >= 0.")
        return factor


@resource("A run of a task, mostly within a flow run.")
class TaskRun(Run):
    flow_run_id: Id | None = absent("The flow run that it is part of.")
    task_key: str | None = Field(description="The task's key.")
    dynamic_key: str | None = Field(description="Tells runs of one task in a flow run apart.")
    cache_key: str | None = absent("Key of the cached result.")
    cache_expiration: datetime | None = absent("When the cached result expires.")
    task_version: str | None = absent("The task's version.")
    empirical_policy: TaskRunPolicy | None = absent("How the run is retried.")
    task_inputs: Object = Field(default_factory=dict, description="Where the run's inputs come from.")
    flow_run_run_count: int = Field(
        default_factory=int, description="How often the flow run had been started when it was."
    )

    flow_run = belongs_to("schema.flow_runs.FlowRun", key="flow_run_id", description="The flow run that it is part of.")
    events = involved_in(
        EVENTS,
        leaf="any_resource",
        prefix="prefect.task-run.",
        description="What happened to it and what involved it; one call a row.",
    )
    logs = has_many(LOGS, key="task_run_id", leaf="task_run_id", description="What it logged.")
    artifacts = has_many(ARTIFACTS, key="task_run_id", group="task_runs", description="What it made to be looked at.")
    latest_artifacts = has_many(
        ARTIFACT_COLLECTIONS,
        key="task_run_id",
        group="task_runs",
        description="Of what it made, the artifacts that are the latest of their keys.",
    )
    states = listed(TASK_RUN_STATES, description="Its states, in order of time; one call a run.")


@strawberry.pydantic.input(description="Which task runs.")
class TaskRunFilter(Input):
    operator: Operator = combined()
    id: AnyIdFilter | None = absent("The run's id.")
    name: NameFilter | None = absent("The run's name.")
    tags: TagsFilter | None = absent("The run's tags.")
    state: TaskRunStateFilter | None = absent("The current state.")
    start_time: NullableTimeFilter | None = absent("When it started.")
    end_time: NullableTimeFilter | None = absent("When it ended.")
    expected_start_time: TimeFilter | None = absent("When it is expected to start.")
    subflow_runs: ExistsFilter | None = absent("Whether it stands for a subflow run.")
    flow_run_id: NullableIdFilter | None = absent("The flow run that it is part of.")


@strawberry.enum(
    description="Orders of task runs. ID_DESC, DURATION_ASC and DURATION_DESC are total; the others leave the order of equal values open."
)
class TaskRunSort(Enum):
    ID_DESC = choice("ID_DESC", "By id, descending; total.")
    EXPECTED_START_TIME_ASC = choice("EXPECTED_START_TIME_ASC", "By when it was expected to start, the earliest first.")
    EXPECTED_START_TIME_DESC = choice("EXPECTED_START_TIME_DESC", "By when it was expected to start, the latest first.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z.")
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A.")
    NEXT_SCHEDULED_START_TIME_ASC = choice(
        "NEXT_SCHEDULED_START_TIME_ASC", "By when it is scheduled to start next, the earliest first."
    )
    END_TIME_DESC = choice("END_TIME_DESC", "By when it ended, the latest first.")
    DURATION_DESC = choice("DURATION_DESC", "By how long it ran, the longest first; total.")
    DURATION_ASC = choice("DURATION_ASC", "By how long it ran, the shortest first; total.")


@strawberry.pydantic.input(description="A task run to create.")
class TaskRunCreate(Input):
    id: Id | None = absent("The run's id; made by the server by default.")
    state: StateCreate | None = absent("The first state.")
    name: str | None = absent("The run's name.")
    flow_run_id: Id | None = absent("The flow run that it is part of.")
    task_key: str = Field(description="The task's key.")
    dynamic_key: str = Field(description="Tells runs of one task in a flow run apart.")
    cache_key: str | None = absent("Key of the cached result.")
    cache_expiration: datetime | None = absent("When the cached result expires.")
    task_version: str | None = absent("The task's version.")
    empirical_policy: TaskRunPolicyInput = absent("How the run is retried.")
    tags: list[str] = absent("The run's tags.")
    labels: OptionalLabels = absent("The run's labels.")
    task_inputs: Object = absent("Where the run's inputs come from.")


@strawberry.pydantic.input(description="Changes to a task run.")
class TaskRunUpdate(Input):
    name: str | None = absent("The run's name.")


ACTIONS = {
    "create_task_run": create(TaskRun, TaskRunCreate),
    "update_task_run": update(TaskRun, TaskRunUpdate),
    "delete_task_run": delete(),
    "set_task_run_state": set_state(),
}
TASK_RUNS = Collection(
    "task_runs",
    TaskRun,
    TaskRunFilter,
    TaskRunSort,
    TaskRunSort.ID_DESC,
    filters="schema.filters.TaskRunFilters",
    actions=ACTIONS,
    reads={"task_run_history": history("schema.filters.TaskRunFilters")},
)
