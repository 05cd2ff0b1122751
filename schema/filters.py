"""The composite inputs: every group that a collection's `/filter` and `/count` take, combined by AND."""

import strawberry
from pydantic import Field

from schema.artifacts import ArtifactCollectionFilter, ArtifactFilter
from schema.block_document_filters import BlockDocumentFilter
from schema.block_schemas import BlockSchemaFilter
from schema.block_types import BlockTypeFilter
from schema.deployments import DeploymentFilter
from schema.flow_runs import FlowRunFilter
from schema.flows import FlowFilter
from schema.task_runs import TaskRunFilter
from schema.types import Input, absent
from schema.work_pools import WorkPoolFilter
from schema.work_queues import WorkQueueFilter


class _RunFilters(Input):
    flows: FlowFilter | None = absent("By the flow.")
    flow_runs: FlowRunFilter | None = absent("By the flow run.")
    task_runs: TaskRunFilter | None = absent("By the task run.")
    deployments: DeploymentFilter | None = absent("By the deployment.")


@strawberry.pydantic.input(description="Which task runs, by themselves and by what is related to them.")
class TaskRunFilters(_RunFilters):
    pass


@strawberry.pydantic.input(description="Which task runs a chart shows, by themselves and by what is related to them.")
class TaskRunBarFilters(TaskRunFilters):
    task_runs: TaskRunFilter = Field(description="By the task run: at least when it started.")
    work_pools: WorkPoolFilter | None = absent("By the work pool.")
    work_queues: WorkQueueFilter | None = absent("By the work queue.")


@strawberry.pydantic.input(description="Which flows, by themselves and by what is related to them.")
class FlowFilters(_RunFilters):
    work_pools: WorkPoolFilter | None = absent("By the work pool.")


@strawberry.pydantic.input(description="Which flow runs, by themselves and by what is related to them.")
class FlowRunFilters(FlowFilters):
    work_pool_queues: WorkQueueFilter | None = absent("By the work queue.")


@strawberry.pydantic.input(description="Which deployments, by themselves and by what is related to them.")
class DeploymentFilters(FlowRunFilters):
    pass


@strawberry.pydantic.input(description="Which artifacts, by themselves and by what is related to them.")
class ArtifactFilters(_RunFilters):
    artifacts: ArtifactFilter | None = absent("By the artifact.")


@strawberry.pydantic.input(description="Which latest artifacts, by themselves and by what is related to them.")
class ArtifactCollectionFilters(_RunFilters):
    artifacts: ArtifactCollectionFilter | None = absent("By the latest artifact.")


@strawberry.pydantic.input(description="Which block types, by themselves and by their schemas.")
class BlockTypeFilters(Input):
    block_types: BlockTypeFilter | None = absent("By the block type.")
    block_schemas: BlockSchemaFilter | None = absent("By a schema of the block type.")


@strawberry.pydantic.input(description="Which blocks, by themselves and by their types and schemas.")
class BlockDocumentFilters(BlockTypeFilters):
    block_documents: BlockDocumentFilter | None = absent("By the block.")
