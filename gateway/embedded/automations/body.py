"""Automations as clients send them, checked, and as they are stored."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.embedded.automations.actions import Action, RunDeployment
from gateway.embedded.automations.triggers import EventTrigger, NewTrigger, Specification, Trigger

FLOW_RUNS = "prefect.flow-run"
STARTING = frozenset(f"{FLOW_RUNS}.{name}" for name in ("Scheduled", "Pending", "Running", "*"))
"""Events of every run of a deployment."""

ENDLESS = {
    "inferred": "Running an inferred deployment from a flow run state change event will lead to an infinite loop of flow"
    " runs.  Please choose a specific deployment and add additional filtering labels to the match or match_related for"
    " this automation's trigger.",
    "selected": "Running a selected deployment from a flow run state change event may lead to an infinite loop of flow"
    " runs.  Please include additional filtering labels on either match or match_related to narrow down which flow runs"
    " will trigger this automation to exclude flow runs from the deployment you've selected.",
}


class Automation(BaseModel):
    """What an automation is: its trigger and its actions; raises what would set itself off without end."""

    name: str
    description: str = ""
    enabled: bool = True
    tags: list[str] = Field(default_factory=list)
    trigger: Trigger
    actions: list[Action]
    actions_on_trigger: list[Action] = Field(default_factory=list)
    actions_on_resolve: list[Action] = Field(default_factory=list)

    @model_validator(mode="after")
    def _comes_to_an_end(self) -> "Automation":
        trigger = self.trigger
        if not self.enabled or not isinstance(trigger, EventTrigger) or trigger.posture != "Reactive":
            return self
        if not STARTING.intersection(trigger.expect):
            return self
        sources = {action.source for action in self.actions if isinstance(action, RunDeployment)}
        related = trigger.match_related if isinstance(trigger.match_related, list) else [trigger.match_related]
        if "inferred" in sources:
            raise ValueError(ENDLESS["inferred"])
        if "selected" in sources and _is_any_run(trigger.match) and any(_is_any_run(each) for each in related):
            raise ValueError(ENDLESS["selected"])
        return self

    def values(self, *, given: bool = False) -> dict[str, Any]:
        """Return the columns of its row, only those that were `given` where asked."""
        return self.model_dump(mode="json", include=self.model_fields_set if given else None)


def _is_any_run(specification: Specification) -> bool:
    match specification:
        case {"prefect.resource.id": ids, **more} if not more:
            return f"{FLOW_RUNS}.*" in ([ids] if isinstance(ids, str) else ids)
    return not specification


class AutomationUpdate(Automation):
    """The body that replaces an automation."""

    model_config = ConfigDict(extra="forbid")

    trigger: NewTrigger


class AutomationCreate(AutomationUpdate):
    """The body that creates one."""

    owner_resource: str | None = Field(None, description="The resource that it belongs to.")

    def values(self, *, given: bool = False) -> dict[str, Any]:
        return {name: value for name, value in super().values(given=given).items() if name != "owner_resource"}


class AutomationPartialUpdate(BaseModel):
    """The body that enables or disables one."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
