"""Events: what happened to which resource, in pages that the server hands out by tokens."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from pydantic import AfterValidator, BeforeValidator, Field
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers.actions import Action, Done, given_input
from resolvers.collection import Collection
from resolvers.fields import told
from resolvers.readings import Reading
from schema.scalars import Id, Object, Objects, OptionalObject
from schema.types import Input, Part, absent, choice, resource

MOST_RESOURCES = 100
"""Resources that one event may be related to."""
MOST_LABELS = 500
"""Labels that one resource may have."""
LONGEST_NAME = 1_024
"""Characters of an event's name."""

ID, ROLE = "prefect.resource.id", "prefect.resource.role"
LABELS = "labels by their names; `prefect.resource.id` is one of them"


@resource("Something that happened to a resource.", resolvable=False)
class Event(Part):
    id: Id = Field(description="The event's UUID.")
    event: str = Field(description="The event's name, such as `prefect.flow-run.Completed`.")
    occurred: datetime | None = absent("When it happened, as its sender tells.")
    received: datetime | None = absent("When the server received it.")
    resource: OptionalObject = absent(f"The resource that it happened to: {LABELS}.")
    related: Objects = Field(
        default_factory=list, description=f"The other resources that it involves, each in a role: {LABELS}."
    )
    payload: OptionalObject = absent("What else is told of it.")
    follows: Id | None = absent("An event that is known to have happened before it.")


@strawberry.enum(description="Orders of events by when they happened; events of one moment have no order.")
class EventOrder(Enum):
    ASC = choice("ASC", "The first to happen first.")
    DESC = choice("DESC", "The last to happen first.")


@strawberry.pydantic.input(description="When events happened.")
class EventOccurredFilter(Input):
    since: datetime | None = absent("At this time or after; 180 days ago by default.")
    until: datetime | None = absent("At this time or before; now by default.")


@strawberry.pydantic.input(description="Which names events have; all that is given must hold.")
class EventNameFilter(Input):
    prefix: list[str] | None = absent("The name begins with one of these.")
    exclude_prefix: list[str] | None = absent("The name begins with none of these.")
    name: list[str] | None = absent("The name is one of these.")
    exclude_name: list[str] | None = absent("The name is none of these.")


@strawberry.pydantic.input(description="Any resource that an event involves: the one it is about, or a related one.")
class EventAnyResourceFilter(Input):
    id: list[str] | None = absent("The resource's id is one of these, as in `prefect.flow-run.<UUID>`.")
    id_prefix: list[str] | None = absent("The resource's id begins with one of these.")
    labels: OptionalObject = absent(
        "The resource's labels: a value, or a list of which one fits; `*` and `?` are wildcards, `!` in front negates."
    )


@strawberry.pydantic.input(description="The resource that an event is about.")
class EventResourceFilter(EventAnyResourceFilter):
    distinct: bool = Field(
        default_factory=lambda: False, description="Whether only one event of each resource is wanted."
    )


@strawberry.pydantic.input(description="A resource that an event is related to; all that is given must hold of one.")
class EventRelatedFilter(Input):
    id: list[str] | None = absent("The resource's id is one of these, as in `prefect.flow-run.<UUID>`.")
    role: list[str] | None = absent("The resource's role is one of these.")
    resources_in_roles: list[list[str]] | None = absent("The resource's id and role are one of these pairs.")
    labels: OptionalObject = absent(
        "The resource's labels: a value, or a list of which one fits; `*` and `?` are wildcards, `!` in front negates."
    )


@strawberry.pydantic.input(description="Which ids events have.")
class EventIdFilter(Input):
    id: list[Id] | None = absent("One of these.")


@strawberry.pydantic.input(description="A search for words in the names, resources and payloads of events.")
class EventTextFilter(Input):
    query: str = Field(
        max_length=200, description='Words to find, `"a phrase"`, and `-word` or `!word` for what must not occur.'
    )


def _listed(value: Any) -> Any:
    """Take one filter for a list of it, as REST does; GraphQL does so by itself."""
    return [value] if isinstance(value, dict) else value


@strawberry.pydantic.input(description="Which events; all that is given must hold.")
class EventFilter(Input):
    occurred: EventOccurredFilter | None = absent("When they happened; within 180 days by default.")
    event: EventNameFilter | None = absent("The name.")
    resource: EventResourceFilter | None = absent("The resource that they are about.")
    related: Annotated[list[EventRelatedFilter] | None, BeforeValidator(_listed)] = absent(
        "The resources that they are related to: each of these filters fits one."
    )
    any_resource: Annotated[list[EventAnyResourceFilter] | None, BeforeValidator(_listed)] = absent(
        "The resources that they involve: each of these filters fits one."
    )
    id: EventIdFilter | None = absent("The id.")
    text: EventTextFilter | None = absent("Words that they contain.")


