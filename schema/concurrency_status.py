"""Which runs hold the slots of work pools and work queues."""

from datetime import datetime

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.fields import told
from schema.scalars import Id
from schema.states import StateType
from schema.types import Part, absent


@strawberry.pydantic.type(description="A run that holds a slot.")
class FlowRunSlotSummary(Part):
    id: Id = Field(description="The flow run.")
    name: str = Field(description="The run's name.")
    state_type: StateType | None = absent("Type of its state.")
    state_name: str | None = absent("Name of its state.")
    start_time: datetime | None = absent("When it started.")
    state_timestamp: datetime | None = absent("When it came into its state.")
    time_in_current_state: float | None = absent("Seconds for which it has been in its state.")


class _Page(Part):
    count: int | None = Field(description="How many there are on all pages.")
    limit: int | None = Field(description="How many there are on a page.")
    pages: int | None = Field(description="How many pages there are.")
    page: int | None = Field(description="The page, from 1.")


class _Slots(Part):
    active_slots: int | None = Field(description="How many slots are held.")
    concurrency_limit: int | None = absent("How many slots there are.")


@strawberry.pydantic.type(description="Which runs hold the slots of a work queue, a page of them.")
class WorkQueueConcurrencyStatus(_Page, _Slots):
    flow_runs: list[FlowRunSlotSummary] = Field(default_factory=list, description="The runs that hold slots.")


@strawberry.pydantic.type(description="Which runs of a work pool hold slots of one of its queues.")
class WorkQueueConcurrencyStatusDetail(_Slots):
    queue_id: Id | None = Field(description="The work queue.")
    queue_name: str | None = Field(description="The work queue's name.")
    flow_runs: list[FlowRunSlotSummary] = Field(
        default_factory=list, description="The runs that hold slots, at most `flowRunLimit` of them."
    )
    flow_run_count: int | None = absent("How many runs hold slots.")


@strawberry.pydantic.type(description="Which runs hold the slots of a work pool, by a page of its queues.")
class WorkPoolConcurrencyStatus(_Page, _Slots):
    queues: list[WorkQueueConcurrencyStatusDetail] = Field(default_factory=list, description="The work queues.")


PAGE = {
    "page": (told(int | None, "Which page, from 1."), UNSET, "page"),
    "limit": (told(int | None, "How many on a page, at most 200."), UNSET, "limit"),
}
"""The arguments of a page by its number."""
