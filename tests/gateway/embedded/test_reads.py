"""The routes that read, over a small world of rows, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from gateway.embedded import create_app
from gateway.embedded.tables import CONCURRENCY_LIMITS, DEPLOYMENT_SCHEDULES, TABLES
from schema import COLLECTIONS
from schema.flow_runs import FLOW_RUNS
from schema.logs import LOGS
from schema.task_runs import TASK_RUNS
from tests.gateway.embedded.population import START, fill, make_world

WORLD = make_world(11)
UNKNOWN = "00000000-0000-0000-0000-000000000000"
FILTERED = [collection for collection in COLLECTIONS if collection.filter and collection.name in WORLD]


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    app = create_app(database_url)
    async with app.router.lifespan_context(app):
        await app.state.database.write(lambda connection: fill(connection, WORLD))
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as client:
        yield client


async def read(client: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None) -> Any:
    response = await (client.get(path) if body is None else client.post(path, json=body))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


@pytest.mark.parametrize("collection", FILTERED, ids=lambda collection: collection.name)
async def test_a_row_has_every_field_of_its_model(client: httpx.AsyncClient, collection: Any) -> None:
    rows = await read(client, f"/{collection.name}/filter", {})
    assert len(rows) == len(WORLD[collection.name])
    for row in rows:
        assert set(row) == set(collection.row.model_fields)
        collection.row.model_validate(row)


def sort_key(collection: str, sort: str, row: dict[str, Any]) -> Any:
    name = sort.rpartition("_")[0]
    if name == "DURATION":
        return row["total_run_time"]
    started = row["start_time"] if (collection, name) == ("flow_runs", "START_TIME") else None
    value = started or row["expected_start_time" if name == "START_TIME" else name.lower()]
    return datetime.fromisoformat(value) if value and name not in {"ID", "NAME"} else value


@pytest.mark.parametrize(
    "collection", [collection for collection in FILTERED if collection.sort], ids=lambda collection: collection.name
)
async def test_sorts_put_nulls_lowest_and_pages_repeat_and_skip_nothing(
    client: httpx.AsyncClient, collection: Any
) -> None:
    for sort in (sort.value for sort in collection.sort):
        # A running task's duration grows while pages are read.
        ended: dict[str, Any] = (
            {"task_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}}} if "DURATION" in sort else {}
        )
        path, body = f"/{collection.name}/filter", {"sort": sort, **ended}
        rows = await read(client, path, body)
        pages = [
            await read(client, path, {**body, "limit": 7, "offset": offset}) for offset in range(0, len(rows) + 7, 7)
        ]
        assert [row["id"] for page in pages for row in page] == [row["id"] for row in rows]
        assert len({row["id"] for row in rows}) == len(rows) > 7
        keys = [sort_key(collection.name, sort, row) for row in rows]
        if sort.endswith("DESC"):
            keys.reverse()
        known = [key for key in keys if key is not None]
        assert keys == [None] * (len(keys) - len(known)) + sorted(known), sort


async def test_times_are_written_as_prefect_writes_them(client: httpx.AsyncClient) -> None:
    rows = await read(client, "/logs/filter", {})
    written = {row["id"]: row["timestamp"] for row in rows}
    for log in WORLD["logs"]:
        expected = log["timestamp"].isoformat().replace("+00:00", "Z")
        assert written[log["id"]] == expected
    assert {len(text) for text in written.values()} == {len("2026-11-24T12:00:00Z"), len("2026-11-24T12:00:00.000001Z")}


async def test_stored_json_is_sent_as_it_is(app: FastAPI, client: httpx.AsyncClient) -> None:
    state = {"id": UNKNOWN, "type": "FAILED", "name": "Failed", "data": {"z": 1, "a": [1.0, 10**25]}}
    run = {"id": UNKNOWN, "name": "odd", "flow_id": WORLD["flows"][0]["id"], "state": state, "parameters": {"é": None}}
    await app.state.database.write(
        lambda connection: connection.execute(insert(TABLES["flow_runs"]).values(**run)).close()
    )
    response = await client.get(f"/flow_runs/{UNKNOWN.upper()}")
    assert response.json()["parameters"] == {"é": None}
    assert '"data":{"z":1,"a":[1.0,10000000000000000000000000]}' in response.text
    assert response.json()["tags"] == []
    assert response.json()["run_count"] == 0


@pytest.mark.parametrize(
    "collection",
    [collection for collection in FILTERED if collection.countable],
    ids=lambda collection: collection.name,
)
async def test_counts_count_what_filters_find(client: httpx.AsyncClient, collection: Any) -> None:
    groups: dict[str, Any] = {"flows": {"tags": {"all_": ["a"]}}} if collection.filters else {}
    rows = await read(client, f"/{collection.name}/filter", groups)
    assert await read(client, f"/{collection.name}/count", {**groups, "limit": 1, "nonsense": True}) == len(rows)
    assert rows


@pytest.mark.parametrize("name", ["flows", "flow_runs", "task_runs", "deployments"])
async def test_numbered_pages(client: httpx.AsyncClient, name: str) -> None:
    rows = await read(client, f"/{name}/filter", {})
    page = await read(client, f"/{name}/paginate", {"limit": 3, "page": 2})
    assert page["results"] == without_estimates(page["results"], rows[3:6])
    assert {**page, "results": None} == {
        "results": None,
        "count": len(rows),
        "limit": 3,
        "pages": -(-len(rows) // 3),
        "page": 2,
    }
    assert (await read(client, f"/{name}/paginate", {"limit": 0}))["pages"] == 0


def without_estimates(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the expected rows with the estimates that were found: they grow from one read to the next."""
    estimates = ("estimated_run_time", "estimated_start_time_delta")
    return [
        row | {key: other[key] for key in estimates if key in row} for row, other in zip(expected, found, strict=True)
    ]


