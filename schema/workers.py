"""Workers: the processes that ask work pools for runs and start them."""

from datetime import datetime
from enum import Enum

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.actions import Action, name
from resolvers.collection import Collection
from resolvers.fields import belongs_to, told
from schema.operators import Operator, TimeFilter, combined
from schema.scalars import Id
from schema.types import Detached, Input, absent, choice, resource


@strawberry.enum(description="Whether a worker is there.")
class WorkerStatus(Enum):
    ONLINE = choice("ONLINE", "It was heard of not long ago.")
    OFFLINE = choice("OFFLINE", "It has missed several heartbeats.")


@resource("A worker: a process that asks a work pool for runs and starts them.", resolvable=False)
class Worker(Detached):
    name: str = Field(description="The worker's name, unique in its work pool.")
    work_pool_id: Id | None = Field(description="The work pool that it asks.")
    last_heartbeat_time: datetime | None = absent("When it was last heard of.")
    heartbeat_interval_seconds: int | None = absent("Seconds between its heartbeats.")
    status: WorkerStatus = Field(default_factory=lambda: WorkerStatus.OFFLINE, description="Whether it is there.")

    work_pool = belongs_to("schema.work_pools.WorkPool", key="work_pool_id", description="The work pool that it asks.")


@strawberry.pydantic.input(description="One of some statuses, or none of some.")
class WorkerStatusFilter(Input):
    any_: list[WorkerStatus] | None = absent("One of these.")
    not_any_: list[WorkerStatus] | None = absent("None of these.")


@strawberry.pydantic.input(description="Which workers.")
class WorkerFilter(Input):
    operator: Operator = combined()
    last_heartbeat_time: TimeFilter | None = absent("When it was last heard of.")
    status: WorkerStatusFilter | None = absent("Whether it is there.")


ROUTE = "/work_pools/{work_pool_name}/workers"
ACTIONS = {
    "heartbeat_worker": Action(
        "POST",
        "/heartbeat",
        name,
        str | None,
        "Tell that a worker is there; its name is returned.",
        {
            "name": (told(str, "The worker's name; it is created if it is new."), ..., "name"),
            "heartbeat_interval_seconds": (
                told(int | None, "Seconds until its next heartbeat."),
                UNSET,
                "heartbeat_interval_seconds",
            ),
        },
    ),
    "delete_worker": Action(
        "DELETE", "/{name}", name, str | None, "Delete a worker of a work pool; its name is returned."
    ),
}
WORKERS = Collection(
    "workers",
    Worker,
    WorkerFilter,
    actions=ACTIONS,
    route=ROUTE,
    within=f"{ROUTE}/filter",
    bulk=False,
    item=False,
    countable=False,
)
