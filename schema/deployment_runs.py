"""Runs of deployments, created by hand."""

from enum import Enum
from typing import Any

import strawberry
from pydantic import Field

from resolvers.actions import Action, Done, answered, answered_row, given_input
from resolvers.collection import Row, completed_within
from resolvers.fields import belongs_to
from schema.flow_runs import FLOW_RUNS, FlowRun, FlowRunPolicyInput
from schema.scalars import Id, Object, OptionalLabels, OptionalObject
from schema.states import StateCreate
from schema.types import Input, Part, absent, choice


@strawberry.pydantic.input(description="A run of a deployment to create.")
class DeploymentFlowRunCreate(Input):
    state: StateCreate | None = absent("The first state; scheduled for now by default.")
    name: str | None = absent("The run's name; a random one by default.")
    parameters: Object = absent("Parameters beside or instead of the deployment's.")
    enforce_parameter_schema: bool | None = absent("Whether parameters are checked against the schema.")
    context: Object = absent("Context of the run.")
    infrastructure_document_id: Id | None = absent("The block document of its infrastructure.")
    empirical_policy: FlowRunPolicyInput = absent("How the run is retried and paused.")
    tags: list[str] = absent("The run's tags.")
    idempotency_key: str | None = absent(
        "A second run of the flow with this key is not created: the first is returned."
    )
    labels: OptionalLabels = absent("The run's labels.")
    parent_task_run_id: Id | None = absent("The task run that stands for this run in its parent flow run.")
    work_queue_name: str | None = absent("Name of the work queue that hands it out.")
    job_variables: OptionalObject = absent("Variables of the work pool's job template.")


@strawberry.enum(description="What became of a run to create.")
class FlowRunCreateStatus(Enum):
    CREATED = choice("CREATED", "The run was created.")
    FAILED = choice("FAILED", "It was not; `error` says why.")


@strawberry.pydantic.type(description="What became of one of many runs to create.")
class FlowRunCreateResult(Part):
    flow_run_id: Id | None = absent("The run.")
    status: FlowRunCreateStatus | None = Field(description="Whether it was created.")
    error: str | None = absent("Why it was not.")

    flow_run = belongs_to("schema.flow_runs.FlowRun", key="flow_run_id", description="The run.")


async def created(done: Done) -> Row:
    """Return the flow run that a deployment's action answered."""
    return answered_row(done, FLOW_RUNS)


async def all_created(done: Done) -> Any:
    """Return what became of each run."""
    return completed_within(FlowRunCreateResult, answered(done, "results"))


RUNS = {
    "create_flow_run_from_deployment": Action(
        "POST",
        "/{id}/create_flow_run",
        created,
        FlowRun | None,
        "Create a run of a deployment.",
        given_input(DeploymentFlowRunCreate),
    ),
    "bulk_create_flow_runs_from_deployment": Action(
        "POST",
        "/{id}/create_flow_run/bulk",
        all_created,
        list[FlowRunCreateResult | None] | None,
        "Create runs of a deployment.",
        given_input(list[DeploymentFlowRunCreate]),
    ),
}
"""Actions of deployments."""
