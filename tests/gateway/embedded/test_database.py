"""The database keeps what it acknowledged, whatever happens beside or after a write."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.embedded.database import Database, DatabaseError, open_database
from gateway.embedded.tables.types import STRING, Document, Duration, Tags, Timestamp
from tests.postgres import Postgres

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", STRING, unique=True),
    Column("number", Integer),
    Column("moment", Timestamp),
    Column("length", Duration),
    Column("document", Document),
    Column("tags", Tags),
)

WRITERS, WRITES = 32, 20


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, METADATA)
    yield database
    await database.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path / 'things.db'}", METADATA)
    yield database
    await database.close()


def add(connection: Connection, name: str) -> None:
    connection.execute(insert(THINGS).values(name=name))


def names(connection: Connection) -> set[str | None]:
    return set(connection.scalars(select(THINGS.c.name)))


def add_missing(connection: Connection, name: str) -> bool:
    if connection.scalar(select(THINGS.c.id).where(THINGS.c.name == name)) is not None:
        return False
    add(connection, name)
    return True


def increment(connection: Connection) -> None:
    number = connection.execute(
        select(THINGS.c.number).where(THINGS.c.name == "counter").with_for_update()
    ).scalar_one()
    connection.execute(update(THINGS).where(THINGS.c.name == "counter").values(number=number + 1))


async def test_concurrent_writers_lose_nothing(database: Database) -> None:
    await database.write(lambda connection: connection.execute(insert(THINGS).values(name="counter", number=0)).close())

    async def work(writer: int) -> None:
        for number in range(WRITES):
            await database.write(lambda connection, name=f"{writer}-{number}": add(connection, name))
            await database.write(increment)
            assert f"{writer}-{number}" in await database.read(names)

    await asyncio.gather(*(work(writer) for writer in range(WRITERS)))
    assert (
        await database.read(lambda connection: connection.scalar(select(func.count()).select_from(THINGS)))
        == WRITERS * WRITES + 1
    )
    assert (
        await database.read(lambda connection: connection.scalar(select(func.max(THINGS.c.number)))) == WRITERS * WRITES
    )


async def test_a_failing_write_does_not_hurt_its_neighbours(database: Database) -> None:
    def write(connection: Connection, number: int) -> int:
        add(connection, str(number))
        if number % 3 == 0:
            raise ZeroDivisionError
        return number

    results = await asyncio.gather(
        *(database.write(lambda connection, number=number: write(connection, number)) for number in range(60)),
        return_exceptions=True,
    )
    kept = [number for number in range(60) if number % 3]
    assert [result for result in results if isinstance(result, int)] == kept
    assert sum(isinstance(result, ZeroDivisionError) for result in results) == 20
    assert await database.read(names) == {str(number) for number in kept}


async def test_the_loser_of_a_race_for_a_name_sees_the_winner(database: Database) -> None:
    added = await asyncio.gather(
        *(database.write(lambda connection: add_missing(connection, "same")) for _ in range(8))
    )
    assert sorted(added) == [False] * 7 + [True]


async def test_a_name_that_is_taken_is_an_error_and_changes_nothing(database: Database) -> None:
    await database.write(lambda connection: add(connection, "taken"))
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: add(connection, "taken"))
    await database.write(lambda connection: add(connection, "free"))
    assert await database.read(names) == {"taken", "free"}


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await database.read(lambda connection: add(connection, "sly"))
    assert await database.read(names) == set()


async def test_values_come_back_as_they_were(database: Database) -> None:
    moment = datetime(2026, 11, 24, 15, 20, 58, 801726, tzinfo=timezone(timedelta(hours=1)))
    length = timedelta(days=400, microseconds=1)
    values = {
        "name": "a",
        "moment": moment,
        "length": length,
        "document": {"b": 10**30, "a": "\0é"},
        "tags": ["ü", "x y"],
    }
    await database.write(lambda connection: connection.execute(insert(THINGS).values(**values)).close())
    row = await database.read(lambda connection: connection.execute(select(THINGS)).one())
    assert row.moment == moment
    assert row.moment.tzinfo is UTC
    assert row.length == length
    assert row.document == '{"b":1000000000000000000000000000000,"a":"\\u0000é"}'
    assert row.tags in {'["ü","x y"]', '["ü", "x y"]'}


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.5, "1.5"), ("1", '"1"'), (None, None), ([], "[]"), (False, "false")]
)
async def test_a_document_may_be_any_json(database: Database, value: object, text: str | None) -> None:
    await database.write(lambda connection: connection.execute(insert(THINGS).values(document=value)).close())
    assert await database.read(lambda connection: connection.scalar(select(THINGS.c.document))) == text


async def test_what_was_written_is_there_after_opening_again(database_url: str) -> None:
    for name in ("first", "second"):
        database = await open_database(database_url, METADATA)
        await database.write(lambda connection, name=name: add(connection, name))
        await database.close()
    database = await open_database(database_url, METADATA)
    assert await database.read(names) == {"first", "second"}
    await database.close()


async def test_closing_finishes_the_writes_that_wait(sqlite: Database) -> None:
    writes = [
        asyncio.ensure_future(sqlite.write(lambda connection, name=str(name): add(connection, name)))
        for name in range(100)
    ]
    await asyncio.gather(writes[0], sqlite.close())
    await asyncio.gather(*writes)
    with pytest.raises(DatabaseError, match="closed"):
        await sqlite.write(lambda connection: add(connection, "late"))


async def test_a_full_disk_fails_the_writes_that_do_not_fit_and_no_others(sqlite: Database) -> None:
    pages = await sqlite.write(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await sqlite.write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}").close())
    with pytest.raises((DatabaseError, OperationalError), match="full"):
        await sqlite.write(lambda connection: add(connection, "x" * 1_000_000))
    await sqlite.write(lambda connection: add(connection, "small"))
    assert await sqlite.read(names) == {"small"}


async def test_a_write_waits_for_another_program_that_is_writing(sqlite: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "things.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO things (name) VALUES ('theirs')")
    ours = asyncio.ensure_future(sqlite.write(lambda connection: add(connection, "ours")))
    assert await sqlite.read(names) == set()
    other.execute("COMMIT")
    other.close()
    await ours
    assert await sqlite.read(names) == {"theirs", "ours"}


def count_far(connection: Connection) -> int:
    """Count for half a second or so, within SQLite."""
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n"
    count: int = connection.exec_driver_sql(counted).scalar_one()
    return count


async def test_a_long_read_keeps_nobody_waiting(sqlite: Database) -> None:
    long = asyncio.ensure_future(sqlite.read(count_far))
    await sqlite.write(lambda connection: add(connection, "short"))
    assert await sqlite.read(names) == {"short"}
    assert not long.done()
    assert await long == 3_000_000


async def test_a_long_write_keeps_no_reader_waiting_and_happens_once(sqlite: Database) -> None:
    def write(connection: Connection, name: str) -> None:
        add(connection, name)
        if name == "1":
            count_far(connection)

    writes = [
        asyncio.ensure_future(sqlite.write(lambda connection, name=str(name): write(connection, name)))
        for name in range(3)
    ]
    await asyncio.sleep(0)
    assert await sqlite.read(names) == set()
    assert not any(write.done() for write in writes)
    await asyncio.gather(*writes)
    assert await sqlite.read(lambda connection: sorted(connection.scalars(select(THINGS.c.name)))) == ["0", "1", "2"]


async def test_a_long_write_that_fails_is_undone_and_its_neighbours_stay(sqlite: Database) -> None:
    def fail(connection: Connection) -> None:
        add(connection, "undone")
        count_far(connection)
        raise ZeroDivisionError

    failing = asyncio.ensure_future(sqlite.write(fail))
    await asyncio.gather(*(sqlite.write(lambda connection, name=name: add(connection, name)) for name in ("a", "b")))
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await sqlite.read(names) == {"a", "b"}


WRITER = """
import asyncio, os, sys
from gateway.embedded.database import open_database
from tests.gateway.embedded.test_database import METADATA, add