def _identified(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > MOST_LABELS:
        raise ValueError(f"The maximum number of labels per resource is {MOST_LABELS}")
    if ID not in labels:
        raise ValueError(f"Resources must include the {ID} label")
    if not labels[ID]:
        raise ValueError(f"The {ID} label must be non-empty")
    return labels


def _in_role(labels: dict[str, str]) -> dict[str, str]:
    if ROLE not in labels:
        raise ValueError(f"Related Resources must include the {ROLE} label")
    if not labels[ROLE]:
        raise ValueError(f"The {ROLE} label must be non-empty")
    return labels


def _not_too_many(related: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(related) > MOST_RESOURCES:
        raise ValueError(f"The maximum number of related resources is {MOST_RESOURCES}")
    return related


def _not_too_long(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ValueError(f"Event name must be at most {LONGEST_NAME} characters")
    return name


Resource = Annotated[dict[str, str], AfterValidator(_identified), strawberry.field(graphql_type=JSON)]
RelatedResource = Annotated[dict[str, str], AfterValidator(_identified), AfterValidator(_in_role)]
RelatedResources = Annotated[
    list[RelatedResource], AfterValidator(_not_too_many), strawberry.field(graphql_type=list[JSON])
]


@strawberry.pydantic.input(description="An event to record.")
class EventCreate(Input):
    event: Annotated[str, AfterValidator(_not_too_long)] = Field(description="The event's name.")
    occurred: datetime = Field(description="When it happened.")
    resource: Resource = Field(description=f"The resource that it happened to: {LABELS}.")
    related: RelatedResources = Field(
        default_factory=list, description=f"The other resources that it involves, each in a role: {LABELS}."
    )
    payload: Object = Field(default_factory=dict, description="What else is told of it.")
    id: Id = Field(description="A UUID that the sender makes; an event is recorded once.")
    follows: Id | None = absent("An event that is known to have happened before it.")


@strawberry.enum(description="What events are counted by.")
class EventCountable(Enum):
    DAY = choice("day", "The day on which they happened.")
    TIME = choice("time", "The interval of time in which they happened.")
    EVENT = choice("event", "Their name.")
    RESOURCE = choice("resource", "The resource that they are about.")


@strawberry.enum(description="Units of the intervals in which events are counted.")
class EventTimeUnit(Enum):
    WEEK = choice("week", "Weeks.")
    DAY = choice("day", "Days.")
    HOUR = choice("hour", "Hours.")
    MINUTE = choice("minute", "Minutes.")
    SECOND = choice("second", "Seconds.")


class EventQuery(EventFilter):
    """A filter as REST has it, with the order of the answer in it."""

    order: EventOrder = EventOrder.DESC


@strawberry.pydantic.type(description="How many events there are of one kind, resource or interval.")
class EventCount(Part):
    value: str | None = Field(description="What is counted: a name, a resource's id, or the number of an interval.")
    label: str | None = Field(description="What is counted, for people.")
    count: int | None = Field(description="How many events.")
    start_time: datetime | None = Field(description="When the first of them happened, or the interval starts.")
    end_time: datetime | None = Field(description="When the last of them happened, or the interval ends.")


async def number(done: Done) -> int:
    """Return how many events were sent."""
    return len(done.arguments["input"])


ACTIONS = {
    "create_events": Action("POST", "", number, int | None, "Record some events.", given_input(list[EventCreate]))
}
READS = {
    "event_counts": Reading(
        "POST",
        "/count-by/{countable}",
        list[EventCount] | None,
        "How many events there are by name, resource or time: the most frequent first, intervals in order of time.",
        EventCount,
        many=True,
        parameters={"countable": (told(EventCountable, "What they are counted by."), ...)},
        body={
            "filter": (told(EventFilter, "Which events."), ..., "filter"),
            "time_unit": (
                told(EventTimeUnit | None, "The unit of intervals of time; DAY by default."),
                UNSET,
                "time_unit",
            ),
            "time_interval": (
                told(float | None, "How many units an interval has; 1 by default."),
                UNSET,
                "time_interval",
            ),
        },
    )
}
EVENTS = Collection(
    "events",
    Event,
    EventFilter,
    EventOrder,
    EventOrder.DESC,
    group="filter",
    tokens=True,
    bulk=False,
    item=False,
    countable=False,
    stored=False,
    actions=ACTIONS,
    reads=READS,
)
