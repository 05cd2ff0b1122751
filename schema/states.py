"""States of runs: one type for flow runs and task runs."""

from datetime import datetime
from enum import Enum

import strawberry
from pydantic import BaseModel, Field

from resolvers.collection import Collection
from schema.operators import AnyStringExceptFilter, AnyStringFilter, Operator, combined
from schema.scalars import Id, OptionalTexts, Value
from schema.types import Input, Node, Part, absent, choice, resource


@strawberry.enum(description="The kinds of state that a run can be in.")
class StateType(Enum):
    SCHEDULED = choice("SCHEDULED", "The run will begin at some time.")
    PENDING = choice("PENDING", "The run has been handed out and is about to begin.")
    RUNNING = choice("RUNNING", "The run is being executed.")
    COMPLETED = choice("COMPLETED", "The run ended well; terminal.")
    FAILED = choice("FAILED", "The run ended with an error of its code; terminal.")
    CANCELLED = choice("CANCELLED", "The run was cancelled; terminal.")
    CRASHED = choice("CRASHED", "The run ended with an error of what it ran on; terminal.")
    PAUSED = choice("PAUSED", "The run waits until it is resumed.")
    CANCELLING = choice("CANCELLING", "The run is about to be cancelled.")


class _StateDetails(BaseModel):
    flow_run_id: Id | None = absent("The flow run that the state belongs to.")
    task_run_id: Id | None = absent("The task run that the state belongs to.")
    child_flow_run_id: Id | None = absent("The flow run that the task run stands for in its parent.")
    scheduled_time: datetime | None = absent("When the run is scheduled to begin.")
    cache_key: str | None = absent("Key of the cached result.")
    cache_expiration: datetime | None = absent("When the cached result expires.")
    deferred: bool | None = Field(
        default_factory=lambda: False, description="Whether the task run is executed elsewhere."
    )
    untrackable_result: bool = Field(default_factory=lambda: False, description="Whether the result cannot be tracked.")
    pause_timeout: datetime | None = absent("When a paused run fails if it is not resumed.")
    pause_reschedule: bool = Field(
        default_factory=lambda: False, description="Whether a paused run is rescheduled when resumed."
    )
    pause_key: str | None = absent("Key that names the pause.")
    run_input_keyset: OptionalTexts = absent("Keys of the input that a paused run waits for.")
    refresh_cache: bool | None = absent("Whether a cached result is computed anew.")
    retriable: bool | None = absent("Whether the run may be retried.")
    transition_id: Id | None = absent("Id of the transition that led to the state.")
    task_parameters_id: Id | None = absent("Id of the stored parameters of a task run.")
    traceparent: str | None = absent("Trace context, as in W3C's traceparent header.")
    deployment_concurrency_lease_id: Id | None = absent("Lease of the deployment's concurrency slot.")


@strawberry.pydantic.type(description="What a state knows beyond its type and name.")
class StateDetails(_StateDetails, Part):
    pass


@strawberry.pydantic.input(description="What a state knows beyond its type and name.")
class StateDetailsInput(_StateDetails, Input):
    pass


@resource("A state of a flow run or a task run.")
class State(Node):
    type: StateType | None = Field(description="The kind of state.")
    name: str | None = absent("The state's name, such as Completed or AwaitingRetry.")
    timestamp: datetime | None = absent("When the run entered the state.")
    message: str | None = absent("A message for people.")
    data: Value = absent("Data attached to the state, such as a reference to a result.")
    state_details: StateDetails | None = absent("What the state knows beyond its type and name.")


@strawberry.pydantic.input(description="A state to put a run into.")
class StateCreate(Input):
    type: StateType = Field(description="The kind of state.")
    name: str | None = absent("The state's name; made from the type by default.")
    message: str | None = absent("A message for people.")
    data: Value = absent("Data attached to the state.")
    state_details: StateDetailsInput = absent("What the state knows beyond its type and name.")


@strawberry.pydantic.input(description="One of some kinds of state.")
class AnyStateTypeFilter(Input):
    any_: list[StateType] | None = absent("One of these.")


@strawberry.pydantic.input(description="One of some kinds of state, or none of some.")
class AnyStateTypeExceptFilter(AnyStateTypeFilter):
    not_any_: list[StateType] | None = absent("None of these.")


@strawberry.pydantic.input(description="The state that a task run is in.")
class TaskRunStateFilter(Input):
    operator: Operator = combined()
    type: AnyStateTypeFilter | None = absent("The kind of state.")
    name: AnyStringFilter | None = absent("The state's name.")


@strawberry.pydantic.input(description="The state that a flow run is in.")
class FlowRunStateFilter(Input):
    operator: Operator = combined()
    type: AnyStateTypeExceptFilter | None = absent("The kind of state.")
    name: AnyStringExceptFilter | None = absent("The state's name.")


FLOW_RUN_STATES = Collection(
    "flow_run_states", State, listed="/flow_run_states/?flow_run_id={flow_run_id}", bulk=False, countable=False
)
TASK_RUN_STATES = Collection(
    "task_run_states", State, listed="/task_run_states/?task_run_id={task_run_id}", bulk=False, countable=False
)
