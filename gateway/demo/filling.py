"""The filling of a server with the demo's rows, over its REST API alone."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import stamina

from gateway.demo.catalogue import DEPLOYMENTS, FLOWS, NEVER_RUN, WORK_POOLS, Deployment, Flow
from gateway.demo.plan import FlowRun, Log, State, TaskRun
from gateway.demo.stories import TYPES
from gateway.upstream import Session, Upstream
from resolvers.errors import Conflict, RateLimited, Unavailable, UpstreamTimeout

Row = dict[str, Any]

CONCURRENCY = 16
FEWEST = 2
"""Requests at once: at first, and at least once the server is too busy."""
DEADLINE = 60.0
"""Seconds that one request may take."""

# A busy server refuses; whatever the demo creates may be created again without harm.
_BUSY = (Unavailable, RateLimited, UpstreamTimeout)
_REPEATING = stamina.AsyncRetryingCaller(attempts=8, timeout=None, wait_initial=0.2, wait_max=10.0, wait_jitter=1.0)

_PARAMETERS = {
    "type": "object",
    "properties": {
        "batch_size": {"type": "integer", "title": "batch_size", "default": 500, "position": 0},
        "full": {"type": "boolean", "title": "full", "default": False, "position": 1},
    },
}


async def is_unfilled(upstream: Upstream) -> bool:
    """Tell whether the server has no flows, or only the demo's and not the last of them: a filling was broken off."""
    rows = await _session(upstream).read("POST", "/flows/filter", {"limit": 200})
    return {row["name"] for row in rows} <= {flow.name for flow in FLOWS}


async def fill(upstream: Upstream, runs: tuple[FlowRun, ...], advance: Callable[[], object]) -> None:
    """Create the demo's rows; `advance` is called after each flow run. What is there already stays as it is.

    Raises the `UpstreamError` of the first request that fails, which names it.
    """
    filling = _Filling(upstream, advance)
    await filling.create_surroundings()
    waiting = iter(runs)
    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(CONCURRENCY):
                workers.create_task(filling.create_runs(waiting))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    await filling.create_flow(NEVER_RUN)


