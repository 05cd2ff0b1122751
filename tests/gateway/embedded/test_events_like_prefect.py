"""Events of a real Prefect server and of the embedded one: told by the same requests, and sent by Prefect's own library.

The requests are those of `events.http`; see `test_like_prefect`.

Prefect writes events down a moment after they happened: what is not the same at first is asked again.

Where the embedded server differs from Prefect 3.9.1 on purpose, and no request here asks:
- equal moments are ordered by id;
- words are found in events on SQLite too, where Prefect fails with 500 if SQLite has no `concat`;
- events in an interval of a fraction of a second are counted where they belong, Prefect rounds to seconds on SQLite.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.embedded import create_app
from tests.gateway.embedded.comparison import Talk, parse
from tests.gateway.stack import Gateway, open_gateway
from tests.postgres import Postgres
from tests.services import run_prefect

pytestmark = pytest.mark.long

SCRIPT = (Path(__file__).parent / "events.http").read_text()
ATTEMPTS = 100


@pytest.fixture(scope="module")
async def prefect_server(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> AsyncIterator[str]:
    """A real Prefect that writes events down, and records task runs of them.

    On PostgreSQL: on SQLite a request while it writes events down fails, and tells its event twice.
    """
    database = (await postgres.create_database()).replace("postgresql://", "postgresql+asyncpg://")
    settings = {
        "services_event_persister_enabled": "true",
        "services_event_persister_flush_interval": "0.1",
        "services_task_run_recorder_enabled": "true",
        "services_task_run_recorder_flush_interval": "1",
    }
    with run_prefect(tmp_path_factory.mktemp("prefect-events"), database=database, **settings) as url:
        yield url


@pytest.fixture(scope="module")
async def talks(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Talk, Talk]]:
    """Conversations with both servers."""
    app = create_app(f"sqlite:///{tmp_path_factory.mktemp('embedded') / 'embedded.db'}", services=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url=prefect_server, timeout=60) as prefect,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as embedded,
    ):
        yield Talk(prefect), Talk(embedded)


async def test_events_are_those_of_prefect(talks: tuple[Talk, Talk]) -> None:
    prefect, embedded = talks
    for request in parse(SCRIPT):
        answer = await embedded.send(request)
        names = dict(prefect.names)
        expected = await prefect.send(request)
        for _ in range(ATTEMPTS if "/events/" in request.path else 0):
            if answer == expected:
                break
            await asyncio.sleep(0.1)
            prefect.names = dict(names)
            expected = await prefect.send(request)
        assert answer == expected, str(request)


SEEN = """{
    flowRuns(filter: {flows: {name: {any: ["inner", "outer"]}}}, sort: START_TIME_ASC) { nodes {
        stateName
        flow { name }
        parentTaskRunId
        logs { nodes { message } }
        taskRuns(sort: EXPECTED_START_TIME_ASC) { nodes {
            stateName
            runCount
            states { nodes { name } }
            events(sort: ASC) { nodes { event } }
        } }
        events(filter: {event: {prefix: ["prefect.flow-run."], excludeName: ["prefect.flow-run.heartbeat"]}}, sort: ASC) {
            nodes { event }
        }
    } }
}"""
RETRIED = ["Pending", "Running", "Retrying", "Completed"]


@pytest.mark.parametrize("before", ["embedded", "prefect"])
async def test_prefects_own_library_runs_flows_through_the_gateway(
    before: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its requests and its websockets; GraphQL shows what happened."""
    embedded = {"upstream": None, "database_url": f"sqlite:///{tmp_path / 'embedded.db'}"}
    settings = {"upstream": request.getfixturevalue("prefect_server")} if before == "prefect" else embedded
    async with open_gateway(**settings, deadline=60, ws="auto") as gateway:
        await _run(gateway.url, tmp_path)
        outer, inner = await _seen(gateway)
    assert (outer["flow"]["name"], outer["stateName"]) == ("outer", "Failed")
    assert (inner["flow"]["name"], inner["stateName"]) == ("inner", "Completed")
    assert "inner got 1" in [line["message"] for line in inner["logs"]["nodes"]]
    assert inner["parentTaskRunId"] is not None
    told = [event["event"].removeprefix("prefect.flow-run.") for event in inner["events"]["nodes"]]
    assert told == ["Pending", "Running", "Completed"]
    shaky, standing, failing = outer["taskRuns"]["nodes"]
    assert (shaky["stateName"], shaky["runCount"]) == ("Completed", 2)
    assert [state["name"] for state in shaky["states"]["nodes"]] == RETRIED
    assert [event["event"] for event in shaky["events"]["nodes"]] == [f"prefect.task-run.{name}" for name in RETRIED]
    assert (standing["stateName"], failing["stateName"]) == ("Completed", "Failed")


async def _run(url: str, home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_API_URL": f"{url}/api", "PREFECT_HOME": str(home)}
    program = Path(__file__).with_name("sdk_flow.py")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, env=environment, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def _seen(gateway: Gateway) -> list[Any]:
    """Read the runs, again until Prefect has written down what was sent last."""
    for _ in range(100):
        runs: list[Any] = (await gateway.data(SEEN))["flowRuns"]["nodes"]
        last = [task["stateName"] for task in runs[0]["taskRuns"]["nodes"]]
        if last[2:] == ["Failed"] and runs[1]["logs"]["nodes"] and len(runs[1]["events"]["nodes"]) == 3:
            break
        await asyncio.sleep(0.1)
    return runs
