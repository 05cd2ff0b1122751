"""The tables of tags that SQLite has beside those of runs: they say what the runs say, whatever is done to these."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.embedded import create_app
from gateway.embedded.database import open_database
from gateway.embedded.tables import METADATA
from tests.postgres import Postgres

RUNS = ("flow_runs", "task_runs")
SAID = "SELECT DISTINCT value, {0}.id FROM {0}, json_each({0}.tags) ORDER BY 1, 2"
KEPT = "SELECT tag, id FROM {0}_tags ORDER BY 1, 2"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(f"sqlite:///{tmp_path / 'tags.db'}")
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedded") as client,
    ):
        yield client


async def create(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> str:
    response = await client.post(path, json=body)
    assert response.status_code == 201, response.text
    id_: str = response.json()["id"]
    return id_


def tags(file: Path, statement: str) -> list[list[tuple[str, str]]]:
    connection = sqlite3.connect(file)
    found = [connection.execute(statement.format(name)).fetchall() for name in RUNS]
    connection.close()
    return found


async def test_tags_follow_their_runs(client: httpx.AsyncClient, tmp_path: Path) -> None:
    def agreed() -> int:
        kept = tags(tmp_path / "tags.db", KEPT)
        assert kept == tags(tmp_path / "tags.db", SAID)
        return sum(map(len, kept))

    flow = await create(client, "/flows/", {"name": "flow"})
    first = await create(client, "/flow_runs/", {"flow_id": flow, "tags": ["a", "b", "a", 'ü"']})
    await create(client, "/flow_runs/", {"flow_id": flow, "tags": ["a"]})
    await create(client, "/flow_runs/", {"flow_id": flow})
    task = {"flow_run_id": first, "task_key": "t", "dynamic_key": "0", "tags": ["a", "c"]}
    await create(client, "/task_runs/", task)
    assert agreed() == 6
    assert (await client.patch(f"/flow_runs/{first}", json={"tags": ["c"]})).status_code == 204
    assert agreed() == 4
    assert (await client.patch(f"/flow_runs/{first}", json={"name": "other"})).status_code == 204
    assert agreed() == 4
    assert (await client.delete(f"/flow_runs/{first}")).status_code == 204
    assert agreed() == 1
    assert (await client.delete(f"/flows/{flow}")).status_code == 204
    assert agreed() == 0


async def test_an_older_database_gets_its_tags_and_indexes(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """A database of before: without tables of tags, one index missing, one that is declared no more."""
    flow = await create(client, "/flows/", {"name": "flow"})
    await create(client, "/flow_runs/", {"flow_id": flow, "tags": ["a", "b"]})
    older, file = tmp_path / "older.db", tmp_path / "tags.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"VACUUM INTO '{older}'")
    with sqlite3.connect(older) as connection:
        indexes = set(connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'"))
        for [trigger] in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for name in RUNS:
            connection.execute(f"DROP TABLE {name}_tags")
        connection.execute("DROP INDEX ix_flow_runs__name_id")
        connection.execute("CREATE INDEX ix_flow_runs__tags ON flow_runs (tags)")
        connection.execute("CREATE INDEX mine ON flow_runs (updated)")
        connection.execute("DROP TABLE sqlite_stat1")
    connection.close()
    await (await open_database(f"sqlite:///{older}", METADATA)).close()
    assert tags(older, KEPT) == tags(file, KEPT)
    with sqlite3.connect(older) as connection:
        assert set(connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")) == indexes | {("mine",)}
    connection.close()


async def test_an_older_postgres_database_gets_its_indexes(postgres: Postgres) -> None:
    url = await postgres.create_database()
    database = await open_database(url, METADATA)
    indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    wanted = await database.read(lambda connection: set(connection.exec_driver_sql(indexes).scalars()))
    await database.write(lambda connection: connection.exec_driver_sql("DROP INDEX ix_flow_runs__name_id").close())
    old = "CREATE INDEX ix_flow_runs__old ON flow_runs (updated)"
    await database.write(lambda connection: connection.exec_driver_sql(old).close())
    await database.close()
    database = await open_database(url, METADATA)
    assert await database.read(lambda connection: set(connection.exec_driver_sql(indexes).scalars())) == wanted
    await database.close()
