"""Slots of concurrency limits: never more than there are, whoever asks at once; leases that end, runs that wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, update

from gateway.embedded import create_app
from gateway.embedded.concurrency.leases import LEASES, reclaim_all
from gateway.embedded.concurrency.slots import LIMITS, OCCUPANCY
from gateway.embedded.moments import now
from gateway.embedded.orchestration.runs import mark_late
from tests.postgres import Postgres

CLIENTS = 20
SLOTS = 5
ROUTE = "/v2/concurrency_limits"
RENEWING = {"user-agent": "prefect/3.9.1 (API 0.8.4)"}
TASK_RUN = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('embedded') / 'embedded.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = await server.create_database()
    app = create_app(url, services=False)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as client:
        yield client


async def post(client: httpx.AsyncClient, path: str, body: Any, **options: Any) -> Any:
    response = await client.post(path, json=body, **options)
    assert response.is_success, response.text
    return response.json() if response.content else None


async def slots(client: httpx.AsyncClient, name: str) -> int:
    found: int = (await client.get(f"{ROUTE}/{name}")).json()["active_slots"]
    return found


async def pass_time(app: FastAPI, **time: int) -> None:
    """Let time pass for limits and leases, as far as they know."""
    past = timedelta(**time)

    def run(connection: Connection) -> None:
        moment = now()
        connection.execute(update(LIMITS).values(updated=moment - past))
        connection.execute(update(LEASES).where(LEASES.c.expires.is_not(None)).values(expires=moment - past))

    await app.state.database.write(run)


async def deployed(client: httpx.AsyncClient, runs: int, **deployment: Any) -> tuple[str, list[str]]:
    """Create a deployment with runs; return their ids."""
    flow = await post(client, "/flows/", {"name": "flow"})
    made = await post(client, "/deployments/", {"name": str(uuid4()), "flow_id": flow["id"], **deployment})
    return made["id"], [await run_of(client, made["id"]) for _ in range(runs)]


async def run_of(client: httpx.AsyncClient, deployment: str) -> str:
    return str((await post(client, f"/deployments/{deployment}/create_flow_run", {}))["id"])


async def put(client: httpx.AsyncClient, run: str, state: str, **options: Any) -> Any:
    """Propose a state for a flow run; return the verdict and the state it is in."""
    answer = await post(client, f"/flow_runs/{run}/set_state", {"state": {"type": state}}, **options)
    return (
        answer["status"],
        answer["state"]["name"],
        answer["state"]["state_details"]["deployment_concurrency_lease_id"],
    )


async def test_clients_that_ask_at_once_get_as_many_slots_as_there_are(client: httpx.AsyncClient) -> None:
    for name in ("one", "two"):
        await post(client, f"{ROUTE}/", {"name": name, "limit": SLOTS})

    async def ask(number: int) -> Any:
        names = ["one", "two"] if number % 2 else ["two", "one"]
        return await client.post(f"{ROUTE}/increment-with-lease", json={"names": names, "slots": 1})

    answers = await asyncio.gather(*map(ask, range(CLIENTS)))
    granted = [answer.json()["lease_id"] for answer in answers if answer.status_code == 200]
    assert [answer.status_code for answer in answers].count(423) == CLIENTS - SLOTS
    assert len(granted) == SLOTS
    assert [await slots(client, name) for name in ("one", "two")] == [SLOTS, SLOTS]
    # Each lease is ended by several clients at once, and gives its slot back once.
    ending = [client.post(f"{ROUTE}/decrement-with-lease", json={"lease_id": lease}) for lease in granted[1:] * 3]
    assert {answer.status_code for answer in await asyncio.gather(*ending)} == {204}
    assert [await slots(client, name) for name in ("one", "two")] == [1, 1]


async def test_runs_that_are_submitted_at_once_keep_to_their_deployments_limit(client: httpx.AsyncClient) -> None:
    deployment, runs = await deployed(client, CLIENTS, concurrency_limit=SLOTS)
    verdicts = await asyncio.gather(*(put(client, run, "PENDING") for run in runs))
    assert sorted((status, name) for status, name, _ in verdicts) == [
        *[("ACCEPT", "Pending")] * SLOTS,
        *[("REJECT", "AwaitingConcurrencySlot")] * (CLIENTS - SLOTS),
    ]
    assert await slots(client, f"deployment:{deployment}") == SLOTS


async def test_task_runs_wait_for_slots_of_all_their_tags(client: httpx.AsyncClient) -> None:
    flow = await post(client, "/flows/", {"name": "flow"})
    run = await post(client, "/flow_runs/", {"flow_id": flow["id"], "state": {"type": "RUNNING"}})
    for tag, limit in (("wide", 3), ("narrow", 1), ("closed", 0)):
        await post(client, "/concurrency_limits/", {"tag": tag, "concurrency_limit": limit})

    async def task(key: str, *tags: str) -> str:
        body = {"flow_run_id": run["id"], "task_key": "t", "dynamic_key": key, "tags": tags}
        return str((await post(client, "/task_runs/", body))["id"])

    async def put(task_run: str, state: str, *, force: bool = False) -> tuple[str, str]:
        body = {"state": {"type": state}, "force": force}
        answer = await post(client, f"/task_runs/{task_run}/set_state", body)
        return answer["status"], answer["details"].get("reason")

    async def holders(tag: str) -> Sequence[str]:
        found: list[str] = (await client.get(f"/concurrency_limits/tag/{tag}")).json()["active_slots"]
        return found

    first, second, third = await task("1", "wide", "narrow"), await task("2", "narrow", "wide", "x"), await task("3")
    assert await put(first, "RUNNING") == ("ACCEPT", None)
    assert await put(first, "RUNNING") == ("ACCEPT", None)
    assert await put(second, "RUNNING") == ("WAIT", "Concurrency limit reached for tags: narrow, wide")
    assert await put(third, "RUNNING") == ("ACCEPT", None)
    assert (await holders("narrow"), await holders("wide")) == ([first], [first])
    assert await put(first, "COMPLETED", force=True) == ("ACCEPT", None)
    assert (await holders("narrow"), await slots(client, "tag:wide")) == ([], 0)
    assert await put(second, "RUNNING") == ("ACCEPT", None)
    closed = await task("4", "closed", "wide")
    reason = 'The concurrency limit on tag "closed" is 0 and will deadlock if the task tries to run again.'
    assert await put(closed, "RUNNING") == ("ABORT", reason)
    assert (await holders("narrow"), await holders("wide")) == ([second], [second])


async def test_a_limit_is_reset_by_itself(client: httpx.AsyncClient) -> None:
    for tag in ("left", "right"):
        await post(client, "/concurrency_limits/", {"tag": tag, "concurrency_limit": 1})
    both = {"names": ["left", "right"], "task_run_id": TASK_RUN}
    await post(client, "/concurrency_limits/increment", both)
    await post(client, "/concurrency_limits/tag/left/reset", {})
    assert [await slots(client, f"tag:{tag}") for tag in ("left", "right")] == [0, 1]
    await post(client, "/concurrency_limits/increment", {**both, "names": ["left"]})
    await post(client, "/concurrency_limits/decrement", both)
    assert [await slots(client, f"tag:{tag}") for tag in ("left", "right")] == [0, 0]


async def test_a_task_run_that_must_wait_for_its_time_gives_its_slots_back(client: httpx.AsyncClient) -> None:
    flow = await post(client, "/flows/", {"name": "flow"})
    run = await post(client, "/flow_runs/", {"flow_id": flow["id"], "state": {"type": "RUNNING"}})
    await post(client, "/concurrency_limits/", {"tag": "later", "concurrency_limit": 1})
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}
    body = {"flow_run_id": run["id"], "task_key": "t", "dynamic_key": "1", "tags": ["later"], "state": later}
    task = await post(client, "/task_runs/", body)
    answer = await post(client, f"/task_runs/{task['id']}/set_state", {"state": {"type": "RUNNING"}})
    assert (answer["status"], answer["details"]["reason"]) == ("WAIT", "Scheduled time is in the future")
    assert await slots(client, "tag:later") == 0


async def test_slots_of_a_lease_that_ended_are_free_again(app: FastAPI, client: httpx.AsyncClient) -> None:
    await post(client, f"{ROUTE}/", {"name": "limit", "limit": 3})
    await post(client, "/concurrency_limits/", {"tag": "tag", "concurrency_limit": 1})
    await post(client, "/concurrency_limits/increment", {"names": ["tag"], "task_run_id": TASK_RUN})
    ask = {"names": ["limit"], "slots": 1}
    ended, renewed = [(await post(client, f"{ROUTE}/increment-with-lease", ask))["lease_id"] for _ in range(2)]
    await reclaim_all(app.state.database)
    assert await slots(client, "limit") == 2
    await pass_time(app, minutes=1)
    await post(client, f"{ROUTE}/leases/{renewed}/renew", {})
    await reclaim_all(app.state.database)
    assert (await slots(client, "limit"), await slots(client, "tag:tag")) == (1, 1)
    assert (await client.post(f"{ROUTE}/leases/{ended}/renew", json={})).status_code == 410


async def test_slots_decay(app: FastAPI, client: httpx.AsyncClient) -> None:
    await post(client, f"{ROUTE}/", {"name": "rate", "limit": 10, "slot_decay_per_second": 0.1})
    ask = {"names": ["rate"], "slots": 10, "mode": "rate_limit"}
    await post(client, f"{ROUTE}/increment", ask)
    denied = await client.post(f"{ROUTE}/increment", json=ask)
    assert denied.status_code == 423
    assert 0.75 <= float(denied.headers["retry-after"]) / (10 / 0.1) <= 1.3
    await pass_time(app, seconds=50)
    assert await slots(client, "rate") == 5
    await post(client, f"{ROUTE}/increment", {**ask, "slots": 5})
    assert await slots(client, "rate") == 10


async def test_who_finds_no_slot_is_told_to_wait_the_longer_the_more_wait(client: httpx.AsyncClient) -> None:
    await post(client, f"{ROUTE}/", {"name": "awaited", "limit": 2, "active_slots": 2})
    for waiting in (1, 2, 3):
        denied = await client.post(f"{ROUTE}/increment", json={"names": ["awaited"], "slots": 1})
        assert 0.75 <= float(denied.headers["retry-after"]) / (waiting * OCCUPANCY / 2) <= 1.3
    await post(client, f"{ROUTE}/decrement", {"names": ["awaited"], "slots": 1, "occupancy_seconds": 3600})
    await post(client, f"{ROUTE}/increment", {"names": ["awaited"], "slots": 1})
    denied = await client.post(f"{ROUTE}/increment", json={"names": ["awaited"], "slots": 1})
    assert 0.75 <= float(denied.headers["retry-after"]) / 30 <= 1.3


async def test_who_cannot_renew_a_lease_holds_the_slot_until_the_run_ends(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    deployment, (run,) = await deployed(client, 1, concurrency_limit=1)
    await put(client, run, "PENDING")
    await put(client, run, "RUNNING")
    await pass_time(app, minutes=1)
    await reclaim_all(app.state.database)
    assert await slots(client, f"deployment:{deployment}") == 1
    await put(client, run, "COMPLETED")
    assert await slots(client, f"deployment:{deployment}") == 0


async def test_who_renews_a_lease_loses_the_slot_where_that_ends(app: FastAPI, client: httpx.AsyncClient) -> None:
    deployment, (first, second, third) = await deployed(client, 3, concurrency_limit=1)
    name = f"deployment:{deployment}"
    await put(client, first, "PENDING", headers=RENEWING)
    _, _, lease = await put(client, first, "RUNNING", headers=RENEWING)
    await post(client, f"{ROUTE}/leases/{lease}/renew", {})
    await pass_time(app, minutes=1)
    await reclaim_all(app.state.database)
    assert await slots(client, name) == 0
    # Its end gives no slot back that others have taken since.
    await put(client, second, "PENDING", headers=RENEWING)
    await put(client, first, "COMPLETED", headers=RENEWING)
    assert await slots(client, name) == 1
    # A run whose lease ended before it started takes a free slot, or is cancelled where there is none.
    await pass_time(app, minutes=1)
    await reclaim_all(app.state.database)
    status, state, lease = await put(client, second, "RUNNING", headers=RENEWING)
    assert (status, state, await slots(client, name)) == ("ACCEPT", "Running", 1)
    assert lease is not None
    await pass_time(app, minutes=1)
    await reclaim_all(app.state.database)
    await put(client, third, "PENDING", headers=RENEWING)
    await pass_time(app, minutes=1)
    await reclaim_all(app.state.database)
    await client.patch(f"{ROUTE}/{name}", json={"active_slots": 1})
    status, state, _ = await put(client, third, "RUNNING", headers=RENEWING)
    assert (status, state) == ("REJECT", "Cancelled")


async def test_a_late_run_is_cancelled_where_new_ones_are(app: FastAPI, client: httpx.AsyncClient) -> None:
    options = {"collision_strategy": "CANCEL_NEW"}
    deployment, (first, second) = await deployed(client, 2, concurrency_limit=1, concurrency_options=options)

    async def late(run: str) -> str:
        outcome = await app.state.database.write(lambda connection: mark_late(connection, run))
        return str(outcome.state["name"])

    assert await late(second) == "Late"
    await put(client, first, "PENDING")
    assert await late(await run_of(client, deployment)) == "Cancelled"


async def test_a_limit_that_is_not_in_force_limits_nothing(client: httpx.AsyncClient) -> None:
    deployment, runs = await deployed(client, 2, concurrency_limit=1)
    await client.patch(f"{ROUTE}/deployment:{deployment}", json={"active": False})
    assert [(await put(client, run, "PENDING"))[0] for run in runs] == ["ACCEPT", "ACCEPT"]
    assert await slots(client, f"deployment:{deployment}") == 0
