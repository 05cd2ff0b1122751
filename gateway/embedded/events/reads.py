"""Reads of events: pages, the tokens that lead from one to the next, and counts."""

import base64
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from sqlalchemy import ColumnElement, Connection, Select, cast, func, literal, select
from sqlalchemy.types import BigInteger, Text

from gateway.embedded.events.filters import conditions, name_of, span
from gateway.embedded.events.tables import EVENTS
from gateway.embedded.prepared import values_of
from gateway.embedded.shapes import Row, shape_of
from gateway.embedded.tables.types import EPOCH, MICROSECOND
from schema.events import EventCountable, EventFilter, EventOccurredFilter, EventOrder, EventQuery, EventTimeUnit

PAGE = 50
"""Events in one page, at most and by default."""

MOST_INTERVALS = 1_000

START = datetime(2024, 4, 1, tzinfo=UTC)
"""Where Prefect's count of intervals begins."""

UNITS = {
    EventTimeUnit.WEEK: timedelta(weeks=1),
    EventTimeUnit.DAY: timedelta(days=1),
    EventTimeUnit.HOUR: timedelta(hours=1),
    EventTimeUnit.MINUTE: timedelta(minutes=1),
    EventTimeUnit.SECOND: timedelta(seconds=1),
}

SHAPE = shape_of(EVENTS)


class Token(BaseModel):
    """What a page token says: which events, how many there are, and where the page starts."""

    filter: EventQuery
    count: int
    page_size: int
    offset: int

    def __str__(self) -> str:
        return base64.b64encode(base64.b64encode(self.model_dump_json(exclude_unset=True).encode())).decode()


def read_token(text: str) -> Token:
    """Read a page token; a 403 for what is none."""
    try:
        return Token.model_validate_json(base64.b64decode(base64.b64decode(text)))
    except (ValueError, ValidationError):
        raise HTTPException(403) from None


def first_page(filter_: EventQuery, limit: int) -> Callable[[Connection], tuple[list[Row], int, Token | None]]:
    """Make the read of the first page: rows, how many there are in all, and the next page's token."""
    since, until = span(filter_)
    fixed = filter_.model_copy(
        update={"occurred": EventOccurredFilter(since=since, until=until), "order": filter_.order}
    )

    def read(connection: Connection) -> tuple[list[Row], int, Token | None]:
        total = connection.scalar(_count(fixed)) or 0
        return page(Token(filter=fixed, count=total, page_size=limit, offset=0))(connection)

    return read


def page(token: Token) -> Callable[[Connection], tuple[list[Row], int, Token | None]]:
    """Make the read of the page of a token, as `first_page` does."""
    end = token.offset + token.page_size
    following = token.model_copy(update={"offset": end}) if end < token.count else None
    statement = chosen(token.filter).limit(token.page_size).offset(token.offset)
    return lambda connection: (rows(connection, statement), token.count, following)


def rows(connection: Connection, statement: Select[Any]) -> list[Row]:
    """Return events as REST shows them."""
    found = SHAPE(values_of(connection, statement), 0)
    for row in found:
        del row["resource_id"]
    return found


def chosen(filter_: EventQuery) -> Select[Any]:
    """Select the events of a filter in its order, closed by the id."""
    keys = (EVENTS.c.occurred, EVENTS.c.id)
    order = [key.asc() if filter_.order is EventOrder.ASC else key.desc() for key in keys]
    events = select(EVENTS).where(*_all(filter_)).order_by(*order)
    if not _one_each(filter_):
        return events
    place = func.row_number().over(partition_by=EVENTS.c.resource_id, order_by=order)
    placed = select(EVENTS.c.id, place.label("place")).where(*_all(filter_)).subquery()
    firsts = select(placed.c.id).where(placed.c.place == 1)
    return select(EVENTS).where(EVENTS.c.id.in_(firsts)).order_by(*order)


def _count(filter_: EventFilter) -> Select[Any]:
    number = func.count(EVENTS.c.resource_id.distinct()) if _one_each(filter_) else func.count()
    return select(number).select_from(EVENTS).where(*_all(filter_))