async def test_rows_by_id_and_by_name(client: httpx.AsyncClient) -> None:
    for name in ("flows", "flow_runs", "task_runs", "deployments", "work_queues"):
        row = WORLD[name][0]
        assert (await read(client, f"/{name}/{row['id']}"))["name"] == row["name"]
        missing = await client.get(f"/{name}/{UNKNOWN}")
        assert missing.status_code == 404
        assert "not found" in missing.json()["detail"]
        malformed = await client.get(f"/{name}/nonsense")
        assert (malformed.status_code, malformed.json()) == (404, {"detail": "Not Found"})
    deployment = WORLD["deployments"][0]
    flow = next(flow for flow in WORLD["flows"] if flow["id"] == deployment["flow_id"])
    assert (await read(client, f"/flows/name/{flow['name'].replace('%', '%25')}"))["id"] == flow["id"]
    path = f"/deployments/name/{flow['name']}/{deployment['name']}".replace("%", "%25")
    assert (await read(client, path))["id"] == deployment["id"]
    assert (await client.get("/flows/name/nobody")).json() == {"detail": "Flow not found"}


async def test_work_pools_and_their_queues(client: httpx.AsyncClient) -> None:
    queue = WORLD["work_queues"][0]
    pool = next(pool for pool in WORLD["work_pools"] if pool["id"] == queue["work_pool_id"])
    assert (await read(client, f"/work_pools/{pool['name']}"))["id"] == pool["id"]
    assert (await read(client, f"/work_pools/{pool['name']}/queues/{queue['name']}"))["work_pool_name"] == pool["name"]
    queues = await read(client, f"/work_pools/{pool['name']}/queues/filter", {})
    own = [row for row in WORLD["work_queues"] if row["work_pool_id"] == pool["id"]]
    assert [row["id"] for row in queues] == [row["id"] for row in sorted(own, key=lambda row: row["priority"])]
    found = await read(
        client,
        f"/work_pools/{pool['name']}/queues/filter",
        {"work_queues": {"name": {"any_": [queue["name"]]}}, "limit": 1},
    )
    assert [row["id"] for row in found] == [queue["id"]]
    for path in ("/work_pools/nobody", "/work_pools/nobody/queues/default"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post("/work_pools/nobody/queues/filter", json={})).json() == {
        "detail": 'Work pool "nobody" not found.'
    }
    assert (await client.get("/work_queues/name/default")).status_code == 404


