"""Concurrency limits of task runs, by tag: global limits named `tag:...` as tasks see them."""

from typing import Any

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.actions import Action, Body, Done, at, create, delete, reads_back
from resolvers.collection import Collection
from resolvers.fields import refers_to, told
from resolvers.reading import fill
from schema.global_concurrency_limits import NAMES, OccupiedLimit, occupied
from schema.scalars import Id
from schema.task_runs import TASK_RUNS
from schema.types import Dated, Input, resource


@resource(
    "A limit on how many task runs with a tag may run at once. Newer servers keep it as the global concurrency limit `tag:...`, "
    "under the same id: a cache that knows rows by their ids alone, as Relay's does, should be given one of the two.",
    "tag",
)
class ConcurrencyLimit(Dated):
    tag: str = Field(description="The tag.")
    concurrency_limit: int | None = Field(description="How many slots there are.")
    active_slots: list[Id] = Field(default_factory=list, description="The task runs that hold a slot.")

    active_task_runs = refers_to(TASK_RUNS, keys="active_slots", description="The task runs that hold a slot.")


@strawberry.pydantic.input(description="A concurrency limit to create, or to change by its tag.")
class ConcurrencyLimitCreate(Input):
    tag: str = Field(description="The tag.")
    concurrency_limit: int = Field(description="How many slots there are.")


OF_TAG = "/concurrency_limits/tag/{tag}"


async def tag(done: Done) -> str:
    """Return the tag whose limit was deleted."""
    return str(done.arguments["tag"])


@reads_back(at(OF_TAG))
async def limit(done: Done) -> Any:
    """Return the limit of the tag."""
    path = fill(done.collection.named or "", str(done.arguments["tag"]))
    return await done.context.rows.read_one(ConcurrencyLimit, "GET", path)


OF_TASK_RUN: Body = {
    **NAMES,
    "task_run_id": (told(strawberry.ID, "The task run that holds the slots."), ..., "task_run_id"),
}

ACTIONS = {
    "create_concurrency_limit": create(ConcurrencyLimit, ConcurrencyLimitCreate),
    "delete_concurrency_limit": delete(),
    "delete_concurrency_limit_by_tag": Action(
        "DELETE", "/tag/{tag}", tag, str | None, "Delete the limit of a tag; the tag is returned."
    ),
    "reset_concurrency_limit": Action(
        "POST",
        "/tag/{tag}/reset",
        limit,
        ConcurrencyLimit | None,
        "Give all slots of a tag back, or to the task runs that are named.",
        {"slot_override": (told(list[strawberry.ID] | None, "Task runs that hold a slot."), UNSET, "slot_override")},
    ),
    "increment_concurrency_limits": Action(
        "POST",
        "/increment",
        occupied,
        list[OccupiedLimit | None] | None,
        "Take a slot of each tag for a task run, or none: the error RATE_LIMITED says that there are too few.",
        OF_TASK_RUN,
    ),
    "decrement_concurrency_limits": Action(
        "POST",
        "/decrement",
        occupied,
        list[OccupiedLimit | None] | None,
        "Give the slots of a task run back.",
        OF_TASK_RUN,
    ),
}
CONCURRENCY_LIMITS = Collection(
    "concurrency_limits",
    ConcurrencyLimit,
    named=OF_TAG,
    actions=ACTIONS,
    stored=False,
    bulk=False,
    short_pages=True,
    countable=False,
)
