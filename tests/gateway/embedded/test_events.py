"""Events of the embedded server: what is written down, who hears of it, and who does not."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Connection, select, update

from gateway.embedded import create_app
from gateway.embedded.database import Database, open_database
from gateway.embedded.events import LISTENERS, Event, emit, receive
from gateway.embedded.events.order import WAITING, WAITS, release
from gateway.embedded.events.retention import AT_ONCE, forget
from gateway.embedded.events.tables import EVENTS, INVOLVED
from gateway.embedded.moments import now
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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What those hear that need the order of events."""
    told: list[str] = []
    monkeypatch.setattr(f"{emit.__module__}.IN_ORDER", [lambda _, event: told.append(event.id)])
    return told


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


async def test_an_event_waits_for_the_one_that_it_follows(database: Database, told: list[str]) -> None:
    first = coffee()
    chain = [first]
    for _ in range(4):
        chain.append(coffee(follows=chain[-1].id))
    apart = coffee()
    for batch in ([chain[2], apart], [chain[4]], [chain[3]], [chain[1], chain[0]]):
        await database.write(lambda connection, batch=batch: receive(connection, batch))  # type: ignore[misc]  # mypy can't infer a lambda's default
    assert told == [apart.id, *(event.id for event in chain)]
    assert len(await database.read(lambda connection: connection.execute(select(EVENTS.c.id)).all())) == 6
    await release(database)
    assert len(told) == 6


async def test_what_waits_in_vain_is_told_after_a_time(database: Database, told: list[str]) -> None:
    lost, late = coffee(), coffee()
    waiting = [coffee(follows=lost.id), coffee(follows=late.id)]
    await database.write(lambda connection: receive(connection, waiting))
    await release(database)
    assert told == []
    # Written by the server itself, which does not look for those that wait.
    await database.write(lambda connection: emit(connection, late))
    await release(database)
    assert told == [late.id, waiting[1].id]
    long_ago = {"received": now() - WAITS}
    await database.write(lambda connection: connection.execute(update(WAITING).values(long_ago)) and None)
    await release(database)
    assert told == [late.id, waiting[1].id, waiting[0].id]


async def test_old_events_are_deleted_with_what_they_involve(database: Database) -> None:
    old = [coffee(occurred=now() - timedelta(days=8)) for _ in range(AT_ONCE + 1)]
    young = coffee(occurred=now() - timedelta(days=6))
    await database.write(lambda connection: emit(connection, *old, young))
    await forget(database, timedelta(days=7))
    for column in (EVENTS.c.id, INVOLVED.c.event_id):
        left = await database.read(lambda connection, column=column: set(connection.scalars(select(column))))  # type: ignore[misc]  # mypy can't infer a lambda's default
        assert left == {young.id}


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_task_runs_end_in_their_last_state_in_whichever_order_it_is_told(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    app = create_app(f"sqlite:///{tmp_path / 'embedded.db'}", services=False)
    ids = [str(uuid4()) for _ in range(4)]
    run, begun = ids[3], now()
    states = [
        {
            "event": f"prefect.task-run.{name.title()}",
            "id": ids[place],
            "follows": ids[place - 1] if place else None,
            "occurred": (begun + timedelta(milliseconds=place)).isoformat(),
            "resource": {"prefect.resource.id": f"prefect.task-run.{run}", "prefect.orchestration": "client"},
            "payload": {
                "validated_state": {"type": name, "name": name.title()},
                "task_run": {"name": "t", "task_key": "t", "dynamic_key": "0", "run_count": min(place, 1)},
            },
        }
        for place, name in enumerate(("PENDING", "RUNNING", "COMPLETED"))
    ]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as client,
    ):
        for place in order:
            assert (await client.post("/events", json=[states[place]])).status_code == 204
        found = (await client.get(f"/task_runs/{run}")).json()
        told = (await client.get("/task_run_states/", params={"task_run_id": run})).json()
    assert (found["state_name"], found["run_count"]) == ("Completed", 1)
    assert [state["name"] for state in told] == ["Pending", "Running", "Completed"]
