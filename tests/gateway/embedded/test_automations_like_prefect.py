"""The same automations over a real Prefect server and the embedded one: the same happens, and the same is told of it.

Where the embedded server differs from Prefect 3.9.1 on purpose:
- an action or a trigger of no known kind is a 422 that tells of its own kind, Prefect tells of all kinds;
- what automations do sets off only those that name such events, and never the one that did it: in Prefect an automation
  that waits for any event sets itself off without end;
- a proactive trigger with `after` waits for such an event also where it counts all events together;
- what the server itself tells is evaluated as it is written down; only clients' events wait for the one that they follow;
- notifications are sent by blocks for Slack, Teams and custom webhooks; by others they fail with the reason, and so does what
  may not call private addresses;
- templates know no `humanize`, and `ui_url` gives nothing.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.embedded import create_app
from gateway.embedded.automations.engine import Engine
from gateway.embedded.services import working
from tests.gateway.embedded.comparison import TIME, UUID
from tests.services import patiently, run_prefect

pytestmark = pytest.mark.long

SETTINGS = {
    "services_triggers_enabled": "true",
    "services_event_persister_enabled": "true",
    "services_event_persister_flush_interval": "0.1",
    "events_proactive_granularity": "PT1S",
}
SECONDS = 60

PARAMETERS = {
    "why": "{{ flow_run.name }} of {{ event.resource_in_role.flow.name }}: {{ event.resource['prefect.state-message'] }}",
    "state": "{{ flow_run.state.name }}",
    "tags": "{{ flow_run.tags }}",
    "label": "run {{ event.resource.labels.prefect.resource.name }}",
    "count": {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": "{{ events | length }}"}},
    "plain": [1, "two"],
}


class Server:
    """A server, and names for the ids of what was made there."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.names: dict[str, str] = {}

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        options: dict[str, Any] = {} if body is None else {"json": body}
        response = await patiently(lambda: self.client.request(method, path, **options))
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def make(self, path: str, **body: Any) -> str:
        row = await self.send("POST", path, body)
        self.names[row["id"]] = f"<{body['name']}>"
        return str(row["id"])

    async def tell(self, event: str, run: str = "", *, ago: float = 0.0) -> None:
        """Record an event about a flow run, or about nothing that the server knows."""
        occurred = datetime.now(UTC) - timedelta(seconds=ago)
        resource = {"prefect.resource.id": f"prefect.flow-run.{run}" if run else "something"}
        given = {"id": str(uuid4()), "occurred": occurred.isoformat(), "event": event, "resource": resource}
        await self.send("POST", "/events", [given])

    async def events(self, *names: str) -> list[dict[str, Any]]:
        chosen = {"event": {"name": list(names)}, "order": "ASC"}
        return list((await self.send("POST", "/events/filter", {"filter": chosen, "limit": 50}))["events"])

    async def until(self, number: int, event: str, **resource: str) -> None:
        """Wait until so many events of a name were told."""

        def fits(row: dict[str, Any]) -> bool:
            return all(row["resource"].get(f"prefect.resource.{key}") == value for key, value in resource.items())

        async with asyncio.timeout(SECONDS):
            while sum(fits(row) for row in await self.events(event)) < number:  # noqa: ASYNC110 (another process tells)
                await asyncio.sleep(0.1)

    def masked(self, value: Any) -> Any:
        """Let ids be named by what they are of, and times be times."""
        text = UUID.sub(lambda match: self.names.get(match[0], "<id>"), json.dumps(value))
        return json.loads(TIME.sub("<time>", text.replace("+00:00", "Z")))


