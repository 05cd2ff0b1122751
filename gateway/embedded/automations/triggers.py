"""Triggers as they are checked and evaluated: which events they are about, and when they have had enough of them.

See https://docs.prefect.io/v3/concepts/event-triggers.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from gateway.embedded.automations.spans import Span
from gateway.embedded.events import Event, Labels
from gateway.embedded.events.labels import ROLE

NONE = timedelta(0)
LEAST = timedelta(seconds=10)
"""The shortest time in which the absence of events can be told."""

Specification = dict[str, str | list[str]]
Names = Annotated[list[str], AfterValidator(lambda names: list(dict.fromkeys(names)))]


def _new_id(_given: object = None) -> str:
    return str(uuid4())


def fits(pattern: str, value: str | None) -> bool:
    """Tell whether a value is as a pattern says: `*` stands for any text, `!` before it for all that it does not fit."""
    if value is None:
        return False
    return fnmatchcase(value, pattern) if not pattern.startswith("!") else not fnmatchcase(value, pattern[1:])


def describes(specification: Specification, resources: Sequence[Labels]) -> bool:
    """Tell whether one of some resources has all the labels that are asked for."""
    asked = [(label, [each] if isinstance(each, str) else each) for label, each in specification.items()]
    return not asked or any(
        all(any(fits(pattern, resource.get(label)) for pattern in patterns) for label, patterns in asked)
        for resource in resources
    )


def label_of(event: Event, label: str) -> str:
    """Return a label of an event's resource; `related:flow:prefect.resource.id` is one of the related resource in a role."""
    match label.split(":", 2):
        case ["related", role, name]:
            return next((each.get(name, "") for each in event.related if each[ROLE] == role), "")
    return event.resource.get(label, "")


class _Trigger(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float")

    id: str = Field(default_factory=_new_id, json_schema_extra={"format": "uuid"})


class EventTrigger(_Trigger):
    """Fires on events, or on their absence."""

    type: Literal["event"] = "event"
    match: Specification = Field(default_factory=dict)
    match_related: Specification | list[Specification] = Field(default_factory=dict)
    after: Names = Field(default_factory=list)
    expect: Names = Field(default_factory=list)
    for_each: Names = Field(default_factory=list)
    posture: Literal["Reactive", "Proactive"]
    threshold: int = 1
    within: Span = Field(NONE, ge=NONE)

    @model_validator(mode="after")
    def _absence_takes_time(self) -> "EventTrigger":
        if self.posture == "Proactive":
            if self.within == NONE:
                self.within = LEAST
            if self.within < LEAST:
                msg = "`within` for Proactive triggers must be greater than or equal to 10 seconds"
                raise ValueError(msg)
        return self

    def starts(self, name: str) -> bool:
        """Tell whether an event opens a window."""
        return any(fits(pattern, name) for pattern in self.after)

    def expects(self, name: str) -> bool:
        """Tell whether an event counts."""
        return not self.expect or any(fits(pattern, name) for pattern in self.expect)

    def covers(self, event: Event) -> bool:
        """Tell whether an event matters."""
        if not (self.starts(event.event) or self.expects(event.event)):
            return False
        related = self.match_related if isinstance(self.match_related, list) else [self.match_related]
        return describes(self.match, [event.resource]) and all(describes(each, event.related) for each in related)

    def labels(self, event: Event) -> dict[str, str]:
        """Return what tells the events that are counted together."""
        return {label: label_of(event, label) for label in sorted(self.for_each)}

    def is_met(self, count: int) -> bool:
        """Tell whether so many events in a window fire it."""
        return count >= self.threshold if self.posture == "Reactive" else count < self.threshold


class _Composite(_Trigger):
    triggers: list["Trigger"]
    within: Span | None

    @property
    def needed(self) -> int:
        """How many of its triggers must fire."""
        return len(self.triggers)

    def is_met(self, fired: Sequence[str]) -> bool:
        """Tell whether the triggers that fired, in their order, fire it."""
        return len(fired) >= self.needed


class CompoundTrigger(_Composite):
    """Fires when some of its triggers have fired."""

    type: Literal["compound"] = "compound"
    require: int | Literal["any", "all"]

    @model_validator(mode="after")
    def _can_be_met(self) -> "CompoundTrigger":
        if isinstance(self.require, int):
            if self.require < 1:
                msg = "require must be at least 1"
                raise ValueError(msg)
            if self.require > len(self.triggers):
                msg = "require must be less than or equal to the number of triggers"
                raise ValueError(msg)
        return self

    @property
    def needed(self) -> int:
        match self.require:
            case "any":
                return 1
            case "all":
                return len(self.triggers)
            case number:
                return number


class SequenceTrigger(_Composite):
    """Fires when its triggers have fired in their order."""

    type: Literal["sequence"] = "sequence"

    def is_met(self, fired: Sequence[str]) -> bool:
        return list(fired) == [trigger.id for trigger in self.triggers]


def _kind(value: Any) -> str:
    """Tell the kind of a trigger; one without `type` is told by its keys, as Prefect does."""
    if not isinstance(value, Mapping):
        return str(getattr(value, "type", "event"))
    given = "event" if "triggers" not in value else "compound" if "require" in value else "sequence"
    return str(value.get("type", given))


Trigger = Annotated[
    Annotated[EventTrigger, Tag("event")]
    | Annotated[CompoundTrigger, Tag("compound")]
    | Annotated[SequenceTrigger, Tag("sequence")],
    Discriminator(_kind),
]
Composite = CompoundTrigger | SequenceTrigger


def _without_ids(value: Any) -> Any:
    """Leave out the ids that a client gave: they are made anew."""
    if not isinstance(value, dict):
        return value
    within = value.get("triggers")
    inner = {"triggers": [_without_ids(each) for each in within]} if isinstance(within, list) else {}
    return {name: each for name, each in value.items() if name != "id"} | inner


NewTrigger = Annotated[Trigger, BeforeValidator(_without_ids)]
"""A trigger that a client sent."""

for _model in (CompoundTrigger, SequenceTrigger):
    _model.model_rebuild()
