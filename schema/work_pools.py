"""Work pools."""

from enum import Enum
from typing import Annotated

import strawberry
from pydantic import BaseModel, Field

from resolvers.collection import Collection
from resolvers.fields import belongs_to, has_many
from schema.deployments import DEPLOYMENTS
from schema.flow_runs import FLOW_RUNS
from schema.operators import AnyIdFilter, AnyStringFilter, Operator, combined
from schema.scalars import Id, Object, OptionalObject
from schema.types import NAME_PATTERN, Computed, Dated, Input, Part, absent, resource


@strawberry.enum(description="Whether a work pool or a work queue hands out runs.")
class WorkPoolStatus(Enum):
    READY = "READY"
    NOT_READY = "NOT_READY"
    PAUSED = "PAUSED"


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


@resource("A work pool: where workers ask for runs.")
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


WORK_POOLS = Collection("work_pools", WorkPool, WorkPoolFilter, named="/work_pools/{name}")
