"""The event triggers of the automations that are enabled, kept in memory for as long as no automation changes."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import ValidationError
from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, Engine, func, select

from gateway.embedded.automations.body import Automation
from gateway.embedded.automations.tables import AUTOMATIONS
from gateway.embedded.automations.triggers import Composite, EventTrigger, Trigger
from gateway.embedded.events import Event
from gateway.embedded.prepared import Prepared
from gateway.embedded.rows import dump, read_rows

log = logging.getLogger(__name__)

OWN = "prefect.automation."
"""How the names of events begin that tell what automations do."""


@dataclass(frozen=True, eq=False)
class Rule:
    """An event trigger of an automation, and the triggers that it is part of, the inmost first."""

    automation_id: str
    trigger: EventTrigger
    around: tuple[Composite, ...] = ()

    def is_about(self, event: Event) -> bool:
        """Tell whether an event matters.

        What automations do matters to those that name such events and not to itself, or one that waits for any event
        would set itself off without end.
        """
        trigger = self.trigger
        if event.event.startswith(OWN) and (
            event.resource_id == f"{OWN}{self.automation_id}"
            or not any(name.startswith(OWN) for name in (*trigger.expect, *trigger.after))
        ):
            return False
        return trigger.covers(event)


Version = tuple[int | None, int]

_LATEST: list[ColumnElement[Any]] = [func.max(AUTOMATIONS.c.updated), func.count()]
VERSION = Prepared(select(*_LATEST).select_from(AUTOMATIONS))
_kept: WeakKeyDictionary[Engine, tuple[Version, list[Rule]]] = WeakKeyDictionary()


def rules(connection: Connection) -> list[Rule]:
    """Return the rules that hold in this transaction."""
    ((latest, number),) = VERSION.rows(connection, {})
    kept = _kept.get(connection.engine)
    if kept is None or kept[0] != (latest, number):
        kept = _kept[connection.engine] = (latest, number), list(_read(connection)) if number else []
    return kept[1]


def _read(connection: Connection) -> Iterator[Rule]:
    for row in read_rows(connection, "automations", select(AUTOMATIONS).where(AUTOMATIONS.c.enabled)):
        try:
            automation = Automation.model_validate(from_json(dump(row)))
        except ValidationError as error:
            log.error("The automation %s (%r) cannot be evaluated: %s", row["id"], row["name"], error)  # noqa: TRY400 (no defect)
            continue
        yield from _within(row["id"], automation.trigger, ())


def _within(automation_id: str, trigger: Trigger, around: tuple[Composite, ...]) -> Iterator[Rule]:
    if isinstance(trigger, EventTrigger):
        yield Rule(automation_id, trigger, around)
        return
    for inner in trigger.triggers:
        yield from _within(automation_id, inner, (trigger, *around))
