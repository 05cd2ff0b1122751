"""Runs that are handed out to workers: who asks for them is marked as ready to run them, so asking is a change."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import UNSET

from resolvers.actions import Done, answered_rows
from resolvers.collection import Row
from resolvers.fields import belongs_to, told
from schema.flow_runs import FLOW_RUNS, FlowRun
from schema.scalars import Id
from schema.types import Part, absent

SCHEDULED_BEFORE: Any = (
    told(datetime | None, "Runs that are scheduled for this time or before."),
    UNSET,
    "scheduled_before",
)
SCHEDULED_AFTER: Any = (
    told(datetime | None, "Runs that are scheduled for this time or after."),
    UNSET,
    "scheduled_after",
)
LIMIT: Any = (told(int | None, "At most how many runs, at most 200."), UNSET, "limit")


@strawberry.pydantic.type(description="A run that is handed out to a worker.")
class WorkerFlowRun(Part):
    work_pool_id: Id | None = absent("The work pool that hands it out.")
    work_queue_id: Id | None = absent("The work queue that hands it out.")
    flow_run: FlowRun | None = absent("The run.")

    work_pool = belongs_to(
        "schema.work_pools.WorkPool", key="work_pool_id", description="The work pool that hands it out."
    )
    work_queue = belongs_to(
        "schema.work_queues.WorkQueue", key="work_queue_id", description="The work queue that hands it out."
    )


async def flow_runs(done: Done) -> list[Row]:
    """Return the flow runs that were handed out."""
    return answered_rows(done, FLOW_RUNS.row)


async def worker_flow_runs(done: Done) -> list[Row]:
    """Return the flow runs that were handed out, each with the queue that it is from."""
    return answered_rows(done, WorkerFlowRun)
