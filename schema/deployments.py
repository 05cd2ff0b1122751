"""Deployments and their schedules."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from pydantic import BaseModel, Field
from strawberry import UNSET

from resolvers.actions import Action, bulk_delete, changed, create, delete, update
from resolvers.collection import Collection
from resolvers.fields import belongs_to, has_many, involved_in, listed, told
from schema.automations import OF_DEPLOYMENT
from schema.deployment_runs import RUNS
from schema.deployment_schedules import ACTIONS as SCHEDULES
from schema.deployment_schedules import READS
from schema.events import EVENTS
from schema.flow_runs import FLOW_RUNS, CreatedBy, FlowRun
from schema.global_concurrency_limits import GlobalConcurrencyLimit
from schema.handed_out import LIMIT, SCHEDULED_BEFORE, flow_runs
from schema.operators import (
    AnyIdExceptFilter,
    AnyStringFilter,
    AnyTagsFilter,
    EqualsFilter,
    LikeFilter,
    NameFilter,
    NullableRangeFilter,
    Operator,
    combined,
)
from schema.scalars import Id, Object, Objects, OptionalLabels, OptionalObject
from schema.schedules import DeploymentSchedule, DeploymentScheduleCreate, DeploymentScheduleUpdate
from schema.types import Computed, Dated, Input, Part, absent, choice, resource


@strawberry.enum(description="Whether a deployment's runs would be picked up.")
class DeploymentStatus(Enum):
    READY = choice("READY", "A worker polled for its runs not long ago.")
    NOT_READY = choice("NOT_READY", "No worker polled for its runs for a while.")


@strawberry.enum(description="What happens to a new run when the deployment's concurrency limit is reached.")
class ConcurrencyLimitStrategy(Enum):
    ENQUEUE = choice("ENQUEUE", "The run waits until a slot is free.")
    CANCEL_NEW = choice("CANCEL_NEW", "The run is cancelled.")


class _ConcurrencyOptions(BaseModel):
    collision_strategy: ConcurrencyLimitStrategy = Field(
        description="What happens to a new run when the limit is reached."
    )
    grace_period_seconds: int | None = absent(
        "Seconds that a run has to start before its slot is given away.", ge=60, le=86_400
    )


@strawberry.pydantic.type(description="How a deployment keeps to its concurrency limit.")
class ConcurrencyOptions(_ConcurrencyOptions, Part):
    pass


@strawberry.pydantic.input(description="How a deployment keeps to its concurrency limit.")
class ConcurrencyOptionsInput(_ConcurrencyOptions, Input):
    pass


@strawberry.pydantic.type(description="Who or what last changed a row.")
class UpdatedBy(Part):
    id: Id | None = absent("Its id.")
    type: str | None = absent("What it is.")
    display_value: str | None = absent("Its name for people.")


@strawberry.pydantic.input(description="A version and the system that gave it.")
class VersionInfo(BaseModel):
    type: str = Field(description="The system that gave it, such as vcs:github.")
    version: str = Field(description="The version.")


@resource("A deployment: a flow with all that is needed to run it on request or by schedule.", "name flow { name }")
class Deployment(Dated):
    name: str = Field(description="The deployment's name, unique in its flow.")
    version: str | None = absent("The deployment's version.")
    description: str | None = absent("A description for people.")
    flow_id: Id | None = Field(description="The flow that it runs.")
    paused: bool = Field(default_factory=bool, description="Whether its schedules are paused.")
    schedules: Annotated[list[DeploymentSchedule], Computed] = Field(
        default_factory=list, description="When it makes runs."
    )
    concurrency_limit: int | None = absent("Deprecated in Prefect: see `globalConcurrencyLimit`.")
    global_concurrency_limit: Annotated[GlobalConcurrencyLimit | None, Computed] = absent(
        "How many of its runs may run at once."
    )
    concurrency_options: ConcurrencyOptions | None = absent("How it keeps to its concurrency limit.")
    job_variables: Object = Field(default_factory=dict, description="Variables of the work pool's job template.")
    parameters: Object = Field(default_factory=dict, description="Parameters that its runs are called with.")
    tags: list[str] = Field(default_factory=list, description="The deployment's tags.")
    labels: OptionalObject = absent("The deployment's labels.")
    work_queue_name: str | None = absent("Name of the work queue that hands out its runs.")
    work_queue_id: Id | None = absent("The work queue that hands out its runs.")
    last_polled: datetime | None = absent("When a worker last asked for its runs.")
    parameter_openapi_schema: OptionalObject = absent("JSON schema of its parameters.")
    path: str | None = absent("Path of its working folder.")
    pull_steps: Objects = absent("Steps that fetch its code.")
    entrypoint: str | None = absent("Where the flow's function is, `path/to/file.py:function`.")
    storage_document_id: Id | None = absent("The block document of its storage.")
    infrastructure_document_id: Id | None = absent("The block document of its infrastructure.")
    created_by: CreatedBy | None = absent("Who or what created it.")
    updated_by: UpdatedBy | None = absent("Who or what last changed it.")
    work_pool_name: Annotated[str | None, Computed] = absent("Name of the work pool that hands out its runs.")
    status: DeploymentStatus | None = Field(
        default_factory=lambda: DeploymentStatus.NOT_READY, description="Whether its runs would be picked up."
    )
    enforce_parameter_schema: bool = Field(
        default_factory=lambda: True, description="Whether parameters are checked against the schema."
    )

    flow = belongs_to("schema.flows.Flow", key="flow_id", description="The flow that it runs.")
    work_queue = belongs_to(
        "schema.work_queues.WorkQueue", key="work_queue_id", description="The work queue that hands out its runs."
    )
    work_pool = belongs_to(
        "schema.work_pools.WorkPool",
        key="work_pool_name",
        by="name",
        description="The work pool that hands out its runs.",
    )
    storage_document = belongs_to(
        "schema.block_documents.BlockDocument", key="storage_document_id", description="The block of its storage."
    )
    infrastructure_document = belongs_to(
        "schema.block_documents.BlockDocument",
        key="infrastructure_document_id",
        description="The block of its infrastructure.",
    )
    events = involved_in(
        EVENTS,
        leaf="any_resource",
        prefix="prefect.deployment.",
        description="What happened to it and what involved it, its runs' states for example; one call a row.",
    )
    flow_runs = has_many(FLOW_RUNS, key="deployment_id", group="deployments", description="Its runs.")
    automations = listed(
        OF_DEPLOYMENT,
        description="Automations that run it or belong to it, by a call for each deployment: REST has no filter for them.",
    )


@strawberry.pydantic.input(description="Which deployments.")
class DeploymentFilter(Input):
    operator: Operator = combined()
    id: AnyIdExceptFilter | None = absent("The deployment's id.")
    name: NameFilter | None = absent("The deployment's name.")
    flow_or_deployment_name: LikeFilter | None = absent("The deployment's name or its flow's.")
    paused: EqualsFilter | None = absent("Whether its schedules are paused.")
    tags: AnyTagsFilter | None = absent("The deployment's tags.")
    work_queue_name: AnyStringFilter | None = absent("Name of the work queue that hands out its runs.")
    concurrency_limit: NullableRangeFilter | None = absent("Ignored by Prefect.")


@strawberry.enum(
    description="Orders of deployments. Each leaves the order of equal values open; names are unique within a flow."
)
class DeploymentSort(Enum):
    CREATED_DESC = choice("CREATED_DESC", "By when it was created, the newest first.")
    UPDATED_DESC = choice("UPDATED_DESC", "By when it was last changed, the latest first.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z.")
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A.")


@strawberry.pydantic.input(description="A deployment to create, or to replace by flow and name.")
class DeploymentCreate(Input):
    name: str = Field(description="The deployment's name, unique in its flow.")
    flow_id: Id = Field(description="The flow that it runs.")
    paused: bool = absent("Whether its schedules are paused.")
    schedules: list[DeploymentScheduleCreate] = absent("When it makes runs.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.", gt=0)
    concurrency_options: ConcurrencyOptionsInput | None = absent("How it keeps to its concurrency limit.")
    global_concurrency_limit_id: Id | None = absent("A global concurrency limit to keep to.")
    enforce_parameter_schema: bool = absent("Whether parameters are checked against the schema.")
    parameter_openapi_schema: OptionalObject = absent("JSON schema of its parameters.")
    parameters: Object = absent("Parameters that its runs are called with.")
    tags: list[str] = absent("The deployment's tags.")
    labels: OptionalLabels = absent("The deployment's labels.")
    pull_steps: Objects = absent("Steps that fetch its code.")
    work_queue_name: str | None = absent("Name of the work queue that hands out its runs.")
    work_pool_name: str | None = absent("Name of the work pool that hands out its runs.")
    storage_document_id: Id | None = absent("The block document of its storage.")
    infrastructure_document_id: Id | None = absent("The block document of its infrastructure.")
    description: str | None = absent("A description for people.")
    path: str | None = absent("Path of its working folder.")
    version: str | None = absent("The deployment's version.")
    entrypoint: str | None = absent("Where the flow's function is.")
    job_variables: Object = absent("Variables of the work pool's job template.")
    version_info: VersionInfo | None = absent("The version and the system that gave it.")


@strawberry.pydantic.input(description="Changes to a deployment.")
class DeploymentUpdate(Input):
    version: str | None = absent("The deployment's version.")
    description: str | None = absent("A description for people.")
    paused: bool = absent("Whether its schedules are paused.")
    schedules: list[DeploymentScheduleUpdate] = absent("When it makes runs; those there are replaced.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.", gt=0)
    concurrency_options: ConcurrencyOptionsInput | None = absent("How it keeps to its concurrency limit.")
    global_concurrency_limit_id: Id | None = absent("A global concurrency limit to keep to.")
    parameters: OptionalObject = absent("Parameters that its runs are called with.")
    parameter_openapi_schema: OptionalObject = absent("JSON schema of its parameters.")
    tags: list[str] = absent("The deployment's tags.")
    work_queue_name: str | None = absent("Name of the work queue that hands out its runs.")
    work_pool_name: str | None = absent("Name of the work pool that hands out its runs.")
    path: str | None = absent("Path of its working folder.")
    job_variables: OptionalObject = absent("Variables of the work pool's job template.")
    pull_steps: Objects = absent("Steps that fetch its code.")
    entrypoint: str | None = absent("Where the flow's function is.")
    storage_document_id: Id | None = absent("The block document of its storage.")
    infrastructure_document_id: Id | None = absent("The block document of its infrastructure.")
    enforce_parameter_schema: bool | None = absent("Whether parameters are checked against the schema.")
    version_info: VersionInfo | None = absent("The version and the system that gave it.")


ACTIONS = {
    "create_deployment": create(Deployment, DeploymentCreate),
    "update_deployment": update(Deployment, DeploymentUpdate),
    "delete_deployment": delete(),
    "bulk_delete_deployments": bulk_delete("deployments", DeploymentFilter),
    "pause_deployment": Action(
        "POST", "/{id}/pause_deployment", changed, Deployment | None, "Pause a deployment's schedules."
    ),
    "resume_deployment": Action(
        "POST", "/{id}/resume_deployment", changed, Deployment | None, "Resume a deployment's schedules."
    ),
    "schedule_deployment": Action(
        "POST",
        "/{id}/schedule",
        changed,
        Deployment | None,
        "Make the runs of a deployment's schedules for a while, those that are not there yet.",
        {
            "start_time": (told(datetime | None, "From when on; now by default."), UNSET, "start_time"),
            "end_time": (told(datetime | None, "Until when at most; 100 days later by default."), UNSET, "end_time"),
            "min_time": (told(float | None, "For how many seconds at least; an hour by default."), UNSET, "min_time"),
            "min_runs": (told(int | None, "How many runs at least; 3 by default."), UNSET, "min_runs"),
            "max_runs": (told(int | None, "How many runs at most; 100 by default."), UNSET, "max_runs"),
        },
    ),
    "get_scheduled_flow_runs_of_deployments": Action(
        "POST",
        "/get_scheduled_flow_runs",
        flow_runs,
        list[FlowRun | None] | None,
        "Ask for runs of deployments that are scheduled, as a runner does: they are marked as polled.",
        {
            "deployment_ids": (told(list[Id], "The deployments."), ..., "deployment_ids"),
            "scheduled_before": SCHEDULED_BEFORE,
            "limit": LIMIT,
        },
    ),
    **SCHEDULES,
    **RUNS,
}
DEPLOYMENTS = Collection(
    "deployments",
    Deployment,
    DeploymentFilter,
    DeploymentSort,
    DeploymentSort.NAME_ASC,
    filters="schema.filters.DeploymentFilters",
    actions=ACTIONS,
    reads=READS,
    named="/deployments/name/{flow_name}/{name}",
)
