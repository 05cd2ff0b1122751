"""Answers in parts: what fails, what is cut, what is refused, and what is left when nobody takes them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import strawberry

from gateway.execution import Answer, Execution, GraphQLRequest, Parts
from gateway.execution.documents import Documents, Invalid
from gateway.http.multipart import Pending
from gateway.settings import Settings
from schema.build import build
from tests.gateway import toy

MUTATION = 'mutation { createFlow(input: {name: "ab"}) { id ... @defer { flows { nodes { name } } } } }'


@strawberry.type
class Query:
    @strawberry.field
    def numbers(self, bad: int = -1) -> list[int]:
        return [TypeError("the password is swordfish") if n == bad else n for n in range(250)]  # type: ignore[misc]

    @strawberry.field
    async def told(self) -> list[int]:
        async def numbers() -> AsyncIterator[int]:
            for number in range(3):
                yield number

        return numbers()  # type: ignore[return-value]


async def begun(query: str, upstream: toy.Upstream | None = None, schema: Any = toy.SCHEMA) -> Answer | Parts:
    execution = Execution(schema, upstream or toy.upstream(), Settings(), lambda session: {"rest": session})
    return await execution.run_in_parts(GraphQLRequest(query, deadline=1e9))


async def parts(query: str, schema: Any = toy.SCHEMA) -> tuple[list[Any], list[Any]]:
    """Return the parts in graphql-core's format, and in that of 2022."""
    answer = await begun(query, schema=schema)
    assert isinstance(answer, Parts)
    got = [part async for part in answer]
    await answer.aclose()
    pending = Pending(answer.starts)
    return got, [part for each in got if (part := pending.of_2022(each))]


@pytest.fixture
def numbers() -> strawberry.Schema:
    return strawberry.Schema(Query, config=toy.CONFIG)


async def test_a_mutation_defers_what_it_reads() -> None:
    got, old = await parts(MUTATION)
    assert got[0]["data"] == {"createFlow": {"id": "1"}}
    deferred = {"data": {"flows": {"nodes": [{"name": "one"}]}}}
    assert got[1]["incremental"] == [{**deferred, "id": "0"}]
    assert old[1] == {"hasNext": False, "incremental": [{**deferred, "path": ["createFlow"]}]}


async def test_a_long_list_comes_in_pieces(numbers: strawberry.Schema) -> None:
    got, old = await parts("{ numbers @stream(initialCount: 20) }", numbers)
    assert got[0]["data"]["numbers"] == list(range(20))
    pieces = [payload for part in old for payload in part.get("incremental", ())]
    assert [(piece["path"], len(piece["items"])) for piece in pieces] == [
        (["numbers", 20], 100),
        (["numbers", 120], 100),
        (["numbers", 220], 30),
    ]
    assert [number for piece in pieces for number in piece["items"]] == list(range(20, 250))


async def test_an_item_that_cannot_be_null_ends_its_list(numbers: strawberry.Schema) -> None:
    got, old = await parts('{ numbers(bad: 30) @stream(initialCount: 20, label: "s") }', numbers)
    [failed] = [completed for part in got for completed in part.get("completed", ())]
    assert [(error["path"], error["extensions"]["code"]) for error in failed["errors"]] == [
        (["numbers", 30], "INTERNAL")
    ]
    given = [payload for part in old for payload in part.get("incremental", ())]
    assert given[0]["items"] == list(range(20, 30))
    assert given[1] == {"items": None, "path": ["numbers", 30], "label": "s", "errors": failed["errors"]}
    assert [part["hasNext"] for part in old] == [True] * (len(old) - 1) + [False]


async def test_an_item_that_may_be_null_is_an_error_of_its_part() -> None:
    got, _ = await parts("{ returned @stream { name } }")
    [piece] = got[1]["incremental"]
    assert piece["items"] == [{"name": "one"}, None, None]
    assert [(error["path"], error["extensions"]["code"]) for error in piece["errors"]] == [
        (["returned", 1], "INTERNAL"),
        (["returned", 2], "FORBIDDEN"),
    ]
    assert "swordfish" not in str(got)


async def test_a_list_that_comes_by_itself_is_not_streamed(numbers: strawberry.Schema) -> None:
    answer = await begun("{ told @stream }", schema=numbers)
    assert isinstance(answer, Answer)
    assert answer.body() == {"data": {"told": [0, 1, 2]}}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ flows { nodes @stream(initialCount: -1) { name } } }", "initialCount"),
        ('{ flows { ... @defer(label: "a") { totalCount } nodes @stream(label: "a") { name } } }', "label"),
        ('mutation { ... @defer { createFlow(input: {name: "ab"}) { id } } }', "root"),
        ("{ echo @stream }", "list"),
    ],
)
async def test_what_cannot_be_deferred_is_refused(query: str, words: str) -> None:
    answer = await begun(query)
    assert isinstance(answer, Answer)
    assert words in answer.errors[0]["message"]
    assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_subscriptions_defer_nothing() -> None:
    query = "subscription { flowRunUpdated { ... @defer { id } } }"
    with pytest.raises(Invalid) as refused:
        Documents(build(), Settings()).get(query)
    assert any("not supported on subscription operations" in error.message for error in refused.value.errors)


@pytest.mark.parametrize("taken", [0, 1])
async def test_parts_that_nobody_takes_are_ended(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    closed: list[toy.Session] = []
    monkeypatch.setattr(toy.Session, "close", lambda session: closed.append(session))  # noqa: PLW0108  a method
    upstream = toy.upstream()
    before = asyncio.all_tasks()
    answer = await begun("{ returned @stream { name flows { nodes { id } } } flow { ... @defer { name } } }", upstream)
    assert isinstance(answer, Parts)
    for _ in range(taken):
        await anext(answer)
    assert closed == []
    await answer.aclose()
    assert closed == upstream.sessions
    assert asyncio.all_tasks() == before


async def test_a_mutation_whose_client_left_ends_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = asyncio.Event()
    monkeypatch.setattr(toy.Session, "close", lambda _session: closed.set())
    upstream = toy.Upstream()
    work = asyncio.create_task(begun(MUTATION, upstream))
    await upstream.called.wait()
    work.cancel()
    await asyncio.wait([work])
    upstream.gate.set()
    assert await upstream.ended.get() == "answered"
    await asyncio.wait_for(closed.wait(), timeout=5)
    assert [call["path"] for call in upstream.calls] == ["/flows/"]
