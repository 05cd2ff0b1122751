"""The graph of a flow run: its task runs and subflow runs, and which of them waited for which."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.collection import Collection, Paired
from resolvers.fields import told
from resolvers.readings import Reading
from schema.scalars import Id, Value
from schema.states import State, StateType
from schema.types import Part, absent, choice


@strawberry.enum(description="What a node of a flow run's graph stands for.")
class FlowRunGraphNodeKind(Enum):
    FLOW_RUN = choice("flow-run", "A flow run that the flow run called.")
    TASK_RUN = choice("task-run", "A task run.")


@strawberry.pydantic.type(description="A line of a flow run's graph, to another node.")
class FlowRunGraphEdge(Part):
    id: Id | None = absent("The node's id.")


@strawberry.pydantic.type(description="An artifact in a flow run's graph.")
class FlowRunGraphArtifact(Part):
    id: Id | None = absent("The artifact's id.")
    created: datetime | None = absent("When it was created.")
    key: str | None = absent("Its key.")
    type: str | None = absent("What its data is.")
    is_latest: bool | None = absent("Whether it is the latest of its key, or has none.")
    data: Value = absent("Its data, where it is a progress.")


@strawberry.pydantic.type(description="A state in a flow run's graph.")
class FlowRunGraphState(Part):
    id: Id | None = absent("The state's id.")
    timestamp: datetime | None = absent("When the run entered the state.")
    type: StateType | None = absent("The kind of state.")
    name: str | None = absent("The state's name.")


@strawberry.pydantic.type(description="A task run or a subflow run in a flow run's graph.")
class FlowRunGraphNode(Part):
    id: Id = Field(description="The run's id.")
    kind: FlowRunGraphNodeKind | None = absent("What it is.")
    label: str | None = absent("Its name, that of a subflow run behind its flow's.")
    state_type: StateType | None = absent("The kind of its current state.")
    start_time: datetime | None = absent("When it started, or is expected to.")
    end_time: datetime | None = absent("When it ended.")
    parents: list[FlowRunGraphEdge] = Field(default_factory=list, description="The runs whose results it took.")
    children: list[FlowRunGraphEdge] = Field(default_factory=list, description="The runs that took its result.")
    encapsulating: list[FlowRunGraphEdge] = Field(default_factory=list, description="The task runs that called it.")
    artifacts: list[FlowRunGraphArtifact] = Field(default_factory=list, description="Its artifacts.")


@strawberry.pydantic.type(description="The graph of a flow run.")
class FlowRunGraph(Part):
    start_time: datetime | None = absent("When the flow run started, or is expected to.")
    end_time: datetime | None = absent("When it ended.")
    root_node_ids: list[Id] = Field(default_factory=list, description="Nodes that took no other's result.")
    nodes: Annotated[list[FlowRunGraphNode], Paired] = Field(
        default_factory=list, description="Its task runs and subflow runs, by when they started."
    )
    artifacts: list[FlowRunGraphArtifact] = Field(
        default_factory=list, description="The artifacts that it made outside of task runs."
    )
    states: list[FlowRunGraphState] = Field(default_factory=list, description="Its states.")


@strawberry.pydantic.type(description="A task run whose result another one took.")
class FlowRunDependency(Part):
    input_type: str | None = absent("What it is: task_run.")
    id: Id | None = absent("The task run's id.")


@strawberry.pydantic.type(description="A task run of a flow run, and those whose results it took.")
class FlowRunDependencies(Part):
    id: Id = Field(description="The task run's id.")
    name: str | None = absent("Its name.")
    upstream_dependencies: list[FlowRunDependency] = Field(
        default_factory=list, description="The task runs whose results it took."
    )
    state: State | None = absent("Its current state.")
    expected_start_time: datetime | None = absent("When it was expected to start.")
    start_time: datetime | None = absent("When it started.")
    end_time: datetime | None = absent("When it ended.")
    total_run_time: float | None = absent("Seconds that it has been running, up to its last change of state.")
    estimated_run_time: float | None = absent("Seconds that it has been running, up to now.")
    untrackable_result: bool | None = absent("Whether its result cannot be followed.")


READS = {
    "flow_run_graph": Reading(
        "GET",
        "/{id}/graph-v2",
        FlowRunGraph | None,
        "The graph of a flow run.",
        model=FlowRunGraph,
        body={"since": (told(datetime | None, "Only runs that started or ended after this time."), UNSET, "since")},
    ),
    "flow_run_dependencies": Reading(
        "GET",
        "/{id}/graph",
        list[FlowRunDependencies | None] | None,
        "The task runs of a flow run, and which of them took whose results; older than `flowRunGraph`.",
        model=FlowRunDependencies,
        many=True,
    ),
}
FLOW_RUN_GRAPHS = Collection(
    "flow_run_graphs",
    FlowRunGraph,
    by_id="/flow_runs/{id}/graph-v2",
    bulk=False,
    item=False,
    stored=False,
    countable=False,
)
"""Not in the table of collections: there is no list of graphs, only that of a flow run."""
