"""A real Prefect that is killed and started again under subscriptions of the real clients, and its engine's own news."""

import asyncio
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.gateway.embedded.test_sdk_concurrency import run as run_program
from tests.gateway.live.talking import client
from tests.gateway.stack import open_gateway
from tests.services import patiently, run_prefect, start_prefect

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_environment")]

HERE = Path(__file__).parent
SERVICES = {f"services_{name}_enabled": "true" for name in ("event_persister", "task_run_recorder")}
LOGS_OUT = {"logs_stream_out_enabled": "true", "logs_stream_publishing_enabled": "true"}


class Watch(defaultdict[str, list[Any]]):
    """What each subscription told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(list)
        self._process = process

    async def read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            name, value = orjson.loads(line)
            self[name].append(value)


@asynccontextmanager
async def watching(modules: Path, protocol: str, url: str, subscriptions: dict[str, str]) -> AsyncIterator[Watch]:
    process = await asyncio.create_subprocess_exec(
        "node",
        HERE / "watch.cjs",
        protocol,
        url,
        orjson.dumps(subscriptions).decode(),
        env={**os.environ, "NODE_PATH": str(modules)},
        stdout=-1,
    )
    watch = Watch(process)
    reading = asyncio.create_task(watch.read())
    try:
        yield watch
    finally:
        process.kill()
        await process.wait()
        await reading


class Writer:
    """Changes a run's state and logs, again and again, and knows what the server has acknowledged."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.acknowledged: list[str] = []
        self.run = ""

    async def post(self, path: str, body: Any) -> Any:
        response = await patiently(lambda: self._http.post(path, json=body))
        response.raise_for_status()
        return response.json() if response.content else None

    async def begin(self) -> None:
        flow = await self.post("/flows/", {"name": secrets.token_hex(4)})
        self.run = (await self.post("/flow_runs/", {"flow_id": flow["id"], "state": {"type": "PENDING"}}))["id"]

    async def write(self, name: str) -> None:
        """Change the state and log, both by one name; a server that is down is waited for."""
        while True:
            try:
                state = {"type": "RUNNING", "name": name}
                await self.post(f"/flow_runs/{self.run}/set_state", {"state": state, "force": True})
                at = datetime.now(UTC).isoformat()
                line = {"name": "n", "level": 20, "message": name, "timestamp": at, "flow_run_id": self.run}
                await self.post("/logs/", [line])
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
            else:
                self.acknowledged.append(name)
                return


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  another process tells
        await asyncio.sleep(0.1)


def subscriptions(run: str) -> dict[str, str]:
    return {
        "runs": f'subscription {{ flowRunUpdated(filter: {{flowRuns: {{id: {{any: ["{run}"]}}}}}}) {{ stateName flow {{ name }} }} }}',
        "events": 'subscription { events(filter: {event: {prefix: ["prefect.flow-run."]}}) { event } }',
        "logs": f'subscription {{ logs(flowRunId: "{run}") {{ message }} }}',
        "counts": "subscription { flowRunCounts { states { stateName } } }",
    }


def told(watch: Watch) -> dict[str, list[str]]:
    """Return the names that were told, of what the writer wrote."""
    names = {
        "runs": [each.get("stateName") or str(each) for each in watch["runs"]],
        "events": [each.get("event", str(each)).removeprefix("prefect.flow-run.") for each in watch["events"]],
        "logs": [each.get("message") or str(each) for each in watch["logs"]],
    }
    return {kind: [name for name in each if not name.startswith("begin")] for kind, each in names.items()}


@pytest.mark.parametrize("logs_out", [False, True], ids=["logs/out off", "logs/out on"])
async def test_nothing_is_lost_or_told_twice_when_prefect_is_killed(
    logs_out: bool, tmp_path: Path, npm: Callable[..., Path]
) -> None:
    modules = npm("graphql@16.15.0", "graphql-ws@6.4.2", "ws@8.18.3", "graphql-sse@2.6.1")
    if not shutil.which("node"):
        pytest.skip("node is missing")
    settings = {**SERVICES, **(LOGS_OUT if logs_out else {})}
    process, url = start_prefect(tmp_path, **settings)
    port = int(url.rpartition(":")[2].removesuffix("/api"))
    try:
        async with (
            open_gateway(ws="auto", upstream=url) as gateway,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as http,
        ):
            writer = Writer(http)
            await writer.begin()
            async with (
                watching(modules, "ws", gateway.url, subscriptions(writer.run)) as ws,
                watching(modules, "sse", gateway.url, subscriptions(writer.run)) as sse,
            ):
                number = 0
                while not all(watch[kind] for watch in (ws, sse) for kind in subscriptions("")):
                    await writer.write(f"begin {number}")
                    number += 1
                    await asyncio.sleep(0.5)
                writer.acknowledged.clear()
                for round_ in range(2):
                    for number in range(20):
                        await writer.write(f"{round_} before {number}")
                    # What Prefect has not told yet when it is killed nobody will ever hear of: it is in its memory alone.
                    await until(lambda: all(len(each) >= len(writer.acknowledged) for each in told(ws).values()))
                    process.kill()
                    process.wait()
                    process, _ = start_prefect(tmp_path, port=port, **settings)
                    for number in range(20):
                        await writer.write(f"{round_} after {number}")
                await writer.write("last")
                await until(lambda: all("last" in each for watch in (ws, sse) for each in told(watch).values()))
                await until(lambda: all("last" in str(watch["counts"][-1]) for watch in (ws, sse)))
                await asyncio.sleep(25)  # until the last reading after a connection
            for watch in (ws, sse):
                for kind, names in told(watch).items():
                    assert sorted(names) == sorted(writer.acknowledged), kind
    finally:
        process.kill()
        process.wait()


async def test_the_engine_tells_of_its_task_runs(tmp_path: Path) -> None:
    with run_prefect(tmp_path, **SERVICES) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as http:
            await http.get("/health")
        async with open_gateway(ws="auto", upstream=url, deadline=60) as gateway, client(gateway.url) as listener:
            await listener.begin()
            await listener.subscribe("1", "subscription { taskRunUpdated { id stateName name flowRun { name } } }")
            await asyncio.sleep(1)
            runs = await run_program(f"{gateway.url}/api", tmp_path, HERE / "engine.py")
            seen: dict[str, list[str]] = defaultdict(list)
            while sorted(seen) != sorted(runs) or any("Completed" not in states for states in seen.values()):
                update = await listener.data()
                assert update["name"].startswith("double")
                seen[update["id"]].append(update["stateName"])
    assert {tuple(states) for states in seen.values()} == {("Pending", "Running", "Completed")}
