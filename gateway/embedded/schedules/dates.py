"""When schedules are due: the dates of intervals, cron strings and recurrence rules, from a time on.

A schedule follows the clocks of its time zone. Days are those of the calendar, so that a daily run keeps its hour when
the clocks change, while hours and less are exact. A time that the clocks leave out is as much later as they jump, and of
one that comes twice the first is meant.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from dateutil.rrule import HOURLY, MINUTELY, SECONDLY, rrule, rruleset, rrulestr

MOST = 1_000
"""Dates that are looked at."""

JUMP = timedelta(hours=3)
"""More than clocks are ever changed by."""

DAY = timedelta(days=1)

UNITS = {HOURLY: timedelta(hours=1), MINUTELY: timedelta(minutes=1), SECONDLY: timedelta(seconds=1)}

FIRST = datetime(2020, 1, 1)  # noqa: DTZ001 (a time of the schedule's zone)
"""When a rule begins that does not say so."""

UNTIL = re.compile(r"(UNTIL=\d{8}T\d{6})Z")
"""The end of a rule in UTC, which is read as a time of the schedule's zone as all its times are."""


def dates(schedule: dict[str, Any], start: datetime, end: datetime) -> Iterator[datetime]:
    """Return when a schedule, as REST shows it, is due between two times, in its own time zone, in order."""
    zone = ZoneInfo(schedule.get("timezone") or "UTC")
    kind = next(kind for name, kind in KINDS.items() if schedule.get(name) is not None)
    last = None
    for date in islice(kind(schedule, start, zone), MOST):
        if date > end:
            return
        if date >= start and (last is None or date > last):
            last = date
            yield date.astimezone(zone)


def _interval(schedule: dict[str, Any], start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    interval = timedelta(seconds=schedule["interval"])
    anchor = datetime.fromisoformat(schedule["anchor_date"]).astimezone(zone)
    days = DAY * interval.days
    rest = interval - days
    first = (start - anchor) // interval - 1
    for number in count(first):
        yield (anchor + days * number).astimezone(UTC) + rest * number


def _cron(schedule: dict[str, Any], start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    local = start.astimezone(zone)
    changing = (local - JUMP).utcoffset() != (local + JUMP).utcoffset()
    begin = local.replace(tzinfo=None) - (JUMP if changing else timedelta(seconds=1))
    due = croniter(schedule["cron"], begin, day_or=schedule.get("day_or") is not False)
    moments = (due.get_next(datetime).replace(tzinfo=zone).astimezone(UTC) for _ in count())
    return (moment for moment in moments if moment >= start)


def _rrule(schedule: dict[str, Any], start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    rule = rrulestr(UNTIL.sub(r"\1", schedule["rrule"]), dtstart=FIRST, cache=True)
    if isinstance(rule, rrule):
        rule = _begun(rule, start.astimezone(zone).replace(tzinfo=None))
    return (date.astimezone(UTC) for date in _localized(rule, zone).xafter(start, inc=True))


def _begun(rule: Any, start: datetime) -> Any:
    """Let a rule of hours or less begin shortly before a time: it walks through all of its dates."""
    unit = UNITS.get(rule._freq)  # noqa: SLF001 (dateutil tells it nowhere else)
    begin = rule._dtstart  # noqa: SLF001
    if unit is None or rule._count is not None or begin >= start:  # noqa: SLF001
        return rule
    step = unit * rule._interval  # noqa: SLF001
    return rule.replace(dtstart=begin + step * ((start - begin) // step))


def _localized(rule: Any, zone: ZoneInfo) -> Any:
    """Read the times of a rule as those of a time zone: the text of one has none."""
    if not isinstance(rule, rruleset):
        until = rule._until  # noqa: SLF001
        times = {"dtstart": rule._dtstart.replace(tzinfo=zone)}  # noqa: SLF001
        return rule.replace(**times, **({"until": until.replace(tzinfo=zone)} if until else {}))
    parts: Any = rule
    made = rruleset(cache=True)
    for part in parts._rrule:  # noqa: SLF001
        made.rrule(_localized(part, zone))
    for part in parts._exrule:  # noqa: SLF001
        made.exrule(_localized(part, zone))
    for day in parts._rdate:  # noqa: SLF001
        made.rdate(day.replace(tzinfo=zone))
    for day in parts._exdate:  # noqa: SLF001
        made.exdate(day.replace(tzinfo=zone))
    return made


KINDS = {"interval": _interval, "cron": _cron, "rrule": _rrule}