async def work(database, writer):
    number = 0
    while True:
        name = f"{writer}-{number}"
        await database.write(lambda connection: add(connection, name))
        os.write(1, f"{name}\\n".encode())
        number += 1

async def main():
    database = await open_database(sys.argv[1], METADATA)
    await asyncio.gather(*(work(database, writer) for writer in range(16)))

asyncio.run(main())
"""


def kill_after(url: str, acknowledged: int) -> set[str]:
    """Run writers in a process of their own, kill it after some acknowledged writes, and return all that it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        seen += [line for line in process.stdout if line.endswith("\n")]
    return {line.strip() for line in seen}


@pytest.mark.parametrize("acknowledged", [1, 100, 1_000])
async def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    url = f"sqlite:///{tmp_path / 'things.db'}"
    seen = kill_after(url, acknowledged)
    database = await open_database(url, METADATA)
    assert len(seen) >= acknowledged
    assert seen <= await database.read(names)
    await database.close()


async def open_failing(url: str) -> str:
    with pytest.raises(DatabaseError) as raised:
        await open_database(url, METADATA)
    message = str(raised.value)
    assert "\n" not in message
    return message


async def test_a_file_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    assert "unable to open" in await open_failing(f"sqlite:///{tmp_path / 'missing' / 'x.db'}")
    (tmp_path / "text.db").write_text("This is no database." * 100)
    assert "not a database" in await open_failing(f"sqlite:///{tmp_path / 'text.db'}")
    assert "must be a file" in await open_failing("sqlite://")
    assert "not supported" in await open_failing("mysql://127.0.0.1/x")
    assert "can't be read" in await open_failing("no url")


async def test_a_file_of_another_program_or_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE flow (id)")
    other.close()
    assert "another program" in await open_failing(f"sqlite:///{tmp_path / 'other.db'}")
    ours = f"sqlite+aiosqlite:///{tmp_path / 'ours.db'}"
    await (await open_database(ours, METADATA)).close()
    with sqlite3.connect(tmp_path / "ours.db") as later:
        later.execute("UPDATE prefect_graphql SET version = 99")
    later.close()
    assert "version 99" in await open_failing(ours)


async def test_reads_go_on_after_the_server_dropped_every_connection(postgres: Postgres) -> None:
    url = await postgres.create_database()
    database, other = await open_database(url, METADATA), await open_database(url, METADATA)
    await asyncio.gather(
        *(database.write(lambda connection, name=str(number): add(connection, name)) for number in range(8))
    )
    drop = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.write(lambda connection: connection.execute(drop).close())
    assert len(await database.read(names)) == 8
    await database.write(lambda connection: add(connection, "after"))
    assert "after" in await database.read(names)
    await database.close()
    await other.close()


async def test_a_server_that_cannot_be_reached_is_one_clear_line(postgres: Postgres) -> None:
    assert "does not exist" in await open_failing(f"postgresql://postgres@127.0.0.1:{postgres.port}/missing")
    assert "does not exist" in await open_failing(f"postgresql://nobody@127.0.0.1:{postgres.port}/postgres")
    assert "can't be opened" in await open_failing("postgresql://postgres@127.0.0.1:1/postgres")