async def automate(server: Server) -> None:
    """Make automations and let happen what sets them off."""
    flow = await server.make("/flows/", name="automated")
    deployment = await server.make("/deployments/", name="rescue", flow_id=flow)
    of_flow = {"prefect.resource.role": "flow", "prefect.resource.id": [f"prefect.flow.{flow}"]}
    rescue = await server.make(
        "/automations/",
        name="rescue failed runs",
        trigger={
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*", "prefect.resource.name": "!ignored"},
            "match_related": of_flow,
            "expect": ["prefect.flow-run.Failed"],
            "for_each": ["related:flow:prefect.resource.id"],
            "threshold": 2,
            "within": 300,
        },
        actions=[
            {"type": "run-deployment", "deployment_id": deployment, "parameters": PARAMETERS},
            {"type": "pause-work-pool", "source": "inferred"},
        ],
        actions_on_trigger=[{"type": "do-nothing"}],
    )
    failure = {"posture": "Reactive", "expect": ["prefect.automation.action.failed"]}
    await server.make(
        "/automations/",
        name="no second rescue",
        trigger={**failure, "match": {"prefect.resource.id": f"prefect.automation.{rescue}"}},
        actions=[{"type": "pause-automation", "source": "inferred"}],
    )
    await server.make(
        "/automations/",
        name="overdue",
        trigger={
            "posture": "Proactive",
            "after": ["run.promised"],
            "expect": ["prefect.flow-run.Completed"],
            "for_each": ["prefect.resource.id"],
            "within": 10,
        },
        actions=[{"type": "change-flow-run-state", "state": "CANCELLED", "name": "Overdue"}],
    )
    inner = [{"posture": "Reactive", "expect": ["tea.boiled"]}, {"posture": "Reactive", "expect": ["milk.poured"]}]
    await server.make(
        "/automations/",
        name="tea",
        trigger={"type": "sequence", "within": 60, "triggers": inner},
        actions=[{"type": "pause-deployment", "deployment_id": deployment}],
    )
    for name in ("ignored", "first", "second", "third"):
        run = await server.make("/flow_runs/", name=name, flow_id=flow, tags=["a"], state={"type": "RUNNING"})
        await server.send("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "FAILED", "message": f"{name}!"}})
    await server.until(1, "prefect.automation.action.executed", name="no second rescue")
    for name in ("in time", "slow"):
        run = await server.make("/flow_runs/", name=name, flow_id=flow, state={"type": "RUNNING"})
        await server.tell("run.promised", run, ago=6)
        if name == "in time":
            await server.send("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED"}})
    await server.tell("tea.boiled")
    await server.until(1, "tea.boiled")
    await server.tell("milk.poured")
    for name in ("tea", "overdue"):
        await server.until(1, "prefect.automation.action.executed", name=name)


def shown(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


async def result(server: Server) -> dict[str, Any]:
    """Return what has become of everything, ids and times aside."""
    runs = await server.send("POST", "/flow_runs/filter", {"sort": "NAME_ASC"})
    told = await server.events(
        "prefect.automation.created",
        "prefect.automation.updated",
        "prefect.automation.triggered",
        "prefect.automation.action.triggered",
        "prefect.automation.action.executed",
        "prefect.automation.action.failed",
    )
    [made] = [run for run in runs if run["deployment_id"]]
    server.names[made["id"]] = "<rescuing run>"
    deployments = await server.send("POST", "/deployments/filter", {})
    automations = await server.send("POST", "/automations/filter", {})
    masked = server.masked(
        {
            "runs": [
                [
                    run["state_name"],
                    run["state"]["message"],
                    run["parameters"],
                    run["created_by"],
                    run is made or run["name"],
                ]
                for run in runs
            ],
            "paused": [each["paused"] for each in deployments],
            "enabled": [[each["name"], each["enabled"]] for each in automations],
            "events": [
                {key: each[key] for key in ("event", "resource", "related", "payload", "follows")} for each in told
            ],
        }
    )
    text = json.dumps(masked).replace(made["name"], "<random>")
    found: dict[str, Any] = json.loads(text)
    found["runs"].sort(key=shown)
    found["events"].sort(key=shown)
    return found


@pytest.mark.usefixtures("no_environment")
async def test_automations_do_as_in_prefect(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path / 'embedded.db'}", services=False)
    transport = httpx.ASGITransport(app)
    (home := tmp_path / "prefect").mkdir()
    with run_prefect(home, **SETTINGS) as url:
        async with (
            app.router.lifespan_context(app),
            working(app.state.database, Engine(app).services),
            httpx.AsyncClient(base_url=url, timeout=60) as real,
            httpx.AsyncClient(transport=transport, base_url="http://embedded") as embedded,
        ):
            servers = Server(real), Server(embedded)
            await asyncio.gather(*(automate(server) for server in servers))
            expected, found = [await result(server) for server in servers]
    for key in expected:
        assert found[key] == expected[key], key
