"""Work pools, queues, workers and schedules through the gateway; over the embedded server and a real Prefect."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.stack import Gateway, calls, open_gateway, uuid
from tests.gateway.test_mutations import change, changes, gateway, name, new_flow, rest

__all__ = ["gateway"]
pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")


def scheduled(time: str) -> dict[str, Any]:
    return {"type": "SCHEDULED", "stateDetails": {"scheduledTime": time}}


async def test_pools(gateway: Gateway) -> None:
    pool = name()
    made = await change(
        gateway, "createWorkPool(input: $input) { name type isPaused }", input={"name": pool, "type": "k"}
    )
    assert made == {"name": pool, "type": "k", "isPaused": False}
    changed, sent = await changes(
        gateway,
        "updateWorkPool(name: $name, input: $input) { description status }",
        name=pool,
        input={"description": "d"},
    )
    assert changed == {"description": "d", "status": "NOT_READY"}
    assert sent == ["PATCH /work_pools/ID", "GET /work_pools/ID"]
    status = (
        "query ($name: String!) { workPoolConcurrencyStatus(name: $name) { activeSlots count queues { queueName } } }"
    )
    assert (await gateway.data(status, {"name": pool}))["workPoolConcurrencyStatus"] == {
        "activeSlots": 0,
        "count": 1,
        "queues": [{"queueName": "default"}],
    }
    assert await change(gateway, "deleteWorkPool(name: $name)", name=pool) == pool
    assert await rest(gateway, f"/work_pools/{pool}") is None
    assert (await gateway.data(status, {"name": pool}))["workPoolConcurrencyStatus"] is None
    assert (await gateway.error("deleteWorkPool(name: $name)", name=pool))["extensions"]["code"] == "NOT_FOUND"


async def test_queues(gateway: Gateway) -> None:
    pool = name()
    await change(gateway, "createWorkPool(input: $input) { id }", input={"name": pool, "type": "process"})
    create = (
        "createWorkQueueInWorkPool(workPoolName: $workPoolName, input: $input) { id name priority workPool { name } }"
    )
    queue = await change(gateway, create, workPoolName=pool, input={"name": "fast", "priority": 1})
    assert queue == {"id": queue["id"], "name": "fast", "priority": 1, "workPool": {"name": pool}}
    update = "updateWorkQueueInWorkPool(workPoolName: $workPoolName, name: $name, input: $input) { id name isPaused }"
    given = {"workPoolName": pool, "name": "fast", "input": {"name": "slow", "isPaused": True}}
    changed = await change(gateway, update, **given)
    assert changed == {"id": queue["id"], "name": "slow", "isPaused": True}
    by_id = await change(
        gateway, "updateWorkQueue(id: $id, input: $input) { description }", id=queue["id"], input={"description": "d"}
    )
    assert by_id == {"description": "d"}
    one = """query ($id: ID!, $pool: String!) {
      workQueueInWorkPool(workPoolName: $pool, name: "slow") { id status }
      workQueueStatus(id: $id) { healthy lateRunsCount healthCheckPolicy { maximumLateRuns } }
      workQueueConcurrencyStatus(id: $id) { activeSlots flowRuns { id } }
    }"""
    assert await gateway.data(one, {"id": queue["id"], "pool": pool}) == {
        "workQueueInWorkPool": {"id": queue["id"], "status": "PAUSED"},
        "workQueueStatus": {"healthy": False, "lateRunsCount": 0, "healthCheckPolicy": {"maximumLateRuns": 0}},
        "workQueueConcurrencyStatus": {"activeSlots": 0, "flowRuns": []},
    }
    delete = "deleteWorkQueueInWorkPool(workPoolName: $workPoolName, name: $name)"
    assert await change(gateway, delete, workPoolName=pool, name="slow") == "slow"
    assert (await gateway.data(one, {"id": queue["id"], "pool": pool}))["workQueueInWorkPool"] is None
    free = await change(gateway, "createWorkQueue(input: $input) { id workPoolName }", input={"name": name()})
    assert free["workPoolName"] == "default-agent-pool"
    assert await change(gateway, "deleteWorkQueue(id: $id)", id=free["id"]) == free["id"]


async def test_workers(gateway: Gateway) -> None:
    pool = name()
    await change(gateway, "createWorkPool(input: $input) { id }", input={"name": pool, "type": "process"})
    beat = (
        "heartbeatWorker(workPoolName: $workPoolName, name: $name, heartbeatIntervalSeconds: $heartbeatIntervalSeconds)"
    )
    assert await change(gateway, beat, workPoolName=pool, name="w", heartbeatIntervalSeconds=30) == "w"
    workers = """query ($pool: String!, $status: WorkerStatus!) {
      workers(workPoolName: $pool, filter: {status: {any: [$status]}}) { nodes { name status workPool { name status } } totalCount }
      workPool(name: $pool) { workers { nodes { name heartbeatIntervalSeconds } } }
    }"""
    found = await gateway.data(workers, {"pool": pool, "status": "ONLINE"})
    assert found == {
        "workers": {
            "nodes": [{"name": "w", "status": "ONLINE", "workPool": {"name": pool, "status": "READY"}}],
            "totalCount": 1,
        },
        "workPool": {"workers": {"nodes": [{"name": "w", "heartbeatIntervalSeconds": 30}]}},
    }
    assert (await gateway.data(workers, {"pool": pool, "status": "OFFLINE"}))["workers"]["totalCount"] == 0
    delete = "deleteWorker(workPoolName: $workPoolName, name: $name)"
    assert await change(gateway, delete, workPoolName=pool, name="w") == "w"
    assert (await gateway.error(delete, workPoolName=pool, name="w"))["extensions"]["code"] == "NOT_FOUND"
    assert (await gateway.data("{ taskWorkers(filter: {taskKeys: []}) { identifier taskKeys timestamp } }"))[
        "taskWorkers"
    ] == []


async def test_schedules(gateway: Gateway) -> None:
    flow = await new_flow(gateway)
    deployment = (
        await change(gateway, "createDeployment(input: $input) { id }", input={"name": name(), "flowId": flow})
    )["id"]
    create = "createDeploymentSchedules(id: $id, input: $input) { id slug active schedule { cron } }"
    (schedule,) = await change(
        gateway, create, id=deployment, input=[{"schedule": {"cron": "0 0 * * *"}, "slug": "nightly"}]
    )
    assert schedule == {"id": schedule["id"], "slug": "nightly", "active": True, "schedule": {"cron": "0 0 * * *"}}
    make = "scheduleDeployment(id: $id, startTime: $startTime, maxRuns: $maxRuns) { flowRuns(sort: NAME_ASC) { nodes { expectedStartTime autoScheduled tags createdBy { type displayValue } } totalCount } }"
    made = await change(gateway, make, id=deployment, startTime="2031-01-01T12:00:00Z", maxRuns=1)
    assert made["flowRuns"] == {
        "nodes": [
            {
                "expectedStartTime": "2031-01-02T00:00:00Z",
                "autoScheduled": True,
                "tags": ["auto-scheduled"],
                "createdBy": {"type": "SCHEDULE", "displayValue": "nightly"},
            }
        ],
        "totalCount": 1,
    }
    update = "updateDeploymentSchedule(id: $id, scheduleId: $scheduleId, input: $input) { id active schedule { cron } }"
    changed, sent = await changes(gateway, update, id=deployment, scheduleId=schedule["id"], input={"active": False})
    assert changed == {"id": schedule["id"], "active": False, "schedule": {"cron": "0 0 * * *"}}
    assert sent == ["PATCH /deployments/ID/schedules/ID", "GET /deployments/ID/schedules"]
    read = "query ($id: ID!) { deploymentSchedules(id: $id) { slug active } deploymentWorkQueueCheck(id: $id) { id } }"
    read_back = await gateway.data(read, {"id": deployment})
    assert read_back["deploymentSchedules"] == [{"slug": "nightly", "active": False}]
    assert isinstance(read_back["deploymentWorkQueueCheck"], list)
    delete = "deleteDeploymentSchedule(id: $id, scheduleId: $scheduleId)"
    assert await change(gateway, delete, id=deployment, scheduleId=schedule["id"]) == schedule["id"]
    assert (await gateway.data(read, {"id": deployment}))["deploymentSchedules"] == []
    assert (await gateway.data(read, {"id": uuid(404)}))["deploymentSchedules"] is None


@pytest.fixture(params=["compiled", "graphql-core"])
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Gateway]:
    """A gateway over three pools of three queues each, whose pages hold ten rows."""
    settings = {"database_url": f"sqlite:///{tmp_path / 'test.db'}", "page_size": 10}
    async with open_gateway(**settings, compiled=request.param == "compiled") as opened:
        for pool in "abc":
            await rest(opened, "/work_pools/filter", {})
            (await opened.http.post("/api/work_pools/", json={"name": pool, "type": "process"})).raise_for_status()
            for queue in "zy":
                body = {"name": f"{pool}{queue}", "priority": 1}
                (await opened.http.post(f"/api/work_pools/{pool}/queues", json=body)).raise_for_status()
        yield opened


async def test_what_workers_are_handed(fresh: Gateway) -> None:
    flow = await new_flow(fresh)
    times = ("2032-01-01T00:00:00Z", "2031-01-01T00:00:00Z")
    for time in times:
        given = {"flowId": flow, "name": time, "workPoolName": "a", "workQueueName": "az", "state": scheduled(time)}
        await change(fresh, "createFlowRun(input: $input) { id }", input=given)
    poll = """getScheduledFlowRunsOfWorkPool(name: $name, scheduledBefore: $scheduledBefore) {
      flowRun { name flow { id } } workPool { name } workQueue { id name lastPolled }
    }"""
    asked = {"name": "a", "scheduledBefore": "2033-01-01T00:00:00Z"}
    handed = await change(fresh, poll, **asked)
    assert [run["flowRun"]["name"] for run in handed] == sorted(times)
    assert handed[0]["flowRun"]["flow"] == {"id": flow}
    queue = handed[0]["workQueue"]
    assert (handed[0]["workPool"], queue["name"]) == ({"name": "a"}, "az")
    assert queue["lastPolled"] is not None
    of_queue = await change(fresh, "getRunsOfWorkQueue(id: $id, limit: $limit) { name }", id=queue["id"], limit=1)
    assert of_queue == [{"name": times[1]}]
    deployment = await change(fresh, "createDeployment(input: $input) { id }", input={"name": "d", "flowId": flow})
    later = {"name": "of d", "state": scheduled(times[0])}
    await change(fresh, "createFlowRunFromDeployment(id: $id, input: $input) { id }", id=deployment["id"], input=later)
    due = "getScheduledFlowRunsOfDeployments(deploymentIds: $deploymentIds) { name deployment { status } }"
    polled = await change(fresh, due, deploymentIds=[deployment["id"]])
    assert polled == [{"name": "of d", "deployment": {"status": "READY"}}]


QUEUES = """query ($filter: WorkQueueFilter) {
  workPools { nodes { name workQueues(first: 2, filter: $filter) { nodes { name } totalCount pageInfo { hasNextPage } } } }
}"""
ALL = {pool: [f"{pool}y", f"{pool}z", "default"] for pool in "abc"}


def queues(answered: Any, first: int = 2) -> None:
    """Check that each pool has its own queues, by priority."""
    found = {pool["name"]: pool["workQueues"] for pool in answered["data"]["workPools"]["nodes"]}
    assert found == {
        pool: {
            "nodes": [{"name": each} for each in names[:first]],
            "totalCount": 3,
            "pageInfo": {"hasNextPage": True},
        }
        for pool, names in ALL.items()
    }


@pytest.mark.parametrize(
    "filter_", [None, {"operator": "OR", "name": {"startswith": ["a", "b", "c", "d"]}, "id": None}]
)
async def test_the_queues_of_several_pools_are_one_call(fresh: Gateway, filter_: Any) -> None:
    for _ in range(2):  # the second time it is compiled
        answered = await fresh.ask(QUEUES, {"filter": filter_})
        queues(answered)
        assert calls(answered) == ["POST /work_pools/filter", "POST /work_queues/filter"]


async def test_where_a_page_has_not_all_queues_each_pool_is_asked(fresh: Gateway) -> None:
    (await fresh.http.post("/api/work_queues/", json={"name": "more"})).raise_for_status()
    only = {"name": {"any": [name for names in ALL.values() for name in names] + ["more"]}}
    for _ in range(2):
        answered = await fresh.ask(
            QUEUES.replace("workPools {", 'workPools(filter: {name: {any: ["a", "b", "c"]}}) {'), {"filter": only}
        )
        queues(answered)
        per_pool = [f"POST /work_pools/{pool}/queues/filter" for pool in "abc"]
        # The rows of each pool, of which a page of three does not tell whether they are all, and their number.
        assert sorted(calls(answered)) == sorted(["POST /work_pools/filter", "POST /work_queues/filter", *per_pool * 2])


async def test_the_queues_of_one_pool_are_asked_of_it(fresh: Gateway) -> None:
    one = '{ workPool(name: "b") { workQueues(first: 2, offset: 1) { nodes { name priority } totalCount } } }'
    for _ in range(2):
        answered = await fresh.ask(one)
        assert answered["data"]["workPool"]["workQueues"] == {
            "nodes": [{"name": "bz", "priority": 2}, {"name": "default", "priority": 3}],
            "totalCount": 3,
        }
        assert calls(answered) == ["GET /work_pools/b", "POST /work_pools/b/queues/filter"]
