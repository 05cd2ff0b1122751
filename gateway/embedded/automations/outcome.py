"""What others hear of an automation that was set off, and of each of its actions, in the shape that Prefect gives it."""

from datetime import timedelta
from typing import Any

from gateway.embedded.automations.acting import Acting, Firing, Json
from gateway.embedded.events import Event, Labels, labels
from gateway.embedded.events.labels import ID, ROLE

CLOSE = timedelta(minutes=5)
"""How near an action must be to the event that it is about to name it as what went before."""


def triggered(automation: Json, firing: Firing) -> Event:
    """Tell that an automation was set off."""
    about = firing.triggering_event
    payload = {"triggering_labels": firing.triggering_labels, "triggering_event": about}
    return Event(
        event="prefect.automation.triggered",
        resource={**labels("automation", automation["id"], automation["name"]), **_posture(automation)},
        related=[_event(about["id"], "triggering-event")] if about else [],
        payload=payload,
        occurred=firing.triggered,
    )


def outcome(acting: Acting, kind: str, set_off: Event, reason: str | None) -> tuple[Event, Event]:
    """Tell that an action was begun, and how it ended: `reason` says why it failed."""
    automation, about = acting.automation, acting.event
    resource = {
        **labels("automation", automation["id"], automation["name"]),
        "prefect.trigger-type": automation["trigger"]["type"],
        **_posture(automation),
    }
    related = [*acting.related, _event(set_off.id, "automation-triggered-event")]
    if about:
        related.append(_event(about["id"], "triggering-event"))
    payload: dict[str, Any] = {"action_index": acting.index, "action_type": kind, "invocation": acting.invocation}
    begun = Event(
        event="prefect.automation.action.triggered",
        resource=resource,
        related=related,
        payload=payload,
        occurred=acting.firing.triggered,
        follows=about["id"] if about and acting.is_close(CLOSE) else None,
    )
    ended = Event(
        event=f"prefect.automation.action.{'executed' if reason is None else 'failed'}",
        resource=resource,
        related=related,
        payload={**payload, **({} if reason is None else {"reason": reason}), **acting.details},
        follows=begun.id,
    )
    return begun, ended


def _posture(automation: Json) -> Labels:
    posture = automation["trigger"].get("posture")
    return {"prefect.posture": posture} if posture else {}


def _event(id_: str, role: str) -> Labels:
    return {ID: f"prefect.event.{id_}", ROLE: role}
