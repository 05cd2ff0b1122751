"""Histories of runs: counts, run time and lateness by state, in buckets of equal length."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, func, literal, select, type_coerce

from gateway.embedded.expressions import estimated_lateness, estimated_run_time, greatest
from gateway.embedded.reading.queries import Groups, conditions
from gateway.embedded.shapes import TERMINAL
from gateway.embedded.tables import TABLES
from gateway.embedded.tables.types import EPOCH, MICROSECOND, microseconds

MOST_BUCKETS = 500


def read_history(
    connection: Connection,
    runs: str,
    groups: Groups,
    start: datetime,
    end: datetime,
    interval: timedelta,
    now: datetime,
) -> list[dict[str, Any]]:
    """Count the runs that were expected in each interval between two times, at most 500 of them, by state.

    `runs` is flow_runs or task_runs; sums are in seconds (POST /flow_runs/history, POST /task_runs/history).
    """
    first, step = microseconds(start), interval // MICROSECOND
    buckets = min(-((first - microseconds(end)) // step), MOST_BUCKETS)
    if buckets <= 0:
        return []
    states = defaultdict(list)
    for bucket, *values in connection.execute(
        _totals(runs, groups, first, step, buckets, literal(microseconds(now), BigInteger))
    ):
        states[bucket].append(_state(*values))
    return [
        {
            "interval_start": _moment(first + n * step),
            "interval_end": _moment(first + (n + 1) * step),
            "states": states[n],
        }
        for n in range(buckets)
    ]


def _totals(name: str, groups: Groups, first: int, step: int, buckets: int, now: ColumnElement[int]) -> Select[Any]:
    runs = TABLES[name]
    expected = type_coerce(runs.c.expected_start_time, BigInteger)
    bucket = ((expected - literal(first, BigInteger)) // literal(step, BigInteger)).label("bucket")
    time, late = estimated_run_time(runs, now), estimated_lateness(runs, now, sorted(TERMINAL))
    within = [expected >= literal(first, BigInteger), expected < literal(first + buckets * step, BigInteger)]
    keys = (bucket, runs.c.state_type, runs.c.state_name)
    totals = (func.count(), _positive_sum(time), _positive_sum(late))
    return (
        select(*keys, *totals)
        .where(*within, *conditions(name, groups))
        .group_by(bucket.name, *keys[1:])
        .order_by(*keys)
    )


def _positive_sum(value: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.sum(greatest(value, literal(0, BigInteger))), BigInteger)


def _state(state_type: str | None, name: str | None, count: int, time: int, late: int) -> dict[str, Any]:
    return {
        "state_type": state_type,
        "state_name": name,
        "count_runs": count,
        "sum_estimated_run_time": time / 1_000_000,
        "sum_estimated_lateness": late / 1_000_000,
    }


def _moment(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)
