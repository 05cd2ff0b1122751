"""Root fields beside the same questions in plain REST: connections, counts, rows by id and by name, histories, walks."""

import random
import uuid
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import insert

from gateway import embedded, upstream
from gateway.embedded.tables import TABLES
from schema import COLLECTIONS
from tests.resolvers.conftest import EXAMPLES, Place
from tests.resolvers.filters import COMPOSITE, bodies, graphql
from tests.resolvers.test_relations import camel, check_window, pascal, sorts_of
from tests.resolvers.world import COLLECTIONS as KEPT
from tests.resolvers.world import PATHS, UNKNOWN, Plain, Row, World

FILTERED = [collection.name for collection in COLLECTIONS if collection.filter and collection.name in KEPT]
SORTED = [collection.name for collection in COLLECTIONS if collection.sort]
COUNTED = [collection.name for collection in COLLECTIONS if collection.countable]
GROWING = {"estimated_run_time", "estimated_start_time_delta"}
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


def page_query(collection: str) -> str:
    sort = (f", $sort: {pascal(collection)}Sort", ", sort: $sort") if collection in SORTED else ("", "")
    count = f"counted: {camel(collection)[:-1]}Count(filter: $filter)" if collection in COUNTED else ""
    return f"""
    query ($filter: {pascal(collection)}Filter{"s" if collection in COMPOSITE else ""}, $first: Int, $offset: Int{sort[0]}) {{
      found: {camel(collection)}(filter: $filter, first: $first, offset: $offset{sort[1]}) {{
        nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage }} totalCount
      }}
      {count}
    }}"""


@pytest.mark.parametrize("collection", FILTERED)
@EXAMPLES
@given(data=st.data())
async def test_a_connection_is_what_rest_answers(place: Place, collection: str, data: st.DataObject) -> None:
    body = data.draw(bodies(place.world, collection), label="body")
    sort = data.draw(st.sampled_from(sorts_of(collection)), label="sort") if collection in SORTED else None
    first = data.draw(st.sampled_from([0, 1, 7, 20, 50, 200, 201, 500]), label="first")
    offset = data.draw(st.sampled_from([None, 0, 1, 7, 199, 1000]), label="offset")
    size = data.draw(st.sampled_from([7, 20, 200]), label="page size")
    variables = {"filter": graphql(body, collection), "sort": sort, "first": first, "offset": offset}
    answered = await place.data(page_query(collection), variables, page_size=size)
    rows = await place.rest.every(collection, {**body, "sort": sort} if sort else body)
    found, start = answered["found"], offset or 0
    check_window(place, sort or "ID_DESC", [node["id"] for node in found["nodes"]], rows, start, first)
    assert found["pageInfo"] == {"hasNextPage": len(rows) > start + first, "hasPreviousPage": start > 0}
    assert found["totalCount"] == len(rows)
    if collection in COUNTED:
        assert answered["counted"] == await place.rest.post(f"{PATHS[collection]}/count", body) == len(rows)


@pytest.mark.parametrize("first", [0, 1, 3, 20])
@pytest.mark.parametrize("collection", ["flow_run_states", "task_run_states"])
async def test_the_states_of_a_run(place: Place, collection: str, first: int) -> None:
    runs = collection.replace("_states", "s")
    query = f"""query ($id: ID!, $ids: [ID!], $first: Int) {{
      states: {camel(collection)}({camel(runs)[:-1]}Id: $id, first: $first) {{ ...Found }}
      runs: {camel(runs)}(filter: {{{camel(runs)}: {{id: {{any: $ids}}}}}}) {{ nodes {{ id states(first: $first) {{ ...Found }} }} }}
    }}
    fragment Found on StateConnection {{ nodes {{ id type name message }} pageInfo {{ hasNextPage }} totalCount }}"""
    lengths = set()
    for run in place.world.rows[runs][:: len(place.world.rows[runs]) // 10]:
        rows = await place.rest.get(f"/{collection}/?{runs[:-1]}_id={run['id']}")
        lengths.add(len(rows))
        shown = [{key: row[key] for key in ("id", "type", "name", "message")} for row in rows]
        expected = {
            "nodes": shown[:first],
            "pageInfo": {"hasNextPage": len(rows) > first},
            "totalCount": len(rows),
        }
        answered = await place.data(query, {"id": run["id"], "ids": [run["id"]], "first": first})
        assert answered == {"states": expected, "runs": {"nodes": [{"id": run["id"], "states": expected}]}}
    assert 1 in lengths


def selection(model: type[BaseModel]) -> str:
    """Select every field that stands in a row."""
    inner = {name: _within(field.annotation) for name, field in model.model_fields.items()}
    return " ".join(f"{camel(name)} {{ {selection(part)} }}" if part else camel(name) for name, part in inner.items())


def _within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _within(part))), None)


