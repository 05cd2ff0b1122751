"""Histories: how many runs were in which state in each interval of time."""

import math
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.collection import Row, lazy
from resolvers.errors import BadUserInput
from resolvers.fields import told
from resolvers.readings import Reading
from schema.states import StateType
from schema.types import Part

MOST_INTERVALS = 500
"""REST answers no more of them."""

NOTHING: Mapping[str, str] = MappingProxyType({})


@strawberry.pydantic.type(description="Runs in one state in an interval.")
class HistoryState(Part):
    state_type: StateType | None = Field(description="The kind of state.")
    state_name: str | None = Field(description="The state's name.")
    count_runs: int | None = Field(description="How many runs.")
    sum_estimated_run_time: float | None = Field(description="Seconds that they have been running, in all.")
    sum_estimated_lateness: float | None = Field(description="Seconds that they were late, in all.")


@strawberry.pydantic.type(description="Runs in an interval of time, by their expected start.")
class HistoryInterval(Part):
    interval_start: datetime | None = Field(description="When the interval begins.")
    interval_end: datetime | None = Field(description="When the interval ends.")
    states: list[HistoryState] = Field(default_factory=list, description="The runs by state.")


def check(arguments: Row) -> None:
    """Refuse what REST refuses, and what it would cut off unsaid: more intervals than it answers."""
    start, end, seconds = (arguments[f"history_{name}"] for name in ("start", "end", "interval_seconds"))
    if seconds < 1:
        msg = f"`historyIntervalSeconds` is {seconds:g}: an interval lasts at least a second."
        raise BadUserInput(msg)
    intervals = math.ceil((end - start).total_seconds() / seconds)
    if intervals > MOST_INTERVALS:
        msg = f"`historyIntervalSeconds` is {seconds:g}, which makes {intervals} intervals from `historyStart` to `historyEnd`, more than {MOST_INTERVALS}: ask for longer ones."
        raise BadUserInput(msg)


def history(filters: str, renamed: Mapping[str, str] = NOTHING) -> Reading:
    """Declare POST /{runs}/history, at most 500 intervals of at least a second, with the composite filter at a path.

    `renamed` maps the names of groups in the filter to those that this route has instead.
    """
    return Reading(
        "POST",
        "/history",
        list[HistoryInterval | None] | None,
        "Rows counted by state in intervals of time, at most 500 intervals.",
        HistoryInterval,
        many=True,
        body={
            "history_start": (told(datetime, "When the first interval begins."), ..., "history_start"),
            "history_end": (told(datetime, "When the last interval ends."), ..., "history_end"),
            "history_interval_seconds": (told(float, "Seconds in an interval."), ..., "history_interval_seconds"),
            "filter": (told(lazy(filters) | None, "Which rows."), UNSET, "*"),
        },
        renamed=renamed,
        valid=check,
    )
