"""Filters select in SQL what they mean in Python, on both databases."""

from collections.abc import AsyncIterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from sqlalchemy import Connection, Select, create_engine, event, literal, select

from gateway.embedded.database import Database, open_database
from gateway.embedded.reading.bodies import Body, body, groups_of
from gateway.embedded.reading.queries import Groups, conditions, count, page
from gateway.embedded.reading.scouts import counted, planned
from gateway.embedded.reading.search import search
from gateway.embedded.tables import METADATA, TABLES
from schema import COLLECTIONS
from schema.flow_runs import FlowRunSort
from schema.flows import FlowSort
from schema.logs import LogSort
from schema.task_runs import TaskRunSort
from tests.gateway.embedded import meaning
from tests.gateway.embedded.population import START, STATES, TAGS, fill, make_world

Strategy = SearchStrategy[Any]

WORLD = make_world(7)
BODIES = {
    collection.name: body(collection, "TestQuery", Body, groups_of(collection))
    for collection in COLLECTIONS
    if collection.filter
}

FLAG = st.sampled_from([True, False, None])
OPERATOR = st.sampled_from(["and_", "or_"])


def some(values: list[Any]) -> Strategy:
    return st.none() | st.lists(st.sampled_from(values), max_size=4)


def values_of(collection: str, column: str) -> Strategy:
    return some(sorted({row[column] for row in WORLD[collection]} - {None}))


def words(*, combined: bool = False, **strategies: Strategy) -> Strategy:
    if combined:
        strategies["operator"] = OPERATOR
    return st.fixed_dictionaries({}, optional=strategies)


def ids(collection: str) -> Strategy:
    return values_of(collection, "id")


PART = st.sampled_from(["", "a", "ALPHA", "_", "%", "beta_", "gam%", "ack\\"]) | st.none()
MOMENT = (
    st.sampled_from([START.replace(minute=minute).isoformat().replace("+00:00", "Z") for minute in range(0, 12, 2)])
    | st.none()
)
TIME = words(before_=MOMENT, after_=MOMENT)
NULLABLE_TIME = words(before_=MOMENT, after_=MOMENT, is_null_=FLAG)
TYPES = some(list(STATES))
STATE_NAMES = some([*STATES.values(), "Retrying"])
SOME_TAGS = words(combined=True, all_=some(TAGS), is_null_=FLAG)
ANY_TAGS = words(combined=True, all_=some(TAGS), any_=some(TAGS), is_null_=FLAG)
QUERY = st.lists(
    st.sampled_from(["error", "-debug", '+"connection timeout"', "!quote", "100%", "flow_runs", "-nothing"]),
    min_size=1,
    max_size=3,
).map(" ".join)


def name_of(collection: str) -> Strategy:
    return words(any_=values_of(collection, "name"), like_=PART)


FIELDS: dict[str, dict[str, Strategy]] = {
    "flows": {
        "id": words(any_=ids("flows"), not_any_=ids("flows")),
        "deployment": words(combined=True, is_null_=FLAG),
        "name": name_of("flows"),
        "tags": SOME_TAGS,
    },
    "flow_runs": {
        "id": words(any_=ids("flow_runs"), not_any_=ids("flow_runs")),
        "name": name_of("flow_runs"),
        "tags": ANY_TAGS,
        "deployment_id": words(combined=True, any_=ids("deployments"), is_null_=FLAG),
        "work_queue_name": words(combined=True, any_=values_of("work_queues", "name"), is_null_=FLAG),
        "state": words(
            combined=True, type=words(any_=TYPES, not_any_=TYPES), name=words(any_=STATE_NAMES, not_any_=STATE_NAMES)
        ),
        "flow_version": words(any_=some(["1", "2"])),
        "start_time": NULLABLE_TIME,
        "end_time": NULLABLE_TIME,
        "expected_start_time": TIME,
        "next_scheduled_start_time": TIME,
        "parent_flow_run_id": words(combined=True, any_=ids("flow_runs")),
        "parent_task_run_id": words(combined=True, any_=ids("task_runs"), is_null_=FLAG),
        "idempotency_key": words(
            any_=values_of("flow_runs", "idempotency_key"), not_any_=values_of("flow_runs", "idempotency_key")
        ),
        "created_by": words(
            combined=True, id_=ids("deployments"), type_=some(["DEPLOYMENT", "AUTOMATION"]), is_null_=FLAG
        ),
    },
    "task_runs": {
        "id": words(any_=ids("task_runs")),
        "name": name_of("task_runs"),
        "tags": SOME_TAGS,
        "state": words(combined=True, type=words(any_=TYPES), name=words(any_=STATE_NAMES)),
        "start_time": NULLABLE_TIME,
        "end_time": NULLABLE_TIME,
        "expected_start_time": TIME,
        "subflow_runs": words(exists_=FLAG),
        "flow_run_id": words(combined=True, any_=ids("flow_runs"), is_null_=FLAG),
    },
    "deployments": {
        "id": words(any_=ids("deployments"), not_any_=ids("deployments")),
        "name": name_of("deployments"),
        "flow_or_deployment_name": words(like_=PART),
        "paused": words(eq_=FLAG),
        "tags": ANY_TAGS,
        "work_queue_name": words(any_=values_of("work_queues", "name")),
        "concurrency_limit": words(ge_=st.just(5), is_null_=FLAG),
    },
    "logs": {
        "level": words(ge_=st.sampled_from([10, 20, 30]), le_=st.sampled_from([20, 30, None])),
        "timestamp": TIME,
        "flow_run_id": words(any_=ids("flow_runs")),
        "task_run_id": words(any_=ids("task_runs"), is_null_=FLAG),
        "text": st.fixed_dictionaries({"query": QUERY}),
    },
    "work_pools": {
        "id": words(any_=ids("work_pools")),
        "name": words(any_=values_of("work_pools", "name")),
        "type": words(any_=some(["process", "docker", "other"])),
    },
    "work_queues": {
        "id": words(any_=ids("work_queues")),
        "name": words(any_=values_of("work_queues", "name"), startswith_=some(["def", "DEFAULT-", "slow", "x"])),
    },
}


