"""What the embedded server does by itself: runs of schedules, late runs, silent workers; in one process at a time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from gateway.embedded import create_app
from gateway.embedded.runs.cancelled_children import cancel_subflow_runs, cancel_task_runs
from gateway.embedded.runs.overdue import end_cancelling, fail_expired_pauses, mark_late_runs
from gateway.embedded.schedules.scheduler import schedule_all, schedule_changed
from gateway.embedded.services import LEASES, take
from gateway.embedded.tables import TABLES
from gateway.embedded.work.foreman import look_after

Row = dict[str, Any]


class Server:
    """An embedded server whose services are called by hand."""

    def __init__(self, app: Any, client: httpx.AsyncClient) -> None:
        self.database = app.state.database
        self._client = client

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        response = await self._client.request(method, path, json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    async def deployment(self, **values: Any) -> Row:
        flow = await self.send("POST", "/flows/", {"name": "f"})
        row: Row = await self.send("POST", "/deployments/", {"name": "d", "flow_id": flow["id"], **values})
        return row

    async def runs(self) -> list[Row]:
        rows: list[Row] = await self.send("POST", "/flow_runs/filter", {"sort": "EXPECTED_START_TIME_ASC"})
        return rows

    async def set(self, table: str, **values: Any) -> None:
        """Change what only time changes."""
        await self.database.write(
            lambda connection: connection.execute(update(TABLES[table]).values(**values)).rowcount
        )


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    app = create_app(database_url, services=False)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedded") as client,
    ):
        yield Server(app, client)


HOURLY = {"schedule": {"interval": 3600, "anchor_date": "2020-01-01T00:00:00Z"}}
QUARTERLY = {"schedule": {"cron": "*/15 * * * *"}, "slug": "often", "parameters": {"y": 2}}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_schedules_make_runs_ahead_once(server: Server) -> None:
    deployment = await server.deployment(
        schedules=[HOURLY, QUARTERLY], tags=["a"], parameters={"x": 1}, enforce_parameter_schema=False
    )
    await schedule_all(server.database)
    runs = await server.runs()
    of = {
        slug: [run for run in runs if run["created_by"]["display_value"] == slug]
        for slug in ("often", "IntervalSchedule")
    }
    assert len(of["IntervalSchedule"]) == 3  # at least three runs
    assert len(of["often"]) in {4, 5}  # at least an hour
    assert {run["state_name"] for run in runs} == {"Scheduled"}
    assert {tuple(run["tags"]) for run in runs} == {("auto-scheduled", "a")}
    assert {run["created_by"]["type"] for run in runs} == {"SCHEDULE"}
    assert of["often"][0]["parameters"] == {"x": 1, "y": 2}
    assert {run["deployment_id"] for run in runs} == {deployment["id"]}
    await schedule_all(server.database)
    await schedule_changed(server.database)
    assert await server.runs() == runs


async def test_a_paused_deployment_makes_no_runs(server: Server) -> None:
    deployment = await server.deployment(schedules=[HOURLY], paused=True)
    await schedule_all(server.database)
    await schedule_changed(server.database)
    assert await server.runs() == []
    await server.send("POST", f"/deployments/{deployment['id']}/resume_deployment")
    await schedule_changed(server.database)
    assert len(await server.runs()) == 3
    await server.send("POST", f"/deployments/{deployment['id']}/pause_deployment")
    assert await server.runs() == []


async def test_runs_follow_a_schedule_that_changes(server: Server) -> None:
    deployment = await server.deployment(schedules=[HOURLY])
    await schedule_all(server.database)
    (schedule,) = deployment["schedules"]
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    await server.send("PATCH", path, {"schedule": {"cron": "30 12 * * *"}})
    assert await server.runs() == []
    await schedule_all(server.database)
    assert {run["expected_start_time"][11:16] for run in await server.runs()} == {"12:30"}
    await server.send("DELETE", path)
    await schedule_all(server.database)
    assert await server.runs() == []


async def test_runs_that_do_not_start_are_late(server: Server) -> None:
    flow = await server.send("POST", "/flows/", {"name": "f"})
    now = datetime.now(UTC)
    for name, seconds in (("late", 20), ("due", 0), ("to come", -20)):
        details = {"scheduled_time": (now - timedelta(seconds=seconds)).isoformat()}
        state = {"type": "SCHEDULED", "state_details": details}
        await server.send("POST", "/flow_runs/", {"flow_id": flow["id"], "name": name, "state": state})
    await mark_late_runs(server.database)
    runs = {run["name"]: run for run in await server.runs()}
    assert {name: run["state_name"] for name, run in runs.items()} == {
        "late": "Late",
        "due": "Scheduled",
        "to come": "Scheduled",
    }
    assert runs["late"]["state"]["state_details"]["scheduled_time"] == runs["late"]["next_scheduled_start_time"]


async def test_a_pause_that_ran_out_fails(server: Server) -> None:
    flow = await server.send("POST", "/flows/", {"name": "f"})
    for timeout in ("2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"):
        run = await server.send(
            "POST", "/flow_runs/", {"flow_id": flow["id"], "name": timeout, "state": {"type": "RUNNING"}}
        )
        state = {"type": "PAUSED", "state_details": {"pause_timeout": timeout}}
        await server.send("POST", f"/flow_runs/{run['id']}/set_state", {"state": state})
    await fail_expired_pauses(server.database)
    assert {run["name"][:4]: run["state_type"] for run in await server.runs()} == {"2020": "FAILED", "2090": "PAUSED"}


async def test_cancelling_comes_to_an_end(server: Server) -> None:
    flow = await server.send("POST", "/flows/", {"name": "f"})
    run = await server.send("POST", "/flow_runs/", {"flow_id": flow["id"], "state": {"type": "RUNNING"}})
    await server.send("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLING"}})
    await end_cancelling(server.database)
    assert [run["state_type"] for run in await server.runs()] == ["CANCELLING"]
    await server.set("flow_runs", state_timestamp=LONG_AGO)
    await end_cancelling(server.database)
    assert [run["state_type"] for run in await server.runs()] == ["CANCELLED"]


async def test_the_children_of_a_cancelled_run_are_cancelled(server: Server) -> None:
    flow = await server.send("POST", "/flows/", {"name": "f"})
    deployment = await server.deployment()

    async def task_run(flow_run: Row, name: str, state: str = "RUNNING") -> Row:
        body = {"flow_run_id": flow_run["id"], "name": name, "task_key": name, "dynamic_key": "0"}
        row: Row = await server.send("POST", "/task_runs/", {**body, "state": {"type": state}})
        return row

    async def flow_run(name: str, within: Row | None = None, **values: Any) -> Row:
        if within:
            values["parent_task_run_id"] = (await task_run(within, name))["id"]
        body = {"flow_id": flow["id"], "name": name, "state": {"type": "RUNNING"}, **values}
        row: Row = await server.send("POST", "/flow_runs/", body)
        return row

    async def states(collection: str) -> dict[str, tuple[str, str | None]]:
        rows = await server.send("POST", f"/{collection}/filter", {})
        return {row["name"]: (row["state_type"], row["state"]["message"]) for row in rows}

    parent, other = await flow_run("parent"), await flow_run("other")
    for run in (parent, other):
        await task_run(run, f"{run['name']}'s")
    await task_run(parent, "done", "COMPLETED")
    child = await flow_run("child", within=parent)
    await flow_run("grandchild", within=child)
    await flow_run("by a worker", within=parent, deployment_id=deployment["id"])
    await flow_run("another's child", within=other)
    await server.send("POST", f"/flow_runs/{parent['id']}/set_state", {"state": {"type": "CANCELLED"}})
    for _ in range(2):  # a child of a child follows it
        await cancel_subflow_runs(server.database)
    await cancel_task_runs(server.database)
    running, cancelled = ("RUNNING", None), ("CANCELLED", "The parent flow run was cancelled.")
    assert await states("flow_runs") == {
        "parent": ("CANCELLED", None),
        "other": running,
        "child": cancelled,
        "grandchild": cancelled,
        "by a worker": ("CANCELLING", cancelled[1]),
        "another's child": running,
    }
    assert await states("task_runs") == {
        "parent's": cancelled,
        "other's": running,
        "done": ("COMPLETED", None),
        "child": cancelled,
        "grandchild": cancelled,
        "by a worker": cancelled,
        "another's child": running,
    }


async def test_who_falls_silent_is_not_ready(server: Server) -> None:
    await server.send("POST", "/work_pools/", {"name": "p", "type": "process"})
    deployment = await server.deployment(work_pool_name="p")
    await server.send("POST", "/work_pools/p/workers/heartbeat", {"name": "w", "heartbeat_interval_seconds": 10})
    await server.send("POST", "/work_pools/p/get_scheduled_flow_runs", {})

    async def statuses() -> list[str]:
        (worker,) = await server.send("POST", "/work_pools/p/workers/filter", {})
        pool = await server.send("GET", "/work_pools/p")
        queue = await server.send("GET", "/work_pools/p/queues/default")
        shown = await server.send("GET", f"/deployments/{deployment['id']}")
        return [row["status"] for row in (worker, pool, queue, shown)]

    await look_after(server.database)
    assert await statuses() == ["ONLINE", "READY", "READY", "READY"]
    await server.set("workers", last_heartbeat_time=datetime.now(UTC) - timedelta(seconds=40))
    await server.set("work_queues", last_polled=LONG_AGO)
    await look_after(server.database)
    assert await statuses() == [
        "OFFLINE",
        "NOT_READY",
        "NOT_READY",
        "READY",
    ]  # the deployment itself was polled just now
    await server.set("deployments", last_polled=LONG_AGO)
    await look_after(server.database)
    assert await statuses() == ["OFFLINE", "NOT_READY", "NOT_READY", "NOT_READY"]
    for kind in ("work-pool", "work-queue", "deployment"):
        names = {"name": [f"prefect.{kind}.{word}" for word in ("created", "ready", "not-ready")]}
        told = (await server.send("POST", "/events/filter", {"filter": {"event": names, "order": "ASC"}}))["events"]
        words = [each["event"].rpartition(".")[2] for each in told]
        assert words == ["created", *(["not-ready"] if kind == "work-pool" else []), "ready", "not-ready"]
        if kind == "work-pool":
            assert [each["follows"] for each in told] == [None, None, None, told[2]["id"]]


async def test_one_of_several_processes_works(server: Server) -> None:
    assert await server.database.write(lambda connection: take(connection, "one"))
    assert await server.database.write(lambda connection: take(connection, "one"))
    assert not await server.database.write(lambda connection: take(connection, "two"))
    await server.database.write(lambda connection: connection.execute(update(LEASES).values(expires=LONG_AGO)).rowcount)
    assert await server.database.write(lambda connection: take(connection, "two"))
    assert not await server.database.write(lambda connection: take(connection, "one"))


async def test_services_work_while_the_server_is_up(database_url: str) -> None:
    app = create_app(database_url, services=True)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedded") as client,
    ):
        server = Server(app, client)
        await server.deployment(schedules=[HOURLY])
        async with asyncio.timeout(60):
            while len(await server.runs()) < 3:  # noqa: ASYNC110  (nothing tells a client of new runs)
                await asyncio.sleep(0.1)
    assert "services" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_services_can_be_told_not_to_work(database_url: str) -> None:
    app = create_app(database_url, services=False)
    async with app.router.lifespan_context(app):
        assert "services" not in {task.get_name() for task in asyncio.all_tasks()}
