"""Leases: slots of concurrency limits that are held by somebody, until they are given back or a moment has passed."""

import uuid
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Table, delete, exists, insert, select, update

from gateway.embedded.concurrency.slots import LIMITS, give_back, read_limits
from gateway.embedded.database import Database
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.services import Service
from gateway.embedded.shapes import Row
from gateway.embedded.tables import METADATA
from gateway.embedded.tables.types import STRING, Timestamp

LEASES = Table(
    "concurrency_leases",
    METADATA,
    Column("id", STRING, primary_key=True),
    Column("created", Timestamp, nullable=False),
    Column("expires", Timestamp, index=True),
    Column("slots", BigInteger, nullable=False),
    Column("holder_type", STRING),
    Column("holder_id", STRING, index=True),
)
LEASED = Table(
    "concurrency_leased_limits",
    METADATA,
    Column("lease_id", STRING, ForeignKey("concurrency_leases.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "limit_id", STRING, ForeignKey("concurrency_limits_v2.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

AT_ONCE = 100
"""Leases that one transaction ends."""

EVERY = 15.0
"""Seconds between two looks at leases whose moment has passed, as by default in Prefect."""


class Holder(NamedTuple):
    """Who holds a lease."""

    type: str
    id: str


def task_run(id_: str) -> Holder:
    """Name a task run as a holder."""
    return Holder("task_run", id_)


def begin(
    connection: Connection, limits: list[Row], slots: int, seconds: float | None, holder: Holder | None = None
) -> str:
    """Hold slots that were taken, for some seconds or until they are given back; return the lease's id."""
    id_, at = str(uuid.uuid4()), now()
    lease = {"id": id_, "created": at, "expires": seconds and at + timedelta(seconds=seconds), "slots": slots}
    held = {"holder_type": holder and holder.type, "holder_id": holder and holder.id}
    connection.execute(insert(LEASES), lease | held)
    if limits:
        connection.execute(insert(LEASED), [{"lease_id": id_, "limit_id": limit["id"]} for limit in limits])
    return id_


def renew(connection: Connection, id_: str | None, seconds: float | None) -> bool:
    """Let a lease go on for some seconds, or until it is ended; tell whether it is there."""
    expires = seconds and now() + timedelta(seconds=seconds)
    return bool(connection.execute(update(LEASES).where(LEASES.c.id == id_).values(expires=expires)).rowcount)


def end(connection: Connection, id_: str | None, *, told: bool = False) -> None:
    """Give the slots of a lease back, if it is there; `told` if how long they were held is an occupancy like others."""
    lease = connection.execute(select(LEASES).where(LEASES.c.id == id_).with_for_update()).mappings().first()
    if lease is None:
        return
    seconds = (now() - lease["created"]).total_seconds() if told else None
    held = select(LEASED.c.limit_id).where(LEASED.c.lease_id == id_)
    give_back(connection, read_limits(connection, LIMITS.c.id.in_(held)), lease["slots"], seconds)
    connection.execute(delete(LEASES).where(LEASES.c.id == id_))


def held_by(connection: Connection, holder_id: str, limits: list[Row]) -> list[str]:
    """Return the leases by which somebody holds slots of any of some limits."""
    leases = select(LEASES.c.id).join(LEASED, LEASED.c.lease_id == LEASES.c.id).distinct()
    ids = [limit["id"] for limit in limits]
    return list(connection.scalars(leases.where(LEASES.c.holder_id == holder_id, member(LEASED.c.limit_id, ids))))


def holders(connection: Connection, limit_ids: list[str]) -> dict[str, list[str]]:
    """Return the task runs that hold slots of each limit, the first first."""
    holding = (
        select(LEASED.c.limit_id, LEASES.c.holder_id)
        .join(LEASES, LEASED.c.lease_id == LEASES.c.id)
        .where(
            member(LEASED.c.limit_id, limit_ids),
            LEASES.c.holder_type == "task_run",
            LEASES.c.expires.is_(None) | (LEASES.c.expires > now()),
        )
        .order_by(LEASES.c.created, LEASES.c.id)
    )
    found: dict[str, list[str]] = {}
    for limit, holder in connection.execute(holding):
        found.setdefault(limit, []).append(holder)
    return found


def forget(connection: Connection, limit_id: str) -> None:
    """Let leases hold no slots of a limit, without giving these back; what they hold of others stays."""
    of_limit, of_others = LEASED.alias(), LEASED.alias()
    others = exists().where(of_others.c.lease_id == LEASES.c.id, of_others.c.limit_id != limit_id)
    held = select(of_limit.c.lease_id).where(of_limit.c.limit_id == limit_id)
    connection.execute(delete(LEASES).where(LEASES.c.id.in_(held), ~others))
    connection.execute(delete(LEASED).where(LEASED.c.limit_id == limit_id))


def reclaim(connection: Connection) -> int:
    """Give back the slots of leases whose moment has passed, but for those that somebody is ending or renewing.

    Return how many there were, of `AT_ONCE` at most.
    """
    passed = select(LEASES.c.id).where(LEASES.c.expires < now()).order_by(LEASES.c.expires).limit(AT_ONCE)
    ids = list(connection.scalars(passed.with_for_update(skip_locked=True)))
    for id_ in ids:
        end(connection, id_, told=True)
    return len(ids)


async def reclaim_all(database: Database) -> None:
    """Give back the slots of all leases whose moment has passed."""
    passed = select(LEASES.c.id).where(LEASES.c.expires < now()).limit(1)
    if await database.read(lambda connection: connection.scalar(passed)):
        while await database.write(reclaim) == AT_ONCE:
            pass


SERVICES = (Service("expired leases", EVERY, reclaim_all),)
