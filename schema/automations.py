"""Automations: what to do when something happens, or fails to."""

from enum import Enum

import strawberry
from pydantic import Field

from resolvers.actions import Action, changed, create, delete, given_input
from resolvers.collection import Collection
from resolvers.fields import told
from resolvers.readings import Reading
from schema.automation_actions import AutomationAction, AutomationActionInput
from schema.automation_triggers import AutomationTrigger, AutomationTriggerInput
from schema.operators import AnyIdFilter, AnyStringFilter, AnyTagsFilter, BeforeFilter, Operator, combined
from schema.types import Dated, Input, absent, choice, resource


@resource("An automation: what to do when events happen, or fail to.")
class Automation(Dated):
    name: str = Field(description="The automation's name; others may have the same.")
    description: str = Field(default_factory=str, description="A description for people.")
    enabled: bool = Field(default_factory=lambda: True, description="Whether anything sets it off.")
    tags: list[str] = Field(default_factory=list, description="The automation's tags.")
    trigger: AutomationTrigger | None = Field(description="What sets it off.")
    actions: list[AutomationAction] = Field(default_factory=list, description="What it does, in this order.")
    actions_on_trigger: list[AutomationAction] = Field(
        default_factory=list, description="What it does besides, about the event of its having been set off."
    )
    actions_on_resolve: list[AutomationAction] = Field(
        default_factory=list, description="What it does when its trigger is resolved."
    )


@strawberry.pydantic.input(description="Which automations.")
class AutomationFilter(Input):
    operator: Operator = combined()
    id: AnyIdFilter | None = absent("The automation's id.")
    name: AnyStringFilter | None = absent("The automation's name.")
    created: BeforeFilter | None = absent("When it was created.")
    tags: AnyTagsFilter | None = absent("The automation's tags.")


@strawberry.enum(description="Orders of automations. Each leaves the order of equal values open; names are not unique.")
class AutomationSort(Enum):
    CREATED_DESC = choice("CREATED_DESC", "By when it was created, the newest first.")
    UPDATED_DESC = choice("UPDATED_DESC", "By when it was last changed, the latest first.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z.")
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A.")


class _Automation(Input):
    name: str = Field(description="The automation's name.")
    description: str = absent("A description for people.")
    enabled: bool = absent("Whether anything sets it off.")
    tags: list[str] = absent("The automation's tags.")
    trigger: AutomationTriggerInput = Field(description="What sets it off.")
    actions: list[AutomationActionInput] = Field(description="What it does, in this order.")
    actions_on_trigger: list[AutomationActionInput] = absent(
        "What it does besides, about the event of its having been set off."
    )
    actions_on_resolve: list[AutomationActionInput] = absent("What it does when its trigger is resolved.")


@strawberry.pydantic.input(description="An automation to create.")
class AutomationCreate(_Automation):
    owner_resource: str | None = absent(
        "The resource that it belongs to, such as `prefect.deployment.` and the deployment's id."
    )


@strawberry.pydantic.input(description="Changes to an automation; its trigger and its actions are replaced.")
class AutomationUpdate(_Automation):
    pass


async def _nothing(_: object) -> bool:
    return True


ACTIONS = {
    "create_automation": create(Automation, AutomationCreate),
    "update_automation": Action(
        "PUT",
        "/{id}",
        changed,
        Automation | None,
        "Change an automation: what is absent stays; its trigger and its actions are replaced.",
        given_input(AutomationUpdate),
    ),
    "set_automation_enabled": Action(
        "PATCH",
        "/{id}",
        changed,
        Automation | None,
        "Enable or disable an automation.",
        {"enabled": (told(bool, "Whether anything sets it off."), ..., "enabled")},
    ),
    "delete_automation": delete(),
    "delete_automations_owned_by": Action(
        "DELETE", "/owned-by/{resource}", _nothing, bool | None, "Delete the automations that belong to a resource."
    ),
}
READS = {
    "automations_related_to": Reading(
        "GET",
        "/related-to/{resource}",
        list[Automation | None] | None,
        "The automations that act on a resource or belong to it, such as `prefect.deployment.` and the deployment's id.",
        model=Automation,
        many=True,
    ),
}
AUTOMATIONS = Collection(
    "automations",
    Automation,
    AutomationFilter,
    AutomationSort,
    AutomationSort.NAME_ASC,
    actions=ACTIONS,
    reads=READS,
)
OF_DEPLOYMENT = Collection(
    "deployment_automations",
    Automation,
    listed="/automations/related-to/prefect.deployment.{deployment_id}",
    bulk=False,
    item=False,
    countable=False,
    stored=False,
)
"""The same rows, as a deployment's: REST has no filter for these."""
