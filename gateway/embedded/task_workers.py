"""Task workers, which the server knows while it runs: who runs which tasks, and when it was last heard of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response

from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.reads import JSON
from gateway.embedded.rows import dump
from schema.task_workers import TaskWorker, TaskWorkerFilter

router = Router(prefix="/task_workers", tags=["task_workers"])


@dataclass
class _Known:
    task_keys: set[str]
    heard: datetime


class TaskWorkers:
    """The task workers of one app, by their identifiers."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def observe(self, identifier: str, task_keys: list[str]) -> None:
        """Note that a worker is there and runs these tasks, too."""
        known = self._known.setdefault(identifier, _Known(set(), now()))
        known.task_keys |= {*task_keys}
        known.heard = now()

    def forget(self, identifier: str) -> None:
        """Note that a worker is gone."""
        self._known.pop(identifier, None)

    def find(self, task_keys: list[str]) -> list[dict[str, Any]]:
        """Return the workers that run at least one of these tasks, all if there are none, as REST shows them."""
        return [
            {"identifier": identifier, "task_keys": sorted(known.task_keys), "timestamp": known.heard}
            for identifier, known in self._known.items()
            if not task_keys or known.task_keys & {*task_keys}
        ]


def task_workers_of(app: FastAPI) -> TaskWorkers:
    """Return the task workers that an app knows."""
    known: TaskWorkers = getattr(app.state, "task_workers", None) or TaskWorkers()
    app.state.task_workers = known
    return known


@router.post("/filter", response_model=list[TaskWorker])
async def read_task_workers(
    request: Request,
    task_worker_filter: Annotated[
        TaskWorkerFilter | None, Body(embed=True, description="Which task workers; all by default.")
    ] = None,
) -> Response:
    """Read the task workers that are there."""
    keys = task_worker_filter.task_keys if task_worker_filter else []
    return JSON(dump(task_workers_of(request.app).find(keys)))
