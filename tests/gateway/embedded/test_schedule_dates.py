"""The dates of schedules are those of Prefect's own classes, through changes of clocks too.

Two of its faults are not followed. On Python 3.11 an hourly interval leaves out the second of two hours of the same name
(its documentation promises every hour, and so it is on 3.13), and a rule's time that the clocks leave out is an hour
too early.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from gateway.embedded.schedules.dates import dates

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
# The night in which clocks go forward in Europe, and that in which they go back.
SPRING = [datetime(2026, 3, 27, 22, 15, 7, 5, UTC), datetime(2026, 3, 29, 0, 30, tzinfo=UTC)]
AUTUMN = [datetime(2026, 10, 24, 23, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
WINTER = [datetime(2026, 11, 27, 12, 0, tzinfo=UTC)]
CRONS = ("* * * * *", "0 0 * * *", "30 2 * * *", "*/15 1-3 * * *", "0 12 1 * MON", "0 0 29 2 *")
INTERVALS = (timedelta(seconds=90), timedelta(hours=1), timedelta(days=1), timedelta(weeks=2))
HOUR = timedelta(hours=1)
RULES = (
    "FREQ=DAILY",
    "FREQ=MINUTELY;INTERVAL=7",
    "FREQ=WEEKLY;BYDAY=MO,FR",
    "FREQ=HOURLY;BYHOUR=2",
    "FREQ=DAILY;COUNT=3",
)
END = timedelta(days=400)


def same(ours: dict[str, Any], theirs: Any, start: datetime) -> None:
    expected = list(theirs._get_dates_generator(n=20, start=start, end=start + END))
    found = list(islice(dates(ours, start, start + END), 20))
    assert [told(date) for date in found] == [told(date) for date in expected]


def told(date: datetime) -> tuple[str, datetime]:
    """Return what a run's idempotency key says, and the moment: of one that comes twice Python says that none is equal."""
    return str(date), date.astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", CRONS)
def test_cron(cron: str, zone: str) -> None:
    for start in SPRING + AUTUMN + WINTER:
        same({"cron": cron, "timezone": zone}, CronSchedule(cron=cron, timezone=zone), start)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("interval", INTERVALS, ids=str)
def test_interval(interval: timedelta, zone: str) -> None:
    anchor = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)
    ours = {"interval": interval.total_seconds(), "anchor_date": anchor.isoformat(), "timezone": zone}
    for start in SPRING + (AUTUMN if interval > HOUR else []) + WINTER:
        same(ours, IntervalSchedule(interval=interval, anchor_date=anchor, timezone=zone), start)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rule", RULES)
def test_rrule(rule: str, zone: str) -> None:
    text = f"DTSTART:20260320T013000\nRRULE:{rule}"
    for start in AUTUMN + WINTER:
        same({"rrule": text, "timezone": zone}, RRuleSchedule(rrule=text, timezone=zone), start)


def test_an_hourly_interval_is_exact_when_clocks_go_back() -> None:
    hourly = {"interval": 3600, "anchor_date": "2026-01-01T00:30:00Z", "timezone": "Europe/Berlin"}
    found = [date.astimezone(UTC) for date in islice(dates(hourly, AUTUMN[0], AUTUMN[0] + END), 5)]
    assert found == [datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + HOUR * number for number in range(5)]


def test_a_time_that_is_left_out_is_later() -> None:
    rule = {"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "timezone": "Europe/Berlin"}
    found = [str(date) for date in islice(dates(rule, SPRING[0], SPRING[0] + END), 3)]
    assert found == ["2026-03-28 02:30:00+01:00", "2026-03-29 03:30:00+02:00", "2026-03-30 02:30:00+02:00"]


def test_a_rule_without_a_start_and_with_an_end_in_utc() -> None:
    rule = {"rrule": "FREQ=DAILY;UNTIL=20260329T000000Z", "timezone": "Europe/Berlin"}
    found = list(dates(rule, SPRING[0], SPRING[0] + END))
    assert [str(date) for date in found] == ["2026-03-28 00:00:00+01:00", "2026-03-29 00:00:00+01:00"]


def test_a_rule_of_seconds_is_found_at_once() -> None:
    start = datetime(2036, 1, 1, tzinfo=UTC)
    found = next(dates({"rrule": "FREQ=SECONDLY;INTERVAL=7", "timezone": "UTC"}, start, start + END))
    assert timedelta() <= found - start < timedelta(seconds=7)