def filter_of(collection: str) -> Strategy:
    fields = st.fixed_dictionaries(
        {}, optional={name: strategy | st.none() for name, strategy in FIELDS[collection].items()}
    )
    # A few fields at once: with all of them nothing would be left.
    few = st.tuples(fields, st.sets(st.sampled_from(list(FIELDS[collection])), max_size=3)).map(
        lambda pair: {name: leaf for name, leaf in pair[0].items() if name in pair[1]}
    )
    return st.tuples(few, OPERATOR).map(lambda pair: pair[0] | {"operator": pair[1]})


def body_of(collection: str) -> Strategy:
    groups = {
        group: filter_of("work_queues" if group == "work_pool_queues" else group)
        for group in BODIES[collection].model_fields
    }
    return st.fixed_dictionaries({}, optional={group: strategy | st.none() for group, strategy in groups.items()})


BODY_OF = {collection: body_of(collection) for collection in FIELDS}


async def selected(database: Database, collection: str, sent: dict[str, Any]) -> list[str]:
    """Return the ids of the rows; whether scouts went first must make no difference."""
    given = BODIES[collection].model_validate(sent).groups
    key = TABLES[collection].c.id

    def rows(groups: Groups) -> Select[Any]:
        return select(key).where(*conditions(collection, groups)).order_by(key)

    def run(connection: Connection) -> tuple[list[str], list[str], list[int]]:
        counts = [connection.execute(count(collection, given)).scalar_one(), counted(collection, given)(connection)]
        return list(connection.scalars(rows(given))), list(connection.scalars(planned(given, rows)(connection))), counts

    found, scouted, counts = await database.read(run)
    assert scouted == found
    assert counts == [len(found)] * 2
    return found


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, METADATA)
    await database.write(lambda connection: fill(connection, WORLD))
    yield database
    await database.close()


@pytest.mark.parametrize("collection", list(FIELDS))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_filters_select_what_they_mean(database: Database, collection: str, data: st.DataObject) -> None:
    sent = data.draw(BODY_OF[collection])
    expected = sorted(row["id"] for row in meaning.select_rows(WORLD, collection, sent))
    assert await selected(database, collection, sent) == expected


def test_every_field_of_every_filter_is_drawn() -> None:
    for collection in COLLECTIONS:
        if collection.filter and collection.name in WORLD:
            assert set(FIELDS[collection.name]) == set(collection.filter.model_fields) - {"operator"}


def test_groups_on_one_path_mean_the_same_row() -> None:
    groups = {"flow_runs": {"name": {"any_": ["alpha 1"]}}, "task_runs": {"name": {"any_": ["alpha 2"]}}}
    sql = str(count("flows", BODIES["flows"].model_validate(groups).groups))
    assert sql.count("EXISTS") == 2
    assert "task_runs.flow_run_id = flow_runs.id" in sql


async def plan_of(database: Database, collection: str, sent: dict[str, Any], sort: Enum) -> str:
    """Return how SQLite finds a page: its plan, without the lists of values."""
    statement = page(collection, BODIES[collection].model_validate(sent).groups, sort, 50, 0)

    def run(connection: Connection) -> str:
        steps: list[str] = []
        cursor = connection.connection.cursor()

        def explain(_c: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: Any) -> None:
            steps.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))

        event.listen(connection, "before_cursor_execute", explain)
        connection.execute(statement).close()
        event.remove(connection, "before_cursor_execute", explain)
        return "; ".join(steps)

    return await database.read(run)


