"""What sets off an automation: events that happen, or that fail to.

REST has three kinds of trigger, told apart by `type`, and two of them hold others. Here they are one type with the fields
of all: a query reads a tree of any kinds without a fragment for each, a kind that a newer server adds costs its `type` only,
and what is read can be written back as it is (but for the ids, which REST makes anew).
"""

from enum import Enum

import strawberry
from pydantic import BaseModel, Field

from schema.scalars import Id, OptionalObject, Value
from schema.types import Input, Part, absent, choice


@strawberry.enum(description="The kinds of trigger.")
class TriggerType(Enum):
    EVENT = choice("event", "Fires on events, or on their absence.")
    COMPOUND = choice("compound", "Fires when some of its triggers have fired, in any order.")
    SEQUENCE = choice("sequence", "Fires when all of its triggers have fired, in their order.")


@strawberry.enum(description="Whether a trigger waits for events or for their absence.")
class Posture(Enum):
    REACTIVE = choice("Reactive", "Fires when the events happened.")
    PROACTIVE = choice("Proactive", "Fires when the events did not happen in time.")


class _Trigger(BaseModel):
    id: Id | None = absent("The trigger's UUID, which REST makes anew each time an automation is written.")
    match: OptionalObject = absent(
        "EVENT: labels of the resource that an event is about, each with a value or a list of them; "
        "`*` stands for any text, `!` before a value for all others."
    )
    match_related: Value = absent(
        "EVENT: labels of a resource that an event is related to, as in `match`; a list asks for several resources."
    )
    after: list[str] | None = absent("EVENT: what must happen first, such as `prefect.flow-run.Running`.")
    expect: list[str] | None = absent(
        "EVENT: what is waited for, such as `prefect.flow-run.Failed` or `prefect.flow-run.*`; any event, where empty."
    )
    for_each: list[str] | None = absent(
        "EVENT: labels by whose values events are counted apart; `related:flow:prefect.resource.id` is a label of the "
        "related resource in the role `flow`."
    )
    posture: Posture | None = absent("EVENT: whether it waits for events or for their absence.")
    threshold: int | None = absent("EVENT: how many events fire it, or keep it from firing.")
    within: float | None = absent(
        "Seconds in which it must happen, at least 10 where absence is waited for; null sets no bound to a COMPOUND or "
        "SEQUENCE."
    )
    require: Value = absent('COMPOUND: how many of its triggers must fire: a number, "any" or "all".')


@strawberry.pydantic.type(description="What sets off an automation; which fields are set depends on `type`.")
class AutomationTrigger(_Trigger, Part):
    type: TriggerType | None = absent("The kind of trigger.")
    triggers: list["AutomationTrigger"] | None = absent("COMPOUND, SEQUENCE: the triggers that it is made of.")


@strawberry.pydantic.input(description="What sets off an automation; `type` says which fields can be given.")
class AutomationTriggerInput(_Trigger, Input):
    type: TriggerType = Field(description="The kind of trigger.")
    triggers: list["AutomationTriggerInput"] | None = absent("COMPOUND, SEQUENCE: the triggers that it is made of.")
