"""Identical queries in flight are one execution: of the same caller, in the same second, never across a write."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.settings import Settings
from gateway.upstream import Upstream
from gateway.upstream.transport import Reply
from resolvers.context import Context
from resolvers.rows import JsonRows
from schema.build import build

SCHEMA = build()
QUERY = "query Q($n: Int = 2) { flows(first: $n) { nodes { name } } }"


class Counting:
    """A transport that answers once it may: flows are named after the number of calls before, and of writes."""

    ends_cancelled = True

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.calls = 0
        self.writes = 0

    async def send(self, _method: str, path: str, _body: bytes | None, _headers: Mapping[str, str]) -> Reply:
        self.calls += 1
        if path == "/flows/":
            self.writes += 1
            return 201, {}, orjson.dumps(flow("new"))
        name = f"{self.calls} after {self.writes}"
        await self.go.wait()
        return 200, {}, orjson.dumps([flow(name)])

    async def aclose(self) -> None:
        pass


def flow(name: str) -> dict[str, Any]:
    return {"id": "00000000-0000-0000-0000-000000000001", "name": name, "created": None, "updated": None}


def gateway() -> tuple[Counting, Execution]:
    transport = Counting()
    settings = Settings(upstream=None)
    return transport, Execution(SCHEMA, Upstream(transport, settings), settings, lambda rest: Context(JsonRows(rest)))


def request(query: str = QUERY, **given: Any) -> GraphQLRequest:
    return GraphQLRequest(query, given.pop("deadline", asyncio.get_running_loop().time() // 1 + 30), **given)


def begun(execution: Execution, asked: GraphQLRequest) -> "asyncio.Task[Answer]":
    return asyncio.create_task(execution.run(asked))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def names(answer: Answer) -> list[str]:
    return [node["name"] for node in orjson.loads(answer.content())["data"]["flows"]["nodes"]]


async def test_identical_queries_are_one_execution_and_its_bytes_are_written_once() -> None:
    transport, execution = gateway()
    asked = request(authorization="Bearer a", variables={"n": 1})
    work = [begun(execution, asked) for _ in range(5)]
    await settle()
    work.append(begun(execution, asked))
    await settle()
    transport.go.set()
    answers = await asyncio.gather(*work)
    assert transport.calls == 1
    assert {id(answer.content()) for answer in answers} == {id(answers[0].content())}
    await execution.run(asked)
    assert transport.calls == 2, "nothing is kept once it has been answered"


@pytest.mark.parametrize(
    "other",
    [
        {"authorization": "Bearer b"},
        {"authorization": None},
        {"variables": {"n": 2}},
        {"variables": {}},
        {"query": f"{QUERY} "},
        {"operation_name": "Q"},
        {"trace": True},
        {"deadline": 5e9},
    ],
    ids=str,
)
async def test_what_differs_is_not_shared(other: dict[str, Any]) -> None:
    transport, execution = gateway()
    same = {"authorization": "Bearer a", "variables": {"n": 1}, "deadline": 4e9}
    work = [begun(execution, request(**same)), begun(execution, request(**{**same, **other}))]
    await settle()
    transport.go.set()
    first, second = await asyncio.gather(*work)
    assert first is not second


async def test_a_query_after_a_write_does_not_join_one_from_before() -> None:
    transport, execution = gateway()
    before = begun(execution, request())
    await settle()
    mutation = request('mutation { createFlow(input: {name: "new"}) { id } }')
    assert not (await execution.run(mutation)).errors
    after = begun(execution, request())
    await settle()
    transport.go.set()
    assert names(await before) == ["1 after 0"]
    assert names(await after) == ["3 after 1"]


async def test_who_leaves_leaves_the_execution_to_the_others() -> None:
    transport, execution = gateway()
    first, second = (begun(execution, request()) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    transport.go.set()
    assert names(await second) == ["1 after 0"]
    assert transport.calls == 1


async def test_the_last_who_leaves_ends_it() -> None:
    transport, execution = gateway()
    work = [begun(execution, request()) for _ in range(2)]
    await settle()
    for each in work:
        each.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    transport.go.set()
    await settle()
    assert names(await execution.run(request())) == ["2 after 0"]


@pytest.mark.parametrize("value", ["\ud800", 2**70], ids=["half a surrogate pair", "a number beyond 64 bits"])
async def test_variables_that_json_cannot_hold_are_answered(value: Any) -> None:
    transport, execution = gateway()
    transport.go.set()
    assert names(await execution.run(request(variables={"unused": value}))) == ["1 after 0"]