class _Filling:
    def __init__(self, upstream: Upstream, advance: Callable[[], object]) -> None:
        self._upstream = upstream
        self._advance = advance
        self._limiter = anyio.CapacityLimiter(CONCURRENCY)
        self._now = datetime.now(UTC)
        self._flows: dict[str, str] = {}
        self._deployments: dict[tuple[str, str], str] = {}

    async def create_surroundings(self) -> None:
        """Create what runs belong to: work pools and queues, flows, deployments."""
        for pool in WORK_POOLS:
            await self._create("/work_pools/", {"name": pool.name, "type": pool.type, "description": pool.description})
            for name, priority in pool.queues:
                await self._create(f"/work_pools/{pool.name}/queues", {"name": name, "priority": priority})
        for flow in FLOWS:
            await self.create_flow(flow)
        for deployment in DEPLOYMENTS:
            row = await self._send("/deployments/", self._deployment(deployment))
            self._deployments[deployment.flow, deployment.name] = row["id"]

    async def create_flow(self, flow: Flow) -> None:
        row = await self._send("/flows/", {"name": flow.name, "tags": flow.tags, "labels": {"demo": True}})
        self._flows[flow.name] = row["id"]

    async def create_runs(self, waiting: Iterator[FlowRun]) -> None:
        """Create the runs that wait, side by side with others who do the same."""
        for run in waiting:
            await self._create_run(run, None)

    async def _create_run(self, run: FlowRun, parent: str | None) -> None:
        """Create a flow run and what belongs to it; its last state comes last, so that a run that has it is whole."""
        row = await self._send("/flow_runs/", self._flow_run(run, parent))
        later = run.states[1:]
        if later and row["state_name"] != later[-1].name:
            for state in later[:-1]:
                await self._set_state("/flow_runs", row["id"], state)
            logs = self._logs(run.logs, "prefect.flow_runs", row["id"])
            for task_run in run.task_runs:
                logs += await self._create_task_run(task_run, row["id"])
            if logs:
                await self._send("/logs/", sorted(logs, key=lambda log: str(log["timestamp"])))
            await self._set_state("/flow_runs", row["id"], later[-1])
        self._advance()

    async def _create_task_run(self, run: TaskRun, flow_run: str) -> list[Row]:
        """Create a task run, or the subflow run that it stands for; return its logs."""
        first, later = run.states[0], run.states[1:]
        body = {key: getattr(run, key) for key in ("name", "task_key", "dynamic_key", "tags")}
        row = await self._send("/task_runs/", body | {"flow_run_id": flow_run, "state": self._state(first)})
        if run.subflow:
            await self._create_run(run.subflow, row["id"])
        elif later and row["state_name"] != later[-1].name:
            for state in later:
                await self._set_state("/task_runs", row["id"], state)
        return self._logs(run.logs, "prefect.task_runs", flow_run, row["id"])

    def _flow_run(self, run: FlowRun, parent: str | None) -> Row:
        body: Row = {"name": run.name, "idempotency_key": run.key, "parameters": run.parameters, "tags": run.tags}
        body |= {
            "flow_id": self._flows[run.flow.name],
            "parent_task_run_id": parent,
            "state": self._state(run.states[0]),
        }
        if deployment := run.deployment:
            body["deployment_id"] = self._deployments[deployment.flow, deployment.name]
            body |= {"work_pool_name": deployment.pool, "work_queue_name": deployment.queue}
        return body

    def _deployment(self, deployment: Deployment) -> Row:
        schedules = [{"schedule": deployment.schedule, "active": deployment.paused}] if deployment.schedule else []
        return {
            "name": deployment.name,
            "flow_id": self._flows[deployment.flow],
            "description": f"Runs {deployment.flow} in the work pool {deployment.pool}.",
            "tags": deployment.tags,
            "paused": deployment.paused,
            "schedules": schedules,
            "concurrency_limit": deployment.concurrency_limit,
            "parameters": deployment.parameters,
            "parameter_openapi_schema": _PARAMETERS,
            "work_pool_name": deployment.pool,
            "work_queue_name": deployment.queue,
            "version": "1.0.0",
            "entrypoint": f"flows/{deployment.flow.replace('-', '_')}.py:main",
        }

    def _state(self, state: State) -> Row:
        body: Row = {"type": TYPES[state.name], "name": state.name, "message": state.message}
        if body["type"] == "SCHEDULED":
            body["state_details"] = {"scheduled_time": self._time(state.at)}
        return body

    def _logs(self, logs: tuple[Log, ...], logger: str, flow_run: str, task_run: str | None = None) -> list[Row]:
        ids = {"flow_run_id": flow_run, "task_run_id": task_run}
        return [
            {"name": logger, "level": log.level, "message": log.message, "timestamp": self._time(log.at), **ids}
            for log in logs
        ]

    def _time(self, at: timedelta) -> str:
        return (self._now + at).isoformat()

    async def _set_state(self, collection: str, id_: str, state: State) -> None:
        await self._send(f"{collection}/{id_}/set_state", {"state": self._state(state), "force": True})

    async def _create(self, path: str, body: Row) -> None:
        """Create what has a name of its own, where there is none of it."""
        with suppress(Conflict):
            await self._send(path, body)

    async def _send(self, path: str, body: Any) -> Any:
        return await _REPEATING.on(_BUSY)(self._try, path, body)

    async def _try(self, path: str, body: Any) -> Any:
        try:
            async with self._limiter:
                return await _session(self._upstream).write("POST", path, body)
        except _BUSY:
            # Prefect on SQLite answers 503 to most of 16 writers, and serves two well.
            self._limiter.total_tokens = max(FEWEST, self._limiter.total_tokens // 2)
            raise


def _session(upstream: Upstream) -> Session:
    deadline = asyncio.get_running_loop().time() + DEADLINE
    return upstream.session(authorization=None, deadline=deadline)
