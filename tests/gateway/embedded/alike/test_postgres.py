"""What schemathesis makes of the embedded server's own document, of every route that reads, is answered alike on both databases."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Boolean, create_engine, text

from gateway.embedded import create_app
from gateway.embedded.tables import METADATA
from tests.gateway.embedded.alike.cases import make, routes
from tests.gateway.embedded.alike.differences import differences
from tests.gateway.embedded.alike.document import Narrow
from tests.gateway.embedded.alike.twins import EVENTS, SEED, Server, kinds
from tests.gateway.embedded.comparison import Talk, parse
from tests.postgres import Postgres

pytestmark = pytest.mark.long

EXAMPLES = 10
NOT_ASKED = {"GET /flow_runs/{id}/logs/download", "GET /csrf-token", "GET /admin/settings"}


async def test_postgresql_answers_as_sqlite_does(postgres: Postgres, tmp_path: Path) -> None:
    file, url = tmp_path / "embedded.db", await postgres.create_database()
    async with AsyncExitStack() as stack:
        sqlite, other = [await _open(stack, create_app(each)) for each in (f"sqlite:///{file}", url)]
        talk = Talk(sqlite)
        for request in parse(SEED):
            assert (await talk.send(request))[0] < 400
        await sqlite.post("/events", json=EVENTS)
        await _copy(file, url)
        document = create_app("sqlite://").openapi()
        asked = [route for route in routes(document) if route not in NOT_ASKED]
        cases = make(Narrow(kinds(talk.names)).document(document), asked, valid=EXAMPLES, invalid=1, seed=0)
        found: list[str] = []
        for case in [case for case in cases if case.reads]:
            expected, actual = [await Server(each, file, file).ask(case, talk.names) for each in (sqlite, other)]
            found += [f"{line}\n    {case}" for line in differences(case, expected, actual)]
    assert found == [], "\n".join(found)


async def _open(stack: AsyncExitStack, app: FastAPI) -> httpx.AsyncClient:
    await stack.enter_async_context(app.router.lifespan_context(app))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://embedded"))


async def _copy(file: Path, url: str) -> None:
    """Copy all rows from SQLite to PostgreSQL, as they stand there."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    names = ", ".join(METADATA.tables)
    await connection.execute(f"TRUNCATE {names}")
    with create_engine(f"sqlite:///{file}").connect() as sqlite:
        for name, table in METADATA.tables.items():
            columns = [column.name for column in table.columns]
            truths = {column.name for column in table.columns if isinstance(column.type, Boolean)}
            found = sqlite.execute(text(f"SELECT * FROM {name}")).mappings()  # noqa: S608 (our tables)
            rows: list[list[Any]] = [
                [bool(row[each]) if each in truths and row[each] is not None else row[each] for each in columns]
                for row in found
            ]
            quoted = ", ".join(f'"{each}"' for each in columns)
            places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
            await connection.executemany(f"INSERT INTO {name} ({quoted}) VALUES ({places})", rows)  # noqa: S608 (our tables)
    await connection.close()
