"""`_entities`: what other subgraphs refer to, over an upstream that records its calls."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.settings import Settings
from gateway.upstream.transport import Reply
from resolvers.context import Context
from resolvers.errors import Forbidden, NotFound, UpstreamError
from resolvers.rows import JsonRows
from schema.build import build
from tests.gateway import toy
from tests.gateway.execution.compiled.alike import BASE, FAR, execution

SCHEMA = build()
NAMES = """
query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on FlowRun { id name }
    ... on Flow { id flowName: name }
    ... on State { id stateName: name }
    ... on Deployment { id deploymentName: name }
  }
}
"""

Row = dict[str, Any]


@dataclass
class Recorder:
    """Has rows of some collections: `/filter` finds them by id, and so does a GET; other collections are forbidden."""

    rows: dict[str, set[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def read(self, method: str, path: str, body: Row | None = None) -> Any:
        self.calls.append(f"{method} {path}")
        collection, last = path.strip("/").split("/")
        known = self.rows.get(collection)
        if known is None:
            raise Forbidden("Not this one.", status=403)
        if last == "filter":
            assert body
            (key,) = body[collection]
            asked = body[collection][key]["any_"]
            assert len(asked) <= 200
            return [self.row(collection, id_) for id_ in sorted(known) if self.row(collection, id_)[key] in asked]
        if last not in known:
            raise NotFound("There is none.", status=404)
        return {"id": last, "name": f"{collection} {last}", "type": "COMPLETED"}

    def row(self, collection: str, id_: str) -> Row:
        return {"id": id_, "name": f"{collection} {id_}", "slug": f"slug {id_}", "flow_id": ids(1)[0]}

    async def write(self, *_: Any) -> Any:
        raise AssertionError("Entities are only read.")


@dataclass
class Wire:
    """Serves a recorder's rows as a transport."""

    rest: Recorder
    ends_cancelled = True

    async def send(self, method: str, path: str, body: bytes | None, _headers: Any) -> Reply:
        try:
            answer = await self.rest.read(method, path, orjson.loads(body) if body else None)
        except UpstreamError as refused:
            return refused.upstream["status"], {}, b'{"detail": "No"}'
        return 200, {}, orjson.dumps(answer)

    async def aclose(self) -> None:
        pass


def ids(number: int) -> list[str]:
    return [str(uuid.UUID(int=index + 1)) for index in range(number)]


def references(name: str, *wanted: Any) -> list[Row]:
    return [{"__typename": name, "id": id_} for id_ in wanted]


async def entities(rest: Recorder, representations: list[Any], query: str = NAMES) -> Any:
    return await SCHEMA.execute(query, {"representations": representations}, Context(JsonRows(rest)))


def data(answer: Answer) -> Any:
    return orjson.loads(answer.content())["data"]


def codes(answer: Any) -> dict[int, str]:
    """Return the code of each entity's error by the entity's index."""
    return {error.path[1]: error.original_error.extensions["code"] for error in answer.errors or ()}


@pytest.mark.parametrize(("number", "calls"), [(20, 1), (200, 1), (250, 2)])
async def test_entities_of_a_type_are_read_by_the_page(number: int, calls: int) -> None:
    rest = Recorder({"flow_runs": set(ids(number))})
    answer = await entities(rest, references("FlowRun", *reversed(ids(number))))
    assert answer.errors is None
    assert [row["id"] for row in answer.data["_entities"]] == ids(number)[::-1]
    assert {row["__typename"] for row in answer.data["_entities"]} == {"FlowRun"}
    assert rest.calls == ["POST /flow_runs/filter"] * calls


async def test_each_type_is_one_call() -> None:
    first, second, third = ids(3)
    rest = Recorder({"flow_runs": {first, second}, "flows": {first, third}, "deployments": {third}})
    wanted = [("FlowRun", first), ("Flow", third), ("Deployment", third), ("FlowRun", second), ("Flow", first)]
    answer = await entities(rest, [{"__typename": name, "id": id_} for name, id_ in wanted])
    assert answer.errors is None
    assert [(row["__typename"], row["id"]) for row in answer.data["_entities"]] == wanted
    assert sorted(rest.calls) == ["POST /deployments/filter", "POST /flow_runs/filter", "POST /flows/filter"]


async def test_an_entity_that_is_asked_for_twice_is_read_once() -> None:
    (only,) = ids(1)
    rest = Recorder({"flow_runs": {only}})
    twice = """
    query ($representations: [_Any!]!) {
      a: _entities(representations: $representations) { ... on FlowRun { id } }
      b: _entities(representations: $representations) { ... on FlowRun { id } }
    }
    """
    answer = await entities(rest, references("FlowRun", only, only.upper()), twice)
    assert answer.errors is None
    assert answer.data == {"a": [{"id": only}] * 2, "b": [{"id": only}] * 2}
    assert rest.calls == ["POST /flow_runs/filter"]


async def test_an_unknown_id_is_null() -> None:
    known, unknown = ids(2)
    answer = await entities(Recorder({"flow_runs": {known}}), references("FlowRun", unknown, known))
    assert answer.errors is None
    assert [row and row["id"] for row in answer.data["_entities"]] == [None, known]


