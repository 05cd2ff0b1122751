"""Logs of flow runs and task runs."""

from datetime import datetime
from enum import Enum

import strawberry
from pydantic import Field

from resolvers.actions import Action, Done, given_input
from resolvers.collection import Collection
from resolvers.fields import belongs_to
from schema.operators import AnyIdFilter, AnyIdOrNullFilter, Operator, RangeFilter, TextFilter, TimeFilter, combined
from schema.scalars import Id
from schema.types import Detached, Input, absent, choice, resource


@resource("A line that a flow run or a task run logged.", resolvable=False)
class Log(Detached):
    name: str = Field(description="The logger's name.")
    level: int | None = Field(description="The level as a number: 20 is INFO, 40 is ERROR.")
    message: str | None = Field(description="The text.")
    timestamp: datetime | None = Field(description="When it was logged.")
    flow_run_id: Id | None = absent("The flow run that logged it.")
    task_run_id: Id | None = absent("The task run that logged it.")

    flow_run = belongs_to("schema.flow_runs.FlowRun", key="flow_run_id", description="The flow run that logged it.")
    task_run = belongs_to("schema.task_runs.TaskRun", key="task_run_id", description="The task run that logged it.")


@strawberry.pydantic.input(description="Which logs.")
class LogFilter(Input):
    operator: Operator = combined()
    level: RangeFilter | None = absent("The level as a number.")
    timestamp: TimeFilter | None = absent("When it was logged.")
    flow_run_id: AnyIdFilter | None = absent("The flow run that logged it.")
    task_run_id: AnyIdOrNullFilter | None = absent("The task run that logged it.")
    text: TextFilter | None = absent("Words in the message or the logger's name.")


@strawberry.enum(description="Orders of logs. Both leave the order of equal timestamps open.")
class LogSort(Enum):
    TIMESTAMP_ASC = choice("TIMESTAMP_ASC", "By when it was logged, the earliest first.")
    TIMESTAMP_DESC = choice("TIMESTAMP_DESC", "By when it was logged, the latest first.")


@strawberry.pydantic.input(description="A line to log.")
class LogCreate(Input):
    name: str = Field(description="The logger's name.")
    level: int = Field(description="The level as a number: 20 is INFO, 40 is ERROR.")
    message: str = Field(description="The text.")
    timestamp: datetime = Field(description="When it was logged.")
    flow_run_id: Id | None = absent("The flow run that logged it.")
    task_run_id: Id | None = absent("The task run that logged it.")


async def number(done: Done) -> int:
    """Return how many lines were logged."""
    return len(done.arguments["input"])


ACTIONS = {"create_logs": Action("POST", "/", number, int | None, "Log some lines.", given_input(list[LogCreate]))}
LOGS = Collection(
    "logs", Log, LogFilter, LogSort, LogSort.TIMESTAMP_ASC, bulk=False, item=False, countable=False, actions=ACTIONS
)