ONE = WORLD["flows"][0]["id"]


@pytest.mark.parametrize(
    ("collection", "sent", "sort", "index"),
    [
        ("flow_runs", {}, FlowRunSort.START_TIME_DESC, "ix_flow_runs__start_id_state_type_state_name"),
        ("flow_runs", {}, FlowRunSort.ID_DESC, "sqlite_autoindex_flow_runs_1"),
        ("flow_runs", {}, FlowRunSort.NAME_ASC, "ix_flow_runs__name_id"),
        (
            "flow_runs",
            {"flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__state_type_start_id",
        ),
        (
            "flow_runs",
            {"flow_runs": {"state": {"name": {"any_": ["Late"]}}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__state_name_start_id",
        ),
        (
            "flow_runs",
            {"flow_runs": {"start_time": {"after_": "2026-01-01T00:00:00Z"}}},
            FlowRunSort.START_TIME_ASC,
            "ix_flow_runs__start_id_state_type_state_name",
        ),
        (
            "flow_runs",
            {"flow_runs": {"tags": {"all_": ["a"]}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__start_id_state_type_state_name",
        ),
        (
            "flow_runs",
            {"flows": {"id": {"any_": [ONE]}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__flow_id_start_id",
        ),
        (
            "flow_runs",
            {"flow_runs": {"deployment_id": {"any_": [ONE]}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__deployment_id_start_id",
        ),
        (
            "task_runs",
            {"flow_runs": {"id": {"any_": [ONE]}}},
            TaskRunSort.EXPECTED_START_TIME_ASC,
            "ix_task_runs__flow_run_id_expected_start_time_id",
        ),
        (
            "logs",
            {"logs": {"flow_run_id": {"any_": [ONE]}}},
            LogSort.TIMESTAMP_ASC,
            "ix_logs__flow_run_id_timestamp_id",
        ),
        (
            "flow_runs",
            {"flow_runs": {"deployment_id": {"any_": [ONE]}, "state": {"type": {"any_": ["FAILED"]}}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__deployment_id_start_id",
        ),
        (
            "flow_runs",
            {"flow_runs": {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__start_id_state_type_state_name",
        ),
        (
            "flow_runs",
            {"flow_runs": {"parent_task_run_id": {"is_null_": True}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__parent_task_run_id_start_id",
        ),
        (
            "flow_runs",
            {"flow_runs": {"work_queue_name": {"any_": ["default"]}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__work_queue_name_start_id",
        ),
        (
            "flow_runs",
            {"work_pool_queues": {"id": {"any_": [ONE]}}},
            FlowRunSort.START_TIME_DESC,
            "ix_flow_runs__work_queue_id_start_id",
        ),
        ("flows", {"flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}}, FlowSort.NAME_ASC, "uq_flows__name"),
    ],
)
async def test_what_a_ui_asks_for_walks_an_index_and_sorts_nothing(
    tmp_path: Path, collection: str, sent: dict[str, Any], sort: Enum, index: str
) -> None:
    database = await open_database(f"sqlite:///{tmp_path / 'plans.db'}", METADATA)
    plan = await plan_of(database, collection, sent, sort)
    await database.close()
    assert index in plan
    assert "TEMP B-TREE" not in plan


async def test_a_long_list_is_one_parameter(database: Database) -> None:
    ids = [row["id"] for row in WORLD["flow_runs"]]
    unknown = [f"00000000-0000-0000-0000-{number:012}" for number in range(100_000)]
    assert await selected(database, "flow_runs", {"flow_runs": {"id": {"any_": ids + unknown}}}) == sorted(ids)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("one", [True]),
        ("ONE absent", [True]),
        ("-one", [False]),
        ("!absent +two +one", [True, True]),
        ('"one two"', [True]),
        ('"one  two"', [False]),
        ('"two \\"three\\""', [True]),
        ('-"one two', [False]),
        ('one"three"', [True]),
        ("- one", [True]),
        ("- +", []),
        ("", []),
        ('""', []),
        ("o_e", [False]),
        ("100%", [True]),
        ("absent -one", [False, False]),
    ],
)
def test_text_search(query: str, found: list[bool]) -> None:
    text = 'One two "three" 100% back\\slash'
    with create_engine("sqlite://").connect() as connection:
        parts = [bool(connection.scalar(select(part))) for part in search(literal(text), query)]
    assert parts == found