@pytest.mark.parametrize(
    "bad",
    [
        {"__typename": "FlowRun", "id": "7"},
        {"__typename": "FlowRun", "id": 7},
        {"__typename": "FlowRun", "id": None},
        {"__typename": "FlowRun"},
        {"__typename": "Log", "id": ids(1)[0]},
        {"__typename": "PageInfo", "id": ids(1)[0]},
        {"__typename": "Nothing", "id": ids(1)[0]},
        {"id": ids(1)[0]},
        ids(1)[0],
    ],
)
async def test_a_bad_reference_fails_alone(bad: Any) -> None:
    (known,) = ids(1)
    answer = await entities(Recorder({"flow_runs": {known}}), [bad, *references("FlowRun", known)])
    assert codes(answer) == {0: "BAD_USER_INPUT"}
    assert [row and row["id"] for row in answer.data["_entities"]] == [None, known]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"__typename": "Flow"}, "a Flow must have the fields of a key, as strings: `id` or `name`."),
        ({"__typename": "Flow", "name": 7}, "a Flow must have the fields of a key, as strings: `id` or `name`."),
        ({"__typename": "Flow", "id": 7, "name": "x"}, "the `id` of a Flow must be a string, got 7."),
        (
            {"__typename": "Deployment", "name": "x", "flow": "y"},
            "a Deployment must have the fields of a key, as strings: `id` or `name flow { name }`.",
        ),
        ({"__typename": "Nothing"}, "an item must be an object whose `__typename` is one of Artifact, "),
    ],
)
async def test_a_bad_reference_is_told_what_it_lacks(bad: Any, message: str) -> None:
    (error,) = (await entities(Recorder(), [bad])).errors
    assert f"`representations`: {message}" in error.message


@pytest.mark.parametrize(
    ("name", "collection", "key"), [("Flow", "flows", "name"), ("BlockType", "block_types", "slug")]
)
async def test_rows_are_found_by_name_in_one_call(name: str, collection: str, key: str) -> None:
    rest = Recorder({collection: set(ids(3))})
    values = [rest.row(collection, id_)[key] for id_ in reversed(ids(3))]
    query = NAMES.replace("... on State", "... on BlockType { id } ... on State")
    answer = await entities(rest, [{"__typename": name, key: value} for value in [*values, "none"]], query)
    assert answer.errors is None
    assert [row and row["id"] for row in answer.data["_entities"]] == [*reversed(ids(3)), None]
    assert rest.calls == [f"POST /{collection}/filter"]


async def test_a_row_by_its_id_and_by_its_name() -> None:
    first, second = ids(2)
    rest = Recorder({"flows": {first, second}})
    name = {"__typename": "Flow", "name": f"flows {first}"}
    given = [*references("Flow", first.upper(), second), name, {**name, "id": None}, {**name, "id": second}]
    answer = await entities(rest, given)
    assert answer.errors is None
    assert [row["id"] for row in answer.data["_entities"]] == [first, second, first, first, second]
    assert rest.calls == ["POST /flows/filter"] * 2


LIMITS = """query ($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on ConcurrencyLimit { tag } ... on GlobalConcurrencyLimit { name }
} }"""


@dataclass
class Limits:
    """Has limits of tags "0" to "9", and `/filter` leaves out the last two, as Prefect may; "id" is also read as a name."""

    calls: list[str] = field(default_factory=list)

    async def read(self, method: str, path: str, _body: Row | None = None) -> Any:
        self.calls.append(f"{method} {path}")
        if path.endswith("/filter"):
            return [self.row(str(number)) for number in range(8)]
        last = path.rsplit("/", maxsplit=1)[-1]
        if last == "none":
            raise NotFound("There is none.", status=404)
        return self.row("5" if last == "id" else last)

    def row(self, name: str) -> Row:
        return {"id": ids(1)[0], "name": name, "tag": name, "limit": 1, "concurrency_limit": 1}


@pytest.mark.parametrize(
    ("name", "key", "path", "calls"),
    [
        ("ConcurrencyLimit", "tag", "/concurrency_limits/tag", ["8", "9", "none"]),
        ("GlobalConcurrencyLimit", "name", "/v2/concurrency_limits", []),
    ],
)
async def test_limits_of_many_names_are_looked_for_in_a_page(name: str, key: str, path: str, calls: list[str]) -> None:
    rest = Limits()
    asked = ["7", "none", "0", "3", "7", *(["8", "9"] if calls else [])]
    answer = await SCHEMA.execute(
        LIMITS, {"representations": [{"__typename": name, key: each} for each in asked]}, Context(JsonRows(rest))
    )
    assert answer.errors is None
    assert answer.data
    assert [row and row[key] for row in answer.data["_entities"]] == [None if one == "none" else one for one in asked]
    page = "/concurrency_limits/filter" if calls else "/v2/concurrency_limits/filter"
    assert rest.calls == [f"POST {page}", *(f"GET {path}/{each}" for each in calls)]