async def test_slots_are_counted_where_there_is_a_limit(app: FastAPI, client: httpx.AsyncClient) -> None:
    pools, queues = TABLES["work_pools"], TABLES["work_queues"]
    await app.state.database.write(
        lambda connection: [
            connection.execute(table.update().values(concurrency_limit=5)).close() for table in (pools, queues)
        ]
    )
    taken = {queue["id"]: 0 for queue in WORLD["work_queues"]}
    for run in WORLD["flow_runs"]:
        if run["work_queue_id"] and run["state_type"] in {"PENDING", "RUNNING"}:
            taken[run["work_queue_id"]] += 1
    rows = await read(client, "/work_queues/filter", {})
    assert {row["id"]: row["active_slots"] for row in rows} == taken
    assert sum(row["active_slots"] for row in await read(client, "/work_pools/filter", {})) == sum(taken.values()) > 0


async def test_a_deployment_shows_its_queue_schedules_and_limit(app: FastAPI, client: httpx.AsyncClient) -> None:
    deployment = next(row for row in WORLD["deployments"] if row["work_queue_id"])
    limit = {"id": UNKNOWN, "name": "limit", "limit": 3, "active_slots": 1, "denied_slots": 9}
    schedules = [
        {
            "id": f"{UNKNOWN[:-1]}{n}",
            "deployment_id": deployment["id"],
            "schedule": {"cron": str(n)},
            "updated": START + timedelta(n),
        }
        for n in range(2)
    ]

    def prepare(connection: Any) -> None:
        table = TABLES["deployments"]
        connection.execute(insert(CONCURRENCY_LIMITS).values(**limit))
        connection.execute(insert(DEPLOYMENT_SCHEDULES), schedules)
        connection.execute(table.update().where(table.c.id == deployment["id"]).values(concurrency_limit_id=UNKNOWN))

    await app.state.database.write(prepare)
    row = await read(client, f"/deployments/{deployment['id']}")
    queue = next(queue for queue in WORLD["work_queues"] if queue["id"] == deployment["work_queue_id"])
    pool = next(pool for pool in WORLD["work_pools"] if pool["id"] == queue["work_pool_id"])
    assert (row["work_queue_name"], row["work_pool_name"]) == (queue["name"], pool["name"])
    assert [schedule["schedule"]["cron"] for schedule in row["schedules"]] == ["1", "0"]
    assert row["global_concurrency_limit"]["name"] == "limit"
    assert "denied_slots" not in row["global_concurrency_limit"]
    assert row["concurrency_limit"] is None


async def test_states_of_a_run_in_order_of_time(app: FastAPI, client: httpx.AsyncClient) -> None:
    run = WORLD["task_runs"][0]["id"]
    states = [
        {
            "id": f"{UNKNOWN[:-1]}{n}",
            "type": kind,
            "name": kind,
            "timestamp": START + timedelta(n),
            "state_details": {},
            "task_run_id": run,
        }
        for n, kind in ((2, "COMPLETED"), (1, "RUNNING"))
    ]
    await app.state.database.write(
        lambda connection: connection.execute(insert(TABLES["task_run_states"]), states).close()
    )
    rows = await read(client, f"/task_run_states/?task_run_id={run}")
    assert [row["type"] for row in rows] == ["RUNNING", "COMPLETED"]
    assert set(rows[0]) == {"id", "type", "name", "timestamp", "message", "data", "state_details"}
    assert (await read(client, f"/task_run_states/{states[0]['id']}"))["type"] == "COMPLETED"
    assert await read(client, f"/flow_run_states/?flow_run_id={UNKNOWN}") == []
    assert (await client.get("/flow_run_states/")).status_code == 422


