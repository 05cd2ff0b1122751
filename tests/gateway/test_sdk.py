"""Prefect's own library as its users use it, with the embedded server and through the gateway with a real Prefect."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.embedded.test_sdk_concurrency import run
from tests.gateway.stack import Gateway, open_gateway
from tests.services import run_prefect

pytestmark = pytest.mark.long

SERVICES = {f"services_{name}_enabled": "true" for name in ("event_persister", "task_run_recorder")}

SEEN = """{
  tour: flowRuns(filter: {flows: {name: {any: ["tour"]}}}) { nodes {
    stateName artifacts(sort: KEY_ASC) { nodes { key type } } taskRuns { nodes { name stateName } }
  } }
  asking: flowRuns(filter: {flows: {name: {any: ["asking"]}}}) { nodes { states { nodes { name } } } }
  deferred: taskRuns(filter: {taskRuns: {flowRunId: {isNull: true}}}) { nodes { stateName state { stateDetails { deferred } } } }
  variables { nodes { name value } }
  globalConcurrencyLimits { nodes { name activeSlots } }
}"""


@pytest.mark.parametrize("before", ["prefect", "embedded"])
async def test_what_users_do_works_and_graphql_shows_it(before: str, tmp_path: Path) -> None:
    if before == "embedded":
        await _tour(tmp_path, upstream=None, database_url=f"sqlite:///{tmp_path / 'embedded.db'}")
    else:
        home = tmp_path / "prefect"
        home.mkdir()
        with run_prefect(home, **SERVICES) as url:
            await _tour(tmp_path, upstream=url)


async def _tour(home: Path, **settings: Any) -> None:
    async with open_gateway(**settings, deadline=60, ws="auto") as gateway:
        seen = await run(f"{gateway.url}/api", home, Path(__file__).with_name("sdk_tour.py"))
        assert seen == {
            "tour": [3, 3, 2, 4, {"x": 1}],
            "calls": ["cached", "undone", "undo", "failed"],
            "table": "table",
            "asking": 7,
            "deferred": [2, 4, "Failed"],
        }
        shown = await _shown(gateway)
    (tour,), (asking,) = (shown[name]["nodes"] for name in ("tour", "asking"))
    assert tour["stateName"] == "Completed"
    assert [(each["key"], each["type"]) for each in tour["artifacts"]["nodes"] if each["key"]] == [
        ("progress", "progress"),
        ("table", "table"),
        ("text", "markdown"),
    ]
    assert sorted(each["stateName"] for each in tour["taskRuns"]["nodes"]) == sorted(STATES), tour["taskRuns"]
    assert [state["name"] for state in asking["states"]["nodes"]][-4:] == ["Running", "Paused", "Running", "Completed"]
    assert shown["variables"]["nodes"] == [{"name": "tour", "value": {"x": 1}}]
    assert shown["globalConcurrencyLimits"]["nodes"] == [{"name": "tour", "activeSlots": 0}]


STATES = ["Completed", "Cached", "Completed", "Completed", "RolledBack", "Failed"]
"""Of the task runs of the tour."""


async def _shown(gateway: Gateway) -> dict[str, Any]:
    """Read what is left, again until Prefect has written down what was sent last."""
    for _ in range(100):
        shown: dict[str, Any] = await gateway.data(SEEN)
        last = sorted(each["stateName"] for each in shown["deferred"]["nodes"])
        (tour,) = shown["tour"]["nodes"]
        if last == ["Completed", "Completed", "Failed"] and len(tour["taskRuns"]["nodes"]) == len(STATES):
            break
        await asyncio.sleep(0.1)
    return shown