@pytest.mark.parametrize(("asked", "found"), [("5", {"name": "5"}), ("none", None), ("id", None)])
async def test_a_limit_of_one_name_is_read_by_it(asked: str, found: Row | None) -> None:
    rest = Limits()
    given = {"representations": [{"__typename": "GlobalConcurrencyLimit", "name": asked}]}
    answer = await SCHEMA.execute(LIMITS, given, Context(JsonRows(rest)))
    assert answer.errors is None
    assert answer.data == {"_entities": [found]}
    assert rest.calls == [f"GET /v2/concurrency_limits/{asked}"]


async def test_what_else_a_representation_has_is_ignored() -> None:
    (known,) = ids(1)
    reference = {"__typename": "FlowRun", "id": known, "info": 1, "self": 2, "name": "another"}
    answer = await entities(Recorder({"flow_runs": {known}}), [reference])
    assert answer.errors is None
    assert answer.data["_entities"][0]["name"] == f"flow_runs {known}"


async def test_a_type_that_fails_fails_alone() -> None:
    (known,) = ids(1)
    rest = Recorder({"flow_runs": {known}})
    answer = await entities(rest, references("Flow", known) + references("FlowRun", known))
    assert codes(answer) == {0: "FORBIDDEN"}
    assert answer.data["_entities"][1]["id"] == known


async def test_states_are_asked_from_both_collections() -> None:
    of_flow_run, of_task_run, unknown = ids(3)
    rest = Recorder({"flow_run_states": {of_flow_run}, "task_run_states": {of_task_run}})
    answer = await entities(rest, references("State", of_flow_run, of_task_run, unknown))
    assert answer.errors is None
    assert [row and row["stateName"] for row in answer.data["_entities"]] == [
        f"flow_run_states {of_flow_run}",
        f"task_run_states {of_task_run}",
        None,
    ]
    assert sorted(rest.calls) == [
        f"GET /{collection}_run_states/{id_}" for collection in ("flow", "task") for id_ in ids(3)
    ]


@pytest.mark.parametrize("literal", [True, False])
async def test_entities_count_as_rows(literal: bool) -> None:
    upstream = toy.upstream()
    items = ", ".join(f'{{__typename: "FlowRun", id: "{id_}"}}' for id_ in ids(4))
    declared, given = ("", f"[{items}]") if literal else ("($given: [_Any!]!)", "$given")
    query = f"query {declared} {{ _entities(representations: {given}) {{ ... on FlowRun {{ taskRuns(first: 5) {{ nodes {{ id }} }} }} }} }}"
    execution = Execution(SCHEMA, upstream, Settings(max_rows=23), Context)
    answer = await execution.run(
        GraphQLRequest(query, deadline=1e9, variables={} if literal else {"given": references("FlowRun", *ids(4))})
    )
    assert [error["message"] for error in answer.errors] == [
        "The query's rows are 24, more than 23 (PREFECT_GRAPHQL_MAX_ROWS)."
    ]
    assert upstream.calls == []


@pytest.mark.parametrize("number", [1, 1_050])
async def test_a_router_may_ask_for_more_entities_than_lists_may_have_items(number: int) -> None:
    rest = Recorder({"flow_runs": set(ids(number)[1:]), "flows": set(ids(1))})
    variables = {"representations": [*references("FlowRun", *ids(number)), *references("Flow", *ids(2), "7")]}
    made = execution(Wire(rest), BASE.model_copy(update={"max_list": 2}), compiled=True)
    for _ in range(2):
        rest.calls.clear()
        answer = await made.run(GraphQLRequest(NAMES, FAR, variables))
        assert [(error["path"], error["extensions"]["code"]) for error in answer.errors] == [
            (["_entities", number + 2], "BAD_USER_INPUT")
        ]
        rows = [row and row["id"] for row in data(answer)["_entities"]]
        assert rows == [None, *ids(number)[1:], *ids(1), None, None]
        calls = ["POST /flow_runs/filter"] * -(-number // 200)
        assert sorted(rest.calls) == [*calls, "POST /flows/filter"]
    assert made.plans
    assert made.plans.counts == {"interpreted": 1, "replayed": 1}  # it has an error that graphql-core places


async def test_entities_are_answered_by_a_plan() -> None:
    rest = Recorder({"flow_runs": set(ids(3)), "flows": set(ids(1))})
    named = {"__typename": "Flow", "name": f"flows {ids(1)[0]}"}
    variables = {"representations": [*references("FlowRun", *ids(4)), named]}
    made = execution(Wire(rest), BASE, compiled=True)
    first, second = [await made.run(GraphQLRequest(NAMES, FAR, variables)) for _ in range(2)]
    assert first.content() == second.content()
    assert data(second)["_entities"][2:] == [
        {"__typename": "FlowRun", "id": ids(3)[2], "name": f"flow_runs {ids(3)[2]}"},
        None,
        {"__typename": "Flow", "id": ids(1)[0], "flowName": f"flows {ids(1)[0]}"},
    ]
    assert made.plans
    assert made.plans.counts == {"interpreted": 1, "compiled": 1}
    assert sorted(rest.calls) == ["POST /flow_runs/filter"] * 2 + ["POST /flows/filter"] * 2