def _one_each(filter_: EventFilter) -> bool:
    return bool(filter_.resource and filter_.resource.distinct)


def _all(filter_: EventFilter) -> list[ColumnElement[bool]]:
    since, until = span(filter_)
    return [EVENTS.c.occurred >= since, EVENTS.c.occurred <= until, *conditions(filter_)]


def counts(
    filter_: EventFilter, by: EventCountable, unit: EventTimeUnit, interval: float
) -> Callable[[Connection], list[Row]]:
    """Make the read that counts events by what they have in common; a 422 for too many intervals."""
    since, until = span(filter_)
    step = UNITS[unit] * interval
    number = math.ceil((until - since) / step)
    if number > MOST_INTERVALS:
        raise HTTPException(
            422,
            f"The given interval would create {number} buckets, which is too many. Please increase the interval or "
            f"reduce the time range to produce {MOST_INTERVALS} buckets or fewer.",
        )
    if by in (EventCountable.DAY, EventCountable.TIME):
        intervals = list(_intervals(since, until, unit, step))
        # As in Prefect: what is counted by day is so whatever the interval, which is told nevertheless.
        counted = UNITS[EventTimeUnit.DAY] if by is EventCountable.DAY else step
        return lambda connection: _in_intervals(connection, filter_, counted, [(*each, step) for each in intervals])
    return lambda connection: _alike(connection, filter_, by)


def _intervals(
    since: datetime, until: datetime, unit: EventTimeUnit, step: timedelta
) -> Iterator[tuple[int, datetime]]:
    """Yield the number of each interval, from the one that holds `since` on, and its start."""
    end = min(until, _end_of(datetime.now(UTC), unit))
    number = (since - START) // step
    while START + step * number < end:
        yield number, START + step * number
        number += 1


def _end_of(moment: datetime, unit: EventTimeUnit) -> datetime:
    """Return the end of the week, day, hour, minute or second that a moment is in."""
    whole = UNITS[unit]
    return START + whole * ((moment - START) // whole + 1) - MICROSECOND


def _in_intervals(
    connection: Connection, filter_: EventFilter, step: timedelta, intervals: list[tuple[int, datetime, timedelta]]
) -> list[Row]:
    length = step // MICROSECOND
    # Counted from before the epoch on, where integer division is floor.
    before = (START - EPOCH) // step + 1
    origin = (START - EPOCH) // MICROSECOND - before * length
    since_origin = cast(EVENTS.c.occurred, BigInteger) - literal(origin, BigInteger)
    place = (since_origin // literal(length, BigInteger)).label("place")
    counted = connection.execute(select(place, func.count()).where(*_all(filter_)).group_by(place))
    found = {number - before: count for number, count in counted}
    return [
        {
            "value": str(index),
            "label": start.isoformat(),
            "count": found.get(number, 0),
            "start_time": start,
            "end_time": start + told - MICROSECOND,
        }
        for index, (number, start, told) in enumerate(intervals)
    ]


def _alike(connection: Connection, filter_: EventFilter, by: EventCountable) -> list[Row]:
    """Count events of one name or about one resource, which is called as in its latest event."""
    value = EVENTS.c.event if by is EventCountable.EVENT else EVENTS.c.resource_id
    name = value if by is EventCountable.EVENT else cast(name_of(EVENTS.c.resource), Text)
    oldest, latest = func.min(EVENTS.c.occurred), func.max(EVENTS.c.occurred)
    statement = select(value, name, func.count(), oldest, latest).where(*_all(filter_)).group_by(value, name)
    found: dict[str, Row] = {}
    for key, label, number, first, last in sorted(connection.execute(statement), key=lambda each: each[4]):
        known = found.setdefault(key, {"value": key, "count": 0, "start_time": first})
        known |= {
            "label": label,
            "count": known["count"] + number,
            "start_time": min(known["start_time"], first),
            "end_time": last,
        }
    return sorted(found.values(), key=lambda row: (-row["count"], row["label"]))
