"""Flow runs."""

from enum import Enum
from typing import Annotated

import strawberry
from pydantic import BaseModel, Field
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers.actions import LIMIT, Action, bulk_delete, changed, create, delete, update
from resolvers.collection import Collection, lazy
from resolvers.fields import Later, belongs_to, has_many, involved_in, listed, told, within
from resolvers.readings import Reading
from resolvers.relations import Many, Via
from schema.artifacts import ARTIFACT_COLLECTIONS, ARTIFACTS
from schema.events import EVENTS
from schema.flow_run_graph import READS as GRAPHS
from schema.flow_run_inputs import FLOW_RUN_INPUTS
from schema.history import history
from schema.logs import LOGS
from schema.operators import (
    AnyIdExceptFilter,
    AnyStringExceptFilter,
    AnyStringFilter,
    AnyTagsFilter,
    CombinedIdFilter,
    CreatorFilter,
    NameFilter,
    NullableIdFilter,
    NullableStringFilter,
    NullableTimeFilter,
    Operator,
    TimeFilter,
    combined,
)
from schema.runs import Run
from schema.scalars import Id, Object, OptionalLabels, OptionalObject
from schema.set_state import STATE, SetStateResult, set_state, verdict, verdicts
from schema.states import FLOW_RUN_STATES, FlowRunStateFilter, StateCreate
from schema.task_runs import TASK_RUNS
from schema.types import Computed, Input, Part, absent, choice, resource


@strawberry.pydantic.type(description="Who or what created a row.")
class CreatedBy(Part):
    id: Id | None = absent("Its id.")
    type: str | None = absent("What it is, such as DEPLOYMENT.")
    display_value: str | None = absent("Its name for people.")


@strawberry.enum(description="How a flow run is retried.")
class RetryType(Enum):
    IN_PROCESS = choice("in_process", "Within the process that ran it.")
    RESCHEDULE = choice("reschedule", "As a run that is scheduled anew.")


class _FlowRunPolicy(BaseModel):
    max_retries: int = Field(default_factory=int, description="Deprecated in Prefect: see `retries`.")
    retry_delay_seconds: float = Field(default_factory=float, description="Deprecated in Prefect: see `retryDelay`.")
    retries: int | None = absent("How often the run is retried.")
    retry_delay: int | None = absent("Seconds between retries.")
    pause_keys: list[str] | None = absent("The pauses that the run has gone through.")
    resuming: bool | None = Field(
        default_factory=lambda: False, description="Whether the run is resuming from a pause."
    )
    retry_type: RetryType | None = absent("Where the run is retried.")


@strawberry.pydantic.type(description="How a flow run is retried and paused.")
class FlowRunPolicy(_FlowRunPolicy, Part):
    pass


@strawberry.pydantic.input(description="How a flow run is retried and paused.")
class FlowRunPolicyInput(_FlowRunPolicy, Input):
    pass


@strawberry.pydantic.input(description="Which flow runs.")
class FlowRunFilter(Input):
    operator: Operator = combined()
    id: AnyIdExceptFilter | None = absent("The run's id.")
    name: NameFilter | None = absent("The run's name.")
    tags: AnyTagsFilter | None = absent("The run's tags.")
    deployment_id: NullableIdFilter | None = absent("The deployment that it is a run of.")
    work_queue_name: NullableStringFilter | None = absent("Name of the work queue that hands it out.")
    state: FlowRunStateFilter | None = absent("The current state.")
    flow_version: AnyStringFilter | None = absent("The flow's version.")
    start_time: NullableTimeFilter | None = absent("When it started, or is expected to.")
    end_time: NullableTimeFilter | None = absent("When it ended.")
    expected_start_time: TimeFilter | None = absent("When it is expected to start.")
    next_scheduled_start_time: TimeFilter | None = absent("When it is scheduled to start next.")
    parent_flow_run_id: CombinedIdFilter | None = absent("The flow run that called it.")
    parent_task_run_id: NullableIdFilter | None = absent("The task run that stands for it in its parent flow run.")
    idempotency_key: AnyStringExceptFilter | None = absent("The run's idempotency key.")
    created_by: CreatorFilter | None = absent("Who or what created it.")


