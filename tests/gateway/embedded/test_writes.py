"""The routes that write, on both databases: at once, all or nothing, and with what hangs together."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.embedded import create_app

UNKNOWN = "00000000-0000-0000-0000-000000000001"
AT_ONCE = 32


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(database_url)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedded") as client,
    ):
        yield client


async def post(client: httpx.AsyncClient, path: str, body: Any, *statuses: int) -> Any:
    response = await client.post(path, json=body)
    assert response.status_code in (statuses or (200, 201)), response.text
    return response.json()


async def get(client: httpx.AsyncClient, path: str) -> Any:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
async def flow(client: httpx.AsyncClient) -> str:
    created = await post(client, "/flows/", {"name": "flow", "labels": {"team": "data"}}, 201)
    return str(created["id"])


async def create_run(client: httpx.AsyncClient, flow: str, **values: Any) -> str:
    return str((await post(client, "/flow_runs/", {"flow_id": flow, **values}, 201))["id"])


async def test_a_flow_is_created_once_by_many(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/flows/", json={"name": "one"}) for _ in range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [200] * (AT_ONCE - 1) + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_run_is_created_once_by_its_key(client: httpx.AsyncClient, flow: str) -> None:
    body = {"flow_id": flow, "idempotency_key": "k"}
    answers = await asyncio.gather(*(client.post("/flow_runs/", json=body) for _ in range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [200] * (AT_ONCE - 1) + [201]
    assert len(await get(client, f"/flow_run_states/?flow_run_id={answers[0].json()['id']}")) == 1


async def test_writers_at_once_lose_nothing(client: httpx.AsyncClient, flow: str) -> None:
    async def live(number: int) -> None:
        run = await create_run(client, flow, name=f"n-{number}")
        for state in ("RUNNING", "COMPLETED"):
            await post(client, f"/flow_runs/{run}/set_state", {"state": {"type": state}}, 201)

    await asyncio.gather(*(live(number) for number in range(AT_ONCE)))
    completed = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    assert await post(client, "/flow_runs/count", completed) == AT_ONCE


async def test_one_run_set_by_many_has_a_state_for_each_answer(client: httpx.AsyncClient, flow: str) -> None:
    run = await create_run(client, flow)
    body = {"state": {"type": "RUNNING"}}
    answers = await asyncio.gather(*(client.post(f"/flow_runs/{run}/set_state", json=body) for _ in range(AT_ONCE)))
    assert {answer.status_code for answer in answers} == {201}
    assert (await get(client, f"/flow_runs/{run}"))["run_count"] == AT_ONCE
    assert len(await get(client, f"/flow_run_states/?flow_run_id={run}")) == AT_ONCE + 1


async def test_pending_is_given_to_one_worker_only(client: httpx.AsyncClient, flow: str) -> None:
    run = await create_run(client, flow, state={"type": "SCHEDULED"})
    body = {"state": {"type": "PENDING"}}
    answers = await asyncio.gather(*(client.post(f"/flow_runs/{run}/set_state", json=body) for _ in range(AT_ONCE)))
    assert sorted(answer.json()["status"] for answer in answers) == ["ABORT"] * (AT_ONCE - 1) + ["ACCEPT"]


async def test_a_refused_request_leaves_nothing(client: httpx.AsyncClient, flow: str) -> None:
    body = {"name": "d", "flow_id": flow, "work_queue_name": "made", "schedules": [{"schedule": {"cron": "never"}}]}
    answer = await post(client, "/deployments/", body, 422)
    assert 'Invalid cron string: "never"' in answer["exception_detail"][0]["msg"]
    assert await post(client, "/deployments/count", {}) == 0
    assert await post(client, "/work_queues/filter", {}) == []


async def test_of_many_runs_each_that_refers_to_nothing_is_told(client: httpx.AsyncClient, flow: str) -> None:
    deployment = (await post(client, "/deployments/", {"name": "d", "flow_id": flow}))["id"]
    runs = [{"name": "first"}, {"parent_task_run_id": UNKNOWN}, {"name": "last"}]
    results = (await post(client, f"/deployments/{deployment}/create_flow_run/bulk", runs, 200))["results"]
    assert [result["status"] for result in results] == ["CREATED", "FAILED", "CREATED"]
    assert results[1]["flow_run_id"] is None
    assert "refers to what is not there" in results[1]["error"]
    assert await post(client, "/flow_runs/count", {}) == 2


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule": {}},
        {"schedule": {"interval": 0}},
        {"schedule": {"interval": 5, "cron": "* * * * *"}},
        {"schedule": {"rrule": "nonsense"}},
        {"schedule": {"cron": "@daily", "timezone": "No/Where"}},
        {"schedule": {"interval": 5}, "max_scheduled_runs": 51},
    ],
)
async def test_a_schedule_that_makes_no_sense_is_refused(client: httpx.AsyncClient, flow: str, schedule: Any) -> None:
    body = {"name": "d", "flow_id": flow, "schedules": [schedule], "work_pool_name": "none"}
    made = await client.post("/deployments/", json=body)
    changed = await client.patch(f"/deployments/{UNKNOWN}", json={"schedules": [schedule]})
    added = await client.post(f"/deployments/{UNKNOWN}/schedules", json=[schedule])
    for answer in (made, changed, added):
        assert answer.status_code == 422, answer.text
        assert answer.json()["exception_message"] == "Invalid request received."


async def test_numbers_of_any_length_stay_what_they_are(client: httpx.AsyncClient, flow: str) -> None:
    parameters = {"x": 2**80, "y": [2**63]}
    run = await create_run(client, flow, parameters=parameters)
    await post(client, f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED", "data": {"n": 2**70}}}, 201)
    found = await get(client, f"/flow_runs/{run}")
    assert (found["parameters"], found["state"]["data"]) == (parameters, {"n": 2**70})


async def test_a_subflow_run_takes_its_task_run_along(client: httpx.AsyncClient, flow: str) -> None:
    parent = await create_run(client, flow, state={"type": "RUNNING"})
    task = {"flow_run_id": parent, "task_key": "k", "dynamic_key": "0"}
    task_run = (await post(client, "/task_runs/", task, 201))["id"]
    child = await create_run(client, flow, parent_task_run_id=task_run)
    await post(client, f"/flow_runs/{child}/set_state", {"state": {"type": "RUNNING"}}, 201)
    state = (await get(client, f"/task_runs/{task_run}"))["state"]
    assert (state["type"], state["state_details"]["child_flow_run_id"]) == ("RUNNING", child)
    assert (await client.delete(f"/flow_runs/{parent}")).status_code == 204
    assert (await client.get(f"/task_runs/{task_run}")).status_code == 404
    assert (await get(client, f"/flow_runs/{child}"))["parent_task_run_id"] is None


async def test_a_cached_state_is_found_until_it_expires_or_is_deleted(client: httpx.AsyncClient) -> None:
    async def task_run(key: str) -> str:
        return str((await post(client, "/task_runs/", {"task_key": "k", "dynamic_key": key}, 201))["id"])

    async def set_state(run: str, type_: str, **details: Any) -> Any:
        return await post(client, f"/task_runs/{run}/set_state", {"state": {"type": type_, "state_details": details}})

    first, second, third = [await task_run(key) for key in "123"]
    await set_state(first, "COMPLETED", cache_key="old", cache_expiration="2020-01-01T00:00:00Z")
    assert (await set_state(second, "RUNNING", cache_key="old"))["status"] == "ACCEPT"
    await set_state(first, "COMPLETED", cache_key="new")
    assert (await set_state(third, "RUNNING", cache_key="new"))["state"]["name"] == "Cached"
    assert (await client.delete(f"/task_runs/{first}")).status_code == 204
    assert (await set_state(second, "RUNNING", cache_key="new"))["status"] == "ACCEPT"


async def test_deleting_a_flow_run_deletes_its_logs(client: httpx.AsyncClient, flow: str) -> None:
    run = await create_run(client, flow)
    log = {
        "name": "l",
        "level": 20,
        "message": "nul\0 is left out",
        "timestamp": "2034-01-01T00:00:00Z",
        "flow_run_id": run,
    }
    await post(client, "/logs/", [log], 201)
    assert [row["message"] for row in await post(client, "/logs/filter", {})] == ["nul is left out"]
    assert (await client.delete(f"/flow_runs/{run}")).status_code == 204
    assert await post(client, "/logs/filter", {}) == []


async def test_schedules_are_renamed_by_turns(client: httpx.AsyncClient, flow: str) -> None:
    schedules = [{"slug": slug, "schedule": {"cron": f"{minute} * * * *"}} for minute, slug in enumerate("ab")]
    deployment = await post(client, "/deployments/", {"name": "d", "flow_id": flow, "schedules": schedules}, 201)
    swapped = {"schedules": [{"slug": "b", "replaces": "a"}, {"slug": "a", "replaces": "b"}]}
    assert (await client.patch(f"/deployments/{deployment['id']}", json=swapped)).status_code == 204
    after = (await get(client, f"/deployments/{deployment['id']}"))["schedules"]
    assert {row["slug"]: row["schedule"]["cron"] for row in after} == {"a": "1 * * * *", "b": "0 * * * *"}


async def test_queues_make_way_for_one_of_a_higher_priority(client: httpx.AsyncClient) -> None:
    await post(client, "/work_pools/", {"name": "p", "type": "process"}, 201)
    for name in ("second", "third"):
        await post(client, "/work_pools/p/queues", {"name": name}, 201)
    await post(client, "/work_pools/p/queues", {"name": "first", "priority": 1}, 201)
    queues = await post(client, "/work_pools/p/queues/filter", {})
    assert [(row["priority"], row["name"]) for row in queues] == [
        (1, "first"),
        (2, "default"),
        (3, "second"),
        (4, "third"),
    ]


async def test_labels_come_from_the_flow_the_deployment_and_the_run(client: httpx.AsyncClient, flow: str) -> None:
    body = {"name": "d", "flow_id": flow, "labels": {"own": "deployment"}}
    deployment = (await post(client, "/deployments/", body, 201))["id"]
    run = await post(client, f"/deployments/{deployment}/create_flow_run", {"labels": {"team": "ml"}}, 201)
    assert run["labels"] == {
        "team": "ml",
        "own": "deployment",
        "prefect.flow.id": flow,
        "prefect.deployment.id": deployment,
    }


async def test_resuming_an_unknown_run_is_not_found(client: httpx.AsyncClient) -> None:
    assert await post(client, f"/flow_runs/{UNKNOWN}/resume", {}, 404) == {"detail": "Flow run not found"}


async def test_a_run_may_begin_in_a_state_with_data(client: httpx.AsyncClient, flow: str) -> None:
    run = await create_run(client, flow, state={"type": "COMPLETED", "data": {"a": 1}})
    assert (await get(client, f"/flow_runs/{run}"))["state"]["data"] == {"a": 1}


async def test_the_document_describes_the_writes(client: httpx.AsyncClient) -> None:
    paths = (await get(client, "/openapi.json"))["paths"]
    result = paths["/flow_runs/{id}/set_state"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert result == {"$ref": "#/components/schemas/OrchestrationResult"}
