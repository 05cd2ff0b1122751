"""Work pools."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from pydantic import BaseModel, Field
from strawberry import UNSET

from resolvers.actions import Action, Done, at, changed_by_name, create, given_input, name, reads_back, row
from resolvers.collection import Collection
from resolvers.fields import belongs_to, gathered, has_many, told, within
from resolvers.reading import fill
from resolvers.readings import Reading
from schema.concurrency_status import PAGE, WorkPoolConcurrencyStatus
from schema.deployments import DEPLOYMENTS
from schema.flow_runs import FLOW_RUNS
from schema.handed_out import LIMIT, SCHEDULED_AFTER, SCHEDULED_BEFORE, WorkerFlowRun, worker_flow_runs
from schema.operators import AnyIdFilter, AnyStringFilter, Operator, combined
from schema.scalars import Id, Object, OptionalObject
from schema.types import NAME_PATTERN, Computed, Dated, Input, Part, absent, choice, resource
from schema.work_queues import WORK_QUEUES, WorkQueue, WorkQueueCreate, WorkQueueUpdate
from schema.workers import WORKERS


@strawberry.enum(description="Whether a work pool hands out runs.")
class WorkPoolStatus(Enum):
    READY = choice("READY", "A worker polled not long ago.")
    NOT_READY = choice("NOT_READY", "No worker polled for a while.")
    PAUSED = choice("PAUSED", "It hands out no runs.")


class _StorageConfiguration(BaseModel):
    bundle_upload_step: OptionalObject = absent("The step that uploads bundles of code.")
    bundle_execution_step: OptionalObject = absent("The step that runs bundles of code.")
    default_result_storage_block_id: Id | None = absent("The block document where results are stored by default.")


@strawberry.pydantic.type(description="Where a work pool stores code and results.")
class WorkPoolStorageConfiguration(_StorageConfiguration, Part):
    pass


@strawberry.pydantic.input(description="Where a work pool stores code and results.")
class WorkPoolStorageConfigurationInput(_StorageConfiguration, Input):
    pass


@resource("A work pool: where workers ask for runs.", "name")
class WorkPool(Dated):
    name: str = Field(description="The work pool's name, unique in the workspace.")
    description: str | None = absent("A description for people.")
    type: str | None = Field(description="The kind of infrastructure, such as process or docker.")
    base_job_template: Object = Field(default_factory=dict, description="Template of the jobs.")
    is_paused: bool = Field(default_factory=bool, description="Whether it hands out nothing.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.")
    status: WorkPoolStatus | None = absent("Whether it hands out runs.")
    default_queue_id: Id | None = absent("Its default work queue.")
    storage_configuration: WorkPoolStorageConfiguration | None = absent("Where code and results are stored.")
    active_slots: Annotated[int | None, Computed] = absent("How many of its runs hold a slot.")

    default_queue = belongs_to(
        "schema.work_queues.WorkQueue", key="default_queue_id", description="Its default work queue."
    )
    flow_runs = has_many(FLOW_RUNS, key="work_pool_id", group="work_pools", description="Runs that it hands out.")
    deployments = has_many(
        DEPLOYMENTS,
        key="work_pool_name",
        by="name",
        group="work_pools",
        description="Deployments whose runs it hands out.",
    )
    work_queues = gathered(
        WORK_QUEUES,
        within="/work_pools/{work_pool_name}/queues/filter",
        key="work_pool_name",
        order="priority",
        by="name",
        description="Its work queues, by priority: those of several pools are read at once.",
    )
    workers = within(WORKERS, by="name", description="Its workers, those heard of last in front; one call a pool.")


@strawberry.pydantic.input(description="Which work pools.")
class WorkPoolFilter(Input):
    operator: Operator = combined()
    id: AnyIdFilter | None = absent("The work pool's id.")
    name: AnyStringFilter | None = absent("The work pool's name.")
    type: AnyStringFilter | None = absent("The kind of infrastructure.")


@strawberry.pydantic.input(description="A work pool to create.")
class WorkPoolCreate(Input):
    name: str = Field(pattern=NAME_PATTERN, description="The work pool's name: without / % & > <.")
    description: str | None = absent("A description for people.")
    type: str = absent("The kind of infrastructure, such as process or docker.")
    base_job_template: Object = absent("Template of the jobs.")
    is_paused: bool = absent("Whether it hands out nothing.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.", ge=0)
    storage_configuration: WorkPoolStorageConfigurationInput = absent("Where code and results are stored.")


@strawberry.pydantic.input(description="Changes to a work pool.")
class WorkPoolUpdate(Input):
    description: str | None = absent("A description for people.")
    is_paused: bool | None = absent("Whether it hands out nothing.")
    base_job_template: OptionalObject = absent("Template of the jobs.")
    concurrency_limit: int | None = absent("How many of its runs may run at once.", ge=0)
    storage_configuration: WorkPoolStorageConfigurationInput | None = absent("Where code and results are stored.")


@reads_back(at(None))
async def changed_queue(done: Done) -> Any:
    """Return the work queue that was changed, by the name that it has now."""
    renamed = done.arguments["input"].name or done.arguments["name"]
    path = fill(QUEUE, done.arguments["work_pool_name"], renamed)
    return await done.context.rows.read_one(WorkQueue, "GET", path)


QUEUE = "/work_pools/{work_pool_name}/queues/{name}"
QUEUES = {
    "create_work_queue_in_work_pool": Action(
        "POST",
        "/{work_pool_name}/queues",
        row,
        WorkQueue | None,
        "Create a work queue in a work pool.",
        given_input(WorkQueueCreate),
    ),
    "update_work_queue_in_work_pool": Action(
        "PATCH",
        "/{work_pool_name}/queues/{name}",
        changed_queue,
        WorkQueue | None,
        "Change a work queue of a work pool: what is absent stays, null clears.",
        given_input(WorkQueueUpdate),
    ),
    "delete_work_queue_in_work_pool": Action(
        "DELETE",
        "/{work_pool_name}/queues/{name}",
        name,
        str | None,
        "Delete a work queue of a work pool; its name is returned.",
    ),
}
ACTIONS = {
    "create_work_pool": create(WorkPool, WorkPoolCreate),
    "update_work_pool": Action(
        "PATCH",
        "/{name}",
        changed_by_name,
        WorkPool | None,
        "Change a work pool: what is absent stays, null clears.",
        given_input(WorkPoolUpdate),
    ),
    "delete_work_pool": Action("DELETE", "/{name}", name, str | None, "Delete a work pool; its name is returned."),
    "get_scheduled_flow_runs_of_work_pool": Action(
        "POST",
        "/{name}/get_scheduled_flow_runs",
        worker_flow_runs,
        list[WorkerFlowRun | None] | None,
        "Ask a work pool for runs that are scheduled, as a worker does: its queues are marked as polled.",
        {
            "work_queue_names": (
                told(list[str] | None, "Queues to take runs from; all of the pool's by default."),
                UNSET,
                "work_queue_names",
            ),
            "scheduled_before": SCHEDULED_BEFORE,
            "scheduled_after": SCHEDULED_AFTER,
            "limit": LIMIT,
        },
    ),
    **QUEUES,
}
READS = {
    "work_pool_concurrency_status": Reading(
        "POST",
        "/{name}/concurrency_status",
        WorkPoolConcurrencyStatus | None,
        "Which runs hold the slots of a work pool.",
        WorkPoolConcurrencyStatus,
        body={
            **PAGE,
            "flow_run_limit": (told(int | None, "At most how many runs of each queue."), UNSET, "flow_run_limit"),
        },
    ),
    "work_queue_in_work_pool": Reading(
        "GET", "/{work_pool_name}/queues/{name}", WorkQueue | None, "A work queue of a work pool.", WorkQueue
    ),
}
WORK_POOLS = Collection(
    "work_pools", WorkPool, WorkPoolFilter, actions=ACTIONS, reads=READS, named="/work_pools/{name}"
)
