"""The causal order of events: one that tells which event it follows waits for that one where it came first.

All are written down at once. Those that wait are not told to the listeners that need the order, until what they follow has
come, or has not come for a long time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Column, Connection, Index, Table, delete, or_, select

from gateway.embedded import stored
from gateway.embedded.database import Database
from gateway.embedded.events.journal import Event, tell, tell_in_order, write_down
from gateway.embedded.events.tables import EVENTS
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.services import Service
from gateway.embedded.tables import METADATA
from gateway.embedded.tables.types import STRING, Timestamp

WAITS = timedelta(minutes=15)
"""How long an event waits for the one that it follows."""

EVERY = 5.0
AT_ONCE = 200
"""Events at most whose wait ends in one go."""

WAITING = Table(
    "waiting_events",
    METADATA,
    Column("event_id", STRING, primary_key=True, nullable=False),
    Column("follows", STRING, nullable=False),
    Column("received", Timestamp, nullable=False),
)
"""The events that wait for another."""

for _column in (WAITING.c.follows, WAITING.c.received):
    Index(f"ix_waiting_events__{_column.name}", _column)


def receive(connection: Connection, events: Iterable[Event]) -> None:
    """Write down the events of a client, which may have sent some of them before, and tell each in its turn."""
    given = {event.id: event for event in events}
    asked = {*given, *(event.follows for event in given.values() if event.follows)}
    known = set(connection.scalars(select(EVENTS.c.id).where(member(EVENTS.c.id, list(asked)))))
    new = [event for id_, event in given.items() if id_ not in known]
    if not new:
        return
    write_down(connection, new)
    tell(connection, new)
    tell_in_order(connection, _turn(connection, new, known))


def _turn(connection: Connection, new: list[Event], known: set[str]) -> list[Event]:
    """Return the events whose turn it is, each after the one that it follows, with those that waited; the others wait."""
    ids = [event.id for event in new]
    asked = or_(member(WAITING.c.follows, ids), member(WAITING.c.event_id, list(known)))
    there = connection.execute(select(WAITING.c.event_id, WAITING.c.follows).where(asked)).all()
    passed = known - {event_id for event_id, _ in there}
    pending, turn = {event.id: event for event in new}, []
    while ready := [event for event in pending.values() if event.follows is None or event.follows in passed]:
        turn += ready
        passed |= {event.id for event in ready}
        pending = {id_: event for id_, event in pending.items() if id_ not in passed}
        pending |= {event.id: event for event in _released(connection, WAITING.c.follows, [each.id for each in ready])}
    if pending:
        rows = [
            {"event_id": event.id, "follows": event.follows, "received": event.received} for event in pending.values()
        ]
        stored.add(connection, WAITING, *rows)
    return turn


def _released(connection: Connection, column: Column[Any], values: list[str]) -> list[Event]:
    """End the wait of events; return them in the order in which they occurred."""
    waiting = select(WAITING.c.event_id).where(member(column, values))
    ids = list(connection.scalars(waiting))
    if not ids:
        return []
    connection.execute(delete(WAITING).where(member(WAITING.c.event_id, ids)))
    rows = connection.execute(select(EVENTS).where(member(EVENTS.c.id, ids)).order_by(EVENTS.c.occurred, EVENTS.c.id))
    return [_event(row._asdict()) for row in rows]


def _event(row: dict[str, Any]) -> Event:
    del row["resource_id"]
    return Event(**row | {name: from_json(row[name]) for name in ("resource", "related", "payload")})


async def release(database: Database) -> None:
    """End the waits that were in vain, or whose end nobody told: what they wait for was written by the server itself."""
    if ids := await database.read(lambda connection: _over(connection, now())):
        await database.write(lambda connection: _release(connection, ids))


def _over(connection: Connection, moment: datetime) -> list[str]:
    unheld = EVENTS.c.id.not_in(select(WAITING.c.event_id))
    come = WAITING.c.follows.in_(select(EVENTS.c.id).where(EVENTS.c.id == WAITING.c.follows, unheld))
    over = select(WAITING.c.event_id).where(or_(come, WAITING.c.received < moment - WAITS))
    return list(connection.scalars(over.order_by(WAITING.c.received).limit(AT_ONCE)))


def _release(connection: Connection, ids: list[str]) -> None:
    events = _released(connection, WAITING.c.event_id, ids)
    tell_in_order(connection, _turn(connection, events, {event.follows for event in events if event.follows}))


SERVICES = (Service("waiting events", EVERY, release),)
