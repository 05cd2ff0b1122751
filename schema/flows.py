"""Flows."""

from enum import Enum

import strawberry
from pydantic import Field

from resolvers.actions import bulk_delete, create, delete, update
from resolvers.collection import Collection
from resolvers.fields import has_many
from resolvers.relations import Many
from schema.deployments import DEPLOYMENTS
from schema.flow_runs import FLOW_RUNS
from schema.operators import AnyIdExceptFilter, IsNullFilter, NameFilter, Operator, TagsFilter, combined
from schema.scalars import OptionalLabels, OptionalObject
from schema.types import NAME_PATTERN, Dated, Input, absent, choice, resource


@resource("A flow: a function that Prefect runs and watches.", "name")
class Flow(Dated):
    name: str = Field(description="The flow's name, unique in the workspace.")
    tags: list[str] = Field(default_factory=list, description="The flow's tags.")
    labels: OptionalObject = absent("The flow's labels.")

    flow_runs = has_many(FLOW_RUNS, key="flow_id", group="flows", description="The flow's runs.")
    deployments = has_many(
        DEPLOYMENTS,
        key="flow_id",
        group="flows",
        counts=Many("/ui/flows/count-deployments", "flow_ids"),
        description="The flow's deployments.",
    )


@strawberry.pydantic.input(description="Which flows.")
class FlowFilter(Input):
    operator: Operator = combined()
    id: AnyIdExceptFilter | None = absent("The flow's id.")
    deployment: IsNullFilter | None = absent("Whether the flow has no deployment.")
    name: NameFilter | None = absent("The flow's name.")
    tags: TagsFilter | None = absent("The flow's tags.")


@strawberry.enum(description="Orders of flows. NAME_ASC and NAME_DESC are total: names are unique.")
class FlowSort(Enum):
    CREATED_DESC = choice("CREATED_DESC", "By when it was created, the newest first.")
    UPDATED_DESC = choice("UPDATED_DESC", "By when it was last changed, the latest first.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z; total.")
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A; total.")


@strawberry.pydantic.input(description="A flow to create.")
class FlowCreate(Input):
    name: str = Field(pattern=NAME_PATTERN, description="The flow's name: without / % & > <.")
    tags: list[str] = absent("The flow's tags.")
    labels: OptionalLabels = absent("The flow's labels.")


@strawberry.pydantic.input(description="Changes to a flow.")
class FlowUpdate(Input):
    tags: list[str] = absent("The flow's tags.")


ACTIONS = {
    "create_flow": create(Flow, FlowCreate),
    "update_flow": update(Flow, FlowUpdate),
    "delete_flow": delete(),
    "bulk_delete_flows": bulk_delete("flows", FlowFilter),
}
FLOWS = Collection(
    "flows",
    Flow,
    FlowFilter,
    FlowSort,
    FlowSort.NAME_ASC,
    filters="schema.filters.FlowFilters",
    actions=ACTIONS,
    named="/flows/name/{name}",
)