def _enum(annotation: Any) -> type[Enum] | None:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation
    return next((found for part in get_args(annotation) if (found := _enum(part))), None)


def shown(model: type[BaseModel], row: Any) -> Any:
    """Write a row of REST as GraphQL shows it."""
    if isinstance(row, list):
        return [shown(model, each) for each in row]
    if row is None:
        return None
    return {camel(name): _shown(field.annotation, row[name]) for name, field in model.model_fields.items()}


def _shown(annotation: Any, value: Any) -> Any:
    if part := _within(annotation):
        return shown(part, value)
    kind = _enum(annotation)
    return kind(value).name if kind and value is not None else value


@pytest.mark.parametrize(
    "collection", [each for each in COLLECTIONS if each.name in FILTERED], ids=lambda each: each.name
)
async def test_every_field_of_a_row_is_that_of_rest(place: Place, collection: Any) -> None:
    query = f"{{ {camel(collection.name)}(first: 1000) {{ nodes {{ {selection(collection.row)} }} }} }}"
    nodes = (await place.data(query))[camel(collection.name)]["nodes"]
    rows = {row["id"]: shown(collection.row, row) for row in await place.rest.every(collection.name, {})}
    assert len(nodes) == len(rows) > 0
    growing = {camel(name) for name in GROWING}
    for node in nodes:
        for key in node.keys() - growing:
            assert (key, node[key]) == (key, rows[node["id"]][key])


@pytest.mark.parametrize("collection", ["flows", "flow_runs", "task_runs", "deployments", "work_queues", "work_pools"])
async def test_a_row_by_its_id(place: Place, collection: str) -> None:
    row = place.world.rows[collection][3 % len(place.world.rows[collection])]
    root = camel(collection)[:-1]
    query = f"query ($id: ID!, $none: ID!) {{ {root}(id: $id) {{ id name }} none: {root}(id: $none) {{ id }} }}"
    answered = await place.data(query, {"id": row["id"].upper(), "none": UNKNOWN})
    assert answered == {root: {"id": row["id"], "name": row["name"]}, "none": None}


@pytest.mark.parametrize("collection", ["flow_run_states", "task_run_states"])
async def test_a_state_by_its_id(place: Place, collection: str) -> None:
    state = place.world.rows[collection.replace("_states", "s")][0]["state"]
    root = camel(collection)[:-1]
    query = f"query ($id: ID!, $none: ID!) {{ {root}(id: $id) {{ id type name }} none: {root}(id: $none) {{ id }} }}"
    answered = await place.data(query, {"id": state["id"], "none": UNKNOWN})
    assert answered == {root: {key: state[key] for key in ("id", "type", "name")}, "none": None}


async def test_rows_by_their_names(place: Place) -> None:
    world = place.world
    flow = world.rows["flows"][2]
    deployment = next(row for row in world.rows["deployments"] if row["name"].startswith("only"))
    pool = world.rows["work_pools"][0]
    query = """query ($flow: String, $of: String, $deployment: String, $pool: String) {
      flow(name: $flow) { id } deployment(flowName: $of, name: $deployment) { id } workPool(name: $pool) { id }
      noFlow: flow(name: "nobody") { id } noDeployment: deployment(flowName: $of, name: "no") { id } noPool: workPool(name: "no") { id }
    }"""
    names = {
        "flow": flow["name"],
        "of": world.by_id["flows", deployment["flow_id"]]["name"],
        "deployment": deployment["name"],
        "pool": pool["name"],
    }
    assert await place.data(query, names) == {
        "flow": {"id": flow["id"]},
        "deployment": {"id": deployment["id"]},
        "workPool": {"id": pool["id"]},
        "noFlow": None,
        "noDeployment": None,
        "noPool": None,
    }


HISTORY = """
query ($start: DateTime!, $end: DateTime!, $seconds: Float!, $filter: {kind}Filters) {{
  history: {root}History(historyStart: $start, historyEnd: $end, historyIntervalSeconds: $seconds, filter: $filter) {{
    intervalStart intervalEnd states {{ stateType stateName countRuns sumEstimatedRunTime sumEstimatedLateness }}
  }}
}}
"""


