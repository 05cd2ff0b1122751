"""Global concurrency limits: how many slots anything may take at once, by name."""

from enum import Enum

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.actions import Action, Body, Done, answered, answered_rows, create, delete, update
from resolvers.collection import Collection, Row, completed, completed_within
from resolvers.fields import belongs_to, told
from resolvers.ids import id_argument
from schema.scalars import Id
from schema.types import NAME_PATTERN, Dated, Input, Part, absent, choice, resource


@resource("A limit on what may happen at once, by name; those of tags are named `tag:...`.", "name")
class GlobalConcurrencyLimit(Dated):
    active: bool = Field(default_factory=lambda: True, description="Whether the limit is in force.")
    name: str = Field(description="The limit's name.")
    limit: int | None = Field(description="How many slots there are.")
    active_slots: int | None = Field(description="How many slots are taken.")
    slot_decay_per_second: float = Field(
        default_factory=lambda: 2.0, description="How many slots become free each second by themselves."
    )


@strawberry.pydantic.input(description="A global concurrency limit to create.")
class GlobalConcurrencyLimitCreate(Input):
    name: str = Field(pattern=NAME_PATTERN, description="The limit's name, unique: without / % & > <.")
    limit: int = Field(ge=0, description="How many slots there are.")
    active: bool = absent("Whether the limit is in force; it is by default.")
    active_slots: int = absent("How many slots are taken; none by default.", ge=0)
    denied_slots: int = absent("How many slots were asked for in vain; none by default.", ge=0)
    slot_decay_per_second: float = absent(
        "How many slots become free each second by themselves; none by default.", ge=0
    )


@strawberry.pydantic.input(description="Changes to a global concurrency limit.")
class GlobalConcurrencyLimitUpdate(Input):
    name: str | None = absent("The limit's name, unique: without / % & > <.", pattern=NAME_PATTERN)
    limit: int | None = absent("How many slots there are.", ge=0)
    active: bool | None = absent("Whether the limit is in force.")
    active_slots: int | None = absent("How many slots are taken.", ge=0)
    denied_slots: int | None = absent("How many slots were asked for in vain.", ge=0)
    slot_decay_per_second: float | None = absent("How many slots become free each second by themselves.", ge=0)


@strawberry.enum(description="What slots are asked for.")
class SlotMode(Enum):
    CONCURRENCY = choice("concurrency", "To do something at once, until they are given back.")
    RATE_LIMIT = choice("rate_limit", "To begin something; they become free with time. Each limit must have a decay.")


@strawberry.enum(description="What a lease is held by.")
class LeaseHolderType(Enum):
    FLOW_RUN = choice("flow_run", "A flow run.")
    TASK_RUN = choice("task_run", "A task run.")
    DEPLOYMENT = choice("deployment", "A deployment.")


@strawberry.pydantic.input(description="Who holds a lease.")
class LeaseHolderInput(Input):
    type: LeaseHolderType = Field(description="What it is.")
    id: Id = Field(description="Its id.")


@strawberry.pydantic.type(description="A global concurrency limit as it was created.")
class NewGlobalConcurrencyLimit(GlobalConcurrencyLimit):
    denied_slots: int | None = absent("How many slots were asked for in vain.")
    avg_slot_occupancy_seconds: float | None = absent("How long a slot is taken, on average.")


@strawberry.pydantic.type(description="A limit whose slots were taken or given back.")
class OccupiedLimit(Part):
    id: Id = Field(description="The limit's UUID.")
    name: str = Field(description="The limit's name; the tag alone where slots of tags were taken.")
    limit: int | None = Field(description="How many slots there are.")

    global_concurrency_limit = belongs_to(
        "schema.global_concurrency_limits.GlobalConcurrencyLimit", key="id", description="The limit as it is now."
    )


@strawberry.pydantic.type(description="Slots that were taken until their lease ends.")
class ConcurrencyLease(Part):
    lease_id: Id = Field(description="The lease's UUID, by which it is renewed and ended.")
    limits: list[OccupiedLimit] = Field(default_factory=list, description="The limits whose slots were taken.")


async def occupied(done: Done) -> list[Row]:
    """Return the limits that the action answered."""
    return answered_rows(done, OccupiedLimit)


async def leased(done: Done) -> Row:
    """Return the lease that the action answered."""
    limits = completed_within(OccupiedLimit, answered(done, "limits"))
    return completed(ConcurrencyLease, {**done.answer, "limits": limits})


async def lease(done: Done) -> str:
    """Return the id of the lease that was renewed or ended."""
    return id_argument("lease_id", done.arguments["lease_id"])


NAMES: Body = {"names": (told(list[str], "Names of limits; those that are not there limit nothing."), ..., "names")}
SLOTS: Body = {**NAMES, "slots": (told(int, "How many slots of each limit."), ..., "slots")}
TAKING: Body = {
    **SLOTS,
    "mode": (told(SlotMode | None, "What the slots are for; CONCURRENCY by default."), UNSET, "mode"),
}
IGNORED: Body = {
    "create_if_missing": (told(bool | None, "Deprecated in Prefect, which ignores it."), UNSET, "create_if_missing")
}
SECONDS: Body = {
    "lease_duration": (
        told(float | None, "Seconds until the lease ends unless it is renewed, 60 to 86400; 300 by default."),
        UNSET,
        "lease_duration",
    )
}

ACTIONS = {
    "create_global_concurrency_limit": create(NewGlobalConcurrencyLimit, GlobalConcurrencyLimitCreate),
    "update_global_concurrency_limit": update(GlobalConcurrencyLimit, GlobalConcurrencyLimitUpdate),
    "delete_global_concurrency_limit": delete(),
    "increment_global_concurrency_limits": Action(
        "POST",
        "/increment",
        occupied,
        list[OccupiedLimit | None] | None,
        "Take slots of all limits, or of none: the error RATE_LIMITED says that there are too few.",
        {**TAKING, **IGNORED},
    ),
    "increment_global_concurrency_limits_with_lease": Action(
        "POST",
        "/increment-with-lease",
        leased,
        ConcurrencyLease | None,
        "Take slots of all limits until a lease ends, or of none: the error RATE_LIMITED says that there are too few.",
        {**TAKING, **SECONDS, "holder": (told(LeaseHolderInput | None, "Who holds the lease."), UNSET, "holder")},
    ),
    "decrement_global_concurrency_limits": Action(
        "POST",
        "/decrement",
        occupied,
        list[OccupiedLimit | None] | None,
        "Give slots of limits back.",
        {
            **SLOTS,
            "occupancy_seconds": (told(float | None, "How long they were taken."), UNSET, "occupancy_seconds"),
            **IGNORED,
        },
    ),
    "end_concurrency_lease": Action(
        "POST",
        "/decrement-with-lease",
        lease,
        strawberry.ID | None,
        "Give the slots of a lease back; a lease that has ended is no error.",
        {"lease_id": (told(strawberry.ID, "The lease's id."), ..., "lease_id")},
    ),
    "renew_concurrency_lease": Action(
        "POST",
        "/leases/{lease_id}/renew",
        lease,
        strawberry.ID | None,
        "Let a lease go on; one that has ended is an error.",
        SECONDS,
    ),
}
GLOBAL_CONCURRENCY_LIMITS = Collection(
    "global_concurrency_limits",
    GlobalConcurrencyLimit,
    route="/v2/concurrency_limits",
    named="/v2/concurrency_limits/{name}",
    actions=ACTIONS,
    stored=False,
    bulk=False,
    countable=False,
)