@strawberry.enum(description="Orders of flow runs. ID_DESC is total; the others leave the order of equal values open.")
class FlowRunSort(Enum):
    ID_DESC = choice("ID_DESC", "By id, descending; total.")
    START_TIME_ASC = choice("START_TIME_ASC", "By when it started or is expected to, the earliest first.")
    START_TIME_DESC = choice("START_TIME_DESC", "By when it started or is expected to, the latest first.")
    EXPECTED_START_TIME_ASC = choice("EXPECTED_START_TIME_ASC", "By when it was expected to start, the earliest first.")
    EXPECTED_START_TIME_DESC = choice("EXPECTED_START_TIME_DESC", "By when it was expected to start, the latest first.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z.")
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A.")
    NEXT_SCHEDULED_START_TIME_ASC = choice(
        "NEXT_SCHEDULED_START_TIME_ASC", "By when it is scheduled to start next, the earliest first."
    )
    END_TIME_DESC = choice("END_TIME_DESC", "By when it ended, the latest first.")


@resource("A run of a flow.")
class FlowRun(Run):
    flow_id: Id | None = Field(description="The flow that runs.")
    deployment_id: Id | None = absent("The deployment that it is a run of.")
    deployment_version: str | None = absent("The deployment's version at the time.")
    work_queue_id: Id | None = absent("The work queue that hands it out.")
    work_queue_name: str | None = absent("Name of the work queue that hands it out.")
    flow_version: str | None = absent("The flow's version.")
    parameters: Object = Field(default_factory=dict, description="The parameters that the flow is called with.")
    idempotency_key: str | None = absent("A second run of the flow with this key is not created.")
    context: Object = Field(default_factory=dict, description="Context of the run.")
    empirical_policy: FlowRunPolicy | None = absent("How the run is retried and paused.")
    parent_task_run_id: Id | None = absent("The task run that stands for this run in its parent flow run.")
    auto_scheduled: bool = Field(default_factory=bool, description="Whether a schedule created it.")
    infrastructure_document_id: Id | None = absent("The block document of its infrastructure.")
    infrastructure_pid: str | None = absent("Id of the process, container or job that it runs in.")
    created_by: CreatedBy | None = absent("Who or what created it.")
    work_pool_id: Annotated[Id | None, Computed] = absent("The work pool that hands it out.")
    work_pool_name: Annotated[str | None, Computed] = absent("Name of the work pool that hands it out.")
    job_variables: OptionalObject = absent("Variables of the work pool's job template.")

    flow = belongs_to("schema.flows.Flow", key="flow_id", description="The flow that runs.")
    deployment = belongs_to(
        "schema.deployments.Deployment", key="deployment_id", description="The deployment that it is a run of."
    )
    work_pool = belongs_to(
        "schema.work_pools.WorkPool", key="work_pool_id", description="The work pool that hands it out."
    )
    work_queue = belongs_to(
        "schema.work_queues.WorkQueue", key="work_queue_id", description="The work queue that hands it out."
    )
    infrastructure_document = belongs_to(
        "schema.block_documents.BlockDocument",
        key="infrastructure_document_id",
        description="The block of its infrastructure.",
    )
    parent_task_run = belongs_to(
        "schema.task_runs.TaskRun",
        key="parent_task_run_id",
        description="The task run that stands for this run in its parent flow run.",
    )
    parent_flow_run = belongs_to(
        "schema.flow_runs.FlowRun",
        key=Via("parent_task_run_id", "schema.task_runs.TaskRun", "flow_run_id"),
        description="The flow run that called this one.",
    )
    task_runs = has_many(
        TASK_RUNS,
        key="flow_run_id",
        group="flow_runs",
        counts=Many("/ui/flow_runs/count-task-runs", "flow_run_ids", unless="parent_flow_run_id"),
        description="The run's task runs.",
    )
    subflow_runs = has_many(
        Later("schema.flow_runs.FlowRun", "schema.filters.FlowRunFilters", FlowRunSort.ID_DESC),
        key=Via("parent_task_run_id", "schema.task_runs.TaskRun", "flow_run_id"),
        leaf="parent_flow_run_id",
        description="The flow runs that this run called.",
    )
    events = involved_in(
        EVENTS,
        leaf="any_resource",
        prefix="prefect.flow-run.",
        description="What happened to it and what involved it, its task runs' states for example; one call a row.",
    )
    logs = has_many(LOGS, key="flow_run_id", leaf="flow_run_id", description="What it logged, its task runs included.")
    artifacts = has_many(
        ARTIFACTS, key="flow_run_id", group="flow_runs", description="What it made to be looked at, task runs included."
    )
    latest_artifacts = has_many(
        ARTIFACT_COLLECTIONS,
        key="flow_run_id",
        group="flow_runs",
        description="Of what it made, the artifacts that are the latest of their keys.",
    )
    inputs = within(FLOW_RUN_INPUTS, by="id", description="What it was sent, or waits for; one call a run.")
    graph = belongs_to(
        "schema.flow_run_graph.FlowRunGraph", key="id", description="Its task runs and subflow runs; one call a run."
    )
    states = listed(FLOW_RUN_STATES, description="Its states, in order of time; one call a run.")