@pytest.mark.parametrize("collection", [FLOW_RUNS, TASK_RUNS], ids=lambda collection: collection.name)
async def test_a_history_counts_runs_by_state(client: httpx.AsyncClient, collection: Any) -> None:
    span = {
        "history_start": "2026-11-24T12:00:00Z",
        "history_end": "2026-11-24T12:11:30+00:00",
        "history_interval_seconds": 120,
    }
    buckets = await read(
        client, f"/{collection.name}/history", {**span, collection.name: {"tags": {"is_null_": False}}}
    )
    assert [bucket["interval_start"] for bucket in buckets] == [
        f"2026-11-24T12:{minute:02}:00Z" for minute in range(0, 12, 2)
    ]
    expected: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for run in WORLD[collection.name]:
        if run["tags"]:
            bucket = (run["expected_start_time"] - START) // timedelta(minutes=2)
            expected.setdefault((bucket, run["state_type"], run["state_name"]), []).append(run)
    found = {
        (n, state["state_type"], state["state_name"]): state
        for n, bucket in enumerate(buckets)
        for state in bucket["states"]
    }
    assert {key: state["count_runs"] for key, state in found.items()} == {
        key: len(runs) for key, runs in expected.items()
    }
    for (_, kind, _), state in ((key, state) for key, state in found.items() if key[1] in {"COMPLETED", "FAILED"}):
        runs = next(runs for key, runs in expected.items() if found[key] is state)
        late = sum((max(timedelta(0), run["start_time"] - run["expected_start_time"]) for run in runs), timedelta(0))
        assert state["sum_estimated_lateness"] == late.total_seconds(), kind
        assert state["sum_estimated_run_time"] == sum(run["total_run_time"].total_seconds() for run in runs)


async def test_histories_are_bounded(client: httpx.AsyncClient) -> None:
    span = {
        "history_start": "2026-01-01T00:00:00Z",
        "history_end": "2027-01-01T00:00:00Z",
        "history_interval_seconds": 1,
    }
    assert len(await read(client, "/flow_runs/history", span)) == 500
    assert await read(client, "/task_runs/history", {**span, "history_end": span["history_start"]}) == []
    refused = await client.post("/flow_runs/history", json={**span, "history_interval_seconds": 0.5})
    assert (refused.status_code, refused.json()) == (
        422,
        {"detail": "History interval must not be less than 1 second."},
    )
    assert (await client.post("/flow_runs/history", json={})).status_code == 422
    queue = {"work_queues": {"id": {"any_": [UNKNOWN]}}}
    assert all(bucket["states"] == [] for bucket in await read(client, "/flow_runs/history", {**span, **queue}))


