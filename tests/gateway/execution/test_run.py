"""What comes out of an operation: data, and errors that all have a code."""

import asyncio
import logging
from typing import Any

import pytest

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.settings import Settings
from tests.gateway import toy


async def run(query: str, upstream: toy.Upstream | None = None, **request: Any) -> Answer:
    return await toy.execution(upstream or toy.upstream()).run(GraphQLRequest(query, **{"deadline": 1e9, **request}))


def codes(answer: Answer) -> list[str]:
    return [error["extensions"]["code"] for error in answer.errors]


async def test_data_in_the_order_of_the_query() -> None:
    answer = await run("{ b: echo ...f a: echo } fragment f on Query { flow { name id } b: echo }")
    assert answer.body() == {"data": {"b": "", "flow": {"name": "one", "id": "1"}, "a": ""}}
    assert list(answer.body()["data"]) == ["b", "flow", "a"]
    assert list(answer.body()["data"]["flow"]) == ["name", "id"]


async def test_the_session_is_of_the_caller() -> None:
    upstream = toy.upstream()
    await run("{ flow { id } }", upstream, authorization="Bearer x", deadline=77.0, trace=True)
    [session] = upstream.sessions
    assert (session.authorization, session.deadline, session.trace) == ("Bearer x", 77.0, True)


async def test_a_trace_is_given_even_when_empty() -> None:
    assert (await run("{ echo }", trace=True)).body() == {"data": {"echo": ""}, "extensions": {"upstream": []}}


@pytest.mark.parametrize(
    ("query", "variables", "words"),
    [
        ("{", {}, "Syntax Error"),
        ("{ nope }", {}, "'nope'"),
        ('{ echo(number: "x") }', {}, "Int cannot represent"),
        ("query ($n: Int!) { echo(number: $n) }", {}, "'$n'"),
        ("query ($n: Int!) { echo(number: $n) }", {"n": "x"}, "'$n'"),
        ("query ($f: AnyOf) { flows(filter: $f) { totalCount } }", {"f": {"any": [1]}}, "at .any[0]"),
        ("query ($f: AnyOf) { flows(filter: $f) { totalCount } }", {"f": {"nope": 1}}, "'nope'"),
        ("query A { echo } query B { echo }", {}, "operationName"),
    ],
)
async def test_requests_that_the_client_must_mend(query: str, variables: dict[str, Any], words: str) -> None:
    answer = await run(query, variables=variables)
    assert codes(answer)[0] == "BAD_USER_INPUT"
    assert words in answer.errors[0]["message"]
    assert (answer.executed, answer.status, answer.well_formed) == (False, 400, True)
    assert "data" not in answer.body()


async def test_an_argument_that_fails_in_execution() -> None:
    answer = await run("query ($n: Int = 3) { echo(number: $n) }", variables={"n": None})
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert "'number'" in answer.errors[0]["message"]
    assert answer.body()["data"] is None


async def test_pydantic_names_the_field() -> None:
    answer = await run('mutation { createFlow(input: {name: "a"}) { id } }')
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert answer.errors[0]["message"] == "Invalid input: input.name: String should have at least 2 characters"
    assert answer.errors[0]["extensions"]["validationErrors"][0]["location"] == ["input", "name"]


async def test_errors_of_the_tree_keep_their_code_and_place() -> None:
    [error] = (await run("{ a: forbidden }")).errors
    assert error == {
        "message": "Not for you.",
        "locations": [{"line": 1, "column": 3}],
        "path": ["a"],
        "extensions": {"code": "FORBIDDEN", "upstream": {"status": 403, "method": "POST", "path": "/flows/filter"}},
    }


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"count": 2**40}, "count", "32-bit"),
        ({"count": "many"}, "count", "Int cannot represent"),
        ({"color": "BLUE"}, "color", "BLUE"),
        ({"name": None}, "name", "Cannot return null for non-nullable field Flow.name."),
        ({"name": {}}, "name", "String cannot represent"),
    ],
)
async def test_a_bad_value_is_the_upstreams(row: dict[str, Any], field: str, words: str) -> None:
    upstream = toy.upstream()
    upstream.rows["/flows/filter"] = [{"id": "1", "name": "one"} | row, {"id": "2", "name": "two"}]
    answer = await run(f"{{ flows {{ nodes {{ id {field} }} }} }}", upstream)
    assert codes(answer) == ["UPSTREAM_ERROR"]
    assert words in answer.errors[0]["message"]
    assert answer.errors[0]["path"] == ["flows", "nodes", 0, field]
    assert answer.data is not None
    first, second = answer.data["flows"]["nodes"]
    assert first == (None if field == "name" else {"id": "1", field: None})
    assert second["id"] == "2"


async def test_exceptions_that_a_resolver_returns_are_its_own() -> None:
    answer = await run("{ returned { id } }")
    assert answer.data == {"returned": [{"id": "1"}, None, None]}
    assert codes(answer) == ["INTERNAL", "FORBIDDEN"]
    assert "swordfish" not in str(answer.errors)


async def test_a_list_that_is_none() -> None:
    upstream = toy.upstream()
    upstream.rows["/flows/one"] = [{"id": "1", "name": "one", "tags": 5}]
    answer = await run("{ flow { id tags } }", upstream)
    assert codes(answer) == ["UPSTREAM_ERROR"]
    assert answer.data == {"flow": {"id": "1", "tags": None}}


@pytest.mark.parametrize("field", ["defect", "uncoded"])
async def test_a_defect_is_logged_and_not_told(field: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = await run(f"{{ {field} echo }}")
    assert answer.errors == [
        {
            "message": "Internal error.",
            "locations": [{"line": 1, "column": 3}],
            "path": [field],
            "extensions": {"code": "INTERNAL"},
        }
    ]
    assert answer.data == {field: None, "echo": ""}
    [record] = [record for record in caplog.records if record.name == "gateway"]
    assert record.levelno == logging.ERROR
    assert "swordfish" in caplog.text
    assert "toy.py" in caplog.text


async def test_a_defect_outside_the_fields(caplog: pytest.LogCaptureFixture) -> None:
    def broken(session: Any) -> Any:
        raise RuntimeError("swordfish")

    answer = await Execution(toy.SCHEMA, toy.upstream(), Settings(), broken).run(
        GraphQLRequest("{ echo }", deadline=1e9)
    )
    assert answer.body() == {"errors": [{"message": "Internal error.", "extensions": {"code": "INTERNAL"}}]}
    assert (answer.status, answer.well_formed) == (500, False)
    assert "swordfish" in caplog.text


async def test_messages_are_bounded() -> None:
    answer = await run("query ($f: AnyOf) { flows(filter: $f) { totalCount } }", variables={"f": {"x" * 500_000: 1}})
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert len(answer.errors[0]["message"]) < 3_000


@pytest.mark.parametrize(
    ("query", "end"), [("{ slow }", "cancelled"), ('mutation { createFlow(input: {name: "ab"}) { id } }', "answered")]
)
async def test_cancelling(query: str, end: str) -> None:
    upstream = toy.Upstream()
    task = asyncio.create_task(run(query, upstream))
    await upstream.called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    upstream.gate.set()
    assert await upstream.ended.get() == end


async def test_a_get_only_reads() -> None:
    upstream = toy.upstream()
    answer = await run('mutation { createFlow(input: {name: "ab"}) { id } }', upstream, read_only=True)
    assert (answer.status, answer.well_formed, codes(answer)) == (405, False, ["BAD_USER_INPUT"])
    assert upstream.sessions == []
    assert (await run("{ echo }", upstream, read_only=True)).data == {"echo": ""}
