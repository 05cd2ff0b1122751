"""Task workers: the processes that run tasks which were deferred."""

from datetime import datetime

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.fields import told
from resolvers.readings import Reading
from schema.types import Input, Part


@strawberry.pydantic.type(description="A task worker: a process that runs tasks which were deferred.")
class TaskWorker(Part):
    identifier: str = Field(description="The worker's name: its host and process.")
    task_keys: list[str] = Field(default_factory=list, description="The tasks that it runs.")
    timestamp: datetime | None = Field(description="When it was last heard of.")


@strawberry.pydantic.input(description="Which task workers.")
class TaskWorkerFilter(Input):
    task_keys: list[str] = Field(description="Those that run at least one of these tasks; all if there are none.")


READS = {
    "task_workers": Reading(
        "POST",
        "/task_workers/filter",
        list[TaskWorker | None] | None,
        "The task workers that are there, all of them: REST has no pages of them.",
        TaskWorker,
        many=True,
        body={"filter": (told(TaskWorkerFilter | None, "Which task workers."), UNSET, "task_worker_filter")},
    )
}
