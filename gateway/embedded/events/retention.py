"""Retention: events that are older than they are kept for are deleted, a few at once, so that no write waits for long."""

from datetime import datetime, timedelta
from functools import partial

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, delete, select

from gateway.embedded.database import Database
from gateway.embedded.events.journal import involved
from gateway.embedded.events.tables import EVENTS, INVOLVED
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.prepared import Prepared
from gateway.embedded.services import Service

EVERY = 10.0

AT_ONCE = 200
"""Events that are deleted in one transaction."""

TRANSACTIONS = 20
"""Transactions in one go: after them other services have their turn."""

REMOVE = Prepared(delete(INVOLVED).where(*(column == bindparam(column.name) for column in INVOLVED.primary_key)))


def forgetting(kept: timedelta) -> Service:
    """Return the service that keeps events for so long."""
    return Service("old events", EVERY, partial(forget, kept=kept))


async def forget(database: Database, kept: timedelta) -> None:
    """Delete events that occurred longer ago than they are kept for."""
    before = now() - kept
    oldest = select(EVENTS.c.occurred).order_by(EVENTS.c.occurred).limit(1)
    for _ in range(TRANSACTIONS):
        first = await database.read(lambda connection: connection.scalar(oldest))
        if first is None or first >= before:
            return
        await database.write(partial(_forget, before=before))


def _forget(connection: Connection, before: datetime) -> None:
    columns = (EVENTS.c.id, EVENTS.c.occurred, EVENTS.c.resource, EVENTS.c.related)
    old = select(*columns).where(EVENTS.c.occurred < before).order_by(EVENTS.c.occurred, EVENTS.c.id).limit(AT_ONCE)
    rows = connection.execute(old).all()
    if not rows:
        return
    found = [each for id_, at, *told in rows for each in involved(id_, at, *(from_json(text) for text in told))]
    REMOVE.run(connection, *found)
    connection.execute(delete(EVENTS).where(member(EVENTS.c.id, [row.id for row in rows])))
