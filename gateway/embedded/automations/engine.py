"""Automations at work: events are counted where they are written down, time passes, and what was set off is carried out."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import httpx
from pydantic_core import from_json
from sqlalchemy import Connection, delete, or_, select, update

from gateway.embedded.automations.acting import Acting, ActionBase, Failed, Firing, Json, told
from gateway.embedded.automations.body import Automation
from gateway.embedded.automations.outcome import outcome, triggered
from gateway.embedded.automations.rules import rules
from gateway.embedded.automations.tables import FIRINGS
from gateway.embedded.automations.windows import look, react, sweep
from gateway.embedded.database import Database
from gateway.embedded.events import IN_ORDER, Event, emit
from gateway.embedded.moments import now
from gateway.embedded.services import Service

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Firings that are carried out in one go."""

TAKEN = timedelta(minutes=5)
"""After what time others take a firing that somebody took and did not come to an end with."""

EVERY = 1.0
SWEEP_EVERY = 60.0


def listen(connection: Connection, event: Event) -> None:
    """Count an event for each trigger that is about it."""
    for rule in rules(connection):
        if rule.is_about(event):
            react(connection, rule, event)


IN_ORDER.append(listen)


@dataclass
class Engine:
    """What automations do by themselves; actions go through the REST API that `app` speaks."""

    app: Any
    due: dict[str, datetime] = field(default_factory=dict)
    """When to look at a proactive trigger again, by its id."""

    @property
    def services(self) -> Sequence[Service]:
        """What is to be done from time to time."""
        return (
            Service("proactive triggers", EVERY, self.look),
            Service("automations", EVERY, self.act),
            Service("windows of triggers", SWEEP_EVERY, _sweep),
        )

    async def look(self, database: Database) -> None:
        """Fire the triggers that waited for events in vain."""
        moment = now()
        proactive = [rule for rule in await database.read(rules) if rule.trigger.posture == "Proactive"]
        self.due = {rule.trigger.id: self.due.get(rule.trigger.id, moment) for rule in proactive}
        for rule in proactive:
            if self.due[rule.trigger.id] <= moment:
                self.due[rule.trigger.id] = await database.write(partial(look, rule=rule, moment=moment))

    async def act(self, database: Database) -> None:
        """Carry out what was set off."""
        free = or_(FIRINGS.c.taken.is_(None), FIRINGS.c.taken < now() - TAKEN)
        ids = select(FIRINGS.c.id).where(free).order_by(FIRINGS.c.id).limit(AT_ONCE)
        if not await database.read(lambda connection: list(connection.scalars(ids))):
            return
        firings = await database.write(lambda connection: _take(connection, ids))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://embedded", trust_env=False) as client:
            await asyncio.gather(*(_carry_out(database, client, *firing) for firing in firings))


async def _carry_out(database: Database, client: httpx.AsyncClient, automation: Json, firing: Firing) -> None:
    event = triggered(automation, firing)
    await database.write(lambda connection: emit(connection, event))
    # Disabled, it is not asked whether it comes to an end.
    checked = Automation.model_validate({**automation, "enabled": False})
    actions: list[tuple[ActionBase, Json | None]] = [
        *((action, firing.triggering_event) for action in checked.actions),
        *((action, told(event)) for action in checked.actions_on_trigger),
    ]
    for index, (action, about) in enumerate(actions):
        # The same each time, so that what is carried out once more is not done twice.
        invocation = str(uuid5(UUID(firing.id), str(index)))
        acting = Acting(client, automation, firing, about, invocation, index)
        reason = await _reason(action, acting)
        ended = outcome(acting, action.type, event, reason)
        await database.write(partial(_tell, events=ended))
    await database.write(
        lambda connection: connection.execute(delete(FIRINGS).where(FIRINGS.c.id == firing.id)) and None
    )


def _tell(connection: Connection, events: Sequence[Event]) -> None:
    emit(connection, *events)


async def _sweep(database: Database) -> None:
    await database.write(partial(sweep, moment=now()))


def _take(connection: Connection, ids: Any) -> list[tuple[Json, Firing]]:
    """Take firings that nobody else has."""
    statement = select(FIRINGS).where(FIRINGS.c.id.in_(ids)).order_by(FIRINGS.c.id)
    rows = connection.execute(statement.with_for_update(skip_locked=True)).all()
    connection.execute(update(FIRINGS).where(FIRINGS.c.id.in_([row.id for row in rows])).values(taken=now()))
    return [(from_json(row.automation), Firing.model_validate_json(row.firing)) for row in rows]


async def _reason(action: ActionBase, acting: Acting) -> str | None:
    """Carry out an action; return why it failed, if it did."""
    try:
        await action.act(acting)
    except Failed as error:
        log.warning("Automation %s (%r): %s", acting.automation["id"], acting.automation["name"], error)
        return str(error)
    except Exception as error:
        log.exception("Automation %s (%r) failed", acting.automation["id"], acting.automation["name"])
        return f"Unexpected failure: {error!r}"
    return None