async def test_estimates_follow_the_clock(app: FastAPI, client: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    run = {"name": "x", "flow_id": WORLD["flows"][0]["id"], "tags": ["clock"]}
    running = {
        "state_type": "RUNNING",
        "state_timestamp": now - timedelta(hours=1),
        "total_run_time": timedelta(seconds=5),
    }
    late = {"state_type": "SCHEDULED", "state_timestamp": now, "expected_start_time": now - timedelta(hours=2)}
    started = {"start_time": now, "expected_start_time": now - timedelta(minutes=1)}
    rows = [{**running, **started}, late, {**late, "state_type": "CANCELLED"}]

    def prepare(connection: Any) -> None:
        for number, row in enumerate(rows):
            connection.execute(insert(TABLES["flow_runs"]).values(id=f"{UNKNOWN[:-1]}{number}", **run, **row))

    await app.state.database.write(prepare)
    found = await read(client, "/flow_runs/filter", {"flow_runs": {"tags": {"any_": ["clock"]}}})
    cancelled, late_run, running_run = found
    assert 3605 <= running_run["estimated_run_time"] < 3665
    assert running_run["total_run_time"] == 5
    assert running_run["estimated_start_time_delta"] == 60
    assert 7200 <= late_run["estimated_start_time_delta"] < 7260
    assert cancelled["estimated_start_time_delta"] == 0


async def test_counts_for_many_rows_at_once(client: httpx.AsyncClient) -> None:
    flow, run = WORLD["flows"][0]["id"], WORLD["flow_runs"][3]["id"]
    counted = await read(client, "/ui/flows/count-deployments", {"flow_ids": [flow, UNKNOWN]})
    assert counted == {flow: sum(row["flow_id"] == flow for row in WORLD["deployments"]), UNKNOWN: 0}
    parents = {row["parent_task_run_id"] for row in WORLD["flow_runs"]}
    own = [row for row in WORLD["task_runs"] if row["flow_run_id"] == run]
    assert await read(client, "/ui/flow_runs/count-task-runs", {"flow_run_ids": [run]}) == {
        run: sum(row["id"] not in parents for row in own)
    }
    assert (await client.post("/ui/flows/count-deployments", json={"flow_ids": [flow] * 201})).status_code == 422


async def test_the_server_tells_about_itself(client: httpx.AsyncClient) -> None:
    assert await read(client, "/health") is True
    assert await read(client, "/ready") == {"message": "OK"}
    assert await read(client, "/version") == "0.8.4"
    assert await read(client, "/admin/version") == "3.9.1"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"limit": 201}, "Invalid limit: must be less than or equal to 200."),
        ({"limit": -1}, "Invalid limit: must be greater than or equal to 0."),
    ],
)
async def test_a_limit_beyond_the_page_is_refused(client: httpx.AsyncClient, body: dict[str, Any], detail: str) -> None:
    response = await client.post("/flow_runs/filter", json=body)
    assert (response.status_code, response.json()) == (422, {"detail": detail})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"offset": -1}, ["body", "offset"]),
        ({"sort": "NAME"}, ["body", "sort"]),
        ({"flow_runs": {"nonsense": 1}}, ["body", "flow_runs", "nonsense"]),
        ({"flow_runs": {"id": {"any_": ["nonsense"]}}}, ["body", "flow_runs", "id", "any_", 0]),
        ({"flow_runs": {"operator": "xor_"}}, ["body", "flow_runs", "operator"]),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any], place: list[Any]
) -> None:
    response = await client.post("/flow_runs/filter", json=body)
    assert response.status_code == 422
    refusal = response.json()
    assert refusal["exception_message"] == "Invalid request received."
    assert refusal["exception_detail"][0]["loc"] == place
    assert refusal["request_body"] == body


@pytest.mark.parametrize(
    "body",
    [
        {"logs": {"level": {"ge_": 10**30}}},
        {"logs": {"level": {"ge_": -(10**30)}}},
        {"offset": 10**30},
    ],
)
async def test_a_value_beyond_the_database_is_refused_or_found_nowhere(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    response = await client.post("/logs/filter", json=body)
    assert response.status_code == 422 or response.json() == []
    assert response.status_code == 200 or "does not fit into the database" in response.json()["detail"]


@pytest.mark.parametrize("name", [{"like_": "x" * 60_000}, {"any_": ["nul \0"]}], ids=["long", "nul"])
async def test_a_name_that_cannot_be_is_refused_or_found_nowhere(
    client: httpx.AsyncClient, name: dict[str, Any]
) -> None:
    response = await client.post("/flows/filter", json={"flows": {"name": name}})
    assert response.status_code == 422 or response.json() == []


async def test_what_a_body_may_leave_out(client: httpx.AsyncClient) -> None:
    everything = [row["id"] for row in await read(client, "/flow_runs/filter", {})]
    nulls = {"flows": None, "flow_runs": None, "sort": None, "limit": None, "offset": None, "unknown": {"x": 1}}
    assert [row["id"] for row in await read(client, "/flow_runs/filter", nulls)] == everything
    assert [row["id"] for row in (await client.post("/flow_runs/filter")).json()] == everything
    assert await read(client, "/flow_runs/filter", {"limit": 0}) == []
    assert LOGS.name in {collection.name for collection in FILTERED}


def test_the_openapi_document_describes_every_route() -> None:
    document = create_app("sqlite:///unused.db").openapi()
    query = document["components"]["schemas"]["FlowRunQuery"]
    assert set(query["properties"]) == {
        "limit",
        "offset",
        "sort",
        "flows",
        "flow_runs",
        "task_runs",
        "deployments",
        "work_pools",
        "work_pool_queues",
    }
    answer = document["paths"]["/flow_runs/filter"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["items"] == {"$ref": "#/components/schemas/FlowRun"}
    assert set(FLOW_RUNS.row.model_fields) == set(document["components"]["schemas"]["FlowRun"]["properties"])
