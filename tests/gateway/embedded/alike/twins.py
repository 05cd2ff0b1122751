"""A real Prefect and an embedded server with the same rows under the same ids, which they have again whenever it is said."""

import json
import re
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.embedded import create_app
from tests.gateway.embedded.alike.cases import Case
from tests.gateway.embedded.comparison import UUID, Talk, parse
from tests.services import run_prefect

SEED = Path(__file__).with_name("seed.http").read_text()
Answer = tuple[int, Any]

# What each server has of its own: types of blocks that come with it, events of what was done.
LEFT_OUT = {
    "prefect": "DELETE FROM block_type WHERE slug NOT IN ('alpha', 'beta'); DELETE FROM events; DELETE FROM event_resources;",
    "embedded": "DELETE FROM block_types WHERE slug NOT IN ('alpha', 'beta');"
    " DELETE FROM event_resources WHERE event_id NOT LIKE '%e00_'; DELETE FROM events WHERE id NOT LIKE '%e00_';",
}
EVENTS = [
    {
        "id": f"00000000-0000-4000-8000-00000000e00{number}",
        "event": f"{('alpha', 'beta')[number % 2]}.{('alpha', 'Gamma')[number // 2 % 2]}",
        "occurred": f"2026-01-0{number + 1}T10:00:00Z",
        "resource": {
            "prefect.resource.id": ("alpha", "beta", "a/b")[number % 3],
            "prefect.resource.name": "alpha",
            "alpha": "beta",
        },
        "related": [{"prefect.resource.id": ("beta", "Gamma")[number % 2], "prefect.resource.role": "alpha"}][
            : number % 3
        ],
        "payload": {"alpha": number},
    }
    for number in range(6)
]


@dataclass
class Server:
    """One of the two: its rows are in a SQLite file, and as they shall be in another."""

    client: httpx.AsyncClient
    live: Path
    filled: Path

    def restore(self) -> None:
        """Give it its rows back."""
        with closing(sqlite3.connect(self.filled)) as filled, closing(sqlite3.connect(self.live, timeout=30)) as live:
            filled.backup(live)

    async def ask(self, case: Case, names: dict[str, str]) -> Answer:
        """Send a request; return the status and the comparable body."""
        content = (
            {} if case.content is None else {"content": case.content, "headers": {"content-type": "application/json"}}
        )
        method = case.route.partition(" ")[0]
        try:
            response = await self.client.request(method, case.path, **content)
        except httpx.TransportError:  # Prefect closes a connection after a failure, and does not say so
            response = await self.client.request(method, case.path, **content)
        try:
            answer = json.loads(json.dumps(response.json(), sort_keys=True)) if response.content else None
        except ValueError:
            answer = response.text
        return response.status_code, Talk(self.client, names=dict(names))._comparable(answer, unordered=False)


def kinds(names: dict[str, str]) -> dict[str, list[str]]:
    """Return the ids of the rows by kind."""
    found = defaultdict(list)
    for id_, name in names.items():
        if match := re.fullmatch(r"\$(\w+?)\d+", name):
            found[match[1]].append(id_)
    return dict(found)


class Twins:
    """Both servers, and how the ids of their rows are called: `flow1`, `flow2`."""

    def __init__(self, prefect: Server, embedded: Server, names: dict[str, str]) -> None:
        self.prefect = prefect
        self.embedded = embedded
        self.names = names

    async def ask(self, case: Case) -> tuple[Answer, Answer]:
        """Ask both; return what Prefect answers, and what the embedded server does."""
        return await self.prefect.ask(case, self.names), await self.embedded.ask(case, self.names)

    def restore(self) -> None:
        self.prefect.restore()
        self.embedded.restore()


@asynccontextmanager
async def run_twins(home: Path) -> AsyncIterator[Twins]:
    """Run both servers and fill them."""
    embedded_file = home / "embedded.db"
    app = create_app(f"sqlite:///{embedded_file}")
    with run_prefect(home) as url:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url=url, timeout=60) as prefect,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://embedded"
            ) as embedded,
        ):
            talks = Talk(prefect), Talk(embedded)
            await _fill(*talks)
            servers = []
            await embedded.post("/events", json=EVENTS)
            for talk, live in zip(talks, (home / "prefect.db", embedded_file), strict=True):
                filled = live.with_suffix(".filled")
                names = {id_: _fixed(name) for id_, name in talk.names.items()}
                _copy(live, filled, names)
                servers.append(Server(talk.client, live, filled))
            names = {names[id_]: name for id_, name in talk.names.items()}
            twins = Twins(*servers, names)
            twins.restore()
            yield twins


async def _fill(prefect: Talk, embedded: Talk) -> None:
    for request in parse(SEED):
        answer = await prefect.send(request)
        assert answer[0] < 400, (str(request), answer)
        assert await embedded.send(request) == answer, str(request)


def _fixed(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def _copy(source: Path, target: Path, ids: dict[str, str]) -> None:
    """Copy a database with other ids."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        lines: Iterator[str] = old.iterdump()
        new.executescript("\n".join(UUID.sub(lambda match: ids.get(match[0], match[0]), line) for line in lines))
        new.executescript(f"PRAGMA foreign_keys = ON; {LEFT_OUT[source.stem]}")
        if source.stem == "prefect":
            _add_events(new)
        new.commit()


def _add_events(prefect: sqlite3.Connection) -> None:
    """Write events as Prefect's persister does, which would also write those that it makes itself, whenever it likes."""
    for event in EVENTS:
        moment, now = (each.replace("T", " ").rstrip("Z") for each in (event["occurred"], "2026-02-01T00:00:00.000000"))
        involved = [event["resource"], *event["related"]]
        ids = json.dumps([each["prefect.resource.id"] for each in event["related"]])
        row = (
            event["id"],
            now,
            now,
            f"{moment}.000000",
            event["event"],
            involved[0]["prefect.resource.id"],
            *map(json.dumps, (event["resource"], event["related"], event["payload"])),
            now,
            now,
            ids,
        )
        prefect.execute(
            "INSERT INTO events (id, created, updated, occurred, event, resource_id, resource, related, payload, received, recorded,"
            " related_resource_ids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        for each in involved:
            own = (
                str(uuid.uuid4()),
                now,
                now,
                f"{moment}.000000",
                each["prefect.resource.id"],
                each.get("prefect.resource.role", ""),
                json.dumps(each),
                event["id"],
            )
            prefect.execute(
                "INSERT INTO event_resources (id, created, updated, occurred, resource_id, resource_role, resource, event_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                own,
            )
