"""Concurrency limits through the gateway: their rows, slots and leases; over the embedded server and a real Prefect."""

from typing import Any

import pytest

from tests.gateway.stack import Gateway, calls, uuid
from tests.gateway.test_mutations import change, changes, gateway, name, new_task_run, rest

__all__ = ["gateway"]
pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

GLOBAL = "{ id name limit active activeSlots slotDecayPerSecond }"
CREATE_GLOBAL = f"createGlobalConcurrencyLimit(input: $input) {GLOBAL}"
CREATE = "createConcurrencyLimit(input: $input) { id tag concurrencyLimit activeSlots }"
TAKE = "incrementConcurrencyLimits(names: $names, taskRunId: $taskRunId) { id name limit }"


async def test_global_limits(gateway: Gateway) -> None:
    given = {"name": name(), "limit": 1}
    limit, made = await changes(gateway, CREATE_GLOBAL, input=given)
    assert made == ["POST /v2/concurrency_limits/"]
    assert limit == {**given, "id": limit["id"], "active": True, "activeSlots": 0, "slotDecayPerSecond": 0}
    one = f"query ($id: ID, $name: String) {{ globalConcurrencyLimit(id: $id, name: $name) {GLOBAL} }}"
    for key in ({"id": limit["id"]}, {"name": given["name"]}):
        assert (await gateway.data(one, key))["globalConcurrencyLimit"] == limit
    assert (await gateway.data(one, {"name": name()}))["globalConcurrencyLimit"] is None
    every = await gateway.data("{ globalConcurrencyLimits(first: 200) { nodes { name } } }")
    assert {"name": given["name"]} in every["globalConcurrencyLimits"]["nodes"]

    changed, made = await changes(
        gateway, f"updateGlobalConcurrencyLimit(id: $id, input: $input) {GLOBAL}", id=limit["id"], input={"limit": 3}
    )
    assert changed == {**limit, "limit": 3}
    assert made == ["PATCH /v2/concurrency_limits/ID", "GET /v2/concurrency_limits/ID"]

    take = (
        "incrementGlobalConcurrencyLimits(names: $names, slots: $slots) { name globalConcurrencyLimit { activeSlots } }"
    )
    asked: dict[str, Any] = {"names": [given["name"]], "slots": 2}
    taken = await change(gateway, take, **asked)
    assert taken == [{"name": given["name"], "globalConcurrencyLimit": {"activeSlots": 2}}]
    assert (await gateway.error(take, **asked))["extensions"]["code"] == "RATE_LIMITED"
    rated = "incrementGlobalConcurrencyLimits(names: $names, slots: $slots, mode: $mode) { id }"
    assert (await gateway.error(rated, **asked, mode="RATE_LIMIT"))["extensions"]["code"] == "BAD_USER_INPUT"
    give = "decrementGlobalConcurrencyLimits(names: $names, slots: $slots, occupancySeconds: $occupancySeconds) { id }"
    assert await change(gateway, give, **asked, occupancySeconds=1.5) == [{"id": limit["id"]}]

    deleted = await change(gateway, "deleteGlobalConcurrencyLimit(id: $id)", id=limit["id"])
    assert deleted == limit["id"]
    assert await rest(gateway, f"/v2/concurrency_limits/{limit['id']}") is None


async def test_leases(gateway: Gateway) -> None:
    limit = await change(gateway, CREATE_GLOBAL, input={"name": name(), "limit": 1})
    take = (
        "incrementGlobalConcurrencyLimitsWithLease(names: $names, slots: $slots, leaseDuration: $leaseDuration,"
        " holder: $holder) { leaseId limits { id name limit } }"
    )
    holder = {"type": "FLOW_RUN", "id": uuid(1)}
    lease = await change(gateway, take, names=[limit["name"]], slots=1, leaseDuration=60, holder=holder)
    assert lease["limits"] == [{"id": limit["id"], "name": limit["name"], "limit": 1}]
    renewed = "renewConcurrencyLease(leaseId: $leaseId, leaseDuration: $leaseDuration)"
    assert await changes(gateway, renewed, leaseId=lease["leaseId"], leaseDuration=90) == (
        lease["leaseId"],
        ["POST /v2/concurrency_limits/leases/ID/renew"],
    )
    ended = "endConcurrencyLease(leaseId: $leaseId)"
    assert await change(gateway, ended, leaseId=lease["leaseId"]) == lease["leaseId"]
    assert (await rest(gateway, f"/v2/concurrency_limits/{limit['id']}"))["active_slots"] == 0
    gone = await gateway.error("renewConcurrencyLease(leaseId: $leaseId)", leaseId=lease["leaseId"])
    assert gone["extensions"]["upstream"]["status"] == 410


async def test_limits_of_tags(gateway: Gateway) -> None:
    tags, task_run = [name(), name()], await new_task_run(gateway)
    limits = [await change(gateway, CREATE, input={"tag": tag, "concurrencyLimit": 1}) for tag in tags]
    assert limits[0] == {"id": limits[0]["id"], "tag": tags[0], "concurrencyLimit": 1, "activeSlots": []}
    for limit in limits:
        taken, made = await changes(gateway, TAKE, names=[limit["tag"]], taskRunId=task_run)
        assert taken == [{"id": limit["id"], "name": limit["tag"], "limit": 1}]
        assert made == ["POST /concurrency_limits/increment"]
    assert (await gateway.error(TAKE, names=tags, taskRunId=task_run))["extensions"]["code"] == "RATE_LIMITED"

    # The task runs of all limits in one read; those that are not there are left out. What comes again has a plan by then.
    reset = "resetConcurrencyLimit(tag: $tag, slotOverride: $slotOverride) { tag activeSlots }"
    holders = [uuid(404), task_run]
    assert await change(gateway, reset, tag=tags[1], slotOverride=holders) == {"tag": tags[1], "activeSlots": holders}
    query = """query ($first: Int, $offset: Int) { concurrencyLimits(first: 200) { nodes {
        tag activeTaskRuns(first: $first, offset: $offset) { nodes { id } totalCount pageInfo { hasNextPage } }
    } } }"""
    some, none = ({"first": 5}, [{"id": task_run}], False), ({"first": 0}, [], True)
    for window, rows, more in (some, some, none):
        answered = await gateway.ask(query, window)
        found = {row["tag"]: row["activeTaskRuns"] for row in answered["data"]["concurrencyLimits"]["nodes"]}
        page = {"nodes": rows, "totalCount": 1, "pageInfo": {"hasNextPage": more}}
        assert [found[tag] for tag in tags] == [page, page]
        assert calls(answered) == ["POST /concurrency_limits/filter", "POST /task_runs/filter"]

    one = "query ($id: ID, $tag: String) { concurrencyLimit(id: $id, tag: $tag) { tag activeSlots } }"
    for key in ({"id": limits[0]["id"]}, {"tag": tags[0]}):
        assert await gateway.data(one, key) == {"concurrencyLimit": {"tag": tags[0], "activeSlots": [task_run]}}
    give = "decrementConcurrencyLimits(names: $names, taskRunId: $taskRunId) { id }"
    assert await change(gateway, give, names=tags[:1], taskRunId=task_run) == [{"id": limits[0]["id"]}]
    deleted = await change(gateway, "deleteConcurrencyLimit(id: $id)", id=limits[0]["id"])
    assert deleted == limits[0]["id"]
    assert await change(gateway, "deleteConcurrencyLimitByTag(tag: $tag)", tag=tags[1]) == tags[1]
    assert [await rest(gateway, f"/concurrency_limits/tag/{tag}") for tag in tags] == [None, None]
