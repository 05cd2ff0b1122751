"""How SQLite finds what a UI asks for: no question reads a big table from end to end, whatever the tables hold.

The planner is told the same of every database, so that the plans of an empty one are those of a million runs; `make
plans` measures them there.
"""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway.embedded import create_app
from gateway.embedded.database import open_database
from gateway.embedded.reading import scouts
from gateway.embedded.tables import METADATA
from tests.bench.plans import Question, plans_of, questions, reads_whole_table

QUESTIONS = list(questions())


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[FastAPI, Path]]:
    file = tmp_path_factory.mktemp("plans") / "plans.db"
    app = create_app(f"sqlite:///{file}")
    async with app.router.lifespan_context(app):
        yield app, file


async def plans(server: tuple[FastAPI, Path], question: Question) -> list[str]:
    app, file = server
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://embedded") as client:
        explaining = sqlite3.connect(file)
        found = await plans_of(app, client, explaining, question)
        explaining.close()
    return found


@pytest.mark.parametrize("few", [scouts.FEW, -1], ids=["few", "many"])
@pytest.mark.parametrize("question", QUESTIONS, ids=[question.title for question in QUESTIONS])
async def test_no_question_of_a_ui_reads_a_whole_table(
    server: tuple[FastAPI, Path], question: Question, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scouts, "FEW", few)
    found = await plans(server, question)
    assert found
    assert [line for line in found if reads_whole_table(line)] == []


async def test_a_filter_without_an_index_is_noticed(server: tuple[FastAPI, Path]) -> None:
    unindexed = Question("flow version", "/flow_runs/count", {"flow_runs": {"flow_version": {"any_": ["1"]}}})
    assert any(reads_whole_table(line) for line in await plans(server, unindexed))


async def test_plans_do_not_change_with_the_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'told.db'}"
    await (await open_database(url, METADATA)).close()
    with sqlite3.connect(tmp_path / "told.db") as other:
        told = other.execute("SELECT * FROM sqlite_stat1 ORDER BY 1, 2").fetchall()
        other.execute("INSERT INTO prefect_graphql VALUES (1)")
        other.execute("ANALYZE")
        assert other.execute("SELECT * FROM sqlite_stat1 ORDER BY 1, 2").fetchall() != told
        other.execute("DELETE FROM prefect_graphql WHERE rowid > 1")
    other.close()
    await (await open_database(url, METADATA)).close()
    with sqlite3.connect(tmp_path / "told.db") as again:
        assert again.execute("SELECT * FROM sqlite_stat1 ORDER BY 1, 2").fetchall() == told
    again.close()
