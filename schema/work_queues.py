"""Work queues."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from pydantic import BaseModel, Field

from resolvers.actions import Action, create, delete, update
from resolvers.collection import Collection
from resolvers.fields import belongs_to, has_many
from resolvers.readings import Reading
from schema.concurrency_status import PAGE, WorkQueueConcurrencyStatus
from schema.deployments import DEPLOYMENTS
from schema.flow_runs import FLOW_RUNS, FlowRun
from schema.handed_out import LIMIT, SCHEDULED_BEFORE, flow_runs
from schema.operators import AnyIdFilter, NamePrefixFilter, Operator, combined
from schema.scalars import Id
from schema.types import NAME_PATTERN, Computed, Dated, Input, Part, absent, choice, resource


@strawberry.enum(description="Whether a work queue hands out runs.")
class WorkQueueStatus(Enum):
    READY = choice("READY", "A worker polled not long ago.")
    NOT_READY = choice("NOT_READY", "No worker polled for a while.")
    PAUSED = choice("PAUSED", "It hands out no runs.")


class _QueueFilter(BaseModel):
    tags: list[str] | None = absent("TagsFilter of the runs.")
    deployment_ids: list[Id] | None = absent("Deployments of the runs.")


@strawberry.pydantic.type(description="Deprecated in Prefect: which runs a work queue without a pool hands out.")
class QueueFilter(_QueueFilter, Part):
    pass


@strawberry.pydantic.input(description="Deprecated in Prefect: which runs a work queue without a pool hands out.")
class QueueFilterInput(_QueueFilter):
    pass


@resource("A work queue: runs of a work pool, handed out by priority.")
class WorkQueue(Dated):
    name: str = Field(description="The work queue's name, unique in its work pool.")
    description: str | None = Field(default_factory=str, description="A description for people.")
    is_paused: bool = Field(default_factory=bool, description="Whether it hands out nothing.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.")
    priority: int = Field(default_factory=lambda: 1, description="Which goes first: 1 is the highest.")
    work_pool_id: Id | None = absent("The work pool that it is part of.")
    filter: QueueFilter | None = absent("Deprecated in Prefect: which runs it hands out.")
    last_polled: datetime | None = absent("When a worker last asked for runs.")
    work_pool_name: Annotated[str | None, Computed] = absent("Name of the work pool that it is part of.")
    status: WorkQueueStatus | None = absent("Whether it hands out runs.")
    active_slots: Annotated[int | None, Computed] = absent("How many of its runs hold a slot.")

    work_pool = belongs_to(
        "schema.work_pools.WorkPool", key="work_pool_id", description="The work pool that it is part of."
    )
    flow_runs = has_many(
        FLOW_RUNS, key="work_queue_id", group="work_pool_queues", description="Runs that it hands out."
    )
    deployments = has_many(
        DEPLOYMENTS, key="work_queue_id", group="work_pool_queues", description="Deployments whose runs it hands out."
    )


@strawberry.pydantic.input(description="Which work queues.")
class WorkQueueFilter(Input):
    operator: Operator = combined()
    id: AnyIdFilter | None = absent("The work queue's id.")
    name: NamePrefixFilter | None = absent("The work queue's name.")


class _WorkQueueInput(Input):
    description: str | None = absent("A description for people.")
    is_paused: bool = absent("Whether it hands out nothing.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.", ge=0)
    priority: int | None = absent("Which goes first: 1 is the highest.", gt=0)
    filter: QueueFilterInput | None = absent("Deprecated in Prefect: which runs it hands out.")


@strawberry.pydantic.input(description="A work queue to create.")
class WorkQueueCreate(_WorkQueueInput):
    name: str = Field(pattern=NAME_PATTERN, description="The work queue's name: without / % & > <.")


@strawberry.pydantic.input(description="Changes to a work queue.")
class WorkQueueUpdate(_WorkQueueInput):
    name: str | None = absent("The work queue's name.")
    last_polled: datetime | None = absent("When a worker last asked for runs.")


@strawberry.pydantic.type(description="What a work queue must keep to, to be healthy.")
class WorkQueueHealthPolicy(Part):
    maximum_late_runs: int | None = Field(default_factory=int, description="How many of its runs may be late.")
    maximum_seconds_since_last_polled: int | None = Field(
        default_factory=lambda: 60, description="Seconds within which a worker must have polled."
    )


@strawberry.pydantic.type(description="How healthy a work queue is.")
class WorkQueueStatusDetail(Part):
    healthy: bool | None = Field(description="Whether it keeps to the policy.")
    late_runs_count: int = Field(default_factory=int, description="How many of its runs are late.")
    last_polled: datetime | None = absent("When a worker last asked for runs.")
    health_check_policy: WorkQueueHealthPolicy | None = Field(description="What it must keep to.")


ACTIONS = {
    "create_work_queue": create(WorkQueue, WorkQueueCreate),
    "update_work_queue": update(WorkQueue, WorkQueueUpdate),
    "delete_work_queue": delete(),
    "get_runs_of_work_queue": Action(
        "POST",
        "/{id}/get_runs",
        flow_runs,
        list[FlowRun | None] | None,
        "Ask a work queue for runs that are scheduled, as a worker does: the queue is marked as polled.",
        {"scheduled_before": SCHEDULED_BEFORE, "limit": LIMIT},
    ),
}
READS = {
    "work_queue_status": Reading(
        "GET",
        "/{id}/status",
        WorkQueueStatusDetail | None,
        "How healthy a work queue is.",
        WorkQueueStatusDetail,
    ),
    "work_queue_concurrency_status": Reading(
        "POST",
        "/{id}/concurrency_status",
        WorkQueueConcurrencyStatus | None,
        "Which runs hold the slots of a work queue.",
        WorkQueueConcurrencyStatus,
        body=PAGE,
    ),
}
WORK_QUEUES = Collection(
    "work_queues",
    WorkQueue,
    WorkQueueFilter,
    actions=ACTIONS,
    reads=READS,
    named="/work_queues/name/{name}",
    countable=False,
)
