"""Parents of rows, read a level at a time, beside a GET for each."""

from collections.abc import Callable
from typing import Any

import pytest

from resolvers.relations import BelongsTo
from schema import COLLECTIONS
from tests.resolvers.conftest import Place
from tests.resolvers.test_relations import camel, key_of
from tests.resolvers.world import COLLECTIONS as KEPT
from tests.resolvers.world import Row, World

# Row type -> its fields of a parent, each by the parent's collection and by the id that the row gives of it.
BELONGS_TO: dict[str, dict[str, tuple[str, Callable[[World, Row], str | None]]]] = {
    "flow_runs": {
        "flow": ("flows", key_of("flow_id")),
        "deployment": ("deployments", key_of("deployment_id")),
        "workPool": ("work_pools", key_of("work_pool_id")),
        "workQueue": ("work_queues", key_of("work_queue_id")),
        "parentTaskRun": ("task_runs", key_of("parent_task_run_id")),
        "parentFlowRun": ("flow_runs", World.owner),
    },
    "deployments": {
        "flow": ("flows", key_of("flow_id")),
        "workQueue": ("work_queues", key_of("work_queue_id")),
        "workPool": ("work_pools", key_of("work_pool_name")),
    },
    "task_runs": {"flowRun": ("flow_runs", key_of("flow_run_id"))},
    "artifacts": {"flowRun": ("flow_runs", key_of("flow_run_id")), "taskRun": ("task_runs", key_of("task_run_id"))},
    "artifact_collections": {
        "flowRun": ("flow_runs", key_of("flow_run_id")),
        "taskRun": ("task_runs", key_of("task_run_id")),
        "latest": ("artifacts", key_of("latest_id")),
    },
    "logs": {"flowRun": ("flow_runs", key_of("flow_run_id")), "taskRun": ("task_runs", key_of("task_run_id"))},
    "work_pools": {"defaultQueue": ("work_queues", key_of("default_queue_id"))},
    "work_queues": {"workPool": ("work_pools", key_of("work_pool_id"))},
}


def test_every_belongs_to_of_a_collection_is_tested() -> None:
    declared = {
        (collection.name, camel(field.python_name))
        for collection in COLLECTIONS
        for field in collection.row.__strawberry_definition__.fields  # type: ignore[attr-defined]
        if isinstance(relation := field.metadata.get("relation"), BelongsTo)
        if collection.name in KEPT and relation.collection.name in KEPT
    }
    assert declared == {(name, field) for name, some in BELONGS_TO.items() for field in some}


@pytest.mark.parametrize("size", [7, 200])
@pytest.mark.parametrize("collection", BELONGS_TO)
async def test_a_rows_parent_is_the_row_with_its_key(place: Place, collection: str, size: int) -> None:
    fields = BELONGS_TO[collection]
    selected = " ".join(f"{field} {{ id name: {title(parents)} }}" for field, (parents, _) in fields.items())
    data = await place.data(f"{{ {camel(collection)}(first: 1000) {{ nodes {{ id {selected} }} }} }}", page_size=size)
    nodes = data[camel(collection)]["nodes"]
    rows = {row["id"]: row for row in place.world.rows[collection]}
    assert {node["id"] for node in nodes} == rows.keys()
    seen: dict[tuple[str, str], Any] = {}
    for node in nodes:
        for field, (parents, owner) in fields.items():
            key = owner(place.world, rows[node["id"]])
            if key and (parents, key) not in seen:
                seen[parents, key] = await by_hand(place, parents, key)
            assert node[field] == (seen[parents, key] if key else None)
    assert seen


def title(collection: str) -> str:
    return "key" if collection == "artifacts" else "name"


async def by_hand(place: Place, collection: str, key: str) -> Row | None:
    """Read a row by a GET; work pools have one by name only."""
    if collection == "work_pools":
        key = next(row["name"] for row in place.world.rows["work_pools"] if key in (row["id"], row["name"]))
    row = await place.rest.get(f"/{collection}/{key}")
    return {"id": row["id"], "name": row[title(collection)]} if row else None


async def test_runs_of_a_deleted_deployment_have_none(place: Place) -> None:
    known = {row["id"] for row in place.world.rows["deployments"]}
    orphans = [
        row["id"] for row in place.world.rows["flow_runs"] if row["deployment_id"] and row["deployment_id"] not in known
    ]
    assert orphans
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on FlowRun { deploymentId deployment { id } } } }"
    for node in (await place.data(query, {"ids": orphans}))["nodes"]:
        assert node["deploymentId"]
        assert node["deployment"] is None