@pytest.mark.parametrize("collection", ["flow_runs", "task_runs"])
@EXAMPLES
@given(data=st.data())
async def test_a_history_is_that_of_rest(place: Place, collection: str, data: st.DataObject) -> None:
    body = data.draw(bodies(place.world, collection), label="body")
    times = sorted(datetime.fromisoformat(time) for time in place.world.values(collection, "expected_start_time"))
    start = data.draw(st.sampled_from([times[0], times[len(times) // 2]]), label="start")
    seconds = data.draw(st.sampled_from([1.0, 61.5, 3600.0]), label="interval")
    end = start + timedelta(seconds=seconds) * data.draw(st.sampled_from([1, 2, 10]), label="intervals")
    variables = {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "seconds": seconds,
        "filter": graphql(body, collection),
    }
    query = HISTORY.format(kind=pascal(collection), root=camel(collection)[:-1])
    found = (await place.data(query, variables))["history"]
    groups = {"work_queues" if name == "work_pool_queues" else name: group for name, group in body.items()}
    asked = {"history_start": start.isoformat(), "history_end": end.isoformat(), "history_interval_seconds": seconds}
    rows = await place.rest.post(f"/{collection}/history", {**asked, **groups})
    assert [settled(interval) for interval in found] == [settled(renamed(row)) for row in rows]
    assert rows


def renamed(interval: Row) -> Row:
    states = [{camel(key): value for key, value in state.items()} for state in interval["states"]]
    return {"intervalStart": interval["interval_start"], "intervalEnd": interval["interval_end"], "states": states}


def settled(interval: Row) -> Row:
    """Leave out the sums that grow from one read to the next, and the order of the states, which is open."""
    states = [
        state if state["stateType"] in FINAL else {**state, "sumEstimatedRunTime": None, "sumEstimatedLateness": None}
        for state in interval["states"]
    ]
    return {**interval, "states": sorted(states, key=lambda state: (state["stateType"], state["stateName"]))}


async def walk(place: Place, query: str, variables: Row, page_size: int) -> tuple[list[str], int]:
    """Follow the cursors of a query's connection `found` to its end; return the ids, and how many pages there were."""
    ids: list[str] = []
    pages, after = 0, None
    while True:
        data = await place.data(query, {**variables, "after": after}, page_size=page_size)
        found = (data.get("flow") or data)["found"]
        ids += [node["id"] for node in found["nodes"]]
        pages, after = pages + 1, found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            return ids, pages


WALKS = {
    "root": """query ($first: Int, $after: String) {
      found: flowRuns(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
    }""",
    "nested": """query ($first: Int, $after: String, $flow: ID!) { flow(id: $flow) {
      found: flowRuns(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
    } }""",
}


@pytest.mark.parametrize("walked", WALKS)
@pytest.mark.parametrize(("first", "size"), [(50, 200), (7, 20)])
async def test_a_walk_gives_every_run_once(place: Place, walked: str, first: int, size: int) -> None:
    runs = place.world.rows["flow_runs"]
    crowd = max(place.world.values("flow_runs", "flow_id"), key=[run["flow_id"] for run in runs].count)
    expected = [run["id"] for run in runs if walked == "root" or run["flow_id"] == crowd]
    variables = {"first": first, **({"flow": crowd} if walked == "nested" else {})}
    ids, pages = await walk(place, WALKS[walked], variables, size)
    assert ids == sorted(expected, reverse=True)
    assert pages == -(-len(expected) // first)


FLOW = str(uuid.UUID(int=1))


@pytest.fixture
async def thousand(database_url: str) -> AsyncGenerator[Place]:
    """An embedded server with 1,000 runs of one flow."""
    rng = random.Random(1)  # noqa: S311  test data
    runs = [{"id": str(uuid.UUID(int=rng.getrandbits(128))), "name": f"{n % 9}", "flow_id": FLOW} for n in range(1000)]
    app = embedded.create_app(database_url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as http,
    ):

        def fill(connection: Any) -> None:
            connection.execute(insert(TABLES["flows"]).values(id=FLOW, name="flow"))
            connection.execute(insert(TABLES["flow_runs"]), runs)

        await app.state.database.write(fill)
        yield Place(Plain(http), upstream.embedded(app), exact=True, compares=True, world=World({"flow_runs": runs}))


@pytest.mark.parametrize("walked", WALKS)
@pytest.mark.parametrize("first", [50, 200, 250])
async def test_a_walk_of_a_thousand_runs_gives_every_run_once(thousand: Place, walked: str, first: int) -> None:
    variables = {"first": first, **({"flow": FLOW} if walked == "nested" else {})}
    ids, pages = await walk(thousand, WALKS[walked], variables, 200)
    assert ids == sorted((run["id"] for run in thousand.world.rows["flow_runs"]), reverse=True)
    assert pages == 1000 // first
