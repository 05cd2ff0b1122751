"""Histories: how many runs were in which state in each interval of time."""

import math
from datetime import datetime
from typing import Any

import strawberry
from pydantic import Field

from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.errors import BadUserInput
from resolvers.fields import filter_arguments, root, told
from resolvers.roots import Root
from schema.flow_runs import FLOW_RUNS
from schema.states import StateType
from schema.task_runs import TASK_RUNS
from schema.types import Part

MOST_INTERVALS = 500
"""REST answers no more of them."""


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


def check(start: datetime, end: datetime, seconds: float) -> None:
    """Refuse what REST refuses, and what it would cut off unsaid: more intervals than it answers."""
    if seconds < 1:
        msg = f"`historyIntervalSeconds` is {seconds:g}: an interval lasts at least a second."
        raise BadUserInput(msg)
    intervals = math.ceil((end - start).total_seconds() / seconds)
    if intervals > MOST_INTERVALS:
        msg = f"`historyIntervalSeconds` is {seconds:g}, which makes {intervals} intervals from `historyStart` to `historyEnd`, more than {MOST_INTERVALS}: ask for longer ones."
        raise BadUserInput(msg)


def history(collection: Collection, *, groups: dict[str, str]) -> Any:
    """Make the root field of a history: POST /{runs}/history, at most 500 intervals of at least a second.

    `groups` maps the names of groups in a filter to those that this route has instead.
    """

    def asked(arguments: Row) -> Row:
        check(arguments["history_start"], arguments["history_end"], arguments["history_interval_seconds"])
        chosen = collection.body(arguments)
        return {
            "history_start": arguments["history_start"].isoformat(),
            "history_end": arguments["history_end"].isoformat(),
            "history_interval_seconds": arguments["history_interval_seconds"],
            **{groups.get(name, name): group for name, group in chosen.items()},
        }

    async def read(context: Context, body: Row, _types: set[str]) -> list[Any]:
        return await context.rows.read(HistoryInterval, "POST", f"{collection.path}/history", body)

    times = {
        "history_start": (told(datetime, "When the first interval begins."), ...),
        "history_end": (told(datetime, "When the last interval ends."), ...),
        "history_interval_seconds": (told(float, "Seconds in an interval."), ...),
    }
    return root(
        Root(asked, read),
        list[HistoryInterval | None] | None,
        {**times, **filter_arguments(collection)},
        f"Rows of {collection.path} counted by state in intervals of time, at most 500 intervals.",
    )


flow_run_history = history(FLOW_RUNS, groups={"work_pool_queues": "work_queues"})
task_run_history = history(TASK_RUNS, groups={})