@strawberry.pydantic.input(description="A flow run to create.")
class FlowRunCreate(Input):
    state: StateCreate | None = absent("The first state.")
    name: str | None = absent("The run's name; a random one by default.")
    flow_id: Id = Field(description="The flow that runs.")
    flow_version: str | None = absent("The flow's version.")
    parameters: Object = absent("The parameters that the flow is called with.")
    context: Object = absent("Context of the run.")
    parent_task_run_id: Id | None = absent("The task run that stands for this run in its parent flow run.")
    infrastructure_document_id: Id | None = absent("The block document of its infrastructure.")
    empirical_policy: FlowRunPolicyInput = absent("How the run is retried and paused.")
    tags: list[str] = absent("The run's tags.")
    labels: OptionalLabels = absent("The run's labels.")
    idempotency_key: str | None = absent(
        "A second run of the flow with this key is not created: the first is returned."
    )
    work_pool_name: str | None = absent("Name of the work pool that hands it out.")
    work_queue_name: str | None = absent("Name of the work queue that hands it out.")
    job_variables: OptionalObject = absent("Variables of the work pool's job template.")
    deployment_id: Id | None = absent("Deprecated in Prefect: use `createFlowRunFromDeployment`.")


@strawberry.pydantic.input(description="Changes to a flow run.")
class FlowRunUpdate(Input):
    name: str | None = absent("The run's name.")
    flow_version: str | None = absent("The flow's version.")
    parameters: Object = absent("The parameters that the flow is called with.")
    empirical_policy: FlowRunPolicyInput = absent("How the run is retried and paused.")
    tags: list[str] = absent("The run's tags.")
    infrastructure_pid: str | None = absent("Id of the process, container or job that it runs in.")
    job_variables: OptionalObject = absent("Variables of the work pool's job template.")


ACTIONS = {
    "create_flow_run": create(FlowRun, FlowRunCreate),
    "update_flow_run": update(FlowRun, FlowRunUpdate),
    "delete_flow_run": delete(),
    "set_flow_run_state": set_state(),
    "resume_flow_run": Action(
        "POST",
        "/{id}/resume",
        verdict,
        SetStateResult | None,
        "Resume a paused run.",
        {"run_input": (told(JSON | None, "Input for the run."), UNSET, "run_input")},
    ),
    "update_flow_run_labels": Action(
        "PATCH",
        "/{id}/labels",
        changed,
        FlowRun | None,
        "Add labels to a run, or change them.",
        {"labels": (told(JSON, "Labels to add or change: an object."), ..., "")},
    ),
    "bulk_delete_flow_runs": bulk_delete("flow_runs", FlowRunFilter),
    "bulk_set_flow_run_state": Action(
        "POST",
        "/bulk_set_state",
        verdicts,
        list[SetStateResult | None] | None,
        "Propose a state for the runs that a filter selects, at most `limit` of them.",
        {"filter": (told(FlowRunFilter | None, "Which runs."), UNSET, "flow_runs"), **STATE, "limit": LIMIT},
    ),
}
READS = {
    "flow_run_history": history("schema.filters.FlowRunFilters", {"work_pool_queues": "work_queues"}),
    "flow_run_lateness": Reading(
        "POST",
        "/lateness",
        float | None,
        "Seconds that flow runs were late on average, or are if they have not started; null where there are none.",
        body={"filter": (told(lazy("schema.filters.FlowRunFilters") | None, "Which rows."), UNSET, "*")},
    ),
    **GRAPHS,
}
FLOW_RUNS = Collection(
    "flow_runs",
    FlowRun,
    FlowRunFilter,
    FlowRunSort,
    FlowRunSort.ID_DESC,
    filters="schema.filters.FlowRunFilters",
    actions=ACTIONS,
    reads=READS,
)
