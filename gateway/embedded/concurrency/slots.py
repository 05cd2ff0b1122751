"""Slots of global concurrency limits: taken all or none, given back, denied, and freed by time."""

import math
import random
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete

from gateway.embedded import stored
from gateway.embedded.events import Change, emit, lifecycle
from gateway.embedded.moments import now
from gateway.embedded.shapes import Row
from gateway.embedded.tables import CONCURRENCY_LIMITS

LIMITS = CONCURRENCY_LIMITS

TAG = "tag:"
"""Begins the names of the limits that hold for task runs with a tag."""

OCCUPANCY = 2.0
"""Seconds that a slot is taken to be occupied before anybody told."""

TOLD = ("name", "limit", "active", "slot_decay_per_second")
"""What others hear of a limit."""

SHORTEST_OCCUPANCY = 0.1
LONGEST_WAIT = 30
"""Seconds that a client waits at most for a slot that somebody must give back, as by default in Prefect."""

SAMPLES = 2
"""Occupancies of each slot that make the average."""


def read_limits(connection: Connection, *conditions: ColumnElement[bool], lock: bool = True) -> list[Row]:
    """Read limits by name, by default to change them: who locks several does so in the same order."""
    return stored.find_all(connection, LIMITS, *conditions, order=LIMITS.c.name, lock=lock)


def deadlock(limit: Row) -> str:
    """Tell that a tag's limit of zero would never let a task run begin."""
    tag = limit["name"].removeprefix(TAG)
    return f'The concurrency limit on tag "{tag}" is 0 and will deadlock if the task tries to run again.'


def add_limit(connection: Connection, **values: Any) -> Row:
    """Insert a limit; return its row."""
    blank = {
        "active_slots": 0,
        "denied_slots": 0,
        "slot_decay_per_second": 0.0,
        "avg_slot_occupancy_seconds": OCCUPANCY,
    }
    row = stored.new_row(LIMITS, **{**blank, **values})
    stored.add(connection, LIMITS, row)
    return row


def tell(connection: Connection, change: Change, limit: Row) -> None:
    """Let others hear of what became of a limit."""
    emit(connection, lifecycle("concurrency-limit", change, limit, *TOLD))


def remove_limit(connection: Connection, id_: str) -> None:
    """Delete a limit."""
    connection.execute(delete(LIMITS).where(LIMITS.c.id == id_))


def _elapsed(limit: Row, at: datetime) -> float:
    seconds: float = (at - limit["updated"]).total_seconds()
    return max(seconds, 0.0)


def taken(limit: Row, at: datetime) -> int:
    """Return how many slots are taken at a moment; with a decay, some became free since the limit was changed."""
    decayed = math.floor((limit["slot_decay_per_second"] or 0) * _elapsed(limit, at))
    return max(0, (limit["active_slots"] or 0) - decayed)


def _wait(limit: Row) -> float:
    """Return the seconds until a slot becomes free, on average."""
    if decay := limit["slot_decay_per_second"]:
        return 1 / float(decay)
    average = limit["avg_slot_occupancy_seconds"]
    return float(min(max(OCCUPANCY if average is None else average, SHORTEST_OCCUPANCY), LONGEST_WAIT))


def _denied(limit: Row, at: datetime) -> int:
    """Return how many slots were asked for in vain not long before a moment."""
    return max(0, (limit["denied_slots"] or 0) - math.floor(_elapsed(limit, at) / _wait(limit)))


def take(connection: Connection, limits: list[Row], slots: int) -> bool:
    """Take slots of all limits that are in force, which were read to be changed, or of none; tell which."""
    at = now()
    active = [limit for limit in limits if limit["active"]]
    if any(taken(limit, at) + slots > limit["limit"] for limit in active):
        return False
    for limit in active:
        changes = {"active_slots": taken(limit, at) + slots, "denied_slots": _denied(limit, at)}
        stored.change(connection, LIMITS, limit["id"], changes)
    return True


def give_back(connection: Connection, limits: list[Row], slots: int, seconds: float | None = None) -> None:
    """Give back slots of the limits that are in force, which were occupied for some seconds."""
    at = now()
    for limit in limits:
        if limit["active"]:
            changes = {"active_slots": max(0, taken(limit, at) - slots), "denied_slots": _denied(limit, at)}
            average = {"avg_slot_occupancy_seconds": _average(limit, seconds / slots)} if seconds else {}
            stored.change(connection, LIMITS, limit["id"], changes | average)


def _average(limit: Row, seconds: float) -> float:
    """Return the average occupancy with one more."""
    average, samples = limit["avg_slot_occupancy_seconds"], (limit["limit"] or 1) * SAMPLES
    before = OCCUPANCY if average is None else average
    return float(before + (max(seconds, SHORTEST_OCCUPANCY) - before) / samples)


def deny(connection: Connection, limits: list[Row], slots: int) -> float:
    """Note that slots were asked for in vain; return the seconds after which to ask again, not the same for all."""
    at = now()
    active = [limit for limit in limits if limit["active"]]
    wanted = {limit["id"]: _denied(limit, at) + slots for limit in active}
    for limit in active:
        stored.change(connection, LIMITS, limit["id"], {"denied_slots": wanted[limit["id"]]})
    longest = max(_interval(limit, wanted[limit["id"]]) for limit in active)
    return longest * random.uniform(0.75, 1.3)  # noqa: S311  nothing secret about it


def _interval(limit: Row, wanted: int) -> float:
    slots: int = limit["limit"]
    if limit["slot_decay_per_second"]:
        return _wait(limit) * wanted
    return min(_wait(limit) * wanted / slots, LONGEST_WAIT)
