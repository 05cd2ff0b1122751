"""What a trigger that fires leads to: the trigger around it may fire in turn, the outermost sets the automation off."""

from collections.abc import Sequence

from pydantic_core import from_json
from sqlalchemy import Connection, delete, select

from gateway.embedded import stored
from gateway.embedded.automations.acting import Firing, Json
from gateway.embedded.automations.rules import Rule
from gateway.embedded.automations.tables import AUTOMATIONS, CHILDREN, FIRINGS
from gateway.embedded.automations.triggers import Composite
from gateway.embedded.moments import now, time_ordered_id
from gateway.embedded.rows import dump, read_by


def fire(connection: Connection, rule: Rule, labels: dict[str, str], event: Json | None) -> None:
    """Let the trigger of a rule fire."""
    firing = Firing(
        id=time_ordered_id(),
        trigger_id=rule.trigger.id,
        triggered=now(),
        triggering_labels=labels,
        triggering_event=event,
    )
    _pass_on(connection, rule.automation_id, firing, rule.around)


def _pass_on(connection: Connection, automation_id: str, firing: Firing, around: Sequence[Composite]) -> None:
    if not around:
        _set_off(connection, automation_id, firing)
        return
    trigger, *further = around
    firings = [firing] if trigger.needed == 1 else _met(connection, automation_id, firing, trigger)
    if firings:
        outer = Firing(
            id=time_ordered_id(),
            trigger_id=trigger.id,
            triggered=now(),
            triggering_event=firing.triggering_event,
            triggering_firings=firings,
        )
        _pass_on(connection, automation_id, outer, further)


def _met(connection: Connection, automation_id: str, firing: Firing, trigger: Composite) -> list[Firing]:
    """Note that a trigger within another fired; return the firings that the other one needs, none while some are missing."""
    # Whoever notes another one of this automation at once waits here, and sees this one then.
    connection.execute(select(AUTOMATIONS.c.id).where(AUTOMATIONS.c.id == automation_id).with_for_update())
    of_this = CHILDREN.c.parent_id == trigger.id
    gone = CHILDREN.c.trigger_id == firing.trigger_id
    if trigger.within is not None:
        gone |= CHILDREN.c.triggered < firing.triggered - trigger.within
    connection.execute(delete(CHILDREN).where(of_this, gone))
    child = {"parent_id": trigger.id, "trigger_id": firing.trigger_id, "automation_id": automation_id}
    stored.add(connection, CHILDREN, {**child, "triggered": firing.triggered, "firing": firing.model_dump(mode="json")})
    there = connection.execute(
        select(CHILDREN.c.trigger_id, CHILDREN.c.firing).where(of_this).order_by(CHILDREN.c.triggered)
    ).all()
    if not trigger.is_met([trigger_id for trigger_id, _ in there]):
        return []
    connection.execute(delete(CHILDREN).where(of_this))
    return [Firing.model_validate_json(text) for _, text in there]


def _set_off(connection: Connection, automation_id: str, firing: Firing) -> None:
    automation = from_json(dump(read_by(connection, "automations", id=automation_id)))
    row = {"id": firing.id, "automation": automation, "firing": firing.model_dump(mode="json"), "taken": None}
    stored.add(connection, FIRINGS, row)
