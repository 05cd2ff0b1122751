"""Services: what the server does by itself from time to time, in one of the processes that have the database open."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from sqlalchemy import Column, Connection, Table, delete, insert, select, update

from gateway.embedded.database import Database
from gateway.embedded.moments import now
from gateway.embedded.tables import METADATA
from gateway.embedded.tables.types import STRING, Timestamp

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at what is due."""

LEASE = timedelta(seconds=30)
"""How long the process that works has the work for itself: one that dies is followed by another after that time."""

LEASES = Table(
    "services",
    METADATA,
    Column("name", STRING, primary_key=True),
    Column("holder", STRING, nullable=False),
    Column("expires", Timestamp, nullable=False),
)
NAME = "services"


@dataclass(frozen=True)
class Service:
    """Something to do every so many seconds. It may be done twice at once where a process was slow, and does no harm then."""

    name: str
    every: float
    run: Callable[[Database], Awaitable[None]]


@asynccontextmanager
async def working(database: Database, services: Sequence[Service]) -> AsyncIterator[None]:
    """Let services work over an open database, in this process or in another; at the end none of them does any more."""
    if not services:
        yield
        return
    holder = str(uuid.uuid4())
    task = asyncio.create_task(_work(database, services, holder), name="services")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await database.write(lambda connection: _release(connection, holder))


async def _work(database: Database, services: Sequence[Service], holder: str) -> None:
    due = dict.fromkeys(services, monotonic())
    while True:
        waiting = [service for service in services if due[service] <= monotonic()]
        if waiting and await _attempt("lease", _is_ours(database, holder)):
            for service in waiting:
                due[service] = monotonic() + service.every
                await _attempt(service.name, service.run(database))
        await asyncio.sleep(TICK)


async def _attempt(name: str, doing: Awaitable[bool | None]) -> bool | None:
    try:
        return await doing
    except Exception:
        log.exception("The service %s failed; it is tried again.", name)
        return None


async def _is_ours(database: Database, holder: str) -> bool:
    moment = now()
    lease = select(LEASES.c.holder, LEASES.c.expires).where(LEASES.c.name == NAME)
    there = await database.read(lambda connection: connection.execute(lease).first())
    if there and there.expires > moment + LEASE / 2:
        return bool(there.holder == holder)
    return await database.write(lambda connection: take(connection, holder))


def take(connection: Connection, holder: str) -> bool:
    """Take the work, or keep it, for the time of a lease; tell whether nobody else has it."""
    moment = now()
    there = connection.execute(select(LEASES).where(LEASES.c.name == NAME).with_for_update()).first()
    lease = {"holder": holder, "expires": moment + LEASE}
    if there is None:
        connection.execute(insert(LEASES).values(name=NAME, **lease))
    elif there.holder != holder and there.expires > moment:
        return False
    else:
        connection.execute(update(LEASES).where(LEASES.c.name == NAME).values(lease))
    return True


def _release(connection: Connection, holder: str) -> None:
    connection.execute(delete(LEASES).where(LEASES.c.name == NAME, LEASES.c.holder == holder))
