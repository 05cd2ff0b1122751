"""Events of the embedded server: what is written down, who hears of it, and who does not."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, select

from gateway.embedded.database import Database, open_database
from gateway.embedded.events import LISTENERS, Event, emit, receive
from gateway.embedded.events.tables import EVENTS, INVOLVED
from gateway.embedded.tables import METADATA

QUEUE = {"prefect.resource.id": "prefect.work-queue.1", "prefect.resource.role": "work-queue"}


def coffee(**given: object) -> Event:
    return Event("coffee.made", {"prefect.resource.id": "kitchen.1"}, [QUEUE], {"cups": 2}, **given)  # type: ignore[arg-type]  # as the caller says


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, METADATA)
    yield database
    await database.close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(f"{emit.__module__}.LISTENERS", [lambda _, event: heard.append(event.id)])
    return heard


async def test_an_event_is_written_with_the_resources_that_it_involves(database: Database) -> None:
    event = coffee()
    await database.write(lambda connection: emit(connection, event))
    (row,) = await database.read(lambda connection: connection.execute(select(EVENTS)).mappings().all())
    assert (row["id"], row["resource_id"], row["occurred"]) == (event.id, "kitchen.1", event.occurred)
    involved = await database.read(lambda connection: set(connection.scalars(select(INVOLVED.c.resource_id))))
    assert involved == {"kitchen.1", "prefect.work-queue.1"}


async def test_an_event_that_is_sent_twice_is_heard_of_once(database: Database, heard: list[str]) -> None:
    first, second = coffee(), coffee()
    await database.write(lambda connection: receive(connection, [first, first]))
    await database.write(lambda connection: receive(connection, [first, second]))
    assert heard == [first.id, second.id]


async def test_what_a_listener_refuses_is_not_written(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_connection: Connection, _event: Event) -> None:
        raise ValueError("no coffee")

    monkeypatch.setattr(f"{emit.__module__}.LISTENERS", [*LISTENERS, refuse])
    with pytest.raises(ValueError, match="no coffee"):
        await database.write(lambda connection: emit(connection, coffee()))
    assert await database.read(lambda connection: connection.execute(select(EVENTS)).all()) == []
