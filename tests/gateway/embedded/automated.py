"""A server whose automations do something when a test says so, and what tests tell it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from gateway.embedded import create_app
from gateway.embedded.automations.engine import Engine
from gateway.embedded.database import Database

FIRED = "prefect.automation.triggered"
Fired = list[tuple[str, Any]]


class World:
    """A server whose automations do something when a test says so."""

    def __init__(self, client: httpx.AsyncClient, database: Database, engine: Engine) -> None:
        self.client, self.database, self.engine = client, database, engine

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        response = await self.client.request(method, path, **({} if body is None else {"json": body}))
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def automate(self, name: str, trigger: Any, *actions: Any) -> str:
        body = {"name": name, "trigger": trigger, "actions": actions}
        return str((await self.send("POST", "/automations/", body))["id"])

    async def tell(self, event: str, resource: str = "x", *, after: float = 0.0, **labels: str) -> None:
        """Record an event that occurred so many seconds after an hour ago."""
        occurred = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=after)
        about = {"prefect.resource.id": resource, **labels}
        body = [{"id": str(uuid4()), "occurred": occurred.isoformat(), "event": event, "resource": about}]
        await self.send("POST", "/events", body)

    async def turn(self) -> None:
        await self.engine.look(self.database)
        await self.engine.act(self.database)

    async def fired(self) -> Fired:
        """Return which automations were set off, with the labels that tell what for, after a turn."""
        await self.turn()
        events = await self.events(FIRED)
        return [
            (each["resource"]["prefect.resource.name"], [*each["payload"]["triggering_labels"].values()])
            for each in events
        ]

    async def events(self, *names: str) -> list[dict[str, Any]]:
        chosen = {"event": {"name": list(names)}, "order": "ASC"}
        return list((await self.send("POST", "/events/filter", {"filter": chosen}))["events"])


@asynccontextmanager
async def open_world(database_url: str) -> AsyncGenerator[World]:
    """Start a server that does nothing by itself."""
    app = create_app(database_url, services=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as client,
    ):
        yield World(client, app.state.database, Engine(app))


def reactive(*expect: str, **more: Any) -> dict[str, Any]:
    return {"posture": "Reactive", "expect": list(expect), **more}
